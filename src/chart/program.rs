//! Finding programs of other people.

use std::ffi::OsStr;

use camino::{Utf8Path, Utf8PathBuf};

/// The first executable file of a name on a search path, absolute: children run in other folders.
pub(crate) fn on_path(names: &[&str], path: Option<&OsStr>) -> Option<Utf8PathBuf> {
    std::env::split_paths(path.unwrap_or_default())
        .filter_map(|folder| Utf8PathBuf::from_path_buf(folder).ok())
        // An empty entry of PATH means the current folder, which is no place to take programs from.
        .filter(|folder| !folder.as_str().is_empty())
        .flat_map(|folder| names.iter().map(move |name| absolute(&folder.join(name))))
        .find(|path| is_executable(path))
}

/// The path from the root on.
pub(crate) fn absolute(path: &Utf8Path) -> Utf8PathBuf {
    camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned())
}

/// Is it a file that may be started?
pub(crate) fn is_executable(path: &Utf8Path) -> bool {
    let Ok(meta) = std::fs::metadata(path) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        meta.is_file() && meta.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    meta.is_file()
}
