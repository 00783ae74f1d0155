//! Looking at a cache folder without changing it.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::disk::MAX_ENTRY;
use super::{ActionResult, Cas};

/// Entries looked at; there may be more.
const MOST: u64 = 20_000;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheSurvey {
    /// Entries of steps that were looked at.
    pub entries: u64,
    /// Those that cannot be read, or whose outputs are not all there in full. They are made again when they are needed.
    pub damaged: u64,
}

/// Looks at a cache folder: every entry is read, and the sizes of what it names are compared. Contents are not hashed.
pub fn survey(root: &Utf8Path) -> CacheSurvey {
    let cas = Cas::new(root);
    let mut found = CacheSurvey::default();
    for folder in entries(&root.join("ac")) {
        for path in entries(&folder) {
            if found.entries >= MOST {
                return found;
            }
            found.entries += 1;
            let small = fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_ENTRY);
            let bytes = if small {
                fs::read(&path).unwrap_or_default()
            } else {
                Vec::new()
            };
            let whole = ActionResult::parse(&bytes)
                .is_some_and(|result| result.outputs.iter().all(|output| cas.has(&output.digest, output.size)));
            found.damaged += u64::from(!whole);
        }
    }
    found
}

fn entries(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let listed = folder.read_dir_utf8().into_iter().flatten();
    listed.filter_map(|entry| Some(entry.ok()?.into_path())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use std::sync::Arc;

    use super::*;
    use crate::cache::{Cache, KeyDocument};
    use crate::event::Silent;

    #[test]
    fn damage_is_counted_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().join("cache")).unwrap();
        assert_eq!(survey(&root), CacheSurvey::default());
        let cache = Cache::open(&root, Arc::new(Silent)).unwrap();
        for name in ["one", "two", "three"] {
            let document = KeyDocument::new("render", 1).field("release", name);
            cache.store(&document, &[("rendered.yaml", name.as_bytes())]).unwrap();
        }
        assert_eq!(survey(&root), CacheSurvey { entries: 3, damaged: 0 });
        let gone = cache.cas().path(&crate::digest::Digest::of(b"one"));
        fs::remove_file(gone).unwrap();
        let entry = entries(&entries(&root.join("ac"))[0]).remove(0);
        let before = survey(&root).damaged;
        assert_eq!(before, 1);
        fs::write(&entry, "cut").unwrap();
        assert!(survey(&root).damaged >= 1);
        assert_eq!(fs::read(&entry).unwrap(), b"cut");
    }
}
