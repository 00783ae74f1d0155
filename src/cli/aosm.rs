//! Stores of AOSM in commands about one artifact: the manifest that lists it is found, and asked for its credential.

use std::sync::Arc;

use crate::azure::ManifestId;
use crate::azure::arm::ApiVersion;
use crate::azure::credential::{Grant, ManifestLogin, ScopedCredential};
use crate::fault::{Fault, Faults};
use crate::oci::Job;
use crate::oci::registry::{Client, Registries};
use crate::plan::aosm::{FoundManifest, Reach, Sought, find};
use crate::project::AosmStore;

/// How stores of AOSM are opened for one command.
pub struct OneOff {
    reach: Reach,
    /// `--artifact-manifest`.
    manifest: Option<String>,
    job: Job,
}

/// The registry behind a store, opened with what a manifest grants.
pub struct Granted {
    /// The registry, logged in to.
    pub client: Arc<Client>,
    grant: Arc<Grant>,
    id: ManifestId,
    api: ApiVersion,
}

impl OneOff {
    /// Nothing is asked yet. `manifest`: the one that the command line names.
    pub fn new(registries: &Arc<Registries>, manifest: Option<String>, job: Job) -> Self {
        Self {
            reach: Reach::new(Arc::clone(registries)),
            manifest,
            job,
        }
    }

    /// The credential for an artifact; without one that of the store's own manifest.
    pub async fn credential(
        &self,
        config: &AosmStore,
        sought: Option<Sought<'_>>,
    ) -> Result<(Arc<ScopedCredential>, ApiVersion), Faults> {
        let reached = self.found(config, sought).await?.reached;
        Ok((reached.credential, reached.arm.api()))
    }

    async fn found(&self, config: &AosmStore, sought: Option<Sought<'_>>) -> Result<FoundManifest, Faults> {
        find(&self.reach, config, sought, self.manifest.as_deref(), &self.job).await
    }

    /// The registry behind a store, for an artifact. `changes`: what is there will be changed, which a sealed manifest forbids.
    pub async fn granted(
        &self,
        config: &AosmStore,
        sought: Option<Sought<'_>>,
        changes: bool,
    ) -> Result<Granted, Faults> {
        let found = self.found(config, sought).await?;
        if changes {
            found.expect_open(&self.job).await?;
        }
        let (credential, api) = (found.reached.credential, found.reached.arm.api());
        let granted = credential.get(&self.job).await.map_err(Fault::from)?;
        let id = credential.manifest().clone();
        let registry = granted.grant.registry(&id.manifest).map_err(Fault::from)?;
        let login = ManifestLogin::new(credential, self.job.clone());
        let registries = self.reach.registries();
        let client = registries
            .client_with(&registry.host, Arc::new(login), registry.plain_http)
            .map_err(Fault::from)?;
        Ok(Granted {
            client,
            grant: Arc::clone(&granted.grant),
            id,
            api,
        })
    }

    /// Whoever asks.
    pub fn job(&self) -> &Job {
        &self.job
    }
}

impl Granted {
    /// The repository of an artifact.
    pub fn repository(&self, artifact: &str) -> Result<String, Fault> {
        let manifest = &self.id.manifest;
        let registry = self.grant.registry(manifest).map_err(Fault::from)?;
        registry.repository(manifest, artifact, self.api).map_err(Fault::from)
    }

    /// All repositories that the manifest opens, by the names that artifacts have.
    pub fn repositories(&self) -> Vec<String> {
        let manifest = &self.id.manifest;
        let below = format!("{manifest}/");
        let granted = self.grant.registry(manifest).map(|grant| grant.repositories.clone());
        let mut names: Vec<String> = granted
            .unwrap_or_default()
            .into_iter()
            .map(|name| name.strip_prefix(&below).unwrap_or(&name).to_owned())
            .collect();
        names.sort();
        names
    }
}
