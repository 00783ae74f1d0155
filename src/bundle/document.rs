//! What a bundle says of itself: `aosm-bundle/1`, in `aosm-bundle.json` at its front.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::oci::Descriptor;
use crate::oci::recursive::ReferrerFound;

/// The form that is written.
pub const FORMAT: &str = "aosm-bundle/1";

/// How an entry gets into its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// An image, with what refers to it.
    Copy,
    /// A chart or an artifact.
    Push,
    /// Files that refer to another entry, or to something that the store holds.
    Attach,
}

/// Something that refers to an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct BundleReferrer {
    /// Its digest.
    pub digest: Digest,
    /// The manifest it refers to.
    pub subject: Digest,
    /// Media type of its manifest.
    pub media_type: String,
    /// Bytes of its manifest.
    pub size: u64,
    /// Its artifact type; empty where it has none.
    #[serde(default)]
    pub artifact_type: String,
    /// The tag that alone ties it to its subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// What one name of one store should hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct BundleEntry {
    /// The store, by its name in the project.
    pub store: String,
    /// Repository in the store.
    pub repository: String,
    /// Tag in the store; of what is attached the tag of its subject.
    pub tag: String,
    /// What people call it: `REPOSITORY:TAG`, and of what is attached its kind besides.
    pub title: String,
    /// How it gets there.
    pub kind: EntryKind,
    /// The root manifest.
    pub digest: Digest,
    /// Media type of the root.
    pub media_type: String,
    /// Bytes of the root.
    pub size: u64,
    /// Of what is attached: the digest of what it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// What travels along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<BundleReferrer>,
}

/// A Helm chart among the entries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct BundleChart {
    /// Its name.
    pub name: String,
    /// Its version as the chart has it.
    pub version: String,
    /// Digest of its archive, one of the blobs: what `helm install` takes.
    pub archive: Digest,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct BundleDocument {
    /// `aosm-bundle/1`.
    pub format: String,
    /// The program that wrote it, and its version.
    pub tool: String,
    /// The text of `aosm.lock` that it was made by.
    pub lock: String,
    /// What belongs where; sorted.
    pub entries: Vec<BundleEntry>,
    /// The charts among it; sorted.
    pub charts: Vec<BundleChart>,
}

impl BundleDocument {
    /// A document of these; sorts.
    pub fn new(lock: String, mut entries: Vec<BundleEntry>, mut charts: Vec<BundleChart>) -> Self {
        entries.sort();
        charts.sort();
        charts.dedup();
        Self {
            format: FORMAT.to_owned(),
            tool: concat!("aosm-build ", env!("CARGO_PKG_VERSION")).to_owned(),
            lock,
            entries,
            charts,
        }
    }

    /// The text in the bundle.
    pub fn to_text(&self) -> Vec<u8> {
        // Structs of plain values always serialise.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

impl BundleEntry {
    /// The root.
    pub fn root(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest.clone(), self.size)
    }
}

impl From<&ReferrerFound> for BundleReferrer {
    fn from(found: &ReferrerFound) -> Self {
        Self {
            digest: found.descriptor.digest.clone(),
            subject: found.subject.clone(),
            media_type: found.descriptor.media_type.clone(),
            size: found.descriptor.size,
            artifact_type: found.artifact_type().to_owned(),
            tag: found.tag.clone(),
        }
    }
}

impl From<&BundleReferrer> for ReferrerFound {
    fn from(listed: &BundleReferrer) -> Self {
        let mut descriptor = Descriptor::new(listed.media_type.clone(), listed.digest.clone(), listed.size);
        if !listed.artifact_type.is_empty() {
            let artifact_type = listed.artifact_type.clone().into();
            descriptor.other.insert("artifactType".to_owned(), artifact_type);
        }
        Self {
            subject: listed.subject.clone(),
            descriptor,
            tag: listed.tag.clone(),
        }
    }
}
