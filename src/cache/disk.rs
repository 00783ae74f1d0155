//! The cache folder: action entries over contents.

use std::fs::{self, File};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::cas::Read;
use super::{ActionResult, Cas, KeyDocument, Output, cas};
use crate::digest::Digest;
use crate::durable;
use crate::event::{Event, Events};
use crate::fault::{Fault, Place};

/// Action entries are small; a larger file is damage.
pub(super) const MAX_ENTRY: u64 = 1 << 20;

/// The standard tag (bford.info/cachedir) that tells backup programs to leave the folder out.
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Cache of aosm-build; safe to delete.\n";

/// The cache of one project (or of many, through `AOSM_CACHE_DIR`).
pub struct Cache {
    root: Utf8PathBuf,
    cas: Cas,
    events: Events,
    /// Held while this run uses the cache; pruning takes it exclusively.
    _lock: Option<File>,
}

impl Cache {
    /// Opens (and on first use makes) a cache folder. An unwritable one is an error with its place.
    pub fn open(root: &Utf8Path, events: Events) -> Result<Arc<Self>, Fault> {
        let fail = |e: std::io::Error| {
            Fault::infrastructure(format!("the cache folder cannot be written: {root}"))
                .at(Place::file_only(root))
                .because(e)
                .hint("make it writable, or name another folder in the environment variable AOSM_CACHE_DIR")
        };
        for (name, text) in [
            ("CACHEDIR.TAG", CACHEDIR_TAG),
            (".gitignore", "*\n"),
            ("version", "1\n"),
        ] {
            let path = root.join(name);
            // Longer ones, and folders, are somebody else's: AOSM_CACHE_DIR may name any folder. Damage is not longer.
            let ours = match fs::metadata(&path) {
                Ok(meta) => meta.is_file() && meta.len() <= text.len() as u64,
                Err(_) => true,
            };
            if ours && fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
                cas::write(root, &path, text.as_bytes()).map_err(fail)?;
            }
        }
        cas::sweep(root);
        Ok(Arc::new(Self {
            root: root.to_owned(),
            cas: Cas::new(root),
            events,
            _lock: shared_lock(root),
        }))
    }

    /// The folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The contents.
    pub fn cas(&self) -> &Cas {
        &self.cas
    }

    /// Has no step ever been kept here?
    pub fn is_cold(&self) -> bool {
        fs::read_dir(self.root.join("ac")).map_or(true, |mut entries| entries.next().is_none())
    }

    /// The result of a step, if its entry is whole and all its outputs are there.
    pub fn lookup(&self, key: &Digest) -> Option<ActionResult> {
        let path = self.entry_path(key);
        let meta = fs::metadata(&path).ok()?;
        let bytes = if meta.len() <= MAX_ENTRY {
            fs::read(&path).ok()?
        } else {
            Vec::new()
        };
        let Some(result) = ActionResult::parse(&bytes) else {
            let _ = durable::remove_file(&path);
            self.warn_damaged(&path);
            return None;
        };
        result
            .outputs
            .iter()
            .all(|o| self.cas.has(&o.digest, o.size))
            .then_some(result)
    }

    /// One output's bytes, verified; `None` (with a warning if it was damaged) when the step must run again.
    pub fn output(&self, output: &Output) -> Option<Vec<u8>> {
        match self.cas.read(&output.digest) {
            Read::Found(bytes) => Some(bytes),
            Read::Absent => None,
            Read::Damaged => {
                self.warn_damaged(&self.cas.path(&output.digest));
                None
            }
        }
    }

    /// Keeps a step's outputs: contents, then the key document, then the entry that names them.
    pub fn store(&self, document: &KeyDocument, outputs: &[(&str, &[u8])]) -> Result<ActionResult, Fault> {
        let put = |bytes: &[u8]| self.cas.put(bytes).map_err(|e| self.cannot_write(&e));
        let mut result = ActionResult::default();
        for (path, bytes) in outputs {
            result.outputs.push(Output {
                path: (*path).to_owned(),
                digest: put(bytes)?,
                size: bytes.len() as u64,
            });
        }
        result.outputs.sort_by(|a, b| a.path.cmp(&b.path));
        let key = put(&document.bytes())?;
        let path = self.entry_path(&key);
        cas::write(&self.root, &path, &result.bytes()).map_err(|e| self.cannot_write(&e))?;
        Ok(result)
    }

    fn cannot_write(&self, error: &std::io::Error) -> Fault {
        Fault::infrastructure(format!("cannot write to the cache {}", self.root))
            .because(error)
            .hint("free some space, or name another folder in AOSM_CACHE_DIR")
    }

    /// A key document kept by an earlier run.
    pub fn document(&self, key: &Digest) -> Option<KeyDocument> {
        KeyDocument::parse(&self.cas.get(key)?)
    }

    fn entry_path(&self, key: &Digest) -> Utf8PathBuf {
        let hex = key.hex();
        self.root.join("ac").join(hex.get(..2).unwrap_or("00")).join(hex)
    }

    fn warn_damaged(&self, path: &Utf8Path) {
        self.events.emit(Event::Fault(
            Fault::warning("a damaged cache entry was dropped; what it held is made again").at(Place::file_only(path)),
        ));
    }
}

/// The cache's own lock: shared by users, exclusive for pruning. Where locks are not supported, none is held.
fn shared_lock(root: &Utf8Path) -> Option<File> {
    let file = File::options()
        .create(true)
        .read(true)
        .append(true)
        .open(root.join("lock"))
        .ok()?;
    file.lock_shared().ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;
    use crate::event::Silent;

    fn cache() -> (tempfile::TempDir, Arc<Cache>) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().join("cache")).unwrap();
        let cache = Cache::open(&root, Arc::new(Silent)).unwrap();
        (folder, cache)
    }

    #[test]
    fn what_was_stored_is_found_under_its_key() {
        let (_folder, cache) = cache();
        let document = KeyDocument::new("render", 1).field("release", "x");
        let stored = cache.store(&document, &[("rendered.yaml", b"a: 1\n")]).unwrap();
        let found = cache.lookup(&document.key()).unwrap();
        assert_eq!(found, stored);
        assert_eq!(cache.output(found.output("rendered.yaml").unwrap()).unwrap(), b"a: 1\n");
        assert_eq!(cache.document(&document.key()), Some(document));
    }

    #[test]
    fn any_cut_or_flipped_byte_is_a_miss_and_never_an_error() {
        let (_folder, cache) = cache();
        let document = KeyDocument::new("render", 1).field("release", "x");
        let content = b"image: a:1\n";
        let stored = cache.store(&document, &[("rendered.yaml", content)]).unwrap();
        let output = stored.output("rendered.yaml").unwrap().clone();
        for path in [cache.entry_path(&document.key()), cache.cas.path(&output.digest)] {
            let whole = fs::read(&path).unwrap();
            for at in 0..whole.len() {
                for damaged in [whole[..at].to_vec(), {
                    let mut flipped = whole.clone();
                    flipped[at] ^= 0x20;
                    flipped
                }] {
                    fs::write(&path, &damaged).unwrap();
                    // Either it is a miss, or what comes back is exactly what was stored.
                    if let Some(found) = cache.lookup(&document.key())
                        && let Some(bytes) = found.output("rendered.yaml").and_then(|o| cache.output(o))
                    {
                        assert_eq!(bytes, content);
                    }
                    cache.store(&document, &[("rendered.yaml", content)]).unwrap();
                    fs::write(&path, &whole).unwrap();
                }
            }
        }
    }

    #[test]
    fn an_entry_whose_content_is_gone_is_a_miss() {
        let (_folder, cache) = cache();
        let document = KeyDocument::new("render", 1);
        let stored = cache.store(&document, &[("rendered.yaml", b"x")]).unwrap();
        fs::remove_file(cache.cas.path(&stored.outputs[0].digest)).unwrap();
        assert_eq!(cache.lookup(&document.key()), None);
    }

    #[test]
    fn two_caches_merge_by_plain_union_of_files() {
        let (_a, first) = cache();
        let (_b, second) = cache();
        let one = KeyDocument::new("render", 1).field("release", "one");
        let two = KeyDocument::new("render", 1).field("release", "two");
        first.store(&one, &[("rendered.yaml", b"1")]).unwrap();
        second.store(&two, &[("rendered.yaml", b"2")]).unwrap();
        copy_tree(second.root(), first.root());
        assert!(first.lookup(&one.key()).is_some());
        assert!(first.lookup(&two.key()).is_some());
    }

    fn copy_tree(from: &Utf8Path, to: &Utf8Path) {
        for entry in from.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                fs::create_dir_all(&target).unwrap();
                copy_tree(entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}
