//! A project whose artifacts come from a list that another tool wrote, instead of being found in charts.
//!
//! Such a list is complete: charts are pushed and neither rendered nor searched, and every image has exactly one place.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::artifact_model::{ArtifactConfig, ArtifactType};
use super::model::{ImageSource, Spanned};
use super::publication::Publication;
use super::vhd_model::VhdSource;

/// What a list adds to a project that is made of it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The lock of this list. The project's own lock is about other images, so the two must not share a file; absolute.
    pub lock: Utf8PathBuf,
    /// The command that writes it, for hints: `aosm-build lock --from cnf-cli-output`.
    pub lock_command: String,
    /// What each chart is listed as, by the name of its package.
    pub charts: BTreeMap<String, ListedChart>,
}

/// A chart as a list names it. Its `Chart.yaml` must say the same, as that is what it is pushed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChart {
    /// Its name.
    pub name: Spanned<String>,
    /// Its version.
    pub version: Spanned<String>,
    /// The chart: a folder or an archive; absolute.
    pub path: Spanned<Utf8PathBuf>,
}

/// An image as a list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    /// Registry, name in the store and tag: `myregistry.azurecr.io/release/contoso-a:1.0.0`.
    pub reference: Spanned<String>,
    /// Where it is, and nowhere else: on the same registry, perhaps in a namespace.
    pub source: Spanned<ImageSource>,
    /// What AOSM calls it.
    pub kind: ArtifactType,
}

/// A disk image as a list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDisk {
    /// Its name.
    pub name: Spanned<String>,
    /// Its version.
    pub version: Spanned<String>,
    /// Where it comes from.
    pub source: VhdSource,
}

/// A whole list, and what goes with it.
#[derive(Debug, Clone)]
pub struct ListedInput {
    /// The list, as people know it.
    pub shown: Utf8PathBuf,
    /// Its lock; absolute.
    pub lock: Utf8PathBuf,
    /// The command that writes it, for hints.
    pub lock_command: String,
    /// Which publisher, stores and manifests it is for.
    pub publication: Publication,
    /// Charts.
    pub charts: Vec<ListedChart>,
    /// Images.
    pub images: Vec<ListedImage>,
    /// Templates.
    pub templates: Vec<ArtifactConfig>,
    /// Disk images.
    pub disks: Vec<ListedDisk>,
}
