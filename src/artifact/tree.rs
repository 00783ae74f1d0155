//! What refers to an artifact, as a tree.
//!
//! Each manifest is asked about once; where one comes up again (which only dishonest lists do) it is shown without what
//! hangs below, so a circle ends. Number and depth are bounded.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::documents::ReferrerNode;
use crate::digest::Digest;
use crate::oci::{Content, Descriptor, ErrorKind, OciError};

/// One of several pieces of work that run at a time.
type Work<'a, T> = BoxFuture<'a, Result<T, OciError>>;

/// A tree has at most this many entries.
const ENTRIES_LIMIT: usize = 50_000;
/// And is at most this deep.
const DEPTH_LIMIT: usize = 64;
/// Manifests asked about at a time.
const ASKS_AT_ONCE: usize = 8;

/// What refers to `root`, and to that again, down to `depth` levels (`None`: all). With `artifact_type` only referrers of that
/// type are shown, on every level.
pub async fn discover(
    content: &Arc<dyn Content>,
    root: &Digest,
    artifact_type: Option<&str>,
    depth: Option<usize>,
) -> Result<Vec<ReferrerNode>, OciError> {
    let mut known: HashMap<Digest, Vec<Descriptor>> = HashMap::new();
    let mut asked: HashSet<Digest> = HashSet::from([root.clone()]);
    let mut frontier = vec![root.clone()];
    let mut entries = 0_usize;
    let too_large = |detail: String| {
        let subject = format!("{} of {}", root.short(), content.origin().label);
        OciError::new(ErrorKind::TooLarge, "discover", subject, detail)
    };
    for level in 0_usize.. {
        if frontier.is_empty() || depth.is_some_and(|depth| level >= depth) {
            break;
        }
        if level >= DEPTH_LIMIT {
            return Err(too_large(format!(
                "referrers refer to each other deeper than {DEPTH_LIMIT} levels"
            ))
            .hint("--depth shows the upper levels"));
        }
        let asks: Vec<Work<'_, (Digest, Vec<Descriptor>)>> = frontier
            .drain(..)
            .map(|subject| -> BoxFuture<'_, _> {
                Box::pin(async move {
                    let referrers = content.referrers(&subject).await?;
                    Ok((subject, referrers))
                })
            })
            .collect();
        let mut asks = stream::iter(asks).buffered(ASKS_AT_ONCE);
        let mut next = Vec::new();
        while let Some((subject, mut referrers)) = asks.try_next().await? {
            referrers.retain(|referrer| artifact_type.is_none_or(|wanted| referrer.artifact_type() == Some(wanted)));
            entries += referrers.len();
            if entries > ENTRIES_LIMIT {
                return Err(too_large(format!("more than {ENTRIES_LIMIT} manifests refer to it"))
                    .hint("--artifact-type and --depth show a part"));
            }
            for referrer in &referrers {
                if asked.insert(referrer.digest.clone()) {
                    next.push(referrer.digest.clone());
                }
            }
            known.insert(subject, referrers);
        }
        drop(asks);
        frontier = next;
    }
    Ok(grow(root, &mut known))
}

/// The tree below a manifest. What was grown once is taken out, so it grows nowhere else.
fn grow(subject: &Digest, known: &mut HashMap<Digest, Vec<Descriptor>>) -> Vec<ReferrerNode> {
    let referrers = known.remove(subject).unwrap_or_default();
    referrers.into_iter().map(|referrer| node(referrer, known)).collect()
}

fn node(referrer: Descriptor, known: &mut HashMap<Digest, Vec<Descriptor>>) -> ReferrerNode {
    ReferrerNode {
        referrers: grow(&referrer.digest, known),
        digest: referrer.digest.to_string(),
        artifact_type: referrer.artifact_type().map(str::to_owned),
        media_type: referrer.media_type,
        size: referrer.size,
        annotations: referrer.annotations,
    }
}

/// Referrers of a level by artifact type, in the order in which the types come up.
pub fn by_type(referrers: &[ReferrerNode]) -> Vec<(&str, Vec<&ReferrerNode>)> {
    let mut groups: Vec<(&str, Vec<&ReferrerNode>)> = Vec::new();
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for referrer in referrers {
        let kind = referrer.artifact_type.as_deref().unwrap_or("<unknown>");
        let index = *at.entry(kind).or_insert_with(|| {
            groups.push((kind, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, group)) = groups.get_mut(index) {
            group.push(referrer);
        }
    }
    groups
}
