//! A file, or a folder with everything in it, for a key: contents by digest, nothing of this machine.

use std::fs::Metadata;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::{Digest, FileDigests};
use crate::fault::{Fault, Place};

/// As many entries as packing takes.
const ENTRIES: usize = 200_000;

/// One entry, named from the root on; the root's own name is empty.
pub(super) enum Found {
    /// A regular file.
    File {
        name: String,
        digest: Digest,
        executable: bool,
    },
    /// A folder.
    Folder { name: String },
    /// A symbolic link.
    Link { name: String, target: String },
}

/// The entries in the order of their names.
pub(super) fn walk(root: &Utf8Path, digests: &dyn FileDigests) -> Result<Vec<Found>, Fault> {
    let mut found = Vec::new();
    let mut open: Vec<(Utf8PathBuf, String)> = vec![(root.to_owned(), String::new())];
    while let Some((path, name)) = open.pop() {
        // What a link points to is packed only where the link itself is what the project names.
        let metadata = if name.is_empty() {
            std::fs::metadata(&path)
        } else {
            std::fs::symlink_metadata(&path)
        };
        let metadata = metadata.map_err(|e| unreadable(&path, &e))?;
        if metadata.is_dir() {
            for item in path.read_dir_utf8().map_err(|e| unreadable(&path, &e))? {
                let item = item.map_err(|e| unreadable(&path, &e))?;
                let below = if name.is_empty() {
                    item.file_name().to_owned()
                } else {
                    format!("{name}/{}", item.file_name())
                };
                open.push((item.into_path(), below));
            }
            found.push((name.clone(), Found::Folder { name }));
        } else if metadata.is_symlink() {
            let target = path.read_link_utf8().map_err(|e| unreadable(&path, &e))?;
            let target = target.into_string();
            found.push((name.clone(), Found::Link { name, target }));
        } else if !metadata.is_file() {
            // Reading a pipe would wait for ever.
            return Err(Fault::invalid("what is to be packed is neither file, folder nor link")
                .at(Place::file_only(&path))
                .hint("move the pipe, socket or device elsewhere"));
        } else {
            let (digest, _) = digests.file_digest(&path).map_err(|e| unreadable(&path, &e))?;
            let executable = !name.is_empty() && is_executable(&metadata);
            found.push((
                name.clone(),
                Found::File {
                    name,
                    digest,
                    executable,
                },
            ));
        }
        if found.len() + open.len() > ENTRIES {
            return Err(
                Fault::invalid(format!("a folder to be packed has more than {ENTRIES} entries"))
                    .at(Place::file_only(root))
                    .hint("pack parts of it, or make an archive of it and name that file"),
            );
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found.into_iter().map(|(_, found)| found).collect())
}

fn is_executable(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        metadata.permissions().mode() & 0o100 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

fn unreadable(path: &Utf8Path, error: &io::Error) -> Fault {
    Fault::infrastructure("a file to be packed cannot be read")
        .at(Place::file_only(path))
        .because(error)
        .hint("check its permissions and its name")
}
