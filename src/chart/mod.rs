//! Helm charts: reading their files, rendering them with `helm`, packing them reproducibly.
//!
//! [`load`] reads a chart and says all that is wrong with it; [`build_dependencies`] fetches what it lacks into the
//! cache; [`render`] runs Helm on it; [`pack`] and [`artifact`] make of it what is pushed. Nothing here writes into the
//! user's tree, and nothing that a secret is part of leaves by way of a file, a message or the process list.

mod artifact;
mod blame;
mod compare;
mod decode;
mod dependencies;
mod effective;
mod file;
mod helm;
mod ignore;
mod inputs;
mod load;
mod manifests;
mod metadata;
mod overlay;
mod pack;
pub(crate) mod process;
pub(crate) mod program;
mod render;
mod secrets;
mod set_values;
mod stage;
mod tree;
mod version;
mod walk;
mod yaml;

use camino::{Utf8Path, Utf8PathBuf};

pub use artifact::{CHART_TYPE, CONFIG_TYPE, ChartArtifact, MANIFEST_TYPE, PROVENANCE_TYPE, artifact, artifact_at};
pub use compare::same_files;
pub use dependencies::{FetchContext, FetchedDependency, build_dependencies};
pub use effective::{EffectiveValues, effective_values};
pub use file::ChartFile;
pub use helm::Helm;
pub use inputs::{RenderInputs, render_inputs};
pub use load::load;
pub use manifests::{concatenate, manifest_place};
pub use metadata::{Dependency, Maintainer, Metadata};
pub use pack::{PackedChart, pack};
pub use render::{Rendering, render, render_over};
pub use secrets::blank_secrets;
pub use tree::{ChartTree, Form, Missing};

/// A path as people know it: relative to where the command was called, where it lies below.
fn shown(path: &Utf8Path) -> Utf8PathBuf {
    let here = std::env::current_dir()
        .ok()
        .and_then(|here| Utf8PathBuf::from_path_buf(here).ok());
    match here.and_then(|here| path.strip_prefix(here).map(Utf8Path::to_owned).ok()) {
        Some(relative) if !relative.as_str().is_empty() => relative,
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests;
