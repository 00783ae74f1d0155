//! A stand-in for Azure Resource Manager on loopback, as the REST reference of `Microsoft.HybridNetwork` gives it and as
//! the service was seen to answer: publishers' artifact stores, artifact manifests, `listCredential`, `updateState`,
//! artifacts and their versions; bodies and casing, 200 and 202 with `Location` or `Azure-AsyncOperation`, pages with
//! `nextLink`, Resource Manager's error shapes, throttling, correlation ids.
//!
//! It grants what a test gives it ([`Arm::grants`]), and has the registry behind a store import images ([`Arm::backed_by`]). A name in a path is compared without regard to case, as there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::arm_import::{Importing, Outcome};
use super::arm_operations::Operation;
pub use super::arm_shapes::{container_tokens, error, in_seconds, registry_token};
use super::arm_shapes::{decoded, denied, json_answer, not_found, paged, refused_login, store_id, store_id_of};
use super::http::Response;
use super::server::Server;
use super::tokens::form;

/// The subscription that it knows.
pub const SUBSCRIPTION: &str = "0aaaaaaa-1111-2222-3333-444444444444";
/// The publisher's resource group.
pub const GROUP: &str = "contoso-rg";
/// The publisher.
pub const PUBLISHER: &str = "contoso";
/// The publisher's region.
pub const REGION: &str = "westeurope";
/// A bearer token that it takes, as `AOSM_ARM_TOKEN` would hold it.
pub const TOKEN: &str = "planted-arm-token-Zq81";
/// The id that each answer carries.
pub const CORRELATION: &str = "5a11c0de-0000-4000-8000-00000000c0de";

const VERSIONS: [&str; 3] = ["2023-09-01", "2024-04-15", "2025-03-30"];

/// What `listCredential` answers: asked each time, with how often it was asked before.
pub type Granting = Box<dyn Fn(usize) -> Value + Send>;
/// The same for a whole store: name and entries of the manifest, how often that one was asked before, API version.
pub type Backing = Box<dyn Fn(&str, &[Value], usize, &str) -> Value + Send>;
/// Answers in place of the stand-in: method, path without query, body.
type Answering = Box<dyn Fn(&str, &str, &[u8]) -> Option<Response> + Send>;

/// How long-running operations are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Slow {
    /// At once: 200, 201 or 204.
    #[default]
    No,
    /// 202 with `Location`, which answers 202 so many times.
    Location(usize),
    /// 201 or 202 with `Azure-AsyncOperation`, which says `InProgress` so many times.
    Status(usize),
}

/// The running stand-in.
pub struct Arm {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) stores: BTreeMap<String, Value>,
    /// What grants for manifests that nothing of their own was given to.
    backed: BTreeMap<String, Backing>,
    pub(super) manifests: BTreeMap<(String, String), Manifest>,
    artifacts: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>,
    pub(super) operations: BTreeMap<usize, Operation>,
    /// Registries that can import, by resource id in lower case.
    pub(super) importing: BTreeMap<String, Importing>,
    page: usize,
    pub(super) slow: Slow,
    /// So many requests are answered 429 before the next good one.
    throttled: usize,
    retry_after: u64,
    /// Paths that end with one of these are denied.
    pub(super) denied: Vec<String>,
    /// The tenant of the subscription; tokens that name another one are refused.
    tenant: Option<String>,
    answering: Vec<Answering>,
    seen: Vec<String>,
    pub(super) made: usize,
}

pub(super) struct Manifest {
    pub(super) value: Value,
    /// What `updateState` leads to.
    pub(super) sealed_as: &'static str,
    granting: Option<Granting>,
    granted: usize,
    /// Once sealing was asked for: it is shown as under way so many times.
    validates: Option<usize>,
}

#[derive(Clone)]
pub(super) enum Effect {
    Imported(Outcome),
    Ready(String, String),
    Gone(String, String),
    Sealed(String, String),
    Nothing,
}

impl Arm {
    /// One without stores.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            page: 100,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let server = Server::start(move |exchange| {
            let body = exchange.read_body();
            let (method, target) = (exchange.head.method.clone(), exchange.head.target.clone());
            let login = exchange
                .head
                .headers
                .get("Authorization")
                .unwrap_or_default()
                .to_owned();
            let host = exchange.head.headers.get("Host").unwrap_or_default().to_owned();
            let response = shared
                .lock()
                .expect("the state")
                .answer(&method, &target, &login, &host, &body)
                .with("x-ms-correlation-request-id", CORRELATION)
                .with("x-ms-request-id", "another-id")
                .with("Date", &httpdate::fmt_http_date(std::time::SystemTime::now()));
            exchange.answer(&response)
        });
        Self { server, state }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state")
    }

    /// What `AOSM_ARM_ENDPOINT` is set to.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// A store backed by a container registry.
    pub fn registry_store(&self, name: &str) -> &Self {
        self.registry_store_of(PUBLISHER, name)
    }

    /// The same of another publisher in the same group. Names of stores are unique here.
    pub fn registry_store_of(&self, publisher: &str, name: &str) -> &Self {
        let backing = "Microsoft.ContainerRegistry/registries";
        self.store(publisher, name, "AzureContainerRegistry", backing)
    }

    /// A store backed by a storage account.
    pub fn disk_store(&self, name: &str) -> &Self {
        self.disk_store_of(PUBLISHER, name)
    }

    /// The same of another publisher in the same group.
    pub fn disk_store_of(&self, publisher: &str, name: &str) -> &Self {
        self.store(
            publisher,
            name,
            "AzureStorageAccount",
            "Microsoft.Storage/storageAccounts",
        )
    }

    fn store(&self, publisher: &str, name: &str, kind: &str, backing: &str) -> &Self {
        let managed = format!("{name}-HostedResources-0A1B2C3D");
        // As the service was seen to name what backs a store.
        let backed = format!("{}{}3964e97abc", publisher.replace('-', ""), name.replace('-', ""));
        let value = json!({
            "id": store_id_of(publisher, name),
            "name": name,
            "type": "microsoft.hybridnetwork/publishers/artifactstores",
            "location": REGION,
            "systemData": {"createdByType": "User", "createdAt": "2024-01-31T12:00:00.1234567Z"},
            "properties": {
                "storeType": kind,
                "replicationStrategy": "SingleReplication",
                "backingResourcePublicNetworkAccess": "Enabled",
                "managedResourceGroupConfiguration": {"name": managed, "location": REGION},
                "storageResourceId":
                    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{managed}/providers/{backing}/{backed}"),
                "provisioningState": "Succeeded",
            },
        });
        self.state().stores.insert(name.to_owned(), value);
        self
    }

    /// Changes what is told of a store.
    pub fn edit_store(&self, name: &str, change: impl FnOnce(&mut Value)) -> &Self {
        change(self.state().stores.get_mut(name).expect("a store"));
        self
    }

    /// A manifest in the state `Uploading`, with artifacts as name, version, type.
    pub fn manifest(&self, store: &str, name: &str, artifacts: &[(&str, &str, &str)]) -> &Self {
        let entries: Vec<Value> = artifacts
            .iter()
            .map(
                |(name, version, kind)| json!({"artifactName": name, "artifactType": kind, "artifactVersion": version}),
            )
            .collect();
        let mut state = self.state();
        state.put_manifest(store, name, &json!(entries), REGION, "Succeeded");
        self
    }

    /// Changes what is told of a manifest.
    pub fn edit_manifest(&self, store: &str, name: &str, change: impl FnOnce(&mut Value)) -> &Self {
        change(&mut self.state().held(store, name).value);
        self
    }

    /// What sealing this manifest leads to: `Uploaded` (without this), `ValidationFailed`.
    pub fn seals_as(&self, store: &str, name: &str, state: &'static str) -> &Self {
        self.state().held(store, name).sealed_as = state;
        self
    }

    /// Sealing this manifest goes on by itself: it is `Validating` for so many looks.
    pub fn validates_for(&self, store: &str, name: &str, looks: usize) -> &Self {
        self.state().held(store, name).validates = Some(looks);
        self
    }

    /// What `listCredential` of this manifest answers; called with how often it was asked before.
    pub fn grants(&self, store: &str, name: &str, granting: impl Fn(usize) -> Value + Send + 'static) -> &Self {
        self.state().held(store, name).granting = Some(Box::new(granting));
        self
    }

    /// What `listCredential` answers for any manifest of this store that was given nothing of its own.
    pub fn backs(&self, store: &str, backing: impl Fn(&str, &[Value], usize, &str) -> Value + Send + 'static) -> &Self {
        self.state().backed.insert(store.to_owned(), Box::new(backing));
        self
    }

    /// An artifact version that the store knows, in the state `Preview`.
    pub fn version(&self, store: &str, artifact: &str, version: &str, kind: &str) -> &Self {
        let value = json!({
            "id": format!("{}/artifactVersions/{version}", store_id(store)),
            "name": version,
            "properties": {"artifactType": kind, "artifactVersion": version, "artifactState": "Preview"},
        });
        let mut state = self.state();
        let versions = state.artifacts.entry(store.to_owned()).or_default();
        let versions = versions.entry(artifact.to_owned()).or_default();
        versions.insert(version.to_owned(), value);
        self
    }

    /// Lists come so many entries at a time.
    pub fn pages_of(&self, entries: usize) -> &Self {
        self.state().page = entries;
        self
    }

    /// How long-running operations are answered from now on.
    pub fn slow(&self, slow: Slow) -> &Self {
        self.state().slow = slow;
        self
    }

    /// The next requests are answered 429 with `Retry-After`, so many of them.
    pub fn throttle(&self, requests: usize, retry_after: u64) -> &Self {
        let mut state = self.state();
        (state.throttled, state.retry_after) = (requests, retry_after);
        drop(state);
        self
    }

    /// What ends with this path may not be asked: `listCredential`.
    pub fn deny(&self, ending: &str) -> &Self {
        self.state().denied.push(ending.to_owned());
        self
    }

    /// The subscription belongs to this tenant; tokens of others are refused.
    pub fn tenant(&self, tenant: &str) -> &Self {
        self.state().tenant = Some(tenant.to_owned());
        self
    }

    /// Answers in place of the stand-in, by method, path and body; the newest is asked first.
    pub fn answering(&self, answer: impl Fn(&str, &str, &[u8]) -> Option<Response> + Send + 'static) -> &Self {
        self.state().answering.push(Box::new(answer));
        self
    }

    /// The state of a manifest, as it is now.
    pub fn state_of(&self, store: &str, name: &str) -> String {
        let mut state = self.state();
        let value = &state.held(store, name).value;
        value["properties"]["artifactManifestState"]
            .as_str()
            .expect("a state")
            .to_owned()
    }

    /// Requests so far: method and path with query, without what is before the publisher's name.
    pub fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    /// How often a request was made whose line contains this.
    pub fn count(&self, part: &str) -> usize {
        self.seen().iter().filter(|line| line.contains(part)).count()
    }
}

impl State {
    pub(super) fn held(&mut self, store: &str, name: &str) -> &mut Manifest {
        self.manifests
            .get_mut(&(store.to_owned(), name.to_owned()))
            .expect("a manifest")
    }

    fn put_manifest(&mut self, store: &str, name: &str, artifacts: &Value, region: &str, provisioning: &str) -> Value {
        let above = self.stores.get(store).and_then(|value| value["id"].as_str());
        let above = above.map_or_else(|| store_id(store), str::to_owned);
        let value = json!({
            "id": format!("{above}/artifactManifests/{name}"),
            "name": name,
            "type": "microsoft.hybridnetwork/publishers/artifactstores/artifactmanifests",
            "location": region,
            "properties": {
                "artifacts": artifacts, "artifactManifestState": "Uploading", "provisioningState": provisioning,
            },
        });
        let manifest = Manifest {
            value: value.clone(),
            sealed_as: "Uploaded",
            granting: None,
            granted: 0,
            validates: None,
        };
        self.manifests.insert((store.to_owned(), name.to_owned()), manifest);
        value
    }

    fn answer(&mut self, method: &str, target: &str, login: &str, host: &str, body: &[u8]) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let shown = path.rsplit_once("/publishers/").map_or(path, |(_, rest)| rest);
        self.seen.push(format!("{method} {shown}?{query}"));
        if let Some(refusal) = refused_login(self.tenant.as_deref(), login) {
            return refusal;
        }
        if self.throttled > 0 {
            self.throttled -= 1;
            return error(429, "TooManyRequests", "The request is being throttled.")
                .with("Retry-After", &self.retry_after.to_string());
        }
        let answered = self
            .answering
            .iter()
            .rev()
            .find_map(|answer| answer(method, path, body));
        if let Some(answered) = answered {
            return answered;
        }
        if let Some(number) = path.strip_prefix("/operations/") {
            return self.operation(number.parse().unwrap_or_default(), host);
        }
        let query = form(query);
        let of = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let version = of("api-version").unwrap_or_default();
        if let Some(registry) = path.strip_suffix("/importImage") {
            return self.import(method, registry, &version, host, body);
        }
        if !VERSIONS.contains(&version.as_str()) {
            return error(
                400,
                "InvalidApiVersionParameter",
                &format!(
                    "The api-version '{version}' is invalid. The supported versions are '2025-03-30,2024-04-15,2023-09-01'."
                ),
            );
        }
        if self.denied.iter().any(|ending| path.ends_with(ending.as_str())) {
            return denied(path);
        }
        let segments: Vec<String> = path.split('/').skip(1).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let at = |index: usize, wanted: &str| segments.get(index).is_some_and(|s| s.eq_ignore_ascii_case(wanted));
        if !at(1, SUBSCRIPTION) {
            let message = format!(
                "The subscription '{}' could not be found.",
                segments.get(1).unwrap_or(&"")
            );
            return error(404, "SubscriptionNotFound", &message);
        }
        if !at(3, GROUP) {
            let message = format!(
                "Resource group '{}' could not be found.",
                segments.get(3).unwrap_or(&"")
            );
            return error(404, "ResourceGroupNotFound", &message);
        }
        let publisher = segments.get(7).copied().unwrap_or_default();
        let of_publisher = format!("/publishers/{publisher}/artifactstores/").to_ascii_lowercase();
        let owned = |value: &Value| {
            let id = value["id"].as_str().unwrap_or_default().to_ascii_lowercase();
            id.contains(&of_publisher)
        };
        let is_known = at(7, PUBLISHER) || self.stores.values().any(owned);
        if !(at(5, "Microsoft.HybridNetwork") && is_known && at(8, "artifactStores")) {
            return not_found(path);
        }
        let skip: usize = of("$skipToken").and_then(|text| text.parse().ok()).unwrap_or_default();
        let list = |all: Vec<Value>, page: usize| paged(all, skip, page, host, path, &version, of("artifactName"));
        let page = self.page;
        let rest = segments.get(9..).unwrap_or_default();
        let Some(store) = rest.first() else {
            return list(
                self.stores.values().filter(|value| owned(value)).cloned().collect(),
                page,
            );
        };
        let found = self.stores.iter().filter(|(_, value)| owned(value));
        let Some((store, value)) = found.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(store)) else {
            return not_found(path);
        };
        let store = store.clone();
        match (method, rest.get(1..).unwrap_or_default()) {
            ("GET", []) => json_answer(200, value),
            ("GET", ["artifactManifests"]) => {
                let own = self.manifests.iter().filter(|((of, _), _)| *of == store);
                list(own.map(|(_, manifest)| manifest.value.clone()).collect(), page)
            }
            (_, ["artifactManifests", name]) => self.manifest(method, &store, name, path, host, body),
            ("POST", ["artifactManifests", name, action]) => {
                self.action(&store, name, action, (path, host, &version), body)
            }
            ("GET", ["artifacts"]) => {
                let names = self.artifacts.get(&store).into_iter().flatten();
                let id = store_id(&store);
                list(
                    names
                        .map(|(name, _)| json!({"name": name, "id": format!("{id}/artifacts/{name}")}))
                        .collect(),
                    page,
                )
            }
            ("GET", ["artifactVersions"]) => {
                let artifact = of("artifactName").unwrap_or_default();
                let versions = self.artifacts.get(&store).and_then(|all| all.get(&artifact));
                list(
                    versions.into_iter().flatten().map(|(_, value)| value.clone()).collect(),
                    page,
                )
            }
            ("PATCH", ["artifactVersions", version]) => {
                let wanted: Value = serde_json::from_slice(body).unwrap_or_default();
                let artifact = of("artifactName").unwrap_or_default();
                let versions = self.artifacts.get_mut(&store).and_then(|all| all.get_mut(&artifact));
                let Some(value) = versions.and_then(|all| all.get_mut(*version)) else {
                    return not_found(path);
                };
                value["properties"]["artifactState"] = wanted["properties"]["artifactState"].clone();
                let value = value.clone();
                self.accepted(Effect::Nothing, 200, &value, host)
            }
            _ => error(
                405,
                "MethodNotAllowed",
                "The requested resource does not support this method.",
            ),
        }
    }

    fn manifest(&mut self, method: &str, store: &str, name: &str, path: &str, host: &str, body: &[u8]) -> Response {
        let key = (store.to_owned(), name.to_owned());
        match (method, self.manifests.contains_key(&key)) {
            ("GET", true) => {
                let manifest = self.manifests.get_mut(&key).expect("looked up");
                let state = &mut manifest.value["properties"]["artifactManifestState"];
                match &mut manifest.validates {
                    Some(0) if *state == "Validating" => *state = manifest.sealed_as.into(),
                    Some(left) if *state == "Validating" => *left -= 1,
                    _ => {}
                }
                json_answer(200, &manifest.value)
            }
            ("GET", false) => not_found(path),
            ("DELETE", false) => Response::new(204, ""),
            ("DELETE", true) => self.accepted(Effect::Gone(key.0, key.1), 200, &Value::Null, host),
            ("PUT", there) => {
                let wanted: Value = serde_json::from_slice(body).unwrap_or_default();
                let region = wanted["location"].as_str().unwrap_or_default();
                if !region.eq_ignore_ascii_case(REGION) {
                    return error(
                        409,
                        "InvalidResourceLocation",
                        &format!(
                            "The resource '{name}' already exists in location '{REGION}' in resource group '{GROUP}'. A resource with the same name cannot be created in location '{region}'."
                        ),
                    );
                }
                if there {
                    // Entries are create-only.
                    return json_answer(200, &self.manifests[&key].value);
                }
                let slow = self.slow;
                let provisioning = if slow == Slow::No { "Succeeded" } else { "Accepted" };
                let value = self.put_manifest(store, name, &wanted["properties"]["artifacts"], REGION, provisioning);
                self.accepted(Effect::Ready(key.0, key.1), 201, &value, host)
            }
            _ => error(
                405,
                "MethodNotAllowed",
                "The requested resource does not support this method.",
            ),
        }
    }

    fn action(
        &mut self,
        store: &str,
        name: &str,
        action: &str,
        (path, host, api): (&str, &str, &str),
        body: &[u8],
    ) -> Response {
        let key = (store.to_owned(), name.to_owned());
        let Some(manifest) = self.manifests.get_mut(&key) else {
            return not_found(path);
        };
        match action {
            "listCredential" => {
                let granted = match (&manifest.granting, self.backed.get(store)) {
                    (Some(granting), _) => granting(manifest.granted),
                    (None, Some(backing)) => {
                        let entries = manifest.value["properties"]["artifacts"].as_array();
                        let entries = entries.map(Vec::as_slice).unwrap_or_default();
                        backing(name, entries, manifest.granted, api)
                    }
                    (None, None) => return error(400, "BadRequest", "The test gives this manifest nothing to grant."),
                };
                manifest.granted += 1;
                json_answer(200, &granted)
            }
            "updateState" => {
                let wanted: Value = serde_json::from_slice(body).unwrap_or_default();
                if wanted["artifactManifestState"] != "Uploaded" {
                    return error(400, "BadRequest", "Only the state Uploaded can be asked for.");
                }
                if manifest.validates.is_some() {
                    manifest.value["properties"]["artifactManifestState"] = "Validating".into();
                    return Response::new(200, "");
                }
                self.accepted(Effect::Sealed(key.0, key.1), 200, &Value::Null, host)
            }
            _ => not_found(path),
        }
    }
}
