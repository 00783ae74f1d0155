//! The tags of the store: what is on disk, and what waits to be written there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::blobs::Blobs;
use super::files::Files;

use crate::digest::Digest;
use crate::oci::layout::{LayoutIndex, REF_NAME, ReferrersMap, Stamp};
use crate::oci::manifest::OCI_INDEX;
use crate::oci::referrer::{described, subject_of};
use crate::oci::{Descriptor, ErrorKind, Guard, OciError};

/// With this many tags waiting they are written: what a kill costs at most.
const MANY: usize = 64;

/// So many bytes since the last flush are written too: what the next run would have to hash again.
const MUCH: u64 = 1024 * 1024 * 1024;

/// The name of an entry: `repository:tag`; in the layout itself, which has no repository, the tag as it stands.
pub(super) fn full_name(repository: &str, tag: &str) -> String {
    if repository.is_empty() {
        return tag.to_owned();
    }
    format!("{repository}:{tag}")
}

/// Tags of one store, and the manifests that it lists without one because they refer to others.
#[derive(Debug, Default)]
pub(super) struct Tags {
    disk: Mutex<Option<Held>>,
    /// Who refers to whom, while the index has this stat.
    referrers: Mutex<Option<(Stamp, Arc<ReferrersMap>)>>,
    waiting: Mutex<Waiting>,
    /// When this process last named a manifest, by the clock of [`Blobs`].
    named: Mutex<HashMap<Digest, u64>>,
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
    /// Every entry, named or not, by digest.
    entries: HashMap<Digest, Descriptor>,
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
            let root = plain(entry);
            names.entries.entry(root.digest.clone()).or_insert_with(|| root.clone());
            let Some(name) = entry.annotations.get(REF_NAME) else {
                continue;
            };
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
    /// Manifests that refer to another, with the subject of each.
    referrers: BTreeMap<Digest, (Digest, Descriptor)>,
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

    /// Lets a manifest that refers to another wait to be listed. Others need no entry of their own.
    pub(super) fn list_referrer(&self, blobs: &Blobs, manifest: &Descriptor, bytes: &[u8]) {
        if let Some(subject) = subject_of(bytes) {
            let entry = described(manifest, bytes);
            self.waiting()
                .referrers
                .insert(manifest.digest.clone(), (subject, entry));
            self.note_named(blobs, &manifest.digest);
        }
    }

    /// Everything below a manifest is counted on until it is named; from now on its name says so.
    fn note_named(&self, blobs: &Blobs, digest: &Digest) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.insert(digest.clone(), blobs.tick());
    }

    /// When this process last named a manifest; 0: never.
    pub(super) fn named_at(&self, digest: &Digest) -> u64 {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.get(digest).copied().unwrap_or(0)
    }

    /// What refers to a subject, as far as it waits to be written.
    pub(super) fn waiting_referrers_of(&self, subject: &Digest) -> Vec<Descriptor> {
        let waiting = self.waiting();
        let of_subject = waiting.referrers.values().filter(|(of, _)| of == subject);
        of_subject.map(|(_, entry)| entry.clone()).collect()
    }

    /// What refers to a subject on disk.
    pub(super) fn referrers_of(&self, files: &Files, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        let stamp = std::fs::metadata(files.index_path()).ok().map(|m| Stamp::of(&m));
        let mut held = self.referrers.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some((known, map)), Some(stamp)) = (&*held, &stamp)
            && known == stamp
        {
            return Ok(map.of(subject));
        }
        let found = files.read_index()?;
        if let Some(why) = found.damaged {
            let place = files.root().as_str();
            return Err(OciError::new(ErrorKind::Corrupt, "list referrers", place, why)
                .hint("nobody can tell what it held: apply writes a new index"));
        }
        let map = Arc::new(ReferrersMap::of_folder(files.root(), found.index.manifests)?);
        // What was not there may come without the index changing.
        *held = stamp
            .filter(|_| map.missing == 0)
            .map(|stamp| (stamp, Arc::clone(&map)));
        Ok(map.of(subject))
    }

    /// What a name is about to hold.
    pub(super) fn waiting_root(&self, name: &str) -> Option<Descriptor> {
        self.waiting().tags.get(name).map(|(root, _)| root.clone())
    }

    /// The entry of a digest, on disk or waiting, without its annotations.
    pub(super) fn entry_of(&self, files: &Files, digest: &Digest) -> Result<Option<Descriptor>, OciError> {
        {
            let waiting = self.waiting();
            let tagged = waiting.tags.values().map(|(root, _)| root);
            let referrers = waiting.referrers.values().map(|(_, entry)| entry);
            if let Some(entry) = tagged.chain(referrers).find(|entry| entry.digest == *digest) {
                return Ok(Some(plain(entry)));
            }
        }
        Ok(self.read(files)?.entries.get(digest).cloned())
    }

    /// All names, on disk or waiting, sorted.
    pub(super) fn all_names(&self, files: &Files) -> Result<BTreeSet<String>, OciError> {
        let read = self.read(files)?;
        if let Some(why) = &read.damaged {
            let place = files.root().as_str();
            return Err(OciError::new(ErrorKind::Corrupt, "list tags", place, why)
                .hint("look at index.json there: nobody can tell what it held"));
        }
        let mut names: BTreeSet<String> = read.roots.keys().cloned().collect();
        names.extend(self.waiting().tags.keys().cloned());
        Ok(names)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub(super) fn add(
        &self,
        files: &Files,
        blobs: &Blobs,
        name: &str,
        root: &Descriptor,
        guard: &Guard,
    ) -> Result<(), OciError> {
        self.check(files, name, root, guard)?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((other, _)) = waiting.tags.get(name) {
            return allow(name, &other.digest, root, &Guard::Create);
        }
        waiting.tags.insert(name.to_owned(), (plain(root), guard.clone()));
        self.note_named(blobs, &root.digest);
        Ok(())
    }

    /// Flushes when many tags or bytes wait. Races lost are left for [`Self::flush`], since they are another step's.
    pub(super) fn flush_when_many(&self, files: &Files, blobs: &Blobs) -> Result<(), OciError> {
        let count = {
            let waiting = self.waiting();
            waiting.tags.len() + waiting.referrers.len()
        };
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
        let (tags, referrers) = {
            let waiting = self.waiting();
            (waiting.tags.clone(), waiting.referrers.clone())
        };
        blobs.sync(files)?;
        if tags.is_empty() && referrers.is_empty() {
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
        let tagged = merge(&mut found.index, &changes);
        let listed = list(&mut found.index, referrers.values().map(|(_, entry)| entry));
        if tagged || listed || found.damaged.is_some() {
            found.index.media_type = Some(OCI_INDEX.to_owned());
            files.write_index(&found.index, found.lost.as_deref())?;
        }
        drop(lock);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting
            .tags
            .retain(|name, (root, _)| tags.get(name).is_none_or(|(done, _)| done.digest != root.digest));
        waiting.referrers.retain(|digest, _| !referrers.contains_key(digest));
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

fn plain(entry: &Descriptor) -> Descriptor {
    Descriptor::new(entry.media_type.clone(), entry.digest.clone(), entry.size)
}

/// Puts changes into an index; everything that others wrote there stays. True if there were any.
fn merge(index: &mut LayoutIndex, changes: &BTreeMap<&str, &Descriptor>) -> bool {
    if changes.is_empty() {
        return false;
    }
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
    sort(index);
    true
}

/// Lists referrers that have no entry yet, with or without a name. True if there were any.
fn list<'a>(index: &mut LayoutIndex, referrers: impl Iterator<Item = &'a Descriptor>) -> bool {
    let listed: HashSet<Digest> = index.manifests.iter().map(|entry| entry.digest.clone()).collect();
    let before = index.manifests.len();
    index
        .manifests
        .extend(referrers.filter(|entry| !listed.contains(&entry.digest)).cloned());
    if index.manifests.len() == before {
        return false;
    }
    sort(index);
    true
}

/// Named ones first, by name: the same content gives the same bytes whatever the order it came in.
fn sort(index: &mut LayoutIndex) {
    index.manifests.sort_by(|a, b| {
        let key = |d: &Descriptor| {
            let name = d.annotations.get(REF_NAME).cloned();
            (name.is_none(), name, d.digest.clone())
        };
        key(a).cmp(&key(b))
    });
}
