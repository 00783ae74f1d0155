//! The target file: may it be written, is there room for it, and what a failing disk says.

use std::io;

use camino::Utf8Path;

use crate::fault::{Fault, Place};

/// Refuses a target that is there already (unless `force`), or that cannot be a file.
pub fn check(file: &Utf8Path, force: bool) -> Result<(), Fault> {
    let fault = |message: String| Fault::invalid(message).at(Place::file_only(file));
    let Ok(there) = std::fs::symlink_metadata(file) else {
        return Ok(());
    };
    if there.is_dir() {
        return Err(fault(format!("{file} is a folder")).hint("name the file itself with --output"));
    }
    if !force {
        return Err(fault(format!("{file} is there already")).hint("--force replaces it, --output names another file"));
    }
    Ok(())
}

/// Refuses to begin where there is less room than what will be written, as far as the system says.
pub fn room_for(file: &Utf8Path, needed: u64) -> Result<(), Fault> {
    match free_beside(file) {
        Some(free) if free < needed => Err(Fault::infrastructure(format!(
            "{file} needs {needed} bytes, and {free} are free there"
        ))
        .at(Place::file_only(file))
        .hint("free some space, or name a file on another disk with --output")),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn free_beside(file: &Utf8Path) -> Option<u64> {
    let folder = file.parent().filter(|folder| !folder.as_str().is_empty());
    let stat = rustix::fs::statvfs(folder.unwrap_or(Utf8Path::new(".")).as_std_path()).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free_beside(_file: &Utf8Path) -> Option<u64> {
    None
}

/// What a failing disk says, `missing` bytes before the end.
pub fn failed(file: &Utf8Path, error: &io::Error, missing: Option<u64>) -> Fault {
    let full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    let message = match missing {
        Some(missing) if full => format!("{file} cannot be written, {missing} more bytes are to come"),
        _ => format!("{file} cannot be written"),
    };
    let hint = if full {
        "make room and run again: what is there is gone on with"
    } else {
        "check the disk and the permissions of the folder, then run again"
    };
    Fault::infrastructure(message)
        .at(Place::file_only(file))
        .because(crate::durable::words(error))
        .hint(hint)
}
