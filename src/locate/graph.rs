//! Size and platforms of an image, from its manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::cache::{CONFIGS, Cached, ManifestCache};
use crate::digest::Digest;
use crate::oci::graph::{Node, read_graph};
use crate::oci::{Content, Descriptor, Job, OciError, verified};

/// Configurations above this size are not read for their platform; real ones have some kilobytes.
const CONFIG_LIMIT: u64 = 4 * 1024 * 1024;

/// What the manifests tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) root_size: u64,
    pub(super) size: u64,
    pub(super) platforms: Vec<String>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

#[derive(Deserialize)]
struct View {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
}

/// Reads all manifests below `root`, through the cache.
pub(super) async fn facts(
    content: Arc<dyn Content>,
    root: &Descriptor,
    cache: &Arc<dyn ManifestCache>,
    job: &Job,
) -> Result<Facts, OciError> {
    let content = content.for_job(job).unwrap_or(content);
    let cached = Arc::new(Cached {
        content,
        cache: Arc::clone(cache),
    });
    let content: Arc<dyn Content> = Arc::clone(&cached) as _;
    let none = |_: Descriptor| -> BoxFuture<'_, Result<bool, OciError>> { Box::pin(async { Ok(false) }) };
    let graph = read_graph(&content, root, &none).await?;
    let manifests: u64 = graph.levels.iter().flatten().map(|node| node.bytes.len() as u64).sum();
    let blobs = graph
        .blobs
        .iter()
        .fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
    Ok(Facts {
        root_size: graph.bytes_of(&root.digest).map_or(0, |bytes| bytes.len() as u64),
        size: manifests.saturating_add(blobs),
        platforms: platforms(&cached, graph.levels.iter().flatten(), job).await,
    })
}

/// The platform an index states wins; a manifest that nothing states one for is looked up in its configuration.
async fn platforms(cached: &Cached, nodes: impl Iterator<Item = &Node>, job: &Job) -> Vec<String> {
    let mut stated: BTreeMap<Digest, Option<String>> = BTreeMap::new();
    let mut images: Vec<(Digest, Descriptor)> = Vec::new();
    for node in nodes {
        let Ok(view) = serde_json::from_slice::<View>(&node.bytes) else {
            continue;
        };
        for child in view.manifests {
            if let Some(platform) = child.other.get("platform") {
                let text = Platform::deserialize(platform)
                    .ok()
                    .and_then(|platform| platform.text());
                stated.insert(child.digest, text);
            }
        }
        if let Some(config) = view.config {
            images.push((node.descriptor.digest.clone(), config));
        }
    }
    let mut found: BTreeSet<String> = stated.values().flatten().cloned().collect();
    for (image, config) in images {
        if stated.contains_key(&image) || !CONFIGS.contains(&config.media_type.as_str()) {
            continue;
        }
        // A platform is information only: an unreadable configuration fails the copy, with a better message.
        if let Some(bytes) = configuration(cached, &config, job).await
            && let Ok(platform) = serde_json::from_slice::<Platform>(&bytes)
        {
            found.extend(platform.text());
        }
    }
    found.into_iter().collect()
}

async fn configuration(cached: &Cached, config: &Descriptor, job: &Job) -> Option<Bytes> {
    if config.size > CONFIG_LIMIT {
        return None;
    }
    if let Some(bytes) = cached.kept(config) {
        return Some(bytes);
    }
    let mut stream = verified(&cached.content, config, job);
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece.ok()?);
    }
    let bytes = Bytes::from(all);
    cached.cache.put(&config.digest, &bytes);
    Some(bytes)
}

impl Platform {
    /// `unknown/unknown` is how build tools mark attestations: no platform.
    fn text(&self) -> Option<String> {
        if self.os.is_empty() || self.architecture.is_empty() || self.os == "unknown" {
            return None;
        }
        let variant = self
            .variant
            .as_deref()
            .filter(|v| !v.is_empty())
            .map(|v| format!("/{v}"))
            .unwrap_or_default();
        Some(format!("{}/{}{variant}", self.os, self.architecture))
    }
}
