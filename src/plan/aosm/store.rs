//! The registry behind an AOSM store as an artifact store: names become the repositories that the manifest grants. And what
//! stands in for a store that cannot be used.

use std::sync::Arc;

use super::{AosmSite, closed_hint};
use crate::oci::recursive::Along;
use crate::oci::{Content, Descriptor, ErrorKind, OciError, Place};
use crate::store::{ArtifactName, ArtifactStore, Filled, Guard, Job, Observed, RegistryStore, StoreIdentity};

/// An artifact store of AOSM, usable. Steps and plans have the plain names; in the registry an artifact may be below the name
/// of its manifest.
pub(in crate::plan) struct GrantedStore {
    site: Arc<AosmSite>,
    identity: StoreIdentity,
    registry: RegistryStore,
}

impl GrantedStore {
    /// Over the registry that is behind the store, logged in to with what the manifest grants.
    pub fn new(site: Arc<AosmSite>, registry: RegistryStore) -> Self {
        Self {
            identity: StoreIdentity(site.identity()),
            registry,
            site,
        }
    }

    /// The repository of an artifact; one that the grant does not cover is refused here, before anything is sent.
    fn repository(&self, artifact: &str) -> Result<String, OciError> {
        let failed = |why: String, hint: Option<String>| {
            let mut error = OciError::new(ErrorKind::Denied, "use repository", artifact, why);
            error.hint = hint;
            error
        };
        let (Some(grant), Some(reached)) = (self.site.registry(), &self.site.reached) else {
            return Err(failed("its artifact manifest grants nothing".to_owned(), None));
        };
        grant
            .repository(self.site.manifest_name(), artifact, reached.arm.api())
            .map_err(|error| failed(error.detail, error.hint))
    }

    /// An error of the registry, with the way out where the network seems to be kept out.
    fn told(&self, mut error: OciError) -> OciError {
        let unreachable = error.kind == ErrorKind::Unreachable;
        if let Some(hint) = closed_hint(&self.site, &error.detail, unreachable) {
            error.hint = Some(hint);
        }
        error
    }

    fn name_there(&self, name: &ArtifactName) -> Result<ArtifactName, OciError> {
        Ok(ArtifactName {
            repository: self.repository(&name.repository)?,
            tag: name.tag.clone(),
        })
    }
}

#[async_trait::async_trait]
impl ArtifactStore for GrantedStore {
    fn name(&self) -> &str {
        self.registry.name()
    }

    fn identity(&self) -> &StoreIdentity {
        &self.identity
    }

    async fn observe(&self, name: &ArtifactName, thorough: bool, job: &Job) -> Result<Observed, OciError> {
        let name = self.name_there(name)?;
        let seen = self.registry.observe(&name, thorough, job).await;
        seen.map_err(|error| self.told(error))
    }

    async fn content(&self, repository: &str, job: &Job) -> Result<Arc<dyn Content>, OciError> {
        self.registry.content(&self.repository(repository)?, job).await
    }

    fn place(&self, repository: &str) -> Result<Arc<dyn Place>, OciError> {
        self.registry.place(&self.repository(repository)?)
    }

    async fn fill_along(
        &self,
        name: &ArtifactName,
        root: &Descriptor,
        content: Arc<dyn Content>,
        guard: &Guard,
        along: Along<'_>,
        job: &Job,
    ) -> Result<Filled, OciError> {
        let name = self.name_there(name)?;
        let filled = self.registry.fill_along(&name, root, content, guard, along, job).await;
        filled.map_err(|error| self.told(error))
    }

    async fn put(
        &self,
        repository: &str,
        root: &Descriptor,
        content: Arc<dyn Content>,
        job: &Job,
    ) -> Result<Filled, OciError> {
        let repository = self.repository(repository)?;
        self.registry.put(&repository, root, content, job).await
    }

    async fn flush(&self) -> Result<(), OciError> {
        self.registry.flush().await
    }
}

/// A store that cannot be used, or was not asked: everything that is wanted of it fails with the same words.
pub(in crate::plan) struct ClosedStore {
    name: String,
    identity: StoreIdentity,
    why: OciError,
}

impl ClosedStore {
    /// With the words of an error of its own.
    pub fn failed(site: &AosmSite, why: OciError) -> Self {
        Self { why, ..Self::new(site) }
    }

    /// What its site says is the matter with it.
    pub fn new(site: &AosmSite) -> Self {
        let mut why = match &site.problem {
            Some(problem) => OciError::new(ErrorKind::Unreachable, "use store", &site.name, problem.message()),
            None => OciError::new(ErrorKind::Unreachable, "use store", &site.name, "it was not asked"),
        };
        why.hint = site
            .problem
            .as_ref()
            .and_then(|problem| problem.hint_text())
            .map(str::to_owned);
        Self {
            name: site.name.clone(),
            identity: StoreIdentity(site.identity()),
            why,
        }
    }
}

#[async_trait::async_trait]
impl ArtifactStore for ClosedStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> &StoreIdentity {
        &self.identity
    }

    async fn observe(&self, _name: &ArtifactName, _thorough: bool, _job: &Job) -> Result<Observed, OciError> {
        Err(self.why.clone())
    }

    async fn content(&self, _repository: &str, _job: &Job) -> Result<Arc<dyn Content>, OciError> {
        Err(self.why.clone())
    }

    fn place(&self, _repository: &str) -> Result<Arc<dyn Place>, OciError> {
        Err(self.why.clone())
    }

    async fn fill_along(
        &self,
        _name: &ArtifactName,
        _root: &Descriptor,
        _content: Arc<dyn Content>,
        _guard: &Guard,
        _along: Along<'_>,
        _job: &Job,
    ) -> Result<Filled, OciError> {
        Err(self.why.clone())
    }

    async fn put(
        &self,
        _repository: &str,
        _root: &Descriptor,
        _content: Arc<dyn Content>,
        _job: &Job,
    ) -> Result<Filled, OciError> {
        Err(self.why.clone())
    }

    async fn flush(&self) -> Result<(), OciError> {
        Ok(())
    }
}
