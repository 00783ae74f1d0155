//! Manifests and configurations that were read once: content addressed, so they never go stale.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use crate::digest::Digest;
use crate::oci::{ByteStream, Content, Descriptor, Job, OciError, Origin};

/// Configurations that name a platform (image-spec, config.md; Docker's own).
pub(super) const CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

/// Keeps small content by digest. What it gives back is verified by the reader.
pub trait ManifestCache: Send + Sync {
    /// The bytes of a digest, if they are kept.
    fn get(&self, digest: &Digest) -> Option<Bytes>;

    /// Keeps bytes that have this digest.
    fn put(&self, digest: &Digest, bytes: &Bytes);
}

/// Keeps nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoCache;

impl ManifestCache for NoCache {
    fn get(&self, _digest: &Digest) -> Option<Bytes> {
        None
    }

    fn put(&self, _digest: &Digest, _bytes: &Bytes) {}
}

/// Content whose manifests and configurations come from the cache where it has them.
pub struct Cached {
    pub(super) content: Arc<dyn Content>,
    pub(super) cache: Arc<dyn ManifestCache>,
}

impl Cached {
    /// Reads manifests of `content` through `cache`, and configurations that it has; other blobs go straight through.
    pub fn new(content: Arc<dyn Content>, cache: Arc<dyn ManifestCache>) -> Self {
        Self { content, cache }
    }

    /// Kept bytes, if they are what the descriptor names.
    pub(super) fn kept(&self, descriptor: &Descriptor) -> Option<Bytes> {
        let bytes = self.cache.get(&descriptor.digest)?;
        let mut hasher = descriptor.digest.verifier();
        hasher.update(&bytes);
        let good =
            hasher.finish() == descriptor.digest && (descriptor.size == 0 || descriptor.size == bytes.len() as u64);
        good.then_some(bytes)
    }
}

#[async_trait::async_trait]
impl Content for Cached {
    fn origin(&self) -> &Origin {
        self.content.origin()
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        if let Some(bytes) = self.kept(descriptor) {
            return Ok(bytes);
        }
        let bytes = self.content.manifest(descriptor).await?;
        self.cache.put(&descriptor.digest, &bytes);
        Ok(bytes)
    }

    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
        if CONFIGS.contains(&descriptor.media_type.as_str())
            && let Some(bytes) = self.kept(descriptor)
        {
            let rest = bytes.slice(usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len())..);
            return Ok(stream::once(async { Ok(rest) }).boxed());
        }
        self.content.blob(descriptor, offset).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        // A list changes, and is never kept.
        self.content.referrers(subject).await
    }

    fn for_job(&self, job: &Job) -> Option<Arc<dyn Content>> {
        Some(Arc::new(Self {
            content: self.content.for_job(job)?,
            cache: Arc::clone(&self.cache),
        }))
    }
}
