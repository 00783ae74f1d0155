//! What `store artifacts` and `store set-state` print as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::artifact::{Artifact, ArtifactVersion};
use super::name::StoreId;
use super::state::ArtifactState;

/// `store artifacts`: `aosm-store-artifacts/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StoreArtifactsDocument {
    /// `aosm-store-artifacts/1`.
    pub format: &'static str,
    /// The publisher.
    pub publisher: String,
    /// The artifact store.
    pub artifact_store: String,
    /// Its artifacts, by name.
    pub artifacts: Vec<StoredArtifact>,
}

/// An artifact that a store knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StoredArtifact {
    /// Its name.
    pub name: String,
    /// Its versions, the lowest first.
    pub versions: Vec<StoredVersion>,
}

/// A version of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StoredVersion {
    /// The version.
    pub version: String,
    /// Its type, in the service's word; null where the service does not say.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `Preview`, `Active`, `Deprecated`, or a newer word; null where the service does not say.
    pub state: Option<String>,
}

/// `store set-state`: `aosm-artifact-state/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ArtifactStateDocument {
    /// `aosm-artifact-state/1`.
    pub format: &'static str,
    /// The publisher.
    pub publisher: String,
    /// The artifact store.
    pub artifact_store: String,
    /// The artifact.
    pub artifact: String,
    /// Its version.
    pub version: String,
    /// The state before; null where the service did not say.
    pub before: Option<String>,
    /// The state now, as the service has it.
    pub state: String,
    /// Was it changed?
    pub changed: bool,
}

impl StoreArtifactsDocument {
    /// The document of a store's artifacts with their versions.
    pub fn new(store: &StoreId, artifacts: &[(Artifact, Vec<ArtifactVersion>)]) -> Self {
        let version = |version: &ArtifactVersion| StoredVersion {
            version: version.version.clone(),
            kind: version.artifact_type.clone(),
            state: version.state.as_ref().map(ArtifactState::to_string),
        };
        Self {
            format: "aosm-store-artifacts/1",
            publisher: store.publisher.publisher.clone(),
            artifact_store: store.store.clone(),
            artifacts: artifacts
                .iter()
                .map(|(artifact, versions)| StoredArtifact {
                    name: artifact.name.clone(),
                    versions: versions.iter().map(version).collect(),
                })
                .collect(),
        }
    }
}
