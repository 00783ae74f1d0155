//! What `store list`, `store show`, `artifact-manifest show` and `credential` print as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::credential::{ContainerGrant, Grant};
use super::manifest::{ArtifactManifest, ManifestEntry};
use super::name::{ManifestId, PublisherId, StoreId};
use super::state::{ManifestState, ProvisioningState, PublicAccess};
use super::store::ArtifactStore;

/// `store list`: `aosm-stores/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StoresDocument {
    /// `aosm-stores/1`.
    pub format: &'static str,
    /// The subscription.
    pub subscription: String,
    /// The publisher's resource group.
    pub resource_group: String,
    /// The publisher.
    pub publisher: String,
    /// Its stores, by name.
    pub stores: Vec<StoreEntry>,
}

/// An artifact store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StoreEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its region.
    pub location: String,
    /// What backs it, in the service's word: `AzureContainerRegistry`, `AzureStorageAccount`, or a newer one.
    pub store_type: String,
    /// The registry or account that backs it, by name; null while there is none.
    pub backing_name: Option<String>,
    /// The same by id.
    pub backing_resource: Option<String>,
    /// `Enabled`, `Disabled`, or null where the service does not say.
    pub public_network_access: Option<String>,
    /// `SingleReplication`, `GeoReplication`, or null where the service does not say.
    pub replication_strategy: Option<String>,
    /// The resource group that is managed for it.
    pub managed_resource_group: Option<String>,
    /// How far Resource Manager is with it.
    pub provisioning_state: Option<String>,
}

/// `store show`: `aosm-store/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StoreDocument {
    /// `aosm-store/1`.
    pub format: &'static str,
    /// The publisher.
    pub publisher: String,
    /// The store.
    #[serde(flatten)]
    pub store: StoreEntry,
    /// Its manifests, by name.
    pub manifests: Vec<ManifestSummary>,
}

/// A manifest in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ManifestSummary {
    /// Its name.
    pub name: String,
    /// What may be done with it: `Uploading` may be filled, `Uploaded` is sealed; null where the service does not say.
    pub state: Option<String>,
    /// How far Resource Manager is with it.
    pub provisioning_state: Option<String>,
    /// How many artifacts it lists.
    pub artifacts: usize,
}

/// `artifact-manifest show`: `aosm-artifact-manifest/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ArtifactManifestDocument {
    /// `aosm-artifact-manifest/1`.
    pub format: &'static str,
    /// Its id.
    pub id: String,
    /// The publisher.
    pub publisher: String,
    /// The store that it is for.
    pub artifact_store: String,
    /// Its name.
    pub name: String,
    /// Its region.
    pub location: String,
    /// What may be done with it: `Uploading` may be filled, `Uploaded` is sealed; null where the service does not say.
    pub state: Option<String>,
    /// How far Resource Manager is with it.
    pub provisioning_state: Option<String>,
    /// What it lists, in the service's order.
    pub artifacts: Vec<ArtifactEntry>,
}

/// An artifact that a manifest lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ArtifactEntry {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its type, in the service's word: `OCIArtifact`, `ArmTemplate`, `VhdImageFile`, `ImageFile`, or another one.
    #[serde(rename = "type")]
    pub kind: String,
}

/// `credential`: `aosm-credential/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CredentialDocument {
    /// `aosm-credential/1`.
    pub format: &'static str,
    /// The publisher.
    pub publisher: String,
    /// The artifact store.
    pub artifact_store: String,
    /// The manifest that grants it.
    pub artifact_manifest: String,
    /// `registry` or `storage-account`.
    pub kind: String,
    /// Until when it is good (RFC 3339).
    pub expires: String,
    /// What it opens in a registry; null for a storage account.
    pub registry: Option<RegistryAccess>,
    /// What it opens in a storage account; null for a registry.
    pub storage_account: Option<StorageAccess>,
}

/// A token for a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RegistryAccess {
    /// The registry: host and port.
    pub host: String,
    /// The user name to log in with.
    pub username: String,
    /// What may be done in the repositories.
    pub rights: Vec<String>,
    /// The repositories.
    pub repositories: Vec<String>,
    /// The token: only with `--show-secret`, else null.
    pub token: Option<String>,
}

/// Signatures for a storage account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StorageAccess {
    /// The account's name.
    pub account: Option<String>,
    /// The account's id.
    pub account_id: Option<String>,
    /// A signature for each container.
    pub containers: Vec<ContainerAccess>,
}

/// A signature for a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerAccess {
    /// The container's name.
    pub name: String,
    /// Its URL without the signature.
    pub url: String,
    /// What may be done in it; empty where a stored policy says so.
    pub rights: Vec<String>,
    /// The stored access policy that has the rights and the end.
    pub policy: Option<String>,
    /// The signature's own end, where it has one.
    pub expires: Option<String>,
    /// Its URL with the signature: only with `--show-secret`, else null.
    pub sas_url: Option<String>,
}

impl StoresDocument {
    /// The document of a list.
    pub fn new(publisher: &PublisherId, stores: &[ArtifactStore]) -> Self {
        Self {
            format: "aosm-stores/1",
            subscription: publisher.subscription.as_str().to_owned(),
            resource_group: publisher.resource_group.clone(),
            publisher: publisher.publisher.clone(),
            stores: stores.iter().map(StoreEntry::of).collect(),
        }
    }
}

impl StoreEntry {
    fn of(store: &ArtifactStore) -> Self {
        Self {
            id: store.id.clone(),
            name: store.name.clone(),
            location: store.location.clone(),
            store_type: store.store_type.to_string(),
            backing_name: store.backing_name().map(str::to_owned),
            backing_resource: store.backing_resource.clone(),
            public_network_access: store.public_access.as_ref().map(PublicAccess::to_string),
            replication_strategy: store.replication.clone(),
            managed_resource_group: store.managed_resource_group.clone(),
            provisioning_state: store.provisioning_state.as_ref().map(ProvisioningState::to_string),
        }
    }
}

impl StoreDocument {
    /// The document of a store and its manifests.
    pub fn new(id: &StoreId, store: &ArtifactStore, manifests: &[ArtifactManifest]) -> Self {
        Self {
            format: "aosm-store/1",
            publisher: id.publisher.publisher.clone(),
            store: StoreEntry::of(store),
            manifests: manifests
                .iter()
                .map(|manifest| ManifestSummary {
                    name: manifest.name.clone(),
                    state: manifest.state.as_ref().map(ManifestState::to_string),
                    provisioning_state: manifest.provisioning_state.as_ref().map(ProvisioningState::to_string),
                    artifacts: manifest.artifacts.len(),
                })
                .collect(),
        }
    }
}

impl ArtifactManifestDocument {
    /// The document of a manifest.
    pub fn new(id: &ManifestId, manifest: &ArtifactManifest) -> Self {
        let entry = |entry: &ManifestEntry| ArtifactEntry {
            name: entry.name.clone(),
            version: entry.version.clone(),
            kind: entry.artifact_type.clone(),
        };
        Self {
            format: "aosm-artifact-manifest/1",
            id: manifest.id.clone(),
            publisher: id.store.publisher.publisher.clone(),
            artifact_store: id.store.store.clone(),
            name: manifest.name.clone(),
            location: manifest.location.clone(),
            state: manifest.state.as_ref().map(ManifestState::to_string),
            provisioning_state: manifest.provisioning_state.as_ref().map(ProvisioningState::to_string),
            artifacts: manifest.artifacts.iter().map(entry).collect(),
        }
    }
}

impl CredentialDocument {
    /// The document of a grant; its secrets are in it only if they are to be shown.
    pub fn new(id: &ManifestId, grant: &Grant, show_secret: bool) -> Self {
        let (kind, registry, storage_account) = match grant {
            Grant::Registry(grant) => (
                "registry",
                Some(RegistryAccess {
                    host: grant.host.clone(),
                    username: grant.username.clone(),
                    rights: vec!["pull".to_owned(), "push".to_owned()],
                    repositories: grant.repositories.clone(),
                    token: show_secret.then(|| grant.token.expose().to_owned()),
                }),
                None,
            ),
            Grant::StorageAccount(grant) => (
                "storage-account",
                None,
                Some(StorageAccess {
                    account: grant.account().map(str::to_owned),
                    account_id: Some(grant.account_id.clone()).filter(|id| !id.is_empty()),
                    containers: grant.containers.iter().map(|one| container(one, show_secret)).collect(),
                }),
            ),
        };
        Self {
            format: "aosm-credential/1",
            publisher: id.store.publisher.publisher.clone(),
            artifact_store: id.store.store.clone(),
            artifact_manifest: id.manifest.clone(),
            kind: kind.to_owned(),
            expires: grant.expiry().to_owned(),
            registry,
            storage_account,
        }
    }
}

fn container(grant: &ContainerGrant, show_secret: bool) -> ContainerAccess {
    ContainerAccess {
        name: grant.name.clone(),
        url: grant.place.to_string(),
        rights: grant.rights.words().into_iter().map(str::to_owned).collect(),
        policy: grant.rights.policy.clone(),
        expires: grant.rights.end.clone(),
        sas_url: show_secret.then(|| format!("{}?{}", grant.place, grant.query.expose())),
    }
}
