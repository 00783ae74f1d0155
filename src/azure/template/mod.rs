//! Artifact manifests as something to deploy: Bicep, its compiled JSON, or a list for other programs.
//!
//! The form is the one that the Azure CLI `aosm` extension writes (`artifactManifest/deploy.bicep`): names come as
//! parameters, so the same text serves every environment, and what is listed stands there literally. The same artifacts give
//! the same bytes: entries are sorted by name and version, and each is there once.

mod arm;
mod bicep;
mod document;
#[cfg(test)]
mod tests;

pub use arm::arm_template;
pub use bicep::bicep;
pub use document::{ArtifactManifestsDocument, PlannedManifest};

use std::collections::BTreeMap;

use super::manifest::ManifestEntry;
use super::state::StoreType;

/// The API version that templates name.
const API: &str = "2024-04-15";
/// The resource type of a manifest, spelled as the extension's templates have it.
const MANIFEST: &str = "Microsoft.Hybridnetwork/publishers/artifactStores/artifactManifests";

/// What one artifact manifest is to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestPart {
    /// What backs its store.
    pub store_type: StoreType,
    /// What it lists; in any order.
    pub entries: Vec<ManifestEntry>,
}

/// The names of a part's parameters, and what its resources are called in a template.
struct Names {
    store_parameter: &'static str,
    manifest_parameter: &'static str,
    store: &'static str,
    manifest: &'static str,
}

impl ManifestPart {
    fn names(&self) -> Names {
        match self.store_type {
            StoreType::StorageAccount => Names {
                store_parameter: "saArtifactStoreName",
                manifest_parameter: "saManifestName",
                store: "saArtifactStore",
                manifest: "saArtifactManifest",
            },
            StoreType::Registry | StoreType::Other(_) => Names {
                store_parameter: "acrArtifactStoreName",
                manifest_parameter: "acrManifestName",
                store: "acrArtifactStore",
                manifest: "acrArtifactManifest",
            },
        }
    }

    /// Its entries, sorted, each once; of two that differ in type alone the first.
    fn sorted(&self) -> Vec<&ManifestEntry> {
        sorted(&self.entries)
    }
}

/// Entries by name and version, each once; of two that differ in type alone the first.
pub fn sorted(entries: &[ManifestEntry]) -> Vec<&ManifestEntry> {
    let mut by_name: BTreeMap<(&str, &str), &ManifestEntry> = BTreeMap::new();
    for entry in entries {
        by_name.entry((&entry.name, &entry.version)).or_insert(entry);
    }
    by_name.into_values().collect()
}

/// The parameters of a template, in their order.
fn parameters(parts: &[ManifestPart]) -> Vec<&'static str> {
    let mut names = vec!["location", "publisherName"];
    for part in parts {
        let part = part.names();
        names.extend([part.store_parameter, part.manifest_parameter]);
    }
    names
}
