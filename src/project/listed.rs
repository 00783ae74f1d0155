//! What a project has whose artifacts come from a list that another tool wrote, instead of being found in charts.
//!
//! Such a list is complete: charts are pushed and neither rendered nor searched, and every image has exactly one place.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::model::{ImageSource, Spanned};

/// The list's part of a project.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The lock of this list. The project's own lock is about other images, so the two must not share a file; absolute.
    pub lock: Utf8PathBuf,
    /// The command that works with this list, for hints: `aosm-build apply --from cnf-cli-output`.
    pub command: String,
    /// The one place of each image, by its reference. No other place is asked for it.
    pub images: BTreeMap<String, ImageSource>,
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
}
