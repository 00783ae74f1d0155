//! Write aside, sync, rename.

use std::fs::{self, File};
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use super::abort::boundary_at;
use super::leftovers::sweep;
#[cfg(debug_assertions)]
use super::record;

/// The same calls without a recording.
#[cfg(not(debug_assertions))]
mod record {
    use super::{Utf8Path, io};

    pub fn folder(_: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        operation()
    }
    pub fn create<T>(operation: impl FnOnce() -> io::Result<T>, _: impl FnOnce(&T) -> String) -> io::Result<T> {
        operation()
    }
    pub fn sync(_: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        operation()
    }
    pub fn rename(_: &Utf8Path, _: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        operation()
    }
    pub fn sync_folder(_: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        operation()
    }
    pub fn remove(_: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        operation()
    }
}

/// Names of temporary files in folders that are for nothing else begin with this.
pub const TEMPORARY: &str = ".tmp-";

/// Whether the bytes must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Synced before the rename, and the folder after it.
    Yes,
    /// Verified when read: a torn file is a miss.
    No,
}

/// Replaces `path` with `bytes` in one step: readers see the old or the new content, never a part. What killed runs left
/// of earlier tries is removed on the way.
pub fn write(path: &Utf8Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    let folder = folder_of(path);
    make_folders(folder, sync)?;
    // The folder may be the user's: a temporary file says whose it is, and only those are ever removed.
    let prefix = format!(".{}.tmp-", path.file_name().unwrap_or_default());
    sweep(folder, &prefix);
    fill(create_temp(folder, &prefix)?, path, bytes, sync)
}

/// A new temporary file beside `path`, to be filled and persisted there; removed unless persisted. What killed runs left of
/// earlier tries is removed on the way.
pub fn beside(path: &Utf8Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    make_folders(folder, Sync::Yes)?;
    let prefix = format!(".{}.tmp-", path.file_name().unwrap_or_default());
    sweep(folder, &prefix);
    create_temp(folder, &prefix)
}

/// The same as [`write`] for a file that only its owner may read: made so before a byte is in it.
pub fn write_private(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(bytes).map_err(plain)?;
    persist_as(file, path, Sync::Yes, 0o600)
}

/// The same for one of very many files: written aside in `staging`, a folder on the same disk, so that leftovers are in
/// one place. Whoever owns `staging` sweeps it.
pub fn write_staged(staging: &Utf8Path, path: &Utf8Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    let file = append_temp(staging)?;
    make_folders(folder_of(path), sync)?;
    fill(file, path, bytes, sync)
}

fn fill(mut file: NamedTempFile, path: &Utf8Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    file.write_all(bytes).map_err(plain)?;
    persist(file, path, sync)
}

/// A new temporary file in `folder` (made if absent), removed unless persisted.
pub fn append_temp(folder: &Utf8Path) -> io::Result<NamedTempFile> {
    create_dir_all(folder)?;
    create_temp(folder, TEMPORARY)
}

fn create_temp(folder: &Utf8Path, prefix: &str) -> io::Result<NamedTempFile> {
    boundary_at("create temporary file in", folder);
    record::create(
        || {
            tempfile::Builder::new()
                .prefix(prefix)
                .tempfile_in(folder)
                .map_err(plain)
        },
        |file| file.path().to_string_lossy().into_owned(),
    )
}

/// What the system said, without the random name that `tempfile` adds: equal troubles read the same.
pub fn words(error: &io::Error) -> String {
    let said = error.to_string();
    match said.split_once(" at path \"") {
        Some((words, _)) => words.to_owned(),
        None => said,
    }
}

fn plain(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    io::Error::new(error.kind(), words(&error))
}

/// Renames a temporary file into place.
pub fn persist(file: NamedTempFile, path: &Utf8Path, sync: Sync) -> io::Result<()> {
    persist_as(file, path, sync, 0o644)
}

/// The same with these permissions, where files have such.
#[cfg_attr(not(unix), allow(unused_variables, reason = "permissions are inherited there"))]
fn persist_as(file: NamedTempFile, path: &Utf8Path, sync: Sync, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    }
    let from = Utf8PathBuf::from_path_buf(file.path().to_owned())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the folder's name is not UTF-8"))?;
    if sync == Sync::Yes {
        boundary_at("sync file", path);
        record::sync(&from, || file.as_file().sync_all())?;
    }
    boundary_at("rename into place", path);
    record::rename(&from, path, || file.persist(path).map(drop).map_err(|e| e.error))?;
    if sync == Sync::Yes {
        sync_dir(folder_of(path))?;
    }
    Ok(())
}

/// Makes the content of a file that is in place already durable.
pub fn sync_file(path: &Utf8Path) -> io::Result<()> {
    boundary_at("sync file", path);
    // Opened for writing: some systems sync only such handles.
    record::sync(path, || fs::OpenOptions::new().write(true).open(path)?.sync_all())
}

/// Makes a folder's entries durable; a no-op where folders cannot be synced.
pub fn sync_dir(folder: &Utf8Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        boundary_at("sync folder", folder);
        record::sync_folder(folder, || File::open(folder)?.sync_all())?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Makes a folder and its parents.
pub fn create_dir_all(folder: &Utf8Path) -> io::Result<()> {
    make_folders(folder, Sync::No)
}

/// The same; with [`Sync::Yes`] the new names are on the disk afterwards.
fn make_folders(folder: &Utf8Path, sync: Sync) -> io::Result<()> {
    let missing: Vec<&Utf8Path> = folder
        .ancestors()
        .take_while(|path| !path.as_str().is_empty() && !path.is_dir())
        .collect();
    for path in missing.into_iter().rev() {
        boundary_at("create folder", path);
        record::folder(path, || match fs::create_dir(path) {
            // Somebody else was quicker.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        })?;
        if sync == Sync::Yes {
            sync_dir(folder_of(path))?;
        }
    }
    Ok(())
}

/// Removes a file; one that is absent already is fine.
pub fn remove_file(path: &Utf8Path) -> io::Result<()> {
    boundary_at("remove file", path);
    record::remove(path, || match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    })
}

fn folder_of(path: &Utf8Path) -> &Utf8Path {
    match path.parent() {
        Some(folder) if !folder.as_str().is_empty() => folder,
        _ => Utf8Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn writing_again_removes_what_killed_runs_left_of_that_file_and_nothing_else() {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        for name in [".aosm.lock.tmp-abc", ".other.tmp-abc", ".tmp-mine"] {
            fs::write(folder.join(name), "half").unwrap();
            let old = SystemTime::now() - Duration::from_secs(90_000);
            File::options()
                .write(true)
                .open(folder.join(name))
                .unwrap()
                .set_modified(old)
                .unwrap();
        }
        write(&folder.join("aosm.lock"), b"whole", Sync::Yes).unwrap();
        let mut names: Vec<String> = folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, [".other.tmp-abc", ".tmp-mine", "aosm.lock"]);
    }

    #[test]
    fn folders_on_the_way_are_made_and_a_file_in_the_way_is_an_error() {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let deep = folder.join("a/b/c");
        write(&deep, b"x", Sync::Yes).unwrap();
        write_staged(&folder.join("tmp"), &folder.join("d/e"), b"y", Sync::No).unwrap();
        assert_eq!(fs::read(&deep).unwrap(), b"x");
        assert_eq!(fs::read(folder.join("d/e")).unwrap(), b"y");
        assert_eq!(fs::read_dir(folder.join("tmp")).unwrap().count(), 0);
        assert!(write(&deep.join("under-a-file"), b"x", Sync::No).is_err());
    }
}
