//! What a fake host lists and deletes: tags, repositories, referrers.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::fake::{FakeHost, Seen};
use super::reply::{Reply, reply};
use crate::digest::Digest;
use crate::oci::manifest::OCI_INDEX;

/// How a fake host lists.
#[derive(Clone)]
pub struct Lists {
    /// It keeps lists of referrers, and says so after a push.
    pub native: bool,
    /// Manifests may be deleted.
    pub deletes: bool,
    /// Entries on a page at most.
    pub page: usize,
    /// A larger `n` than this is refused.
    pub largest: usize,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            native: false,
            deletes: true,
            page: 1000,
            largest: 1000,
        }
    }
}

/// The entry of a list for a manifest; as registries make it.
pub fn entry(digest: &Digest, media_type: &str, bytes: &[u8]) -> Value {
    let manifest: Value = serde_json::from_slice(bytes).unwrap();
    let kind = manifest
        .get("artifactType")
        .or_else(|| manifest.pointer("/config/mediaType"));
    let mut entry = json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() });
    if let Some(kind) = kind {
        entry["artifactType"] = kind.clone();
    }
    if let Some(annotations) = manifest.get("annotations") {
        entry["annotations"] = annotations.clone();
    }
    entry
}

/// The digest of what a manifest refers to.
pub fn subject(bytes: &[u8]) -> Option<String> {
    let manifest: Value = serde_json::from_slice(bytes).ok()?;
    Some(manifest.pointer("/subject/digest")?.as_str()?.to_owned())
}

impl FakeHost {
    /// The answer to a push of a manifest, with what a registry with lists of referrers adds.
    pub fn acknowledged(&self, answer: Reply, body: &[u8]) -> Reply {
        match subject(body).filter(|_| self.lists.native) {
            Some(subject) => answer.header("oci-subject", subject),
            None => answer,
        }
    }

    pub fn list_or_delete(&mut self, repository: &str, rest: &str, seen: &Seen) -> Option<Reply> {
        if seen.method == Method::DELETE {
            let reference = rest.strip_prefix("manifests/")?;
            return Some(self.delete(repository, reference));
        }
        if seen.url.path() == "/v2/_catalog" {
            let names: BTreeSet<String> = self.held.manifests.keys().cloned().collect();
            let names = names.into_iter().map(Value::from).collect();
            return Some(self.page(seen, names, |names| json!({ "repositories": names })));
        }
        if rest == "tags/list" {
            if !self.held.manifests.contains_key(repository) {
                return Some(reply(404).body(r#"{"errors":[{"code":"NAME_UNKNOWN","message":"unknown"}]}"#));
            }
            let tags: Vec<Value> = self
                .held
                .tags
                .keys()
                .filter(|(held, _)| held == repository)
                .map(|(_, tag)| Value::from(tag.clone()))
                .collect();
            return Some(self.page(seen, tags, |tags| json!({ "name": repository, "tags": tags })));
        }
        let of = rest.strip_prefix("referrers/")?;
        if !self.lists.native {
            return Some(
                reply(404)
                    .header("content-type", "text/plain")
                    .body("404 page not found\n"),
            );
        }
        let mut entries = Vec::new();
        for (digest, (media_type, bytes)) in self.held.manifests.get(repository).into_iter().flatten() {
            if subject(bytes).as_deref() == Some(of) {
                entries.push(entry(digest, media_type, bytes));
            }
        }
        let index = |entries: &[Value]| json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        Some(self.page(seen, entries, index).header("content-type", OCI_INDEX))
    }

    fn delete(&mut self, repository: &str, reference: &str) -> Reply {
        if !self.lists.deletes {
            return reply(405).body(r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#);
        }
        let digest: Digest = reference.parse().unwrap();
        let held = self.held.manifests.entry(repository.to_owned()).or_default();
        if held.remove(&digest).is_none() {
            return reply(404).body(r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#);
        }
        self.held
            .tags
            .retain(|(name, _), held| name != repository || *held != digest);
        reply(202)
    }

    /// The part of a list that a request asks for, with the way to the next.
    fn page(&self, seen: &Seen, entries: Vec<Value>, body: impl Fn(&[Value]) -> Value) -> Reply {
        let asked = |name: &str| {
            let pairs: Vec<(String, String)> = seen.url.query_pairs().into_owned().collect();
            pairs.into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
        };
        let size: usize = asked("n").map_or(self.lists.page, |n| n.parse().unwrap());
        if size > self.lists.largest {
            return reply(400).body(r#"{"errors":[{"code":"PAGINATION_NUMBER_INVALID","message":"invalid"}]}"#);
        }
        let start: usize = asked("from").map_or(0, |from| from.parse().unwrap());
        let end = (start + size.min(self.lists.page)).min(entries.len());
        let answer = reply(200).body(serde_json::to_vec(&body(&entries[start..end])).unwrap());
        if end == entries.len() {
            return answer;
        }
        answer.header(
            "link",
            format!("<{}?n={size}&from={end}>; rel=\"next\"", seen.url.path()),
        )
    }
}
