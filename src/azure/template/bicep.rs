//! Bicep: publisher and stores as they are, the manifests with what they list.

use std::fmt::Write as _;

use super::{API, MANIFEST, ManifestPart, parameters};

/// The template of some manifests; one of each kind of store at most.
pub fn bicep(parts: &[ManifestPart]) -> String {
    let mut text = String::from("// What these artifact manifests list is what the project needs.\n");
    for parameter in parameters(parts) {
        let _ = writeln!(text, "param {parameter} string");
    }
    let _ = write!(
        text,
        "\nresource publisher 'Microsoft.HybridNetwork/publishers@{API}' existing = {{\n  name: publisherName\n  \
         scope: resourceGroup()\n}}\n"
    );
    for part in parts {
        write_part(&mut text, part);
    }
    text
}

fn write_part(text: &mut String, part: &ManifestPart) {
    let names = part.names();
    let (store, manifest) = (names.store, names.manifest);
    let _ = write!(
        text,
        "\nresource {store} 'Microsoft.HybridNetwork/publishers/artifactStores@{API}' existing = {{\n  parent: \
         publisher\n  name: {}\n}}\n",
        names.store_parameter
    );
    let _ = write!(
        text,
        "\nresource {manifest} '{MANIFEST}@{API}' = {{\n  parent: {store}\n  name: {}\n  location: location\n  \
         properties: {{\n    artifacts: [\n",
        names.manifest_parameter
    );
    for entry in part.sorted() {
        let _ = write!(
            text,
            "      {{\n        artifactName: {}\n        artifactType: {}\n        artifactVersion: {}\n      }}\n",
            literal(&entry.name),
            literal(&entry.artifact_type),
            literal(&entry.version)
        );
    }
    text.push_str("    ]\n  }\n}\n");
}

/// A text as Bicep writes it (Bicep documentation, "Data types", strings): what could end it or begin an expression is
/// escaped.
fn literal(text: &str) -> String {
    let mut out = String::from("'");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '$' if rest.peek() == Some(&'{') => out.push_str("\\$"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}
