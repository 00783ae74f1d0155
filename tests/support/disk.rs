//! A disk as it may be after a power cut: a recording of durable operations, replayed up to any point, with what was not
//! synced by then lost in one of the ways in which file systems lose things.
//!
//! The model is the strict one of POSIX: a file's bytes are safe once the file is synced, a name once its folder is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::sha256;

type Bytes = Arc<Vec<u8>>;

/// One recorded operation, with paths relative to the project's folder.
#[derive(Debug, Clone)]
pub enum Operation {
    Folder(PathBuf),
    Create(PathBuf),
    Sync(PathBuf, Bytes),
    Rename(PathBuf, PathBuf, Bytes),
    SyncFolder(PathBuf),
    Remove(PathBuf),
}

/// Reads a recording of what happened below `folder`; what happened elsewhere is left out.
pub fn read_recording(recording: &Path, folder: &Path) -> Vec<Operation> {
    let log = fs::read_to_string(recording.join("log")).expect("a recording");
    let below = |value: &Value| {
        Path::new(value.as_str().expect("a path"))
            .strip_prefix(folder)
            .ok()
            .map(Path::to_owned)
    };
    let content = |value: &Value| -> Bytes { Arc::new(fs::read(recording.join(value.to_string())).expect("content")) };
    log.lines()
        .filter_map(|line| {
            let line: Vec<Value> = serde_json::from_str(line).expect("a line of the recording");
            let path = below(&line[1])?;
            Some(match line[0].as_str().expect("an operation") {
                "folder" => Operation::Folder(path),
                "create" => Operation::Create(path),
                "sync" => Operation::Sync(path, content(&line[2])),
                "rename" => Operation::Rename(path, below(&line[2])?, content(&line[3])),
                "sync-folder" => Operation::SyncFolder(path),
                "remove" => Operation::Remove(path),
                other => panic!("an operation {other}"),
            })
        })
        .collect()
}

/// How what was not synced is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Not at all: the process was killed, the disk went on.
    Nothing,
    /// All of it: bytes and names.
    Everything,
    /// Names are kept, the bytes are gone: files are empty, as ext4 has it without a sync before the rename.
    Emptied,
    /// Names are kept, the bytes are zeros, as XFS has it.
    Zeroed,
    /// Names are kept, of the bytes the first half.
    Halved,
    /// Each name and each file's bytes may be kept or lost: a coin is thrown for each.
    Chance(u64),
}

#[derive(Debug, Clone)]
struct File {
    now: Bytes,
    synced: Option<Bytes>,
}

#[derive(Debug, Clone)]
struct Folder {
    now: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
enum Node {
    File(File),
    Folder(Folder),
}

/// A disk on which operations are replayed one by one.
#[derive(Debug, Clone)]
pub struct Disk {
    nodes: Vec<Node>,
    /// Folders that nobody made were there before the recording.
    lenient: bool,
}

impl Disk {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            nodes: vec![Node::Folder(Folder {
                now: BTreeMap::new(),
                synced: BTreeMap::new(),
            })],
            lenient: false,
        }
    }

    /// One on which there is something already: outcomes are written over a copy of that.
    pub fn in_use() -> Self {
        Self {
            lenient: true,
            ..Self::new()
        }
    }

    pub fn replay(&mut self, operation: &Operation) {
        match operation {
            Operation::Folder(path) => {
                let number = self.add(Node::Folder(Folder {
                    now: BTreeMap::new(),
                    synced: BTreeMap::new(),
                }));
                self.link(path, number, false);
            }
            Operation::Create(path) => {
                let number = self.add(Node::File(File {
                    now: Arc::default(),
                    synced: None,
                }));
                self.link(path, number, true);
            }
            Operation::Sync(path, bytes) => {
                if let Some(number) = self.find(path) {
                    self.nodes[number] = Node::File(File {
                        now: Arc::clone(bytes),
                        synced: Some(Arc::clone(bytes)),
                    });
                }
            }
            Operation::Rename(from, to, bytes) => {
                let number = self.find(from).expect("what is renamed was created");
                if let Node::File(file) = &mut self.nodes[number] {
                    file.now = Arc::clone(bytes);
                }
                self.unlink(from);
                self.link(to, number, true);
            }
            Operation::SyncFolder(path) => {
                if let Some(Node::Folder(folder)) = self.find(path).map(|number| &mut self.nodes[number]) {
                    folder.synced = folder.now.clone();
                }
            }
            Operation::Remove(path) => self.unlink(path),
        }
    }

    /// Writes what is left after a power cut into a folder. The digest tells equal outcomes apart from new ones.
    pub fn crash(&self, loss: Loss) -> Outcome {
        let mut outcome = Outcome { files: BTreeMap::new() };
        self.survivors(0, Path::new(""), loss, &mut outcome);
        outcome
    }

    fn survivors(&self, folder: usize, at: &Path, loss: Loss, outcome: &mut Outcome) {
        let Node::Folder(folder) = &self.nodes[folder] else {
            return;
        };
        let coin = |what: &str| match loss {
            Loss::Chance(seed) => {
                sha256(format!("{seed} {what} {}", at.display()).as_bytes()).as_bytes()["sha256:".len()] % 4
            }
            _ => 0,
        };
        let mut entries = match loss {
            Loss::Everything => folder.synced.clone(),
            _ => folder.now.clone(),
        };
        if matches!(loss, Loss::Chance(_)) {
            let names: Vec<String> = folder.now.keys().chain(folder.synced.keys()).cloned().collect();
            for name in names {
                if coin(&name) < 2 {
                    match folder.synced.get(&name) {
                        Some(number) => _ = entries.insert(name, *number),
                        None => _ = entries.remove(&name),
                    }
                }
            }
        }
        for (name, number) in entries {
            let path = at.join(&name);
            let file = match &self.nodes[number] {
                Node::Folder(_) => {
                    outcome.files.insert(path.clone(), None);
                    self.survivors(number, &path, loss, outcome);
                    continue;
                }
                Node::File(file) => file,
            };
            let length = file.now.len();
            let bytes = match (&file.synced, loss) {
                (_, Loss::Nothing) => file.now.to_vec(),
                (Some(bytes), _) => bytes.to_vec(),
                (None, Loss::Everything | Loss::Emptied) => Vec::new(),
                (None, Loss::Zeroed) => vec![0; length],
                (None, Loss::Halved) => file.now[..length / 2].to_vec(),
                (None, Loss::Chance(_)) => match coin(&format!("bytes of {name}")) {
                    0 => Vec::new(),
                    1 => vec![0; length],
                    2 => file.now[..length / 2].to_vec(),
                    _ => file.now.to_vec(),
                },
            };
            outcome.files.insert(path, Some(bytes));
        }
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn find(&self, path: &Path) -> Option<usize> {
        path.iter().try_fold(0, |number, name| match &self.nodes[number] {
            Node::Folder(folder) => folder.now.get(name.to_str().expect("a plain name")).copied(),
            Node::File(_) => None,
        })
    }

    fn parent(&mut self, path: &Path) -> &mut Folder {
        let above = path.parent().expect("a folder above");
        if self.lenient {
            self.make_known(above);
        }
        let number = self
            .find(above)
            .unwrap_or_else(|| panic!("{} was made by nobody", above.display()));
        match &mut self.nodes[number] {
            Node::Folder(folder) => folder,
            Node::File(_) => panic!("{} is a file", above.display()),
        }
    }

    /// Folders that were there before are as safe as can be.
    fn make_known(&mut self, path: &Path) {
        for above in path.ancestors().collect::<Vec<_>>().into_iter().rev().skip(1) {
            if self.find(above).is_none() {
                let number = self.add(Node::Folder(Folder {
                    now: BTreeMap::new(),
                    synced: BTreeMap::new(),
                }));
                let name = above
                    .file_name()
                    .and_then(|name| name.to_str())
                    .expect("a plain name")
                    .to_owned();
                let folder = self.parent(above);
                folder.now.insert(name.clone(), number);
                folder.synced.insert(name, number);
            }
        }
    }

    fn link(&mut self, path: &Path, number: usize, replace: bool) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a plain name")
            .to_owned();
        let folder = self.parent(path);
        // Two threads may each have seen to the same folder.
        if replace || !folder.now.contains_key(&name) {
            folder.now.insert(name, number);
        }
    }

    fn unlink(&mut self, path: &Path) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a plain name")
            .to_owned();
        self.parent(path).now.remove(&name);
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

/// What is left: files with their bytes, and folders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    files: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

impl Outcome {
    /// Lays it out in a folder.
    pub fn write(&self, folder: &Path) {
        for (path, content) in &self.files {
            let path = folder.join(path);
            match content {
                None => fs::create_dir_all(path).expect("a folder"),
                Some(bytes) => {
                    fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
                    fs::write(path, bytes).expect("a file");
                }
            }
        }
    }
}
