//! All keys of `cnf-input.jsonc`, in every form that the Azure CLI `aosm` extension has read since 1.0.0b1.

use super::keys::{Key, Shape, elsewhere, key, later, old};

/// The keys of the file's root.
pub(crate) const ROOT: &[Key] = &[
    key(
        "$schema",
        Shape::MaybeText,
        "The JSON schema of this file, for editors.",
    ),
    key(
        "location",
        Shape::MaybeText,
        "Azure location of the publisher and its resources.",
    ),
    key("publisher_name", Shape::MaybeText, "Name of the publisher resource."),
    key(
        "publisher_resource_group_name",
        Shape::MaybeText,
        "Resource group of the publisher resource.",
    ),
    key(
        "acr_artifact_store_name",
        Shape::MaybeText,
        "Name of the artifact store for charts and images.",
    ),
    key(
        "disable_public_network_access",
        Shape::Bool,
        "The artifact store is reached by private link only.",
    ),
    key(
        "vnet_private_end_points",
        Shape::Texts,
        "Resource IDs of private endpoints to approve.",
    ),
    key(
        "network_fabric_controller_ids",
        Shape::Texts,
        "Resource IDs of network fabric controllers to connect.",
    ),
    key("nf_name", Shape::MaybeText, "Name of the network function definition."),
    key(
        "version",
        Shape::MaybeText,
        "Version of the network function definition, three numbers with dots.",
    ),
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
    later("nsd_name"),
    later("nsd_version"),
    later("nsdv_description"),
    later("resource_element_templates"),
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
