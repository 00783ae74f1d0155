//! An ARM template that a `vnf-input.jsonc` names: a JSON file, with resource types that network functions may have.

use std::collections::BTreeSet;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::depth::{self, Format};
use super::document::Document;
use super::jsonc_tree;
use super::model::Spanned;
use super::node::{Node, Value};
use super::paths::Resolver;
use crate::fault::{Fault, Faults, some_of};

/// The largest template: 4 MiB (Azure Resource Manager, "Service limits": template size).
const MAX_TEMPLATE: u64 = 4 << 20;

/// Providers whose resources a template of a network function may have (Azure Operator Service Manager, "Best practices to
/// onboard and deploy VNFs"); the Azure CLI extension refuses others when it builds.
const PROVIDERS: [&str; 7] = [
    "Microsoft.Compute",
    "Microsoft.Network",
    "Microsoft.NetworkCloud",
    "Microsoft.Storage",
    "Microsoft.NetworkFabric",
    "Microsoft.Authorization",
    "Microsoft.ManagedIdentity",
];

/// The file, resolved. What is wrong with it is told; what only the extension refuses is a warning.
pub(crate) fn file(
    written: &Spanned<String>,
    document: &Document,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<Spanned<Utf8PathBuf>> {
    let path = resolver.existing(written, document, "template", faults)?;
    let shown = path.value.file_name().unwrap_or_default().to_owned();
    let refuse = |why: &str, hint: &str| {
        Fault::invalid(format!("template {shown}: {why}"))
            .at_opt(written.place.clone())
            .hint(hint.to_owned())
    };
    let meta = std::fs::metadata(&path.value).ok();
    let (why, hint) = match meta {
        Some(meta) if meta.is_dir() => ("is a folder", "name the JSON file in it"),
        Some(meta) if !meta.is_file() => ("is no regular file", "name a file that can be read to its end"),
        _ if path.value.extension() == Some("bicep") => {
            ("AOSM takes JSON only", "`az bicep build --file FILE` writes the JSON")
        }
        Some(meta) if meta.len() > MAX_TEMPLATE => (
            "larger than 4 MiB",
            "is this the right file? Azure takes no larger templates",
        ),
        _ => {
            match resource_types(&path.value) {
                Ok(types) => faults.extend(
                    unusual(&types)
                        .map(|fault| fault.context(format!("template {shown}")).at_opt(written.place.clone())),
                ),
                Err(why) => faults.push(refuse(
                    &why,
                    "a template is a JSON file that Azure Resource Manager can deploy",
                )),
            }
            return Some(path);
        }
    };
    faults.push(refuse(why, hint));
    None
}

/// The types of a template's resources at its root; those that are expressions are left out.
fn resource_types(path: &Utf8Path) -> Result<BTreeSet<String>, String> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_TEMPLATE + 1).read_to_string(&mut text));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if depth::too_deep(text, Format::Jsonc).is_some() {
        return Err(format!("nested deeper than {} levels", depth::MAX_DEPTH));
    }
    let (root, errors) = jsonc_tree::parse(text);
    if let Some(error) = errors.iter().find(|error| !error.duplicate) {
        let line = text.get(..error.span.start).unwrap_or_default().lines().count().max(1);
        return Err(format!("is not JSON: {} (line {line})", error.message));
    }
    let Value::Table(root) = &root.value else {
        return Err("is no template: the whole file should be one object".to_owned());
    };
    let resources = root.get("resources").map(|entry| &entry.node.value);
    let mut types = BTreeSet::new();
    let mut take = |node: &Node| {
        if let Value::Table(resource) = &node.value
            && let Some(Value::Text(kind)) = resource.get("type").map(|entry| &entry.node.value)
            && !kind.starts_with('[')
        {
            types.insert(kind.clone());
        }
    };
    match resources {
        Some(Value::List(items)) => items.iter().for_each(&mut take),
        // Templates of language version 2.0 give each resource a name.
        Some(Value::Table(table)) => table.entries.iter().for_each(|entry| take(&entry.node)),
        _ => return Err("is no template: it has no `resources`".to_owned()),
    }
    Ok(types)
}

fn unusual(types: &BTreeSet<String>) -> Option<Fault> {
    let others: Vec<&str> = types
        .iter()
        .map(String::as_str)
        .filter(|kind| {
            let provider = kind.split('/').next().unwrap_or_default();
            !PROVIDERS.iter().any(|known| known.eq_ignore_ascii_case(provider))
        })
        .collect();
    if others.is_empty() {
        return None;
    }
    Some(
        Fault::warning(format!(
            "resources that network functions may not have: {}",
            some_of(&others)
        ))
        .hint(format!(
            "the Azure CLI extension refuses all but these: {}",
            PROVIDERS.join(", ")
        )),
    )
}
