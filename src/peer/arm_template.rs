//! Artifact manifests in a JSON template of Resource Manager, as the Bicep compiler writes it.
//!
//! Sources: "Understand the structure and syntax of ARM templates" of the Resource Manager documentation, for both forms of
//! `resources`; REST reference, "Artifact Manifests - Create Or Update".

use super::fields::Fields;
use super::manifest::{FIELDS, ListedEntry, ListedManifest, MANIFEST, NamedBy, no_manifest};
use crate::fault::{Fault, Faults};
use crate::project::node::{Node, Value};
use crate::project::{JsonFile, Spanned, shorten};

/// The manifests of a template; other resources are of no interest.
pub(super) fn manifests(file: &JsonFile, faults: &mut Faults) -> Option<Vec<ListedManifest>> {
    let shown = file.source.path.clone();
    let root = Fields::of(file, &file.root, shown.as_str(), faults)?;
    let before = faults.iter().count();
    let resources: Vec<&Node> = match root.get("resources").map(|node| (&node.value, node)) {
        Some((Value::List(items), _)) => items.iter().collect(),
        // With `languageVersion` 2.0 every resource has a symbol.
        Some((Value::Table(table), _)) => table.entries.iter().map(|entry| &entry.node).collect(),
        Some((other, node)) => {
            faults.push(
                Fault::invalid(format!(
                    "{shown}: `resources` is a list or an object, found {}",
                    other.word()
                ))
                .at(file.place(&node.span))
                .hint("compile deploy.bicep again"),
            );
            Vec::new()
        }
        None => {
            faults.push(
                Fault::invalid(format!("{shown}: `resources` is missing: this is no template"))
                    .at(root.place.clone())
                    .hint("compile deploy.bicep again"),
            );
            Vec::new()
        }
    };
    let mut found = Vec::new();
    for node in resources {
        let Some(resource) = Fields::of(file, node, &format!("{shown}: a resource"), faults) else {
            continue;
        };
        let is_manifest = resource
            .get("type")
            .is_some_and(|kind| matches!(&kind.value, Value::Text(text) if text.eq_ignore_ascii_case(MANIFEST)));
        let is_referred_to = matches!(
            resource.get("existing").map(|node| &node.value),
            Some(Value::Bool(true))
        );
        if is_manifest && !is_referred_to {
            found.extend(manifest(file, &resource, faults));
        }
    }
    if faults.iter().skip(before).any(Fault::is_error) {
        return None;
    }
    if found.is_empty() {
        faults.push(no_manifest(&shown));
        return None;
    }
    Some(found)
}

fn manifest(file: &JsonFile, resource: &Fields<'_>, faults: &mut Faults) -> Option<ListedManifest> {
    let name = resource.filled("name", faults);
    let properties = resource.object("properties", faults);
    let (name, properties) = (name?, properties?);
    let Some((store, manifest)) = names(&name.value) else {
        faults.push(
            Fault::invalid(format!(
                "{}: `{}` names no artifact manifest",
                file.source.path,
                shorten(&name.value)
            ))
            .at_opt(name.place)
            .hint("it is written like `[format('{0}/{1}/{2}', parameters('publisherName'), …)]`, or `publisher/store/manifest`"),
        );
        return None;
    };
    let items = match properties.get("artifacts").map(|node| (&node.value, node)) {
        Some((Value::List(items), _)) => items.as_slice(),
        Some((other, node)) => {
            faults.push(
                Fault::invalid(format!(
                    "{}: `artifacts` is a list written out, found {}",
                    file.source.path,
                    other.word()
                ))
                .at(file.place(&node.span))
                .hint("what is computed only when the template is deployed cannot be compared: write the list out"),
            );
            &[]
        }
        None => {
            properties.text("artifacts", faults);
            &[]
        }
    };
    let entries = items.iter().filter_map(|node| entry(file, node, faults)).collect();
    Some(ListedManifest {
        store,
        name: manifest,
        entries,
    })
}

fn entry(file: &JsonFile, node: &Node, faults: &mut Faults) -> Option<ListedEntry> {
    let fields = Fields::of(file, node, &format!("{}: an artifact", file.source.path), faults)?;
    let [name, kind, version] = FIELDS.map(|field| {
        let text = fields.filled(field, faults)?;
        // `[[` is how a text that begins with a bracket is written.
        if text.value.starts_with('[') && !text.value.starts_with("[[") {
            faults.push(
                Fault::invalid(format!("{}: `{field}` is computed", file.source.path))
                    .at_opt(text.place)
                    .hint("what is computed only when the template is deployed cannot be compared: write it out"),
            );
            return None;
        }
        Some(Spanned {
            value: text.value.strip_prefix('[').unwrap_or(&text.value).to_owned(),
            place: text.place,
        })
    });
    Some(ListedEntry {
        name: name?,
        kind: kind?,
        version: version?,
    })
}

/// Store and manifest of a resource's name: three parts, written out or put together from parameters.
fn names(text: &str) -> Option<(NamedBy, NamedBy)> {
    let parts: Vec<NamedBy> = match text.strip_prefix('[') {
        None => text.split('/').map(|part| NamedBy::Text(part.to_owned())).collect(),
        Some(expression) => arguments(expression.strip_suffix(']')?)?,
    };
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(store), Some(manifest), None) => Some((store, manifest)),
        _ => None,
    }
}

/// The arguments behind the pattern of `format('{0}/{1}/{2}', …)`: parameters or texts.
fn arguments(expression: &str) -> Option<Vec<NamedBy>> {
    let inside = expression.trim().strip_prefix("format(")?.strip_suffix(')')?;
    let mut parts = inside.split(',').map(str::trim);
    if parts.next()? != "'{0}/{1}/{2}'" {
        return None;
    }
    parts
        .map(|part| {
            let quoted = |text: &str| Some(text.strip_prefix('\'')?.strip_suffix('\'')?.to_owned());
            match part.strip_prefix("parameters(") {
                Some(name) => quoted(name.strip_suffix(')')?).map(NamedBy::Parameter),
                None => quoted(part).map(NamedBy::Text),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_both_forms() {
        let parameter = |name: &str| NamedBy::Parameter(name.to_owned());
        let compiled = "[format('{0}/{1}/{2}', parameters('publisherName'), parameters('acrArtifactStoreName'), parameters('acrManifestName'))]";
        assert_eq!(
            names(compiled),
            Some((parameter("acrArtifactStoreName"), parameter("acrManifestName")))
        );
        assert_eq!(
            names("p/s/m"),
            Some((NamedBy::Text("s".to_owned()), NamedBy::Text("m".to_owned())))
        );
        for bad in [
            "",
            "a/b",
            "a/b/c/d",
            "[concat(parameters('a'), '/x/y')]",
            "[format('{0}/{1}', parameters('a'), parameters('b'))]",
            "[format('{0}/{1}/{2}', parameters('a'), variables('b'), parameters('c'))]",
            "[format('{0}/{1}/{2}', parameters('a'), parameters('b'), parameters('c')",
        ] {
            assert_eq!(names(bad), None, "{bad}");
        }
    }
}
