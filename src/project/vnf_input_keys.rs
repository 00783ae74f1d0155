//! All keys of `vnf-input.jsonc` for virtual machines with a VHD, in every form that the Azure CLI `aosm` extension has read
//! since 1.0.0b1.

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
        "Name of the artifact store for templates.",
    ),
    key(
        "blob_artifact_store_name",
        Shape::MaybeText,
        "Name of the artifact store for disk images.",
    )
    .default("`nf_name`, `-sa`"),
    key(
        "disable_public_network_access",
        Shape::Bool,
        "The artifact stores are reached by private link only.",
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
        "Expose every parameter of the templates as a parameter of the network function.",
    ),
    key(
        "arm_templates",
        Shape::TableOrTables(ARM_TEMPLATE),
        "The ARM templates, in order: pushed to the registry store. At least one is needed.",
    ),
    key(
        "arm_template",
        Shape::TableOrTables(ARM_TEMPLATE),
        "Older form of `arm_templates`: one template.",
    ),
    key(
        "vhd",
        Shape::TableOrTables(VHD),
        "The disk image of the virtual machine. Needed.",
    ),
    old(
        "image_name_parameter",
        "newer versions of the Azure CLI extension refuse it; it never changed what a store holds",
    ),
    later("images"),
    elsewhere("helm_packages", "a `cnf-input.jsonc`"),
    elsewhere("image_sources", "a `cnf-input.jsonc`"),
    later("nsd_name"),
    later("nsd_version"),
    later("nsdv_description"),
    later("resource_element_templates"),
];

const ARM_TEMPLATE: &[Key] = &[
    key(
        "artifact_name",
        Shape::MaybeText,
        "Its name: the repository in the store.",
    ),
    key("version", Shape::MaybeText, "Its version, three numbers with dots."),
    key("file_path", Shape::MaybeText, "The template, a JSON file."),
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
