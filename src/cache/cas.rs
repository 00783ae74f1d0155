//! Content-addressed storage: `cas/<2>/<64>`, verified at every read; and how anything is put into the cache.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::Digest;
use crate::durable::{self, Sync};

/// Where files of the cache are written before they have their name: one folder, so that what killed runs leave is found
/// without a search.
const STAGING: &str = "tmp";

/// Larger contents are not read back: nothing this tool caches comes near.
const MAX_BLOB: u64 = 1 << 30;

/// The content half of the cache.
#[derive(Debug, Clone)]
pub struct Cas {
    cache: Utf8PathBuf,
    root: Utf8PathBuf,
}

/// What reading found.
#[derive(Debug)]
pub(super) enum Read {
    Found(Vec<u8>),
    Absent,
    /// It was there but damaged, and has been removed.
    Damaged,
}

impl Cas {
    pub(super) fn new(cache: &Utf8Path) -> Self {
        Self {
            cache: cache.to_owned(),
            root: cache.join("cas"),
        }
    }

    /// Where a content would be.
    pub fn path(&self, digest: &Digest) -> Utf8PathBuf {
        let hex = digest.hex();
        self.root.join(hex.get(..2).unwrap_or("00")).join(hex)
    }

    /// Is a file of this name and size there? (Reading it verifies the content.)
    pub fn has(&self, digest: &Digest, size: u64) -> bool {
        fs::metadata(self.path(digest)).is_ok_and(|meta| meta.is_file() && meta.len() == size)
    }

    /// Puts bytes in, unless they are there. A file of the right size proves nothing: after a power cut it may be zeros.
    pub fn put(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        let there =
            self.has(&digest, bytes.len() as u64) && fs::read(self.path(&digest)).is_ok_and(|held| held == bytes);
        if !there {
            write(&self.cache, &self.path(&digest), bytes)?;
        }
        Ok(digest)
    }

    /// Reads and verifies; what is damaged is removed and counts as absent.
    pub fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        match self.read(digest) {
            Read::Found(bytes) => Some(bytes),
            Read::Absent | Read::Damaged => None,
        }
    }

    pub(super) fn read(&self, digest: &Digest) -> Read {
        let path = self.path(digest);
        let Ok(meta) = fs::metadata(&path) else {
            return Read::Absent;
        };
        if meta.is_file()
            && meta.len() <= MAX_BLOB
            && let Ok(bytes) = fs::read(&path)
            && Digest::of(&bytes) == *digest
        {
            return Read::Found(bytes);
        }
        let _ = durable::remove_file(&path);
        Read::Damaged
    }
}

/// Writes a file of the cache. The cache is this tool's own: what is in the way there (a folder where a file belongs, or the
/// other way round) is damage, and is cleared away.
pub(super) fn write(cache: &Utf8Path, path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let staging = cache.join(STAGING);
    durable::write_staged(&staging, path, bytes, Sync::No).or_else(|e| {
        let cleared = [path, &staging.join("any")].map(|path| durable::clear_the_way(cache, path));
        if cleared.contains(&true) {
            durable::write_staged(&staging, path, bytes, Sync::No)
        } else {
            Err(e)
        }
    })
}

/// Removes temporary files of killed runs.
pub(super) fn sweep(cache: &Utf8Path) {
    durable::sweep(&cache.join(STAGING), durable::TEMPORARY);
}
