//! One AOSM store as it was seen in this run.

use std::sync::Arc;

use crate::azure::arm::{Arm, ArmError, ArmErrorKind};
use crate::azure::credential::{ContainerGrant, Grant, RegistryGrant, ScopedCredential};
use crate::azure::import::RegistryId;
use crate::azure::{ArtifactManifest, ArtifactStore, ManifestId, ManifestState};
use crate::fault::{Fault, Place};
use crate::project::AosmStore;
use crate::store::ArtifactName;

/// How a store is asked: the client, which manifest, and the credential that it grants.
#[derive(Clone)]
pub struct Reached {
    /// Resource Manager, as the identity of the store.
    pub arm: Arc<Arm>,
    /// The artifact manifest.
    pub id: ManifestId,
    /// What it grants: fetched once a run, renewed in time.
    pub credential: Arc<ScopedCredential>,
}

/// What one AOSM store is seen to be. What is `None` could not be learnt, or nobody was asked.
pub struct AosmSite {
    /// Position of the store in the project.
    pub index: usize,
    /// Its name in the project.
    pub name: String,
    /// What the project says of it.
    pub config: AosmStore,
    /// Where the project names it.
    pub place: Option<Place>,
    /// How it is asked; `None` where it cannot be told which one it is.
    pub reached: Option<Reached>,
    /// The artifact store.
    pub record: Option<ArtifactStore>,
    /// The artifact manifest with its entries.
    pub manifest: Option<ArtifactManifest>,
    /// What the manifest grants.
    pub grant: Option<Arc<Grant>>,
    /// There is no artifact manifest of this name.
    pub absent: bool,
    /// The login may not ask for the credential: the rest may still be known.
    pub denied: bool,
    /// Why it cannot be used: then every step of the store is `unknown`.
    pub problem: Option<Fault>,
}

impl AosmSite {
    /// The name of its artifact manifest.
    pub fn manifest_name(&self) -> &str {
        &self.config.artifact_manifest.value
    }

    /// Is its artifact manifest sealed, or on its way there? Nothing may be changed then.
    pub fn is_sealed(&self) -> bool {
        let state = self.manifest.as_ref().and_then(|manifest| manifest.state.as_ref());
        state.is_some_and(|state| {
            matches!(
                state,
                ManifestState::Uploaded | ManifestState::Validating | ManifestState::Succeeded
            )
        })
    }

    /// Does the manifest list this artifact? `None` where its entries are not known. A chart's `+` is `_` in its tag and may be
    /// either in the entry.
    pub fn lists(&self, name: &ArtifactName) -> Option<bool> {
        let manifest = self.manifest.as_ref()?;
        let same = |version: &str| version == name.tag || version.replace('+', "_") == name.tag;
        let mut entries = manifest.artifacts.iter();
        Some(entries.any(|entry| entry.name == name.repository && same(&entry.version)))
    }

    /// The registry behind the store, by resource id; `None` where the store could not be read, or says something else.
    pub fn backing_registry(&self) -> Option<RegistryId> {
        RegistryId::parse(self.record.as_ref()?.backing_resource.as_deref()?)
    }

    /// The registry's part of what is granted.
    pub fn registry(&self) -> Option<&RegistryGrant> {
        match self.grant.as_deref()? {
            Grant::Registry(grant) => Some(grant),
            Grant::StorageAccount(_) => None,
        }
    }

    /// The repository of an artifact, as the grant has it.
    pub fn repository(&self, artifact: &str) -> Result<String, ArmError> {
        let (Some(grant), Some(reached)) = (self.registry(), &self.reached) else {
            let why = "its artifact manifest grants nothing";
            return Err(ArmError::new(ArmErrorKind::Mismatch, "use repository", artifact, why));
        };
        grant.repository(self.manifest_name(), artifact, reached.arm.api())
    }

    /// What is granted for a container; `None` where nothing is, or nobody knows.
    pub fn container(&self, name: &str) -> Option<&ContainerGrant> {
        match self.grant.as_deref()? {
            Grant::StorageAccount(grant) => grant.container(name),
            Grant::Registry(_) => None,
        }
    }

    /// What receipts know it by; the same whether it is asked or not.
    pub fn identity(&self) -> String {
        let config = &self.config;
        let id = match &self.reached {
            Some(reached) => reached.id.id(),
            None => format!("{}/{config}", config.resource_group.value),
        };
        format!("aosm:{}", id.to_lowercase())
    }
}
