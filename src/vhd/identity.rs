//! What tells one state of a file from another without reading it.

use std::fs::{File, Metadata};
use std::time::UNIX_EPOCH;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::open;
use crate::fault::Fault;

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
    /// That of a named file now. Only regular files have one.
    pub fn of(path: &Utf8Path) -> Result<Self, Fault> {
        open::regular(path).map(|meta| Self::from_metadata(&meta))
    }

    /// That of an open file now. `path` is how errors call it.
    pub fn of_open(file: &File, path: &Utf8Path) -> Result<Self, Fault> {
        file.metadata()
            .map(|meta| Self::from_metadata(&meta))
            .map_err(|error| open::unreadable(path, &error))
    }

    /// That of a file whose facts are at hand.
    pub fn from_metadata(meta: &Metadata) -> Self {
        let modified = meta
            .modified()
            .ok()
            .map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
                Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
                Err(before) => i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |nanos| -nanos),
            });
        #[cfg(unix)]
        let (changed, inode, device) = {
            use std::os::unix::fs::MetadataExt as _;
            (
                i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec()),
                meta.ino(),
                meta.dev(),
            )
        };
        #[cfg(not(unix))]
        let (changed, inode, device) = (0, 0, 0);
        Self {
            length: meta.len(),
            modified,
            changed,
            inode,
            device,
        }
    }
}
