//! The tags of the store: what is on disk, and what waits to be written there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::blobs::Blobs;
use super::files::Files;
use super::stamp::Stamp;
use crate::digest::Digest;
use crate::oci::layout::{LayoutIndex, REF_NAME};
use crate::oci::manifest::OCI_INDEX;
use crate::oci::{Descriptor, ErrorKind, Guard, OciError};

/// With this many tags waiting they are written: what a kill costs at most.
const MANY: usize = 64;

/// So many bytes since the last flush are written too: what the next run would have to hash again.
const MUCH: u64 = 1024 * 1024 * 1024;

/// Tags of one store.
#[derive(Debug, Default)]
pub(super) struct Tags {
    disk: Mutex<Option<Held>>,
    waiting: Mutex<Waiting>,
    /// One flush at a time within this process; between processes the file lock sees to it.
    flushing: Mutex<()>,
}

/// The index as it was read, with the stat it had.
#[derive(Debug, Clone)]
struct Held {
    stamp: Option<Stamp>,
    names: Arc<Names>,
}

/// What an index says of names.
#[derive(Debug, Default)]
struct Names {
    /// The first entry of a name counts, as for other readers.
    roots: HashMap<String, Descriptor>,
    /// Names with several entries that differ: readers may take either.
    twice: BTreeSet<String>,
    /// What is wrong with the index as a whole.
    damaged: Option<String>,
}

impl Names {
    fn of(index: &LayoutIndex, damaged: Option<String>) -> Self {
        let mut names = Self {
            damaged,
            ..Self::default()
        };
        for entry in &index.manifests {
            let Some(name) = entry.annotations.get(REF_NAME) else {
                continue;
            };
            let root = Descriptor::new(entry.media_type.clone(), entry.digest.clone(), entry.size);
            match names.roots.get(name) {
                Some(first) if *first != root => _ = names.twice.insert(name.clone()),
                Some(_) => {}
                None => _ = names.roots.insert(name.clone(), root),
            }
        }
        names
    }

    /// Is there exactly this under a name?
    fn says(&self, name: &str, root: &Descriptor) -> bool {
        self.roots.get(name) == Some(root) && !self.twice.contains(name)
    }
}

/// What a name holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    Nothing,
    Root(Descriptor),
    /// The index cannot be trusted about it; why, in words.
    Unclear(Option<Descriptor>, String),
}

#[derive(Debug, Default)]
struct Waiting {
    tags: BTreeMap<String, (Descriptor, Guard)>,
    /// Races lost at an earlier flush, for the last one to report.
    lost: Vec<OciError>,
}

impl Tags {
    /// What a name holds on disk.
    pub(super) fn held(&self, files: &Files, name: &str) -> Result<Holds, OciError> {
        let names = self.read(files)?;
        let root = names.roots.get(name).cloned();
        Ok(match (&names.damaged, root) {
            (Some(why), root) => Holds::Unclear(root, why.clone()),
            (None, Some(root)) if names.twice.contains(name) => {
                Holds::Unclear(Some(root), "index.json has two entries of this name".to_owned())
            }
            (None, Some(root)) => Holds::Root(root),
            (None, None) => Holds::Nothing,
        })
    }

    /// All names on disk, sorted.
    pub(super) fn names(&self, files: &Files) -> Result<Vec<String>, OciError> {
        let mut names: Vec<String> = self.read(files)?.roots.keys().cloned().collect();
        names.sort();
        Ok(names)
    }

    /// May `name` be given to `root`? Looks at the disk and at what waits.
    pub(super) fn check(&self, files: &Files, name: &str, root: &Descriptor, guard: &Guard) -> Result<(), OciError> {
        let waiting = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tags
            .get(name)
            .cloned();
        if let Some((other, _)) = waiting {
            // Within one run nothing may replace what the run itself put there.
            return allow(name, &other.digest, root, &Guard::Create);
        }
        match self.held(files, name)? {
            Holds::Root(held) | Holds::Unclear(Some(held), _) => allow(name, &held.digest, root, guard),
            Holds::Nothing | Holds::Unclear(None, _) => Ok(()),
        }
    }

    /// Lets a name wait to be written. Everything below `root` is in place.
    pub(super) fn add(&self, files: &Files, name: &str, root: &Descriptor, guard: &Guard) -> Result<(), OciError> {
        self.check(files, name, root, guard)?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((other, _)) = waiting.tags.get(name) {
            return allow(name, &other.digest, root, &Guard::Create);
        }
        let plain = Descriptor::new(root.media_type.clone(), root.digest.clone(), root.size);
        waiting.tags.insert(name.to_owned(), (plain, guard.clone()));
        Ok(())
    }

    /// Flushes when many tags or bytes wait. Races lost are left for [`Self::flush`], since they are another step's.
    pub(super) fn flush_when_many(&self, files: &Files, blobs: &Blobs) -> Result<(), OciError> {
        let count = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).tags.len();
        if count < MANY && blobs.unsynced_bytes() < MUCH {
            return Ok(());
        }
        self.write_waiting(files, blobs)
    }

    /// Brings blobs and then tags to the disk. A tag that somebody else wrote meanwhile, against its guard, is left
    /// alone and reported; the others are written.
    pub(super) fn flush(&self, files: &Files, blobs: &Blobs) -> Result<(), OciError> {
        self.write_waiting(files, blobs)?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lost = std::mem::take(&mut waiting.lost).into_iter();
        let Some(mut first) = lost.next() else { return Ok(()) };
        for other in lost {
            first.detail = format!("{}; {}: {}", first.detail, other.subject, other.detail);
        }
        Err(first)
    }

    fn write_waiting(&self, files: &Files, blobs: &Blobs) -> Result<(), OciError> {
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        // Copied, not taken: should anything fail, they still wait.
        let tags = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).tags.clone();
        blobs.sync(files)?;
        if tags.is_empty() {
            return Ok(());
        }
        let lock = files.lock_index()?;
        let mut found = files.read_index()?;
        let held = Names::of(&found.index, found.damaged.clone());
        let mut lost = Vec::new();
        let mut changes: BTreeMap<&str, &Descriptor> = BTreeMap::new();
        for (name, (root, guard)) in &tags {
            match held.roots.get(name) {
                _ if held.says(name, root) => {}
                Some(there) => match allow(name, &there.digest, root, guard) {
                    Ok(()) => _ = changes.insert(name, root),
                    Err(error) => lost.push(error),
                },
                None => _ = changes.insert(name, root),
            }
        }
        if !changes.is_empty() || found.damaged.is_some() {
            merge(&mut found.index, &changes);
            files.write_index(&found.index, found.lost.as_deref())?;
        }
        drop(lock);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting
            .tags
            .retain(|name, (root, _)| tags.get(name).is_none_or(|(done, _)| done.digest != root.digest));
        waiting.lost.extend(lost);
        Ok(())
    }

    /// The index on disk, read again only when its stat changed.
    fn read(&self, files: &Files) -> Result<Arc<Names>, OciError> {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = std::fs::metadata(files.index_path()).ok().map(|m| Stamp::of(&m));
        if let Some(held) = disk.as_ref().filter(|held| held.stamp == stamp) {
            return Ok(Arc::clone(&held.names));
        }
        let found = files.read_index()?;
        let names = Arc::new(Names::of(&found.index, found.damaged));
        *disk = Some(Held {
            stamp,
            names: Arc::clone(&names),
        });
        Ok(names)
    }
}

fn allow(name: &str, held: &Digest, root: &Descriptor, guard: &Guard) -> Result<(), OciError> {
    if guard.allows(held, &root.digest) {
        return Ok(());
    }
    let detail = format!(
        "it names {held}, not what was planned for; {} was to be written",
        root.digest
    );
    Err(OciError::new(ErrorKind::Conflict, "tag", name, detail)
        .hint("somebody else filled this store meanwhile: look at a new plan"))
}

/// Puts changes into an index; everything that others wrote there stays.
fn merge(index: &mut LayoutIndex, changes: &BTreeMap<&str, &Descriptor>) {
    index.media_type = Some(OCI_INDEX.to_owned());
    index.manifests.retain(|entry| {
        entry
            .annotations
            .get(REF_NAME)
            .is_none_or(|name| !changes.contains_key(name.as_str()))
    });
    for (name, root) in changes {
        let mut entry = (*root).clone();
        entry.annotations.insert(REF_NAME.to_owned(), (*name).to_owned());
        index.manifests.push(entry);
    }
    // Named ones first, by name: the same content gives the same bytes whatever the order it came in.
    index.manifests.sort_by(|a, b| {
        let key = |d: &Descriptor| {
            let name = d.annotations.get(REF_NAME).cloned();
            (name.is_none(), name, d.digest.clone())
        };
        key(a).cmp(&key(b))
    });
}
