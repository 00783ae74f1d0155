//! Walking a graph of manifests: what is below a root, bounded in number, size and depth.
//!
//! Digests make cycles impossible in honest content; what is visited is remembered anyway, and the depth is limited,
//! so that no source can keep us walking.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::manifest::children;
use super::{Content, Descriptor, ErrorKind, OciError};
use crate::digest::Digest;

/// Manifests nest at most this deep (an index of indexes is rare already).
pub const DEPTH_LIMIT: usize = 8;
/// At most this many manifests hang together.
pub const MANIFESTS_LIMIT: usize = 20_000;
/// At most this many different blobs.
pub const BLOBS_LIMIT: usize = 200_000;
/// Manifests of one graph are held in memory together: at most this many bytes.
pub const TOTAL_LIMIT: usize = 16 * 1024 * 1024;
/// Manifests read at a time.
const READS_AT_ONCE: usize = 8;

/// One manifest that was read.
#[derive(Debug, Clone)]
pub struct Node {
    /// What names it.
    pub descriptor: Descriptor,
    /// Its raw bytes.
    pub bytes: Bytes,
    below: Vec<Digest>,
}

/// What hangs below a root, the root included, without the subtrees that were skipped.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Manifests by height: `levels[0]` names no other manifest that was read, the last holds the root only.
    pub levels: Vec<Vec<Node>>,
    /// Different blobs, in the order found.
    pub blobs: Vec<Descriptor>,
}

impl Graph {
    /// Nothing was read: the root itself was skipped.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// The bytes of a manifest that was read.
    pub fn bytes_of(&self, digest: &Digest) -> Option<&Bytes> {
        self.levels
            .iter()
            .rev()
            .flatten()
            .find(|node| node.descriptor.digest == *digest)
            .map(|node| &node.bytes)
    }
}

/// What to do about something that is no manifest.
const NO_MANIFEST: &str =
    "look at what the source holds under this name (`crane manifest` shows it), and push the image again";

/// Decides whether a manifest, with all below it, can be left out.
pub type Skip<'a> = dyn Fn(Descriptor) -> BoxFuture<'a, Result<bool, OciError>> + Send + Sync + 'a;

/// A manifest with its bytes; `None` when it was skipped.
type Read = Option<(Descriptor, Bytes)>;

/// Reads the graph below `root`. Fails when a limit is passed or something is no manifest.
pub async fn read_graph(content: &Arc<dyn Content>, root: &Descriptor, skip: &Skip<'_>) -> Result<Graph, OciError> {
    let mut visited: HashSet<Digest> = HashSet::from([root.digest.clone()]);
    let mut nodes: HashMap<Digest, Node> = HashMap::new();
    let mut blobs: Vec<Descriptor> = Vec::new();
    let mut seen_blobs: HashSet<Digest> = HashSet::new();
    let mut total = 0_usize;
    let mut frontier = vec![root.clone()];
    let too_large = |detail: String| OciError::new(ErrorKind::TooLarge, "read graph", subject(content, root), detail);
    for depth in 0_usize.. {
        if frontier.is_empty() {
            break;
        }
        if depth >= DEPTH_LIMIT {
            return Err(too_large(format!("manifests nest deeper than {DEPTH_LIMIT} levels")));
        }
        let reads: Vec<BoxFuture<'_, Result<Read, OciError>>> = frontier
            .drain(..)
            .map(|descriptor| -> BoxFuture<'_, _> { Box::pin(read_one(content, descriptor, skip)) })
            .collect();
        let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
        while let Some(read) = reads.try_next().await? {
            let Some((descriptor, bytes)) = read else { continue };
            total = total.saturating_add(bytes.len());
            if total > TOTAL_LIMIT {
                return Err(too_large(format!(
                    "its manifests take more than {} MiB",
                    TOTAL_LIMIT >> 20
                )));
            }
            let refused =
                |why: String| OciError::new(ErrorKind::Protocol, "read manifest", subject(content, &descriptor), why);
            // Below an index anything may hang; what a tag names is a manifest, and every kind of manifest is JSON.
            if descriptor.digest == root.digest && !is_json_object(&bytes) {
                return Err(refused("is no manifest: it is not a JSON object".to_owned()).hint(NO_MANIFEST));
            }
            let found = children(&bytes, &descriptor.media_type).map_err(|why| refused(why).hint(NO_MANIFEST))?;
            for blob in found.blobs {
                if seen_blobs.insert(blob.digest.clone()) {
                    blobs.push(blob);
                }
            }
            let below = found.manifests.iter().map(|child| child.digest.clone()).collect();
            for child in found.manifests {
                if visited.insert(child.digest.clone()) {
                    frontier.push(child);
                }
            }
            if visited.len() > MANIFESTS_LIMIT || blobs.len() > BLOBS_LIMIT {
                return Err(too_large(format!(
                    "names more than {MANIFESTS_LIMIT} manifests or {BLOBS_LIMIT} blobs"
                )));
            }
            nodes.insert(
                descriptor.digest.clone(),
                Node {
                    descriptor,
                    bytes,
                    below,
                },
            );
        }
    }
    let levels = by_height(nodes).ok_or_else(|| {
        OciError::new(
            ErrorKind::Protocol,
            "read graph",
            subject(content, root),
            format!("manifests name each other in a circle, or nest deeper than {DEPTH_LIMIT} levels"),
        )
    })?;
    Ok(Graph { levels, blobs })
}

fn is_json_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{') && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

async fn read_one(content: &Arc<dyn Content>, descriptor: Descriptor, skip: &Skip<'_>) -> Result<Read, OciError> {
    if skip(descriptor.clone()).await? {
        return Ok(None);
    }
    let bytes = content.manifest(&descriptor).await?;
    Ok(Some((descriptor, bytes)))
}

/// Sorts manifests so that each stands in a later level than all below it; `None` if that is impossible.
fn by_height(mut nodes: HashMap<Digest, Node>) -> Option<Vec<Vec<Node>>> {
    let mut levels: Vec<Vec<Node>> = Vec::new();
    while !nodes.is_empty() {
        if levels.len() >= DEPTH_LIMIT {
            return None;
        }
        let mut ready: Vec<Digest> = nodes
            .values()
            .filter(|node| !node.below.iter().any(|child| nodes.contains_key(child)))
            .map(|node| node.descriptor.digest.clone())
            .collect();
        if ready.is_empty() {
            return None;
        }
        ready.sort();
        levels.push(ready.iter().filter_map(|digest| nodes.remove(digest)).collect());
    }
    Some(levels)
}

fn subject(content: &Arc<dyn Content>, descriptor: &Descriptor) -> String {
    format!("{} of {}", descriptor.digest.short(), content.origin().label)
}
