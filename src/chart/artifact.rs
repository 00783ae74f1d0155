//! The OCI artifact of a chart, as `helm push` writes it (Helm, `pkg/registry`), but the same on every run: no time of
//! creation, unless `SOURCE_DATE_EPOCH` gives one.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Serialize;

use super::metadata::Metadata;
use super::pack::PackedChart;
use super::tree::ChartTree;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::oci::Descriptor;

/// Media type of an OCI image manifest (image-spec, manifest.md).
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of a chart's config: `Chart.yaml` as JSON (Helm, `registry.ConfigMediaType`).
pub const CONFIG_TYPE: &str = "application/vnd.cncf.helm.config.v1+json";
/// Media type of a chart's archive (Helm, `registry.ChartLayerMediaType`).
pub const CHART_TYPE: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// Media type of a provenance file (Helm, `registry.ProvLayerMediaType`).
pub const PROVENANCE_TYPE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

/// All that is pushed for one chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartArtifact {
    /// The manifest's bytes.
    pub manifest: Bytes,
    /// The config blob.
    pub config: Bytes,
    /// The other blobs, in manifest order.
    pub layers: Vec<(Descriptor, Bytes)>,
    /// The tag: the chart's version with `_` for `+`.
    pub tag: String,
}

impl ChartArtifact {
    /// Descriptor of the manifest.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::of(MANIFEST_TYPE, &self.manifest)
    }

    /// Digest of the manifest: what the step's desired digest is.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'a str,
    config: &'a Descriptor,
    layers: Vec<&'a Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// The artifact of a packed chart. `SOURCE_DATE_EPOCH` of the environment becomes the time of creation, where set.
pub fn artifact(tree: &ChartTree, packed: &PackedChart) -> Result<ChartArtifact, Fault> {
    let epoch = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    artifact_at(tree, packed, epoch)
}

/// As [`artifact`], with the time of creation in seconds since 1970 given.
pub fn artifact_at(tree: &ChartTree, packed: &PackedChart, created: Option<u64>) -> Result<ChartArtifact, Fault> {
    let text = |e: serde_json::Error| Fault::bug(format!("chart {}: cannot be written as JSON: {e}", tree.name()));
    let config = Bytes::from(tree.metadata.to_go_json().map_err(text)?);
    let config_descriptor = Descriptor::of(CONFIG_TYPE, &config);
    let mut layers = vec![(Descriptor::of(CHART_TYPE, &packed.archive), packed.archive.clone())];
    if let Some(provenance) = &packed.provenance {
        layers.push((Descriptor::of(PROVENANCE_TYPE, provenance), provenance.clone()));
    }
    // Helm sorts layers by digest.
    layers.sort_by(|a, b| a.0.digest.cmp(&b.0.digest));
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE,
        config: &config_descriptor,
        layers: layers.iter().map(|(descriptor, _)| descriptor).collect(),
        annotations: annotations(&tree.metadata, created),
    };
    let manifest = Bytes::from(serde_json::to_vec(&manifest).map_err(text)?);
    Ok(ChartArtifact {
        manifest,
        config,
        layers,
        tag: tree.tag(),
    })
}

/// The annotations that Helm derives from `Chart.yaml`; the chart's own join them, but never change title and version.
fn annotations(metadata: &Metadata, created: Option<u64>) -> BTreeMap<String, String> {
    const TITLE: &str = "org.opencontainers.image.title";
    const VERSION: &str = "org.opencontainers.image.version";
    let mut map = BTreeMap::new();
    let mut add = |key: &str, value: &str| {
        if !value.trim().is_empty() {
            map.insert(key.to_owned(), value.to_owned());
        }
    };
    add("org.opencontainers.image.description", &metadata.description);
    add(TITLE, &metadata.name);
    add(VERSION, &metadata.version);
    add("org.opencontainers.image.url", &metadata.home);
    if let Some(seconds) = created {
        add("org.opencontainers.image.created", &rfc3339(seconds));
    }
    add(
        "org.opencontainers.image.source",
        metadata.sources.first().map_or("", String::as_str),
    );
    let authors: Vec<String> = metadata
        .maintainers
        .iter()
        .map(|m| {
            if m.email.is_empty() {
                m.name.clone()
            } else {
                format!("{} ({})", m.name, m.email)
            }
        })
        .collect();
    add("org.opencontainers.image.authors", &authors.join(", "));
    for (key, value) in &metadata.annotations {
        if key != TITLE && key != VERSION {
            map.insert(key.clone(), value.clone());
        }
    }
    map
}

/// `2024-01-31T23:59:59Z` (RFC 3339), from the parts of an HTTP date, which the date crate at hand knows to write.
fn rfc3339(seconds: u64) -> String {
    // Beyond the year 9999 neither format has a place for the year.
    const LAST: u64 = 253_402_300_799;
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST));
    let text = httpdate::fmt_http_date(date);
    let mut words = text.split(' ').skip(1);
    let (day, month, year, time) = (words.next(), words.next(), words.next(), words.next());
    let month = match month.unwrap_or_default() {
        "Jan" => "01",
        "Feb" => "02",
        "Mar" => "03",
        "Apr" => "04",
        "May" => "05",
        "Jun" => "06",
        "Jul" => "07",
        "Aug" => "08",
        "Sep" => "09",
        "Oct" => "10",
        "Nov" => "11",
        _ => "12",
    };
    format!(
        "{}-{month}-{}T{}Z",
        year.unwrap_or_default(),
        day.unwrap_or_default(),
        time.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_by_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }
}
