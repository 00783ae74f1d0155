//! Referrers of a whole graph: finding them, and copying a graph together with them.
//!
//! A referrer is found at every manifest of the graph (the children of an index have signatures of their own), and at every
//! referrer again: an SBOM is signed, too. Besides those that say what they refer to (distribution-spec, "Listing Referrers")
//! there are cosign's older ones, which only their tag ties to a subject: `sha256-<hex>.sig`, `.att`, `.sbom`.
//!
//! What was visited is remembered, and number and depth are bounded, so neither a circle nor a flood keeps us walking. "None" is
//! never said when nobody could tell: that is an error.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::copy::{CopyOptions, TagAs, copy_graph};
use super::graph::{Graph, read_graph};
use super::{Content, Descriptor, ErrorKind, Guard, Job, OciError, Place, Selector, Source, Target};
use crate::digest::Digest;

/// One of several pieces of work that run at a time.
type Work<'a, T> = BoxFuture<'a, Result<T, OciError>>;

/// At most this many referrers hang together.
pub const REFERRERS_LIMIT: usize = 20_000;
/// Referrers refer to referrers at most this deep.
pub const REFERRERS_DEPTH: usize = 16;
/// What cosign appends to the tag that is made of a subject's digest (cosign, "Signature Specification").
pub const COSIGN_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];
/// Subjects asked about at a time.
const ASKS_AT_ONCE: usize = 8;
/// Referrers of one level copied at a time.
const COPIES_AT_ONCE: usize = 4;
/// From so many subjects on, one listing of all tags is cheaper than asking for each.
const LISTING_PAYS: usize = 3;

/// Which referrers are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// None: nothing is asked.
    None,
    /// All, cosign's tags included.
    #[default]
    All,
    /// Those of these artifact types. What cosign tagged counts by the type of its first layer.
    Types(Vec<String>),
}

impl Selection {
    /// Is a referrer of this artifact type meant?
    pub fn takes(&self, artifact_type: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Types(types) => types.iter().any(|wanted| wanted == artifact_type),
        }
    }
}

/// One referrer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferrerFound {
    /// The manifest it refers to: one of the graph, or another referrer.
    pub subject: Digest,
    /// Its root. `artifactType` is in [`Descriptor::other`] where it has one.
    pub descriptor: Descriptor,
    /// The tag that alone ties it to its subject (cosign); `None` where its manifest names the subject.
    pub tag: Option<String>,
}

impl ReferrerFound {
    /// Its artifact type; empty where it has none.
    pub fn artifact_type(&self) -> &str {
        self.descriptor.artifact_type().unwrap_or_default()
    }
}

/// The tags of the repository in which referrers are looked for.
#[async_trait::async_trait]
pub trait TagLookup: Send + Sync {
    /// What a tag names; [`ErrorKind::Absent`] where it is not there.
    async fn tag(&self, tag: &str, job: &Job) -> Result<Descriptor, OciError>;

    /// All tags, where they can be listed at the price of a few requests.
    async fn all(&self, _job: &Job) -> Result<Option<Vec<String>>, OciError> {
        Ok(None)
    }
}

#[async_trait::async_trait]
impl TagLookup for Arc<dyn Place> {
    async fn tag(&self, tag: &str, job: &Job) -> Result<Descriptor, OciError> {
        self.resolve(&Selector::Tag(tag.to_owned()), job).await
    }

    async fn all(&self, job: &Job) -> Result<Option<Vec<String>>, OciError> {
        match self.tags(job).await {
            Ok(tags) => Ok(Some(tags)),
            // Listing takes a right of its own at some registries: they are asked tag by tag.
            Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Absent | ErrorKind::Protocol) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// One repository of a source.
pub struct TagsOfSource<'a> {
    /// The source.
    pub source: &'a dyn Source,
    /// The repository there.
    pub repository: &'a str,
}

#[async_trait::async_trait]
impl TagLookup for TagsOfSource<'_> {
    async fn tag(&self, tag: &str, _job: &Job) -> Result<Descriptor, OciError> {
        self.source
            .resolve(self.repository, &Selector::Tag(tag.to_owned()))
            .await
    }
}

/// Finds what refers to `root`, to anything below it, and to those referrers again; nearest first, then by subject and digest. `tags` is
/// where cosign's tags are looked for: without it they are not.
pub async fn find_referrers(
    content: &Arc<dyn Content>,
    tags: Option<&dyn TagLookup>,
    root: &Descriptor,
    selection: &Selection,
    job: &Job,
) -> Result<Vec<ReferrerFound>, OciError> {
    if *selection == Selection::None {
        return Ok(Vec::new());
    }
    let content = &content.for_job(job).unwrap_or_else(|| Arc::clone(content));
    let work = find(content, tags, root, selection, job);
    stoppable(job, "find referrers", root, work).await
}

async fn find(
    content: &Arc<dyn Content>,
    tags: Option<&dyn TagLookup>,
    root: &Descriptor,
    selection: &Selection,
    job: &Job,
) -> Result<Vec<ReferrerFound>, OciError> {
    let too_many =
        |detail: String| OciError::new(ErrorKind::TooLarge, "find referrers", subject(content, root), detail);
    let mut visited: HashSet<Digest> = HashSet::new();
    let mut subjects = new_manifests(&whole_graph(content, root).await?, &mut visited);
    let mut found = match tags {
        Some(tags) => tagged(content, tags, &subjects, selection, job).await?,
        None => Vec::new(),
    };
    // A manifest may refer to several levels of itself only through others: each is listed once for each subject.
    for depth in 0_usize.. {
        if subjects.is_empty() {
            break;
        }
        if depth >= REFERRERS_DEPTH {
            return Err(too_many(format!(
                "referrers refer to each other deeper than {REFERRERS_DEPTH} levels"
            )));
        }
        let mut level = Vec::new();
        let asks: Vec<Work<'_, (Digest, Vec<Descriptor>)>> = std::mem::take(&mut subjects)
            .into_iter()
            .map(|subject| -> BoxFuture<'_, _> {
                Box::pin(async move {
                    let referrers = content.referrers(&subject).await?;
                    Ok((subject, referrers))
                })
            })
            .collect();
        let mut asks = stream::iter(asks).buffered(ASKS_AT_ONCE);
        while let Some((subject, referrers)) = asks.try_next().await? {
            for descriptor in referrers {
                if selection.takes(descriptor.artifact_type().unwrap_or_default()) {
                    level.push(ReferrerFound {
                        subject: subject.clone(),
                        descriptor,
                        tag: None,
                    });
                }
            }
            if found.len() + level.len() > REFERRERS_LIMIT {
                return Err(too_many(format!("more than {REFERRERS_LIMIT} manifests refer to it")));
            }
        }
        drop(asks);
        level.sort_by(|a, b| (&a.subject, &a.descriptor.digest).cmp(&(&b.subject, &b.descriptor.digest)));
        for referrer in &level {
            if visited.contains(&referrer.descriptor.digest) {
                continue;
            }
            let graph = whole_graph(content, &referrer.descriptor).await?;
            subjects.extend(new_manifests(&graph, &mut visited));
        }
        found.extend(level);
    }
    Ok(found)
}

/// What cosign tagged for these subjects.
async fn tagged(
    content: &Arc<dyn Content>,
    tags: &dyn TagLookup,
    subjects: &[Digest],
    selection: &Selection,
    job: &Job,
) -> Result<Vec<ReferrerFound>, OciError> {
    let known: Option<HashSet<String>> = if subjects.len() >= LISTING_PAYS {
        tags.all(job).await?.map(|tags| tags.into_iter().collect())
    } else {
        None
    };
    let asked: Vec<(Digest, String)> = subjects
        .iter()
        .flat_map(|subject| cosign_tags(subject).into_iter().map(|tag| (subject.clone(), tag)))
        .filter(|(_, tag)| known.as_ref().is_none_or(|known| known.contains(tag)))
        .collect();
    let asks: Vec<Work<'_, Option<ReferrerFound>>> = asked
        .into_iter()
        .map(|(subject, tag)| -> BoxFuture<'_, _> { Box::pin(one_tagged(content, tags, subject, tag, selection, job)) })
        .collect();
    let found: Vec<Option<ReferrerFound>> = stream::iter(asks).buffered(ASKS_AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn one_tagged(
    content: &Arc<dyn Content>,
    tags: &dyn TagLookup,
    subject: Digest,
    tag: String,
    selection: &Selection,
    job: &Job,
) -> Result<Option<ReferrerFound>, OciError> {
    let descriptor = match tags.tag(&tag, job).await {
        Ok(descriptor) => descriptor,
        Err(error) if error.kind == ErrorKind::Absent => return Ok(None),
        Err(error) => return Err(error),
    };
    let meant = match selection {
        Selection::Types(_) => {
            let bytes = content.manifest(&descriptor).await?;
            selection.takes(&first_layer_type(&bytes))
        }
        Selection::All | Selection::None => true,
    };
    Ok(meant.then_some(ReferrerFound {
        subject,
        descriptor,
        tag: Some(tag),
    }))
}

/// The tags under which cosign keeps what belongs to a subject.
pub fn cosign_tags(subject: &Digest) -> Vec<String> {
    let stem = format!("{}-{}", subject.algorithm(), subject.hex());
    COSIGN_SUFFIXES
        .iter()
        .map(|suffix| format!("{stem}.{suffix}"))
        .collect()
}

fn first_layer_type(manifest: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct View {
        #[serde(default)]
        layers: Vec<Descriptor>,
    }
    let view: Option<View> = serde_json::from_slice(manifest).ok();
    let first = view.and_then(|view| view.layers.into_iter().next());
    first.map_or_else(String::new, |layer| layer.media_type)
}

async fn whole_graph(content: &Arc<dyn Content>, root: &Descriptor) -> Result<Graph, OciError> {
    let never = |_| -> Work<'_, bool> { Box::pin(async { Ok(false) }) };
    read_graph(content, root, &never).await
}

/// The manifests of a graph that were not visited yet, sorted.
fn new_manifests(graph: &Graph, visited: &mut HashSet<Digest>) -> Vec<Digest> {
    let mut new: Vec<Digest> = graph
        .levels
        .iter()
        .flatten()
        .map(|node| node.descriptor.digest.clone())
        .filter(|digest| visited.insert(digest.clone()))
        .collect();
    new.sort();
    new
}

/// Referrers that travel along.
#[derive(Debug, Clone, Copy)]
pub struct Along<'a> {
    /// What [`find_referrers`] found, or a lock lists: nothing is asked again. Any order.
    pub referrers: &'a [ReferrerFound],
    /// What tags of cosign's kind may hold at the target; nothing where one is not listed.
    pub guards: &'a BTreeMap<String, Guard>,
}

/// Copies `root` with everything below it and the referrers: subjects before their referrers, the root's tag last, so that
/// whoever sees the tag finds the signatures. Counts into `job`; stops when it is cancelled.
pub async fn copy_with_referrers(
    content: &Arc<dyn Content>,
    target: &dyn Target,
    root: &Descriptor,
    tag: Option<TagAs<'_>>,
    along: Along<'_>,
    options: CopyOptions,
    job: &Job,
) -> Result<(), OciError> {
    if along.referrers.is_empty() {
        return copy_graph(content, target, root, tag, options, job).await;
    }
    copy_graph(content, target, root, None, options, job).await?;
    copy_referrers(content, target, along, options, job).await?;
    let Some(TagAs { tag, guard }) = tag else {
        return Ok(());
    };
    let work = async {
        let content = content.for_job(job).unwrap_or_else(|| Arc::clone(content));
        let bytes = content.manifest(root).await?;
        target.tag(tag, root, Some(bytes), guard, job).await
    };
    stoppable(job, "copy", root, work).await
}

/// Copies referrers alone: what they refer to is there.
pub async fn copy_referrers(
    content: &Arc<dyn Content>,
    target: &dyn Target,
    along: Along<'_>,
    options: CopyOptions,
    job: &Job,
) -> Result<(), OciError> {
    for level in by_distance(along.referrers) {
        let copies: Vec<Work<'_, ()>> = level
            .into_iter()
            .map(|referrer| -> BoxFuture<'_, _> {
                Box::pin(copy_one(content, target, referrer, along.guards, options, job))
            })
            .collect();
        stream::iter(copies)
            .buffer_unordered(COPIES_AT_ONCE)
            .try_collect::<()>()
            .await?;
    }
    Ok(())
}

async fn copy_one(
    content: &Arc<dyn Content>,
    target: &dyn Target,
    referrer: &ReferrerFound,
    guards: &BTreeMap<String, Guard>,
    options: CopyOptions,
    job: &Job,
) -> Result<(), OciError> {
    let guard = referrer
        .tag
        .as_ref()
        .and_then(|tag| guards.get(tag))
        .unwrap_or(&Guard::Create);
    let tag = referrer.tag.as_deref().map(|tag| TagAs { tag, guard });
    let work = async {
        copy_graph(content, target, &referrer.descriptor, tag, options, job).await?;
        let (subject, digest) = (&referrer.subject, &referrer.descriptor.digest);
        if referrer.tag.is_some() || target.lists_referrer(subject, digest, job).await? {
            return Ok(());
        }
        // It was there, but is not on the list: an earlier run did not come that far.
        let content = content.for_job(job).unwrap_or_else(|| Arc::clone(content));
        let bytes = content.manifest(&referrer.descriptor).await?;
        target.put_manifest(&referrer.descriptor, bytes, job).await
    };
    work.await.map_err(|mut error: OciError| {
        error.detail = format!("{} (it refers to {})", error.detail, referrer.subject.short());
        error
    })
}

/// Referrers in the order they can be put: those whose subject is no referrer itself first. What refers to each other in a circle
/// (which honest digests rule out) comes last, in one level.
fn by_distance(referrers: &[ReferrerFound]) -> Vec<Vec<&ReferrerFound>> {
    let mut levels = Vec::new();
    let mut seen: HashSet<(&Digest, Option<&str>)> = HashSet::new();
    let mut waiting: Vec<&ReferrerFound> = referrers
        .iter()
        .filter(|referrer| seen.insert((&referrer.descriptor.digest, referrer.tag.as_deref())))
        .collect();
    while !waiting.is_empty() {
        let pending: HashSet<&Digest> = waiting.iter().map(|referrer| &referrer.descriptor.digest).collect();
        let (later, now): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|referrer| pending.contains(&referrer.subject));
        if now.is_empty() {
            levels.push(later);
            break;
        }
        levels.push(now);
        waiting = later;
    }
    levels
}

async fn stoppable<T>(
    job: &Job,
    operation: &str,
    root: &Descriptor,
    work: impl Future<Output = Result<T, OciError>>,
) -> Result<T, OciError> {
    super::registry::stoppable(job, operation, root.digest.short(), work).await
}

fn subject(content: &Arc<dyn Content>, root: &Descriptor) -> String {
    format!("{} of {}", root.digest.short(), content.origin().label)
}

#[cfg(test)]
#[path = "recursive_tests.rs"]
mod tests;
