//! The file that is uploaded, read a second time: each run is compared with what the scan saw, so that a file that changes
//! meanwhile is noticed before anything claims its digest.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use crate::fault::{Fault, Kind, Place};
use crate::vhd::Scanned;
use crate::vhd::scan::{DataRun, FileIdentity};

/// An open file that was scanned before.
#[derive(Debug, Clone)]
pub struct Source {
    file: Arc<File>,
    path: Utf8PathBuf,
    identity: FileIdentity,
}

impl Source {
    /// Opens it; another file than the one that was scanned is an error.
    pub fn open(path: &Utf8Path, scanned: &Scanned) -> Result<Self, Fault> {
        let file = File::open(path).map_err(|e| unreadable(path, &e))?;
        let source = Self {
            file: Arc::new(file),
            path: path.to_owned(),
            identity: scanned.identity.clone(),
        };
        source.unchanged()?;
        Ok(source)
    }

    /// Its path.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Is it still what was scanned, as far as that shows without reading?
    pub fn unchanged(&self) -> Result<(), Fault> {
        if FileIdentity::of(&self.path)? == self.identity {
            Ok(())
        } else {
            Err(self.changed())
        }
    }

    /// Reads a run. Content that is not what the scan saw is an error.
    pub async fn read(&self, run: &DataRun) -> Result<Bytes, Fault> {
        let (source, run) = (self.clone(), run.clone());
        blocking(move || {
            let bytes = source.read_now(&run.range())?;
            if crc64(&bytes) == run.crc64 {
                Ok(bytes)
            } else {
                Err(source.changed())
            }
        })
        .await
    }

    /// Is all of a range zero?
    pub async fn is_zero(&self, range: Range<u64>) -> Result<bool, Fault> {
        let source = self.clone();
        blocking(move || Ok(source.read_now(&range)?.iter().all(|byte| *byte == 0))).await
    }

    /// Reads a range, in the calling thread.
    pub fn read_now(&self, range: &Range<u64>) -> Result<Bytes, Fault> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut buffer = vec![0; length];
        match read_exact_at(&self.file, &mut buffer, range.start) {
            Ok(()) => Ok(Bytes::from(buffer)),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(self.changed()),
            Err(e) => Err(unreadable(&self.path, &e)),
        }
    }

    /// The error that says so.
    pub fn changed(&self) -> Fault {
        Fault::new(
            Kind::Invalid,
            format!("{}: the file changed while it was read", self.path),
        )
        .at(Place::file_only(&self.path))
        .hint("stop what writes it, then run the command again: what was sent claims no digest")
    }
}

/// CRC-64/NVME, by which the service checks pages.
pub fn crc64(bytes: &[u8]) -> u64 {
    let mut digest = crc64fast_nvme::Digest::new();
    digest.write(bytes);
    digest.sum64()
}

/// Runs work that waits for a disk where it holds up nobody.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(Fault::bug("reading a file ended in a panic").because(e)))
}

fn unreadable(path: &Utf8Path, error: &io::Error) -> Fault {
    Fault::infrastructure(format!("cannot read {path}"))
        .at(Place::file_only(path))
        .because(error)
        .hint("check that the file is there and may be read")
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = buffer.get_mut(read..).unwrap_or_default();
                offset += read as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
