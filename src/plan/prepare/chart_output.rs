//! A packed chart as the cache keeps it: Helm's OCI manifest and the blobs below it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::digest::Digest;
use crate::oci::{ByteStream, Content, Descriptor, ErrorKind, OciError, Origin};
use crate::store::ArtifactName;

/// What a `package` step gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChartOutput {
    /// Chart name from `Chart.yaml`.
    pub name: String,
    /// Version from `Chart.yaml`.
    pub version: String,
    /// Tag: the version with `+` as `_`.
    pub tag: String,
    /// The OCI manifest.
    pub manifest: Descriptor,
    /// Config and layers.
    pub blobs: Vec<Descriptor>,
    /// Digest of the archive, the first layer.
    pub archive: Digest,
}

impl ChartOutput {
    /// The chart's name in a store.
    pub fn artifact_name(&self) -> ArtifactName {
        ArtifactName {
            repository: self.name.clone(),
            tag: self.tag.clone(),
        }
    }

    /// Everything that may have to be sent.
    pub fn parts(&self) -> Vec<Descriptor> {
        self.blobs.iter().chain([&self.manifest]).cloned().collect()
    }

    /// Is all of it in the cache, whole?
    pub fn is_whole(&self, cache: &Cache) -> bool {
        std::iter::once(&self.manifest)
            .chain(&self.blobs)
            .all(|part| cache.cas().get(&part.digest).is_some())
    }
}

/// Content served from the cache, verified as it is read.
pub struct CacheContent {
    cache: Arc<Cache>,
    origin: Origin,
}

impl CacheContent {
    /// The content of a packed chart.
    pub fn new(cache: Arc<Cache>, label: impl Into<String>) -> Self {
        Self {
            cache,
            origin: Origin {
                label: label.into(),
                mount: None,
            },
        }
    }

    fn read(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        self.cache
            .cas()
            .get(&descriptor.digest)
            .map(Bytes::from)
            .ok_or_else(|| {
                OciError::new(
                    ErrorKind::Corrupt,
                    "read from the cache",
                    format!("{} ({})", self.origin.label, descriptor.digest.short()),
                    "it is no longer there",
                )
                .hint("something else is cleaning the cache folder; run again")
            })
    }
}

#[async_trait::async_trait]
impl Content for CacheContent {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        self.read(descriptor)
    }

    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
        let bytes = self.read(descriptor)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let rest = bytes.slice(start..);
        Ok(futures_util::stream::once(async move { Ok(rest) }).boxed())
    }
}
