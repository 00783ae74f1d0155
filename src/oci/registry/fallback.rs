//! The list of referrers that writers keep themselves where a registry keeps none: an index under a tag made from the
//! subject's digest (distribution-spec, "Referrers Tag Schema" and "Unavailable Referrers API").
//!
//! Registries cannot write a tag on condition, so two writers may overwrite each other. Each therefore reads, merges and
//! writes in one go, waits longer than such a go takes, and reads again: an entry that has vanished meanwhile (its own, or
//! one of others that it saw) goes in once more, unless its manifest was deleted. Only a writer that stalls for that long
//! between reading and writing can still undo another's entry. Within one process writers of one list take turns, and
//! whoever has its turn takes along what the others want to add.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use super::repository::Repository;
use super::wire::Caller;
use crate::digest::Digest;
use crate::oci::layout::LayoutIndex;
use crate::oci::manifest::{DOCKER_LIST, MANIFEST_LIMIT, OCI_INDEX};
use crate::oci::{Descriptor, ErrorKind, OciError, Selector};

/// Rounds of reading and writing before giving up.
const ROUNDS: u32 = 16;
/// After a write, wait at least this long before looking whether it stayed.
const SETTLE_LEAST: Duration = Duration::from_millis(100);
/// And at most this long.
const SETTLE_MOST: Duration = Duration::from_secs(3);
/// How many times as long as reading and writing took.
const SETTLE_FACTOR: u32 = 3;
/// After losing, spread out over this long, and more with each loss.
const SPREAD: Duration = Duration::from_millis(60);

/// Entries looked for at a time.
const ASKS_AT_ONCE: usize = 8;

/// Who writes which list now.
pub(super) type Writers = Mutex<HashMap<(Arc<str>, Digest), Weak<Writer>>>;

/// The writers of one list in this process.
#[derive(Debug, Default)]
pub(super) struct Writer {
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<BTreeMap<Digest, Descriptor>>,
}

/// A list as it is held.
#[derive(Debug, Clone)]
pub(super) struct Held {
    digest: Digest,
    pub(super) index: LayoutIndex,
}

/// The tag under which the list of a subject's referrers is kept.
pub fn fallback_tag(subject: &Digest) -> String {
    // At most 64 characters of the digest: that is all of a SHA-256.
    let hex: String = subject.hex().chars().take(64).collect();
    format!("{}-{hex}", subject.algorithm())
}

/// Is this a tag under which writers keep a list of referrers?
pub fn is_fallback_tag(tag: &str) -> bool {
    tag.split_once('-').is_some_and(|(algorithm, hex)| {
        matches!(algorithm, "sha256" | "sha512")
            && hex.len() == 64
            && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// The list of a subject's referrers; `None` when there is none.
pub(super) async fn read(repository: &Repository, subject: &Digest, caller: &Caller) -> Result<Option<Held>, OciError> {
    let tag = fallback_tag(subject);
    let selector = Selector::Tag(tag.clone());
    let (found, bytes) = match repository.manifest(&selector, Some(OCI_INDEX), caller).await {
        Ok(found) => found,
        Err(error) if error.kind == ErrorKind::Absent => return Ok(None),
        Err(error) => return Err(error),
    };
    let wrong = |detail: String| {
        OciError::new(
            ErrorKind::Protocol,
            "list referrers",
            format!("{}:{tag}", repository.label),
            detail,
        )
        .hint("this tag is reserved for the list of what refers to the image: look at what was pushed there")
    };
    if !matches!(found.media_type.as_str(), OCI_INDEX | DOCKER_LIST | "") {
        return Err(wrong(format!("is {}, not an image index", found.media_type)));
    }
    let index: LayoutIndex =
        serde_json::from_slice(&bytes).map_err(|error| wrong(format!("is no image index: {error}")))?;
    Ok(Some(Held {
        digest: found.digest,
        index,
    }))
}

/// Adds an entry to the list of a subject's referrers.
pub(super) async fn add(
    repository: &Repository,
    subject: &Digest,
    entry: Descriptor,
    caller: &Caller,
) -> Result<(), OciError> {
    let writer = writer(repository, subject);
    let digest = entry.digest.clone();
    writer.waiting().insert(digest.clone(), entry);
    let _turn = writer.turn.lock().await;
    let batch = {
        let waiting = writer.waiting();
        if !waiting.contains_key(&digest) {
            // Whoever had the turn before took it along.
            return Ok(());
        }
        waiting.clone()
    };
    let written = write(repository, subject, &batch, BTreeSet::new(), caller).await;
    writer
        .waiting()
        .retain(|held, _| !batch.contains_key(held) || (written.is_err() && *held != digest));
    written
}

/// Takes an entry, whose manifest is gone, off the list of a subject's referrers. A list without entries goes as a whole.
pub(super) async fn remove(
    repository: &Repository,
    subject: &Digest,
    entry: &Digest,
    caller: &Caller,
) -> Result<(), OciError> {
    let writer = writer(repository, subject);
    let _turn = writer.turn.lock().await;
    writer.waiting().remove(entry);
    let remove = BTreeSet::from([entry.clone()]);
    write(repository, subject, &BTreeMap::new(), remove, caller).await
}

impl Writer {
    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Descriptor>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn writer(repository: &Repository, subject: &Digest) -> Arc<Writer> {
    let mut writers = repository
        .client
        .referrers
        .writers
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let key = (Arc::clone(&repository.name), subject.clone());
    if let Some(writer) = writers.get(&key).and_then(Weak::upgrade) {
        return writer;
    }
    writers.retain(|_, writer| writer.strong_count() > 0);
    let writer = Arc::new(Writer::default());
    writers.insert(key, Arc::downgrade(&writer));
    writer
}

/// Reads, merges, writes, and looks again until the list stays as it should be.
async fn write(
    repository: &Repository,
    subject: &Digest,
    add: &BTreeMap<Digest, Descriptor>,
    mut remove: BTreeSet<Digest>,
    caller: &Caller,
) -> Result<(), OciError> {
    // What the list must hold: ours, and what we saw in it.
    let mut wanted = add.clone();
    for round in 0..ROUNDS {
        if round > 1 {
            let wire = repository.client.wire();
            tokio::time::sleep(wire.up_to(SPREAD.saturating_mul(round))).await;
        }
        let started = Instant::now();
        let held = read(repository, subject, caller).await?;
        let index = held.as_ref().map(|held| &held.index);
        drop_deleted(repository, &mut wanted, add, index, caller).await?;
        let Some(merged) = merged(index, &wanted, &remove) else {
            return Ok(());
        };
        for entry in &merged.manifests {
            wanted.entry(entry.digest.clone()).or_insert_with(|| entry.clone());
        }
        let written = match held {
            Some(held) if merged.manifests.is_empty() => drop_list(repository, subject, &held, &merged, caller).await,
            _ => put(repository, subject, &merged, caller).await,
        };
        match written {
            Ok(()) => {}
            // Registries take no index of what they do not have: an entry was deleted, now or by a run that was killed.
            Err(error) if names_what_is_missing(&error) => {
                let gone = absent_of(repository, &merged.manifests, caller).await?;
                if gone.is_empty() || gone.iter().any(|digest| add.contains_key(digest)) {
                    return Err(error);
                }
                wanted.retain(|digest, _| !gone.contains(digest));
                remove.extend(gone);
                continue;
            }
            Err(error) => return Err(error),
        }
        let took = started.elapsed().saturating_mul(SETTLE_FACTOR);
        let settle = took.clamp(SETTLE_LEAST, SETTLE_MOST);
        tokio::time::sleep(settle + repository.client.wire().up_to(settle / 2)).await;
    }
    Err(OciError::new(
        ErrorKind::Conflict,
        "list referrer",
        format!("{}:{}", repository.label, fallback_tag(subject)),
        format!("others kept overwriting the list, {ROUNDS} times"),
    )
    .hint("the manifest itself is there: run again when nobody else writes to this image"))
}

fn names_what_is_missing(error: &OciError) -> bool {
    error.detail.contains("MANIFEST_BLOB_UNKNOWN") || error.detail.contains("MANIFEST_UNKNOWN")
}

/// Which of some entries have no manifest.
async fn absent_of(
    repository: &Repository,
    entries: &[Descriptor],
    caller: &Caller,
) -> Result<BTreeSet<Digest>, OciError> {
    let asks: Vec<BoxFuture<'_, Result<Option<Digest>, OciError>>> = entries
        .iter()
        .map(|entry| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let there = repository.has_manifest(&entry.digest, caller).await?;
                Ok((!there).then(|| entry.digest.clone()))
            })
        })
        .collect();
    let absent: Vec<Option<Digest>> = stream::iter(asks).buffered(ASKS_AT_ONCE).try_collect().await?;
    Ok(absent.into_iter().flatten().collect())
}

/// Entries of others that were in the list and are not any more: lost to a race if their manifest is there, else deleted
/// on purpose.
async fn drop_deleted(
    repository: &Repository,
    wanted: &mut BTreeMap<Digest, Descriptor>,
    ours: &BTreeMap<Digest, Descriptor>,
    index: Option<&LayoutIndex>,
    caller: &Caller,
) -> Result<(), OciError> {
    let listed = |digest: &Digest| index.is_some_and(|index| index.manifests.iter().any(|m| m.digest == *digest));
    let vanished: Vec<Digest> = wanted
        .keys()
        .filter(|digest| !ours.contains_key(*digest) && !listed(digest))
        .cloned()
        .collect();
    for digest in vanished {
        if !repository.has_manifest(&digest, caller).await? {
            wanted.remove(&digest);
        }
    }
    Ok(())
}

/// The list as it should be; `None` when it is so already.
fn merged(
    index: Option<&LayoutIndex>,
    wanted: &BTreeMap<Digest, Descriptor>,
    remove: &BTreeSet<Digest>,
) -> Option<LayoutIndex> {
    let mut merged = index.cloned().unwrap_or_else(LayoutIndex::empty);
    let before = merged.manifests.len();
    merged.manifests.retain(|entry| !remove.contains(&entry.digest));
    let mut changed = merged.manifests.len() != before;
    for (digest, entry) in wanted {
        if !remove.contains(digest) && !merged.manifests.iter().any(|held| held.digest == *digest) {
            merged.manifests.push(entry.clone());
            changed = true;
        }
    }
    merged.media_type = Some(OCI_INDEX.to_owned());
    changed.then_some(merged)
}

async fn put(repository: &Repository, subject: &Digest, index: &LayoutIndex, caller: &Caller) -> Result<(), OciError> {
    let tag = fallback_tag(subject);
    let wrong = |kind: ErrorKind, detail: String| {
        OciError::new(kind, "list referrer", format!("{}:{tag}", repository.label), detail)
    };
    let bytes = serde_json::to_vec(index).map_err(|error| wrong(ErrorKind::Protocol, error.to_string()))?;
    if bytes.len() as u64 > MANIFEST_LIMIT {
        return Err(wrong(
            ErrorKind::TooLarge,
            format!(
                "the list of {} referrers is larger than {} MiB",
                index.manifests.len(),
                MANIFEST_LIMIT >> 20
            ),
        )
        .hint("delete referrers that are not needed any more"));
    }
    let descriptor = Descriptor::of(OCI_INDEX, &bytes);
    repository
        .put_manifest(&Selector::Tag(tag), &descriptor, Bytes::from(bytes), caller)
        .await?;
    Ok(())
}

/// Deletes a list that has no entries left; where that is not allowed, it stays as an empty one.
async fn drop_list(
    repository: &Repository,
    subject: &Digest,
    held: &Held,
    empty: &LayoutIndex,
    caller: &Caller,
) -> Result<(), OciError> {
    match repository.delete_only(&held.digest, caller).await {
        Err(error) if error.kind == ErrorKind::Denied => put(repository, subject, empty, caller).await,
        other => other,
    }
}
