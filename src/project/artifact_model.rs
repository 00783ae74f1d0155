//! Files that are pushed as artifacts, and attached to other artifacts, as the project names them.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::model::Spanned;

/// What AOSM calls an artifact that is made of files (`artifactType` of its artifact manifests).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ArtifactType {
    /// `OCIArtifact`: any files.
    #[default]
    OciArtifact,
    /// `ArmTemplate`: one JSON template.
    ArmTemplate,
    /// `ImageFile`: the disk image of a virtual machine.
    ImageFile,
}

impl ArtifactType {
    /// The word in `kind = "…"`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OciArtifact => "oci-artifact",
            Self::ArmTemplate => "arm-template",
            Self::ImageFile => "image-file",
        }
    }
}

/// One of `files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactFile {
    /// The file or folder; resolved, known to exist.
    pub path: Spanned<Utf8PathBuf>,
    /// Media type of the layer; `None`: the usual one for a file, or for a packed folder.
    pub media_type: Option<String>,
    /// The name it is pulled under.
    pub title: String,
}

/// `[[artifacts]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactConfig {
    /// Its name: the repository in the store. No other artifact has it.
    pub name: Spanned<String>,
    /// Its version: the tag.
    pub version: Spanned<String>,
    /// AOSM's type.
    pub kind: ArtifactType,
    /// OCI's `artifactType`, where one is given.
    pub artifact_type: Option<String>,
    /// What is packed, in the order written.
    pub files: Vec<ArtifactFile>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// The store that gets it, where one is named.
    pub store: Option<Spanned<String>>,
}

/// What an attachment is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// `image:NAME`: an image of this project, by reference or by its name in the store.
    Image(String),
    /// `chart:NAME`: a chart of this project, by its package's name or its own.
    Chart(String),
    /// `artifact:NAME`: one of `[[artifacts]]`.
    Artifact(String),
    /// A reference: of an image of this project, or `STORE:NAME:TAG` for what a store holds already.
    Reference(String),
}

impl Subject {
    /// Reads the text: what does not begin with one of the three words is a reference.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some(("image", name)) => Self::Image(name.to_owned()),
            Some(("chart", name)) => Self::Chart(name.to_owned()),
            Some(("artifact", name)) => Self::Artifact(name.to_owned()),
            _ => Self::Reference(text.to_owned()),
        }
    }
}

/// `[[attachments]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentConfig {
    /// What it is attached to, and where that is written.
    pub subject: Spanned<Subject>,
    /// The same as written, for messages.
    pub subject_text: String,
    /// OCI's `artifactType`.
    pub artifact_type: String,
    /// What is packed, in the order written.
    pub files: Vec<ArtifactFile>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

/// Which referrers (signatures, SBOMs, attestations) travel with a copied image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Referrers {
    /// All of them, and what refers to them.
    #[default]
    All,
    /// None.
    None,
    /// Those of these artifact types, and what refers to them.
    Types(Vec<String>),
}
