//! What `Chart.yaml` says, in the shape and order in which Helm writes it as JSON (Helm, `pkg/chart/v2/metadata.go`):
//! the same text is the config blob of a pushed chart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The metadata of a chart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name. Never empty once loaded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// URL of a page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub home: String,
    /// URLs of source code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Version. Never empty once loaded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// One sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Keywords.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Who looks after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Maintainer>,
    /// URL of an icon.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// `v1` or `v2`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Condition that enables the chart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Tags that enable the chart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// Version of the application inside.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    /// No longer looked after.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Whatever else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Range of Kubernetes versions.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    /// Charts that this one needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// `application` (also when empty) or `library`.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub chart_type: String,
}

/// Who looks after a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Maintainer {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Mail address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// URL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// One entry of `dependencies`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Dependency {
    /// The name in the needed chart's own `Chart.yaml`.
    pub name: String,
    /// Version or range.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// `https://…`, `oci://…`, `file://…`, `@alias`, or empty for charts that only ever live in `charts/`.
    pub repository: String,
    /// Values path that enables it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Tags that enable it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Set by Helm only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub enabled: bool,
    /// Values taken over from it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_values: Vec<serde_json::Value>,
    /// Another name within this chart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
}

impl Metadata {
    /// The JSON that Helm writes (`encoding/json` of Go: no blanks, `<`, `>` and `&` escaped).
    pub fn to_go_json(&self) -> Result<String, serde_json::Error> {
        // These characters occur inside of texts only, so replacing them in the whole is sound.
        Ok(serde_json::to_string(self)?
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029"))
    }

    /// Is it a library, which renders nothing of its own?
    pub fn is_library(&self) -> bool {
        self.chart_type == "library"
    }
}
