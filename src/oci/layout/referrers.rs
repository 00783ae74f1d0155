//! Who refers to whom in a layout: learnt from one pass over all manifests that its index reaches.
//!
//! Entries of an index name no subjects, so every manifest is looked at: those of `index.json`, tagged or not, and all
//! below them (some tools keep referrers below an index of their own). What is not there, or is damaged, refers to
//! nothing: a sparse index is no error, and a damaged referrer is as good as absent.

use std::collections::{BTreeMap, HashSet};

use camino::Utf8Path;

use super::folder::{blob_path, verify};
use super::index::read_limited;
use crate::digest::Digest;
use crate::oci::graph::DEPTH_LIMIT;
use crate::oci::manifest::{MANIFEST_LIMIT, children, own_media_type};
use crate::oci::referrer::{described, sorted, subject_of};
use crate::oci::{Descriptor, ErrorKind, OciError};

/// More manifests of one layout are not looked at.
const MANIFESTS_LIMIT: usize = 200_000;

/// Takes a manifest and its bytes.
pub(crate) type Visit<'a> = dyn FnMut(&Descriptor, &[u8]) + 'a;

/// Reads manifests: those that are there and have their digest are given to the visitor.
pub(crate) type Reader<'a> = dyn FnMut(&[Descriptor], &mut Visit<'_>) -> Result<(), OciError> + 'a;

/// Subjects, and what refers to each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReferrersMap {
    by_subject: BTreeMap<Digest, Vec<Descriptor>>,
    /// Manifests that were not there, or damaged: they may come.
    pub(crate) missing: usize,
}

impl ReferrersMap {
    /// What refers to a subject, sorted by digest.
    pub(crate) fn of(&self, subject: &Digest) -> Vec<Descriptor> {
        self.by_subject.get(subject).cloned().unwrap_or_default()
    }

    /// Looks at everything below `roots`. `place` names the layout in errors.
    pub(crate) fn scan(roots: Vec<Descriptor>, place: &str, read: &mut Reader<'_>) -> Result<Self, OciError> {
        let mut map = Self::default();
        let mut visited: HashSet<Digest> = HashSet::new();
        let mut level: Vec<Descriptor> = roots;
        let too_large = |detail: String| OciError::new(ErrorKind::TooLarge, "list referrers", place, detail);
        for depth in 0_usize.. {
            // What claims to be larger is no manifest.
            level.retain(|entry| entry.size <= MANIFEST_LIMIT && visited.insert(entry.digest.clone()));
            if level.is_empty() {
                break;
            }
            if depth >= DEPTH_LIMIT {
                return Err(too_large(format!("manifests nest deeper than {DEPTH_LIMIT} levels")));
            }
            if visited.len() > MANIFESTS_LIMIT {
                return Err(too_large(format!("it has more than {MANIFESTS_LIMIT} manifests")));
            }
            let (mut below, mut found) = (Vec::new(), 0_usize);
            read(&level, &mut |entry, bytes| {
                found += 1;
                map.note(entry, bytes);
                // What is no manifest has nothing below.
                below.extend(children(bytes, &entry.media_type).unwrap_or_default().manifests);
            })?;
            map.missing += level.len().saturating_sub(found);
            level = below;
        }
        for entries in map.by_subject.values_mut() {
            *entries = sorted(std::mem::take(entries));
        }
        Ok(map)
    }

    /// The same for a folder.
    pub(crate) fn of_folder(folder: &Utf8Path, roots: Vec<Descriptor>) -> Result<Self, OciError> {
        Self::scan(roots, folder.as_str(), &mut |level, visit| {
            for entry in level {
                match read_limited(&blob_path(folder, &entry.digest), MANIFEST_LIMIT) {
                    Ok(bytes) if verify(&unsized_of(entry), &bytes, "").is_ok() => visit(entry, &bytes),
                    Ok(_) => {}
                    Err(error) if is_absence(&error) => {}
                    Err(error) => {
                        let subject = format!("manifest {} in {folder}", entry.digest.short());
                        return Err(OciError::new(
                            ErrorKind::Disk,
                            "list referrers",
                            subject,
                            error.to_string(),
                        ));
                    }
                }
            }
            Ok(())
        })
    }

    fn note(&mut self, entry: &Descriptor, bytes: &[u8]) {
        let Some(subject) = subject_of(bytes) else { return };
        let mut plain = Descriptor::new(entry.media_type.clone(), entry.digest.clone(), entry.size);
        if plain.media_type.is_empty() {
            plain.media_type = own_media_type(bytes).unwrap_or_default();
        }
        self.by_subject
            .entry(subject)
            .or_default()
            .push(described(&plain, bytes));
    }
}

/// The digest alone decides: an entry may tell a wrong size.
fn unsized_of(entry: &Descriptor) -> Descriptor {
    Descriptor::new("", entry.digest.clone(), 0)
}

/// Nothing there that could be a manifest.
fn is_absence(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidInput | std::io::ErrorKind::FileTooLarge
    )
}
