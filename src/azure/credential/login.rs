//! A manifest's credential, shown to the registry that it is for, and to no other.

use std::sync::Arc;

use super::source::ScopedCredential;
use crate::azure::arm::ArmError;
use crate::credentials::{Credential, CredentialError, CredentialSource, Obtained, Wanted};
use crate::oci::Job;

/// A [`CredentialSource`] over the credential of a manifest.
pub struct ManifestLogin {
    credential: Arc<ScopedCredential>,
    job: Job,
}

impl ManifestLogin {
    /// Requests are made, counted and stopped as the job says.
    pub fn new(credential: Arc<ScopedCredential>, job: Job) -> Self {
        Self { credential, job }
    }
}

#[async_trait::async_trait]
impl CredentialSource for ManifestLogin {
    /// Each manifest has a token of its own.
    fn principal(&self) -> String {
        format!("manifest:{}", self.credential.manifest().id())
    }

    async fn get(&self, wanted: &Wanted<'_>) -> Result<Obtained, CredentialError> {
        let granted = self.credential.get(&self.job).await.map_err(told)?;
        let manifest = &self.credential.manifest().manifest;
        let grant = granted.grant.registry(manifest).map_err(told)?;
        let asked = wanted.origin.split_once("://").map_or(wanted.origin, |(_, host)| host);
        if !asked.eq_ignore_ascii_case(&grant.host) {
            return Err(CredentialError {
                detail: format!(
                    "the credential of the artifact manifest {manifest} is for {}, not for {asked}",
                    grant.host
                ),
                hint: Some("name the artifact store whose registry this is".to_owned()),
            });
        }
        Ok(Obtained {
            credential: Credential::Basic {
                username: grant.username.clone(),
                password: grant.token.clone(),
            },
            generation: granted.generation,
            from: format!("credential of the artifact manifest {manifest}"),
        })
    }

    fn rejected(&self, generation: u64) {
        self.credential.rejected(generation);
    }

    fn accepted(&self, generation: u64) {
        self.credential.accepted(generation);
    }

    fn is_settling(&self) -> bool {
        self.credential.is_settling()
    }

    /// What the grant lists; nothing else.
    fn opens(&self, repository: &str) -> Option<bool> {
        let held = self.credential.held()?;
        let manifest = &self.credential.manifest().manifest;
        Some(held.grant.registry(manifest).is_ok_and(|grant| grant.opens(repository)))
    }

    fn remedy(&self) -> String {
        let id = self.credential.manifest();
        format!(
            "see what is granted: aosm-build credential --artifact-store {} --artifact-manifest {}",
            id.store.store, id.manifest
        )
    }
}

/// An error in one line, with what the service says beneath it.
pub(super) fn in_words(error: &ArmError) -> String {
    let mut detail = error.to_string();
    for line in &error.service.lines {
        detail = format!("{detail}; {line}");
    }
    if let Some(id) = &error.service.correlation {
        detail = format!("{detail} (correlation id {id})");
    }
    detail
}

fn told(error: ArmError) -> CredentialError {
    CredentialError {
        detail: in_words(&error),
        hint: error.hint,
    }
}
