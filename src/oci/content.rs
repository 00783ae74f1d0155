//! Reading content, wherever it lives: the one trait that every kind of source implements.

use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{Descriptor, Job, OciError};
use crate::digest::Digest;

/// Bytes as they arrive. Not verified: whoever consumes them hashes.
pub type ByteStream = BoxStream<'static, Result<Bytes, OciError>>;

/// A repository from which blobs can be mounted within the same registry and principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MountOrigin {
    /// Registry host as requests go to it.
    pub registry: String,
    /// Who reads there: mounts happen within one principal.
    pub principal: String,
    /// Repository.
    pub repository: String,
}

/// Where content comes from, for messages and for mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// In words: `myregistry.azurecr.io/release/a`, `images.tar`, `packed chart`.
    pub label: String,
    /// Set when it is a registry.
    pub mount: Option<MountOrigin>,
}

/// Content addressed by descriptor: one repository of a registry, a layout, an archive, or memory.
#[async_trait::async_trait]
pub trait Content: Send + Sync {
    /// Where this is.
    fn origin(&self) -> &Origin;

    /// The raw bytes of a manifest or index, verified against the descriptor's digest (and its size, where that
    /// is not 0: a size of 0 means "not known yet"). At most the manifest limit of 4 MiB.
    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError>;

    /// A blob's bytes from an offset on. The stream may fail at any point; the caller verifies and may reopen
    /// at an offset.
    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError>;

    /// The manifests whose `subject` is this one (distribution-spec, "Listing Referrers"): all of them, sorted by digest,
    /// each with its `artifactType` (in [`Descriptor::other`]) and annotations. Kinds of content that cannot hold any
    /// have none; "none" is never said when nobody could tell: that is an error.
    async fn referrers(&self, _subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        Ok(Vec::new())
    }

    /// The same content, whose requests are counted into a job and announced under its step. `None` where reading
    /// makes no requests.
    fn for_job(&self, _job: &Job) -> Option<std::sync::Arc<dyn Content>> {
        None
    }
}
