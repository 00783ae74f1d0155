//! Blobs of the store: whether one is whole, and writing one so that it is.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, Read as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use tempfile::NamedTempFile;

use super::files::Files;

use crate::digest::{Digest, FileDigests};
use crate::durable::{self, Sync};
use crate::oci::layout::{Stamp, blob_path};
use crate::oci::{Descriptor, OciError};

/// What the stat table remembers about a blob: the digest that its content was found to have.
const PURPOSE: &str = "layout-blob/1";

/// Longer than a tick of any file system's clock.
const TICK: Duration = Duration::from_millis(25);

/// How many files are synced at a time.
const SYNCS: usize = 4;

/// How a blob was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Whole: its content was hashed, now or before its stat last changed.
    Whole,
    /// Not there.
    Missing,
    /// There, but not what its name says; why, in words.
    Damaged(String),
}

/// The blobs of one store, and what this process knows of them.
pub(super) struct Blobs {
    root: Utf8PathBuf,
    digests: Arc<dyn FileDigests>,
    known: Mutex<HashMap<Digest, Known>>,
    /// Blobs whose bytes were found wrong: their stat says nothing until they are written anew.
    distrusted: Mutex<HashSet<Digest>>,
    /// Blobs that tags of this process rely on and that may not have reached the disk.
    unsynced: Mutex<BTreeSet<Digest>>,
    /// How many bytes of them this process wrote.
    unsynced_bytes: AtomicU64,
    /// When this process last counted on a blob, by [`Self::clock`].
    relied: Mutex<HashMap<Digest, u64>>,
    clock: AtomicU64,
    /// Held, shared, between finding a blob and relying on it; alone while blobs are removed.
    relying: RwLock<()>,
    /// One writer a blob.
    writers: Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>,
}

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    /// Its bytes were read by this process.
    read: bool,
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blobs({})", self.root)
    }
}

impl Blobs {
    pub(super) fn new(root: Utf8PathBuf, digests: Arc<dyn FileDigests>) -> Self {
        Self {
            root,
            digests,
            known: Mutex::default(),
            distrusted: Mutex::default(),
            unsynced: Mutex::default(),
            unsynced_bytes: AtomicU64::new(0),
            relied: Mutex::default(),
            clock: AtomicU64::new(0),
            relying: RwLock::default(),
            writers: Mutex::default(),
        }
    }

    pub(super) fn path(&self, digest: &Digest) -> Utf8PathBuf {
        blob_path(&self.root, digest)
    }

    /// How a blob is; `thorough` reads its bytes even if its stat says that nothing changed.
    pub(super) fn state(&self, blob: &Descriptor, thorough: bool) -> io::Result<State> {
        let path = self.path(&blob.digest);
        let thorough = thorough || self.distrusted().contains(&blob.digest);
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
            Err(e) => return Err(e),
        };
        if !metadata.is_file() {
            return Ok(State::Damaged("is not a file".to_owned()));
        }
        if metadata.len() != blob.size {
            return Ok(State::Damaged(format!(
                "has {} bytes instead of {}",
                metadata.len(),
                blob.size
            )));
        }
        let stamp = Stamp::of(&metadata);
        if self.is_known(&blob.digest, &stamp, thorough) {
            return Ok(State::Whole);
        }
        if !thorough && self.digests.remembered(&path, PURPOSE).as_deref() == Some(blob.digest.as_str()) {
            self.know(&blob.digest, stamp, false);
            return Ok(State::Whole);
        }
        let found = if blob.digest.algorithm() == "sha256" && !thorough {
            // This remembers by itself.
            self.digests.file_digest(&path)?.0
        } else {
            hash(&path, &blob.digest)?
        };
        if found != blob.digest {
            self.distrusted().insert(blob.digest.clone());
            return Ok(State::Damaged(format!("has content with the digest {}", found.short())));
        }
        self.know(&blob.digest, stamp, true);
        Ok(State::Whole)
    }

    /// Gives a temporary file with verified content its name.
    pub(super) fn settle(&self, files: &Files, temporary: NamedTempFile, digest: &Digest) -> Result<(), OciError> {
        let path = self.path(digest);
        let settle = || {
            if let Some(folder) = path.parent() {
                durable::create_dir_all(folder)?;
            }
            durable::persist(temporary, &path, Sync::No)?;
            std::fs::metadata(&path)
        };
        let metadata = settle().map_err(|e| files.failed("write store", &e))?;
        self.distrusted().remove(digest);
        self.know(digest, Stamp::of(&metadata), true);
        self.rely_on(digest);
        self.unsynced_bytes.fetch_add(metadata.len(), Ordering::Relaxed);
        Ok(())
    }

    /// A tag will need this blob: it must be synced before. Also for one found there, as the run that wrote it may
    /// have been killed before its sync.
    pub(super) fn rely_on(&self, digest: &Digest) {
        self.relied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest.clone(), self.tick());
        self.unsynced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest.clone());
    }

    /// To be held from finding a blob to relying on it.
    pub(super) fn relying(&self) -> RwLockReadGuard<'_, ()> {
        self.relying.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be held while blobs are removed.
    pub(super) fn collecting(&self) -> RwLockWriteGuard<'_, ()> {
        self.relying.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next moment.
    pub(super) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Did somebody in this process count on a blob after this moment? Perhaps for something that has no name yet.
    pub(super) fn is_relied_on_since(&self, digest: &Digest, moment: u64) -> bool {
        let relied = self.relied.lock().unwrap_or_else(PoisonError::into_inner);
        relied.get(digest).is_some_and(|last| *last > moment)
    }

    /// Bytes written since the last sync.
    pub(super) fn unsynced_bytes(&self) -> u64 {
        self.unsynced_bytes.load(Ordering::Relaxed)
    }

    /// The lock of a blob's writer.
    pub(super) fn writer(&self, digest: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writers.get(digest).and_then(Weak::upgrade) {
            return writer;
        }
        writers.retain(|_, writer| writer.strong_count() > 0);
        let writer = Arc::new(tokio::sync::Mutex::new(()));
        writers.insert(digest.clone(), Arc::downgrade(&writer));
        writer
    }

    /// Brings everything relied on to the disk, names included. On failure all of it stays to be synced.
    pub(super) fn sync(&self, files: &Files) -> Result<(), OciError> {
        // Taken out before, so that what is written anew meanwhile counts as unsynced again.
        self.unsynced_bytes.store(0, Ordering::Relaxed);
        let taken = std::mem::take(&mut *self.unsynced.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() {
            return Ok(());
        }
        let taken_at = Instant::now();
        let digests: Vec<&Digest> = taken.iter().collect();
        let result = self.sync_files(&digests).and_then(|()| self.sync_folders(&digests));
        if let Err(e) = result {
            self.unsynced
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(taken);
            return Err(files.failed("sync store", &e));
        }
        // A stat that is still of the clock's current tick shows no later change: the table would not keep it.
        std::thread::sleep(TICK.saturating_sub(taken_at.elapsed()));
        for digest in digests {
            self.remember(digest);
        }
        Ok(())
    }

    /// Tells the stat table of a blob that this process knows, so that the next run need not hash it.
    fn remember(&self, digest: &Digest) {
        let path = self.path(digest);
        let Ok(metadata) = std::fs::metadata(&path) else { return };
        if self.is_known(digest, &Stamp::of(&metadata), false) {
            self.digests.remember(&path, PURPOSE, digest.as_str());
        }
    }

    /// Several at a time: a file system then commits them together.
    fn sync_files(&self, digests: &[&Digest]) -> io::Result<()> {
        let share = digests.len().div_ceil(SYNCS).max(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = digests
                .chunks(share)
                .map(|part| {
                    scope.spawn(|| {
                        part.iter()
                            .try_for_each(|digest| durable::sync_file(&self.path(digest)))
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a sync thread died")))
            })
        })
    }

    fn sync_folders(&self, digests: &[&Digest]) -> io::Result<()> {
        let algorithms: BTreeSet<&str> = digests.iter().map(|digest| digest.algorithm()).collect();
        let blobs = self.root.join("blobs");
        for algorithm in algorithms {
            durable::sync_dir(&blobs.join(algorithm))?;
        }
        durable::sync_dir(&blobs)?;
        durable::sync_dir(&self.root)?;
        // The store's own name as well: the run that made the folder may have been killed before it was synced. Not
        // everybody may read the folder above; then the name is the business of whoever made it.
        if let Some(above) = self.root.parent() {
            let _ = durable::sync_dir(above);
        }
        Ok(())
    }

    fn distrusted(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.distrusted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_known(&self, digest: &Digest, stamp: &Stamp, thorough: bool) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(digest)
            .is_some_and(|known| known.stamp == *stamp && (known.read || !thorough))
    }

    fn know(&self, digest: &Digest, stamp: Stamp, read: bool) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest.clone(), Known { stamp, read });
    }
}

fn hash(path: &Utf8PathBuf, digest: &Digest) -> io::Result<Digest> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = digest.verifier();
    let mut buffer = vec![0_u8; 128 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(n) => hasher.update(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
