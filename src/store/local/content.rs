//! What the store holds, for reading: blobs from the folder, and who refers to whom, with what waits to be written.

use std::sync::Arc;

use bytes::Bytes;

use super::Inner;
use crate::digest::Digest;
use crate::oci::layout::FolderContent;
use crate::oci::referrer::sorted;
use crate::oci::{ByteStream, Content, Descriptor, ErrorKind, OciError, Origin};

/// The content of a store. All repositories share it.
pub(super) struct StoreContent {
    folder: FolderContent,
    inner: Arc<Inner>,
}

impl StoreContent {
    pub(super) fn new(inner: &Arc<Inner>) -> Self {
        Self {
            folder: FolderContent::new(inner.files.root()),
            inner: Arc::clone(inner),
        }
    }
}

#[async_trait::async_trait]
impl Content for StoreContent {
    fn origin(&self) -> &Origin {
        self.folder.origin()
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        self.folder.manifest(descriptor).await
    }

    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
        self.folder.blob(descriptor, offset).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        let (inner, subject) = (Arc::clone(&self.inner), subject.clone());
        let listed = tokio::task::spawn_blocking(move || {
            let mut found = inner.tags.referrers_of(&inner.files, &subject)?;
            found.extend(inner.tags.waiting_referrers_of(&subject));
            Ok(sorted(found))
        });
        match listed.await {
            Ok(result) => result,
            Err(error) => Err(OciError::new(
                ErrorKind::Cancelled,
                "list referrers",
                &self.folder.origin().label,
                error.to_string(),
            )),
        }
    }
}
