//! One repository of a layout folder, or the whole layout with its names as they stand.

use std::sync::Arc;

use super::content::StoreContent;
use super::tags::{Holds, full_name};
use super::target::LocalTarget;
use super::{Inner, delete};
use crate::digest::Digest;
use crate::oci::layout::{Catalog, manifest_by_digest};
use crate::oci::referrer::subject_of;
use crate::oci::{Content, Descriptor, ErrorKind, Job, OciError, Place, Selector, Target};

/// A repository of a layout. With an empty repository it is the layout itself, and tags are whole names of entries:
/// `release/contoso-a:1.0.0` as this tool writes them, `1.0.0` or `latest` as others do.
pub struct LocalPlace {
    inner: Arc<Inner>,
    repository: String,
    target: Arc<LocalTarget>,
}

impl LocalPlace {
    pub(super) fn new(inner: &Arc<Inner>, repository: &str) -> Self {
        let target = LocalTarget::new(Arc::clone(inner), repository.to_owned());
        Self {
            inner: Arc::clone(inner),
            repository: repository.to_owned(),
            target: Arc::new(target),
        }
    }

    /// The one thing that a layout holds: for those who name no tag. Referrers do not count beside what they refer to.
    /// None: [`ErrorKind::Absent`]; several: [`ErrorKind::Conflict`] with their names.
    pub async fn only(&self) -> Result<Descriptor, OciError> {
        let found = self
            .blocking(|inner| {
                check_folder(inner)?;
                inner.files.read_index()
            })
            .await?;
        if let Some(why) = found.damaged {
            return Err(OciError::new(ErrorKind::Corrupt, "look into", self.label(), why));
        }
        let index = found.index;
        let catalog = Catalog::of_index(&index);
        let mut roots: Vec<Descriptor> = Vec::new();
        for named in [true, false] {
            for entry in catalog.entries.iter().filter(|entry| entry.names.is_empty() != named) {
                let known = roots.iter().any(|root| root.digest == entry.root.digest);
                if !known && (named || !self.refers(&entry.root).await?) {
                    roots.push(entry.root.clone());
                }
            }
            if !roots.is_empty() {
                break;
            }
        }
        let place = self.label();
        match roots.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(OciError::new(ErrorKind::Absent, "look into", place, "it holds nothing")),
            [..] => Err(OciError::new(
                ErrorKind::Conflict,
                "look into",
                place,
                format!("it holds {} things: {}", roots.len(), catalog.inventory()),
            )
            .hint("name one of them: oci:FOLDER:NAME or oci:FOLDER@DIGEST")),
        }
    }

    async fn refers(&self, root: &Descriptor) -> Result<bool, OciError> {
        let content = StoreContent::new(&self.inner);
        match content.manifest(root).await {
            Ok(bytes) => Ok(subject_of(&bytes).is_some()),
            // Damage is told when it is read.
            Err(error) if error.kind != ErrorKind::Disk => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, OciError> + Send + 'static,
    ) -> Result<T, OciError> {
        super::blocking(&self.inner, work).await
    }
}

#[async_trait::async_trait]
impl Place for LocalPlace {
    fn label(&self) -> &str {
        self.target.label()
    }

    async fn resolve(&self, selector: &Selector, _job: &Job) -> Result<Descriptor, OciError> {
        match selector {
            Selector::Tag(tag) => {
                let (name, place) = (full_name(&self.repository, tag), self.label().to_owned());
                self.blocking(move |inner| by_name(inner, &name, &place)).await
            }
            Selector::Digest(digest) => {
                let wanted = digest.clone();
                let listed = self
                    .blocking(move |inner| inner.tags.entry_of(&inner.files, &wanted))
                    .await?;
                match listed {
                    Some(root) => Ok(root),
                    None => manifest_by_digest(&StoreContent::new(&self.inner), digest).await,
                }
            }
        }
    }

    fn content(&self, _job: &Job) -> Arc<dyn Content> {
        Arc::new(StoreContent::new(&self.inner))
    }

    fn target(&self) -> Arc<dyn Target> {
        Arc::clone(&self.target) as Arc<dyn Target>
    }

    async fn tags(&self, _job: &Job) -> Result<Vec<String>, OciError> {
        let prefix = full_name(&self.repository, "");
        self.blocking(move |inner| {
            let names = inner.tags.all_names(&inner.files)?;
            if names.is_empty() {
                check_folder(inner)?;
            }
            let tags = names.iter().filter_map(|name| name.strip_prefix(&prefix));
            // `a:1` is a name of the layout, and none of a repository whose path is a beginning of another's.
            let own = |tag: &&str| !tag.is_empty() && (prefix.is_empty() || !tag.contains([':', '/']));
            Ok(tags.filter(own).map(str::to_owned).collect())
        })
        .await
    }

    async fn delete_manifest(&self, digest: &Digest, _job: &Job) -> Result<(), OciError> {
        let digest = digest.clone();
        self.blocking(move |inner| delete::manifest(inner, &digest)).await
    }

    async fn flush(&self) -> Result<(), OciError> {
        self.blocking(|inner| inner.tags.flush(&inner.files, &inner.blobs))
            .await
    }
}

/// A layout that was never written is told apart from one that does not hold what is wanted.
fn check_folder(inner: &Inner) -> Result<(), OciError> {
    let root = inner.files.root();
    if root.is_dir() {
        return Ok(());
    }
    let detail = "there is no such folder";
    Err(OciError::new(ErrorKind::Absent, "read layout", root.as_str(), detail))
}

/// What waits to be written goes before what is on disk: a place shows what was put there.
fn by_name(inner: &Inner, name: &str, place: &str) -> Result<Descriptor, OciError> {
    if let Some(root) = inner.tags.waiting_root(name) {
        return Ok(root);
    }
    match inner.tags.held(&inner.files, name)? {
        Holds::Root(root) => Ok(root),
        Holds::Unclear(_, why) => Err(OciError::new(ErrorKind::Conflict, "look up", name, why)
            .hint("look at index.json there; an image can be named by digest, too")),
        Holds::Nothing => {
            check_folder(inner)?;
            let index = inner.files.read_index()?.index;
            Catalog::of_index(&index).by_name(place, name)
        }
    }
}
