//! All keys of `nsd-input.jsonc`, in every form that the Azure CLI `aosm` extension has read since 1.0.0b1.

use super::input_head;
use super::keys::{Choice, Key, Shape, choice, elsewhere, key, old};

/// The keys of the file's root.
pub(crate) const ROOT: &[Key] = &[
    input_head::SCHEMA,
    input_head::LOCATION,
    input_head::PUBLISHER,
    input_head::RESOURCE_GROUP,
    input_head::registry_store("Name of the artifact store for templates."),
    input_head::PRIVATE_ONLY,
    input_head::PRIVATE_END_POINTS,
    input_head::FABRIC_CONTROLLERS,
    key("nsd_name", Shape::MaybeText, "Name of the network service design."),
    key(
        "nsd_version",
        Shape::MaybeText,
        "Version of the network service design, three numbers with dots.",
    ),
    key(
        "nsdv_description",
        Shape::MaybeText,
        "Description of the version of the design: for the design, not for the store.",
    ),
    key(
        "nfvi_type",
        Shape::MaybeText,
        "Where the network functions run: for the design, not for the store.",
    ),
    key(
        "resource_element_templates",
        Shape::Tables(ELEMENT),
        "What the design consists of, in order: network functions and ARM templates. At least one is needed.",
    ),
    key(
        "network_functions",
        Shape::TableOrTables(NETWORK_FUNCTION),
        "Older form of the network functions in `resource_element_templates`.",
    ),
    key("nsdg_name", Shape::MaybeText, "Older form of `nsd_name`."),
    key(
        "network_function_definition_group_name",
        Shape::MaybeText,
        "Oldest form: `name` of the one network function.",
    ),
    old("network_function_definition_version_name", OLDEST),
    old("network_function_definition_offering_location", OLDEST),
    old("network_function_type", OLDEST),
    old("multiple_instances", REFUSED),
    elsewhere("helm_packages", "a `cnf-input.jsonc`"),
    elsewhere("image_sources", "a `cnf-input.jsonc`"),
    elsewhere("images", "a `vnf-input.jsonc`"),
    elsewhere("vhd", "a `vnf-input.jsonc`"),
    elsewhere(
        "arm_templates",
        "a `vnf-input.jsonc`; here templates are `resource_element_templates`",
    ),
    elsewhere(
        "arm_template",
        "a `vnf-input.jsonc`; here templates are `resource_element_templates`",
    ),
    elsewhere("nf_name", "the input file of the network function"),
];

const REFUSED: &str = "newer versions of the Azure CLI extension refuse it; it never changed what a store holds";

const OLDEST: &str = "network functions are `resource_element_templates` now; it never changed what a store holds";

/// The type of an element that is a network function.
pub(crate) const NF: &str = "NF";

/// The type of an element that is an ARM template.
pub(crate) const TEMPLATE: &str = "ArmTemplate";

const TYPES: &[Choice] = &[
    choice(NF, "a network function, by its definition in Azure"),
    choice(TEMPLATE, "an ARM template, pushed to the registry store"),
];

const ELEMENT: &[Key] = &[
    key("resource_element_type", Shape::Choice(TYPES), "What the element is.").required(),
    key(
        "properties",
        Shape::Table(PROPERTIES),
        "Its properties: of a template `artifact_name`, `version` and `file_path`, else those of the network function.",
    )
    .required(),
];

/// Keys of both types; which belong together is told by the decoder.
const PROPERTIES: &[Key] = &[
    key(
        "artifact_name",
        Shape::MaybeText,
        "`ArmTemplate`: its name, the repository in the store.",
    ),
    key(
        "version",
        Shape::MaybeText,
        "Its version: of a template, or of the definition of the network function.",
    ),
    key(
        "file_path",
        Shape::MaybeText,
        "`ArmTemplate`: a JSON file, or a `.bicep` file that is built into the cache.",
    ),
    NF_PUBLISHER,
    NF_RESOURCE_GROUP,
    NF_NAME,
    NF_LOCATION,
    NF_TYPE,
    old("multiple_instances", REFUSED),
];

const NETWORK_FUNCTION: &[Key] = &[
    NF_PUBLISHER,
    NF_RESOURCE_GROUP,
    NF_NAME,
    key("version", Shape::MaybeText, "Version of its definition."),
    NF_LOCATION,
    NF_TYPE,
    old("multiple_instances", REFUSED),
];

const NF_PUBLISHER: Key = key("publisher", Shape::MaybeText, "`NF`: the publisher of its definition.");

const NF_RESOURCE_GROUP: Key = key(
    "publisher_resource_group",
    Shape::MaybeText,
    "`NF`: the resource group of that publisher.",
);

const NF_NAME: Key = key("name", Shape::MaybeText, "`NF`: the name of its definition.");

const NF_LOCATION: Key = key(
    "publisher_offering_location",
    Shape::MaybeText,
    "`NF`: the Azure location of its definition.",
);

const NF_TYPE: Key = key("type", Shape::MaybeText, "`NF`: `cnf` or `vnf`.");
