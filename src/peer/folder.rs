//! A folder as the extension's build leaves it, read as a whole.

use camino::{Utf8Path, Utf8PathBuf};

use super::artifacts::{self, ListedArtifact};
use super::compare::compare;
use super::index::{self, Element, ElementKind};
use super::manifest::{self, ListedManifest};
use super::parameters::{self, Parameters};
use crate::fault::{Fault, Faults, Place};

/// The step that makes artifact manifests.
const MANIFEST_STEP: &str = "artifactManifest";

/// What a folder says.
#[derive(Debug, Clone)]
pub struct OutputFolder {
    /// Where it is; absolute.
    pub path: Utf8PathBuf,
    /// The same as people know it.
    pub shown: Utf8PathBuf,
    /// The steps, in order.
    pub elements: Vec<Element>,
    /// Values for all templates.
    pub parameters: Parameters,
    /// What belongs into the stores.
    pub artifacts: Vec<ListedArtifact>,
    /// The artifact manifests that it deploys.
    pub manifests: Vec<ListedManifest>,
}

/// Reads all of a folder. `Ok` comes with warnings; `Err` holds every fault of every file.
pub fn read(path: &Utf8Path, shown: &Utf8Path) -> Result<(OutputFolder, Faults), Faults> {
    let mut faults = Faults::new();
    let (elements, parameters) = head(path, shown, &mut faults)?;
    let mut lists = Vec::new();
    let mut manifests = None;
    for element in elements.iter().flatten() {
        let (folder, shown) = (element.folder(path), element.folder(shown));
        match element.kind {
            ElementKind::Artifacts => lists.push(artifacts::read(&folder, &shown, &mut faults)),
            ElementKind::Bicep if element.name.value == MANIFEST_STEP => {
                manifests = Some(manifest::read(&folder, &shown, &mut faults));
            }
            ElementKind::Bicep => {}
        }
    }
    if let Some(elements) = &elements {
        complete(elements, shown, &mut faults);
    }
    let whole = lists.iter().all(Option::is_some) && !matches!(manifests, Some(None));
    let artifacts: Vec<ListedArtifact> = lists.into_iter().flatten().flatten().collect();
    let manifests = manifests.flatten();
    // Half a list differs from every manifest: that is no news.
    if let (Some(manifests), true, false) = (&manifests, whole, faults.has_errors()) {
        compare(&artifacts, manifests, &mut faults);
    }
    let (Some(elements), Some(parameters)) = (elements, parameters) else {
        return Err(faults);
    };
    faults.into_result(OutputFolder {
        path: path.to_owned(),
        shown: shown.to_owned(),
        elements,
        parameters,
        artifacts,
        manifests: manifests.unwrap_or_default(),
    })
}

/// The steps and the values alone, for those who only deploy.
pub fn read_steps(path: &Utf8Path, shown: &Utf8Path) -> Result<((Vec<Element>, Parameters), Faults), Faults> {
    let mut faults = Faults::new();
    match head(path, shown, &mut faults)? {
        (Some(elements), Some(parameters)) => faults.into_result((elements, parameters)),
        _ => Err(faults),
    }
}

type Head = (Option<Vec<Element>>, Option<Parameters>);

fn head(path: &Utf8Path, shown: &Utf8Path, faults: &mut Faults) -> Result<Head, Fault> {
    if !path.is_dir() {
        let what = if path.exists() {
            "is no folder"
        } else {
            "there is no such folder"
        };
        return Err(Fault::invalid(format!("{shown}: {what}"))
            .at(Place::file_only(shown))
            .hint("name the folder that `az aosm nfd build` or `az aosm nsd build` wrote, such as `cnf-cli-output`"));
    }
    let elements = index::read(path, shown, faults);
    // Of a folder that is something else only one thing is said.
    let parameters = (elements.is_some() || path.join(parameters::FILE).exists())
        .then(|| parameters::read(path, shown, faults))
        .flatten();
    Ok((elements, parameters))
}

fn complete(elements: &[Element], shown: &Utf8Path, faults: &mut Faults) {
    let index = shown.join(index::FILE);
    if !elements.iter().any(|element| element.kind == ElementKind::Artifacts) {
        faults.push(
            Fault::invalid(format!("{index}: has no step of the type `artifact`"))
                .at(Place::file_only(&index))
                .hint("the build of the Azure CLI extension writes one: build the folder again"),
        );
    }
    if !elements.iter().any(|element| element.name.value == MANIFEST_STEP) {
        faults.push(
            Fault::warning(format!(
                "{index}: has no step `{MANIFEST_STEP}`: whether the list is complete is not known"
            ))
            .at(Place::file_only(&index))
            .hint("the build of the Azure CLI extension writes one: build the folder again"),
        );
    }
}
