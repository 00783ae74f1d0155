//! All keys of `aosm.toml`.

use super::keys::{Choice, Key, Shape, choice, key};
use super::policy::RULES;

/// The keys of the file's root.
pub(crate) const ROOT: &[Key] = &[
    key(
        "project",
        Shape::Table(PROJECT),
        "What the project is called and where its images come from.",
    ),
    key(
        "sources",
        Shape::Named(SOURCE),
        "How a host or name in `image-sources` is reached; needed only where it is not a plain registry.",
    ),
    key(
        "stores",
        Shape::Named(STORE),
        "Where artifacts go, by a name of your choice. Without any: one local store named `local` at `.aosm/store`. With several, \
         each artifact goes to the first that can hold it, unless it names one.",
    ),
    key(
        "environments",
        Shape::Named(ENVIRONMENT),
        "Other settings for the same stores, chosen with `--environment NAME`.",
    ),
    key(
        "charts",
        Shape::Tables(CHART),
        "Helm packages: rendered, searched for images, and pushed. An entry with the name of a `helm_packages` entry adds to it.",
    ),
    key(
        "images",
        Shape::Tables(IMAGE),
        "Images besides those that the charts name.",
    ),
    key(
        "artifacts",
        Shape::Tables(ARTIFACT),
        "Files that are pushed as they are: templates, disk images, anything.",
    ),
    key(
        "vhds",
        Shape::Tables(VHD),
        "Disk images (VHDs) for a storage account: checked, uploaded without their zeros, and proven.",
    ),
    key(
        "attachments",
        Shape::Tables(ATTACHMENT),
        "Files attached to an image, a chart or an artifact as referrers: SBOMs, signatures, reports.",
    ),
    key(
        "discovery",
        Shape::Table(DISCOVERY),
        "What counts as an image in rendered Kubernetes objects, and what does not.",
    ),
    key("copy", Shape::Table(COPY), "How images are copied."),
    key(
        "policy",
        Shape::Table(POLICY),
        "What every image must keep to: judged by `plan`, and by `check` as far as that needs no network.",
    ),
    key(
        "network",
        Shape::Table(NETWORK),
        "One network profile for everything that talks.",
    ),
];

const PROJECT: &[Key] = &[
    key("name", Shape::Text, "The project's name.").default("the input's `nf_name`, else the folder's name"),
    key("version", Shape::Text, "The project's version, three numbers with dots.").default("the input's `version`"),
    key(
        "input",
        Shape::Text,
        "The input file of the Azure CLI `aosm` extension that this file adds to.",
    )
    .default("`cnf-input.jsonc`, else `vnf-input.jsonc`, else `nsd-input.jsonc`, where it stands beside this file"),
    key(
        "image-sources",
        Shape::Texts,
        "Where images are searched, in this order: a registry and, perhaps, a namespace in it; or the name of a `[sources]` entry.",
    )
    .default("the input's `image_sources`, or the registries of its `images`"),
    key("render-timeout", Shape::Integer(1, 86_400), "Seconds that one `helm template` may take.").default("120"),
    key(
        "render-output-limit",
        Shape::Integer(1024, 1 << 40),
        "Bytes that one `helm template` may print.",
    )
    .default("268435456"),
];

const SOURCE_KINDS: &[Choice] = &[
    choice("registry", "an OCI or Docker registry"),
    choice("oci-layout", "an OCI image layout folder"),
    choice("oci-archive", "a tar of an OCI image layout"),
    choice("docker-archive", "what `docker save` writes, `.tar` or `.tar.gz`"),
];

const AUTHS: &[Choice] = &[
    choice(
        "auto",
        "docker or Podman login state; for Azure registries else an Entra identity; else no login",
    ),
    choice("docker-config", "only docker or Podman login state"),
    choice(
        "environment",
        "only `AOSM_REGISTRY_USERNAME` and `AOSM_REGISTRY_PASSWORD`",
    ),
    choice("azure-cli", "only the Azure CLI's login"),
    choice("anonymous", "no login"),
];

const TENANT: Key = key(
    "tenant",
    Shape::Text,
    "The Entra tenant to log in to, by id or domain; for `auto` and `azure-cli`.",
)
.default("the identity's own");

const SOURCE: &[Key] = &[
    key("kind", Shape::Choice(SOURCE_KINDS), "What kind of place this is.").default("\"registry\""),
    key(
        "path",
        Shape::Text,
        "The folder or tar, for every kind but `registry`; entries are named `repository:tag`.",
    ),
    key("auth", Shape::Choice(AUTHS), "How to log in.").default("\"auto\""),
    key(
        "optional",
        Shape::Bool,
        "When it cannot be reached, go on to the next source instead of stopping.",
    )
    .default("false"),
    TENANT,
];

const STORE_KINDS: &[Choice] = &[
    choice("local", "an OCI image layout folder"),
    choice("registry", "any OCI registry"),
    choice("acr", "an artifact store of AOSM for charts, images and templates"),
    choice(
        "storage-account",
        "page blobs, for disk images only: an artifact store of AOSM, or a storage account by signatures",
    ),
];

const PROOFS: &[Choice] = &[
    choice("quick", "by size, type, page ranges and metadata"),
    choice("full", "everything is read back"),
];

const CLOUDS: &[Choice] = &[
    choice("public", "the public one"),
    choice("us-government", "US Government"),
    choice("china", "China"),
];

const API_VERSIONS: &[Choice] = &[
    choice("2023-09-01", "the first with artifact stores"),
    choice("2024-04-15", "with private link"),
    choice("2025-03-30", "artifacts are kept below the name of their manifest"),
];

const COPY_MODES: &[Choice] = &[
    choice("auto", "the tool chooses"),
    choice("stream", "through this machine"),
    choice("server-side", "the registry imports them by itself"),
];

const STORE: &[Key] = &[
    key(
        "kind",
        Shape::Choice(STORE_KINDS),
        "What kind of store this is; always needed.",
    ),
    key("path", Shape::Text, "`local`: the folder.").default("\".aosm/store\""),
    key(
        "registry",
        Shape::Text,
        "`registry`: the host with its port and, perhaps, a path that goes before every name; needed.",
    ),
    key(
        "replace",
        Shape::Bool,
        "Whether a tag or blob that holds something else may be replaced.",
    )
    .default("`true` for `local`, else `false`"),
    key(
        "auth",
        Shape::Choice(AUTHS),
        "How to log in. A store of AOSM takes `auto` (the token in `AOSM_ARM_TOKEN`, else an Entra identity) and `azure-cli`.",
    ).default("\"auto\""),
    TENANT,
    key(
        "verify",
        Shape::Choice(PROOFS),
        "`storage-account`: how a disk image is proven after it was put there.",
    )
    .default("\"quick\""),
    key(
        "md5",
        Shape::Bool,
        "`storage-account`: set the blob's MD5 property too; costs 2 CPU seconds a GiB.",
    )
    .default("false"),
    key(
        "parallel",
        Shape::Integer(1, 64),
        "`storage-account`: requests at a time.",
    )
    .default("8"),
    key(
        "emulator",
        Shape::Text,
        "`storage-account`: the account of a local emulator, instead of a signature for each container; loopback only.",
    ),
    key(
        "subscription",
        Shape::Text,
        "AOSM: the publisher's subscription, by id.",
    )
    .default("`AZURE_SUBSCRIPTION_ID`, else the Azure CLI's"),
    key("resource-group", Shape::Text, "AOSM: the publisher's resource group.")
        .default("the input's `publisher_resource_group_name`"),
    key("publisher", Shape::Text, "AOSM: the publisher.").default("the input's `publisher_name`"),
    key("artifact-store", Shape::Text, "AOSM: the artifact store.").default(
        "the input's `acr_artifact_store_name`; for disk images its `blob_artifact_store_name`, else `nf_name` and `-sa`",
    ),
    key(
        "artifact-manifest",
        Shape::Text,
        "AOSM: the artifact manifest that grants access and lists what belongs there.",
    )
    .default("`NAME-acr-manifest-1-0-0`, for disk images `NAME-sa-manifest-1-0-0`, from the input's `nf_name` and `version`"),
    key(
        "location",
        Shape::Text,
        "AOSM: the publisher's region; it is an error if it is another one.",
    )
    .default("the input's `location`"),
    key("cloud", Shape::Choice(CLOUDS), "AOSM: Azure's cloud.").default("\"public\""),
    key(
        "endpoint",
        Shape::Text,
        "AOSM: another address of Resource Manager: https, or http on loopback.",
    )
    .default("`AOSM_ARM_ENDPOINT`, else the cloud's"),
    key(
        "api-version",
        Shape::Choice(API_VERSIONS),
        "AOSM: the version of the API that is spoken.",
    )
    .default("\"2024-04-15\""),
    key(
        "private-endpoints",
        Shape::Texts,
        "AOSM: private endpoints that `apply` approves before anything moves, by resource id.",
    )
    .default("for `acr` the input's `vnet_private_end_points`, where public access is off"),
    key(
        "network-fabric-controllers",
        Shape::Texts,
        "AOSM: network fabric controllers that `apply` connects before anything moves, by resource id.",
    )
    .default("for `acr` the input's `network_fabric_controller_ids`, where public access is off"),
    key("copy", Shape::Choice(COPY_MODES), "`acr`: how images get there.").default("\"auto\""),
    key("seal", Shape::Bool, "AOSM: seal the artifact manifest at the end of `apply`.").default("false"),
];

const ENVIRONMENT: &[Key] = &[key(
    "stores",
    Shape::Named(STORE),
    "Keys given here stand for those of the store of the same name; a new name is one more store.",
)];

const DEPENDENCIES: &[Choice] = &[
    choice("error", "name them in an error"),
    choice("build", "fetch them into the cache, never into your tree"),
];

const CHART: &[Key] = &[
    key("name", Shape::Text, "The package's name: what AOSM installs it as.").required(),
    key("path", Shape::Text, "The chart: a folder, `.tgz`, `.tar` or `.tar.gz`."),
    key(
        "manifests",
        Shape::Texts,
        "Ready-made Kubernetes YAML instead of a chart: file names and patterns with `*`, `**` and `?`.",
    ),
    key(
        "values",
        Shape::Texts,
        "Values files, in order; after the input's `default_values`.",
    )
    .default("[]"),
    key(
        "set",
        Shape::Values,
        "Single values, as Helm's `--set` takes them: never kept, never shown.",
    )
    .default("{}"),
    key("release-name", Shape::Text, "The release name given to Helm.").default("`name`"),
    key("namespace", Shape::Text, "The namespace given to Helm.").default("`name`"),
    key(
        "kube-version",
        Shape::Text,
        "The Kubernetes version that `.Capabilities` shows.",
    )
    .default("Helm's own"),
    key(
        "api-versions",
        Shape::Texts,
        "More API versions that `.Capabilities` shows.",
    )
    .default("[]"),
    key("include-crds", Shape::Bool, "Search the chart's `crds` folder too.").default("false"),
    key(
        "dependencies",
        Shape::Choice(DEPENDENCIES),
        "What to do about dependencies that are not in `charts/`.",
    )
    .default("\"error\""),
    key("store", Shape::Text, "The store that gets the chart and its images.").default("the first that can hold them"),
];

const IMAGE: &[Key] = &[
    key("reference", Shape::Text, "The image, as a chart would name it.").required(),
    key(
        "version",
        Shape::Text,
        "The tag it gets in the store, when the reference has only a digest.",
    )
    .default("`digest-` and 12 hex digits"),
    key("store", Shape::Text, "The store that gets it.").default("the first that can hold it"),
];

const CANDIDATES: &[Choice] = &[
    choice("warn", "list them as warnings"),
    choice("include", "take them as images"),
    choice("ignore", "say nothing"),
];

const DISCOVERY: &[Key] = &[
    key(
        "candidates",
        Shape::Choice(CANDIDATES),
        "What to do with references in environment values, arguments and `ConfigMap`s, where images are not certain.",
    )
    .default("\"warn\""),
    key("hooks", Shape::Bool, "Take images of hook resources.").default("true"),
    key(
        "tests",
        Shape::Bool,
        "Take images of test resources (`helm.sh/hook: test`).",
    )
    .default("true"),
    key(
        "registry-placeholders",
        Shape::Texts,
        "First segments that stand for a registry: `repository` cuts `repository/release/x:1` to `release/x:1`.",
    )
    .default("[]"),
    key(
        "namespaces",
        Shape::Texts,
        "First segments that are part of the name: `core` keeps `core/x:1` whole.",
    )
    .default("[]"),
    key(
        "ignore",
        Shape::Texts,
        "Texts in image fields that are no image; `*` and `?` match.",
    )
    .default("[]"),
    key("rules", Shape::Tables(RULE), "More places that hold images."),
];

const RULE: &[Key] = &[
    key("kind", Shape::Text, "Only in objects of this kind."),
    key("group", Shape::Text, "Only in objects of this API group."),
    key(
        "pointer",
        Shape::Text,
        "JSON pointer to the image text, or to the map of a split image: `*` is one segment, `**` any number.",
    ),
    key(
        "env",
        Shape::Text,
        "Name of an environment variable whose value is an image; `*` and `?` match.",
    ),
    key(
        "arg",
        Shape::Text,
        "Name of a flag whose value is an image (`--flag=ref`, or the next item); `*` and `?` match.",
    ),
    key(
        "regex",
        Shape::Text,
        "Regular expression whose first group is the reference, in the text at `pointer` or in any text.",
    ),
    key(
        "repository",
        Shape::Text,
        "Split image: field with the repository in the map at `pointer`.",
    ),
    key("tag", Shape::Text, "Split image: field with the tag."),
    key("registry", Shape::Text, "Split image: field with the registry."),
    key("digest", Shape::Text, "Split image: field with the digest."),
];

const ARTIFACT_KINDS: &[Choice] = &[
    choice("oci-artifact", "any files"),
    choice(
        "arm-template",
        "one template, JSON or Bicep, in the form that AOSM takes",
    ),
    choice("image-file", "the disk image of a virtual machine"),
];

const ARTIFACT: &[Key] = &[
    key("name", Shape::Text, "Its name in the store; no other artifact has it.").required(),
    key(
        "version",
        Shape::Text,
        "Its version: the tag. Templates and image files: three numbers with dots.",
    )
    .required(),
    key("kind", Shape::Choice(ARTIFACT_KINDS), "What AOSM calls it.").default("\"oci-artifact\""),
    key("artifact-type", Shape::Text, "OCI's `artifactType`, a media type.")
        .default("`application/vnd.unknown.artifact.v1`"),
    key("files", Shape::Tables(FILE), "What is packed, in this order.").required(),
    key("annotations", Shape::TextsByName, "Annotations of the manifest.").default("{}"),
    key("store", Shape::Text, "The store that gets it.").default("the first that can hold it"),
];

const VHD: &[Key] = &[
    key(
        "name",
        Shape::Text,
        "Its artifact name; should end in `-vhd`. Container and blob are named by it.",
    )
    .required(),
    key(
        "version",
        Shape::Text,
        "Its version, numbers joined by hyphens: `1-0-0`. Needed, unless the input file has it.",
    ),
    key(
        "file",
        Shape::Text,
        "The disk image: a fixed VHD of a whole number of MiB.",
    ),
    key(
        "blob-url-env",
        Shape::Text,
        "Instead of `file`: the environment variable that holds the URL of a blob, with its signature. The service copies it.",
    ),
    key(
        "sas-env",
        Shape::Text,
        "The environment variable that holds the URL of its container, with its signature (SAS).",
    ),
    key(
        "sas-file",
        Shape::Text,
        "Instead of `sas-env`: the file that holds it, outside of version control.",
    ),
    key(
        "container",
        Shape::Text,
        "The container, where it is not the one that AOSM derives from name and version.",
    )
    .default("name without hyphens, `-`, version"),
    key("store", Shape::Text, "The store that gets it.").default("the first of kind `storage-account`"),
];

const FILE: &[Key] = &[
    key(
        "path",
        Shape::Text,
        "The file; a folder is packed as a reproducible `.tar.gz`.",
    )
    .required(),
    key("media-type", Shape::Text, "The media type of the layer.")
        .default("`application/vnd.oci.image.layer.v1.tar`, for folders with `+gzip`"),
    key("title", Shape::Text, "The name it is pulled under.").default("`path` as written, or its last part"),
];

const ATTACHMENT: &[Key] = &[
    key(
        "subject",
        Shape::Text,
        "What it is attached to: `image:NAME`, `chart:NAME`, `artifact:NAME`, an image's reference, or `STORE:NAME:TAG` for what a store holds.",
    )
    .required(),
    key("artifact-type", Shape::Text, "OCI's `artifactType`, a media type: what kind of attachment it is.").required(),
    key("files", Shape::Tables(FILE), "What is packed, in this order."),
    key("annotations", Shape::TextsByName, "Annotations of the manifest.").default("{}"),
];

const REFERRERS: &[Choice] = &[choice("all", "all of them"), choice("none", "none")];

const COPY: &[Key] = &[
    key(
        "concurrency",
        Shape::Integer(1, 64),
        "Steps at a time against one host.",
    )
    .default("8"),
    key(
        "platforms",
        Shape::Texts,
        "Copy only these platforms (`os/architecture`, perhaps `/variant`) of images that have several. Images named by digest are copied whole.",
    )
    .default("all"),
    key(
        "referrers",
        Shape::ChoiceOrTexts(REFERRERS),
        "Which referrers (signatures, SBOMs, attestations) travel with images; a list names artifact types.",
    )
    .default("\"all\""),
];

const POLICY: &[Key] = &[
    key(
        "deny-tags",
        Shape::Texts,
        "Tags that no image may have; `*` and `?` match. What is listed here is an error; an empty list allows all.",
    )
    .default("`latest`, `dev` and `stable`, as warnings"),
    key(
        "require-digest",
        Shape::Bool,
        "Every reference must name its image by a digest.",
    )
    .default("false"),
    key(
        "platforms",
        Shape::Texts,
        "Every image must have each of these platforms (`os/architecture`, perhaps `/variant`).",
    )
    .default("[]"),
    key(
        "require-referrer",
        Shape::Texts,
        "Something of each of these artifact types must refer to every image; `signature` and `sbom` stand for all known types of these.",
    )
    .default("[]"),
    key(
        "deny-registries",
        Shape::Texts,
        "Hosts, `host/namespace`s and `host/repository`s that no image may come from; `*` and `?` match.",
    )
    .default("[]"),
    key(
        "max-size",
        Shape::Text,
        "How large one image may be, all its platforms together: `2 GiB`.",
    )
    .default("no limit"),
    key("allow", Shape::Tables(POLICY_ALLOW), "Exceptions: a rule that does not hold for some images."),
];

const POLICY_ALLOW: &[Key] = &[
    key(
        "reference",
        Shape::Text,
        "The images, by their references as rendered; `*` and `?` match.",
    )
    .required(),
    key("rule", Shape::Choice(RULES), "The rule that does not hold for them.").required(),
    key("reason", Shape::Text, "Why: for those who read this later.").required(),
];

const NETWORK: &[Key] = &[
    key("proxy", Shape::Text, "Proxy for all requests.").default("the environment's"),
    key("no-proxy", Shape::Texts, "Hosts reached without the proxy.").default("[]"),
    key("ca-file", Shape::Text, "More certificate authorities, PEM."),
    key(
        "client-certificate",
        Shape::Text,
        "Client certificate and key in one file, PEM.",
    ),
    key(
        "plain-http",
        Shape::Texts,
        "Hosts, with their ports, reached without TLS; loopback always is.",
    )
    .default("[]"),
    key(
        "requests-per-second",
        Shape::Integer(1, 100_000),
        "Requests a second to one host.",
    )
    .default("no limit"),
];
