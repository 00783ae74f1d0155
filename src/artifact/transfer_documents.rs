//! What `artifact push`, `attach` and `pull` print as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::annotation_file::TITLE;
use super::pack::Packed;
use super::pull::{PullOutcome, Pulled, Skipped};
use crate::oci::{Descriptor, Filled};

/// `artifact push` and `artifact attach`: `aosm-push/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PushDocument {
    /// `aosm-push/1`.
    pub format: &'static str,
    /// Where it went: the reference as given, complete.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Media type of its manifest.
    pub media_type: String,
    /// What it calls itself.
    pub artifact_type: String,
    /// Bytes of its manifest.
    pub size: u64,
    /// Digest of what it is attached to.
    pub subject: Option<String>,
    /// What became of it.
    pub outcome: PushedAs,
    /// Its tags.
    pub tags: Vec<TagEntry>,
    /// Its files, in order.
    pub files: Vec<FileEntry>,
    /// Bytes sent.
    pub bytes_moved: u64,
    /// Requests made.
    pub requests: u64,
}

/// What became of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PushedAs {
    /// It was sent, or a tag was written.
    Pushed,
    /// All was there already.
    Present,
    /// It would be sent (`--dry-run`).
    Planned,
}

/// One tag of a pushed artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TagEntry {
    /// The tag.
    pub tag: String,
    /// What it held before, if that was something else.
    pub replaced: Option<String>,
}

/// One file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FileEntry {
    /// Its title.
    pub title: Option<String>,
    /// Its media type.
    pub media_type: String,
    /// Digest of its content (of a folder: as packed).
    pub digest: String,
    /// Bytes of its content (of a folder: as packed).
    pub size: u64,
}

impl FileEntry {
    fn of(layer: &Descriptor) -> Self {
        Self {
            title: layer.annotations.get(TITLE).cloned(),
            media_type: layer.media_type.clone(),
            digest: layer.digest.to_string(),
            size: layer.size,
        }
    }
}

impl PushDocument {
    /// Of what was packed; `filled` says what sending it took.
    pub fn new(
        reference: impl Into<String>,
        packed: &Packed,
        subject: Option<&Descriptor>,
        outcome: PushedAs,
        tags: Vec<TagEntry>,
        filled: Filled,
    ) -> Self {
        Self {
            format: "aosm-push/1",
            reference: reference.into(),
            digest: packed.manifest.digest.to_string(),
            media_type: packed.manifest.media_type.clone(),
            artifact_type: packed.artifact_type.clone(),
            size: packed.manifest.size,
            subject: subject.map(|subject| subject.digest.to_string()),
            outcome,
            tags,
            files: packed.layers.iter().map(FileEntry::of).collect(),
            bytes_moved: filled.bytes_moved,
            requests: filled.requests,
        }
    }
}

/// `artifact pull`: `aosm-pull/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PullDocument {
    /// `aosm-pull/1`.
    pub format: &'static str,
    /// The reference, complete.
    pub reference: String,
    /// Digest of the manifest.
    pub digest: String,
    /// What it calls itself.
    pub artifact_type: Option<String>,
    /// The output folder.
    pub folder: String,
    /// Files and folders that are there now, in the order of their layers.
    pub files: Vec<PulledEntry>,
    /// Layers that were left out.
    pub skipped: Vec<SkippedEntry>,
    /// Requests made.
    pub requests: u64,
}

/// One layer that is a file or folder now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PulledEntry {
    /// Where it is, below the output folder; `.` for the folder itself.
    pub path: String,
    /// What became of it.
    pub outcome: PulledAs,
    /// The layer.
    #[serde(flatten)]
    pub layer: FileEntry,
}

/// What became of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PulledAs {
    /// Its file was written.
    Written,
    /// Its file was there, with the same content.
    Present,
    /// It was unpacked into a folder.
    Unpacked,
}

impl From<Pulled> for PulledAs {
    fn from(pulled: Pulled) -> Self {
        match pulled {
            Pulled::Written => Self::Written,
            Pulled::Present => Self::Present,
            Pulled::Unpacked => Self::Unpacked,
        }
    }
}

/// One layer that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SkippedEntry {
    /// Why.
    pub reason: SkippedFor,
    /// The layer.
    #[serde(flatten)]
    pub layer: FileEntry,
}

/// Why a layer was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SkippedFor {
    /// It has no title.
    Untitled,
    /// Its media type was not asked for.
    MediaType,
}

impl PullDocument {
    /// Of what was pulled into `folder`.
    pub fn new(reference: &str, folder: &str, outcome: &PullOutcome, filled: Filled) -> Self {
        Self {
            format: "aosm-pull/1",
            reference: reference.to_owned(),
            digest: outcome.root.digest.to_string(),
            artifact_type: outcome.artifact_type.clone(),
            folder: folder.to_owned(),
            files: outcome
                .layers
                .iter()
                .map(|pulled| PulledEntry {
                    path: match pulled.path.as_str() {
                        "" => ".".to_owned(),
                        path => path.to_owned(),
                    },
                    outcome: pulled.outcome.into(),
                    layer: FileEntry::of(&pulled.layer),
                })
                .collect(),
            skipped: outcome
                .skipped
                .iter()
                .map(|(layer, why)| SkippedEntry {
                    reason: match why {
                        Skipped::Untitled => SkippedFor::Untitled,
                        Skipped::OtherType => SkippedFor::MediaType,
                    },
                    layer: FileEntry::of(layer),
                })
                .collect(),
            requests: filled.requests,
        }
    }
}
