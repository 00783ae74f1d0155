//! A publisher's cloud: Resource Manager played, and behind each artifact store what is behind a real one: a registry that asks
//! for tokens, or a storage account. What a manifest grants are credentials that work and end: a login that the token server
//! knows for that manifest's repositories alone, signatures that the emulator checks itself.
//!
//! Manifests need nothing set up: one that was made through Resource Manager grants as one that was there before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::aosm::{Aosm, Project};
use super::arm::{Arm, GROUP, PUBLISHER, SUBSCRIPTION, TOKEN, container_tokens, in_seconds, registry_token};
use super::azurite::{Azurite, Sas};
use super::faulty::Faulty;
use super::registry::{Kind, Registry};
use super::server::Exchange;
use super::traffic::{Entry, Mark};

/// The store for charts, images and templates of [`Cloud::contoso`].
pub const ACR: &str = "contoso-acr";
/// Its store for disk images.
pub const ACCOUNT: &str = "contoso-sa";

/// How credentials are granted from now on.
struct Granting {
    /// How long they are good, in seconds.
    life: AtomicU64,
    /// How long the registry does not know a new login, in milliseconds.
    unknown: AtomicU64,
    /// Makes each login another one.
    made: AtomicUsize,
}

/// What is behind a store for charts, images and templates.
pub struct Shelf {
    pub registry: Registry,
    /// Before it: what the store's address names. Tokens that ended are refused here to the second, where a registry itself
    /// forgives a minute.
    pub front: Faulty,
}

/// What is behind a store for disk images.
pub struct Account {
    pub azurite: Arc<Azurite>,
    /// Before it: what signed URLs name.
    pub front: Faulty,
}

/// The whole of it.
pub struct Cloud {
    pub arm: Arm,
    granting: Arc<Granting>,
    shelves: BTreeMap<String, Shelf>,
    accounts: BTreeMap<String, Account>,
}

impl Cloud {
    /// One without stores.
    pub fn empty() -> Self {
        Self {
            arm: Arm::start(),
            granting: Arc::new(Granting {
                life: AtomicU64::new(24 * 3600),
                unknown: AtomicU64::new(0),
                made: AtomicUsize::new(1),
            }),
            shelves: BTreeMap::new(),
            accounts: BTreeMap::new(),
        }
    }

    /// The publisher `contoso` with a store of each kind.
    pub fn contoso() -> Self {
        Self::empty()
            .registry_store(PUBLISHER, ACR)
            .disk_store(PUBLISHER, ACCOUNT)
    }

    /// With a store for charts, images and templates. Names of stores are unique, whoever's they are.
    pub fn registry_store(mut self, publisher: &str, store: &str) -> Self {
        let registry = Registry::start(Kind::Token);
        let front = Faulty::before(&registry.host());
        front.answering(|exchange, _| {
            refuse_what_ended(exchange);
            None
        });
        self.arm.registry_store_of(publisher, store);
        self.arm.backed_by(store, registry.client());
        let (granting, admission) = (Arc::clone(&self.granting), registry.tokens().admission());
        let server = format!("http://{}", front.host());
        self.arm.backs(store, move |manifest, entries, _, api| {
            let mut repositories: Vec<String> = entries
                .iter()
                .filter_map(|entry| entry["artifactName"].as_str())
                .map(|name| repository(manifest, name, api))
                .collect();
            repositories.dedup();
            let life = granting.life.load(Ordering::SeqCst);
            let number = granting.made.fetch_add(1, Ordering::SeqCst);
            let password = format!("planted-scoped-token-{number}-Wm27");
            let unknown = Duration::from_millis(granting.unknown.load(Ordering::SeqCst));
            let repositories: Vec<&str> = repositories.iter().map(String::as_str).collect();
            admission.open(manifest, &password, &repositories, unknown, Duration::from_secs(life));
            registry_token(&server, manifest, &password, &repositories, &in_seconds(life))
        });
        self.shelves.insert(store.to_owned(), Shelf { registry, front });
        self
    }

    /// With a store for disk images. Containers are there once a credential for them was asked for.
    pub fn disk_store(mut self, publisher: &str, store: &str) -> Self {
        let azurite = Arc::new(Azurite::start());
        let front = Faulty::before(&azurite.host());
        self.arm.disk_store_of(publisher, store);
        let (granting, emulator, host) = (Arc::clone(&self.granting), Arc::clone(&azurite), front.host());
        let made = Mutex::new(BTreeSet::new());
        self.arm.backs(store, move |_, entries, _, _| {
            let life = granting.life.load(Ordering::SeqCst);
            let signed = Sas::default().until(i64::try_from(life).expect("a short life"));
            let containers: BTreeSet<String> = entries.iter().filter_map(container).collect();
            let urls: Vec<(String, String)> = containers
                .into_iter()
                .map(|name| {
                    if made.lock().expect("containers").insert(name.clone()) {
                        emulator.make_container(&name);
                    }
                    let url = emulator.url(&name, &signed).replace(&emulator.host(), &host);
                    (name, url)
                })
                .collect();
            let urls: Vec<(&str, &str)> = urls.iter().map(|(name, url)| (name.as_str(), url.as_str())).collect();
            container_tokens("contosodisks", &urls, &in_seconds(life))
        });
        self.accounts.insert(store.to_owned(), Account { azurite, front });
        self
    }

    /// What is behind a store for charts, images and templates.
    pub fn shelf(&self, store: &str) -> &Shelf {
        &self.shelves[store]
    }

    /// What is behind a store for disk images.
    pub fn account(&self, store: &str) -> &Account {
        &self.accounts[store]
    }

    /// Credentials are good for so long from now on.
    pub fn life(&self, seconds: u64) -> &Self {
        self.granting.life.store(seconds, Ordering::SeqCst);
        self
    }

    /// The registry does not know a new login for so long, from now on.
    pub fn unknown_at_first(&self, milliseconds: u64) -> &Self {
        self.granting.unknown.store(milliseconds, Ordering::SeqCst);
        self
    }

    /// The binary in a project's folder, with a login for Resource Manager.
    pub fn aosm(&self, project: &Project, arguments: &[&str]) -> Aosm {
        project
            .aosm(arguments)
            .env("AOSM_ARM_ENDPOINT", self.arm.endpoint())
            .env("AOSM_ARM_TOKEN", TOKEN)
    }

    /// A point in everybody's traffic.
    pub fn mark(&self) -> CloudMark {
        CloudMark {
            arm: self.arm.seen().len(),
            shelves: self
                .shelves
                .iter()
                .map(|(name, one)| (name.clone(), one.front.mark()))
                .collect(),
            accounts: self
                .accounts
                .iter()
                .map(|(name, one)| (name.clone(), one.front.mark()))
                .collect(),
        }
    }

    /// What was asked since the mark.
    pub fn since(&self, mark: &CloudMark) -> Asked {
        let arm = self.arm.seen().split_off(mark.arm);
        let shelves = mark.shelves.iter().map(|(name, mark)| {
            let entries = self.shelf(name).front.since(*mark).0;
            (name.clone(), entries)
        });
        let accounts = mark.accounts.iter().map(|(name, mark)| {
            let entries = self.account(name).front.since(*mark).0;
            (name.clone(), entries)
        });
        Asked {
            arm,
            stores: shelves.chain(accounts).collect(),
        }
    }
}

/// A point in the traffic of a [`Cloud`].
pub struct CloudMark {
    arm: usize,
    shelves: BTreeMap<String, Mark>,
    accounts: BTreeMap<String, Mark>,
}

/// What was asked of a [`Cloud`].
#[derive(Debug)]
pub struct Asked {
    /// Of Resource Manager: method and path from the publisher's name on, with query.
    pub arm: Vec<String>,
    /// Of what is behind each store.
    pub stores: BTreeMap<String, Vec<Entry>>,
}

impl Asked {
    /// Requests to Resource Manager whose line begins and contains so.
    pub fn arm(&self, method: &str, part: &str) -> usize {
        let wanted = |line: &&String| line.starts_with(&format!("{method} ")) && line.contains(part);
        self.arm.iter().filter(wanted).count()
    }

    /// Requests for credentials.
    pub fn credentials(&self) -> usize {
        self.arm("POST", "/listCredential?")
    }

    /// Reads of one manifest.
    pub fn manifests(&self) -> usize {
        self.arm("GET", "/artifactManifests/")
    }

    /// Requests about artifacts to what is behind a store: without pings and tokens.
    pub fn of(&self, store: &str) -> Vec<&Entry> {
        use super::traffic::What;
        let entries = self.stores[store].iter();
        entries
            .filter(|entry| !matches!(entry.what, What::Ping | What::Token))
            .collect()
    }

    /// Those of them that write.
    pub fn writes(&self, store: &str) -> usize {
        let all = self.of(store);
        all.iter()
            .filter(|entry| !matches!(entry.method.as_str(), "GET" | "HEAD"))
            .count()
    }
}

/// The keys of a store in `aosm.toml`, its kind and the manifest aside.
pub fn keys(publisher: &str, store: &str) -> String {
    format!(
        "subscription = \"{SUBSCRIPTION}\"\nresource-group = \"{GROUP}\"\npublisher = \"{publisher}\"\nartifact-store = \"{store}\"\n"
    )
}

/// Where an artifact is kept: from 2025-03-30 on below the name of its manifest.
fn repository(manifest: &str, name: &str, api: &str) -> String {
    if api >= "2025-03-30" {
        format!("{manifest}/{name}")
    } else {
        name.to_owned()
    }
}

/// The container that the service makes for a disk image.
fn container(entry: &Value) -> Option<String> {
    let (name, version) = (entry["artifactName"].as_str()?, entry["artifactVersion"].as_str()?);
    Some(format!("{}-{version}", name.replace('-', "")))
}

/// Takes the login out of a request whose token has ended, so that the registry answers with its own challenge.
fn refuse_what_ended(exchange: &mut Exchange<'_>) {
    let login = exchange.head.headers.get("Authorization").unwrap_or_default();
    let payload = login.strip_prefix("Bearer ").and_then(|token| token.split('.').nth(1));
    let claims = payload.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let claims: Option<Value> = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(end) = claims.and_then(|claims| claims["exp"].as_u64()) else {
        return;
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    if end <= now.as_secs() {
        exchange.head.headers.remove("Authorization");
    }
}
