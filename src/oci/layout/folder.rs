//! An image layout folder as a source of images, and its blobs as content.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::OnceCell;

use super::catalog::Catalog;
use super::index::{read_folder_index, read_limited};
use super::pieces::Pieces;
use super::referrers::ReferrersMap;
use super::stamp::Stamp;
use crate::digest::Digest;
use crate::oci::manifest::{MANIFEST_LIMIT, own_media_type};
use crate::oci::{ByteStream, Content, Descriptor, ErrorKind, OciError, Origin, Selector, Source};

/// Where a blob lies in a layout folder. A [`Digest`] is an algorithm and hex digits, so nothing escapes.
pub fn blob_path(root: &Utf8Path, digest: &Digest) -> Utf8PathBuf {
    root.join("blobs").join(digest.algorithm()).join(digest.hex())
}

/// A layout folder from which images are taken. Nothing is read before it is asked.
#[derive(Debug)]
pub struct LayoutFolder {
    host: String,
    content: Arc<FolderContent>,
    catalog: OnceCell<Catalog>,
}

impl LayoutFolder {
    /// `host` is the name the project gives this source.
    pub fn new(host: impl Into<String>, root: impl Into<Utf8PathBuf>) -> Self {
        let root = root.into();
        Self {
            host: host.into(),
            content: Arc::new(FolderContent::new(root)),
            catalog: OnceCell::new(),
        }
    }

    async fn catalog(&self) -> Result<&Catalog, OciError> {
        let read = || async {
            let root = self.content.root.clone();
            let index = blocking(root.as_str(), {
                let root = root.clone();
                move || read_folder_index(&root)
            })
            .await?;
            Ok(Catalog::of_index(&index))
        };
        self.catalog.get_or_try_init(read).await
    }
}

#[async_trait::async_trait]
impl Source for LayoutFolder {
    fn host(&self) -> &str {
        &self.host
    }

    async fn resolve(&self, repository: &str, selector: &Selector) -> Result<Descriptor, OciError> {
        let catalog = self.catalog().await?;
        match selector {
            Selector::Tag(tag) => catalog.by_tag(self.content.root.as_str(), repository, tag),
            Selector::Digest(digest) => match catalog.by_digest(digest) {
                Some(root) => Ok(root),
                None => manifest_by_digest(&*self.content, digest).await,
            },
        }
    }

    fn content(&self, _repository: &str) -> Arc<dyn Content> {
        Arc::clone(&self.content) as Arc<dyn Content>
    }
}

/// The blobs of a layout folder: all repositories share them.
#[derive(Debug)]
pub struct FolderContent {
    root: Utf8PathBuf,
    origin: Origin,
    /// Who refers to whom, while the index has this stat.
    referrers: Mutex<Option<(Stamp, Arc<ReferrersMap>)>>,
}

impl FolderContent {
    /// The blobs below `root`.
    pub fn new(root: impl Into<Utf8PathBuf>) -> Self {
        let root = root.into();
        let origin = Origin {
            label: root.to_string(),
            mount: None,
        };
        Self {
            root,
            origin,
            referrers: Mutex::default(),
        }
    }

    /// Who refers to whom: one pass over the layout, again only when its index has changed or something was missing.
    async fn referrers_map(&self) -> Result<Arc<ReferrersMap>, OciError> {
        let stamp = std::fs::metadata(self.root.join("index.json"))
            .ok()
            .map(|metadata| Stamp::of(&metadata));
        let known = self.referrers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (Some((held, map)), Some(stamp)) = (known, &stamp)
            && held == *stamp
        {
            return Ok(map);
        }
        let root = self.root.clone();
        let scan = move || ReferrersMap::of_folder(&root, read_folder_index(&root)?.manifests);
        let map = Arc::new(blocking(self.root.as_str(), scan).await?);
        if let Some(stamp) = stamp.filter(|_| map.missing == 0) {
            *self.referrers.lock().unwrap_or_else(PoisonError::into_inner) = Some((stamp, Arc::clone(&map)));
        }
        Ok(map)
    }
}

#[async_trait::async_trait]
impl Content for FolderContent {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        check_manifest_size(descriptor, &self.origin.label)?;
        let subject = subject_of("manifest", &descriptor.digest, &self.origin.label);
        let path = blob_path(&self.root, &descriptor.digest);
        let read = move || read_limited(&path, MANIFEST_LIMIT);
        let bytes = blocking(&subject, {
            let subject = subject.clone();
            move || read().map_err(|e| read_error(&subject, &e))
        })
        .await?;
        verify(descriptor, &bytes, &subject)?;
        Ok(bytes.into())
    }

    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
        let subject = subject_of("blob", &descriptor.digest, &self.origin.label);
        let path = blob_path(&self.root, &descriptor.digest);
        let size = descriptor.size;
        let open = {
            let subject = subject.clone();
            move || open_blob(&path, size, offset, &subject)
        };
        let (file, left) = blocking(&subject, open).await?;
        Ok(Pieces::new(Box::new(file), 0, left, subject).into_stream())
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        Ok(self.referrers_map().await?.of(subject))
    }
}

fn open_blob(path: &Utf8Path, size: u64, offset: u64, subject: &str) -> Result<(File, u64), OciError> {
    let failed = |e: io::Error| read_error(subject, &e);
    // Asked before opening: a pipe in place of a blob would make the opening wait for ever.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        )));
    }
    if metadata.len() != size {
        let detail = format!("it has {} bytes, {size} are needed", metadata.len());
        return Err(OciError::new(ErrorKind::Corrupt, "read", subject, detail));
    }
    let mut file = File::open(path).map_err(failed)?;
    let offset = offset.min(size);
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    Ok((file, size - offset))
}

/// A manifest that no entry names, found by its digest alone; its own `mediaType` tells what it is.
pub(crate) async fn manifest_by_digest(content: &dyn Content, digest: &Digest) -> Result<Descriptor, OciError> {
    let bytes = content.manifest(&Descriptor::new("", digest.clone(), 0)).await?;
    let subject = subject_of("manifest", digest, &content.origin().label);
    let media_type = own_media_type(&bytes)
        .ok_or_else(|| OciError::new(ErrorKind::Protocol, "read", &subject, "it is no manifest"))?;
    Ok(Descriptor::new(media_type, digest.clone(), bytes.len() as u64))
}

/// Refuses a manifest that claims to be larger than any may be.
pub(crate) fn check_manifest_size(descriptor: &Descriptor, place: &str) -> Result<(), OciError> {
    if descriptor.size <= MANIFEST_LIMIT {
        return Ok(());
    }
    let detail = format!(
        "it is {} bytes, a manifest has at most {} MiB",
        descriptor.size,
        MANIFEST_LIMIT >> 20
    );
    Err(OciError::new(
        ErrorKind::TooLarge,
        "read",
        subject_of("manifest", &descriptor.digest, place),
        detail,
    ))
}

/// Checks bytes against a descriptor; a size of 0 is not known.
pub(crate) fn verify(descriptor: &Descriptor, bytes: &[u8], subject: &str) -> Result<(), OciError> {
    if descriptor.size != 0 && descriptor.size != bytes.len() as u64 {
        let detail = format!("it has {} bytes, {} are needed", bytes.len(), descriptor.size);
        return Err(OciError::new(ErrorKind::Corrupt, "read", subject, detail));
    }
    let mut hasher = descriptor.digest.verifier();
    hasher.update(bytes);
    let found = hasher.finish();
    if found != descriptor.digest {
        let detail = format!("its content has the digest {found}");
        return Err(OciError::new(ErrorKind::Corrupt, "read", subject, detail));
    }
    Ok(())
}

/// `blob 0123456789ab in images`.
pub(crate) fn subject_of(what: &str, digest: &Digest, place: &str) -> String {
    format!("{what} {} in {place}", digest.short())
}

fn read_error(subject: &str, error: &io::Error) -> OciError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::Absent,
        io::ErrorKind::FileTooLarge => ErrorKind::TooLarge,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => ErrorKind::Corrupt,
        _ => ErrorKind::Disk,
    };
    let detail = if kind == ErrorKind::Absent {
        "it is not there".to_owned()
    } else {
        error.to_string()
    };
    OciError::new(kind, "read", subject, detail)
}

/// Runs blocking work away from the runtime's workers.
pub(crate) async fn blocking<T: Send + 'static>(
    subject: &str,
    work: impl FnOnce() -> Result<T, OciError> + Send + 'static,
) -> Result<T, OciError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(OciError::new(ErrorKind::Cancelled, "read", subject, e.to_string())),
    }
}
