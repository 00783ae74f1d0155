//! What a folder holds, to see what a run changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::sha256;

/// One file as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub digest: String,
    pub size: u64,
    pub modified: SystemTime,
}

/// All files below a folder, by path with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(pub BTreeMap<String, State>);

impl Snapshot {
    /// Of a folder; one that is absent has no files.
    pub fn of(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for path in walk(folder) {
            let Ok(bytes) = fs::read(&path) else { continue };
            let modified = fs::metadata(&path)
                .and_then(|m| m.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH);
            let name = path
                .strip_prefix(folder)
                .expect("below the folder")
                .to_string_lossy()
                .replace('\\', "/");
            files.insert(
                name,
                State {
                    digest: sha256(&bytes),
                    size: bytes.len() as u64,
                    modified,
                },
            );
        }
        Self(files)
    }

    /// Paths that were added, removed, changed, or written again with the same content.
    pub fn touched(&self, later: &Self) -> Vec<String> {
        let names = self
            .0
            .keys()
            .chain(later.0.keys().filter(|name| !self.0.contains_key(*name)));
        names
            .filter(|name| self.0.get(*name) != later.0.get(*name))
            .cloned()
            .collect()
    }

    /// Paths whose content differs, whatever their times say.
    pub fn changed(&self, later: &Self) -> Vec<String> {
        let digest = |s: &Self, name: &String| s.0.get(name).map(|state| state.digest.clone());
        let names = self
            .0
            .keys()
            .chain(later.0.keys().filter(|name| !self.0.contains_key(*name)));
        names
            .filter(|name| digest(self, name) != digest(later, name))
            .cloned()
            .collect()
    }

    /// Paths in order.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// Files below a folder whose name or content holds `needle`: for secrets that must be nowhere. Content packed with gzip is
/// searched as well.
pub fn holding(folder: &Path, needle: &str) -> Vec<PathBuf> {
    let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    walk(folder)
        .into_iter()
        .filter(|path| {
            let bytes = fs::read(path).unwrap_or_default();
            let mut unpacked = Vec::new();
            if bytes.starts_with(&[0x1f, 0x8b]) {
                let gzip = flate2::read::GzDecoder::new(bytes.as_slice());
                let _ = std::io::Read::read_to_end(&mut std::io::Read::take(gzip, 256 << 20), &mut unpacked);
            }
            holds(path.to_string_lossy().as_bytes()) || holds(&bytes) || holds(&unpacked)
        })
        .collect()
}

/// All files below a folder, sorted; links are not followed.
pub fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) => files.push(entry.path()),
                Err(_) => {}
            }
        }
    }
    files.sort();
    files
}
