//! Unpacks the archive of a folder into a new folder, never outside of it.
//!
//! - The folder is new and nobody else's; files are only ever created, never opened.
//! - Links are made after everything else, and nothing may lie below one: so none is ever followed.
//! - Targets of links stay inside (see `links`); hard links become copies of what the archive held before them.
//! - Modes are two: with and without the executable bit. Owners, set-id bits, times and other attributes are dropped.
//! - Devices, pipes and names that lead out are errors, and so is what goes beyond the limits.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};

use camino::Utf8Path;
use flate2::bufread::MultiGzDecoder;

use super::links::check_link;
use super::pull_name::{LENGTH, path_of_title};
use super::tar_reader::{Entry, EntryKind, TarReader};
use crate::archive::EntryName;
use crate::digest::{Digest, Hasher};
use crate::fault::{Fault, Place};

/// How much one folder may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Entries.
    pub entries: u64,
    /// Bytes of the unpacked archive.
    pub total: u64,
    /// Times the packed size; only counts above [`UnpackLimits::free`].
    pub ratio: u64,
    /// Bytes that any archive may unpack to, however small it is.
    pub free: u64,
}

impl Default for UnpackLimits {
    /// 200,000 entries, 256 GiB, and 200 times the packed size: deflate reaches 1,032 times with nothing but zeros, and
    /// texts about 10 times.
    fn default() -> Self {
        Self {
            entries: super::folder::ENTRIES as u64,
            total: 256 << 30,
            ratio: 200,
            free: 256 << 20,
        }
    }
}

/// What was unpacked, below the folder, folders before what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub path: String,
    pub folder: bool,
}

/// Which archive is unpacked.
pub(super) struct Archive<'a> {
    /// The packed file.
    pub file: &'a mut File,
    /// Its size.
    pub size: u64,
    /// The layer's title: entries lie below it.
    pub title: &'a str,
    /// Digest of the unpacked tar, where the layer tells it.
    pub content_digest: Option<&'a Digest>,
}

/// Unpacks into `folder`, which is made.
pub(super) fn unpack(archive: Archive<'_>, folder: &Utf8Path, limits: &UnpackLimits) -> Result<Vec<Unpacked>, Fault> {
    let Archive {
        file,
        size,
        title,
        content_digest,
    } = archive;
    let mut unpacking = Unpacking {
        title,
        folder,
        limits,
        below: None,
        entries: 0,
        copied: 0,
        files: HashMap::new(),
        links: Vec::new(),
        unpacked: Vec::new(),
    };
    make_folder(folder).map_err(|e| unpacking.disk(folder, &e))?;
    let most = limits.total.min(limits.free.max(size.saturating_mul(limits.ratio)));
    let mut head = [0_u8; 2];
    let read = file.read(&mut head).map_err(|e| unpacking.unreadable(&e))?;
    io::Seek::rewind(file).map_err(|e| unpacking.unreadable(&e))?;
    let buffered = io::BufReader::with_capacity(128 * 1024, file);
    let plain: Box<dyn Read + '_> = if read == 2 && head == [0x1f, 0x8b] {
        Box::new(MultiGzDecoder::new(buffered))
    } else {
        Box::new(buffered)
    };
    let mut tar = TarReader::new(Watched {
        inner: plain,
        left: most,
        most,
        hasher: content_digest.map(Digest::verifier),
    });
    while let Some(entry) = tar.next_entry().map_err(|e| unpacking.unreadable(&e))? {
        unpacking.take(entry, &mut tar)?;
    }
    // On to the end, so that gzip's checksum and the digest cover everything.
    let mut rest = tar.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(|e| unpacking.unreadable(&e))?;
    if let (Some(hasher), Some(expected)) = (rest.hasher, content_digest) {
        let found = hasher.finish();
        if found != *expected {
            return Err(unpacking
                .refused("its unpacked content is not what its annotation says")
                .because(format!("digest {found} instead of {expected}")));
        }
    }
    unpacking.make_links()?;
    Ok(unpacking.unpacked)
}

/// What stands before every entry's name and is taken off.
enum Prefix {
    Nothing,
    Folder(String),
}

struct Unpacking<'a> {
    title: &'a str,
    folder: &'a Utf8Path,
    limits: &'a UnpackLimits,
    /// Found from the first entry.
    below: Option<Prefix>,
    entries: u64,
    /// Bytes of hard links, which are copies.
    copied: u64,
    files: HashMap<String, u64>,
    links: Vec<(String, String)>,
    unpacked: Vec<Unpacked>,
}

impl Unpacking<'_> {
    fn take(&mut self, entry: Entry, content: &mut dyn Read) -> Result<(), Fault> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.refused(&format!("it has more than {} entries", self.limits.entries)));
        }
        let Some(path) = self.path(&entry.name)? else {
            // The folder itself, which is there.
            return match entry.kind {
                EntryKind::Folder => Ok(()),
                _ => Err(self.refused_entry(&entry.name, "it takes the place of the folder itself")),
            };
        };
        match entry.kind {
            EntryKind::Folder => self.make_folders(&path),
            EntryKind::File { executable } => {
                let mut file = self.create(&path, executable)?;
                // The limits bound what the reader gives; the disk's end is an error of its own.
                let copied = io::copy(content, &mut file).map_err(|e| self.while_copying(&path, &e))?;
                self.files.insert(path, copied);
                Ok(())
            }
            EntryKind::Hardlink(target) => self.copy(&path, &entry.name, &target),
            EntryKind::Symlink(target) => {
                let target = std::str::from_utf8(&target)
                    .map_err(|_| self.refused_entry(&entry.name, "it is a link to a name that is not UTF-8"))?;
                let target = check_link(target, path.matches('/').count())
                    .map_err(|why| self.refused_entry(&entry.name, &why.to_string()))?;
                self.links.push((path, target));
                Ok(())
            }
            EntryKind::Other(what) => Err(self.refused_entry(&entry.name, &format!("it is {what}"))),
        }
    }

    /// The path below the folder. Entries lie below the layer's title (oras), below the title's last part (other tools),
    /// or below nothing; the first entry shows which.
    fn path(&mut self, raw: &[u8]) -> Result<Option<String>, Fault> {
        let shown = String::from_utf8_lossy(raw).into_owned();
        let cleaned = EntryName::parse(raw, LENGTH).map_err(|why| self.refused_entry(raw, &why.to_string()))?;
        let name = cleaned.map(|name| name.to_string()).unwrap_or_default();
        let title = self.title;
        let below = self.below.get_or_insert_with(|| {
            let title = path_of_title(title, false).ok().flatten().unwrap_or_default();
            let last = title.rsplit('/').next().unwrap_or_default().to_owned();
            [title, last]
                .into_iter()
                .find(|prefix| !prefix.is_empty() && strip(&name, prefix).is_some())
                .map_or(Prefix::Nothing, Prefix::Folder)
        });
        let path = match below {
            Prefix::Nothing => Some(name.as_str()),
            Prefix::Folder(prefix) => strip(&name, prefix),
        };
        let Some(path) = path else {
            return Err(self.refused_entry(
                shown.as_bytes(),
                "it does not lie in the folder that the layer is titled by",
            ));
        };
        let path = path_of_title(path, cfg!(windows)).map_err(|why| self.refused_entry(shown.as_bytes(), &why))?;
        Ok(path)
    }

    fn create(&mut self, path: &str, executable: bool) -> Result<File, Fault> {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.make_folders(parent)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(if executable { 0o777 } else { 0o666 });
        }
        #[cfg(not(unix))]
        let _ = executable;
        let at = self.folder.join(path);
        let file = options.open(&at).map_err(|e| self.disk(&at, &e))?;
        self.unpacked.push(Unpacked {
            path: path.to_owned(),
            folder: false,
        });
        Ok(file)
    }

    /// Makes a folder and those above it. What is there must be a real folder.
    fn make_folders(&mut self, path: &str) -> Result<(), Fault> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let part = path.get(..end).unwrap_or_default();
            let at = self.folder.join(part);
            match fs::symlink_metadata(&at) {
                Ok(there) if there.is_dir() => {}
                Ok(_) => return Err(self.refused_entry(path.as_bytes(), "it lies below what is no folder")),
                Err(_) => {
                    make_folder(&at).map_err(|e| self.disk(&at, &e))?;
                    self.unpacked.push(Unpacked {
                        path: part.to_owned(),
                        folder: true,
                    });
                }
            }
        }
        Ok(())
    }

    fn copy(&mut self, path: &str, raw: &[u8], target: &[u8]) -> Result<(), Fault> {
        let source = self.path(target)?.filter(|source| self.files.contains_key(source));
        let Some(source) = source else {
            return Err(self.refused_entry(raw, "it is a hard link to what the archive did not hold before it"));
        };
        let size = self.files.get(&source).copied().unwrap_or_default();
        self.copied = self.copied.saturating_add(size);
        if self.copied > self.limits.free {
            return Err(self.refused("its hard links stand for more than it may unpack to"));
        }
        let from = self.folder.join(&source);
        let mut from = File::open(&from).map_err(|e| self.disk(&from, &e))?;
        #[cfg(unix)]
        let executable = {
            use std::os::unix::fs::PermissionsExt as _;
            from.metadata()
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
        };
        #[cfg(not(unix))]
        let executable = false;
        let mut to = self.create(path, executable)?;
        io::copy(&mut from, &mut to).map_err(|e| self.while_copying(path, &e))?;
        self.files.insert(path.to_owned(), size);
        Ok(())
    }

    fn make_links(&mut self) -> Result<(), Fault> {
        for (path, target) in std::mem::take(&mut self.links) {
            if let Some((parent, _)) = path.rsplit_once('/') {
                self.make_folders(parent)?;
            }
            let at = self.folder.join(&path);
            symlink(&target, &at).map_err(|e| self.disk(&at, &e))?;
            self.unpacked.push(Unpacked { path, folder: false });
        }
        Ok(())
    }

    fn refused(&self, why: &str) -> Fault {
        Fault::invalid(format!("folder {:?} is not unpacked: {why}", self.title)).hint(
            "the artifact is damaged or hostile: ask who made it; `--no-unpack` pulls the archive as it is, to look at",
        )
    }

    fn refused_entry(&self, name: &[u8], why: &str) -> Fault {
        let name: String = String::from_utf8_lossy(name).chars().take(200).collect();
        self.refused(&format!("entry {name:?}: {why}"))
    }

    fn unreadable(&self, error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.refused("the archive is cut short"),
            _ => self.refused("the archive cannot be read").because(error),
        }
    }

    fn while_copying(&self, path: &str, error: &io::Error) -> Fault {
        // Errors of the archive have no number of the system's.
        if error.raw_os_error().is_none() {
            return self.unreadable(error);
        }
        self.disk(&self.folder.join(path), error)
    }

    fn disk(&self, path: &Utf8Path, error: &io::Error) -> Fault {
        use io::ErrorKind::{AlreadyExists, InvalidFilename, IsADirectory, NotADirectory};
        // What the archive itself put in the way: one name twice, as file and folder, or in two cases on such a disk.
        if matches!(error.kind(), AlreadyExists | NotADirectory | IsADirectory) {
            let name = path.strip_prefix(self.folder).unwrap_or(path);
            return self.refused(&format!("two entries claim the path {name}"));
        }
        if error.kind() == InvalidFilename {
            return self.refused("an entry's name is longer than the disk takes");
        }
        Fault::infrastructure(format!("folder {:?} cannot be unpacked", self.title))
            .at(Place::file_only(self.folder))
            .because(error)
            .hint("check free space and permissions of the output folder")
    }
}

/// What follows a folder's name; the folder itself is empty.
fn strip<'n>(name: &'n str, folder: &str) -> Option<&'n str> {
    let rest = name.strip_prefix(folder)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/')
    }
}

fn make_folder(path: &Utf8Path) -> io::Result<()> {
    fs::create_dir(path)
}

fn symlink(target: &str, at: &Utf8Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(target, at)
    }
    #[cfg(windows)]
    {
        let target = camino::Utf8PathBuf::from(target.replace('/', "\\"));
        let leads_to = at.parent().unwrap_or(at).join(&target);
        if leads_to.is_dir() {
            std::os::windows::fs::symlink_dir(target, at)
        } else {
            std::os::windows::fs::symlink_file(target, at)
        }
    }
}

/// Hashes what passes, and fails once it is more than it may be.
struct Watched<R> {
    inner: R,
    left: u64,
    most: u64,
    hasher: Option<Hasher>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other(format!("it unpacks to more than {} MiB", self.most >> 20)))?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..read).unwrap_or_default());
        }
        Ok(read)
    }
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
