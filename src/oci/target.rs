//! Where graphs are copied to: one repository of a registry, or an image layout. [`super::copy_graph`] drives it.

use std::sync::Arc;

use bytes::Bytes;

use super::{Content, Descriptor, Guard, Job, OciError};
use crate::digest::Digest;

/// What became of one blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It was there already.
    Present,
    /// It was sent.
    Sent,
    /// The target took it from another of its own repositories.
    Mounted,
}

/// A place that takes blobs and manifests by digest, and tags them.
///
/// Whatever a method reports as done is complete and verified: an interrupted or corrupt transfer leaves nothing
/// under the digest. Methods are called concurrently.
#[async_trait::async_trait]
pub trait Target: Send + Sync {
    /// In words, for messages: `myregistry.azurecr.io/release/a`, `layout .aosm/store`.
    fn label(&self) -> &str;

    /// Is a blob there?
    async fn has_blob(&self, blob: &Descriptor, job: &Job) -> Result<bool, OciError>;

    /// Puts a blob there, from `from` where it has to be sent: see [`super::verified`] for a stream that is
    /// resumed, hashed and fails instead of giving out the last bytes of corrupt content. Counts what it moves or
    /// mounts with [`Job::moved`] and [`Job::mounted`]. Checks itself whether the blob is there already.
    async fn put_blob(&self, blob: &Descriptor, from: &Arc<dyn Content>, job: &Job) -> Result<Moved, OciError>;

    /// Is a manifest there, by digest?
    async fn has_manifest(&self, manifest: &Descriptor, job: &Job) -> Result<bool, OciError>;

    /// Puts a manifest there by digest, without a tag; its children are there. The bytes are verified already. One that has
    /// a subject is found as a referrer of it afterwards, for which it may be put again when it is there but not listed.
    async fn put_manifest(&self, manifest: &Descriptor, bytes: Bytes, job: &Job) -> Result<(), OciError>;

    /// Is a manifest, which is there, found as a referrer of its subject? A run may have been killed between writing it and
    /// listing it: then it is to be put again.
    async fn lists_referrer(&self, _subject: &Digest, _referrer: &Digest, _job: &Job) -> Result<bool, OciError> {
        Ok(true)
    }

    /// Tags a root whose children are all there. `bytes` is `None` when the root itself is there already and was
    /// not read. What the tag holds is checked against the guard right before it is written, and once after; a
    /// lost race is [`super::ErrorKind::Conflict`] with both digests. Writes nothing when the tag names the root
    /// already.
    async fn tag(
        &self,
        tag: &str,
        root: &Descriptor,
        bytes: Option<Bytes>,
        guard: &Guard,
        job: &Job,
    ) -> Result<(), OciError>;
}
