//! What the key of a render covers: everything that Helm sees, and nothing of where it lies.

use super::file::content_digest;
use super::metadata::Metadata;
use super::tree::{ChartTree, Form};
use crate::digest::{Digest, FileDigests};
use crate::fault::{Fault, Faults};
use crate::project::ChartPackage;

/// Ingredients of a render key; the Helm version is added by whoever builds the key document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RenderInputs {
    /// Settings: name and value, in a fixed order. A `set` value is there as a digest of key and text, never as
    /// itself; a short one can still be guessed from it, so key documents are no place to publish.
    pub fields: Vec<(String, String)>,
    /// Files: a stable name and the digest of the content. Values files are numbered, as their order matters.
    pub inputs: Vec<(String, Digest)>,
}

/// Gathers the ingredients. Fails when a values file cannot be read.
pub fn render_inputs(
    package: &ChartPackage,
    tree: &ChartTree,
    files: &dyn FileDigests,
) -> Result<RenderInputs, Faults> {
    let mut faults = Faults::new();
    let mut found = RenderInputs::default();
    let mut field = |name: &str, value: &str| found.fields.push((name.to_owned(), value.to_owned()));
    let form = match tree.form {
        Form::Manifests => "manifests",
        Form::Folder | Form::Compressed | Form::Plain => "chart",
    };
    field("form", form);
    if tree.is_chart() {
        field("release", &package.release_name.value);
        field("namespace", &package.namespace.value);
        field("include-crds", if package.include_crds { "true" } else { "false" });
        if let Some(version) = &package.kube_version {
            field("kube-version", &version.value);
        }
        for version in &package.api_versions {
            field("api-version", &version.value);
        }
        for (key, value) in &package.set {
            let keyed = format!("aosm-set/1\0{}\0{value}", key.value);
            field(&format!("set {}", key.value), Digest::of(keyed.as_bytes()).as_str());
        }
    }
    // The `.prov` is no input of a render.
    for file in &tree.files {
        found
            .inputs
            .push((format!("{form} {}", file.name), file.digest.clone()));
    }
    for (at, values) in package.values.iter().enumerate().filter(|_| tree.is_chart()) {
        // Helm reads values as YAML, for which all line endings are one.
        match content_digest(&values.value, files) {
            Ok(digest) => found.inputs.push((format!("values {}", at + 1), digest)),
            Err(e) => faults.push(
                Fault::invalid(format!("{}: values file cannot be read", super::shown(&values.value)))
                    .at_opt(values.place.clone())
                    .because(e)
                    .hint("relative paths start at the file that names them"),
            ),
        }
    }
    debug_assert!(
        tree.is_chart() || *tree.metadata == Metadata::default(),
        "manifests have no metadata"
    );
    faults.into_result(found).map(|(found, _)| found)
}
