//! A folder as one blob: a tar+gzip that depends on names, contents and the executable bit alone.
//!
//! As oras packs folders: entries below the folder's title, and two annotations by which readers know that the blob is
//! to be unpacked. Unlike there the bytes are the same each time: sorted, no times, no owners, two modes only, and a gzip
//! header that says nothing. Written to a file that has no name, so that a killed run leaves nothing behind.

use std::fs::{File, FileType, Metadata};
use std::io::{self, Read as _, Write};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use flate2::{Compression, GzBuilder};

use super::links::check_link;
use super::packed_content::Stamp;
use crate::digest::{Digest, Hasher};
use crate::fault::{Fault, Faults, Place};

/// Digest of the uncompressed tar (oras-go, `file.AnnotationDigest`).
pub const CONTENT_DIGEST: &str = "io.deis.oras.content.digest";
/// `"true"`: unpack it (oras-go, `file.AnnotationUnpack`).
pub const UNPACK: &str = "io.deis.oras.content.unpack";

/// "Unknown" (RFC 1952, 2.3.1, OS).
const GZIP_OS_UNKNOWN: u8 = 255;
/// Entries of one folder at most, as many as are taken when it is pulled.
pub(super) const ENTRIES: usize = 200_000;

/// A packed folder.
#[derive(Debug)]
pub(super) struct PackedFolder {
    pub digest: Digest,
    pub size: u64,
    pub tar_digest: Digest,
    pub file: Arc<File>,
}

enum Kind {
    Folder,
    File { executable: bool, stamp: Stamp },
    Link(String),
}

struct Entry {
    /// Below the folder, with `/`; empty for the folder itself.
    name: String,
    path: Utf8PathBuf,
    kind: Kind,
}

/// Packs the folder at `path` under `title`. Fails with all entries that cannot be packed.
pub(super) fn pack_folder(path: &Utf8Path, title: &str) -> Result<PackedFolder, Faults> {
    let entries = list(path)?;
    let packed = write(&entries, title).map_err(|(at, e)| {
        let fault = match e.kind() {
            io::ErrorKind::InvalidData => Fault::invalid(format!("{at} changed while it was packed"))
                .hint("run the command again, once nobody writes to the folder any more"),
            _ => Fault::infrastructure(format!("folder {path} cannot be packed"))
                .because(format!("{at}: {e}"))
                .hint("check its permissions and the free space of the system's folder for temporary files"),
        };
        fault.at(Place::file_only(path))
    })?;
    Ok(packed)
}

/// All entries in the order of their paths.
fn list(root: &Utf8Path) -> Result<Vec<Entry>, Faults> {
    let mut faults = Faults::new();
    let mut entries = vec![Entry {
        name: String::new(),
        path: root.to_owned(),
        kind: Kind::Folder,
    }];
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, name)) = folders.pop() {
        let listed = match std::fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(e) => {
                faults.push(unreadable(&folder, &e));
                continue;
            }
        };
        for item in listed {
            let entry = item.map_err(|e| unreadable(&folder, &e)).and_then(|item| {
                let path = Utf8PathBuf::from_path_buf(item.path()).map_err(|path| {
                    Fault::invalid(format!("{} cannot be packed: its name is not UTF-8", path.display()))
                        .at(Place::file_only(&folder))
                        .hint("rename it")
                })?;
                let below = path.file_name().unwrap_or_default();
                let name = if name.is_empty() {
                    below.to_owned()
                } else {
                    format!("{name}/{below}")
                };
                entry(path, name)
            });
            match entry {
                Ok(entry) => {
                    if matches!(entry.kind, Kind::Folder) {
                        folders.push((entry.path.clone(), entry.name.clone()));
                    }
                    entries.push(entry);
                }
                Err(fault) => faults.push(fault),
            }
            if entries.len() > ENTRIES {
                faults.push(
                    Fault::invalid(format!("folder {root} has more than {ENTRIES} entries"))
                        .at(Place::file_only(root))
                        .hint("pack parts of it, or make an archive of it and push that as a file"),
                );
                return Err(faults);
            }
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    faults.into_result(entries).map(|(entries, _)| entries)
}

fn entry(path: Utf8PathBuf, name: String) -> Result<Entry, Fault> {
    let metadata = std::fs::symlink_metadata(&path).map_err(|e| unreadable(&path, &e))?;
    let refused = |why: &str, hint: &str| {
        Err(Fault::invalid(format!("{path} cannot be packed: {why}"))
            .at(Place::file_only(&path))
            .hint(hint))
    };
    let kind = metadata.file_type();
    let kind = if kind.is_dir() {
        Kind::Folder
    } else if kind.is_file() {
        Kind::File {
            executable: is_executable(&metadata),
            stamp: Stamp::of(&metadata),
        }
    } else if kind.is_symlink() {
        let target = std::fs::read_link(&path).map_err(|e| unreadable(&path, &e))?;
        let Some(target) = target.to_str() else {
            return refused("it is a link to a name that is not UTF-8", "rename what it points to");
        };
        match check_link(target, name.matches('/').count()) {
            Ok(target) => Kind::Link(target),
            Err(why) => {
                return refused(
                    &why.to_string(),
                    "put what it points to in its place, or a link that is relative and stays in the folder",
                );
            }
        }
    } else {
        return refused(
            special(kind),
            "an artifact holds files, folders and links only: move it elsewhere",
        );
    };
    Ok(Entry { name, path, kind })
}

fn special(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return "it is a pipe";
        }
        if kind.is_socket() {
            return "it is a socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "it is a device";
        }
    }
    let _ = kind;
    "it is no file, folder or link"
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
    Fault::infrastructure(format!("{path} cannot be read"))
        .at(Place::file_only(path))
        .because(error)
        .hint("check its permissions")
}

/// Writes the archive; an error comes with the path it happened at.
fn write(entries: &[Entry], title: &str) -> Result<PackedFolder, (Utf8PathBuf, io::Error)> {
    let temporary = |e| (Utf8PathBuf::from("temporary file"), e);
    let file = tempfile::tempfile().map_err(temporary)?;
    let compressed = Hashing::new(io::BufWriter::with_capacity(128 * 1024, file));
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(GZIP_OS_UNKNOWN)
        .write(compressed, Compression::new(6));
    let mut tar = tar::Builder::new(Hashing::new(gzip));
    for entry in entries {
        append(&mut tar, entry, title).map_err(|e| (entry.path.clone(), e))?;
    }
    let (gzip, tar_digest, _) = tar.into_inner().map_err(temporary)?.finish();
    let (buffered, digest, size) = gzip.finish().map_err(temporary)?.finish();
    let file = buffered.into_inner().map_err(|e| temporary(e.into_error()))?;
    Ok(PackedFolder {
        digest,
        size,
        tar_digest,
        file: Arc::new(file),
    })
}

fn append(tar: &mut tar::Builder<impl Write>, entry: &Entry, title: &str) -> io::Result<()> {
    let name = if entry.name.is_empty() {
        title.to_owned()
    } else {
        format!("{title}/{}", entry.name)
    };
    let mut header = tar::Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    match &entry.kind {
        Kind::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            tar.append_data(&mut header, format!("{name}/"), io::empty())
        }
        Kind::Link(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            tar.append_link(&mut header, name, target)
        }
        Kind::File { executable, stamp } => {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(if *executable { 0o755 } else { 0o644 });
            header.set_size(stamp.size());
            let mut file = File::open(&entry.path)?;
            let mut whole = Exactly {
                left: stamp.size(),
                file: &mut file,
            };
            tar.append_data(&mut header, name, &mut whole)?;
            let grown = file.read(&mut [0])? > 0;
            if grown || Stamp::of(&file.metadata()?) != *stamp {
                return Err(io::ErrorKind::InvalidData.into());
            }
            Ok(())
        }
    }
}

/// Reads so many bytes and fails when there are fewer.
struct Exactly<'a> {
    left: u64,
    file: &'a mut File,
}

impl io::Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.take(self.left).read(buffer)?;
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Hashes and counts what passes.
struct Hashing<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            size: 0,
        }
    }

    fn finish(self) -> (W, Digest, u64) {
        (self.inner, self.hasher.finish(), self.size)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
