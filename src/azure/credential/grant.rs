//! What `listCredential` answers (REST reference, "Artifact Manifests - List Credential").

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::registry::RegistryGrant;
use super::storage::StorageGrant;
use crate::azure::arm::{ArmError, ArmErrorKind};
use crate::azure::fields::Fields;
use crate::azure::state::StoreType;
use crate::azure::time::rfc3339;

/// A granted credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// `AzureContainerRegistryScopedToken`.
    Registry(RegistryGrant),
    /// `AzureStorageAccountToken`.
    StorageAccount(StorageGrant),
}

impl Grant {
    /// Reads an answer. `Err` says what is wrong with it, without any of its values but the kind.
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        let fields = Fields(value);
        match fields.text("credentialType")?.as_str() {
            "AzureContainerRegistryScopedToken" => RegistryGrant::read(fields).map(Self::Registry),
            "AzureStorageAccountToken" => StorageGrant::read(fields).map(Self::StorageAccount),
            other => Err(format!(
                "credentialType {:?} is not one that is known here (AzureContainerRegistryScopedToken, AzureStorageAccountToken)",
                other.chars().take(80).collect::<String>()
            )),
        }
    }

    /// Until when it is good, as the service writes it.
    pub fn expiry(&self) -> &str {
        match self {
            Self::Registry(grant) => &grant.expiry,
            Self::StorageAccount(grant) => &grant.expiry,
        }
    }

    /// How long it is good from `now` on; zero when it is not. Signatures with an end of their own count as well.
    pub(super) fn life(&self, now: SystemTime) -> Duration {
        let ends = match self {
            Self::Registry(grant) => vec![rfc3339(&grant.expiry)],
            Self::StorageAccount(grant) => grant
                .containers
                .iter()
                .filter_map(|container| container.rights.end.as_deref())
                .map(rfc3339)
                .chain([rfc3339(&grant.expiry)])
                .collect(),
        };
        // Every end was read when it was parsed: what cannot be read now ends now.
        let left = |end: Option<SystemTime>| end.and_then(|end| end.duration_since(now).ok()).unwrap_or_default();
        ends.into_iter().map(left).min().unwrap_or_default()
    }

    /// What kind of store it is for.
    pub fn store_type(&self) -> StoreType {
        match self {
            Self::Registry(_) => StoreType::Registry,
            Self::StorageAccount(_) => StoreType::StorageAccount,
        }
    }

    /// The registry's, or an error that says of which kind the store is. `manifest` is named in it.
    pub fn registry(&self, manifest: &str) -> Result<&RegistryGrant, ArmError> {
        match self {
            Self::Registry(grant) => Ok(grant),
            Self::StorageAccount(_) => Err(other_kind(manifest, &self.store_type(), &StoreType::Registry)),
        }
    }

    /// The storage account's, or an error that says of which kind the store is. `manifest` is named in it.
    pub fn storage(&self, manifest: &str) -> Result<&StorageGrant, ArmError> {
        match self {
            Self::StorageAccount(grant) => Ok(grant),
            Self::Registry(_) => Err(other_kind(manifest, &self.store_type(), &StoreType::StorageAccount)),
        }
    }
}

fn other_kind(manifest: &str, is: &StoreType, wanted: &StoreType) -> ArmError {
    ArmError::new(
        ArmErrorKind::Mismatch,
        "use the credential of artifact manifest",
        manifest,
        format!("it is for an {is}, not for an {wanted}"),
    )
    .hint("name the manifest of the other store: charts, images and templates go to registries, disk images to storage accounts")
}

/// A time that must be one.
pub(super) fn time(fields: Fields<'_>, path: &str) -> Result<String, String> {
    let text = fields.text(path)?;
    match rfc3339(&text) {
        Some(_) => Ok(text),
        None => Err(format!("{path} is no time (RFC 3339)")),
    }
}
