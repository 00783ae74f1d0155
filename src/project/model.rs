//! The project as the rest of the program sees it: validated, paths resolved, every value with its place.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::aosm_store::AosmStore;
use super::artifact_model::{ArtifactConfig, ArtifactType, AttachmentConfig, Referrers};
use super::policy::Policy;
use super::publication::Publication;
use super::vhd_model::{StorageAccount, VhdConfig};
use crate::fault::Place;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands; `None` for defaults.
    pub place: Option<Place>,
}

impl<T> Spanned<T> {
    /// A value written at a place.
    pub fn new(value: T, place: Place) -> Self {
        Self {
            value,
            place: Some(place),
        }
    }

    /// A default: written nowhere.
    pub fn default_value(value: T) -> Self {
        Self { value, place: None }
    }
}

/// A whole project.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder that holds the project file; absolute.
    pub root: Utf8PathBuf,
    /// The files it was read from, as people know them (`aosm.toml`, `cnf-input.jsonc`).
    pub files: Vec<Utf8PathBuf>,
    /// Its name: `[project] name`, else the input's `nf_name`, else the folder's name.
    pub name: String,
    /// Its version, where one is given.
    pub version: Option<String>,
    /// What an input file says about publishing to AOSM, where there is one.
    pub publication: Option<Publication>,
    /// Where images are searched, in the order written.
    pub image_sources: Vec<Spanned<ImageSource>>,
    /// How a source host is reached, by host as written in `[sources."host"]`.
    pub sources: BTreeMap<String, SourceConfig>,
    /// Stores in the order written; never empty (without any: one local store named `local`).
    pub stores: Vec<StoreConfig>,
    /// Helm packages in the order written, charts and ready-made manifests alike.
    pub charts: Vec<ChartPackage>,
    /// Images named besides those found in charts.
    pub images: Vec<ExtraImage>,
    /// Files that are pushed as artifacts.
    pub artifacts: Vec<ArtifactConfig>,
    /// Disk images.
    pub vhds: Vec<VhdConfig>,
    /// Files that are attached to other artifacts.
    pub attachments: Vec<AttachmentConfig>,
    /// What counts as an image, and what does not.
    pub discovery: Discovery,
    /// How images are copied.
    pub copy: CopyOptions,
    /// What every image must keep to.
    pub policy: Policy,
    /// The network profile.
    pub network: Network,
    /// Limits of a Helm render.
    pub render_limits: RenderLimits,
}

impl Project {
    /// Position of the store that gets an artifact without a store of its own: the first that is not for disk images. `None`
    /// only where the project has no such artifact.
    pub fn default_store(&self) -> Option<usize> {
        self.stores.iter().position(|store| !store.kind.is_for_disks())
    }
}

/// One entry of `image_sources`: a registry and, perhaps, a namespace in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageSource {
    /// Host with port, lower case, without scheme.
    pub host: String,
    /// Namespace without leading or trailing `/`; may be empty.
    pub namespace: String,
}

impl std::fmt::Display for ImageSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.host)?;
        if !self.namespace.is_empty() {
            write!(f, "/{}", self.namespace)?;
        }
        Ok(())
    }
}

/// What kind of place a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceKind {
    /// An OCI or Docker registry.
    #[default]
    Registry,
    /// An OCI image layout folder.
    OciLayout,
    /// A tar of an OCI image layout.
    OciArchive,
    /// What `docker save` writes: `.tar` or `.tar.gz`.
    DockerArchive,
}

/// `[sources."host"]`.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// The host as written.
    pub host: Spanned<String>,
    /// Its kind.
    pub kind: SourceKind,
    /// Folder or tar for the kinds that are files; resolved.
    pub path: Option<Spanned<Utf8PathBuf>>,
    /// How to log in.
    pub auth: Auth,
    /// The Entra tenant to log in to, by id or domain.
    pub tenant: Option<Spanned<String>>,
    /// When unreachable, go on to the next source.
    pub optional: bool,
}

/// How credentials are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// Login state of docker and Podman, then an Entra identity for Azure registries, then no credentials.
    #[default]
    Auto,
    /// Only docker and Podman login state.
    DockerConfig,
    /// Only variables of the environment.
    Environment,
    /// Only the Azure CLI's login.
    AzureCli,
    /// No credentials.
    Anonymous,
}

/// What kind of store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// An OCI image layout folder; path resolved.
    Local {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// Any OCI registry.
    Registry {
        /// Host with port.
        host: String,
        /// Path before every repository name; without slashes at its ends; may be empty.
        prefix: String,
    },
    /// An artifact store of AOSM for charts, images and templates: the registry behind it is asked for.
    Acr(AosmStore),
    /// A storage account: holds disk images, and nothing else.
    StorageAccount(StorageAccount),
}

impl StoreKind {
    /// Does it hold disk images, and nothing else?
    pub fn is_for_disks(&self) -> bool {
        matches!(self, Self::StorageAccount(_))
    }

    /// The artifact store of AOSM that it is, of either kind.
    pub fn aosm(&self) -> Option<&AosmStore> {
        match self {
            Self::Acr(store) => Some(store),
            Self::StorageAccount(account) => account.aosm.as_ref(),
            Self::Local { .. } | Self::Registry { .. } => None,
        }
    }
}

/// `[stores.NAME]`.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Its name: part of step ids.
    pub name: Spanned<String>,
    /// Its kind.
    pub kind: StoreKind,
    /// May a tag that holds something else be replaced?
    pub replace: bool,
    /// How to log in.
    pub auth: Auth,
    /// The Entra tenant to log in to, by id or domain.
    pub tenant: Option<Spanned<String>>,
}

/// What `[[charts]]` reads: a chart or ready-made Kubernetes YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartInput {
    /// A chart folder, `.tgz`, `.tar` or `.tar.gz`; resolved, known to exist.
    Chart(Spanned<Utf8PathBuf>),
    /// Ready-made Kubernetes YAML files (patterns expanded, sorted); no chart is pushed.
    Manifests(Vec<Spanned<Utf8PathBuf>>),
}

/// What to do about dependencies that are not in `charts/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dependencies {
    /// Name them in an error.
    #[default]
    Error,
    /// Fetch them into the cache.
    Build,
}

/// One Helm package: `[[charts]]`, or an entry of `helm_packages`.
#[derive(Clone)]
pub struct ChartPackage {
    /// Its name; also the default release name and namespace.
    pub name: Spanned<String>,
    /// What is rendered.
    pub input: ChartInput,
    /// Values files in order; resolved.
    pub values: Vec<Spanned<Utf8PathBuf>>,
    /// `set` values, key → value, both in Helm's `--set` syntax (`image.tag`, `list[0]`, `{one,two}`). May hold secrets:
    /// never written or printed.
    pub set: Vec<(Spanned<String>, String)>,
    /// Release name given to Helm.
    pub release_name: Spanned<String>,
    /// Namespace given to Helm.
    pub namespace: Spanned<String>,
    /// `--kube-version`.
    pub kube_version: Option<Spanned<String>>,
    /// `--api-versions`.
    pub api_versions: Vec<Spanned<String>>,
    /// `--include-crds`.
    pub include_crds: bool,
    /// Missing dependencies.
    pub dependencies: Dependencies,
    /// The store that gets the chart (and its images), where one is named.
    pub store: Option<Spanned<String>>,
}

impl std::fmt::Debug for ChartPackage {
    /// Everything but the values of `set`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let set: Vec<&str> = self.set.iter().map(|(key, _)| key.value.as_str()).collect();
        f.debug_struct("ChartPackage")
            .field("name", &self.name)
            .field("input", &self.input)
            .field("values", &self.values)
            .field("set (keys only)", &set)
            .field("release_name", &self.release_name)
            .field("namespace", &self.namespace)
            .field("kube_version", &self.kube_version)
            .field("api_versions", &self.api_versions)
            .field("include_crds", &self.include_crds)
            .field("dependencies", &self.dependencies)
            .field("store", &self.store)
            .finish()
    }
}

/// An image named one by one: by `[[images]]`, or by `images` of an input file.
#[derive(Debug, Clone)]
pub struct ExtraImage {
    /// The reference as written.
    pub reference: Spanned<String>,
    /// What AOSM calls it: a container image, or the image of a virtual machine.
    pub kind: ArtifactType,
    /// The one source it is taken from; `None`: all are searched in their order.
    pub only_from: Option<ImageSource>,
    /// The list that names it, for messages: `[[images]]` or `images`.
    pub named_in: &'static str,
    /// The tag it gets in the store, when the reference has only a digest.
    pub version: Option<Spanned<String>>,
    /// The store that gets it, where one is named.
    pub store: Option<Spanned<String>>,
}

/// What to do with candidates: references found where images are not certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Candidates {
    /// List them as warnings.
    #[default]
    Warn,
    /// Take them as images.
    Include,
    /// Say nothing.
    Ignore,
}

/// `[discovery]`. Serialisable: it is part of the key of `discover` steps.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Discovery {
    /// What to do with candidates.
    pub candidates: Candidates,
    /// Take images of hook resources.
    pub hooks: bool,
    /// Take images of test resources (`helm.sh/hook: test`).
    pub tests: bool,
    /// First segments that stand for a registry and are cut.
    pub registry_placeholders: Vec<String>,
    /// First segments that are namespaces and are kept.
    pub namespaces: Vec<String>,
    /// Texts in image fields that are no image (`auto`); globs match.
    pub ignore: Vec<String>,
    /// More places that hold images.
    pub rules: Vec<DiscoveryRule>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            candidates: Candidates::Warn,
            hooks: true,
            tests: true,
            registry_placeholders: Vec::new(),
            namespaces: Vec::new(),
            ignore: Vec::new(),
            rules: Vec::new(),
        }
    }
}

/// `[[discovery.rules]]`: all given conditions must hold; what matches is an image.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiscoveryRule {
    /// Kind of the object, e.g. `Prometheus`.
    pub kind: Option<String>,
    /// API group of the object, e.g. `monitoring.coreos.com`.
    pub group: Option<String>,
    /// JSON pointer pattern: `*` one segment, `**` any number. The image text, or the map of a split image.
    pub pointer: Option<String>,
    /// Name of an environment variable whose value is an image; globs match.
    pub env: Option<String>,
    /// Name of a flag whose value is an image (`--flag=ref`, or the next item); globs match.
    pub arg: Option<String>,
    /// Regular expression with one group that captures the reference out of a text at `pointer`, or anywhere.
    pub regex: Option<String>,
    /// For split images: field names in the map at `pointer`.
    pub repository: Option<String>,
    /// Field with the tag.
    pub tag: Option<String>,
    /// Field with the registry.
    pub registry: Option<String>,
    /// Field with the digest.
    pub digest: Option<String>,
}

/// `[copy]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOptions {
    /// Steps at a time against one host.
    pub concurrency: usize,
    /// Only these platforms of images that have several, as `os/architecture[/variant]`; empty: all.
    pub platforms: Vec<Spanned<String>>,
    /// Which referrers travel along.
    pub referrers: Referrers,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            concurrency: 8,
            platforms: Vec::new(),
            referrers: Referrers::All,
        }
    }
}

/// `[network]`: one profile for everything that talks.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Proxy for all requests, instead of the environment's. May hold a password: never printed.
    pub proxy: Option<Spanned<String>>,
    /// Hosts reached without the proxy.
    pub no_proxy: Vec<String>,
    /// More certificate authorities, PEM; resolved.
    pub ca_file: Option<Spanned<Utf8PathBuf>>,
    /// Client certificate and key, PEM; resolved.
    pub client_certificate: Option<Spanned<Utf8PathBuf>>,
    /// Hosts (with port) reached without TLS, besides loopback.
    pub plain_http: Vec<String>,
    /// Requests per second and host.
    pub requests_per_second: Option<u32>,
}

impl std::fmt::Debug for Network {
    /// Everything but the proxy's URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("proxy", &self.proxy.as_ref().map(|proxy| &proxy.place))
            .field("no_proxy", &self.no_proxy)
            .field("ca_file", &self.ca_file)
            .field("client_certificate", &self.client_certificate)
            .field("plain_http", &self.plain_http)
            .field("requests_per_second", &self.requests_per_second)
            .finish()
    }
}

/// Limits of one Helm render (settable in `[project]`: `render-timeout`, `render-output-limit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderLimits {
    /// Time.
    pub timeout: Duration,
    /// Bytes of output.
    pub output: u64,
}

impl Default for RenderLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(120),
            output: 256 * 1024 * 1024,
        }
    }
}
