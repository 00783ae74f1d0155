//! A registry as artifact store.

use std::sync::Arc;

use super::artifact_store::{ArtifactName, ArtifactStore, Observed, StoreIdentity};
use super::relist::list_again;
use crate::oci::copy::find_missing;
use crate::oci::recursive::{Along, copy_with_referrers};
use crate::oci::registry::{
    Access, Caller, Client, Registries, RegistryContent, RegistryPlace, RegistryTarget, Repository, stoppable,
};
use crate::oci::{
    Content, CopyOptions, Descriptor, ErrorKind, Filled, Guard, Job, OciError, Place, Selector, TagAs, copy_graph,
};

/// Artifacts in an OCI registry, under a path prefix.
pub struct RegistryStore {
    name: String,
    identity: StoreIdentity,
    client: Arc<Client>,
    prefix: String,
    options: CopyOptions,
}

impl RegistryStore {
    /// A store; `prefix` stands before every repository and may be empty. Nothing is asked yet.
    pub fn new(
        registries: &Registries,
        name: impl Into<String>,
        host: &str,
        prefix: &str,
        access: impl Into<Access>,
        options: CopyOptions,
    ) -> Result<Self, OciError> {
        let client = registries.client_as(host, &access.into())?;
        Ok(Self::with_client(name, client, prefix, options))
    }

    /// The same in a registry that somebody has logged in to already ([`Registries::client_with`]).
    pub fn with_client(name: impl Into<String>, client: Arc<Client>, prefix: &str, options: CopyOptions) -> Self {
        let prefix = prefix.trim_matches('/').to_owned();
        Self {
            name: name.into(),
            identity: StoreIdentity(format!("registry:{}/{prefix}", client.host.name)),
            client,
            prefix,
            options,
        }
    }

    fn repository(&self, name: &str) -> Result<Repository, OciError> {
        Repository::writing(&self.client, &self.path(name))
    }

    /// A repository's path in the registry.
    fn path(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            return name.to_owned();
        }
        format!("{}/{name}", self.prefix)
    }

    async fn check_below(&self, root: Descriptor, repository: Repository, job: &Job) -> Result<Observed, OciError> {
        let content: Arc<dyn Content> = Arc::new(RegistryContent::new(repository.clone(), job));
        let target = RegistryTarget::new(repository);
        Ok(match find_missing(&content, &target, &root, job).await? {
            None => Observed::Present(root),
            Some(why) => Observed::Damaged { root: Some(root), why },
        })
    }
}

#[async_trait::async_trait]
impl ArtifactStore for RegistryStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> &StoreIdentity {
        &self.identity
    }

    async fn observe(&self, name: &ArtifactName, thorough: bool, job: &Job) -> Result<Observed, OciError> {
        let repository = self.repository(&name.repository)?;
        let label = Arc::clone(&repository.label);
        let selector = Selector::Tag(name.tag.clone());
        stoppable(job, "find manifest", &label, async {
            let root = match repository.resolve(&selector, &Caller::from(job)).await {
                Ok(root) => root,
                Err(error) if error.kind == ErrorKind::Absent => return Ok(Observed::Absent),
                Err(error) => return Err(error),
            };
            if thorough {
                self.check_below(root, repository, job).await
            } else {
                Ok(Observed::Present(root))
            }
        })
        .await
    }

    async fn content(&self, repository: &str, job: &Job) -> Result<Arc<dyn Content>, OciError> {
        Ok(Arc::new(RegistryContent::new(self.repository(repository)?, job)))
    }

    fn place(&self, repository: &str) -> Result<Arc<dyn Place>, OciError> {
        Ok(Arc::new(RegistryPlace::new(
            Arc::clone(&self.client),
            &self.path(repository),
        )?))
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
        let target = RegistryTarget::new(self.repository(&name.repository)?);
        let tag = TagAs { tag: &name.tag, guard };
        let unnamed = along.referrers.iter().filter(|one| one.tag.is_none());
        list_again(&content, &target, unnamed.map(|one| &one.descriptor), job).await?;
        copy_with_referrers(&content, &target, root, Some(tag), along, self.options, job).await?;
        Ok(job.filled())
    }

    async fn put(
        &self,
        repository: &str,
        root: &Descriptor,
        content: Arc<dyn Content>,
        job: &Job,
    ) -> Result<Filled, OciError> {
        let target = RegistryTarget::new(self.repository(repository)?);
        list_again(&content, &target, std::iter::once(root), job).await?;
        copy_graph(&content, &target, root, None, self.options, job).await?;
        Ok(job.filled())
    }

    async fn flush(&self) -> Result<(), OciError> {
        // What a registry has answered is in its own hands.
        Ok(())
    }
}
