//! Referrers at a fake host: its own list, or none, so that clients keep one under a tag.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use super::fake::FakeHost;
use super::reply::{Reply, reply};
use crate::digest::Digest;
use crate::oci::manifest::OCI_INDEX;

/// The digest in a manifest's `subject`.
pub fn subject_of(manifest: &[u8]) -> Option<Digest> {
    let value: Value = serde_json::from_slice(manifest).ok()?;
    value["subject"]["digest"].as_str()?.parse().ok()
}

impl FakeHost {
    /// The manifests of a repository with a subject, as its list names them.
    fn referrers(&self, repository: &str) -> BTreeMap<Digest, Vec<Value>> {
        let mut found: BTreeMap<Digest, Vec<Value>> = BTreeMap::new();
        for (digest, (media_type, bytes)) in self.held.manifests.get(repository).into_iter().flatten() {
            if let Some(subject) = subject_of(bytes) {
                let manifest: Value = serde_json::from_slice(bytes).unwrap();
                found.entry(subject).or_default().push(json!({
                    "mediaType": media_type,
                    "digest": digest,
                    "size": bytes.len(),
                    "artifactType": manifest["artifactType"],
                }));
            }
        }
        found
    }

    /// GET of the list of what refers to a manifest.
    pub fn serve_referrers(&self, repository: &str, subject: &str) -> Reply {
        if !self.lists_referrers {
            return reply(404).body("404 page not found");
        }
        let mut all = self.referrers(repository);
        let manifests = subject.parse().ok().and_then(|subject: Digest| all.remove(&subject));
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests.unwrap_or_default()});
        reply(200).header("content-type", OCI_INDEX).body(index.to_string())
    }

    /// Writes the lists that clients would have kept.
    pub fn write_lists(&mut self, repository: &str) {
        for (subject, manifests) in self.referrers(repository) {
            let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).to_string();
            let digest = Digest::of(index.as_bytes());
            let held = self.held.manifests.entry(repository.to_owned()).or_default();
            held.insert(digest.clone(), (OCI_INDEX.to_owned(), Bytes::from(index)));
            let tag = format!("sha256-{}", subject.hex());
            self.held.tags.insert((repository.to_owned(), tag), digest);
        }
    }

    /// What somebody who asks for it finds to refer to a manifest.
    pub fn listed(&self, repository: &str, subject: &Digest) -> BTreeSet<Digest> {
        if self.lists_referrers {
            let mut all = self.referrers(repository);
            let found = all.remove(subject).unwrap_or_default();
            return found
                .iter()
                .map(|entry| entry["digest"].as_str().unwrap().parse().unwrap())
                .collect();
        }
        let tag = (repository.to_owned(), format!("sha256-{}", subject.hex()));
        let index = self.held.tags.get(&tag);
        let bytes = index.and_then(|digest| self.held.manifests.get(repository)?.get(digest));
        let index: Value = bytes.map_or(Value::Null, |(_, bytes)| serde_json::from_slice(bytes).unwrap());
        let entries = index["manifests"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| entry["digest"].as_str().unwrap().parse().unwrap())
            .collect()
    }
}
