//! Copying one artifact from place to place: first what would be copied and what stands in the way, then the copy.
//!
//! Nothing that was named by its digest is ever cut to some platforms. A subset is a new index; only a sparse copy
//! keeps the index itself, with manifests missing on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::platform::choose;
use super::survey::there;
use crate::digest::Digest;
use crate::oci::graph::read_graph;
use crate::oci::platforms::{is_index, subset};
use crate::oci::recursive::{Along, ReferrerFound, Selection, copy_referrers, copy_with_referrers, find_referrers};
use crate::oci::remembered::Remembered;
use crate::oci::{
    Content, CopyOptions, Descriptor, ErrorKind, Guard, Job, OciError, Place, Platform, Selector, TagAs, copy_graph,
};

/// What is to be copied, and how.
#[derive(Clone)]
pub struct CopyRequest {
    /// Where it is.
    pub source: Arc<dyn Place>,
    /// What it is there.
    pub selector: Selector,
    /// Where it goes.
    pub target: Arc<dyn Place>,
    /// The tags it gets; without any it is there by digest only.
    pub tags: Vec<String>,
    /// Only these; empty: all.
    pub platforms: Vec<Platform>,
    /// Keep the index itself, with the manifests of other platforms missing.
    pub sparse: bool,
    /// Which referrers go along.
    pub referrers: Selection,
    /// A tag that holds something else is overwritten.
    pub replace: bool,
    /// Look below what the target has already.
    pub thorough: bool,
    /// Blobs at a time.
    pub blobs_at_once: usize,
}

/// A tag at the target that holds something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupied {
    /// The tag.
    pub tag: String,
    /// What it names.
    pub held: Digest,
}

/// A copy that was looked at, and can be carried out.
pub struct PreparedCopy {
    /// What the source names.
    pub source_root: Descriptor,
    /// What the target will hold: another where platforms were cut away.
    pub root: Descriptor,
    /// Referrers that go along.
    pub referrers: Vec<ReferrerFound>,
    /// Tags that hold something else: with any, a copy without `replace` must not be carried out.
    pub occupied: Vec<Occupied>,
    /// All that is wanted is there, as far as tags tell.
    pub fresh: bool,
    /// Bytes of everything, each part once.
    pub size: u64,
    content: Arc<dyn Content>,
    /// The entries that a sparse index keeps.
    sparse: Option<Vec<Descriptor>>,
    guards: BTreeMap<String, Guard>,
    root_bytes: Bytes,
}

impl PreparedCopy {
    /// What a tag shall name.
    pub fn wanted(&self, tag: &str) -> &Digest {
        let cosign = self
            .referrers
            .iter()
            .find(|referrer| referrer.tag.as_deref() == Some(tag));
        cosign.map_or(&self.root.digest, |referrer| &referrer.descriptor.digest)
    }
}

/// Looks at a copy: reads manifests, finds referrers, asks the target what its tags hold. Errors of the source and of
/// the target name their side.
pub async fn prepare(request: &CopyRequest, job: &Job) -> Result<PreparedCopy, OciError> {
    // Neither side has to wait for the other: the target's connection is made meanwhile.
    let (source_root, held) = futures_util::join!(
        request.source.resolve(&request.selector, job),
        held_tags(request, &request.tags, job)
    );
    let source_root = source_root?;
    let remembered = Arc::new(Remembered::new(request.source.content(job)));
    let content: Arc<dyn Content> = Arc::clone(&remembered) as Arc<dyn Content>;
    let Meant {
        root,
        sparse,
        looked_at,
    } = meant(request, &source_root, &remembered, job).await?;
    let held = held?;
    let all_there = !request.tags.is_empty() && request.tags.iter().all(|tag| held.get(tag) == Some(&root.digest));
    let referrers = if request.referrers == Selection::None {
        Vec::new()
    } else {
        let tags = &request.source;
        find_referrers(&looked_at, Some(tags), &root, &request.referrers, job).await?
    };
    let fresh = all_there && referrers.is_empty() && !request.thorough;
    let cosign: BTreeMap<String, Digest> = referrers
        .iter()
        .filter_map(|r| Some((r.tag.clone()?, r.descriptor.digest.clone())))
        .collect();
    let cosign_names: Vec<String> = cosign.keys().cloned().collect();
    let mut all_held = held;
    all_held.extend(held_tags(request, &cosign_names, job).await?);
    let wanted = |tag: &str| cosign.get(tag).unwrap_or(&root.digest);
    let occupied: Vec<Occupied> = all_held
        .iter()
        .filter(|(tag, held)| *held != wanted(tag))
        .map(|(tag, held)| Occupied {
            tag: tag.clone(),
            held: held.clone(),
        })
        .collect();
    let guards = occupied
        .iter()
        .filter(|_| request.replace)
        .map(|there| (there.tag.clone(), Guard::Replace(there.held.clone())))
        .collect();
    let (size, root_bytes) = if fresh {
        (0, Bytes::new())
    } else {
        (
            size(&looked_at, &root, &referrers).await?,
            content.manifest(&root).await?,
        )
    };
    Ok(PreparedCopy {
        source_root,
        root,
        referrers,
        occupied,
        fresh,
        size,
        content,
        sparse,
        guards,
        root_bytes,
    })
}

/// What is left of a source after platforms were selected.
struct Meant {
    root: Descriptor,
    sparse: Option<Vec<Descriptor>>,
    /// Shows what will be at the target, and no more.
    looked_at: Arc<dyn Content>,
}

async fn meant(
    request: &CopyRequest,
    source: &Descriptor,
    remembered: &Arc<Remembered>,
    job: &Job,
) -> Result<Meant, OciError> {
    let content: Arc<dyn Content> = Arc::clone(remembered) as Arc<dyn Content>;
    let whole = |looked_at| Meant {
        root: source.clone(),
        sparse: None,
        looked_at,
    };
    if request.platforms.is_empty() {
        return Ok(whole(content));
    }
    if !is_index(&source.media_type) {
        for platform in &request.platforms {
            choose(&content, source, platform, job).await?;
        }
        return Ok(whole(content));
    }
    let bytes = content.manifest(source).await?;
    let cut = subset(source, &bytes, &request.platforms).map_err(|why| {
        let subject = format!("{}{}", request.source.label(), request.selector);
        OciError::new(ErrorKind::Absent, "select platforms", subject, why)
    })?;
    if cut.whole {
        return Ok(whole(content));
    }
    if !request.sparse {
        remembered.lay_over(cut.index.digest.clone(), cut.bytes);
        return Ok(Meant {
            root: cut.index,
            sparse: None,
            looked_at: content,
        });
    }
    let masked = Remembered::new(content);
    masked.mask(source.digest.clone(), cut.bytes);
    Ok(Meant {
        root: source.clone(),
        sparse: Some(cut.kept),
        looked_at: Arc::new(masked),
    })
}

/// What tags hold at the target; those that are not there are left out.
async fn held_tags(request: &CopyRequest, tags: &[String], job: &Job) -> Result<BTreeMap<String, Digest>, OciError> {
    let mut held = BTreeMap::new();
    for tag in tags {
        if let Some(there) = there(request.target.resolve(&Selector::Tag(tag.clone()), job).await)? {
            held.insert(tag.clone(), there.digest);
        }
    }
    Ok(held)
}

/// Bytes of a graph and its referrers, each part once.
async fn size(content: &Arc<dyn Content>, root: &Descriptor, referrers: &[ReferrerFound]) -> Result<u64, OciError> {
    let never = |_| -> BoxFuture<'_, Result<bool, OciError>> { Box::pin(async { Ok(false) }) };
    let mut counted: BTreeSet<Digest> = BTreeSet::new();
    let mut total = 0_u64;
    for root in std::iter::once(root).chain(referrers.iter().map(|referrer| &referrer.descriptor)) {
        let graph = read_graph(content, root, &never).await?;
        let manifests = graph
            .levels
            .iter()
            .flatten()
            .map(|node| (&node.descriptor.digest, node.bytes.len() as u64));
        for (digest, bytes) in manifests.chain(graph.blobs.iter().map(|blob| (&blob.digest, blob.size))) {
            if counted.insert(digest.clone()) {
                total = total.saturating_add(bytes);
            }
        }
    }
    Ok(total)
}

/// Carries a copy out. The tags come last, and what they hold is checked once more right before they are written.
pub async fn carry_out(request: &CopyRequest, copy: &PreparedCopy, job: &Job) -> Result<(), OciError> {
    let target = request.target.target();
    let options = CopyOptions {
        blobs_at_once: request.blobs_at_once,
        thorough: request.thorough,
    };
    let along = Along {
        referrers: &copy.referrers,
        guards: &copy.guards,
    };
    let guard = |tag: &str| copy.guards.get(tag).unwrap_or(&Guard::Create);
    let mut tags = request.tags.iter();
    match &copy.sparse {
        None => {
            let first = tags.next().map(|tag| TagAs { tag, guard: guard(tag) });
            copy_with_referrers(&copy.content, &*target, &copy.root, first, along, options, job).await?;
        }
        Some(kept) => {
            for child in kept {
                copy_graph(&copy.content, &*target, child, None, options, job).await?;
            }
            let put = target.put_manifest(&copy.root, copy.root_bytes.clone(), job).await;
            put.map_err(refused_sparse)?;
            copy_referrers(&copy.content, &*target, along, options, job).await?;
        }
    }
    for tag in tags {
        target
            .tag(tag, &copy.root, Some(copy.root_bytes.clone()), guard(tag), job)
            .await?;
    }
    request.target.flush().await
}

/// Registries may insist on every manifest of an index (distribution-spec, "Pushing Manifests": they may not have to).
fn refused_sparse(mut error: OciError) -> OciError {
    match error.kind {
        ErrorKind::Protocol | ErrorKind::Absent | ErrorKind::Denied | ErrorKind::Corrupt => {
            // Whatever word the registry has for it: it does not take this.
            error.kind = ErrorKind::Denied;
            error.hint(
                "this registry may take no index whose manifests are missing: without --sparse a new index is made",
            )
        }
        _ => error,
    }
}
