//! Content held in memory: packed charts and small artifacts.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::{ByteStream, Content, Descriptor, ErrorKind, OciError, Origin};
use crate::digest::Digest;

/// Bytes by digest. What is in here has the digest it is filed under, because [`Self::insert`] computes it.
#[derive(Debug, Clone)]
pub struct MemoryContent {
    origin: Origin,
    held: BTreeMap<Digest, Bytes>,
}

impl MemoryContent {
    /// Empty; `label` says in words what it is (`packed chart`).
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            origin: Origin {
                label: label.into(),
                mount: None,
            },
            held: BTreeMap::new(),
        }
    }

    /// Takes bytes in and gives the descriptor that names them.
    pub fn insert(&mut self, media_type: impl Into<String>, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let descriptor = Descriptor::of(media_type, &bytes);
        self.held.insert(descriptor.digest.clone(), bytes);
        descriptor
    }

    fn find(&self, operation: &str, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        self.held.get(&descriptor.digest).cloned().ok_or_else(|| {
            OciError::new(
                ErrorKind::Absent,
                operation,
                format!("{} of {}", descriptor.digest.short(), self.origin.label),
                "is not there",
            )
        })
    }
}

#[async_trait::async_trait]
impl Content for MemoryContent {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        self.find("read manifest", descriptor)
    }

    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
        let bytes = self.find("read blob", descriptor)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(stream::iter([Ok(bytes.slice(from..))]).boxed())
    }
}
