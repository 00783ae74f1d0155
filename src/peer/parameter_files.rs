//! A parameter file of Resource Manager for each deployment step: what `all_deploy.parameters.json` is not.
//!
//! Form: "Create Resource Manager parameter file" of the Resource Manager documentation. A template takes values only for parameters that
//! it declares, so each file has the values of its own template and no others.

use camino::Utf8Path;

use super::index::{Element, ElementKind};
use super::json_text::Json;
use super::parameters::Parameters;
use super::template;
use crate::fault::{Fault, Faults, Place};
use crate::project::{InputKind, Publication, Spanned};

/// The schema that parameter files name.
const SCHEMA: &str = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#";

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterFile {
    /// Its name: `base.parameters.json`.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// The files of a built folder, one for each template. All that is missing is told.
pub fn parameter_files(
    folder: &Utf8Path,
    shown: &Utf8Path,
    steps: &[Element],
    values: &Parameters,
) -> Result<Vec<ParameterFile>, Faults> {
    let mut faults = Faults::new();
    let mut files = Vec::new();
    for step in steps.iter().filter(|step| step.kind == ElementKind::Bicep) {
        let name = &step.name.value;
        let declared = template::parameters(&step.folder(folder), &step.folder(shown), &mut faults);
        let mut given = Vec::new();
        for parameter in declared.into_iter().flatten() {
            if let Some(value) = values.get(&parameter.name) {
                given.push((parameter.name, value.clone()));
            } else if !parameter.has_default {
                faults.push(
                    Fault::invalid(format!(
                        "{}: has no value for `{}`, which the template of {name} needs",
                        values.place.path(),
                        parameter.name
                    ))
                    .at(values.place.clone())
                    .hint("add it there, or build the folder again"),
                );
            }
        }
        files.push(file(name, given));
    }
    faults.into_result(files).map(|(files, _)| files)
}

/// The files of a project that was not built: for the templates that the extension makes of such an input file.
pub fn parameter_files_of(publication: &Publication) -> Result<Vec<ParameterFile>, Faults> {
    let is_design = publication.kind == InputKind::Nsd;
    let mut faults = Faults::new();
    let mut value = |name: &str, found: Option<Spanned<String>>, key: &str| {
        if found.is_none() {
            faults.push(
                Fault::invalid(format!("{}: `{key}` is missing", publication.file))
                    .at(Place::file_only(&publication.file))
                    .hint("fill it in: the deployment needs it"),
            );
        }
        (
            name.to_owned(),
            Json::Text(found.map(|text| text.value).unwrap_or_default()),
        )
    };
    let (name_key, version_key) = if is_design {
        ("nsd_name", "nsd_version")
    } else {
        ("nf_name", "version")
    };
    let (group, group_version) = if is_design {
        ("nsDesignGroup", "nsDesignVersion")
    } else {
        ("nfDefinitionGroup", "nfDefinitionVersion")
    };
    let location = value("location", publication.location.clone(), "location");
    let publisher = value("publisherName", publication.publisher.clone(), "publisher_name");
    let store = value(
        "acrArtifactStoreName",
        publication.registry_store.clone(),
        "acr_artifact_store_name",
    );
    let group = value(group, publication.name.clone(), name_key);
    let group_version = value(group_version, publication.version.clone(), version_key);
    let known = |found: Option<Spanned<String>>| Json::Text(found.map(|text| text.value).unwrap_or_default());
    let manifest = ("acrManifestName".to_owned(), known(publication.registry_manifest()));
    let disk_store = publication
        .disk_store
        .clone()
        .map(|store| ("saArtifactStoreName".to_owned(), Json::Text(store.value)));
    let disk_manifest = publication
        .disk_manifest()
        .map(|manifest| ("saManifestName".to_owned(), Json::Text(manifest.value)));
    let closed = publication
        .private_only
        .as_ref()
        .filter(|closed| closed.value)
        .map(|_| ("disablePublicNetworkAccess".to_owned(), Json::Raw("true".to_owned())));
    faults.into_result(())?;
    let head = [location, publisher, store];
    let with = |more: Vec<(String, Json)>| head.iter().cloned().chain(more).collect::<Vec<_>>();
    let base: Vec<_> = disk_store
        .iter()
        .cloned()
        .chain([group.clone()])
        .chain(closed)
        .collect();
    let manifests: Vec<_> = [manifest]
        .into_iter()
        .chain(disk_store.clone())
        .chain(disk_manifest)
        .collect();
    let mut definition: Vec<_> = disk_store.into_iter().chain([group, group_version]).collect();
    let mut definition_name = "nfDefinition";
    if let (true, Some(name)) = (is_design, &publication.name) {
        definition_name = "nsdDefinition";
        // The name that the extension gives to the one site of a design.
        definition.push(("nfviSiteName".to_owned(), Json::Text(format!("{}_NFVI", name.value))));
    }
    Ok(vec![
        file("base", with(base)),
        file("artifactManifest", with(manifests)),
        file(definition_name, with(definition)),
    ])
}

fn file(step: &str, values: Vec<(String, Json)>) -> ParameterFile {
    let wrapped = values
        .into_iter()
        .map(|(name, value)| (name, Json::Object(vec![("value".to_owned(), value)])));
    let root = Json::Object(vec![
        ("$schema".to_owned(), Json::Text(SCHEMA.to_owned())),
        ("contentVersion".to_owned(), Json::Text("1.0.0.0".to_owned())),
        ("parameters".to_owned(), Json::Object(wrapped.collect())),
    ]);
    ParameterFile {
        name: format!("{step}.parameters.json"),
        text: root.to_text(2) + "\n",
    }
}
