//! All keys of `vnf-input.jsonc` for Azure Operator Nexus, in every form that the Azure CLI `aosm` extension has read.

use super::input_head;
use super::input_templates::{ARM_TEMPLATES, EXPOSE_ALL, IMAGE_NAME_PARAMETER, OLDER_ARM_TEMPLATE};
use super::keys::{Key, Shape, elsewhere, key, old};

/// The keys of the file's root.
pub(crate) const ROOT: &[Key] = &[
    input_head::SCHEMA,
    input_head::LOCATION,
    input_head::PUBLISHER,
    input_head::RESOURCE_GROUP,
    input_head::registry_store("Name of the artifact store for templates and images."),
    input_head::PRIVATE_ONLY,
    input_head::PRIVATE_END_POINTS,
    input_head::FABRIC_CONTROLLERS,
    input_head::NF_NAME,
    input_head::NF_VERSION,
    EXPOSE_ALL,
    ARM_TEMPLATES,
    OLDER_ARM_TEMPLATE,
    key(
        "images",
        Shape::Texts,
        "The images of the virtual machines, each with its registry and its version, three numbers with dots: \
         `sourceacr.azurecr.io/image:1.0.0`; namespaces are fine. At least one is needed.",
    ),
    IMAGE_NAME_PARAMETER,
    old(
        "blob_artifact_store_name",
        "it belongs to disk images, which this file has none of",
    ),
    elsewhere(
        "vhd",
        "a `vnf-input.jsonc` for virtual machines with a VHD, which has no `images`",
    ),
    elsewhere("helm_packages", "a `cnf-input.jsonc`"),
    elsewhere("image_sources", "a `cnf-input.jsonc`"),
    elsewhere("nsd_name", "an `nsd-input.jsonc`"),
    elsewhere("nsd_version", "an `nsd-input.jsonc`"),
    elsewhere("nsdv_description", "an `nsd-input.jsonc`"),
    elsewhere("resource_element_templates", "an `nsd-input.jsonc`"),
];
