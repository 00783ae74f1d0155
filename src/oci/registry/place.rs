//! One repository of a registry, with everything that can be done to it.

use std::sync::Arc;

use super::acr::Acr;
use super::client::Client;
use super::content::{RegistryContent, stoppable};
use super::repository::Repository;
use super::target::RegistryTarget;
use super::wire::Caller;
use crate::digest::Digest;
use crate::oci::{Content, Descriptor, Job, OciError, Place, Selector, Target};

/// A repository. Reading asks for no more rights than reading needs.
pub struct RegistryPlace {
    client: Arc<Client>,
    reading: Repository,
    target: Arc<RegistryTarget>,
}

impl RegistryPlace {
    /// A repository of a registry; on Docker Hub a one-segment name is one of `library/`. Nothing is asked yet.
    pub fn new(client: Arc<Client>, repository: &str) -> Result<Self, OciError> {
        let name = client.host.repository(repository);
        Ok(Self {
            reading: Repository::reading(&client, &name)?,
            target: Arc::new(RegistryTarget::new(Repository::writing(&client, &name)?)),
            client,
        })
    }

    /// The registry, as who reads and writes here.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The repository's path in the registry.
    pub fn repository(&self) -> &str {
        &self.reading.name
    }

    /// Azure Container Registry's own API, where the registry has it: see [`Acr::of`].
    pub async fn acr(&self, job: &Job) -> Result<Option<Acr>, OciError> {
        stoppable(job, "ask", &self.reading.label, Acr::of(self.client(), job)).await
    }
}

#[async_trait::async_trait]
impl Place for RegistryPlace {
    fn label(&self) -> &str {
        &self.reading.label
    }

    async fn resolve(&self, selector: &Selector, job: &Job) -> Result<Descriptor, OciError> {
        let caller = Caller::from(job);
        let resolving = self.reading.resolve(selector, &caller);
        stoppable(job, "find manifest", &self.reading.label, resolving).await
    }

    fn content(&self, job: &Job) -> Arc<dyn Content> {
        Arc::new(RegistryContent::new(self.reading.clone(), job))
    }

    fn target(&self) -> Arc<dyn Target> {
        Arc::clone(&self.target) as Arc<dyn Target>
    }

    async fn tags(&self, job: &Job) -> Result<Vec<String>, OciError> {
        let caller = Caller::from(job);
        stoppable(job, "list tags", &self.reading.label, self.reading.tags(&caller)).await
    }

    async fn delete_manifest(&self, digest: &Digest, job: &Job) -> Result<(), OciError> {
        let caller = Caller::from(job);
        let deleting = self.target.repository().delete_manifest(digest, &caller);
        stoppable(job, "delete", &self.reading.label, deleting).await
    }
}
