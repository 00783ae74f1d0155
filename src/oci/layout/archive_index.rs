//! What was learnt from one walk over an archive, remembered while the file is unchanged, and the source that
//! serves from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::archive_file::{ArchiveFile, Extent};
use super::catalog::Catalog;
use super::folder::{blocking, check_manifest_size, manifest_by_digest, subject_of, verify};
use super::referrers::ReferrersMap;
use crate::digest::{Digest, FileDigests};
use crate::oci::manifest::MANIFEST_LIMIT;
use crate::oci::{ByteStream, Content, Descriptor, ErrorKind, OciError, Origin, Selector, Source};

/// So many bytes of manifests are read in one go when looking for referrers.
const READ_AT_ONCE: u64 = 16 * 1024 * 1024;

/// Names, blobs and where they lie.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ArchiveIndex {
    pub(crate) catalog: Catalog,
    pub(crate) blobs: BTreeMap<Digest, Extent>,
    /// Manifests that are not in the archive but made from what is.
    pub(crate) made: BTreeMap<Digest, String>,
}

/// How an archive is walked; by kind of archive.
pub(crate) type Build = fn(&ArchiveFile) -> Result<ArchiveIndex, OciError>;

/// A tar from which images are taken. Nothing is read before it is asked; then the tar is walked once, and what
/// was learnt is kept by the given [`FileDigests`], so that a later run does not walk it again.
pub struct ArchiveSource {
    host: String,
    content: Arc<ArchiveContent>,
}

impl ArchiveSource {
    pub(crate) fn new(
        host: impl Into<String>,
        path: impl Into<Utf8PathBuf>,
        digests: Arc<dyn FileDigests>,
        purpose: &'static str,
        build: Build,
    ) -> Self {
        let path = path.into();
        let content = ArchiveContent {
            origin: Origin {
                label: path.to_string(),
                mount: None,
            },
            path,
            digests,
            purpose,
            build,
            open: OnceCell::new(),
            referrers: OnceCell::new(),
        };
        Self {
            host: host.into(),
            content: Arc::new(content),
        }
    }
}

impl std::fmt::Debug for ArchiveSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArchiveSource({} at {})", self.host, self.content.path)
    }
}

#[async_trait::async_trait]
impl Source for ArchiveSource {
    fn host(&self) -> &str {
        &self.host
    }

    async fn resolve(&self, repository: &str, selector: &Selector) -> Result<Descriptor, OciError> {
        let (_, index) = self.content.opened().await?;
        match selector {
            Selector::Tag(tag) => index.catalog.by_tag(&self.content.origin.label, repository, tag),
            Selector::Digest(digest) => match index.catalog.by_digest(digest) {
                Some(root) => Ok(root),
                None => manifest_by_digest(&*self.content, digest).await,
            },
        }
    }

    fn content(&self, _repository: &str) -> Arc<dyn Content> {
        Arc::clone(&self.content) as Arc<dyn Content>
    }
}

struct ArchiveContent {
    path: Utf8PathBuf,
    origin: Origin,
    digests: Arc<dyn FileDigests>,
    purpose: &'static str,
    build: Build,
    open: OnceCell<(ArchiveFile, ArchiveIndex)>,
    referrers: OnceCell<ReferrersMap>,
}

impl ArchiveContent {
    async fn opened(&self) -> Result<&(ArchiveFile, ArchiveIndex), OciError> {
        let open = || {
            let (path, digests, purpose, build) =
                (self.path.clone(), Arc::clone(&self.digests), self.purpose, self.build);
            blocking(self.path.as_str(), move || open(&path, &*digests, purpose, build))
        };
        self.open.get_or_try_init(open).await
    }

    /// Who refers to whom, learnt once.
    async fn referrers_map(&self) -> Result<&ReferrersMap, OciError> {
        let scan = || async {
            let (file, index) = self.opened().await?;
            let (file, index) = (file.clone(), index.clone());
            blocking(self.path.as_str(), move || scan_referrers(&file, &index)).await
        };
        self.referrers.get_or_try_init(scan).await
    }

    fn extent(index: &ArchiveIndex, digest: &Digest, subject: &str) -> Result<Extent, OciError> {
        index
            .blobs
            .get(digest)
            .copied()
            .ok_or_else(|| OciError::new(ErrorKind::Absent, "read", subject, "it is not there"))
    }
}

fn open(
    path: &Utf8Path,
    digests: &dyn FileDigests,
    purpose: &str,
    build: Build,
) -> Result<(ArchiveFile, ArchiveIndex), OciError> {
    let file = ArchiveFile::open(path)?;
    // A remembered text that cannot be read (another version wrote it, a damaged table) is as good as none.
    let remembered = digests
        .remembered(path, purpose)
        .and_then(|text| serde_json::from_str(&text).ok());
    if let Some(index) = remembered {
        return Ok((file, index));
    }
    let index = build(&file)?;
    if let Ok(text) = serde_json::to_string(&index) {
        digests.remember(path, purpose, &text);
    }
    Ok((file, index))
}

/// Manifests are read level by level and some at a time: an archive that cannot seek is unpacked anew for each go.
fn scan_referrers(file: &ArchiveFile, index: &ArchiveIndex) -> Result<ReferrersMap, OciError> {
    let roots = index.catalog.entries.iter().map(|entry| entry.root.clone()).collect();
    ReferrersMap::scan(roots, file.path().as_str(), &mut |level, visit| {
        let mut wanted: BTreeMap<Digest, Extent> = BTreeMap::new();
        let mut bytes = 0_u64;
        let mut open: Vec<&Descriptor> = Vec::new();
        for (number, entry) in level.iter().enumerate() {
            if let Some(text) = index.made.get(&entry.digest) {
                visit(entry, text.as_bytes());
            } else if let Some(extent) = index.blobs.get(&entry.digest).filter(|e| e.size <= MANIFEST_LIMIT) {
                wanted.insert(entry.digest.clone(), *extent);
                bytes = bytes.saturating_add(extent.size);
                open.push(entry);
            }
            if bytes >= READ_AT_ONCE || number + 1 == level.len() {
                let read = file.read_small(&wanted, MANIFEST_LIMIT)?;
                for entry in open.drain(..) {
                    let found = read.get(&entry.digest);
                    let plain = Descriptor::new("", entry.digest.clone(), 0);
                    if let Some(bytes) = found.filter(|bytes| verify(&plain, bytes, "").is_ok()) {
                        visit(entry, bytes);
                    }
                }
                wanted.clear();
                bytes = 0;
            }
        }
        Ok(())
    })
}

#[async_trait::async_trait]
impl Content for ArchiveContent {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        check_manifest_size(descriptor, &self.origin.label)?;
        let subject = subject_of("manifest", &descriptor.digest, &self.origin.label);
        let (file, index) = self.opened().await?;
        if let Some(text) = index.made.get(&descriptor.digest) {
            verify(descriptor, text.as_bytes(), &subject)?;
            return Ok(Bytes::copy_from_slice(text.as_bytes()));
        }
        let extent = Self::extent(index, &descriptor.digest, &subject)?;
        check_manifest_size(
            &Descriptor::new("", descriptor.digest.clone(), extent.size.max(descriptor.size)),
            &self.origin.label,
        )?;
        let (file, name) = (file.clone(), subject.clone());
        let bytes = blocking(&subject, move || file.pieces(extent, 0, name)?.read_all()).await?;
        verify(descriptor, &bytes, &subject)?;
        Ok(bytes.into())
    }

    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
        let subject = subject_of("blob", &descriptor.digest, &self.origin.label);
        let (file, index) = self.opened().await?;
        if let Some(text) = index.made.get(&descriptor.digest) {
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
            let bytes = Bytes::copy_from_slice(text.as_bytes().get(from..).unwrap_or_default());
            return Ok(Box::pin(stream::once(async { Ok(bytes) })));
        }
        let extent = Self::extent(index, &descriptor.digest, &subject)?;
        if extent.size != descriptor.size {
            let detail = format!("it has {} bytes, {} are needed", extent.size, descriptor.size);
            return Err(OciError::new(ErrorKind::Corrupt, "read", subject, detail));
        }
        let (file, name) = (file.clone(), subject.clone());
        let pieces = blocking(&subject, move || file.pieces(extent, offset, name)).await?;
        Ok(pieces.into_stream())
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        Ok(self.referrers_map().await?.of(subject))
    }
}
