//! What every input file of the Azure CLI `aosm` extension begins with: its keys, and what is said where they are not filled in.

use super::keys::{Key, Shape, key};
use super::model::Spanned;
use super::names;
use super::view::View;
use crate::fault::{Fault, Faults};

/// Keys that the Azure CLI extension asks for in every file.
pub(crate) const ASKED: [&str; 4] = [
    "location",
    "publisher_name",
    "publisher_resource_group_name",
    "acr_artifact_store_name",
];

pub(crate) const SCHEMA: Key = key(
    "$schema",
    Shape::MaybeText,
    "The JSON schema of this file, for editors.",
);

pub(crate) const LOCATION: Key = key(
    "location",
    Shape::MaybeText,
    "Azure location of the publisher and its resources.",
);

pub(crate) const PUBLISHER: Key = key("publisher_name", Shape::MaybeText, "Name of the publisher resource.");

pub(crate) const RESOURCE_GROUP: Key = key(
    "publisher_resource_group_name",
    Shape::MaybeText,
    "Resource group of the publisher resource.",
);

pub(crate) const PRIVATE_ONLY: Key = key(
    "disable_public_network_access",
    Shape::Bool,
    "The artifact stores are reached by private link only.",
);

pub(crate) const PRIVATE_END_POINTS: Key = key(
    "vnet_private_end_points",
    Shape::Texts,
    "Resource IDs of private endpoints to approve.",
);

pub(crate) const FABRIC_CONTROLLERS: Key = key(
    "network_fabric_controller_ids",
    Shape::Texts,
    "Resource IDs of network fabric controllers to connect.",
);

pub(crate) const NF_NAME: Key = key("nf_name", Shape::MaybeText, "Name of the network function definition.");

pub(crate) const NF_VERSION: Key = key(
    "version",
    Shape::MaybeText,
    "Version of the network function definition, three numbers with dots.",
);

/// `acr_artifact_store_name`, with what goes there.
pub(crate) const fn registry_store(doc: &'static str) -> Key {
    key("acr_artifact_store_name", Shape::MaybeText, doc)
}

/// A version under `name`: anything with a dot and without a hyphen passes in the extension; only three numbers work later.
pub(crate) fn check_version(version: &Spanned<String>, name: &str, faults: &mut Faults) {
    let Err(why) = names::version(&version.value) else {
        return;
    };
    let passes = version.value.contains('.') && !version.value.contains('-');
    let message = format!("{name}: {why}");
    let fault = if passes {
        Fault::warning(message)
    } else {
        Fault::invalid(message)
    };
    faults.push(
        fault
            .at_opt(version.place.clone())
            .hint(format!("write it like `\"{name}\": \"1.0.0\"`")),
    );
}

/// One warning for all keys that the extension asks for and that are not filled in.
pub(crate) fn check(root: &View<'_>, name: &'static str, version: &'static str, faults: &mut Faults) {
    let asked = || ASKED.into_iter().chain([name, version]);
    let missing: Vec<&str> = asked().filter(|key| root.text(key).is_none()).collect();
    // A file written by hand for local stores has none of them and needs no word.
    let any = asked().any(|key| root.entry(key).is_some());
    if let (true, Some(first)) = (any, missing.first()) {
        let list: Vec<String> = missing.iter().map(|key| format!("`{key}`")).collect();
        let shown = &root.document.source.path;
        let mut fault = Fault::warning(format!("{shown}: {} not set", list.join(", ")))
            .hint("only publishing to AOSM needs them: the Azure CLI extension refuses the file without");
        fault = match root.value_place(first) {
            Some(place) => fault.at(place),
            None => fault.at(root.document.place(&(0..0))),
        };
        faults.push(fault);
    }
}
