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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::oci::MemoryContent;

    /// Counts what it is asked; everything refers to everything.
    struct Counted(MemoryContent, AtomicUsize);

    #[async_trait::async_trait]
    impl Content for Counted {
        fn origin(&self) -> &Origin {
            self.0.origin()
        }

        async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.manifest(descriptor).await
        }

        async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
            self.0.blob(descriptor, offset).await
        }

        async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
            Ok(vec![Descriptor::new("m", subject.clone(), 1)])
        }
    }

    #[tokio::test]
    async fn a_manifest_is_read_once_unless_it_is_named_by_another_size() {
        let mut memory = MemoryContent::new("x");
        let held = memory.insert("m", "{}");
        let counted = Arc::new(Counted(memory, AtomicUsize::new(0)));
        let remembered = Remembered::new(Arc::clone(&counted) as Arc<dyn Content>);
        for _ in 0..3 {
            assert_eq!(remembered.manifest(&held).await.unwrap(), "{}");
        }
        assert_eq!(counted.1.load(Ordering::Relaxed), 1);
        let other = Descriptor { size: 3, ..held };
        let _ = remembered.manifest(&other).await;
        assert_eq!(counted.1.load(Ordering::Relaxed), 2, "who holds it decides");
    }

    #[tokio::test]
    async fn nobody_refers_to_what_was_made_just_now_but_to_what_is_only_masked() {
        let counted = Counted(MemoryContent::new("x"), AtomicUsize::new(0));
        let remembered = Remembered::new(Arc::new(counted));
        let (new, masked) = (Digest::of(b"new"), Digest::of(b"masked"));
        remembered.lay_over(new.clone(), Bytes::from_static(b"new"));
        remembered.mask(masked.clone(), Bytes::from_static(b"less"));
        assert_eq!(
            remembered
                .manifest(&Descriptor::new("m", new.clone(), 3))
                .await
                .unwrap(),
            "new"
        );
        assert_eq!(
            remembered
                .manifest(&Descriptor::new("m", masked.clone(), 6))
                .await
                .unwrap(),
            "less"
        );
        assert!(remembered.referrers(&new).await.unwrap().is_empty());
        assert_eq!(remembered.referrers(&masked).await.unwrap().len(), 1);
    }
}
