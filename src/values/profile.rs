//! The part of a network function definition that names values paths.
//!
//! REST reference, "Network Function Definition Versions", `HelmArtifactProfile`: `helmPackageName`,
//! `helmPackageVersionRange`, `registryValuesPaths`, `imagePullSecretsValuesPaths`. For each registry path the service
//! installs the chart with `--set PATH=<host of the artifact store>`, for each pull secrets path with
//! `--set PATH[0].name=<secret>`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::ValuesPathsDocument;

/// `helmArtifactProfile` of one network function application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HelmArtifactProfile {
    /// The chart's name: the artifact's.
    pub helm_package_name: String,
    /// The chart's version.
    pub helm_package_version_range: String,
    /// Values that take the registry's host.
    pub registry_values_paths: Vec<String>,
    /// Values that take pull secrets.
    pub image_pull_secrets_values_paths: Vec<String>,
}

/// The profile of each package that is a chart, by the package's name.
pub fn profiles(document: &ValuesPathsDocument) -> BTreeMap<&str, HelmArtifactProfile> {
    let profile = |package: &super::PackageValues| {
        Some(HelmArtifactProfile {
            helm_package_name: package.chart.clone()?,
            helm_package_version_range: package.version.clone()?,
            registry_values_paths: package.registry_values_paths.clone(),
            image_pull_secrets_values_paths: package.image_pull_secrets_values_paths.clone(),
        })
    };
    document
        .packages
        .iter()
        .filter_map(|package| Some((package.package.as_str(), profile(package)?)))
        .collect()
}
