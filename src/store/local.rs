//! The local store: an OCI image layout folder (image-spec, image-layout.md).
//!
//! Entries are named `repository:tag` by `org.opencontainers.image.ref.name`, so that skopeo reads
//! `oci:FOLDER:release/contoso-a:1.0.0` and every OCI tool reads by digest. Invariants:
//!
//! - A blob lies under its digest only when it is whole: it is written aside (`.tmp/` in the store, the same disk),
//!   hashed on the way and renamed.
//! - A tag is in `index.json` only when everything below it is on disk: blobs are synced in batches, then the index
//!   is replaced in one step and synced. Until then the tag does not count as there, so a kill or power cut
//!   at any instant leaves at most blobs without a tag, and the next run finds and keeps those.
//! - Several processes may fill one store: the index is read again, merged and written under a file lock.
//! - Nothing is trusted for being there: a blob counts when its content was hashed and its stat has not changed
//!   since. Nothing is deleted by itself, save temporary files of killed runs.
//! - A manifest that refers to another is in `index.json` even without a tag: so it is found again as a referrer.

mod blobs;
mod check;
mod content;
mod delete;
mod files;
mod place;
mod tags;
mod target;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::relist::list_again;
use super::{ArtifactName, ArtifactStore, Filled, Guard, Job, Observed, StoreIdentity};
use crate::digest::FileDigests;
use crate::oci::recursive::{Along, copy_with_referrers};
use crate::oci::{Content, CopyOptions, Descriptor, ErrorKind, OciError, Place, TagAs, copy_graph};

use blobs::Blobs;
use content::StoreContent;
use files::Files;
use tags::{Holds, Tags};
use target::LocalTarget;

pub use place::LocalPlace;

/// An image layout folder as an artifact store. Made on the first fill.
#[derive(Debug)]
pub struct LocalStore {
    name: String,
    identity: StoreIdentity,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: Files,
    blobs: Blobs,
    tags: Tags,
}

impl LocalStore {
    /// A store named `name` in the folder `path` (absolute). `digests` remembers which blobs were hashed, as long
    /// as their stat is unchanged; without one ([`crate::digest::ReadFiles`]) every process hashes anew.
    pub fn new(name: impl Into<String>, path: impl Into<Utf8PathBuf>, digests: Arc<dyn FileDigests>) -> Self {
        let path = path.into();
        let inner = Inner {
            files: Files::new(path.clone()),
            blobs: Blobs::new(path.clone(), digests),
            tags: Tags::default(),
        };
        Self {
            name: name.into(),
            identity: StoreIdentity(format!("layout:{path}")),
            inner: Arc::new(inner),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Utf8Path {
        self.inner.files.root()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, OciError> + Send + 'static,
    ) -> Result<T, OciError> {
        blocking(&self.inner, work).await
    }

    /// One repository; with an empty one, the layout itself: then tags are whole names of entries, as they stand.
    pub fn repository(&self, repository: &str) -> LocalPlace {
        LocalPlace::new(&self.inner, repository)
    }
}

/// Work with the disk, away from the runtime's workers.
async fn blocking<T: Send + 'static>(
    inner: &Arc<Inner>,
    work: impl FnOnce(&Inner) -> Result<T, OciError> + Send + 'static,
) -> Result<T, OciError> {
    let (inner, place) = (Arc::clone(inner), inner.files.root().to_owned());
    match tokio::task::spawn_blocking(move || work(&inner)).await {
        Ok(result) => result,
        Err(e) => Err(OciError::new(
            ErrorKind::Cancelled,
            "use store",
            place.as_str(),
            e.to_string(),
        )),
    }
}

#[async_trait::async_trait]
impl ArtifactStore for LocalStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> &StoreIdentity {
        &self.identity
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn observe(&self, name: &ArtifactName, thorough: bool, job: &Job) -> Result<Observed, OciError> {
        let (name, cancel) = (name.to_string(), job.cancel.clone());
        self.blocking(move |inner| {
            let root = match inner.tags.held(&inner.files, &name)? {
                Holds::Nothing => return Ok(Observed::Absent),
                Holds::Unclear(root, why) => return Ok(Observed::Damaged { root, why }),
                Holds::Root(root) => root,
            };
            Ok(match check::why_damaged(&inner.blobs, &root, thorough, &cancel)? {
                Some(why) => Observed::Damaged { root: Some(root), why },
                None => Observed::Present(root),
            })
        })
        .await
    }

    async fn content(&self, _repository: &str, _job: &Job) -> Result<Arc<dyn Content>, OciError> {
        Ok(Arc::new(StoreContent::new(&self.inner)))
    }

    fn place(&self, repository: &str) -> Result<Arc<dyn Place>, OciError> {
        Ok(Arc::new(self.repository(repository)))
    }

    async fn fill_along(
        &self,
        name: &ArtifactName,
        root: &Descriptor,
        content: Arc<dyn Content>,
        guard: &Guard,
        along: Along<'_>,
        job: &Job,
    ) -> Result<Filled, OciError> {
        let (tag, wanted, allowed) = (name.to_string(), root.clone(), guard.clone());
        self.blocking(move |inner| {
            inner.files.prepare()?;
            // Asked early too: a refused tag should not cost a copy.
            inner.tags.check(&inner.files, &tag, &wanted, &allowed)
        })
        .await?;
        let target = LocalTarget::new(Arc::clone(&self.inner), name.repository.clone());
        let tag_as = TagAs { tag: &name.tag, guard };
        let options = CopyOptions::default();
        let unnamed = along.referrers.iter().filter(|one| one.tag.is_none());
        list_again(&content, &target, unnamed.map(|one| &one.descriptor), job).await?;
        copy_with_referrers(&content, &target, root, Some(tag_as), along, options, job).await?;
        self.blocking(|inner| inner.tags.flush_when_many(&inner.files, &inner.blobs))
            .await?;
        Ok(job.filled())
    }

    async fn put(
        &self,
        repository: &str,
        root: &Descriptor,
        content: Arc<dyn Content>,
        job: &Job,
    ) -> Result<Filled, OciError> {
        self.blocking(|inner| inner.files.prepare()).await?;
        let target = LocalTarget::new(Arc::clone(&self.inner), repository.to_owned());
        list_again(&content, &target, std::iter::once(root), job).await?;
        copy_graph(&content, &target, root, None, CopyOptions::default(), job).await?;
        self.blocking(|inner| inner.tags.flush_when_many(&inner.files, &inner.blobs))
            .await?;
        Ok(job.filled())
    }

    async fn names(&self, _job: &Job) -> Result<Option<Vec<ArtifactName>>, OciError> {
        let names = self.blocking(|inner| inner.tags.names(&inner.files)).await?;
        let split = |name: String| {
            let (repository, tag) = name.rsplit_once(':')?;
            Some(ArtifactName {
                repository: repository.to_owned(),
                tag: tag.to_owned(),
            })
        };
        // Entries of others may have names of another form: they are left alone and out.
        Ok(Some(names.into_iter().filter_map(split).collect()))
    }

    async fn flush(&self) -> Result<(), OciError> {
        self.blocking(|inner| inner.tags.flush(&inner.files, &inner.blobs))
            .await
    }
}
