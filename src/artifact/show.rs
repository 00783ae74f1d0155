//! One artifact, described from its manifest and, where that says less, its configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::documents::{ArtifactDocument, Attributes, PartEntry, RegistryFacts};
use crate::digest::Digest;
use crate::oci::graph::read_graph;
use crate::oci::manifest::{MANIFEST_LIMIT, children};
use crate::oci::referrer::{described, subject_of};
use crate::oci::registry::{AcrAttributes, AcrManifest};
use crate::oci::{Content, Descriptor, ErrorKind, Job, OciError, Platform, verified};

/// Names the file that a layer holds (image-spec, annotations.md).
pub const TITLE: &str = "org.opencontainers.image.title";
/// When something was made (image-spec, annotations.md).
const CREATED: &str = "org.opencontainers.image.created";
/// Configurations of images; others are of their tools' making.
const IMAGE_CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

#[derive(Deserialize, Default)]
struct View {
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

/// Describes what `root` names. `reference` goes into the document as it is.
pub async fn show(
    content: &Arc<dyn Content>,
    root: &Descriptor,
    reference: &str,
    job: &Job,
) -> Result<ArtifactDocument, OciError> {
    let bytes = content.manifest(root).await?;
    let refused = |why: String| {
        let subject = format!("{} of {}", root.digest.short(), content.origin().label);
        OciError::new(ErrorKind::Protocol, "read manifest", subject, why)
    };
    // The same rules as for everything that is copied: what cannot be copied is not described either.
    children(&bytes, &root.media_type).map_err(refused)?;
    let view: View = serde_json::from_slice(&bytes).map_err(|e| refused(format!("is no manifest: {e}")))?;
    let listed = described(root, &bytes);
    let config = match &view.config {
        Some(config) if IMAGE_CONFIGS.contains(&config.media_type.as_str()) => {
            image_config(content, config, job).await?
        }
        _ => serde_json::Value::Null,
    };
    let manifests: Vec<Descriptor> = view.manifests.unwrap_or_default();
    let mut platforms: BTreeSet<String> = manifests
        .iter()
        .filter_map(Platform::of)
        .map(|p| p.to_string())
        .collect();
    platforms.extend(Platform::of_value(&config).map(|platform| platform.to_string()));
    platforms.remove("unknown/unknown");
    let created = listed
        .annotations
        .get(CREATED)
        .cloned()
        .or_else(|| Some(config.get("created")?.as_str()?.to_owned()));
    let layers: Vec<Descriptor> = view.layers.or(view.blobs).unwrap_or_default();
    Ok(ArtifactDocument {
        format: "aosm-artifact/1",
        reference: reference.to_owned(),
        digest: root.digest.to_string(),
        media_type: root.media_type.clone(),
        artifact_type: listed.artifact_type().map(str::to_owned),
        size: bytes.len() as u64,
        total_size: total_size(content, root).await?,
        subject: subject_of(&bytes).map(|subject| subject.to_string()),
        created,
        platforms: platforms.into_iter().collect(),
        annotations: listed.annotations,
        config: view.config.map(part),
        layers: layers.into_iter().map(part).collect(),
        manifests: manifests.into_iter().map(part).collect(),
        registry: None,
    })
}

fn part(descriptor: Descriptor) -> PartEntry {
    PartEntry {
        digest: descriptor.digest.to_string(),
        size: descriptor.size,
        title: descriptor.annotations.get(TITLE).cloned(),
        platform: Platform::of(&descriptor).map(|platform| platform.to_string()),
        artifact_type: descriptor.artifact_type().map(str::to_owned),
        annotations: descriptor.annotations,
        media_type: descriptor.media_type,
    }
}

/// Bytes of everything, each part once; `None` where something is missing, as in a sparse index.
async fn total_size(content: &Arc<dyn Content>, root: &Descriptor) -> Result<Option<u64>, OciError> {
    let never = |_| -> BoxFuture<'_, Result<bool, OciError>> { Box::pin(async { Ok(false) }) };
    let graph = match read_graph(content, root, &never).await {
        Ok(graph) => graph,
        Err(error) if error.kind == ErrorKind::Absent => return Ok(None),
        Err(error) => return Err(error),
    };
    let manifests = graph.levels.iter().flatten().map(|node| node.bytes.len() as u64);
    let mut parts: BTreeMap<&Digest, u64> = BTreeMap::new();
    for blob in &graph.blobs {
        parts.insert(&blob.digest, blob.size);
    }
    Ok(Some(manifests.chain(parts.into_values()).fold(0, u64::saturating_add)))
}

/// The configuration of an image; null where it is absent, too large to be one, or no JSON.
pub(crate) async fn image_config(
    content: &Arc<dyn Content>,
    config: &Descriptor,
    job: &Job,
) -> Result<serde_json::Value, OciError> {
    if config.size > MANIFEST_LIMIT {
        return Ok(serde_json::Value::Null);
    }
    let mut read: Vec<u8> = Vec::new();
    let mut pieces = verified(content, config, job);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => read.extend_from_slice(&piece),
            Err(error) if error.kind == ErrorKind::Absent => return Ok(serde_json::Value::Null),
            Err(error) => return Err(error),
        }
    }
    Ok(serde_json::from_slice(&Bytes::from(read)).unwrap_or_default())
}

/// What Azure Container Registry keeps of a manifest.
pub fn facts(manifest: &AcrManifest) -> RegistryFacts {
    let mut tags: Vec<String> = manifest.tags.clone().unwrap_or_default();
    tags.sort();
    RegistryFacts {
        created_time: manifest.created_time.clone(),
        last_update_time: manifest.last_update_time.clone(),
        image_size: manifest.image_size,
        changeable_attributes: manifest.changeable_attributes.map(Attributes::from),
        tags,
    }
}

impl From<AcrAttributes> for Attributes {
    fn from(held: AcrAttributes) -> Self {
        Self {
            delete_enabled: held.delete_enabled,
            write_enabled: held.write_enabled,
            read_enabled: held.read_enabled,
            list_enabled: held.list_enabled,
        }
    }
}
