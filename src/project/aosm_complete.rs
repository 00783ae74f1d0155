//! An AOSM store as a whole: what `aosm.toml` says, then what the input file says, then an error that names both places.

use super::aosm_keys::AosmKeys;
use super::aosm_store::AosmStore;
use super::model::Spanned;
use super::store_defaults::StoreDefaults;
use crate::azure::{ManifestId, PublisherId, StoreId};
use crate::fault::{Fault, Faults};

/// Where defaults come from.
#[derive(Clone, Copy)]
pub(crate) struct From<'a> {
    /// The input file's.
    pub(crate) defaults: &'a StoreDefaults,
    /// `[project] version`.
    pub(crate) version: Option<&'a str>,
}

/// Completes a store. Where something is missing that is told, and the value is of no use.
pub(crate) fn complete(
    name: &Spanned<String>,
    keys: AosmKeys,
    for_disks: bool,
    from: From<'_>,
    faults: &mut Faults,
) -> AosmStore {
    let defaults = from.defaults;
    let store_key = if for_disks {
        "blob_artifact_store_name"
    } else {
        "acr_artifact_store_name"
    };
    let mut missing = Missing::default();
    let mut need = |written: Option<Spanned<String>>,
                    default: Option<Spanned<String>>,
                    key: &'static str,
                    there: &'static str,
                    check: fn(&str) -> Result<(), Fault>| {
        if let Some(written) = written {
            return written;
        }
        match default {
            Some(default) => {
                if let Err(why) = check(&default.value) {
                    faults.push(unfit(name, key, there, &default, &why));
                }
                default
            }
            None => missing.add(key, there),
        }
    };
    let publisher = need(
        keys.publisher,
        defaults.publisher.clone(),
        "publisher",
        "publisher_name",
        PublisherId::check,
    );
    let resource_group = need(
        keys.resource_group,
        defaults.resource_group.clone(),
        "resource-group",
        "publisher_resource_group_name",
        PublisherId::check_group,
    );
    let artifact_store = if for_disks {
        defaults.disk_store.clone()
    } else {
        defaults.registry_store.clone()
    };
    let artifact_store = need(keys.artifact_store, artifact_store, "artifact-store", store_key, StoreId::check);
    let names = if defaults.is_design {
        "nsd_name` with `nsd_version"
    } else {
        "nf_name` with `version"
    };
    let artifact_manifest = need(
        keys.artifact_manifest,
        defaults.manifest(for_disks, from.version),
        "artifact-manifest",
        names,
        ManifestId::check,
    );
    faults.extend(missing.told(name, &defaults.file));
    AosmStore {
        subscription: keys.subscription,
        resource_group,
        publisher,
        artifact_store,
        artifact_manifest,
        location: keys.location.or_else(|| defaults.location.clone()),
        tenant: keys.tenant,
        cloud: keys.cloud,
        endpoint: keys.endpoint,
        api_version: keys.api_version,
        auth: keys.auth,
        copy: keys.copy,
        seal: keys.seal,
        // The extension lets endpoints in at the registry's store alone.
        private_link: keys.private_link.unwrap_or_else(|| {
            if for_disks {
                super::aosm_store::PrivateLink::default()
            } else {
                defaults.private_link.clone()
            }
        }),
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
    fn told(&self, name: &Spanned<String>, file: &str) -> Option<Fault> {
        let quoted = |texts: Vec<&str>| {
            let texts: Vec<String> = texts.into_iter().map(|text| format!("`{text}`")).collect();
            texts.join(", ")
        };
        let here = quoted(self.0.iter().map(|(key, _)| *key).collect());
        let there = quoted(self.0.iter().map(|(_, there)| *there).collect());
        let are = match self.0.len() {
            0 => return None,
            1 => "is",
            _ => "are",
        };
        let shown = super::check::shorten(&name.value);
        let file = if file.is_empty() {
            "the input file of the Azure CLI extension (`input` in [project])"
        } else {
            file
        };
        Some(
            Fault::invalid(format!("stores.{shown}: {here} {are} missing"))
                .at_opt(name.place.clone())
                .hint(format!("write {here} in [stores.{shown}], or fill in {there} in {file}")),
        )
    }
}

/// What an input file says is no name of such a thing.
fn unfit(name: &Spanned<String>, key: &str, there: &str, value: &Spanned<String>, why: &Fault) -> Fault {
    let shown = super::check::shorten(&name.value);
    Fault::invalid(format!("{there}: {}", why.message()))
        .at_opt(value.place.clone())
        .because(format!("the store {shown} takes it as its `{key}`"))
        .hint(format!("correct it, or write `{key}` in [stores.{shown}]"))
}
