//! The JSON that the Bicep compiles to, with its keys in the usual order.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::{API, MANIFEST, ManifestPart, parameters};
use crate::azure::manifest::ManifestEntry;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    #[serde(rename = "$schema")]
    schema: &'static str,
    content_version: &'static str,
    parameters: Parameters,
    resources: Vec<Resource>,
}

/// A map in the order of the declarations.
struct Parameters(Vec<&'static str>);

#[derive(Serialize)]
struct Parameter {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(rename = "type")]
    kind: &'static str,
    api_version: &'static str,
    name: String,
    location: &'static str,
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {
    artifacts: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    #[serde(rename = "artifactName")]
    name: String,
    #[serde(rename = "artifactType")]
    kind: String,
    #[serde(rename = "artifactVersion")]
    version: String,
}

impl Serialize for Parameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for name in &self.0 {
            map.serialize_entry(name, &Parameter { kind: "string" })?;
        }
        map.end()
    }
}

/// The template of some manifests; one of each kind of store at most.
pub fn arm_template(parts: &[ManifestPart]) -> String {
    let template = Template {
        schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        content_version: "1.0.0.0",
        parameters: Parameters(parameters(parts)),
        resources: parts.iter().map(resource).collect(),
    };
    // Structs of plain values always serialise.
    let mut text = serde_json::to_string_pretty(&template).unwrap_or_default();
    text.push('\n');
    text
}

fn resource(part: &ManifestPart) -> Resource {
    let names = part.names();
    Resource {
        kind: MANIFEST,
        api_version: API,
        name: format!(
            "[format('{{0}}/{{1}}/{{2}}', parameters('publisherName'), parameters('{}'), parameters('{}'))]",
            names.store_parameter, names.manifest_parameter
        ),
        location: "[parameters('location')]",
        properties: Properties {
            artifacts: part.sorted().into_iter().map(entry).collect(),
        },
    }
}

fn entry(entry: &ManifestEntry) -> Entry {
    Entry {
        name: literal(&entry.name),
        kind: literal(&entry.artifact_type),
        version: literal(&entry.version),
    }
}

/// A text that is no expression (Resource Manager, "Template expressions"): one that begins with `[` gets another.
fn literal(text: &str) -> String {
    if text.starts_with('[') {
        format!("[{text}")
    } else {
        text.to_owned()
    }
}
