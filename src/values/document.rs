//! The values paths document: `aosm-values-paths/1`.

use schemars::JsonSchema;
use serde::Serialize;

/// Can AOSM make an image come from its store by setting a value?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Yes: a value is its registry and nothing else.
    Redirected,
    /// No: values make parts of it, but none is its registry alone.
    FixedRegistry,
    /// No: no value reaches it.
    HardCoded,
    /// Not known: the chart refuses other values where its own stand in this image, or the renders were used up.
    Unknown,
    /// No: it comes from ready-made manifests, which have no values.
    NoValues,
}

impl Status {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redirected => "redirected",
            Self::FixedRegistry => "fixed-registry",
            Self::HardCoded => "hard-coded",
            Self::Unknown => "unknown",
            Self::NoValues => "no-values",
        }
    }
}

/// A value that makes a part of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MadeBy {
    /// Its path, in the syntax of `helm --set`.
    pub path: String,
    /// True when what it holds now stands there now; false when it would replace what stands there.
    pub current: bool,
}

/// One image and the values that make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ImageValues {
    /// The reference as rendered.
    pub reference: String,
    /// Can AOSM redirect it?
    pub status: Status,
    /// Values that make its registry.
    pub registry: Vec<MadeBy>,
    /// Values that make its repository.
    pub repository: Vec<MadeBy>,
    /// Values that make its tag.
    pub tag: Vec<MadeBy>,
    /// True when its tag is the `appVersion` of a chart, because no value gives one.
    pub tag_is_app_version: bool,
    /// Values that make its digest.
    pub digest: Vec<MadeBy>,
    /// Values that give its pods pull secrets.
    pub pull_secrets: Vec<String>,
    /// Objects that use it, `Kind/name`, sorted.
    pub objects: Vec<String>,
}

/// The form in which a value takes pull secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretForm {
    /// A list of maps with `name`: what AOSM sets.
    Maps,
    /// A list of names.
    Texts,
    /// One name.
    Text,
}

/// A value that takes pull secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PullSecretsValue {
    /// Its path, in the syntax of `helm --set`.
    pub path: String,
    /// In which form.
    pub form: SecretForm,
}

/// A value for which the chart takes no other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct GuardedValue {
    /// Its path, in the syntax of `helm --set`.
    pub path: String,
    /// What the chart said.
    pub why: String,
}

/// An image in the values that this render does not use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct UnusedImage {
    /// The path of the value, or of the map that holds its parts.
    pub path: String,
    /// The image; null where `set` gives a part of it.
    pub reference: Option<String>,
}

/// One Helm package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PackageValues {
    /// Its name in the project, which is that of the network function application.
    pub package: String,
    /// The chart's name; null for ready-made manifests.
    pub chart: Option<String>,
    /// The chart's version; null for ready-made manifests.
    pub version: Option<String>,
    /// Renders that the answer took, the plain one included, whether Helm ran or the cache knew.
    pub renders: usize,
    /// Helm processes that this run started for them, the plain render excepted.
    pub helm_runs: usize,
    /// Images, sorted by reference.
    pub images: Vec<ImageValues>,
    /// For `registryValuesPaths`: the fewest values that redirect all images that can be.
    pub registry_values_paths: Vec<String>,
    /// For `imagePullSecretsValuesPaths`: the fewest values that reach all pods that can be reached.
    pub image_pull_secrets_values_paths: Vec<String>,
    /// All values that take pull secrets, whatever their form.
    pub pull_secrets: Vec<PullSecretsValue>,
    /// Images in values that this render does not use.
    pub unused: Vec<UnusedImage>,
    /// Values for which the chart takes no other.
    pub guarded: Vec<GuardedValue>,
    /// Values that were not asked for, because the renders were used up.
    pub undecided: Vec<String>,
    /// Values that are too many or too deep to be asked for.
    pub left_out: usize,
}

/// Numbers over all packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ValuesSummary {
    /// Images, each counted once a package.
    pub images: usize,
    /// Those that AOSM can redirect.
    pub redirected: usize,
    /// Those that it cannot, or that are not known.
    pub not_redirected: usize,
    /// Renders, the plain ones included.
    pub renders: usize,
    /// Helm processes that this run started, the plain renders excepted.
    pub helm_runs: usize,
}

/// The whole document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ValuesPathsDocument {
    /// `aosm-values-paths/1`.
    pub format: &'static str,
    /// Packages in the order of the project.
    pub packages: Vec<PackageValues>,
    /// Numbers over all packages.
    pub summary: ValuesSummary,
}

impl ValuesPathsDocument {
    /// Makes the document.
    pub fn new(packages: Vec<PackageValues>) -> Self {
        let mut summary = ValuesSummary::default();
        for package in &packages {
            let redirected = package.images.iter().filter(|i| i.status == Status::Redirected).count();
            summary.images += package.images.len();
            summary.redirected += redirected;
            summary.not_redirected += package.images.len() - redirected;
            summary.renders += package.renders;
            summary.helm_runs += package.helm_runs;
        }
        Self {
            format: "aosm-values-paths/1",
            packages,
            summary,
        }
    }
}
