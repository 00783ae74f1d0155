//! `importImage` of the registries behind the stand-in's stores (Azure Container Registry REST, "Registries - Import Image"): it
//! really copies, and goes on doing so whether anybody looks or not.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::arm::{Arm, Effect, Slow, State};
use super::arm_shapes::{error, json_answer, not_found};
use super::client::{Client, Login};
use super::http::Response;

/// How an import ended; `None` while it is under way.
pub type Outcome = Arc<Mutex<Option<Result<(), (String, String)>>>>;

/// A registry that can import.
#[derive(Clone)]
pub struct Importing {
    /// Where the images go.
    pub backing: Client,
    /// Every import fails with this code and message.
    pub failing: Option<(String, String)>,
    /// No import ever ends.
    pub endless: bool,
}

/// What is asked for.
struct Wanted {
    source: Client,
    repository: String,
    digest: String,
    target: (String, String),
}

impl Importing {
    /// Begins an import, or says why not. The tests' product must ask for a digest and must not force.
    pub fn begin(&self, body: &[u8]) -> Result<Outcome, Response> {
        let wanted = read(body).map_err(|why| error(400, "InvalidParameters", &why))?;
        let (repository, tag) = &wanted.target;
        if self.backing.digest(repository, tag).is_some() {
            return Err(error(
                409,
                "Conflict",
                &format!("Tag {repository}:{tag} already exists in target registry."),
            ));
        }
        let outcome = Outcome::default();
        if self.endless {
            return Ok(outcome);
        }
        if let Some(failing) = &self.failing {
            *outcome.lock().expect("an outcome") = Some(Err(failing.clone()));
            return Ok(outcome);
        }
        let (shared, backing) = (Arc::clone(&outcome), self.backing.clone());
        std::thread::spawn(move || {
            let copied = copy(&wanted, &backing);
            *shared.lock().expect("an outcome") = Some(copied);
        });
        Ok(outcome)
    }
}

fn copy(wanted: &Wanted, backing: &Client) -> Result<(), (String, String)> {
    let target = format!("/v2/{}/manifests/{}", wanted.repository, wanted.digest);
    let accept = ("Accept", super::client::ACCEPT);
    let looked = wanted.source.try_request("GET", &target, &[accept], b"");
    let failed = |why: String| Err(("ImportFailed".to_owned(), why));
    match looked {
        Ok(answer) if answer.status == 200 => {}
        Ok(answer) => return failed(format!("the source answers {} for {}", answer.status, wanted.digest)),
        Err(why) => return failed(format!("the source cannot be reached: {why}")),
    }
    let Some(image) = wanted.source.pull(&wanted.repository, &wanted.digest) else {
        return failed("the source lost the image".to_owned());
    };
    backing.push(&image, &wanted.target.0, &wanted.target.1);
    Ok(())
}

fn read(body: &[u8]) -> Result<Wanted, String> {
    let body: Value = serde_json::from_slice(body).map_err(|why| why.to_string())?;
    if body["mode"] != "NoForce" {
        return Err("the tests want no force".to_owned());
    }
    let source = &body["source"];
    let image = source["sourceImage"].as_str().ok_or("no sourceImage")?;
    let (repository, digest) = image.split_once('@').ok_or("the tests want a digest")?;
    let tags = body["targetTags"].as_array().ok_or("no targetTags")?;
    let [tag] = tags.as_slice() else {
        return Err("the tests want one tag".to_owned());
    };
    let (to, tag) = tag.as_str().and_then(|tag| tag.rsplit_once(':')).ok_or("no tag")?;
    let mut client = Client::plain(source["registryUri"].as_str().ok_or("no registryUri")?);
    if let Some(credentials) = source.get("credentials") {
        let text = |name: &str| credentials[name].as_str().unwrap_or_default().to_owned();
        client = client.with_login(Login::Basic(text("username"), text("password")));
    }
    Ok(Wanted {
        source: client,
        repository: repository.to_owned(),
        digest: digest.to_owned(),
        target: (to.to_owned(), tag.to_owned()),
    })
}

/// What an operation says of an import: 202 while it is under way.
pub fn progress(outcome: &Outcome, by_status: bool, place: &str) -> Response {
    let ended = outcome.lock().expect("an outcome").clone();
    match (ended, by_status) {
        (None, true) => json_answer(200, &json!({"status": "InProgress"})).with("Retry-After", "0"),
        (None, false) => Response::new(202, "").with("Location", place).with("Retry-After", "0"),
        (Some(Ok(())), true) => json_answer(200, &json!({"status": "Succeeded"})),
        (Some(Ok(())), false) => Response::new(200, ""),
        (Some(Err((code, message))), _) => json_answer(
            200,
            &json!({"status": "Failed", "error": {"code": code, "message": message}}),
        ),
    }
}

impl Arm {
    /// The registry behind a store: it imports images from now on.
    pub fn backed_by(&self, store: &str, backing: Client) -> &Self {
        let mut state = self.state();
        let id = state.stores[store]["properties"]["storageResourceId"]
            .as_str()
            .expect("an id");
        let id = id.to_lowercase();
        let importing = Importing {
            backing,
            failing: None,
            endless: false,
        };
        state.importing.insert(id, importing);
        drop(state);
        self
    }

    /// Every import fails with this code and message.
    pub fn fail_imports(&self, code: &str, message: &str) -> &Self {
        for one in self.state().importing.values_mut() {
            one.failing = Some((code.to_owned(), message.to_owned()));
        }
        self
    }

    /// Whether imports that begin from now on never end.
    pub fn endless_imports(&self, endless: bool) -> &Self {
        for one in self.state().importing.values_mut() {
            one.endless = endless;
        }
        self
    }
}

impl State {
    /// What a request for an import is answered.
    pub(super) fn import(&mut self, method: &str, registry: &str, version: &str, host: &str, body: &[u8]) -> Response {
        if self.denied.iter().any(|ending| ending == "/importImage") {
            let scope = format!("over scope '{registry}'");
            return error(
                403,
                "AuthorizationFailed",
                &format!(
                    "The client does not have authorization to perform action 'Microsoft.ContainerRegistry/registries/importImage/action' {scope}."
                ),
            );
        }
        let Some(importing) = self.importing.get(&registry.to_lowercase()) else {
            return not_found(registry);
        };
        if method != "POST" || version != "2023-07-01" {
            return error(
                400,
                "InvalidApiVersionParameter",
                "registries are asked in a version of their own",
            );
        }
        match importing.begin(body) {
            Ok(outcome) => {
                // It is under way: never done at once.
                let slow = self.slow;
                if slow == Slow::No {
                    self.slow = Slow::Location(0);
                }
                let answer = self.accepted(Effect::Imported(outcome), 202, &Value::Null, host);
                self.slow = slow;
                answer
            }
            Err(refusal) => refusal,
        }
    }
}
