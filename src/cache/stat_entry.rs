//! One row of the stat table, and its line in the file.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::time::UNIX_EPOCH;

use crate::digest::Digest;

/// What identifies an unchanged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub size: u64,
    pub mtime: i128,
    pub ctime: i128,
    pub inode: u64,
}

impl Stat {
    pub fn of(meta: &Metadata) -> Self {
        let mtime = meta
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |d| i128::try_from(d.as_nanos()).unwrap_or(0));
        #[cfg(unix)]
        let (ctime, inode) = {
            use std::os::unix::fs::MetadataExt as _;
            (
                i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec()),
                meta.ino(),
            )
        };
        // Elsewhere the modification time alone must do.
        #[cfg(not(unix))]
        let (ctime, inode) = (0, 0);
        Self {
            size: meta.len(),
            mtime,
            ctime,
            inode,
        }
    }

    /// The younger of the two times, nanoseconds since the epoch.
    pub fn newest(&self) -> i128 {
        self.mtime.max(self.ctime)
    }
}

/// A file's stat, its digest, and small texts derived from its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub stat: Stat,
    pub digest: Option<Digest>,
    pub derived: BTreeMap<String, String>,
}

impl Entry {
    /// One JSON line: an array, to keep the file small.
    pub fn line(&self, path: &str) -> String {
        serde_json::json!([
            path,
            self.stat.size,
            self.stat.mtime.to_string(),
            self.stat.ctime.to_string(),
            self.stat.inode,
            self.digest.as_ref().map(Digest::as_str),
            self.derived,
        ])
        .to_string()
    }

    pub fn parse(line: &str) -> Option<(String, Self)> {
        type Row = (
            String,
            u64,
            String,
            String,
            u64,
            Option<Digest>,
            BTreeMap<String, String>,
        );
        let (path, size, mtime, ctime, inode, digest, derived): Row = serde_json::from_str(line).ok()?;
        let stat = Stat {
            size,
            mtime: mtime.parse().ok()?,
            ctime: ctime.parse().ok()?,
            inode,
        };
        Some((path, Self { stat, digest, derived }))
    }
}
