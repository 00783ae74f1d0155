//! What `artifact-manifest create`, `seal` and `delete` did, as JSON: `aosm-artifact-manifest-change/1`.

use schemars::JsonSchema;
use serde::Serialize;

use super::documents::ArtifactEntry;
use super::manifest::{ArtifactManifest, ManifestEntry};
use super::name::ManifestId;
use super::state::ManifestState;

/// What became of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was made.
    Created,
    /// It was deleted and made anew.
    Recreated,
    /// It was there already, as it should be.
    Unchanged,
    /// It was closed for good.
    Sealed,
    /// It was closed before.
    AlreadySealed,
    /// Manifests of storage accounts are never sealed.
    NeverSealed,
    /// It was deleted.
    Deleted,
}

/// What was done with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ManifestChangeDocument {
    /// `aosm-artifact-manifest-change/1`.
    pub format: &'static str,
    /// The publisher.
    pub publisher: String,
    /// The artifact store.
    pub artifact_store: String,
    /// The artifact manifest.
    pub artifact_manifest: String,
    /// What became of it.
    pub change: Change,
    /// Its state afterwards, in the service's word; null where it has none, or is gone.
    pub state: Option<String>,
    /// What it lists; of a deleted one what it listed.
    pub artifacts: Vec<ArtifactEntry>,
    /// What lost its place in a manifest: artifacts that the deleted one listed and the new one does not.
    pub unlisted: Vec<ArtifactEntry>,
}

impl ManifestChangeDocument {
    /// The document of a change; `manifest` as it is afterwards, or was before it was deleted.
    pub fn new(id: &ManifestId, change: Change, manifest: &ArtifactManifest, unlisted: &[ManifestEntry]) -> Self {
        let state = manifest.state.as_ref().filter(|_| change != Change::Deleted);
        Self {
            format: "aosm-artifact-manifest-change/1",
            publisher: id.store.publisher.publisher.clone(),
            artifact_store: id.store.store.clone(),
            artifact_manifest: id.manifest.clone(),
            change,
            state: state.map(ManifestState::to_string),
            artifacts: manifest.artifacts.iter().map(entry).collect(),
            unlisted: unlisted.iter().map(entry).collect(),
        }
    }
}

fn entry(entry: &ManifestEntry) -> ArtifactEntry {
    ArtifactEntry {
        name: entry.name.clone(),
        version: entry.version.clone(),
        kind: entry.artifact_type.clone(),
    }
}
