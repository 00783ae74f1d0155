//! One repository, wherever it lives, with everything that can be done to it: one side of an `artifact` command.

use std::sync::Arc;

use super::{Content, Descriptor, Job, OciError, Selector, Target};
use crate::digest::Digest;

/// A repository of a registry, or of an image layout: read, written, listed, deleted from.
#[async_trait::async_trait]
pub trait Place: Send + Sync {
    /// In words, for messages: `myregistry.azurecr.io/samples/artifact`, `layout DIR`.
    fn label(&self) -> &str;

    /// What a tag or digest names.
    async fn resolve(&self, selector: &Selector, job: &Job) -> Result<Descriptor, OciError>;

    /// For reading; what it takes is counted into the job.
    fn content(&self, job: &Job) -> Arc<dyn Content>;

    /// For writing. A manifest with a `subject` that is put there is found as a referrer afterwards.
    fn target(&self) -> Arc<dyn Target>;

    /// All tags, sorted.
    async fn tags(&self, job: &Job) -> Result<Vec<String>, OciError>;

    /// Deletes a manifest with all tags that name it. Absent: [`super::ErrorKind::Absent`].
    async fn delete_manifest(&self, digest: &Digest, job: &Job) -> Result<(), OciError>;

    /// Makes everything written durable.
    async fn flush(&self) -> Result<(), OciError> {
        Ok(())
    }
}
