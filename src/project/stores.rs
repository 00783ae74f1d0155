//! `[stores.NAME]` and what `[environments.NAME.stores.X]` lays over them, each checked by itself. What needs more than
//! `aosm.toml` is in [`super::store_drafts`].

use camino::Utf8PathBuf;

use super::aosm_keys::{self, AosmKeys, KEYS as AOSM_KEYS};
use super::model::{Spanned, StoreConfig, StoreKind};
use super::sources::{auth, tenant};
use super::store_drafts::{Draft, DraftKind, Holder};
use super::vhd_model::{DISK_PARALLEL, DiskProof, StorageAccount};
use super::view::View;
use super::{mask, names, paths, suggest};
use crate::fault::{Fault, Faults, Place};

/// Where the store is that a project without stores gets, from its folder.
pub(crate) const DEFAULT_PATH: &str = ".aosm/store";

/// The store that a project without stores gets.
pub(crate) fn default_store(root: &camino::Utf8Path) -> StoreConfig {
    StoreConfig {
        name: Spanned::default_value("local".to_owned()),
        kind: StoreKind::Local {
            path: root.join(DEFAULT_PATH),
        },
        replace: true,
        auth: super::model::Auth::Auto,
        tenant: None,
    }
}

/// Reads all stores as the chosen environment sees them. Every other environment is read too, for its faults.
pub(crate) fn all(root: &View<'_>, environment: Option<&str>, faults: &mut Faults) -> Vec<Draft> {
    let base = root.named("stores");
    for (name, _) in &base {
        check_name("stores", name, faults);
    }
    let environments = root.named("environments");
    let mut chosen = layered(&base, &[], faults);
    let mut known = false;
    for (name, view) in &environments {
        check_name("environments", name, faults);
        let over = view.named("stores");
        for (store, _) in &over {
            check_name("stores", store, faults);
        }
        let stores = layered(&base, &over, faults);
        if environment == Some(name.value.as_str()) {
            known = true;
            chosen = stores;
        }
    }
    if let Some(wanted) = environment
        && !known
    {
        let names: Vec<&str> = environments.iter().map(|(name, _)| name.value.as_str()).collect();
        faults.push(
            Fault::invalid(format!(
                "environment {}: the project has none of this name",
                super::check::shorten(wanted)
            ))
            .at(Place::file_only(&root.document.source.path))
            .hint(suggest::hint(wanted, &names, "environments")),
        );
    }
    chosen
}

fn check_name(table: &str, name: &Spanned<String>, faults: &mut Faults) {
    if let Err(why) = names::store(&name.value) {
        faults.push(
            Fault::invalid(format!("{table}.{}: {why}", super::check::shorten(&name.value)))
                .at_opt(name.place.clone())
                .hint("it is part of step ids and of `NAME:REFERENCE` on the command line"),
        );
    }
}

type Named<'a> = (Spanned<String>, View<'a>);

/// The stores of the base in their order, each under its override, then the override's own.
fn layered(base: &[Named<'_>], over: &[Named<'_>], faults: &mut Faults) -> Vec<Draft> {
    let of = |list: &[Named<'_>], name: &str| list.iter().position(|(other, _)| other.value == name);
    let mut stores = Vec::new();
    for (name, view) in base {
        let mut layers = Vec::new();
        if let Some((_, above)) = of(over, &name.value).and_then(|at| over.get(at)) {
            layers.push(*above);
        }
        layers.push(*view);
        stores.extend(store(name, &layers, faults));
    }
    for (name, view) in over {
        if of(base, &name.value).is_none() {
            stores.extend(store(name, &[*view], faults));
        }
    }
    stores
}

/// One store from its layers, the uppermost first.
fn store(name: &Spanned<String>, layers: &[View<'_>], faults: &mut Faults) -> Option<Draft> {
    let label = format!("stores.{}", super::check::shorten(&name.value));
    let text = |key: &str| layers.iter().find_map(|view| view.text(key));
    let Some(kind) = text("kind") else {
        if !layers.iter().any(|view| view.entry("kind").is_some()) {
            let kind = if text("registry").is_some() {
                "registry"
            } else {
                "local"
            };
            faults.push(
                Fault::invalid(format!("{label}: `kind` is missing"))
                    .at_opt(name.place.clone())
                    .hint(format!("add `kind = \"{kind}\"`")),
            );
        }
        return None;
    };
    let refuse = |keys: &[&str], why: &str, instead: &str, faults: &mut Faults| {
        for key in keys {
            refuse(layers, key, &label, why, instead, faults);
        }
    };
    let written_auth = text("auth");
    let auth = auth(written_auth.as_ref().map(|auth| auth.value.as_str()));
    let kind = match kind.value.as_str() {
        "local" => {
            refuse(
                &["registry"],
                "a local store has no registry",
                "kind = \"registry\"",
                faults,
            );
            refuse(
                DISK_KEYS,
                "is for disk images only",
                "kind = \"storage-account\"",
                faults,
            );
            refuse(&AOSM_KEYS, "is for stores of AOSM only", "kind = \"acr\"", faults);
            DraftKind::Whole(StoreKind::Local {
                path: local_path(layers),
            })
        }
        "registry" => {
            refuse(&["path"], "a registry has no path", "kind = \"local\"", faults);
            refuse(
                DISK_KEYS,
                "is for disk images only",
                "kind = \"storage-account\"",
                faults,
            );
            refuse(&AOSM_KEYS, "is for stores of AOSM only", "kind = \"acr\"", faults);
            DraftKind::Whole(registry(name, &label, layers, faults)?)
        }
        "acr" => {
            refuse(&["path"], "an artifact store has no path", "kind = \"local\"", faults);
            refuse(
                &["registry"],
                "AOSM says which registry an artifact store has",
                "kind = \"registry\"",
                faults,
            );
            refuse(
                DISK_KEYS,
                "is for disk images only",
                "kind = \"storage-account\"",
                faults,
            );
            aosm_keys::check_auth(&label, written_auth.as_ref(), auth, faults);
            DraftKind::Acr(Box::new(aosm_keys::read(&label, layers, faults)))
        }
        "storage-account" => {
            refuse(&["path"], "a storage account has no path", "kind = \"local\"", faults);
            refuse(
                &["registry"],
                "a storage account has no registry",
                "kind = \"registry\"",
                faults,
            );
            refuse(
                &["copy"],
                "is for images, which a storage account does not hold",
                "kind = \"acr\"",
                faults,
            );
            disks(&label, layers, faults)
        }
        // Told by the check of all words.
        _ => return None,
    };
    Some(Draft {
        name: name.clone(),
        replace: layers.iter().find_map(|view| view.truth("replace")),
        kind,
        auth,
        written_auth,
        tenant: tenant(&label, text("tenant"), auth, faults),
    })
}

/// Keys that only a storage account has.
const DISK_KEYS: &[&str] = &["verify", "md5", "parallel", "emulator"];

fn registry(name: &Spanned<String>, label: &str, layers: &[View<'_>], faults: &mut Faults) -> Option<StoreKind> {
    let Some(registry) = layers.iter().find_map(|view| view.text("registry")) else {
        if !layers.iter().any(|view| view.entry("registry").is_some()) {
            faults.push(
                Fault::invalid(format!("{label}: `registry` is missing"))
                    .at_opt(name.place.clone())
                    .hint("add `registry = \"host/path\"`"),
            );
        }
        return None;
    };
    match registry_place(&registry.value) {
        Ok((host, prefix)) => Some(StoreKind::Registry { host, prefix }),
        Err(why) => {
            faults.push(
                Fault::invalid(format!("{label}.registry: {why}"))
                    .at_opt(registry.place)
                    .hint("write the host with its port and, perhaps, a path: `registry.example:5000/team`"),
            );
            None
        }
    }
}

/// Whose containers these are, the uppermost layer decides that says it: an emulator's, or an artifact store's. One that says
/// neither leaves it to the input file and the signatures of the disk images.
fn disks(label: &str, layers: &[View<'_>], faults: &mut Faults) -> DraftKind {
    let holds = |view: &View<'_>| (view.key_place("emulator"), aosm_keys::any_in(view));
    let first = layers
        .iter()
        .map(holds)
        .find(|(emulator, aosm)| emulator.is_some() || *aosm);
    let (holder, keys) = match first {
        Some((Some(place), true)) => {
            faults.push(
                Fault::invalid(format!("{label}.emulator: an artifact store of AOSM is no emulator"))
                    .at(place)
                    .hint("remove it, or remove what names the artifact store"),
            );
            (Holder::Aosm, aosm_keys::read(label, layers, faults))
        }
        Some((Some(_), false)) => (Holder::Emulator, AosmKeys::default()),
        Some((None, _)) => (Holder::Aosm, aosm_keys::read(label, layers, faults)),
        None => (Holder::Open, AosmKeys::default()),
    };
    let login = ["auth", "tenant"]
        .into_iter()
        .filter_map(|key| Some((key, layers.iter().find_map(|view| view.key_place(key))?)));
    DraftKind::Disks {
        account: storage_account(label, layers, holder == Holder::Emulator, faults),
        holder,
        keys: Box::new(keys),
        login: login.collect(),
    }
}

fn storage_account(label: &str, layers: &[View<'_>], emulated: bool, faults: &mut Faults) -> StorageAccount {
    let emulator = layers
        .iter()
        .find_map(|view| view.text("emulator"))
        .filter(|_| emulated);
    let emulator = emulator.and_then(|written| match emulator_account(&written.value) {
        Ok(account) => Some(account),
        Err(why) => {
            faults.push(
                Fault::invalid(format!("{label}.emulator: {why}"))
                    .at_opt(written.place)
                    .hint("write it like `emulator = \"http://127.0.0.1:10000/devstoreaccount1\"`"),
            );
            None
        }
    });
    let verify = layers.iter().find_map(|view| view.text("verify"));
    let parallel = layers.iter().find_map(|view| view.number("parallel"));
    StorageAccount {
        emulator,
        aosm: None,
        verify: match verify.as_ref().map(|word| word.value.as_str()) {
            Some("full") => DiskProof::Full,
            _ => DiskProof::Quick,
        },
        md5: layers.iter().find_map(|view| view.truth("md5")).unwrap_or(false),
        parallel: parallel
            .and_then(|number| usize::try_from(number).ok())
            .map_or(DISK_PARALLEL, |number| number.clamp(1, 64)),
    }
}

/// The account of an emulator. Its key is public, so it is only ever spoken to on this machine.
fn emulator_account(text: &str) -> Result<url::Url, &'static str> {
    let mut url = url::Url::parse(text.trim()).map_err(|_| "is no URL")?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is no http URL");
    }
    if !loopback {
        return Err("is not on this machine: an emulator's key is public, so only a loopback address is allowed");
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("holds more than host, port and account");
    }
    let path = url.path().trim_matches('/').to_owned();
    if path != EMULATOR_ACCOUNT {
        return Err("does not name the account `devstoreaccount1`, the one whose key is public");
    }
    url.set_path(&path);
    Ok(url)
}

/// The account that every emulator has (Azurite's README, "Default Storage Account").
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";

/// A key of the other kind is an error in the layer that says the kind; in a layer below it is merely covered.
fn refuse(layers: &[View<'_>], key: &str, label: &str, why: &str, instead: &str, faults: &mut Faults) {
    for view in layers {
        if let Some(place) = view.key_place(key) {
            let hint = format!("remove it, or write `{instead}`");
            faults.push(Fault::invalid(format!("{label}.{key}: {why}")).at(place).hint(hint));
        }
        if view.entry("kind").is_some() {
            return;
        }
    }
}

/// A store need not be there yet, so its path starts from the file that names it and nowhere else.
fn local_path(layers: &[View<'_>]) -> Utf8PathBuf {
    let named = layers.iter().find_map(|view| Some((view, view.text("path")?)));
    let (folder, path) = match &named {
        Some((view, path)) => (view.document.folder(), path.value.as_str()),
        None => (
            layers
                .first()
                .map_or(camino::Utf8Path::new("/"), |view| view.document.folder()),
            DEFAULT_PATH,
        ),
    };
    paths::normalise(&folder.join(path))
}

/// Host and prefix of a registry store. The error follows "…: ".
fn registry_place(text: &str) -> Result<(String, String), String> {
    if mask::has_user_info(text) {
        return Err("user and password do not belong here: use `aosm-build login`".into());
    }
    let text = text.trim();
    let rest = ["https://", "oci://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .unwrap_or(text);
    if rest.contains("://") {
        return Err("write the host without a scheme; `plain-http` of `[network]` names hosts without TLS".into());
    }
    let rest = rest.trim_end_matches('/');
    let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.to_ascii_lowercase();
    names::host(&host)?;
    names::repository_path(prefix)?;
    Ok((host, prefix.to_owned()))
}

/// What names no store needs one that is not for disk images only. Told once, at the first.
pub(crate) fn hold_artifacts<'a>(
    needs: impl Iterator<Item = (Option<&'a Spanned<String>>, &'a Spanned<String>)>,
    stores: &[StoreConfig],
    faults: &mut Faults,
) {
    if !stores.iter().all(|store| store.kind.is_for_disks()) {
        return;
    }
    let mut needs = needs.filter(|(store, _)| store.is_none()).map(|(_, name)| name);
    if let Some(first) = needs.next() {
        let more = match needs.count() {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        faults.push(
            Fault::invalid(format!(
                "{}{more}: no store can hold it: storage accounts hold disk images only",
                super::check::shorten(&first.value)
            ))
            .at_opt(first.place.clone())
            .hint("add `[stores.local]` with `kind = \"local\"`, or a registry"),
        );
    }
}
