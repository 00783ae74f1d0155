//! The temporary file beside the target: opened again where an earlier run left it, renamed at the end.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use camino::{Utf8Path, Utf8PathBuf};
use md5::{Digest as _, Md5};
use tempfile::{NamedTempFile, TempPath};
use tokio_util::sync::CancellationToken;

use super::checkpoint::{Checkpoint, Wanted};
use super::place::failed;
use crate::disk::hashes::PieceHashes;
use crate::disk::readable::blocking;
use crate::disk::spans::PieceReads;
use crate::disk::sparse::{self, Bodies};
use crate::durable::{self, Sync};
use crate::fault::{Fault, Kind, Place};
use crate::vhd::ContentDigest;
use crate::vhd::content::piece_range;

/// The file that is being filled. Clones are the same file.
#[derive(Clone)]
pub struct Part(Arc<Inner>);

struct Inner {
    /// The target, for messages.
    target: Utf8PathBuf,
    path: Utf8PathBuf,
    file: File,
    /// Nothing but this run ever wrote to it.
    fresh: bool,
    wanted: Wanted,
    checkpoint: Checkpoint,
    pieces: Mutex<PieceHashes>,
}

impl Part {
    /// Goes on with what an earlier run left, as far as it is what was written down; else begins anew.
    pub async fn open(target: &Utf8Path, wanted: Wanted, checkpoint: Checkpoint) -> Result<Self, Fault> {
        let target = target.to_owned();
        blocking(move || Self::open_now(&target, wanted, checkpoint)).await?
    }

    fn open_now(target: &Utf8Path, wanted: Wanted, checkpoint: Checkpoint) -> Result<Self, Fault> {
        match checkpoint.read(&wanted) {
            Ok(Some(done)) => {
                if let Some(part) = Self::again(target, done.part, &wanted, &checkpoint, done.pieces)? {
                    return Ok(part);
                }
            }
            // It holds part of something that is there no more. Another run may just be at it.
            Err(other) if beside(target, &other) => {
                if let Some(file) = open_locked(target, &other)? {
                    drop(file);
                    let _ = durable::remove_file(&other);
                }
            }
            Ok(None) | Err(_) => {}
        }
        Self::anew(target, wanted, checkpoint).map_err(|error| failed(target, &error, None))
    }

    fn anew(target: &Utf8Path, wanted: Wanted, checkpoint: Checkpoint) -> io::Result<Self> {
        let (file, path) = durable::beside(target)?.keep().map_err(|kept| kept.error)?;
        let path = Utf8PathBuf::from_path_buf(path).map_err(|_| io::Error::other("the folder's name is not UTF-8"))?;
        // Nobody else knows its name yet.
        let _ = file.try_lock();
        file.set_len(wanted.length)?;
        let part = Self(Arc::new(Inner {
            target: target.to_owned(),
            path,
            file,
            fresh: true,
            wanted,
            checkpoint,
            pieces: Mutex::default(),
        }));
        part.note()?;
        Ok(part)
    }

    fn again(
        target: &Utf8Path,
        path: Utf8PathBuf,
        wanted: &Wanted,
        checkpoint: &Checkpoint,
        mut pieces: PieceHashes,
    ) -> Result<Option<Self>, Fault> {
        if !beside(target, &path) {
            return Ok(None);
        }
        let Some(file) = open_locked(target, &path)? else {
            return Ok(None);
        };
        let length = file.metadata().map(|metadata| metadata.len());
        if length.ok() != Some(wanted.length) {
            drop(file);
            let _ = durable::remove_file(&path);
            return Ok(None);
        }
        pieces.retain(|index, hash| {
            let piece = piece_range(index, wanted.length);
            sparse::hash_in_file(&file, &piece).is_ok_and(|found| found == *hash)
        });
        Ok(Some(Self(Arc::new(Inner {
            target: target.to_owned(),
            path,
            file,
            fresh: false,
            wanted: wanted.clone(),
            checkpoint: checkpoint.clone(),
            pieces: Mutex::new(pieces),
        }))))
    }

    /// Is a piece there already?
    pub fn has(&self, index: u64) -> bool {
        self.pieces().has(index)
    }

    /// Writes a piece that arrived. Blocks.
    pub fn take(&self, piece: &PieceReads, bodies: &Bodies) -> io::Result<()> {
        let hash = sparse::hash_piece(&piece.piece, bodies);
        sparse::write(&self.0.file, bodies, self.0.fresh)?;
        self.pieces().insert(piece.index, hash);
        Ok(())
    }

    /// Writes down what is there, after it has reached the disk. Blocks.
    pub fn note(&self) -> io::Result<()> {
        let pieces = self.pieces().clone();
        if pieces.len() > 0 {
            self.0.file.sync_data()?;
        }
        self.0.checkpoint.write(&self.0.wanted, &self.0.path, &pieces)
    }

    /// Digest of the content, once all of it is there.
    pub fn digest(&self) -> Result<ContentDigest, Fault> {
        let digest = self.pieces().digest(self.0.wanted.length);
        digest.ok_or_else(|| Fault::bug("an image without a content digest"))
    }

    /// A disk's failure, told with the target's name.
    pub fn failed(&self, error: &io::Error, missing: u64) -> Fault {
        failed(&self.0.target, error, Some(missing))
    }

    /// Its MD5, base64.
    pub async fn md5(&self, cancel: &CancellationToken) -> Result<String, Fault> {
        let (part, cancel) = (self.clone(), cancel.clone());
        let read = blocking(move || {
            let mut hasher = Md5::new();
            sparse::read_all(&part.0.file, part.0.wanted.length, |bytes| {
                hasher.update(bytes);
                !cancel.is_cancelled()
            })
            .map(|whole| whole.then(|| base64::engine::general_purpose::STANDARD.encode(hasher.finalize())))
        });
        match read.await? {
            Ok(Some(md5)) => Ok(md5),
            Ok(None) => {
                Err(Fault::new(Kind::Interrupted, "download: stopped").hint("run it again: it goes on from here"))
            }
            Err(error) => Err(failed(&self.0.target, &error, None)),
        }
    }

    /// Gives it the target's name, durably.
    pub async fn finish(&self, target: &Utf8Path) -> Result<(), Fault> {
        let (part, target) = (self.clone(), target.to_owned());
        blocking(move || {
            let path = TempPath::try_from_path(part.0.path.as_std_path());
            let finished = path.and_then(|path| {
                let file = NamedTempFile::from_parts(part.0.file.try_clone()?, path);
                durable::persist(file, &target, Sync::Yes)?;
                part.0.checkpoint.remove()
            });
            finished.map_err(|error| failed(&target, &error, None))
        })
        .await?
    }

    /// Removes it: it is of no use.
    pub fn discard(&self) {
        let _ = durable::remove_file(&self.0.path);
        let _ = self.0.checkpoint.remove();
    }

    fn pieces(&self) -> MutexGuard<'_, PieceHashes> {
        self.0.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Is it a temporary file of this target? What else notes may name is never touched.
fn beside(target: &Utf8Path, path: &Utf8Path) -> bool {
    let prefix = format!(".{}.tmp-", target.file_name().unwrap_or_default());
    let absolute = |path: &Utf8Path| std::path::absolute(path).ok();
    path.file_name().is_some_and(|name| name.starts_with(&prefix))
        && absolute(path).as_deref().and_then(std::path::Path::parent)
            == absolute(target).as_deref().and_then(std::path::Path::parent)
}

/// Opens a temporary file of an earlier run, which nobody else may be filling just now; `None`: it is gone.
fn open_locked(target: &Utf8Path, path: &Utf8Path) -> Result<Option<File>, Fault> {
    // A link is not ours.
    if !std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let Ok(file) = File::options().read(true).write(true).open(path) else {
        return Ok(None);
    };
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => Err(Fault::new(
            Kind::LockHeld,
            format!("{target}: another download of it is running"),
        )
        .at(Place::file_only(path))
        .hint("wait for its end, or name another file with --output")),
        // Where files cannot be locked it goes without.
        Ok(()) | Err(std::fs::TryLockError::Error(_)) => Ok(Some(file)),
    }
}
