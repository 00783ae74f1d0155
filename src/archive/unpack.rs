//! Unpacking into a folder, never outside it.

use std::fs::OpenOptions;
use std::io::Read;
use std::ops::ControlFlow;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Limits, for_each_entry, windows_trouble};
use crate::fault::{Fault, Place};

/// Unpacks all files of an archive into `folder`, which must be new or empty, and gives their names.
///
/// Links are refused while reading, so no folder on the way can be one that the archive planted; files are only
/// ever created, never opened, so that nothing that exists is written to.
pub fn unpack_into(
    reader: impl Read,
    label: &Utf8Path,
    limits: &Limits,
    folder: &Utf8Path,
) -> Result<Vec<Utf8PathBuf>, Fault> {
    let mut names = Vec::new();
    for_each_entry(reader, label, limits, &mut |entry| {
        if cfg!(windows)
            && let Some(trouble) = windows_trouble(entry.name.as_str())
        {
            return Err(Fault::invalid(format!("{label}: Windows cannot hold {trouble}"))
                .at(Place::file_only(label))
                .hint("rename the file in the chart, or run on another system"));
        }
        let path = folder.join(entry.name.as_str());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| cannot_write(label, parent, &e))?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|e| cannot_write(label, &path, &e))?;
        entry.copy(&mut file)?;
        names.push(Utf8PathBuf::from(entry.name.as_str()));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(names)
}

fn cannot_write(label: &Utf8Path, path: &Utf8Path, error: &std::io::Error) -> Fault {
    // A name that is a file here and a folder there, or differs only in case on such a disk, comes from the archive.
    let kind = error.kind();
    if matches!(
        kind,
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory
    ) {
        return Fault::invalid(format!("{label}: two entries claim one path"))
            .at(Place::file_only(label))
            .because(format!("{}: {error}", path.file_name().unwrap_or_default()))
            .hint("rename one of the two, and pack the chart again");
    }
    Fault::infrastructure(format!("{label}: cannot be unpacked"))
        .because(format!("{path}: {error}"))
        .hint("check free space and permissions of the temporary folder")
}
