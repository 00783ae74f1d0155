//! An AOSM store as a whole: what `aosm.toml` says, then what the input file says, then an error that names both places.

use super::aosm_keys::{AosmKeys, ids};
use super::aosm_store::{AosmStore, PrivateLink};
use super::input_kind::InputKind;
use super::model::Spanned;
use super::publication::Publication;
use crate::azure::{ManifestId, PublisherId, StoreId};
use crate::fault::{Fault, Faults};

/// Completes a store. Where something is missing that is told, and the value is of no use.
pub(crate) fn complete(
    name: &Spanned<String>,
    keys: AosmKeys,
    for_disks: bool,
    publication: Option<&Publication>,
    faults: &mut Faults,
) -> AosmStore {
    let told = Told::of(publication, for_disks);
    let mut missing = Missing::default();
    let mut need = |written: Option<Spanned<String>>, default: Default, key, check: fn(&str) -> Result<(), Fault>| {
        if let Some(written) = written {
            return written;
        }
        match default.value {
            Some(value) => {
                if let Err(why) = check(&value.value) {
                    faults.push(unfit(name, key, default.keys, &value, &why));
                }
                value
            }
            None => missing.add(key, default.keys),
        }
    };
    let publisher = need(keys.publisher, told.publisher, "publisher", PublisherId::check);
    let resource_group = need(
        keys.resource_group,
        told.resource_group,
        "resource-group",
        PublisherId::check_group,
    );
    let artifact_store = need(
        keys.artifact_store,
        told.artifact_store,
        "artifact-store",
        StoreId::check,
    );
    let artifact_manifest = need(
        keys.artifact_manifest,
        told.artifact_manifest,
        "artifact-manifest",
        ManifestId::check,
    );
    faults.extend(missing.told(name, publication));
    let location = keys
        .location
        .or_else(|| publication.and_then(|publication| publication.location.clone()));
    // The extension lets endpoints in at the registry's store alone.
    let private_link = match (keys.private_link, publication) {
        (Some(written), _) => written,
        (None, Some(publication)) if !for_disks => private_link(publication, faults),
        _ => PrivateLink::default(),
    };
    AosmStore {
        subscription: keys.subscription,
        resource_group,
        publisher,
        artifact_store,
        artifact_manifest,
        location,
        tenant: keys.tenant,
        cloud: keys.cloud,
        endpoint: keys.endpoint,
        api_version: keys.api_version,
        auth: keys.auth,
        copy: keys.copy,
        seal: keys.seal,
        private_link,
    }
}

/// What an input file has for a key, and what it is called there.
struct Default {
    value: Option<Spanned<String>>,
    keys: &'static str,
}

/// What an input file has for the keys that a store needs.
struct Told {
    publisher: Default,
    resource_group: Default,
    artifact_store: Default,
    artifact_manifest: Default,
}

impl Told {
    fn of(publication: Option<&Publication>, for_disks: bool) -> Self {
        let value = |of: fn(&Publication) -> Option<Spanned<String>>| publication.and_then(of);
        let is_design = publication.is_some_and(|publication| publication.kind == InputKind::Nsd);
        Self {
            publisher: Default {
                value: value(|publication| publication.publisher.clone()),
                keys: "`publisher_name`",
            },
            resource_group: Default {
                value: value(|publication| publication.resource_group.clone()),
                keys: "`publisher_resource_group_name`",
            },
            artifact_store: if for_disks {
                Default {
                    value: value(|publication| publication.disk_store.clone()),
                    keys: "`blob_artifact_store_name`",
                }
            } else {
                Default {
                    value: value(|publication| publication.registry_store.clone()),
                    keys: "`acr_artifact_store_name`",
                }
            },
            artifact_manifest: Default {
                value: if for_disks {
                    value(Publication::disk_manifest_by_rule)
                } else {
                    value(Publication::registry_manifest)
                },
                keys: if is_design {
                    "`nsd_name` and `nsd_version`"
                } else {
                    "`nf_name` and `version`"
                },
            },
        }
    }
}

/// The extension lets endpoints and controllers in only where it closes the store to the public.
fn private_link(publication: &Publication, faults: &mut Faults) -> PrivateLink {
    let closed = publication.private_only.as_ref().is_some_and(|closed| closed.value);
    let file = publication.file.as_str();
    let mut listed = |key: &str, list: &[Spanned<String>]| {
        if closed {
            return ids(file, key, Some(list.to_vec()), faults);
        }
        if let Some(first) = list.first() {
            faults.push(
                Fault::warning(format!(
                    "{key}: has no effect while `disable_public_network_access` is not true"
                ))
                .at_opt(first.place.clone())
                .hint("set `disable_public_network_access` to true, or remove it"),
            );
        }
        Vec::new()
    };
    PrivateLink {
        endpoints: listed("vnet_private_end_points", &publication.private_end_points),
        controllers: listed("network_fabric_controller_ids", &publication.network_fabric_controllers),
    }
}

/// Keys that are nowhere: what each is called here and in an input file.
#[derive(Default)]
struct Missing(Vec<(&'static str, &'static str)>);

impl Missing {
    fn add(&mut self, key: &'static str, there: &'static str) -> Spanned<String> {
        self.0.push((key, there));
        Spanned::default_value(String::new())
    }

    /// One fault for all of them, with both places where they may be written.
    fn told(&self, name: &Spanned<String>, publication: Option<&Publication>) -> Option<Fault> {
        let here: Vec<String> = self.0.iter().map(|(key, _)| format!("`{key}`")).collect();
        let here = here.join(", ");
        let there: Vec<&str> = self.0.iter().map(|(_, there)| *there).collect();
        let there = there.join(", ");
        let are = match self.0.len() {
            0 => return None,
            1 => "is",
            _ => "are",
        };
        let shown = super::check::shorten(&name.value);
        let file = publication.map_or(
            "the input file of the Azure CLI extension (`input` in [project])",
            |publication| publication.file.as_str(),
        );
        Some(
            Fault::invalid(format!("stores.{shown}: {here} {are} missing"))
                .at_opt(name.place.clone())
                .hint(format!(
                    "write {here} in [stores.{shown}], or fill in {there} in {file}"
                )),
        )
    }
}

/// What an input file says is no name of such a thing.
fn unfit(name: &Spanned<String>, key: &str, there: &str, value: &Spanned<String>, why: &Fault) -> Fault {
    let shown = super::check::shorten(&name.value);
    Fault::invalid(format!("{}: {}", there.replace('`', ""), why.message()))
        .at_opt(value.place.clone())
        .because(format!("the store {shown} takes it as its `{key}`"))
        .hint(format!("correct it, or write `{key}` in [stores.{shown}]"))
}
