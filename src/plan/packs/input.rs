//! What is packed, in the terms of the project; as packing takes it, and as a key.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::tree::{self, Found};
use crate::artifact::{Annotations, FileSpec, PackSpec};
use crate::cache::KeyDocument;
use crate::digest::FileDigests;
use crate::fault::{Fault, Faults, Place};
use crate::oci::Descriptor;
use crate::project::{ArtifactConfig, ArtifactFile, ArtifactType, AttachmentConfig};

/// Bumped when packing gives other bytes for the same files.
const REVISION: u32 = 1;

/// One artifact or attachment, before it is packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackInput {
    /// Its name in step ids.
    pub name: String,
    /// What AOSM calls it.
    pub kind: ArtifactType,
    /// OCI's type of it.
    pub artifact_type: Option<String>,
    /// Its files, in order.
    pub files: Vec<ArtifactFile>,
    /// The Bicep source that its file was built from, where that is so: the file itself lies in the cache.
    pub built_from: Option<Utf8PathBuf>,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// What it is attached to.
    pub subject: Option<Descriptor>,
    /// Where the project names it.
    pub place: Option<Place>,
}

impl PackInput {
    /// One of `[[artifacts]]`.
    pub fn artifact(config: &ArtifactConfig) -> Self {
        Self {
            name: config.name.value.clone(),
            kind: config.kind,
            artifact_type: config.artifact_type.clone(),
            files: config.files.clone(),
            built_from: None,
            annotations: config.annotations.clone(),
            subject: None,
            place: config.name.place.clone(),
        }
    }

    /// One of `[[attachments]]`, attached to `subject`.
    pub fn attachment(config: &AttachmentConfig, name: String, subject: Descriptor) -> Self {
        Self {
            name,
            kind: ArtifactType::OciArtifact,
            artifact_type: Some(config.artifact_type.clone()),
            files: config.files.clone(),
            built_from: None,
            annotations: config.annotations.clone(),
            subject: Some(subject),
            place: config.subject.place.clone(),
        }
    }

    /// As packing takes it.
    pub(super) fn spec(&self) -> PackSpec {
        if let (ArtifactType::ArmTemplate, Some(file)) = (self.kind, self.files.first()) {
            let mut spec = PackSpec::arm_template(file.path.value.clone());
            if let Some(layer) = spec.files.first_mut() {
                layer.title = Some(file.title.clone());
            }
            return spec;
        }
        let files = self.files.iter().map(|file| FileSpec {
            path: file.path.value.clone(),
            media_type: file.media_type.clone(),
            title: Some(file.title.clone()),
        });
        PackSpec {
            artifact_type: self.artifact_type.clone(),
            files: files.collect(),
            annotations: Annotations {
                manifest: self.annotations.clone(),
                ..Annotations::default()
            },
            subject: self.subject.clone(),
            ..PackSpec::default()
        }
    }

    /// The key: what the manifest and the blobs depend on, and no path of this machine. Files are hashed through `digests`.
    pub(super) fn key(&self, digests: &dyn FileDigests) -> Result<KeyDocument, Faults> {
        let mut faults = Faults::new();
        let mut key = KeyDocument::new("pack", REVISION).field("kind", self.kind.as_str());
        if let Some(artifact_type) = &self.artifact_type {
            key = key.field("artifact-type", artifact_type);
        }
        for (name, value) in &self.annotations {
            key = key.field(format!("annotation {name}"), value);
        }
        if let Some(subject) = &self.subject {
            key = key
                .field("subject", format!("{} {}", subject.media_type, subject.size))
                .input("subject", subject.digest.clone());
        }
        // The time of creation is part of the manifest only where the environment gives one.
        if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
            key = key.field("source-date-epoch", epoch);
        }
        for file in &self.files {
            let media_type = file.media_type.as_deref().unwrap_or("by default");
            key = key.field("layers", format!("{} {media_type}", file.title));
            match tree::walk(&file.path.value, digests) {
                Ok(found) => {
                    for one in found {
                        key = one.into_key(key, &file.title);
                    }
                }
                Err(fault) => faults.push(self.here(fault)),
            }
        }
        faults.into_result(key).map(|(key, _)| key)
    }

    /// A fault about one of its files, with the place that names the artifact.
    pub(super) fn here(&self, fault: Fault) -> Fault {
        match &self.place {
            Some(place) if !fault.labels().iter().any(|label| label.place.path() == place.path()) => {
                fault.label(place.clone(), format!("packed for {}", self.name))
            }
            _ => fault,
        }
    }
}

impl Found {
    fn into_key(self, key: KeyDocument, title: &str) -> KeyDocument {
        let below = |name: &str| {
            if name.is_empty() {
                title.to_owned()
            } else {
                format!("{title}/{name}")
            }
        };
        match self {
            Self::File {
                name,
                digest,
                executable,
            } => {
                let key = if executable {
                    key.field(format!("executable {}", below(&name)), "yes")
                } else {
                    key
                };
                key.input(format!("file {}", below(&name)), digest)
            }
            Self::Folder { name } => key.field(format!("folder {}", below(&name)), "yes"),
            Self::Link { name, target } => key.field(format!("link {}", below(&name)), target),
        }
    }
}
