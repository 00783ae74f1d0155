//! Stores before the input file is heard: what `aosm.toml` says of each, and then what each is.

use super::aosm_complete;
use super::aosm_keys::{self, AosmKeys};
use super::model::{Auth, Spanned, StoreConfig, StoreKind};
use super::publication::Publication;
use super::sources::with_first;
use super::stores::default_store;
use super::suggest;
use super::vhd_model::{DISK_PARALLEL, DiskProof, StorageAccount};
use super::vhds::PartialVhd;
use crate::fault::{Fault, Faults, Place};

/// A store as `aosm.toml` has it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) name: Spanned<String>,
    pub(crate) kind: DraftKind,
    /// `None`: the kind's own default.
    pub(crate) replace: Option<bool>,
    pub(crate) auth: Auth,
    /// `auth` as it was written.
    pub(crate) written_auth: Option<Spanned<String>>,
    pub(crate) tenant: Option<Spanned<String>>,
}

/// What is known of its kind.
#[derive(Debug, Clone)]
pub(crate) enum DraftKind {
    /// Everything.
    Whole(StoreKind),
    /// An artifact store for charts and images.
    Acr(Box<AosmKeys>),
    /// A storage account.
    Disks {
        /// What is said of every kind of them.
        account: StorageAccount,
        /// Whose it is.
        holder: Holder,
        /// Which artifact store it is of, where it is.
        keys: Box<AosmKeys>,
        /// Where `auth` and `tenant` stand.
        login: Vec<(&'static str, Place)>,
    },
}

/// Whose the containers of a storage account are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// An emulator's.
    Emulator,
    /// An artifact store's.
    Aosm,
    /// `aosm.toml` does not say.
    Open,
}

/// What drafts need to become stores.
pub(crate) struct Surroundings<'a> {
    /// The folder of the project.
    pub(crate) root: &'a camino::Utf8Path,
    /// What the input file says about AOSM, with the project's version where it has none.
    pub(crate) publication: Option<&'a Publication>,
    /// The disk images of all files.
    pub(crate) disks: &'a [PartialVhd],
    /// `--store`.
    pub(crate) chosen: Option<&'a str>,
}

/// The name that `--store` has for what an input file alone says.
pub(crate) const FROM_INPUT: &str = "aosm";

/// Its store for disk images.
const DISKS_FROM_INPUT: &str = "aosm-disks";

/// The project's stores: never empty. The one that the command line chose is the first.
pub(crate) fn complete(drafts: Vec<Draft>, surroundings: &Surroundings<'_>, faults: &mut Faults) -> Vec<StoreConfig> {
    let drafts = match (drafts.is_empty(), surroundings.chosen) {
        (true, Some(FROM_INPUT | DISKS_FROM_INPUT)) => from_input(surroundings),
        (true, _) => Vec::new(),
        (false, _) => drafts,
    };
    let first_disks = drafts
        .iter()
        .position(|draft| matches!(draft.kind, DraftKind::Disks { .. }));
    let mut stores = Vec::new();
    for (at, draft) in drafts.into_iter().enumerate() {
        stores.push(store(draft, first_disks == Some(at), surroundings, faults));
    }
    if stores.is_empty() {
        stores.push(default_store(surroundings.root));
    }
    if let Some(chosen) = surroundings.chosen {
        put_first(chosen, &mut stores, faults);
    }
    twins(&stores, faults);
    stores
}

/// The stores that an input file names.
fn from_input(surroundings: &Surroundings<'_>) -> Vec<Draft> {
    let draft = |name: &str, kind| Draft {
        name: Spanned::default_value(name.to_owned()),
        kind,
        replace: None,
        auth: Auth::Auto,
        written_auth: None,
        tenant: None,
    };
    let mut drafts = vec![draft(FROM_INPUT, DraftKind::Acr(Box::default()))];
    if !surroundings.disks.is_empty() {
        let account = StorageAccount {
            emulator: None,
            aosm: None,
            verify: DiskProof::Quick,
            md5: false,
            parallel: DISK_PARALLEL,
        };
        let kind = DraftKind::Disks {
            account,
            holder: Holder::Aosm,
            keys: Box::default(),
            login: Vec::new(),
        };
        drafts.push(draft(DISKS_FROM_INPUT, kind));
    }
    drafts
}

fn store(draft: Draft, first_disks: bool, around: &Surroundings<'_>, faults: &mut Faults) -> StoreConfig {
    let label = format!("stores.{}", super::check::shorten(&draft.name.value));
    let mut aosm = |keys: AosmKeys, for_disks: bool| {
        let keys = AosmKeys {
            auth: draft.auth,
            tenant: draft.tenant.clone(),
            ..keys
        };
        aosm_complete::complete(&draft.name, keys, for_disks, around.publication, faults)
    };
    let kind = match draft.kind {
        DraftKind::Whole(kind) => kind,
        DraftKind::Acr(keys) => StoreKind::Acr(aosm(*keys, false)),
        DraftKind::Disks {
            mut account,
            holder,
            keys,
            login,
        } => {
            let is_aosm = match holder {
                Holder::Aosm => true,
                Holder::Emulator => false,
                Holder::Open => {
                    let named = around
                        .publication
                        .is_some_and(|publication| publication.publisher.is_some());
                    named && !signed(&draft.name.value, first_disks, around.disks)
                }
            };
            if is_aosm {
                account.aosm = Some(aosm(*keys, true));
                aosm_keys::check_auth(&label, draft.written_auth.as_ref(), draft.auth, faults);
            } else {
                faults.extend(login.into_iter().map(|(key, place)| no_login(&label, key, place)));
            }
            StoreKind::StorageAccount(account)
        }
    };
    StoreConfig {
        replace: draft.replace.unwrap_or(matches!(kind, StoreKind::Local { .. })),
        name: draft.name,
        kind,
        auth: draft.auth,
        tenant: draft.tenant,
    }
}

/// Does a disk image that goes to this store name the signature of its container?
fn signed(store: &str, first: bool, disks: &[PartialVhd]) -> bool {
    disks.iter().any(|disk| {
        let goes_there = disk.store.as_ref().map_or(first, |named| named.value == store);
        goes_there && (disk.sas.is_some() || disk.sas_broken)
    })
}

/// A storage account by itself has no login: a disk image names the signature of its container.
fn no_login(label: &str, key: &str, place: Place) -> Fault {
    Fault::invalid(format!("{label}.{key}: a storage account has no login of its own"))
        .at(place)
        .hint(
            "remove it: `sas-env` of each `[[vhds]]` names the signature of its container, or `publisher` and `artifact-store` \
             an artifact store of AOSM",
        )
}

/// What names no store goes to the first that can hold it, so the chosen one goes to the front.
fn put_first(chosen: &str, stores: &mut Vec<StoreConfig>, faults: &mut Faults) {
    if let Some(at) = stores.iter().position(|store| store.name.value == chosen) {
        let store = stores.remove(at);
        stores.insert(0, store);
        return;
    }
    let mut known: Vec<&str> = stores.iter().map(|store| store.name.value.as_str()).collect();
    if known == ["local"] {
        known.push(FROM_INPUT);
    }
    faults.push(
        Fault::invalid(format!(
            "--store {}: the project has no store of this name",
            super::check::shorten(chosen)
        ))
        .hint(suggest::hint(chosen, &known, "stores")),
    );
}

/// Two names for one place would make every artifact's target ambiguous.
fn twins(stores: &[StoreConfig], faults: &mut Faults) {
    for (at, store) in stores.iter().enumerate() {
        let mut before = stores.iter().take(at);
        if let Some(first) = before.find(|other| same_place(&other.kind, &store.kind)) {
            let fault = Fault::invalid(format!(
                "stores.{}: the same place as stores.{}",
                store.name.value, first.name.value
            ))
            .hint("keep one of the two");
            faults.push(with_first(
                fault,
                store.name.place.clone(),
                first.name.place.clone(),
                "the same place",
            ));
        }
    }
}

/// Where signatures say which container it is, nobody can tell beforehand.
fn same_place(a: &StoreKind, b: &StoreKind) -> bool {
    match (a, b) {
        (StoreKind::StorageAccount(a), StoreKind::StorageAccount(b)) => match (&a.aosm, &b.aosm) {
            (Some(a), Some(b)) => a.is_same_place(b),
            _ => a.emulator.is_some() && a.emulator == b.emulator,
        },
        (StoreKind::Acr(a), StoreKind::Acr(b)) => a.is_same_place(b),
        _ => a == b,
    }
}
