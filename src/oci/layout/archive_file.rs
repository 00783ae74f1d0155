//! A tar on disk, plain or gzip: walked once, and read from at offsets.
//!
//! A gzip stream cannot seek: reading at an offset unpacks everything before it again, in bounded memory and
//! without a temporary file. An image of n layers in a `.tar.gz` therefore costs about n/2 times its unpacked
//! size in processor time; a plain `.tar` costs nothing extra.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};

use camino::{Utf8Path, Utf8PathBuf};
use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::pieces::Pieces;
use super::tar_scan::{Input, Member, ScanError, scan};
use crate::oci::{ErrorKind, OciError};

const BUFFER: usize = 256 * 1024;

/// A stretch of the (uncompressed) tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Extent {
    /// Where it begins, in bytes.
    pub(crate) offset: u64,
    /// How long it is, in bytes.
    pub(crate) size: u64,
}

/// A tar or tar.gz.
#[derive(Debug, Clone)]
pub(crate) struct ArchiveFile {
    path: Utf8PathBuf,
    gzip: bool,
}

struct Plain {
    file: BufReader<File>,
    left: u64,
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

impl Input for Plain {
    fn pass(&mut self, count: u64) -> io::Result<()> {
        // Seeking past the end of a file succeeds: the length has to be watched here.
        let Some(left) = self.left.checked_sub(count) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let distance = i64::try_from(count).map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        self.file.seek_relative(distance)?;
        self.left = left;
        Ok(())
    }
}

struct Gzip(BufReader<MultiGzDecoder<BufReader<File>>>);

impl Read for Gzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Input for Gzip {
    fn pass(&mut self, count: u64) -> io::Result<()> {
        let passed = io::copy(&mut (&mut self.0).take(count), &mut io::sink())?;
        if passed == count {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl ArchiveFile {
    /// Looks at the first bytes to tell plain from gzip.
    pub(crate) fn open(path: &Utf8Path) -> Result<Self, OciError> {
        let error = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => OciError::new(
                ErrorKind::Unreachable,
                "open archive",
                path.as_str(),
                "there is no such file",
            )
            .hint("check the path of this source"),
            _ => OciError::new(ErrorKind::Disk, "open archive", path.as_str(), e.to_string()),
        };
        if !std::fs::metadata(path).map_err(error)?.is_file() {
            let found = OciError::new(ErrorKind::Protocol, "open archive", path.as_str(), "it is not a file");
            return Err(found.hint("a tar is needed; for a folder, use kind = \"oci-layout\""));
        }
        let mut magic = Vec::new();
        File::open(path)
            .and_then(|file| file.take(6).read_to_end(&mut magic))
            .map_err(error)?;
        let other = match magic.as_slice() {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
            [b'B', b'Z', b'h', ..] => Some("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("xz"),
            _ => None,
        };
        if let Some(name) = other {
            let detail = format!("it is compressed with {name}, which is not read");
            return Err(
                OciError::new(ErrorKind::Protocol, "open archive", path.as_str(), detail)
                    .hint("unpack it to a plain .tar"),
            );
        }
        Ok(Self {
            path: path.to_owned(),
            gzip: magic.starts_with(&[0x1f, 0x8b]),
        })
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Walks all members; see [`scan`].
    pub(crate) fn scan(
        &self,
        visit: &mut dyn FnMut(&Member, &mut dyn Read) -> Result<(), ScanError>,
    ) -> Result<(), OciError> {
        let file = File::open(&self.path).map_err(|e| self.failed(&e))?;
        let result = if self.gzip {
            scan(&mut Gzip(BufReader::with_capacity(BUFFER, unzip(file))), visit)
        } else {
            let left = file.metadata().map_err(|e| self.failed(&e))?.len();
            scan(
                &mut Plain {
                    file: BufReader::with_capacity(BUFFER, file),
                    left,
                },
                visit,
            )
        };
        result.map_err(|e| match e {
            // The whole is of no use then, not one image in it.
            ScanError::Io(e) => {
                let failed = self.failed(&e);
                let kind = if failed.kind == ErrorKind::Corrupt {
                    ErrorKind::Protocol
                } else {
                    failed.kind
                };
                OciError { kind, ..failed }
            }
            ScanError::Bad(detail) => self.error(ErrorKind::Protocol, detail),
        })
    }

    /// The bytes of an extent from `from` on.
    pub(crate) fn pieces(&self, extent: Extent, from: u64, subject: String) -> Result<Pieces, OciError> {
        let mut file = File::open(&self.path).map_err(|e| self.failed(&e))?;
        let from = from.min(extent.size);
        let start = extent.offset.saturating_add(from);
        let left = extent.size - from;
        if self.gzip {
            return Ok(Pieces::new(Box::new(unzip(file)), start, left, subject));
        }
        file.seek(SeekFrom::Start(start)).map_err(|e| self.failed(&e))?;
        Ok(Pieces::new(Box::new(file), 0, left, subject))
    }

    /// Several small extents, in one pass where the archive cannot seek.
    pub(crate) fn read_small<K: Ord + Clone>(
        &self,
        wanted: &BTreeMap<K, Extent>,
        limit: u64,
    ) -> Result<BTreeMap<K, Vec<u8>>, OciError> {
        let mut sorted: Vec<(&K, Extent)> = wanted.iter().map(|(k, e)| (k, *e)).collect();
        sorted.sort_by_key(|(_, extent)| extent.offset);
        let mut read = BTreeMap::new();
        let file = File::open(&self.path).map_err(|e| self.failed(&e))?;
        let mut input: Box<dyn Input> = if self.gzip {
            Box::new(Gzip(BufReader::with_capacity(BUFFER, unzip(file))))
        } else {
            let left = file.metadata().map_err(|e| self.failed(&e))?.len();
            Box::new(Plain {
                file: BufReader::new(file),
                left,
            })
        };
        let mut position = 0_u64;
        for (key, extent) in sorted {
            if extent.size > limit || extent.offset < position {
                continue;
            }
            input.pass(extent.offset - position).map_err(|e| self.failed(&e))?;
            let mut bytes = Vec::new();
            Read::take(&mut *input, extent.size)
                .read_to_end(&mut bytes)
                .map_err(|e| self.failed(&e))?;
            position = extent.offset + bytes.len() as u64;
            read.insert(key.clone(), bytes);
        }
        Ok(read)
    }

    /// An error about this archive.
    pub(crate) fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> OciError {
        OciError::new(kind, "read archive", self.path.as_str(), detail)
    }

    fn failed(&self, error: &io::Error) -> OciError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.error(ErrorKind::Corrupt, "it ends too early"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                self.error(ErrorKind::Corrupt, error.to_string())
            }
            _ => self.error(ErrorKind::Disk, error.to_string()),
        }
    }
}

fn unzip(file: File) -> MultiGzDecoder<BufReader<File>> {
    MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file))
}
