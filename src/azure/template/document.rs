//! What manifests are to list, for other programs: `aosm-artifact-manifests/1`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{ManifestPart, sorted};
use crate::azure::documents::ArtifactEntry;
use crate::azure::state::StoreType;

/// `artifact-manifest generate --format json`: `aosm-artifact-manifests/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ArtifactManifestsDocument {
    /// `aosm-artifact-manifests/1`.
    pub format: &'static str,
    /// The manifests: of registries before storage accounts.
    pub manifests: Vec<PlannedManifest>,
}

/// One manifest as it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedManifest {
    /// What backs its store: `AzureContainerRegistry` or `AzureStorageAccount`.
    pub store_type: String,
    /// The project's store; null where the project has none for it.
    pub store: Option<String>,
    /// The artifact store, where the project names it.
    pub artifact_store: Option<String>,
    /// The artifact manifest, where the project names it.
    pub artifact_manifest: Option<String>,
    /// What it lists, by name and version.
    pub artifacts: Vec<ArtifactEntry>,
}

impl ArtifactManifestsDocument {
    /// The document of some manifests.
    pub fn new(manifests: Vec<PlannedManifest>) -> Self {
        Self {
            format: "aosm-artifact-manifests/1",
            manifests,
        }
    }
}

impl PlannedManifest {
    /// A manifest that the project does not name.
    pub fn new(part: &ManifestPart) -> Self {
        Self {
            store_type: StoreType::to_string(&part.store_type),
            store: None,
            artifact_store: None,
            artifact_manifest: None,
            artifacts: sorted(&part.entries)
                .into_iter()
                .map(|entry| ArtifactEntry {
                    name: entry.name.clone(),
                    version: entry.version.clone(),
                    kind: entry.artifact_type.clone(),
                })
                .collect(),
        }
    }
}
