//! Write aside, sync, rename.

use std::fs::{self, File};
use std::io::{self, Write as _};

use camino::Utf8Path;
use tempfile::NamedTempFile;

use super::boundary;

/// Whether the bytes must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Synced before the rename, and the folder after it.
    Yes,
    /// Verified when read: a torn file is a miss.
    No,
}

/// Replaces `path` with `bytes` in one step: readers see the old or the new content, never a part.
pub fn write(path: &Utf8Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    let mut file = append_temp(folder)?;
    file.write_all(bytes)?;
    persist(file, path, sync)
}

/// A new temporary file in `folder` (made if absent), removed unless persisted.
pub fn append_temp(folder: &Utf8Path) -> io::Result<NamedTempFile> {
    create_dir_all(folder)?;
    boundary("create temporary file");
    tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder)
}

/// Renames a temporary file into place.
pub fn persist(file: NamedTempFile, path: &Utf8Path, sync: Sync) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    if sync == Sync::Yes {
        boundary("sync file");
        file.as_file().sync_all()?;
    }
    boundary("rename into place");
    file.persist(path).map_err(|e| e.error)?;
    if sync == Sync::Yes {
        if let Some(folder) = path.parent() {
            sync_dir(folder)?;
        }
    }
    Ok(())
}

/// Makes the content of a file that is in place already durable.
pub fn sync_file(path: &Utf8Path) -> io::Result<()> {
    boundary("sync file");
    // Opened for writing: some systems sync only such handles.
    fs::OpenOptions::new().write(true).open(path)?.sync_all()
}

/// Makes a folder's entries durable; a no-op where folders cannot be synced.
pub fn sync_dir(folder: &Utf8Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        boundary("sync folder");
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Makes a folder and its parents.
pub fn create_dir_all(folder: &Utf8Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    boundary("create folder");
    fs::create_dir_all(folder)
}

/// Removes a file; one that is absent already is fine.
pub fn remove_file(path: &Utf8Path) -> io::Result<()> {
    boundary("remove file");
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
