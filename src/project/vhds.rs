//! `[[vhds]]`: read into a partial form, joined with what an input file names, then completed.
//!
//! A signature never stands in a project file: what looks like one is refused, without being repeated.

use super::model::{Spanned, StoreConfig, StoreKind};
use super::names;
use super::paths::Resolver;
use super::sources::with_first;
use super::vhd_model::{SasPlace, VhdConfig, VhdSource};
use super::view::View;
use super::{charts, check};
use crate::fault::{Fault, Faults, Place};

/// A disk image as one file describes it.
#[derive(Debug, Clone)]
pub(crate) struct PartialVhd {
    /// Its artifact name.
    pub(crate) name: Spanned<String>,
    /// Its version, where given.
    pub(crate) version: Option<Spanned<String>>,
    /// Where it comes from, where given and usable.
    pub(crate) source: Option<VhdSource>,
    /// Something is wrong with the source that was told already.
    pub(crate) source_broken: bool,
    /// The signature of its container, where given and usable.
    pub(crate) sas: Option<SasPlace>,
    /// Something is wrong with the signature's place that was told already.
    pub(crate) sas_broken: bool,
    /// The container, where given.
    pub(crate) container: Option<Spanned<String>>,
    /// Its store, where given.
    pub(crate) store: Option<Spanned<String>>,
}

/// Reads `[[vhds]]`.
pub(crate) fn from_settings(root: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Vec<PartialVhd> {
    let mut all: Vec<PartialVhd> = Vec::new();
    for (view, _) in root.tables("vhds") {
        let Some(vhd) = setting(&view, resolver, faults) else {
            continue;
        };
        match all.iter().find(|other| other.name.value == vhd.name.value) {
            Some(first) => {
                let fault = Fault::invalid(format!("disk image {}: named twice", check::shorten(&vhd.name.value)))
                    .hint("give one of the two another name");
                let first = first.name.place.clone();
                faults.push(with_first(fault, vhd.name.place.clone(), first, "first named here"));
            }
            None => all.push(vhd),
        }
    }
    all
}

fn setting(view: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Option<PartialVhd> {
    let name = view.text("name")?;
    let (source, source_broken) = source(view, resolver, faults);
    let (sas, sas_broken) = sas(view, resolver, faults);
    Some(PartialVhd {
        name,
        version: view.text("version"),
        source,
        source_broken,
        sas,
        sas_broken,
        container: view.text("container"),
        store: view.text("store"),
    })
}

/// Exactly one of two, or none; the second value says that something was told already.
fn source(view: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> (Option<VhdSource>, bool) {
    let (file, url) = (view.text("file"), view.text("blob-url-env"));
    if let (Some(_), Some(url)) = (&file, &url) {
        faults.push(
            Fault::invalid("vhds: `file` and `blob-url-env` at once")
                .at_opt(url.place.clone())
                .hint("keep one of the two"),
        );
        return (None, true);
    }
    if let Some(written) = file {
        let file = if is_clear_url(&written, "file", "blob-url-env", faults) {
            None
        } else {
            image_file(&written, view, resolver, faults)
        };
        return (file.clone().map(VhdSource::File), file.is_none());
    }
    let Some(url) = url else {
        return (
            None,
            view.entry("file").is_some() || view.entry("blob-url-env").is_some(),
        );
    };
    let variable = variable(url, "blob-url-env", faults);
    let broken = variable.is_none();
    (variable.map(VhdSource::UrlInVariable), broken)
}

pub(crate) fn image_file(
    written: &Spanned<String>,
    view: &View<'_>,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<Spanned<camino::Utf8PathBuf>> {
    let path = resolver.existing(written, view.document, "disk image", faults)?;
    if path.value.is_file() {
        return Some(path);
    }
    let what = if path.value.is_dir() {
        "is a folder"
    } else {
        "is no regular file"
    };
    faults.push(
        Fault::invalid(format!("disk image {}: {what}", written.value))
            .at_opt(written.place.clone())
            .hint("name the `.vhd` file itself"),
    );
    None
}

fn sas(view: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> (Option<SasPlace>, bool) {
    let (env, file) = (view.text("sas-env"), view.text("sas-file"));
    if let (Some(_), Some(file)) = (&env, &file) {
        faults.push(
            Fault::invalid("vhds: `sas-env` and `sas-file` at once")
                .at_opt(file.place.clone())
                .hint("keep one of the two"),
        );
        return (None, true);
    }
    if let Some(env) = env {
        let variable = variable(env, "sas-env", faults);
        let broken = variable.is_none();
        return (variable.map(SasPlace::Variable), broken);
    }
    let Some(file) = file else {
        return (
            None,
            view.entry("sas-env").is_some() || view.entry("sas-file").is_some(),
        );
    };
    if is_clear_url(&file, "sas-file", "sas-env", faults) {
        return (None, true);
    }
    // It may be written later, by whoever gets the signature: it is read when it is needed.
    let path = resolver.perhaps(&file, view.document, "SAS file", faults);
    (Some(SasPlace::File(path)), false)
}

/// The name of an environment variable. What is none may be a secret, so it is not repeated.
fn variable(written: Spanned<String>, key: &str, faults: &mut Faults) -> Option<Spanned<String>> {
    if is_clear_url(&written, key, key, faults) {
        return None;
    }
    let text = written.value.as_str();
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(inside) {
        return Some(written);
    }
    faults.push(
        Fault::invalid(format!("vhds.{key}: is no name of an environment variable"))
            .at_opt(written.place)
            .hint(format!(
                "write the variable's name, without `$`: `{key} = \"{}\"`",
                example(key)
            )),
    );
    None
}

fn example(key: &str) -> &'static str {
    if key == "blob-url-env" {
        "IMAGE_URL"
    } else {
        "DISKS_SAS"
    }
}

/// A URL where a name or a path belongs. It is not repeated.
fn is_clear_url(written: &Spanned<String>, key: &str, instead: &str, faults: &mut Faults) -> bool {
    let text = written.value.trim_start();
    let url = ["https:", "http:"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if !url && !super::mask::has_signature(text) {
        return false;
    }
    faults.push(
        Fault::invalid(format!(
            "vhds.{key}: URLs with signatures do not belong into a project file"
        ))
        .at_opt(written.place.clone())
        .hint(format!(
            "put the URL into an environment variable and name that: `{instead} = \"{}\"`",
            example(instead)
        )),
    );
    true
}

/// Lays what `aosm.toml` says over what the input names; new names come after. A contradiction is told with both places.
pub(crate) fn join(input: Vec<PartialVhd>, settings: Vec<PartialVhd>, faults: &mut Faults) -> Vec<PartialVhd> {
    let mut joined = input;
    for above in settings {
        match joined.iter_mut().find(|below| below.name.value == above.name.value) {
            Some(below) => lay_over(below, above, faults),
            None => joined.push(above),
        }
    }
    joined
}

fn lay_over(below: &mut PartialVhd, above: PartialVhd, faults: &mut Faults) {
    let name = check::shorten(&above.name.value);
    if let (Some(theirs), Some(ours)) = (&below.version, &above.version)
        && theirs.value != ours.value
    {
        let fault = Fault::invalid(format!("disk image {name}: the two files differ in its version"))
            .hint("leave out `version` here: the input file has it");
        let first = theirs.place.clone();
        faults.push(with_first(fault, ours.place.clone(), first, "the other version"));
    }
    if let (Some(theirs), Some(ours)) = (&below.source, &above.source)
        && !same_source(theirs, ours)
    {
        let fault = Fault::invalid(format!("disk image {name}: the two files name different sources"))
            .hint("leave out `file` and `blob-url-env` here: the input file has one");
        let first = source_place(theirs);
        faults.push(with_first(fault, source_place(ours), first, "the other source"));
    }
    below.version = below.version.take().or(above.version);
    below.source = below.source.take().or(above.source);
    below.source_broken |= above.source_broken;
    below.sas = above.sas;
    below.sas_broken |= above.sas_broken;
    below.container = above.container;
    below.store = above.store;
}

/// An input's clear URL may be given again by a variable, which keeps it out of the file later.
fn same_source(a: &VhdSource, b: &VhdSource) -> bool {
    match (a, b) {
        (VhdSource::File(a), VhdSource::File(b)) => a.value == b.value,
        (VhdSource::UrlInVariable(a), VhdSource::UrlInVariable(b)) => a.value == b.value,
        (VhdSource::Url(a), VhdSource::Url(b)) => a.value == b.value,
        _ => false,
    }
}

fn source_place(source: &VhdSource) -> Option<Place> {
    match source {
        VhdSource::File(file) => file.place.clone(),
        VhdSource::UrlInVariable(variable) => variable.place.clone(),
        VhdSource::Url(url) => url.place.clone(),
    }
}

/// Completes all disk images: stores and signatures, and the rules that need the whole.
pub(crate) fn complete(partials: Vec<PartialVhd>, stores: &[StoreConfig], faults: &mut Faults) -> Vec<VhdConfig> {
    let mut all = Vec::new();
    let mut without_store = Vec::new();
    for partial in partials {
        let store = match store_of(&partial, stores, faults) {
            Store::At(store) => Some(store),
            Store::None => {
                without_store.push(partial.name.clone());
                None
            }
            Store::Broken => None,
        };
        all.extend(one(partial, store, stores, faults));
    }
    if let Some(first) = without_store.first() {
        let more = match without_store.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        faults.push(
            Fault::invalid(format!(
                "disk image {}{more}: no store can hold it: only a storage account does",
                check::shorten(&first.value)
            ))
            .at_opt(first.place.clone())
            .hint("add `[stores.disks]` with `kind = \"storage-account\"`"),
        );
    }
    one_blob_each(&all, stores, faults);
    all
}

enum Store {
    /// At this position.
    At(usize),
    /// There is none for disk images.
    None,
    /// The one that is named will not do; told already.
    Broken,
}

fn store_of(partial: &PartialVhd, stores: &[StoreConfig], faults: &mut Faults) -> Store {
    let Some(named) = &partial.store else {
        let first = stores.iter().position(|store| store.kind.is_for_disks());
        return first.map_or(Store::None, Store::At);
    };
    match stores.iter().position(|store| store.name.value == named.value) {
        Some(at) if stores.get(at).is_some_and(|store| store.kind.is_for_disks()) => Store::At(at),
        Some(_) => {
            faults.push(
                Fault::invalid(format!(
                    "store {}: holds no disk images, only a storage account does",
                    check::shorten(&named.value)
                ))
                .at_opt(named.place.clone())
                .hint("add `[stores.disks]` with `kind = \"storage-account\"`, and name that one"),
            );
            Store::Broken
        }
        None => {
            faults.push(charts::no_store(named, stores));
            Store::Broken
        }
    }
}

fn one(partial: PartialVhd, store: Option<usize>, stores: &[StoreConfig], faults: &mut Faults) -> Option<VhdConfig> {
    let name = partial.name;
    let shown = check::shorten(&name.value);
    let missing = |what: String, hint: &str| {
        Fault::invalid(format!("disk image {shown}: {what}"))
            .at_opt(name.place.clone())
            .hint(hint.to_owned())
    };
    if partial.version.is_none() {
        faults.push(missing("`version` is missing".into(), "add `version = \"1-0-0\"`"));
    }
    if partial.source.is_none() && !partial.source_broken {
        let what = "neither `file` nor `blob-url-env`".to_owned();
        faults.push(missing(
            what,
            "add `file` (in an input file `file_path`): the VHD; or `blob-url-env`: the variable with the URL of a blob",
        ));
    }
    // The store's own: an emulator's key, or what an artifact manifest grants.
    let signs_itself = store.and_then(|store| match &stores.get(store)?.kind {
        StoreKind::StorageAccount(account) => Some(account.emulator.is_some() || account.aosm.is_some()),
        _ => None,
    });
    if signs_itself == Some(false) && partial.sas.is_none() && !partial.sas_broken {
        let what = "the signature of its container is missing".to_owned();
        let hint = format!(
            "in its `[[vhds]]` (name = \"{shown}\") add `sas-env = \"DISKS_SAS\"`: the variable with the container's SAS URL"
        );
        faults.push(missing(what, &hint));
    }
    let config = VhdConfig {
        version: partial.version?,
        source: partial.source?,
        // An environment may put such a store in the place of an account: then the signature has no use.
        sas: partial.sas.filter(|_| signs_itself != Some(true)),
        store: store?,
        container: partial.container,
        name,
    };
    check_names(&config, faults);
    Some(config)
}

/// The rules of names and versions; a container that is named must be one, a derived one too.
fn check_names(vhd: &VhdConfig, faults: &mut Faults) {
    let name = vhd.vhd_name();
    let about_version = name.check_version();
    let about_name = match &vhd.container {
        // With another version it would be another container.
        None if about_version.is_some() => None,
        None => name.check_container(),
        Some(container) => {
            if let Err(why) = names::container(&container.value) {
                faults.push(
                    Fault::invalid(format!("vhds.container: {why}"))
                        .at_opt(container.place.clone())
                        .hint("leave it out for the one that AOSM derives from name and version"),
                );
            }
            names::package(&vhd.name.value)
                .err()
                .map(|why| Fault::invalid(format!("vhds.name: {why}")).hint("write it like `name = \"ubuntu-vm-vhd\"`"))
        }
    };
    let about_name = about_name.or_else(|| name.check_form());
    faults.extend(about_name.map(|fault| fault.at_opt(vhd.name.place.clone())));
    faults.extend(about_version.map(|fault| fault.at_opt(vhd.version.place.clone())));
}

/// Two disk images for one blob would overwrite each other for ever.
fn one_blob_each(all: &[VhdConfig], stores: &[StoreConfig], faults: &mut Faults) {
    for (at, vhd) in all.iter().enumerate() {
        let target = |vhd: &VhdConfig| (vhd.store, vhd.expected_container());
        let first = all.iter().take(at).find(|other| {
            // One signature opens one container; which, only its text says. Names of blobs tell them apart there.
            let same_sas =
                other.sas.is_some() && other.sas == vhd.sas && other.vhd_name().blob() == vhd.vhd_name().blob();
            same_sas || target(other) == target(vhd)
        });
        let Some(first) = first else { continue };
        let store = stores.get(vhd.store).map_or("", |store| store.name.value.as_str());
        let fault = Fault::invalid(format!(
            "disk images {} and {}: both go to the container {} of the store {store}",
            check::shorten(&first.name.value),
            check::shorten(&vhd.name.value),
            vhd.expected_container(),
        ))
        .hint("a container holds one disk image: give one of them another name or version");
        faults.push(with_first(
            fault,
            vhd.name.place.clone(),
            first.name.place.clone(),
            "the other",
        ));
    }
}
