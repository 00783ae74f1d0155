//! The template of one step: which parameters it declares.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::bicep::{self, Parameter};
use crate::fault::Faults;
use crate::project::node::{Entry, Value};
use crate::project::{JsonFile, read_within_bounds};

/// The template of a step.
pub(super) const BICEP: &str = "deploy.bicep";
/// The same, compiled.
pub(super) const JSON: &str = "deploy.json";

/// The parameters that a step's template declares. Resource Manager refuses values for any others.
pub(super) fn parameters(folder: &Utf8Path, shown: &Utf8Path, faults: &mut Faults) -> Option<Vec<Parameter>> {
    let hint = "the build of the Azure CLI extension writes it, or its compiled `deploy.json`: build the folder again";
    let (bicep, json) = (folder.join(BICEP), folder.join(JSON));
    if bicep.exists() || !json.exists() {
        let text = read_within_bounds(&bicep, &shown.join(BICEP), hint, faults)?;
        let mut seen = BTreeSet::new();
        let mut all = bicep::parameters(&text);
        all.retain(|one| seen.insert(one.name.clone()));
        return Some(all);
    }
    let file = JsonFile::read(&json, &shown.join(JSON), hint, faults)?;
    let Value::Table(root) = &file.root.value else {
        return Some(Vec::new());
    };
    match root.get("parameters").map(|entry| &entry.node.value) {
        Some(Value::Table(table)) => {
            let one = |entry: &Entry| Parameter {
                name: entry.key.clone(),
                has_default: matches!(&entry.node.value, Value::Table(inner) if inner.get("defaultValue").is_some()),
            };
            Some(table.entries.iter().map(one).collect())
        }
        _ => Some(Vec::new()),
    }
}
