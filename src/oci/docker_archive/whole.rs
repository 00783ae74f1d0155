//! Which images of the layout inside a Docker archive are whole.
//!
//! `docker save` of a multi-platform image writes the index of all platforms, but often only one platform's
//! blobs: such an index cannot be copied, while the one manifest below it can.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{ArchiveFile, Catalog, CatalogEntry, Extent, MANIFEST_LIMIT, OciError};
use crate::digest::Digest;
use crate::oci::Descriptor;
use crate::oci::manifest::{Children, children};

/// How deep indexes may hold indexes.
const DEPTH: usize = 8;

/// Most bytes of manifests that are kept while looking.
const TOTAL: u64 = 64 * 1024 * 1024;

/// What is whole.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// Entries of the layout's index that are whole.
    pub(super) entries: Vec<CatalogEntry>,
    /// The whole root (or, below a broken one, manifest) that holds a configuration.
    pub(super) by_config: BTreeMap<Digest, Descriptor>,
}

/// One manifest or index.
#[derive(Debug)]
struct Node {
    below: Children,
    config: Option<Descriptor>,
}

impl Node {
    /// `None` for what is no manifest.
    fn read(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Only {
            config: Option<Descriptor>,
        }
        // Without the media type that its parent gives: the manifest's own and its fields will do here.
        let below = children(bytes, "").ok()?;
        let only: Only = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            below,
            config: only.config,
        })
    }
}

pub(super) fn roots(
    file: &ArchiveFile,
    catalog: &Catalog,
    blobs: &BTreeMap<Digest, Extent>,
) -> Result<Roots, OciError> {
    let nodes = load(file, catalog, blobs)?;
    let mut found = Roots::default();
    let (whole, broken): (Vec<_>, Vec<_>) = catalog
        .entries
        .iter()
        .partition(|entry| is_whole(&entry.root, &nodes, blobs, 0));
    for entry in whole {
        found.entries.push(entry.clone());
        for (_, config) in images(&entry.root, &nodes, 0) {
            found
                .by_config
                .entry(config.clone())
                .or_insert_with(|| entry.root.clone());
        }
    }
    for entry in broken {
        for (image, config) in images(&entry.root, &nodes, 0) {
            if is_whole(image, &nodes, blobs, 0) {
                let plain = Descriptor::new(image.media_type.clone(), image.digest.clone(), image.size);
                found.by_config.entry(config.clone()).or_insert(plain);
            }
        }
    }
    Ok(found)
}

/// Reads all manifests below the entries, level by level, so that a gzip archive is passed once a level.
fn load(
    file: &ArchiveFile,
    catalog: &Catalog,
    blobs: &BTreeMap<Digest, Extent>,
) -> Result<BTreeMap<Digest, Node>, OciError> {
    let mut nodes = BTreeMap::new();
    let mut total = 0_u64;
    let mut frontier: BTreeSet<Digest> = catalog.entries.iter().map(|e| e.root.digest.clone()).collect();
    for _ in 0..DEPTH {
        let mut wanted = BTreeMap::new();
        for digest in frontier.iter().filter(|d| !nodes.contains_key(*d)) {
            let Some(extent) = blobs.get(digest).filter(|e| e.size <= MANIFEST_LIMIT) else {
                continue;
            };
            total += extent.size;
            if total > TOTAL {
                break;
            }
            wanted.insert(digest.clone(), *extent);
        }
        if wanted.is_empty() {
            break;
        }
        frontier.clear();
        for (digest, bytes) in file.read_small(&wanted, MANIFEST_LIMIT)? {
            // What does not have its digest or is no manifest is as good as absent: the image is not whole.
            if Digest::of(&bytes) != digest {
                continue;
            }
            let Some(node) = Node::read(&bytes) else { continue };
            frontier.extend(node.below.manifests.iter().map(|child| child.digest.clone()));
            nodes.insert(digest, node);
        }
    }
    Ok(nodes)
}

fn is_whole(root: &Descriptor, nodes: &BTreeMap<Digest, Node>, blobs: &BTreeMap<Digest, Extent>, depth: usize) -> bool {
    let Some(node) = nodes.get(&root.digest).filter(|_| depth < DEPTH) else {
        return false;
    };
    let present = |blob: &Descriptor| blobs.get(&blob.digest).is_some_and(|extent| extent.size == blob.size);
    node.below.blobs.iter().all(present)
        && node
            .below
            .manifests
            .iter()
            .all(|child| is_whole(child, nodes, blobs, depth + 1))
}

/// Every manifest below a root, with the digest of its configuration.
fn images<'a>(
    root: &'a Descriptor,
    nodes: &'a BTreeMap<Digest, Node>,
    depth: usize,
) -> Vec<(&'a Descriptor, &'a Digest)> {
    let Some(node) = nodes.get(&root.digest).filter(|_| depth < DEPTH) else {
        return Vec::new();
    };
    let own = node.config.iter().map(|config| (root, &config.digest));
    own.chain(
        node.below
            .manifests
            .iter()
            .flat_map(|child| images(child, nodes, depth + 1)),
    )
    .collect()
}
