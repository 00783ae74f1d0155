//! The folder itself: its fixed files, its locks, and errors about it.

use std::fs::{File, TryLockError};
use std::io;
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use crate::durable::{self, Sync};
use crate::oci::layout::{INDEX_LIMIT, LAYOUT_VERSION, LayoutIndex, check_marker, read_limited};
use crate::oci::manifest::{MANIFEST_LIMIT, OCI_INDEX};
use crate::oci::{ErrorKind, OciError};

/// Where blobs are written before they have their name.
const TEMPORARY: &str = ".tmp";

/// `index.json` as it was found.
#[derive(Debug)]
pub(super) struct FoundIndex {
    pub(super) index: LayoutIndex,
    /// What is wrong with it or with `oci-layout`, in words.
    pub(super) damaged: Option<String>,
    /// Text that is no index.
    pub(super) lost: Option<Vec<u8>>,
}

impl FoundIndex {
    fn whole(index: LayoutIndex) -> Self {
        Self {
            index,
            damaged: None,
            lost: None,
        }
    }
}

/// How `oci-layout` was found.
#[derive(Debug, PartialEq, Eq)]
enum Marker {
    Whole,
    Missing,
    Damaged(String),
}

/// Paths and locks of one store.
#[derive(Debug)]
pub(super) struct Files {
    root: Utf8PathBuf,
    /// Held, shared, as long as this process may have temporary files here.
    in_use: Mutex<Option<File>>,
}

impl Files {
    pub(super) fn new(root: Utf8PathBuf) -> Self {
        Self {
            root,
            in_use: Mutex::new(None),
        }
    }

    pub(super) fn root(&self) -> &Utf8Path {
        &self.root
    }

    pub(super) fn index_path(&self) -> Utf8PathBuf {
        self.root.join("index.json")
    }

    /// Makes the folder ready for writing: once a process. Temporary files that killed runs left are removed when
    /// nobody else is writing here.
    pub(super) fn prepare(&self) -> Result<(), OciError> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if in_use.is_some() {
            return Ok(());
        }
        if self.read_marker()? != Marker::Whole {
            let text = format!("{{\"imageLayoutVersion\":\"{LAYOUT_VERSION}\"}}");
            durable::write(&self.root.join("oci-layout"), text.as_bytes(), Sync::Yes)
                .map_err(|e| self.failed("make store", &e))?;
        }
        *in_use = Some(self.join_users().map_err(|e| self.failed("write store", &e))?);
        Ok(())
    }

    fn join_users(&self) -> io::Result<File> {
        let folder = self.root.join(TEMPORARY);
        durable::create_dir_all(&folder)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("in-use"))?;
        match file.try_lock() {
            Ok(()) => {
                sweep(&folder);
                file.unlock()?;
            }
            // Somebody else writes here, or this file system has no locks: then nothing is swept.
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
        // Between the two locks another process may sweep: there is nothing of ours yet.
        ignore_unsupported(file.lock_shared())?;
        Ok(file)
    }

    /// Does something while no other process writes here; nothing where one does, or where nobody could tell. The store was
    /// made ready before.
    pub(super) fn while_alone(&self, work: impl FnOnce() -> Result<(), OciError>) -> Result<(), OciError> {
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = in_use.as_ref() else { return Ok(()) };
        let failed = |e: io::Error| self.failed("lock store", &e);
        ignore_unsupported(file.unlock()).map_err(failed)?;
        let result = match file.try_lock() {
            Ok(()) => {
                let result = work();
                file.unlock().map_err(failed)?;
                result
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => Ok(()),
        };
        ignore_unsupported(file.lock_shared()).map_err(failed)?;
        result
    }

    /// A temporary file for a blob.
    pub(super) fn temporary(&self) -> Result<NamedTempFile, OciError> {
        durable::append_temp(&self.root.join(TEMPORARY)).map_err(|e| self.failed("write store", &e))
    }

    /// The lock under which the index is read, merged and written. Waits for other processes.
    pub(super) fn lock_index(&self) -> Result<File, OciError> {
        let lock = || {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(self.root.join(TEMPORARY).join("index-lock"))?;
            ignore_unsupported(file.lock())?;
            Ok(file)
        };
        lock().map_err(|e| self.failed("lock store", &e))
    }

    /// The index on disk; empty for a store that was never filled. Text that is no index is damage, and what it held
    /// is lost; what is there but cannot be read, or is of another version, is an error.
    pub(super) fn read_index(&self) -> Result<FoundIndex, OciError> {
        let path = self.index_path();
        let limited = match read_limited(&path, INDEX_LIMIT) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(FoundIndex::whole(LayoutIndex::empty())),
            Err(e) => return Err(self.failed("read index.json of store", &e)),
        };
        let index = match LayoutIndex::parse(&limited, self.root.as_str()) {
            Ok(index) => index,
            Err(e) => {
                return Ok(FoundIndex {
                    index: LayoutIndex::empty(),
                    damaged: Some(e.detail),
                    lost: Some(limited),
                });
            }
        };
        let damaged = match (self.read_marker()?, &index.media_type) {
            (Marker::Missing, _) => Some("its oci-layout file is missing".to_owned()),
            (Marker::Damaged(why), _) => Some(why),
            (Marker::Whole, Some(other)) if other != OCI_INDEX => Some(format!(
                "index.json calls itself {:?}",
                other.chars().take(100).collect::<String>()
            )),
            (Marker::Whole, _) => None,
        };
        Ok(FoundIndex {
            index,
            damaged,
            lost: None,
        })
    }

    /// Writes the index in one step. What could not be read of the one before is kept beside it: others may have had
    /// tags there.
    pub(super) fn write_index(&self, index: &LayoutIndex, lost: Option<&[u8]>) -> Result<(), OciError> {
        let write = || {
            if let Some(lost) = lost.filter(|bytes| !bytes.is_empty()) {
                durable::write(&self.root.join("index.json.damaged"), lost, Sync::Yes)?;
            }
            let mut bytes = serde_json::to_vec_pretty(index)?;
            bytes.push(b'\n');
            durable::write(&self.index_path(), &bytes, Sync::Yes)
        };
        write().map_err(|e| self.failed("write store", &e))
    }

    /// The `oci-layout` file. A version that is not known is an error: the folder is somebody else's.
    fn read_marker(&self) -> Result<Marker, OciError> {
        let bytes = match read_limited(&self.root.join("oci-layout"), MANIFEST_LIMIT) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Marker::Missing),
            Err(e) => return Err(self.failed("open store", &e)),
        };
        match check_marker(&bytes, self.root.as_str()) {
            Ok(()) => Ok(Marker::Whole),
            Err(e) if e.hint.is_some() => Err(e),
            Err(e) => Ok(Marker::Damaged(e.detail)),
        }
    }

    /// An error of the disk under this store.
    pub(super) fn failed(&self, operation: &str, error: &io::Error) -> OciError {
        let hint = match error.kind() {
            io::ErrorKind::FileTooLarge => {
                "the system limits the size of files (`ulimit -f`, or the file system): raise the limit, then run again"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space there, then run again: what was written is kept"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "make the folder writable, or set another path for this store"
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "something that is no folder is in its place: move it away, or set another path for this store"
            }
            _ => "check the disk, then run again: what was written is kept",
        };
        OciError::new(ErrorKind::Disk, operation, self.root.as_str(), durable::words(error)).hint(hint)
    }
}

/// Some network file systems have no locks; there one process at a time is the user's promise.
fn ignore_unsupported(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(()),
        other => other,
    }
}

/// Removes temporary files. Failures are of no consequence: the next run tries again.
fn sweep(folder: &Utf8Path) {
    let Ok(entries) = folder.read_dir_utf8() else { return };
    for entry in entries.flatten() {
        if entry.file_name().starts_with(".tmp-") {
            let _ = durable::remove_file(entry.path());
        }
    }
}
