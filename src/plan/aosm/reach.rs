//! Resource Manager for the stores of a project: one client for each identity, cloud and version, over the run's sockets.

use std::sync::{Arc, Mutex, PoisonError};

use super::Reached;
use crate::azure::arm::{Arm, ArmSettings};
use crate::azure::credential::ScopedCredentials;
use crate::azure::{ApiVersion, PublisherId, default_subscription};
use crate::credentials::Variables;
use crate::credentials::entra::{Cloud, Which};
use crate::fault::{Fault, Faults};
use crate::oci::registry::Registries;
use crate::project::{AosmStore, Auth};

/// What tells clients apart.
#[derive(PartialEq, Eq)]
struct Key {
    cloud: Cloud,
    endpoint: Option<String>,
    tenant: Option<String>,
    auth: Auth,
    api: ApiVersion,
}

/// A client, and the credentials that were asked for through it.
type Client = (Arc<Arm>, Arc<ScopedCredentials>);

/// Reaches the AOSM stores of a run. Nothing is asked by making it.
pub struct Reach {
    registries: Arc<Registries>,
    variables: Variables,
    clients: Mutex<Vec<(Key, Client)>>,
}

impl Reach {
    /// Over the run's sockets.
    pub fn new(registries: Arc<Registries>) -> Self {
        Self {
            registries,
            variables: Variables::from_env(),
            clients: Mutex::default(),
        }
    }

    /// The run's sockets.
    pub fn registries(&self) -> &Arc<Registries> {
        &self.registries
    }

    /// How a store is asked: the same client and credential each time. Fails where it cannot be told which store is meant; every
    /// complaint is told.
    pub fn reach(&self, config: &AosmStore) -> Result<Reached, Faults> {
        let publisher = self.publisher(config)?;
        let store = publisher.store(&config.artifact_store.value)?;
        let id = store.manifest(&config.artifact_manifest.value)?;
        let (arm, credentials) = self.client(config)?;
        Ok(Reached {
            credential: credentials.of(&id),
            arm,
            id,
        })
    }

    /// The publisher of a store: its subscription comes from the project, the environment, or the Azure CLI.
    pub fn publisher(&self, config: &AosmStore) -> Result<PublisherId, Faults> {
        let subscription = match &config.subscription {
            Some(written) => Some(written.value.clone()),
            None => self
                .variables
                .get("AZURE_SUBSCRIPTION_ID")
                .or_else(|| default_subscription(&self.variables)),
        };
        let Some(subscription) = subscription else {
            return Err(
                Fault::invalid("no subscription is named, and the Azure CLI has no default one")
                    .hint("write `subscription` in the store, set AZURE_SUBSCRIPTION_ID, or log in with: az login")
                    .into(),
            );
        };
        PublisherId::new(&subscription, &config.resource_group.value, &config.publisher.value)
    }

    fn client(&self, config: &AosmStore) -> Result<Client, Fault> {
        let key = Key {
            cloud: config.cloud,
            endpoint: config.endpoint.as_ref().map(|endpoint| endpoint.value.clone()),
            tenant: config.tenant.as_ref().map(|tenant| tenant.value.clone()),
            auth: config.auth,
            api: config.api_version,
        };
        // A panic elsewhere cannot leave the list half-written.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(known, _)| *known == key) {
            return Ok(client.clone());
        }
        let by_variables = ArmSettings::by(&self.variables);
        let settings = ArmSettings {
            cloud: key.cloud,
            endpoint: key.endpoint.clone().or_else(|| by_variables.endpoint.clone()),
            which: match key.auth {
                Auth::AzureCli => Which::AzureCli,
                Auth::Environment => Which::Environment,
                _ => Which::Any,
            },
            tenant: key.tenant.clone(),
            api: key.api,
            ..by_variables
        };
        let arm = Arm::new(&self.registries, &settings)?;
        let credentials = ScopedCredentials::new(Arc::clone(&arm));
        clients.push((key, (Arc::clone(&arm), Arc::clone(&credentials))));
        Ok((arm, credentials))
    }
}
