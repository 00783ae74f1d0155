//! `index.json`: the steps of a deployment, in order.

use camino::{Utf8Path, Utf8PathBuf};

use super::fields::{Fields, items};
use crate::fault::{Fault, Faults};
use crate::project::{JsonFile, Spanned, shorten};

/// The file's name.
pub(super) const FILE: &str = "index.json";

/// What a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementKind {
    /// A template that is deployed: `NAME/deploy.bicep`.
    Bicep,
    /// The list of artifacts: `NAME/artifacts.json`.
    Artifacts,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its folder: `base`, `artifactManifest`, `artifacts`, `nfDefinition`, `nsdDefinition`.
    pub name: Spanned<String>,
    /// What it is.
    pub kind: ElementKind,
}

/// Reads the steps. Types that the extension does not know are skipped by it, and told here.
pub(super) fn read(folder: &Utf8Path, shown: &Utf8Path, faults: &mut Faults) -> Option<Vec<Element>> {
    let hint = "is this the folder that `az aosm nfd build` or `az aosm nsd build` wrote?";
    let file = JsonFile::read(&folder.join(FILE), &shown.join(FILE), hint, faults)?;
    let mut elements: Vec<Element> = Vec::new();
    for (number, node) in items(&file, faults).iter().enumerate() {
        let what = format!("index.json: step {}", number + 1);
        let Some(fields) = Fields::of(&file, node, &what, faults) else {
            continue;
        };
        let (name, kind) = (fields.filled("name", faults), fields.filled("type", faults));
        fields.truth("only_delete_on_clean", faults);
        fields.only(&["name", "type", "only_delete_on_clean"], faults);
        let (Some(name), Some(kind)) = (name, kind) else {
            continue;
        };
        let kind = match kind.value.as_str() {
            "bicep" => ElementKind::Bicep,
            "artifact" => ElementKind::Artifacts,
            other => {
                faults.push(
                    Fault::warning(format!("index.json: a step of type `{}` is left out", shorten(other)))
                        .at_opt(kind.place)
                        .hint(
                            "the types are `bicep` and `artifact`; the Azure CLI extension leaves out all others too",
                        ),
                );
                continue;
            }
        };
        if !is_folder_name(&name.value) {
            faults.push(
                Fault::invalid(format!("index.json: `{}` is no name of a folder", shorten(&name.value)))
                    .at_opt(name.place)
                    .hint("a step lies in a folder of its name below this one"),
            );
            continue;
        }
        elements.push(Element { name, kind });
    }
    Some(elements)
}

/// One name below the folder: a path must not lead elsewhere.
fn is_folder_name(text: &str) -> bool {
    !text.contains(['/', '\\', ':']) && !matches!(text, "." | "..")
}

impl Element {
    /// Its folder.
    pub(super) fn folder(&self, root: &Utf8Path) -> Utf8PathBuf {
        root.join(&self.name.value)
    }
}
