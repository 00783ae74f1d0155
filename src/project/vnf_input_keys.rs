//! All keys of `vnf-input.jsonc` for virtual machines with a VHD, in every form that the Azure CLI `aosm` extension has read
//! since 1.0.0b1.

use super::input_head;
use super::input_templates::{ARM_TEMPLATES, EXPOSE_ALL, IMAGE_NAME_PARAMETER, OLDER_ARM_TEMPLATE};
use super::keys::{Key, Shape, elsewhere, key};

/// The keys of the file's root.
pub(crate) const ROOT: &[Key] = &[
    input_head::SCHEMA,
    input_head::LOCATION,
    input_head::PUBLISHER,
    input_head::RESOURCE_GROUP,
    input_head::registry_store("Name of the artifact store for templates."),
    key(
        "blob_artifact_store_name",
        Shape::MaybeText,
        "Name of the artifact store for disk images.",
    )
    .default("`nf_name`, `-sa`"),
    input_head::PRIVATE_ONLY,
    input_head::PRIVATE_END_POINTS,
    input_head::FABRIC_CONTROLLERS,
    input_head::NF_NAME,
    input_head::NF_VERSION,
    EXPOSE_ALL,
    ARM_TEMPLATES,
    OLDER_ARM_TEMPLATE,
    key(
        "vhd",
        Shape::TableOrTables(VHD),
        "The disk image of the virtual machine. Needed.",
    ),
    IMAGE_NAME_PARAMETER,
    elsewhere("helm_packages", "a `cnf-input.jsonc`"),
    elsewhere("image_sources", "a `cnf-input.jsonc`"),
    elsewhere("nsd_name", "an `nsd-input.jsonc`"),
    elsewhere("nsd_version", "an `nsd-input.jsonc`"),
    elsewhere("nsdv_description", "an `nsd-input.jsonc`"),
    elsewhere("resource_element_templates", "an `nsd-input.jsonc`"),
    elsewhere(
        "images",
        "a `vnf-input.jsonc` for Azure Operator Nexus, which has no `vhd`",
    ),
];

const VHD: &[Key] = &[
    key(
        "artifact_name",
        Shape::MaybeText,
        "Its artifact name; should end in `-vhd`.",
    )
    .default("`nf_name`, `-vhd`"),
    key(
        "version",
        Shape::MaybeText,
        "Its version, three numbers joined by hyphens.",
    ),
    key("file_path", Shape::MaybeText, "The disk image: a fixed VHD."),
    key(
        "blob_sas_url",
        Shape::MaybeText,
        "Instead of `file_path`: the URL of a blob with its signature, in clear text. `blob-url-env` in aosm.toml keeps it out of files.",
    ),
    key(
        "image_disk_size_GB",
        Shape::Anything,
        "Size of empty data disks, at most 1023: for the network function definition, not for the store.",
    ),
    key(
        "image_hyper_v_generation",
        Shape::MaybeText,
        "`V1` or `V2`: for the network function definition, not for the store.",
    ),
    key(
        "image_api_version",
        Shape::MaybeText,
        "API version of images: for the network function definition, not for the store.",
    ),
];
