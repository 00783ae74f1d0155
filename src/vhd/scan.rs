//! One pass over a disk image: where its data is, and its content digest.

use std::ops::Range;
use std::sync::Arc;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::ContentDigest;
use crate::fault::Fault;

/// What a pass over a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// Bytes of the file.
    pub length: u64,
    /// Digest of its content.
    pub digest: ContentDigest,
    /// Runs that hold data: multiples of 512, sorted, disjoint, none over a piece's end; the last 512 bytes are always in one.
    pub data: Vec<DataRun>,
    /// What the file was when it was read: whoever reads it again compares.
    pub identity: FileIdentity,
}

/// A run of bytes that are not all zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRun {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// CRC-64/NVME of the run: the service checks it, and so does whoever reads the file again.
    pub crc64: u64,
}

impl DataRun {
    /// Its bytes.
    pub fn range(&self) -> Range<u64> {
        self.start..self.end
    }
}

impl Scanned {
    /// Bytes that are not zero, by runs: what has to be sent.
    pub fn data_bytes(&self) -> u64 {
        self.data.iter().map(|run| run.end - run.start).sum()
    }
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Bytes.
    pub length: u64,
    /// Modified, nanoseconds since the epoch.
    pub modified: i128,
    /// Changed (Unix), nanoseconds since the epoch; else 0.
    pub changed: i128,
    /// Inode (Unix); else 0.
    pub inode: u64,
    /// Device (Unix); else 0.
    pub device: u64,
}

impl FileIdentity {
    /// That of an open or named file now.
    pub fn of(_path: &Utf8Path) -> Result<Self, Fault> {
        Err(Fault::bug("not built yet"))
    }
}

/// Told while a file is read: bytes looked at so far (holes included) and in all.
pub type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// Reads a file once: holes by the system's word where it has one, zeros by looking at 64 KiB at a time elsewhere. In parallel,
/// in bounded memory. A file that changes meanwhile is an error.
pub async fn scan(_path: &Utf8Path, _progress: Progress, _cancel: &CancellationToken) -> Result<Scanned, Fault> {
    Err(Fault::bug("not built yet"))
}
