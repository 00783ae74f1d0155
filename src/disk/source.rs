//! The file that is uploaded, read a second time: each run is compared with what the scan saw, so that a file that changes
//! meanwhile is noticed before anything claims its digest.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use crate::fault::Fault;
use crate::vhd::open::{changed_meanwhile, open_image, read_exact_at};
use crate::vhd::scan::DataRun;
use crate::vhd::{FileIdentity, Scanned};

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
        let source = Self {
            file: Arc::new(open_image(path)?),
            path: path.to_owned(),
            identity: scanned.identity.clone(),
        };
        source.unchanged()?;
        Ok(source)
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
        read_exact_at(&self.file, &self.path, &mut buffer, range.start)?;
        Ok(Bytes::from(buffer))
    }

    /// The error that says so.
    pub fn changed(&self) -> Fault {
        changed_meanwhile(&self.path)
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
