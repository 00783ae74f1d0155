//! What a repository holds, as far as it can be seen.
//!
//! Azure Container Registry lists its manifests, untagged ones included. Everywhere else a survey starts from the tags and
//! follows what they lead to: the children of indexes and what refers to any of them. Untagged manifests that nothing leads
//! to are not seen then, and [`Survey::complete`] says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::digest::Digest;
use crate::oci::manifest::children;
use crate::oci::platforms::is_index;
use crate::oci::referrer::{described, subject_of};
use crate::oci::registry::{AcrManifest, RegistryPlace, is_fallback_tag};
use crate::oci::{Content, Descriptor, ErrorKind, Job, OciError, Place, Platform, Selector};

/// One of several pieces of work that run at a time.
type Work<'a, T> = BoxFuture<'a, Result<T, OciError>>;

/// Requests at a time; the registry's own limit stands above it.
const AT_ONCE: usize = 16;
/// A survey has at most this many manifests.
const MANIFESTS_LIMIT: usize = 200_000;

/// One manifest that was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Its media type, where known.
    pub media_type: Option<String>,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// Bytes of its manifest, where known.
    pub size: Option<u64>,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// What it refers to.
    pub subject: Option<Digest>,
    /// Indexes that name it.
    pub parents: BTreeSet<Digest>,
    /// Its platform, as an index says.
    pub platform: Option<String>,
    /// What the registry tells beside.
    pub facts: Option<AcrManifest>,
}

/// How far a survey goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Tags, and which index names what: what a deletion must know.
    Names,
    /// Everything, what refers to it included.
    All,
}

/// What a repository holds.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Manifests by digest.
    pub manifests: BTreeMap<Digest, Seen>,
    /// All manifests were listed.
    pub complete: bool,
}

impl Survey {
    /// Looks at a repository. `registry` is the same repository where it is in a registry.
    pub async fn of(
        place: &Arc<dyn Place>,
        registry: Option<&Arc<RegistryPlace>>,
        reach: Reach,
        job: &Job,
    ) -> Result<Self, OciError> {
        let content = place.content(job);
        let mut survey = Self::default();
        if let Some(registry) = registry
            && let Some(acr) = registry.acr(job).await?
        {
            let listed = acr.manifests(registry.repository(), job).await?;
            survey.take_list(listed, reach, &content).await?;
            return Ok(survey);
        }
        let tags = place.tags(job).await?;
        let named = resolve_all(place, &tags, job).await?;
        for (tag, descriptor) in &named {
            let seen = survey.manifests.entry(descriptor.digest.clone()).or_default();
            seen.media_type.get_or_insert_with(|| descriptor.media_type.clone());
            seen.tags.insert(tag.clone());
        }
        // Lists of referrers are bookkeeping: what they list is found through the manifests it refers to.
        let roots: Vec<Descriptor> = named
            .into_iter()
            .filter(|(tag, _)| !is_fallback_tag(tag))
            .map(|(_, descriptor)| descriptor)
            .collect();
        survey.follow(&content, roots, reach).await?;
        Ok(survey)
    }

    /// Takes what Azure Container Registry lists; indexes are read, as the list does not say what they name.
    async fn take_list(
        &mut self,
        listed: Vec<AcrManifest>,
        reach: Reach,
        content: &Arc<dyn Content>,
    ) -> Result<(), OciError> {
        self.complete = true;
        let mut to_read = Vec::new();
        for manifest in listed {
            let media_type = manifest.media_type.clone().unwrap_or_default();
            if reach == Reach::All || is_index(&media_type) {
                to_read.push(Descriptor::new(media_type, manifest.digest.clone(), 0));
            }
            let seen = self.manifests.entry(manifest.digest.clone()).or_default();
            seen.media_type.clone_from(&manifest.media_type);
            seen.artifact_type.clone_from(&manifest.artifact_type);
            seen.tags = manifest.tags.iter().flatten().cloned().collect();
            seen.facts = Some(manifest);
        }
        for (descriptor, bytes) in read_all(content, to_read).await? {
            self.note(&descriptor, &bytes);
        }
        Ok(())
    }

    /// Follows what manifests lead to, level by level.
    async fn follow(
        &mut self,
        content: &Arc<dyn Content>,
        roots: Vec<Descriptor>,
        reach: Reach,
    ) -> Result<(), OciError> {
        let mut visited: BTreeSet<Digest> = BTreeSet::new();
        let mut level = roots;
        loop {
            level.retain(|descriptor| visited.insert(descriptor.digest.clone()));
            if level.is_empty() {
                return Ok(());
            }
            if visited.len() > MANIFESTS_LIMIT {
                let detail = format!("it has more than {MANIFESTS_LIMIT} manifests");
                return Err(OciError::new(
                    ErrorKind::TooLarge,
                    "list manifests",
                    &content.origin().label,
                    detail,
                ));
            }
            let mut next = Vec::new();
            // For names alone only indexes lead anywhere.
            let (read, rest): (Vec<_>, Vec<_>) = level
                .into_iter()
                .partition(|descriptor| reach == Reach::All || is_index(&descriptor.media_type));
            let mut subjects: Vec<Digest> = rest.into_iter().map(|descriptor| descriptor.digest).collect();
            for (descriptor, bytes) in read_all(content, read).await? {
                subjects.push(descriptor.digest.clone());
                next.extend(self.note(&descriptor, &bytes));
            }
            if reach == Reach::All {
                for referrer in referrers_of(content, subjects).await? {
                    next.push(referrer);
                }
            }
            level = next;
        }
    }

    /// Takes down what a manifest says; gives the manifests that it names.
    fn note(&mut self, descriptor: &Descriptor, bytes: &Bytes) -> Vec<Descriptor> {
        let listed = described(descriptor, bytes);
        let seen = self.manifests.entry(descriptor.digest.clone()).or_default();
        seen.media_type.get_or_insert_with(|| descriptor.media_type.clone());
        seen.size = Some(bytes.len() as u64);
        seen.artifact_type = listed.artifact_type().map(str::to_owned).or(seen.artifact_type.take());
        seen.subject = subject_of(bytes);
        let below = children(bytes, &descriptor.media_type).unwrap_or_default().manifests;
        for child in &below {
            let seen = self.manifests.entry(child.digest.clone()).or_default();
            seen.media_type.get_or_insert_with(|| child.media_type.clone());
            seen.parents.insert(descriptor.digest.clone());
            if seen.platform.is_none() {
                seen.platform = Platform::of(child).map(|platform| platform.to_string());
            }
        }
        below
    }

    /// The tags of a manifest.
    pub fn tags_of(&self, digest: &Digest) -> Vec<String> {
        self.manifests
            .get(digest)
            .map(|seen| seen.tags.iter().cloned().collect())
            .unwrap_or_default()
    }
}

/// What each tag names; a tag that is gone meanwhile is left out.
async fn resolve_all(
    place: &Arc<dyn Place>,
    tags: &[String],
    job: &Job,
) -> Result<Vec<(String, Descriptor)>, OciError> {
    let asks: Vec<Work<'_, Option<(String, Descriptor)>>> = tags
        .iter()
        .map(|tag| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let found = place.resolve(&Selector::Tag(tag.clone()), job).await;
                Ok(there(found)?.map(|descriptor| (tag.clone(), descriptor)))
            })
        })
        .collect();
    let found: Vec<Option<_>> = stream::iter(asks).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Reads manifests; what is not there (an index may be sparse) is left out.
async fn read_all(
    content: &Arc<dyn Content>,
    descriptors: Vec<Descriptor>,
) -> Result<Vec<(Descriptor, Bytes)>, OciError> {
    let reads: Vec<Work<'_, Option<(Descriptor, Bytes)>>> = descriptors
        .into_iter()
        .map(|descriptor| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let read = content.manifest(&descriptor).await;
                Ok(there(read)?.map(|bytes| (descriptor, bytes)))
            })
        })
        .collect();
    let read: Vec<Option<_>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

async fn referrers_of(content: &Arc<dyn Content>, subjects: Vec<Digest>) -> Result<Vec<Descriptor>, OciError> {
    let asks: Vec<Work<'_, Vec<Descriptor>>> = subjects
        .into_iter()
        .map(|subject| -> BoxFuture<'_, _> { Box::pin(async move { content.referrers(&subject).await }) })
        .collect();
    let found: Vec<Vec<Descriptor>> = stream::iter(asks).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Absent is `None`.
pub(super) fn there<T>(result: Result<T, OciError>) -> Result<Option<T>, OciError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::Absent => Ok(None),
        Err(error) => Err(error),
    }
}
