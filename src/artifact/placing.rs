//! Giving pulled files their names: what is in the way is found before anything is written, and again right before.
//!
//! Everything comes from one temporary folder inside the output folder, hence from the same disk: giving a name is a
//! rename. No folder on the way to a name may be a link: a link that lies in the output folder, whoever made it, leads
//! nothing out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::{NamedTempFile, TempDir};

use super::pull::{Item, Pulled};
use super::pull_name::{Claim, Claims};
use super::unpack::Unpacked;
use crate::digest::Digest;
use crate::durable;
use crate::fault::{Fault, Faults, Place, some_of};

/// How the temporary folders are called.
const PREFIX: &str = ".aosm-pull.tmp-";

/// A temporary folder to which nobody wrote for this long is a leftover of a killed pull.
const LEFT_OVER: Duration = Duration::from_secs(24 * 3600);

/// The temporary folder of one pull; it goes with the last user.
pub(super) struct Staging {
    folder: TempDir,
    root: Utf8PathBuf,
    made: AtomicU64,
}

impl Staging {
    /// Makes the output folder if it is not there, and a temporary one in it. Leftovers of killed pulls are removed.
    pub fn new(output: &Utf8Path) -> Result<Self, Fault> {
        let failed = |e: &io::Error| cannot_write(output, e);
        durable::create_dir_all(output).map_err(|e| failed(&e))?;
        sweep(output);
        durable::boundary("create temporary folder");
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(output)
            .map_err(|e| failed(&e))?;
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned())
            .map_err(|_| failed(&io::Error::other("the folder's name is not UTF-8")))?;
        Ok(Self {
            folder,
            root,
            made: AtomicU64::new(0),
        })
    }

    /// A new file in it.
    pub fn file(&self) -> Result<NamedTempFile, Fault> {
        durable::append_temp(&self.root).map_err(|e| self.disk(&e))
    }

    /// The path of a folder in it that is not there yet.
    pub fn folder(&self) -> Utf8PathBuf {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.root.join(format!("folder-{number}"))
    }

    /// An error of the disk below.
    pub fn disk(&self, error: &io::Error) -> Fault {
        let output = self.folder.path().parent().and_then(Utf8Path::from_path);
        cannot_write(output.unwrap_or(&self.root), error)
    }
}

/// Removes temporary folders that killed pulls left. Failures are of no consequence: a later pull tries again.
fn sweep(output: &Utf8Path) {
    let Ok(entries) = output.read_dir_utf8() else { return };
    for entry in entries.take(10_000).flatten() {
        let ours = entry.file_name().starts_with(PREFIX) && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if ours && age(entry.path()).is_some_and(|age| age >= LEFT_OVER) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// How long ago something was last written in a folder, looking one level deep: where downloads lie.
fn age(folder: &Utf8Path) -> Option<Duration> {
    let modified = |path: &Utf8Path| fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).ok();
    let newest = folder
        .read_dir_utf8()
        .ok()?
        .flatten()
        .filter_map(|entry| modified(entry.path()))
        .chain(modified(folder))
        .max()?;
    SystemTime::now().duration_since(newest).ok()
}

/// What waits for its name.
pub(super) enum Staged {
    File {
        /// Below the output folder.
        path: String,
        file: NamedTempFile,
    },
    Folder {
        /// Below the output folder; empty for that folder itself.
        path: String,
        /// Where it is now.
        at: Utf8PathBuf,
        unpacked: Vec<Unpacked>,
    },
}

/// What was found before anything was read.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// What has to be pulled.
    pub missing: Vec<Item>,
    /// What is there already, with the right content.
    pub present: BTreeMap<String, Pulled>,
}

/// Where files go, and whether they may replace others.
#[derive(Debug, Clone)]
pub(super) struct Placing {
    output: Utf8PathBuf,
    overwrite: bool,
}

impl Placing {
    pub fn new(output: &Utf8Path, overwrite: bool) -> Self {
        Self {
            output: output.to_owned(),
            overwrite,
        }
    }

    /// Finds what is there, right or in the way. Fails with everything that is in the way.
    pub fn look(&self, items: Vec<Item>) -> Result<Looked, Faults> {
        let mut looked = Looked::default();
        let mut conflicts = Conflicts::default();
        if self.output.exists() && !self.output.is_dir() {
            return Err(Fault::invalid(format!("{} is no folder", self.output))
                .at(Place::file_only(&self.output))
                .hint("name a folder with -o, or one that is not there yet")
                .into());
        }
        for item in items {
            if let Some(link) = self.link_above(&item.path) {
                conflicts.links.push(link);
                continue;
            }
            match fs::symlink_metadata(self.output.join(&item.path)) {
                Err(_) => looked.missing.push(item),
                // Whether a folder's files are in the way shows when they are unpacked.
                Ok(there) if item.unpack && there.is_dir() => looked.missing.push(item),
                Ok(there) if !item.unpack && there.is_file() && self.same(&item, there.len()) => {
                    looked.present.insert(item.path, Pulled::Present);
                }
                Ok(there) if self.overwrite && !item.unpack && !there.is_dir() => looked.missing.push(item),
                Ok(there) => conflicts.add(item.path, self.overwrite && (item.unpack != there.is_dir())),
            }
        }
        conflicts.into_result(self).map(|()| looked)
    }

    /// Is the file there the layer already?
    fn same(&self, item: &Item, size: u64) -> bool {
        if size != item.layer.size {
            return false;
        }
        let Ok(mut file) = fs::File::open(self.output.join(&item.path)) else {
            return false;
        };
        let mut hasher = item.layer.digest.verifier();
        let mut buffer = vec![0_u8; 128 * 1024];
        loop {
            match io::Read::read(&mut file, &mut buffer) {
                Ok(0) => return hasher.finish() == item.layer.digest,
                Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// The first link on the way to a path, below the output folder.
    fn link_above(&self, path: &str) -> Option<String> {
        path.match_indices('/')
            .map(|(at, _)| path.get(..at).unwrap_or_default())
            .find(|part| fs::symlink_metadata(self.output.join(part)).is_ok_and(|there| there.is_symlink()))
            .map(str::to_owned)
    }

    /// Gives everything its name. What is in the way is listed whole before the first is moved.
    pub fn place(&self, staged: Vec<Staged>) -> Result<BTreeMap<String, Pulled>, Faults> {
        let mut moves = Vec::new();
        let mut outcomes = BTreeMap::new();
        let mut claims = Claims::new(cfg!(any(windows, target_os = "macos")));
        let mut twice = BTreeSet::new();
        let mut claim = |path: &str, what: Claim| {
            if let Err(other) = claims.claim(path, what) {
                twice.insert(other);
            }
        };
        for staged in staged {
            match staged {
                Staged::File { path, file } => {
                    claim(&path, Claim::File);
                    outcomes.insert(path.clone(), Pulled::Written);
                    moves.push(Move::File(path, file));
                }
                Staged::Folder { path, at, unpacked } => {
                    if !path.is_empty() {
                        claim(&path, Claim::Folder);
                    }
                    for item in &unpacked {
                        let what = if item.folder { Claim::Folder } else { Claim::File };
                        claim(&below(&path, &item.path), what);
                    }
                    outcomes.insert(path.clone(), Pulled::Unpacked);
                    moves.extend(self.moves_of_folder(&path, &at, unpacked));
                }
            }
        }
        let twice = twice.into_iter().map(|path| {
            Fault::invalid(format!("two layers hold {path:?}"))
                .hint("pull one of them only, with --media-type; or ask who made the artifact")
        });
        twice.collect::<Faults>().into_result(())?;
        self.check(&moves)?;
        for step in moves {
            self.carry_out(step)?;
        }
        Ok(outcomes)
    }

    /// A folder that is not there is moved as a whole, else what is in it one by one.
    fn moves_of_folder(&self, path: &str, at: &Utf8Path, unpacked: Vec<Unpacked>) -> Vec<Move> {
        if fs::symlink_metadata(self.output.join(path)).is_err() {
            return vec![Move::Whole(path.to_owned(), at.to_owned())];
        }
        unpacked
            .into_iter()
            .map(|item| {
                let to = below(path, &item.path);
                if item.folder {
                    Move::Folder(to)
                } else {
                    Move::One(to, at.join(&item.path))
                }
            })
            .collect()
    }

    fn check(&self, moves: &[Move]) -> Result<(), Faults> {
        let mut conflicts = Conflicts::default();
        for step in moves {
            let path = step.path();
            if let Some(link) = self.link_above(path) {
                conflicts.links.push(link);
                continue;
            }
            let Ok(there) = fs::symlink_metadata(self.output.join(path)) else {
                continue;
            };
            match step {
                Move::Folder(_) if there.is_dir() => {}
                Move::File(..) if self.overwrite && !there.is_dir() => {}
                Move::One(_, from) => {
                    let same = || there.is_file() && same_files(from, &self.output.join(path)).unwrap_or(false);
                    let replaceable = self.overwrite && !there.is_dir();
                    if !replaceable && !same() {
                        conflicts.add(path.to_owned(), self.overwrite);
                    }
                }
                _ => conflicts.add(path.to_owned(), self.overwrite),
            }
        }
        conflicts.into_result(self)
    }

    fn carry_out(&self, step: Move) -> Result<(), Fault> {
        let to = self.output.join(step.path());
        let failed = |e: io::Error| cannot_write(&to, &e);
        let parent = to.parent().unwrap_or(&self.output);
        durable::create_dir_all(parent).map_err(failed)?;
        match step {
            Move::File(_, file) => durable::persist(file, &to, durable::Sync::Yes).map_err(failed),
            Move::Folder(_) => durable::create_dir_all(&to).map_err(failed),
            Move::Whole(_, from) | Move::One(_, from) => {
                durable::boundary("rename unpacked folder or file into place");
                fs::rename(from, &to).map_err(failed)
            }
        }
    }
}

/// One step of placing, by its path below the output folder.
enum Move {
    /// A file that is verified and synced.
    File(String, NamedTempFile),
    /// A folder that is to be there.
    Folder(String),
    /// An unpacked folder, whole.
    Whole(String, Utf8PathBuf),
    /// An unpacked file or link.
    One(String, Utf8PathBuf),
}

impl Move {
    fn path(&self) -> &str {
        match self {
            Self::File(path, _) | Self::Folder(path) | Self::Whole(path, _) | Self::One(path, _) => path,
        }
    }
}

fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() {
        path.to_owned()
    } else {
        format!("{folder}/{path}")
    }
}

fn same_files(one: &Utf8Path, other: &Utf8Path) -> io::Result<bool> {
    if !fs::symlink_metadata(one)?.is_file() {
        return Ok(false);
    }
    Ok(Digest::of_reader(fs::File::open(one)?)? == Digest::of_reader(fs::File::open(other)?)?)
}

/// What is in the way.
#[derive(Default)]
struct Conflicts {
    /// Files that `--overwrite` would replace.
    files: Vec<String>,
    /// Folders where files belong, and files where folders belong.
    kinds: Vec<String>,
    links: Vec<String>,
}

impl Conflicts {
    fn add(&mut self, path: String, of_kind: bool) {
        if of_kind {
            self.kinds.push(path);
        } else {
            self.files.push(path);
        }
    }

    fn into_result(mut self, placing: &Placing) -> Result<(), Faults> {
        let mut faults = Faults::new();
        self.links.sort();
        self.links.dedup();
        let output = &placing.output;
        let mut tell = |paths: &[String], what: &str, hint: &str| {
            if !paths.is_empty() {
                let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
                faults.push(
                    Fault::invalid(format!("{what} in {output}: {}", some_of(&paths)))
                        .at(Place::file_only(output))
                        .hint(hint),
                );
            }
        };
        tell(
            &self.files,
            "there already, with other content,",
            "nothing was written; --overwrite replaces them, -o names another folder",
        );
        tell(
            &self.kinds,
            "a file where a folder belongs, or a folder where a file belongs,",
            "nothing was written; move it away, or name another folder with -o",
        );
        tell(
            &self.links,
            "links where folders belong",
            "nothing was written, as links may lead out of the folder: remove them, or name another folder with -o",
        );
        faults.into_result(()).map(|_| ())
    }
}

fn cannot_write(path: &Utf8Path, error: &io::Error) -> Fault {
    Fault::infrastructure(format!("{path} cannot be written"))
        .at(Place::file_only(path))
        .because(durable::words(error))
        .hint("check free space and permissions, or name another folder with -o")
}
