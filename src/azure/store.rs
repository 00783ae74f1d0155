//! Artifact stores of a publisher (REST reference, "Artifact Stores").

use reqwest::Method;
use serde_json::Value;

use super::arm::{Arm, ArmError, ArmErrorKind, Ask};
use super::fields::Fields;
use super::name::{PublisherId, StoreId};
use super::state::{ProvisioningState, PublicAccess, StoreType};
use crate::oci::Job;

/// An artifact store, as Resource Manager describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactStore {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its region.
    pub location: String,
    /// What backs it.
    pub store_type: StoreType,
    /// Whether that can be reached from anywhere.
    pub public_access: Option<PublicAccess>,
    /// `SingleReplication` or `GeoReplication`.
    pub replication: Option<String>,
    /// The resource that backs it, by id; there once it is made.
    pub backing_resource: Option<String>,
    /// The resource group that is managed for it.
    pub managed_resource_group: Option<String>,
    /// How far Resource Manager is with it.
    pub provisioning_state: Option<ProvisioningState>,
}

impl ArtifactStore {
    /// Reads one store.
    pub async fn get(arm: &Arm, id: &StoreId, job: &Job) -> Result<Self, ArmError> {
        let ask = Ask {
            operation: "read artifact store",
            subject: id.to_string(),
            right: "Microsoft.HybridNetwork/publishers/artifactStores/read",
            method: Method::GET,
            url: arm.url(&id.segments(), &[]),
            body: None,
        };
        let answer = arm.send(&ask, job).await?;
        Self::read(&answer.value).map_err(|why| lacking(&ask, &why).at(answer.correlation()))
    }

    /// All stores of a publisher, by name.
    pub async fn list(arm: &Arm, publisher: &PublisherId, job: &Job) -> Result<Vec<Self>, ArmError> {
        let mut segments = publisher.segments();
        segments.push("artifactStores");
        let ask = Ask {
            operation: "list artifact stores of",
            subject: publisher.to_string(),
            right: "Microsoft.HybridNetwork/publishers/artifactStores/read",
            method: Method::GET,
            url: arm.url(&segments, &[]),
            body: None,
        };
        let entries = arm.list(ask.clone(), job).await?;
        let mut stores = entries
            .iter()
            .map(|entry| Self::read(entry).map_err(|why| lacking(&ask, &why)))
            .collect::<Result<Vec<_>, _>>()?;
        stores.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(stores)
    }

    fn read(value: &Value) -> Result<Self, String> {
        let fields = Fields(value);
        Ok(Self {
            id: fields.text("id")?,
            name: fields.text("name")?,
            location: fields.text("location")?,
            store_type: StoreType::read(&fields.text("properties.storeType")?),
            public_access: fields
                .maybe("properties.backingResourcePublicNetworkAccess")?
                .as_deref()
                .map(PublicAccess::read),
            replication: fields.maybe("properties.replicationStrategy")?,
            backing_resource: fields.maybe("properties.storageResourceId")?,
            managed_resource_group: fields.maybe("properties.managedResourceGroupConfiguration.name")?,
            provisioning_state: fields
                .maybe("properties.provisioningState")?
                .as_deref()
                .map(ProvisioningState::read),
        })
    }

    /// The name of what backs it: the last part of its id.
    pub fn backing_name(&self) -> Option<&str> {
        let id = self.backing_resource.as_deref()?;
        id.trim_end_matches('/')
            .rsplit('/')
            .next()
            .filter(|name| !name.is_empty())
    }

    /// Fails if it is of another kind than is wanted.
    pub fn expect_type(&self, wanted: &StoreType) -> Result<(), ArmError> {
        if self.store_type == *wanted {
            return Ok(());
        }
        let hint = match self.store_type {
            StoreType::Registry => {
                "charts, images and templates belong here; name a store of the other kind for disk images"
            }
            StoreType::StorageAccount => {
                "disk images belong here; name a store of the other kind for charts and images"
            }
            StoreType::Other(_) => "a newer aosm-build may know this kind of store",
        };
        Err(ArmError::new(
            ArmErrorKind::Mismatch,
            "use artifact store",
            &self.name,
            format!("it is an {}, not an {wanted}", self.store_type),
        )
        .hint(hint))
    }

    /// Fails if it is in another region than is wanted.
    pub fn expect_region(&self, wanted: &str) -> Result<(), ArmError> {
        if same_region(&self.location, wanted) {
            return Ok(());
        }
        Err(ArmError::new(
            ArmErrorKind::Mismatch,
            "use artifact store",
            &self.name,
            format!("its publisher is in {}, not in {wanted}", self.location),
        )
        .hint(format!(
            "publishers are of one region: give --location {}, or name the publisher of the other region",
            self.location
        )))
    }
}

/// Do two texts name one region? `West Europe` and `westeurope` do.
pub fn same_region(a: &str, b: &str) -> bool {
    let bare = |text: &str| text.to_lowercase().replace([' ', '-', '_'], "");
    bare(a) == bare(b)
}

/// The error of an answer that lacks what it should have.
pub(super) fn lacking(ask: &Ask, why: &str) -> ArmError {
    ArmError::new(
        ArmErrorKind::Protocol,
        ask.operation,
        &ask.subject,
        format!("the answer is not what it should be: {why}"),
    )
}
