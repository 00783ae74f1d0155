//! Content whose manifests are read once: looking at a graph before it is copied costs nothing then.
//!
//! A manifest can also be laid over it: an index that was cut to some platforms, before it is anywhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{ByteStream, Content, Descriptor, Job, OciError, Origin};
use crate::digest::Digest;

/// Remembers at most so many bytes; what comes after is read each time.
const LIMIT: usize = 64 * 1024 * 1024;

#[derive(Default)]
struct Held {
    manifests: HashMap<Digest, Bytes>,
    bytes: usize,
    laid_over: HashMap<Digest, LaidOver>,
}

struct LaidOver {
    bytes: Bytes,
    /// The content below knows the digest, too.
    known_below: bool,
}

/// Content that remembers the manifests it has read.
pub struct Remembered {
    below: Arc<dyn Content>,
    held: Arc<Mutex<Held>>,
}

impl Remembered {
    /// Remembers nothing yet.
    pub fn new(below: Arc<dyn Content>) -> Self {
        Self {
            below,
            held: Arc::default(),
        }
    }

    /// Adds a manifest that was made just now: nobody below knows it or refers to it.
    pub fn lay_over(&self, digest: Digest, bytes: Bytes) {
        let known_below = false;
        self.lock().laid_over.insert(digest, LaidOver { bytes, known_below });
    }

    /// Shows other bytes under a digest that is known below: for looking at a part of a graph, never for copying it.
    pub fn mask(&self, digest: Digest, bytes: Bytes) {
        let known_below = true;
        self.lock().laid_over.insert(digest, LaidOver { bytes, known_below });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        // Nobody panics while holding it in between.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, descriptor: &Descriptor) -> Option<Bytes> {
        let held = self.lock();
        if let Some(over) = held.laid_over.get(&descriptor.digest) {
            return Some(over.bytes.clone());
        }
        let bytes = held.manifests.get(&descriptor.digest)?;
        // With another size than before, the content below says what is wrong.
        (descriptor.size == 0 || descriptor.size == bytes.len() as u64).then(|| bytes.clone())
    }
}

#[async_trait::async_trait]
impl Content for Remembered {
    fn origin(&self) -> &Origin {
        self.below.origin()
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        if let Some(bytes) = self.known(descriptor) {
            return Ok(bytes);
        }
        let bytes = self.below.manifest(descriptor).await?;
        let mut held = self.lock();
        if held.bytes.saturating_add(bytes.len()) <= LIMIT
            && held
                .manifests
                .insert(descriptor.digest.clone(), bytes.clone())
                .is_none()
        {
            held.bytes += bytes.len();
        }
        Ok(bytes)
    }

    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
        self.below.blob(descriptor, offset).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        if self.lock().laid_over.get(subject).is_some_and(|over| !over.known_below) {
            return Ok(Vec::new());
        }
        self.below.referrers(subject).await
    }

    fn for_job(&self, job: &Job) -> Option<Arc<dyn Content>> {
        Some(Arc::new(Self {
            below: self.below.for_job(job)?,
            held: Arc::clone(&self.held),
        }))
    }
}
