//! What differs between two locks.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Lock, LockedImage, LockedReferrer};
use crate::fault::some_of;

/// What happened to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// The same reference is something else now: another digest, or found elsewhere.
    Moved,
    /// The image is the same, and what refers to it is not.
    Referrers,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LockChange {
    /// The reference of an image, or `chart NAME VERSION`.
    pub reference: String,
    /// What happened.
    pub kind: ChangeKind,
    /// The digest before; where the digest stayed, the place before.
    pub old: Option<String>,
    /// The digest now; where the digest stayed, the place now.
    pub new: Option<String>,
}

/// What `lock` changed, or `lock --check` would: `aosm-lock-changes/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LockChangesDocument {
    /// `aosm-lock-changes/1`.
    pub format: &'static str,
    /// Sorted by reference.
    pub changes: Vec<LockChange>,
}

impl LockChangesDocument {
    /// The document of these changes.
    pub fn new(changes: Vec<LockChange>) -> Self {
        Self {
            format: "aosm-lock-changes/1",
            changes,
        }
    }
}

impl LockChange {
    /// In words: `release/a:1.0.0: 0123456789ab → ba9876543210`.
    pub fn words(&self) -> String {
        let short = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or("nothing");
            text.strip_prefix("sha256:")
                .and_then(|hex| hex.get(..12))
                .unwrap_or(text)
                .to_owned()
        };
        match self.kind {
            ChangeKind::Added => format!("+ {}: {}", self.reference, short(&self.new)),
            ChangeKind::Removed => format!("- {}: {}", self.reference, short(&self.old)),
            ChangeKind::Moved | ChangeKind::Referrers => {
                format!("~ {}: {} → {}", self.reference, short(&self.old), short(&self.new))
            }
        }
    }
}

/// An entry reduced to what is compared: digest, place, and referrers.
#[derive(PartialEq, Eq)]
struct Entry {
    digest: String,
    place: String,
    referrers: Option<BTreeSet<LockedReferrer>>,
}

/// The differences from `old` to `new`, sorted by reference.
pub fn changes(old: Option<&Lock>, new: &Lock) -> Vec<LockChange> {
    let before = old.map(entries).unwrap_or_default();
    let after = entries(new);
    let mut found = Vec::new();
    for (key, entry) in &after {
        match before.get(key) {
            None => found.push(change(key, ChangeKind::Added, None, Some(&entry.digest))),
            Some(held) if held.digest != entry.digest => {
                found.push(change(key, ChangeKind::Moved, Some(&held.digest), Some(&entry.digest)));
            }
            Some(held) if held.place != entry.place => {
                found.push(change(key, ChangeKind::Moved, Some(&held.place), Some(&entry.place)));
            }
            Some(held) if held.referrers != entry.referrers => {
                let (old, new) = (listed(held), listed(entry));
                found.push(change(key, ChangeKind::Referrers, Some(&old), Some(&new)));
            }
            Some(_) => {}
        }
    }
    for (key, entry) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        found.push(change(key, ChangeKind::Removed, Some(&entry.digest), None));
    }
    found.sort();
    found
}

/// By reference and, since one digest may be wanted under two tags, tag in the store.
fn entries(lock: &Lock) -> BTreeMap<(String, String), Entry> {
    let images = lock.images.iter().map(|image| {
        let key = (image.reference.clone(), image.name.tag.clone());
        (
            key,
            Entry {
                digest: image.digest.to_string(),
                place: place(image),
                referrers: image.referrers.clone().map(BTreeSet::from_iter),
            },
        )
    });
    let charts = lock.charts.iter().map(|chart| {
        let key = (format!("chart {} {}", chart.name, chart.version), String::new());
        (
            key,
            Entry {
                digest: chart.digest.to_string(),
                place: chart.url.clone(),
                referrers: None,
            },
        )
    });
    images.chain(charts).collect()
}

/// What an entry says of referrers: their digests, shortened.
fn listed(entry: &Entry) -> String {
    let Some(referrers) = &entry.referrers else {
        return "referrers unknown".to_owned();
    };
    let digests: BTreeSet<&str> = referrers.iter().map(|referrer| referrer.digest.short()).collect();
    match digests.len() {
        0 => "no referrers".to_owned(),
        _ => format!("referrers {}", some_of(&digests.into_iter().collect::<Vec<_>>())),
    }
}

fn place(image: &LockedImage) -> String {
    let host = image.source.split('/').next().unwrap_or_default();
    let tag = image.tag.as_deref().map(|tag| format!(":{tag}")).unwrap_or_default();
    format!("{host}/{}{tag} as {}", image.repository, image.name)
}

fn change(key: &(String, String), kind: ChangeKind, old: Option<&String>, new: Option<&String>) -> LockChange {
    LockChange {
        reference: key.0.clone(),
        kind,
        old: old.cloned(),
        new: new.cloned(),
    }
}
