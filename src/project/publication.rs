//! What an input file says about publishing to AOSM: publisher, artifact stores, names and versions, private links.
//!
//! Values are as written, each with its place; names that the Azure CLI extension derives are derived by its rules.

use camino::Utf8PathBuf;

use super::document::Document;
use super::input_kind::InputKind;
use super::keys::Key;
use super::model::Spanned;
use super::view::View;

/// The part of an input file that concerns AOSM's resources. Nothing of it is needed to fill other stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Which input file it is.
    pub kind: InputKind,
    /// The file, as people know it.
    pub file: Utf8PathBuf,
    /// `nf_name`, or `nsd_name`.
    pub name: Option<Spanned<String>>,
    /// `version`, or `nsd_version`.
    pub version: Option<Spanned<String>>,
    /// `location`: the publisher's Azure region.
    pub location: Option<Spanned<String>>,
    /// `publisher_name`.
    pub publisher: Option<Spanned<String>>,
    /// `publisher_resource_group_name`.
    pub resource_group: Option<Spanned<String>>,
    /// `acr_artifact_store_name`: the store of charts, images and templates.
    pub registry_store: Option<Spanned<String>>,
    /// `blob_artifact_store_name`, else `nf_name` and `-sa`: the store of disk images, where the file may have one.
    pub disk_store: Option<Spanned<String>>,
    /// `disable_public_network_access`.
    pub private_only: Option<Spanned<bool>>,
    /// `vnet_private_end_points`: resource IDs.
    pub private_end_points: Vec<Spanned<String>>,
    /// `network_fabric_controller_ids`: resource IDs.
    pub network_fabric_controllers: Vec<Spanned<String>>,
    /// The artifact manifest of the registry store, where the file names it; an input file never does.
    pub named_registry_manifest: Option<Spanned<String>>,
    /// The same of the disk images' store.
    pub named_disk_manifest: Option<Spanned<String>>,
}

impl Publication {
    /// Reads the keys that all input files have, and the names under which each kind has its own.
    pub(crate) fn read(kind: InputKind, document: &Document, keys: &'static [Key]) -> Self {
        let root = View::root(document, keys);
        let (name, version) = match kind {
            InputKind::Nsd => ("nsd_name", "nsd_version"),
            InputKind::Cnf | InputKind::Vnf | InputKind::Nexus => ("nf_name", "version"),
        };
        let name = root.text(name);
        let disk_store = match kind {
            InputKind::Vnf => root.text("blob_artifact_store_name").or_else(|| {
                let name = name.as_ref()?;
                Some(Spanned {
                    value: format!("{}-sa", sanitised(&name.value)),
                    place: name.place.clone(),
                })
            }),
            InputKind::Cnf | InputKind::Nexus | InputKind::Nsd => None,
        };
        Self {
            kind,
            file: document.source.path.clone(),
            version: root.text(version),
            location: root.text("location"),
            publisher: root.text("publisher_name"),
            resource_group: root.text("publisher_resource_group_name"),
            registry_store: root.text("acr_artifact_store_name"),
            disk_store,
            private_only: root
                .truth("disable_public_network_access")
                .zip(root.value_place("disable_public_network_access"))
                .map(|(value, place)| Spanned::new(value, place)),
            private_end_points: root.texts("vnet_private_end_points"),
            network_fabric_controllers: root.texts("network_fabric_controller_ids"),
            named_registry_manifest: None,
            named_disk_manifest: None,
            name,
        }
    }

    /// The artifact manifest of the registry store, as the Azure CLI extension names it: `NAME-acr-manifest-1-0-0`, of a
    /// network service design `NAME-nsd-manifest-1-0-0`. Placed where the name stands.
    pub fn registry_manifest(&self) -> Option<Spanned<String>> {
        let word = match self.kind {
            InputKind::Nsd => "nsd",
            InputKind::Cnf | InputKind::Vnf | InputKind::Nexus => "acr",
        };
        self.named_registry_manifest.clone().or_else(|| self.manifest(word))
    }

    /// The artifact manifest of the disk images' store, where the file has such a store: `NAME-sa-manifest-1-0-0`.
    pub fn disk_manifest(&self) -> Option<Spanned<String>> {
        self.disk_store.as_ref()?;
        self.named_disk_manifest.clone().or_else(|| self.manifest("sa"))
    }

    /// The same by the same rule where the project names the store that the file has not. A network service design has none.
    pub fn disk_manifest_by_rule(&self) -> Option<Spanned<String>> {
        match self.kind {
            InputKind::Nsd => None,
            InputKind::Cnf | InputKind::Vnf | InputKind::Nexus => {
                self.named_disk_manifest.clone().or_else(|| self.manifest("sa"))
            }
        }
    }

    fn manifest(&self, word: &str) -> Option<Spanned<String>> {
        let (name, version) = (self.name.as_ref()?, self.version.as_ref()?);
        Some(Spanned {
            value: format!(
                "{}-{word}-manifest-{}",
                sanitised(&name.value),
                version.value.replace('.', "-")
            ),
            place: name.place.clone(),
        })
    }
}

/// A name as part of another resource's name.
fn sanitised(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}
