//! The folder itself: its fixed files, its locks, and errors about it.

use std::fs::{File, TryLockError};
use std::io;
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use crate::durable::{self, Sync};
use crate::oci::layout::{LAYOUT_VERSION, LayoutIndex, check_marker, read_folder_index};
use crate::oci::{ErrorKind, OciError};

/// Where blobs are written before they have their name.
const TEMPORARY: &str = ".tmp";

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
        let marker = self.root.join("oci-layout");
        match std::fs::read(&marker) {
            Ok(bytes) => check_marker(&bytes, self.root.as_str())?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let text = format!("{{\"imageLayoutVersion\":\"{LAYOUT_VERSION}\"}}");
                durable::write(&marker, text.as_bytes(), Sync::Yes).map_err(|e| self.failed("make store", &e))?;
            }
            Err(e) => return Err(self.failed("open store", &e)),
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

    /// The index on disk; empty for a store that was never filled.
    pub(super) fn read_index(&self) -> Result<LayoutIndex, OciError> {
        if matches!(std::fs::metadata(self.index_path()), Err(e) if e.kind() == io::ErrorKind::NotFound) {
            return Ok(LayoutIndex::empty());
        }
        read_folder_index(&self.root).map_err(|e| {
            if e.hint.is_some() || e.kind == ErrorKind::Disk {
                return e;
            }
            e.hint("the local store is damaged: move its folder away and run apply again")
        })
    }

    /// An error of the disk under this store.
    pub(super) fn failed(&self, operation: &str, error: &io::Error) -> OciError {
        let hint = match error.kind() {
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
        OciError::new(ErrorKind::Disk, operation, self.root.as_str(), error.to_string()).hint(hint)
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
