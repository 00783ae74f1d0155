//! What a lock says.

use crate::digest::Digest;
use crate::store::ArtifactName;

/// The version that is written; a newer one is refused.
pub const VERSION: i64 = 1;

/// The content of `aosm.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// The project's image sources, in order, as `host[/namespace]`. All entries were found by asking these: with
    /// others, the entries do not count.
    pub image_sources: Vec<String>,
    /// Images.
    pub images: Vec<LockedImage>,
    /// Chart dependencies that were fetched.
    pub charts: Vec<LockedChart>,
    /// Stores whose layout was found out by asking.
    pub stores: Vec<LockedStore>,
}

/// Where one image is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedImage {
    /// The reference exactly as rendered.
    pub reference: String,
    /// Its name in the store.
    pub name: ArtifactName,
    /// The image source that has it, as `host[/namespace]`.
    pub source: String,
    /// The repository on that host, the source's namespace included.
    pub repository: String,
    /// The tag that was asked for; `None` when the reference names a digest.
    pub tag: Option<String>,
    /// What the tag named.
    pub digest: Digest,
    /// Media type of the root.
    pub media_type: String,
    /// Bytes of the whole graph: every manifest and blob once.
    pub size: u64,
    /// `os/architecture[/variant]`, sorted; empty for what is no image.
    pub platforms: Vec<String>,
    /// What refers to it, to anything below it, and to those again; sorted. `None`: nobody has asked yet.
    pub referrers: Option<Vec<LockedReferrer>>,
}

/// A manifest that refers to an image: a signature, an SBOM, an attestation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedReferrer {
    /// Its digest.
    pub digest: Digest,
    /// The manifest it refers to: of the image, or another referrer.
    pub subject: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// Its artifact type (of cosign's, which have none: the type of the first layer); may be empty.
    pub artifact_type: String,
    /// Bytes of the manifest.
    pub size: u64,
    /// The tag that alone ties it to its subject (cosign); `None` where its manifest names the subject.
    pub tag: Option<String>,
}

/// A chart dependency that was fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedChart {
    /// Name in `Chart.yaml`.
    pub name: String,
    /// The version that was taken.
    pub version: String,
    /// Where it came from.
    pub url: String,
    /// SHA-256 of the archive.
    pub digest: Digest,
}

/// What was found out about a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedStore {
    /// Its name in the project.
    pub name: String,
    /// How it arranges its paths.
    pub layout: String,
}

impl Lock {
    /// An empty lock for some image sources, in order.
    pub fn new(image_sources: Vec<String>) -> Self {
        Self {
            image_sources,
            ..Self::default()
        }
    }

    /// Do the entries count for these image sources?
    pub fn counts_for(&self, image_sources: &[String]) -> bool {
        self.image_sources == image_sources
    }

    /// The first entry of a reference (two of one digest reference differ in the tag they get).
    pub fn entry(&self, reference: &str) -> Option<&LockedImage> {
        self.images.iter().filter(|image| image.reference == reference).min()
    }

    /// The entry of a reference that gets this tag in the store.
    pub fn entry_as(&self, reference: &str, tag: &str) -> Option<&LockedImage> {
        self.images
            .iter()
            .find(|image| image.reference == reference && image.name.tag == tag)
    }

    /// Puts an image in, in place of one of the same reference and tag in the store.
    pub fn put(&mut self, image: LockedImage) {
        self.images
            .retain(|held| held.reference != image.reference || held.name.tag != image.name.tag);
        self.images.push(image);
        self.images.sort();
    }
}
