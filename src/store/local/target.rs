//! The store as the target of a copy.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::blobs::State;
use super::check::{recorded_type, walk};
use super::tags::full_name;
use crate::digest::Digest;
use crate::oci::{Content, Descriptor, ErrorKind, Guard, Job, Moved, OciError, Target, verified};

/// How much is gathered before a blocking task writes it, in bytes.
const GATHER: usize = 1024 * 1024;

/// One repository of the store. All repositories share their blobs.
pub(super) struct LocalTarget {
    inner: Arc<Inner>,
    repository: String,
    label: String,
}

impl LocalTarget {
    pub(super) fn new(inner: Arc<Inner>, repository: String) -> Self {
        let label = format!("layout {}", inner.files.root());
        Self {
            inner,
            repository,
            label,
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, OciError> + Send + 'static,
    ) -> Result<T, OciError> {
        let inner = Arc::clone(&self.inner);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(result) => result,
            Err(e) => Err(OciError::new(
                ErrorKind::Cancelled,
                "write store",
                &self.label,
                e.to_string(),
            )),
        }
    }

    async fn write(&self, mut file: NamedTempFile, bytes: Vec<u8>) -> Result<NamedTempFile, OciError> {
        self.blocking(move |inner| {
            file.write_all(&bytes)
                .map_err(|e| inner.files.failed("write store", &e))?;
            Ok(file)
        })
        .await
    }
}

#[async_trait::async_trait]
impl Target for LocalTarget {
    fn label(&self) -> &str {
        &self.label
    }

    async fn has_blob(&self, blob: &Descriptor, _job: &Job) -> Result<bool, OciError> {
        let blob = blob.clone();
        self.blocking(move |inner| {
            let _relying = inner.blobs.relying();
            let whole = inner
                .blobs
                .state(&blob, false)
                .map_err(|e| inner.files.failed("read store", &e))?;
            Ok(whole == State::Whole)
        })
        .await
    }

    async fn put_blob(&self, blob: &Descriptor, from: &Arc<dyn Content>, job: &Job) -> Result<Moved, OciError> {
        // Images share layers: the second to come waits here, and finds the blob.
        let writer = self.inner.blobs.writer(&blob.digest);
        let _one = writer.lock().await;
        let wanted = blob.clone();
        let temporary = self
            .blocking(move |inner| {
                inner.files.prepare()?;
                let _relying = inner.blobs.relying();
                if matches!(inner.blobs.state(&wanted, false), Ok(State::Whole)) {
                    inner.blobs.rely_on(&wanted.digest);
                    return Ok(None);
                }
                inner.files.temporary().map(Some)
            })
            .await?;
        let Some(mut file) = temporary else {
            return Ok(Moved::Present);
        };
        let mut stream = verified(from, blob, job);
        let mut gathered: Vec<u8> = Vec::new();
        while let Some(piece) = stream.next().await {
            let piece = piece?;
            job.moved(piece.len() as u64);
            gathered.extend_from_slice(&piece);
            if gathered.len() >= GATHER {
                file = self.write(file, std::mem::take(&mut gathered)).await?;
            }
        }
        file = self.write(file, gathered).await?;
        let digest = blob.digest.clone();
        self.blocking(move |inner| inner.blobs.settle(&inner.files, file, &digest))
            .await?;
        Ok(Moved::Sent)
    }

    /// True only when everything below is whole as well: after a power cut, or damage, a manifest may be there
    /// without its children.
    async fn has_manifest(&self, manifest: &Descriptor, job: &Job) -> Result<bool, OciError> {
        let (manifest, cancel): (Descriptor, CancellationToken) = (manifest.clone(), job.cancel.clone());
        self.blocking(move |inner| {
            if !inner.blobs.path(&manifest.digest).exists() {
                return Ok(false);
            }
            // From here on nobody removes what is found.
            inner.files.prepare()?;
            let _relying = inner.blobs.relying();
            let mut used = Vec::new();
            let whole = walk(&inner.blobs, &manifest, false, &cancel, &mut |digest| {
                used.push(digest.clone());
            })?
            .is_none();
            if whole {
                for digest in &used {
                    inner.blobs.rely_on(digest);
                }
            }
            Ok(whole)
        })
        .await
    }

    async fn put_manifest(&self, manifest: &Descriptor, bytes: Bytes, job: &Job) -> Result<(), OciError> {
        let writer = self.inner.blobs.writer(&manifest.digest);
        let _one = writer.lock().await;
        let manifest = manifest.clone();
        let size = bytes.len() as u64;
        let sent = self
            .blocking(move |inner| {
                inner.files.prepare()?;
                let _relying = inner.blobs.relying();
                let known = Descriptor { size, ..manifest };
                if matches!(inner.blobs.state(&known, false), Ok(State::Whole)) {
                    inner.blobs.rely_on(&known.digest);
                    inner.tags.list_referrer(&inner.blobs, &known, &bytes);
                    return Ok(false);
                }
                let mut file = inner.files.temporary()?;
                file.write_all(&bytes)
                    .map_err(|e| inner.files.failed("write store", &e))?;
                inner.blobs.settle(&inner.files, file, &known.digest)?;
                inner.tags.list_referrer(&inner.blobs, &known, &bytes);
                Ok(true)
            })
            .await?;
        if sent {
            job.moved(size);
        }
        Ok(())
    }

    async fn lists_referrer(&self, _subject: &Digest, referrer: &Digest, _job: &Job) -> Result<bool, OciError> {
        let referrer = referrer.clone();
        self.blocking(move |inner| Ok(inner.tags.entry_of(&inner.files, &referrer)?.is_some()))
            .await
    }

    async fn tag(
        &self,
        tag: &str,
        root: &Descriptor,
        bytes: Option<Bytes>,
        guard: &Guard,
        job: &Job,
    ) -> Result<(), OciError> {
        let mut root = root.clone();
        if let Some(bytes) = bytes {
            root.size = bytes.len() as u64;
            self.put_manifest(&root, bytes, job).await?;
        }
        let (name, guard) = (full_name(&self.repository, tag), guard.clone());
        self.blocking(move |inner| {
            inner.files.prepare()?;
            root.media_type = recorded_type(&inner.blobs, &root);
            inner.tags.add(&inner.files, &inner.blobs, &name, &root, &guard)
        })
        .await
    }
}
