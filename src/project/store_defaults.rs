//! What an input file of the Azure CLI `aosm` extension says about AOSM: whose stores, which ones, in which version. What
//! `aosm.toml` leaves out of an AOSM store comes from here.

use super::aosm_keys;
use super::aosm_store::PrivateLink;
use super::document::Document;
use super::input_kind::InputKind;
use super::model::Spanned;
use super::node::Value;
use crate::fault::{Fault, Faults, Place};

/// What an input file says about AOSM. An empty text counts as left out, as in the extension's own templates.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreDefaults {
    /// The file, as people know it; empty without one.
    pub(crate) file: String,
    /// `publisher_name`.
    pub(crate) publisher: Option<Spanned<String>>,
    /// `publisher_resource_group_name`.
    pub(crate) resource_group: Option<Spanned<String>>,
    /// `acr_artifact_store_name`.
    pub(crate) registry_store: Option<Spanned<String>>,
    /// `blob_artifact_store_name`, else what the extension makes of `nf_name`.
    pub(crate) disk_store: Option<Spanned<String>>,
    /// `location`.
    pub(crate) location: Option<Spanned<String>>,
    /// `nf_name` or `nsd_name`.
    pub(crate) name: Option<Spanned<String>>,
    /// `version` or `nsd_version`.
    pub(crate) version: Option<Spanned<String>>,
    /// It is of a network service design.
    pub(crate) is_design: bool,
    /// What private link needs, where public access is off.
    pub(crate) private_link: PrivateLink,
}

impl StoreDefaults {
    /// Reads them. What is of a wrong type was told by whoever decodes the file.
    pub(crate) fn read(document: &Document, faults: &mut Faults) -> Self {
        let is_design = InputKind::of(document) == InputKind::Nsd;
        let text = |key: &str| text(document, key);
        let (name, version) = if is_design {
            (text("nsd_name"), text("nsd_version"))
        } else {
            (text("nf_name"), text("version"))
        };
        let derived = name.as_ref().filter(|_| !is_design).map(|name| Spanned {
            value: format!("{}-sa", dashed(&name.value)),
            place: name.place.clone(),
        });
        Self {
            file: document.source.path.to_string(),
            publisher: text("publisher_name"),
            resource_group: text("publisher_resource_group_name"),
            registry_store: text("acr_artifact_store_name"),
            disk_store: text("blob_artifact_store_name").or(derived),
            location: text("location"),
            name,
            version,
            is_design,
            private_link: private_link(document, faults),
        }
    }

    /// Does it name a publisher?
    pub(crate) fn names_a_publisher(&self) -> bool {
        self.publisher.is_some()
    }

    /// The artifact manifest as the extension names it: the name in lower case with hyphens, which store it is for, the version
    /// with hyphens. `version`: where the file has none.
    pub(crate) fn manifest(&self, for_disks: bool, version: Option<&str>) -> Option<Spanned<String>> {
        let name = self.name.as_ref()?;
        let version = self.version.as_ref().map(|own| own.value.as_str()).or(version)?;
        let infix = match (self.is_design, for_disks) {
            (true, _) => "nsd",
            (false, false) => "acr",
            (false, true) => "sa",
        };
        Some(Spanned {
            value: format!("{}-{infix}-manifest-{}", dashed(&name.value), version.replace('.', "-")),
            place: name.place.clone(),
        })
    }
}

fn dashed(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

fn text(document: &Document, key: &str) -> Option<Spanned<String>> {
    let node = &document.root.get(key)?.node;
    match &node.value {
        Value::Text(text) if !text.trim().is_empty() => {
            Some(Spanned::new(text.trim().to_owned(), document.place(&node.span)))
        }
        _ => None,
    }
}

fn list(document: &Document, key: &str) -> Option<(Place, Vec<Spanned<String>>)> {
    let entry = document.root.get(key)?;
    let Value::List(items) = &entry.node.value else {
        return None;
    };
    let texts = items.iter().filter_map(|item| match &item.value {
        Value::Text(text) if !text.trim().is_empty() => Some(Spanned::new(text.clone(), document.place(&item.span))),
        _ => None,
    });
    Some((document.place(&entry.key_span), texts.collect()))
}

/// The extension lets endpoints and controllers in only where it closes the store to the public.
fn private_link(document: &Document, faults: &mut Faults) -> PrivateLink {
    let closed = matches!(
        document.root.get("disable_public_network_access").map(|entry| &entry.node.value),
        Some(Value::Bool(true))
    );
    let mut ids = |key: &str| {
        let (place, ids) = list(document, key)?;
        if closed {
            return Some(ids);
        }
        if !ids.is_empty() {
            faults.push(
                Fault::warning(format!("{key}: has no effect while `disable_public_network_access` is not true"))
                    .at(place)
                    .hint("set `disable_public_network_access` to true, or remove it"),
            );
        }
        None
    };
    let (endpoints, controllers) = (ids("vnet_private_end_points"), ids("network_fabric_controller_ids"));
    let file = document.source.path.as_str();
    PrivateLink {
        endpoints: aosm_keys::ids(file, "vnet_private_end_points", endpoints, faults),
        controllers: aosm_keys::ids(file, "network_fabric_controller_ids", controllers, faults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_named_as_the_extension_names_them() {
        let of = |name: &str, version: Option<&str>, is_design| StoreDefaults {
            name: Some(Spanned::default_value(name.to_owned())),
            version: version.map(|version| Spanned::default_value(version.to_owned())),
            is_design,
            ..StoreDefaults::default()
        };
        let named = |defaults: StoreDefaults, for_disks, version| {
            defaults.manifest(for_disks, version).map(|name| name.value)
        };
        let expected = |text: &str| Some(text.to_owned());
        assert_eq!(
            named(of("nginx", Some("1.0.0"), false), false, None),
            expected("nginx-acr-manifest-1-0-0")
        );
        assert_eq!(
            named(of("Ubuntu_VM", Some("1.2.30"), false), true, Some("9.9.9")),
            expected("ubuntu-vm-sa-manifest-1-2-30")
        );
        assert_eq!(
            named(of("nginx", None, false), false, Some("2.0.0")),
            expected("nginx-acr-manifest-2-0-0")
        );
        assert_eq!(
            named(of("Site_A", Some("1.0.0"), true), false, None),
            expected("site-a-nsd-manifest-1-0-0")
        );
        assert_eq!(named(of("nginx", None, false), false, None), None);
        assert_eq!(named(StoreDefaults::default(), false, Some("1.0.0")), None);
    }
}
