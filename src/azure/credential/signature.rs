//! A manifest's credential, as the signature of one of its containers.

use std::sync::Arc;

use super::source::{Granted, ScopedCredential};
use super::storage::ContainerGrant;
use crate::azure::arm::{ArmError, ArmErrorKind};
use crate::blob::{BlobError, BlobErrorKind, ContainerAccess, SasSource, SasUrl};
use crate::fault::some_of;
use crate::oci::Job;

/// A [`SasSource`] over the credential of a manifest: the signature of one container, renewed in time, and when the storage
/// account refuses it.
pub struct ManifestSas {
    credential: Arc<ScopedCredential>,
    container: String,
    job: Job,
}

impl ManifestSas {
    /// Requests to Resource Manager are made, counted and stopped as the job says; nothing is asked yet.
    pub fn new(credential: Arc<ScopedCredential>, container: impl Into<String>, job: Job) -> Self {
        Self {
            credential,
            container: container.into(),
            job,
        }
    }

    fn manifest(&self) -> &str {
        &self.credential.manifest().manifest
    }

    fn error(&self, kind: BlobErrorKind, detail: &str) -> BlobError {
        BlobError::new(kind, "open container", &self.container, detail)
    }

    fn told(&self, error: &ArmError) -> BlobError {
        let kind = match error.kind {
            ArmErrorKind::Cancelled => BlobErrorKind::Interrupted,
            ArmErrorKind::Unreachable | ArmErrorKind::Server | ArmErrorKind::Throttled => BlobErrorKind::Unreachable,
            _ => BlobErrorKind::Denied,
        };
        let told = self.error(kind, &super::login::in_words(error));
        match &error.hint {
            Some(hint) => told.hint(hint),
            None => told,
        }
    }

    fn access(&self, granted: &Granted) -> Result<ContainerAccess, BlobError> {
        let manifest = self.manifest();
        let grant = granted.grant.storage(manifest).map_err(|error| self.told(&error))?;
        let container = grant.container(&self.container).ok_or_else(|| {
            let names: Vec<&str> = grant.containers.iter().map(|one| one.name.as_str()).collect();
            let covers = match names.as_slice() {
                [] => "it covers no container".to_owned(),
                _ => format!("it covers {}", some_of(&names)),
            };
            self.error(
                BlobErrorKind::Denied,
                &format!("the credential of the artifact manifest {manifest} does not cover it: {covers}"),
            )
            .hint("list the disk image in the artifact manifest with this name and version, or name the manifest that lists it")
        })?;
        Ok(ContainerAccess {
            url: url_of(container),
            origin: format!("the credential of the artifact manifest {manifest}"),
            generation: granted.generation,
        })
    }
}

fn url_of(container: &ContainerGrant) -> SasUrl {
    let mut place = container.place.clone();
    let path = place.path().trim_end_matches('/').to_owned();
    place.set_path(&path);
    SasUrl {
        place,
        query: container.query.clone(),
    }
}

#[async_trait::async_trait]
impl SasSource for ManifestSas {
    async fn get(&self) -> Result<ContainerAccess, BlobError> {
        let granted = self
            .credential
            .get(&self.job)
            .await
            .map_err(|error| self.told(&error))?;
        self.access(&granted)
    }

    async fn rejected(&self, generation: u64) -> bool {
        self.credential.rejected(generation);
        // What it takes to get another one is told by `get`, with its own error.
        self.credential.may_come()
    }

    /// Without asking: the account is known once the credential is.
    fn label(&self) -> String {
        let held = self.credential.held().and_then(|held| self.access(&held).ok());
        held.map_or_else(|| self.container.clone(), |access| access.label())
    }

    fn accepted(&self, generation: u64) {
        self.credential.accepted(generation);
    }

    fn remedy(&self) -> Option<String> {
        let id = self.credential.manifest();
        Some(format!(
            "see what is granted: aosm-build credential --artifact-store {} --artifact-manifest {}; the account's network rules may not let this machine in",
            id.store.store, id.manifest
        ))
    }
}
