//! What refers to a manifest: the registry's own list, else the list that writers keep under a tag.
//!
//! The tag is asked only where the registry answers 404 to its own list. Anything else that is no list of manifests (a
//! refusal, a web page, another media type) is an error and never "none": a publisher's signatures must not vanish
//! because somebody was throttled. No filter is asked for, as registries may ignore it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderValue};
use serde::Deserialize;

use super::answer::codes_of;
use super::fallback::{self, Writers};
use super::pages::{Page, json, read_pages};
use super::repository::{Repository, media_type};
use super::wire::Caller;
use crate::digest::Digest;
use crate::oci::manifest::{MANIFEST_TYPES, OCI_INDEX};
use crate::oci::referrer::{described, sorted, subject_of};
use crate::oci::{Descriptor, ErrorKind, OciError, Selector};

/// More referrers of one manifest are not read.
const REFERRERS_LIMIT: usize = 20_000;
/// Manifests read at a time, for entries that do not say what they are.
const READS_AT_ONCE: usize = 8;

// 0: nothing is known yet.
const NATIVE: u8 = 1;
const MISSING: u8 = 2;

/// What a run has learnt about how one registry lists referrers, and who is writing lists there.
#[derive(Debug, Default)]
pub struct ReferrersMemory {
    api: AtomicU8,
    /// Referrers that are listed for certain: put by this run, or seen by it.
    listed: Mutex<HashSet<(Arc<str>, Digest)>>,
    pub(super) writers: Writers,
}

impl ReferrersMemory {
    /// Has it answered with a list of its own?
    pub(super) fn is_native(&self) -> bool {
        self.api.load(Ordering::Relaxed) == NATIVE
    }

    /// Is it known to have no list of its own?
    pub(super) fn is_missing(&self) -> bool {
        self.api.load(Ordering::Relaxed) == MISSING
    }

    fn is_listed(&self, repository: &Repository, referrer: &Digest) -> bool {
        let key = (Arc::clone(&repository.name), referrer.clone());
        self.listed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&key)
    }

    fn note_listed(&self, repository: &Repository, referrers: impl IntoIterator<Item = Digest>) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.extend(
            referrers
                .into_iter()
                .map(|digest| (Arc::clone(&repository.name), digest)),
        );
    }

    fn forget_listed(&self, repository: &Repository, referrer: &Digest) {
        let key = (Arc::clone(&repository.name), referrer.clone());
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    fn learn(&self, state: u8) {
        // Whoever gave one list has the endpoint: a later 404 is about the repository.
        let _ = self.api.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |known| {
            (known != NATIVE).then_some(state)
        });
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    schema_version: Option<u64>,
    manifests: Option<Vec<Descriptor>>,
}

impl Repository {
    /// The manifests whose subject is this one, sorted by digest, each with its `artifactType` and annotations.
    pub async fn referrers(&self, subject: &Digest, caller: &Caller) -> Result<Vec<Descriptor>, OciError> {
        let memory = &self.client.referrers;
        if !memory.is_missing() {
            match self.native(subject, caller).await? {
                Ok(found) => {
                    memory.learn(NATIVE);
                    return self.typed(found, caller).await;
                }
                Err(refusal) if is_about_the_endpoint(&refusal) => memory.learn(MISSING),
                Err(_) => {}
            }
        }
        let found = fallback::read(self, subject, caller).await?;
        let entries = found.map(|held| held.index.manifests).unwrap_or_default();
        self.typed(entries, caller).await
    }

    /// Is a manifest, which is there, listed as a referrer of its subject? Registries that keep the list themselves list
    /// what they have; else the list is read, once for all its entries.
    pub async fn lists_referrer(&self, subject: &Digest, referrer: &Digest, caller: &Caller) -> Result<bool, OciError> {
        let memory = &self.client.referrers;
        if memory.is_native() || memory.is_listed(self, referrer) {
            return Ok(true);
        }
        let entries = self.referrers(subject, caller).await?;
        memory.note_listed(self, entries.into_iter().map(|entry| entry.digest));
        Ok(memory.is_listed(self, referrer))
    }

    /// The registry's own list; in the inner error, the body of its 404.
    async fn native(&self, subject: &Digest, caller: &Caller) -> Result<Result<Vec<Descriptor>, Bytes>, OciError> {
        let what = format!("@{subject}");
        let mut ask = self.ask("list referrers", &what, Method::GET, &format!("referrers/{subject}"))?;
        ask.headers.insert(ACCEPT, HeaderValue::from_static(OCI_INDEX));
        let mut found = Vec::new();
        let absent = read_pages(&self.client, ask, caller, |page| {
            found.extend(entries_of(page)?);
            if found.len() > REFERRERS_LIMIT {
                return Err(format!("names more than {REFERRERS_LIMIT} referrers"));
            }
            Ok(())
        })
        .await?;
        Ok(match absent {
            Some(body) => Err(body),
            None => Ok(found),
        })
    }

    /// Sorted, and with the types that entries do not tell: those manifests are read. One that is not there any more is no
    /// referrer.
    async fn typed(&self, entries: Vec<Descriptor>, caller: &Caller) -> Result<Vec<Descriptor>, OciError> {
        let reads: Vec<BoxFuture<'_, Result<Option<Descriptor>, OciError>>> = sorted(entries)
            .into_iter()
            .map(|entry| -> BoxFuture<'_, _> { Box::pin(self.typed_one(entry, caller)) })
            .collect();
        let typed: Vec<Option<Descriptor>> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
        Ok(typed.into_iter().flatten().collect())
    }

    async fn typed_one(&self, entry: Descriptor, caller: &Caller) -> Result<Option<Descriptor>, OciError> {
        // An index may be without; what is no manifest says no more when it is read.
        let tells = entry.artifact_type().is_some() || entry.media_type == OCI_INDEX;
        if tells || !MANIFEST_TYPES.contains(&entry.media_type.as_str()) {
            return Ok(Some(entry));
        }
        let selector = Selector::Digest(entry.digest.clone());
        match self.manifest(&selector, Some(&entry.media_type), caller).await {
            Ok((_, bytes)) => {
                let read = described(&entry, &bytes);
                let mut typed = entry;
                typed.other.extend(read.other);
                if typed.annotations.is_empty() {
                    typed.annotations = read.annotations;
                }
                Ok(Some(typed))
            }
            Err(error) if error.kind == ErrorKind::Absent => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The entries of one page of the registry's own list.
fn entries_of(page: &Page) -> Result<Vec<Descriptor>, String> {
    // Anything but an index is no list: a proxy's page, an error with status 200.
    match media_type(&page.headers).as_deref() {
        Some(OCI_INDEX) | None => {}
        Some(other) => return Err(format!("the answer is {other}, not an image index")),
    }
    let list: List = json(page)?;
    match list {
        List {
            schema_version: Some(2),
            manifests,
        } => Ok(manifests.unwrap_or_default()),
        _ => Err("the answer is no image index".to_owned()),
    }
}

/// Does a 404 say that there is no such endpoint? One that says that the repository or the subject is not known says
/// nothing about it.
fn is_about_the_endpoint(body: &[u8]) -> bool {
    let codes = codes_of(body);
    codes.is_empty() || codes.iter().any(|code| code == "UNSUPPORTED")
}

impl Repository {
    /// After a manifest was put: sees to it that it is found as a referrer of its subject. `acknowledged`: the registry
    /// said that it lists it.
    pub(super) async fn list_referrer(
        &self,
        manifest: &Descriptor,
        bytes: &[u8],
        acknowledged: bool,
        caller: &Caller,
    ) -> Result<(), OciError> {
        // Some registries acknowledge and have no list: what was seen counts.
        let Some(subject) = subject_of(bytes) else {
            return Ok(());
        };
        let memory = &self.client.referrers;
        if !acknowledged || memory.is_missing() {
            fallback::add(self, &subject, described(manifest, bytes), caller).await?;
        }
        memory.note_listed(self, [manifest.digest.clone()]);
        Ok(())
    }

    /// After a manifest was deleted: takes it off the list of its subject's referrers, where writers keep that.
    pub(super) async fn unlist_referrer(
        &self,
        subject: &Digest,
        referrer: &Digest,
        caller: &Caller,
    ) -> Result<(), OciError> {
        self.client.referrers.forget_listed(self, referrer);
        if self.client.referrers.is_native() {
            return Ok(());
        }
        fallback::remove(self, subject, referrer, caller).await
    }

    /// Is a manifest there?
    pub(super) async fn has_manifest(&self, digest: &Digest, caller: &Caller) -> Result<bool, OciError> {
        match self.resolve(&Selector::Digest(digest.clone()), caller).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::Absent => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_404_about_the_endpoint_says_that_a_registry_keeps_no_list() {
        for (body, expected) in [
            ("404 page not found\n", true),
            ("", true),
            ("<html></html>", true),
            (r#"{"errors":[{"code":"UNSUPPORTED","message":"x"}]}"#, true),
            (r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#, false),
            (r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#, false),
        ] {
            assert_eq!(is_about_the_endpoint(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_registry_that_gave_a_list_once_is_not_taken_to_have_none() {
        let memory = ReferrersMemory::default();
        assert!(!memory.is_native() && !memory.is_missing());
        memory.learn(MISSING);
        assert!(memory.is_missing());
        memory.learn(NATIVE);
        memory.learn(MISSING);
        assert!(memory.is_native() && !memory.is_missing());
    }
}
