//! All keys of `cnf-input.jsonc`, in every form that the Azure CLI `aosm` extension has read since 1.0.0b1.

use super::input_head;
use super::keys::{Key, Shape, elsewhere, key, old};

/// The keys of the file's root.
pub(crate) const ROOT: &[Key] = &[
    input_head::SCHEMA,
    input_head::LOCATION,
    input_head::PUBLISHER,
    input_head::RESOURCE_GROUP,
    input_head::registry_store("Name of the artifact store for charts and images."),
    input_head::PRIVATE_ONLY,
    input_head::PRIVATE_END_POINTS,
    input_head::FABRIC_CONTROLLERS,
    input_head::NF_NAME,
    input_head::NF_VERSION,
    key(
        "expose_all_parameters",
        Shape::Bool,
        "Expose every value of the charts as a parameter of the network function.",
    ),
    key(
        "image_sources",
        Shape::Texts,
        "Where images are searched, in this order: a registry and, perhaps, a namespace in it.",
    ),
    key(
        "images",
        Shape::Table(OLD_IMAGES),
        "Older form of `image_sources`: one registry and one namespace.",
    ),
    key(
        "helm_packages",
        Shape::Tables(HELM_PACKAGE),
        "The Helm packages, in order.",
    )
    .required(),
    old(
        "multiple_instances",
        "newer versions of the Azure CLI extension refuse it",
    ),
    old("image_name_parameter", "it belongs to virtual machine images"),
    old("blob_artifact_store_name", "it belongs to disk images"),
    elsewhere("vhd", "a `vnf-input.jsonc`"),
    elsewhere("arm_template", "a `vnf-input.jsonc`"),
    elsewhere("arm_templates", "a `vnf-input.jsonc`"),
    elsewhere("nsd_name", "an `nsd-input.jsonc`"),
    elsewhere("nsd_version", "an `nsd-input.jsonc`"),
    elsewhere("nsdv_description", "an `nsd-input.jsonc`"),
    elsewhere("resource_element_templates", "an `nsd-input.jsonc`"),
];

const OLD_IMAGES: &[Key] = &[
    key(
        "source_registry",
        Shape::MaybeText,
        "Login server of the registry, or the resource ID of an Azure container registry.",
    ),
    key(
        "source_registry_namespace",
        Shape::MaybeText,
        "Namespace in the registry.",
    ),
    key(
        "source_local_docker_image",
        Shape::MaybeText,
        "An image in the local docker: an error that shows what to write instead.",
    ),
];

const HELM_PACKAGE: &[Key] = &[
    key("name", Shape::Text, "The package's name: what AOSM installs it as.").required(),
    key(
        "path_to_chart",
        Shape::Text,
        "The chart: a folder, `.tgz`, `.tar` or `.tar.gz`.",
    )
    .required(),
    key(
        "default_values",
        Shape::MaybeText,
        "A values file laid over the chart's own.",
    ),
    old(
        "path_to_mappings",
        "`default_values` took its place; it never changed which images a chart names",
    ),
    old(
        "depends_on",
        "newer versions of the Azure CLI extension refuse it; it never changed what a store holds",
    ),
    old(
        "multiple_instances",
        "newer versions of the Azure CLI extension refuse it",
    ),
];
