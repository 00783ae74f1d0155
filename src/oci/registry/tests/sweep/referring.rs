//! What refers to what at a fake host: by its own list, or by the lists that clients keep under tags.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::fake::FakeHost;
use super::super::lists::{entry, subject};
use crate::digest::Digest;
use crate::oci::manifest::OCI_INDEX;

/// The manifests of a repository that refer to others, by what they refer to.
fn referrers(host: &FakeHost, repository: &str) -> BTreeMap<String, Vec<(Digest, Value)>> {
    let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (digest, (media_type, bytes)) in host.held.manifests.get(repository).into_iter().flatten() {
        if let Some(subject) = subject(bytes) {
            let entry = entry(digest, media_type, bytes);
            found.entry(subject).or_default().push((digest.clone(), entry));
        }
    }
    found
}

/// Writes the lists that clients would have kept.
pub fn write_lists(host: &mut FakeHost, repository: &str) {
    for (subject, entries) in referrers(host, repository) {
        let entries: Vec<Value> = entries.into_iter().map(|(_, entry)| entry).collect();
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string();
        let digest = Digest::of(index.as_bytes());
        let held = host.held.manifests.entry(repository.to_owned()).or_default();
        held.insert(digest.clone(), (OCI_INDEX.to_owned(), Bytes::from(index)));
        let tag = subject.replace(':', "-");
        host.held.tags.insert((repository.to_owned(), tag), digest);
    }
}

/// What somebody who asks for it finds to refer to a manifest.
pub fn listed(host: &FakeHost, repository: &str, subject: &Digest) -> BTreeSet<Digest> {
    if host.lists.native {
        let found = referrers(host, repository).remove(subject.as_str());
        return found.into_iter().flatten().map(|(digest, _)| digest).collect();
    }
    let tag = (repository.to_owned(), subject.as_str().replace(':', "-"));
    let index = host.held.tags.get(&tag);
    let bytes = index.and_then(|digest| host.held.manifests.get(repository)?.get(digest));
    let index: Value = bytes.map_or(Value::Null, |(_, bytes)| serde_json::from_slice(bytes).unwrap());
    let entries = index["manifests"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap().parse().unwrap())
        .collect()
}
