//! A stand-in for Azure Container Registry: a real registry, and before it ACR's own API as its REST reference gives it
//! (`/acr/v1/_catalog`, `/acr/v1/NAME`, `…/_tags`, `…/_manifests`; version 2021-07-01).
//!
//! It knows what was pushed, tagged and deleted *through it*, with times, and lists untagged manifests as well. Where the
//! registry behind asks for tokens, the API asks for those with `metadata_read` (to delete: `delete`; for the catalog
//! `registry:catalog:*`); [`super::registry::USER`] gets these, [`super::registry::READER`] may only pull.
//! What the reference leaves open: pages are cut by `n` and, below it, by [`Acr::set_page`]; what is locked answers 405.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::{Value, json};

use super::acr_records::{Attributes, Records};
use super::client::Client;
use super::faulty::Faulty;
use super::http::Response;
use super::registry::Registry;
use super::server::Exchange;
use super::tokens::{self, SERVICE};
use super::traffic::{Entry, What};

/// The running stand-in.
pub struct Acr {
    proxy: Faulty,
    state: Arc<State>,
}

struct State {
    upstream: String,
    /// Where tokens are given; `None`: everybody is let in whom the registry lets in.
    realm: Option<String>,
    records: Mutex<Records>,
    page: Mutex<usize>,
}

impl Acr {
    /// In front of a registry over plain HTTP.
    pub fn before(registry: &Registry) -> Self {
        let state = Arc::new(State {
            upstream: registry.host(),
            realm: registry.kind().token().then(|| registry.tokens().realm()),
            records: Mutex::default(),
            page: Mutex::new(100),
        });
        let proxy = Faulty::before(&registry.host());
        let shared = Arc::clone(&state);
        proxy.answering(move |exchange, entry| shared.answer(exchange, entry));
        Self { proxy, state }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.proxy.host()
    }

    /// What is between the client and the stand-in: for faults, and to count requests (`GET acr`, …).
    pub fn proxy(&self) -> &Faulty {
        &self.proxy
    }

    /// An answer lists so many entries at most.
    pub fn set_page(&self, entries: usize) {
        *self.state.page.lock().expect("the page") = entries;
    }

    /// Locks a tag or manifest (or opens it again).
    pub fn set_attributes(&self, repository: &str, reference: &str, attributes: Attributes) {
        let mut records = self.state.records.lock().expect("the records");
        records.set_attributes(repository, reference, attributes);
    }
}

impl State {
    fn answer(&self, exchange: &mut Exchange<'_>, entry: &Entry) -> Option<Response> {
        match (entry.what, entry.method.as_str()) {
            // As Azure services do; there is no more in it than that.
            (What::Acr, _) => Some(self.api(exchange, entry).with("X-Ms-Correlation-Request-Id", "tests")),
            (What::Manifest, "PUT" | "DELETE") => Some(self.change(exchange, entry)),
            _ => None,
        }
    }

    /// Hands a push or a deletion on, and remembers it when it was done.
    fn change(&self, exchange: &mut Exchange<'_>, entry: &Entry) -> Response {
        let body = exchange.read_body();
        let (repository, reference) = (entry.repository.as_str(), entry.reference.as_str());
        let locked = {
            let records = self.records.lock().expect("the records");
            match entry.method.as_str() {
                "PUT" => !records.attributes(repository, reference).write,
                _ => !records.may_be_deleted(repository, reference),
            }
        };
        if locked {
            let message = "The operation is disallowed on this registry, repository or image.";
            return Response::error(405, "UNSUPPORTED", message);
        }
        let given = &exchange.head.headers;
        let headers: Vec<(&str, &str)> = ["Host", "Content-Type", "Authorization"]
            .into_iter()
            .filter_map(|name| given.get(name).map(|value| (name, value)))
            .collect();
        let client = Client::plain(&self.upstream);
        let Ok(mut answer) = client.try_request(&entry.method, &exchange.head.target, &headers, &body) else {
            return Response::error(502, "UNKNOWN", "the registry behind is gone");
        };
        for name in ["Connection", "Transfer-Encoding"] {
            answer.headers.remove(name);
        }
        let mut records = self.records.lock().expect("the records");
        match answer.status {
            201 => records.pushed(
                repository,
                reference,
                given.get("Content-Type").unwrap_or_default(),
                &body,
            ),
            202 => records.deleted(repository, reference),
            _ => {}
        }
        answer
    }

    fn api(&self, exchange: &mut Exchange<'_>, entry: &Entry) -> Response {
        let body = exchange.read_body();
        let rest = entry.path.strip_prefix("/acr/v1/").unwrap_or_default();
        let (kind, name, action) = match (rest, entry.method.as_str()) {
            ("_catalog", _) => ("registry", "catalog", "*"),
            (_, "DELETE") => ("repository", entry.repository.as_str(), "delete"),
            (_, "PATCH") => ("repository", entry.repository.as_str(), "metadata_write"),
            _ => ("repository", entry.repository.as_str(), "metadata_read"),
        };
        if let Some(refusal) = self.refusal(entry, kind, name, action) {
            return refusal;
        }
        if entry.method == "DELETE" {
            return self.delete(exchange, entry);
        }
        let host = exchange.head.headers.get("Host").unwrap_or_default().to_owned();
        let below = rest.strip_prefix(&entry.repository).unwrap_or(rest);
        let mut records = self.records.lock().expect("the records");
        let answer = match (entry.method.as_str(), below) {
            ("GET", "_catalog") => Some(self.page(entry, "repositories", records.catalog(), |name| {
                name.as_str().unwrap_or_default().to_owned()
            })),
            ("GET", "") => records.repository(&entry.repository),
            ("GET", "/_tags") => self.list(entry, "tags", "name", records.tags(&entry.repository)),
            ("GET", "/_manifests") => self.list(entry, "manifests", "digest", records.manifests(&entry.repository)),
            ("GET", _) => match below.strip_prefix("/_tags/") {
                Some(tag) => one("tag", "name", tag, records.tags(&entry.repository)),
                None => below
                    .strip_prefix("/_manifests/")
                    .and_then(|digest| one("manifest", "digest", digest, records.manifests(&entry.repository))),
            },
            ("PATCH", _) => below.rsplit_once('/').and_then(|(_, reference)| {
                let wanted: Value = serde_json::from_slice(&body).ok()?;
                let attributes = records.attributes(&entry.repository, reference).changed(&wanted);
                records.set_attributes(&entry.repository, reference, attributes);
                Some(Response::new(200, "{}"))
            }),
            _ => return Response::error(405, "UNSUPPORTED", "The operation is unsupported."),
        };
        let Some(mut answer) = answer else {
            return Response::error(404, "NAME_UNKNOWN", &format!("{rest} is not found"));
        };
        if let Ok(Value::Object(mut fields)) = serde_json::from_slice(&answer.body) {
            if below != "_catalog" {
                fields.insert("registry".to_owned(), Value::from(host));
                fields.insert("imageName".to_owned(), Value::from(entry.repository.as_str()));
            }
            answer.body = Value::Object(fields).to_string().into_bytes();
        }
        answer.with("Content-Type", "application/json; charset=utf-8")
    }

    /// `…/_tags/TAG`: only the tag goes. `/acr/v1/NAME`: the repository with all that is in it.
    fn delete(&self, exchange: &Exchange<'_>, entry: &Entry) -> Response {
        let mut records = self.records.lock().expect("the records");
        let repository = entry.repository.as_str();
        let known = |list: Option<Vec<Value>>, key: &str| -> Vec<String> {
            let names = list.into_iter().flatten().map(|value| value[key].clone());
            names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
        };
        let tags = known(records.tags(repository), "name");
        let manifests = known(records.manifests(repository), "digest");
        let tag = entry.path.rsplit_once("/_tags/").map(|(_, tag)| tag.to_owned());
        let going = match &tag {
            Some(tag) if tags.contains(tag) => vec![tag.clone()],
            None if !manifests.is_empty() => manifests.clone(),
            _ => return Response::error(404, "NAME_UNKNOWN", "not found"),
        };
        let all = if tag.is_some() {
            going.clone()
        } else {
            [tags.as_slice(), &manifests].concat()
        };
        if !all.iter().all(|name| records.attributes(repository, name).delete) {
            return Response::error(
                405,
                "UNSUPPORTED",
                "The operation is disallowed on this registry, repository or image.",
            );
        }
        let login = exchange.head.headers.get("Authorization").unwrap_or_default();
        for reference in going {
            let path = format!("/v2/{repository}/manifests/{reference}");
            let answer = Client::plain(&self.upstream).request("DELETE", &path, &[("Authorization", login)], b"");
            if answer.status != 202 {
                return Response::error(answer.status, "UNKNOWN", "the registry behind refuses");
            }
            records.deleted(repository, &reference);
        }
        let deleted = json!({"manifestsDeleted": manifests, "tagsDeleted": tags});
        Response::new(
            202,
            if tag.is_some() {
                String::new()
            } else {
                deleted.to_string()
            },
        )
    }

    fn list(&self, entry: &Entry, field: &str, key: &str, list: Option<Vec<Value>>) -> Option<Response> {
        let list = list?;
        let name = |value: &Value| value[key].as_str().unwrap_or_default().to_owned();
        Some(self.page(entry, field, list, name))
    }

    /// The part of a list that the query asks for, with a link to the next one.
    fn page(&self, entry: &Entry, field: &str, mut list: Vec<Value>, name: impl Fn(&Value) -> String) -> Response {
        let query = tokens::form(&entry.query);
        let of = |wanted: &str| query.iter().find(|(n, _)| n == wanted).map_or("", |(_, v)| v.as_str());
        list.sort_by_key(&name);
        let newest_first = of("orderby") == "timedesc";
        if newest_first || of("orderby") == "timeasc" {
            list.sort_by_key(|value| value["lastUpdateTime"].as_str().unwrap_or_default().to_owned());
        }
        if newest_first {
            list.reverse();
        }
        if let Some(at) = list.iter().position(|value| name(value) == of("last")) {
            list.drain(..=at);
        }
        let most = of("n")
            .parse()
            .unwrap_or(100)
            .clamp(1, *self.page.lock().expect("the page"));
        let mut answer = Response::new(200, "");
        if list.len() > most {
            list.truncate(most);
            let last: String = url::form_urlencoded::byte_serialize(name(&list[most - 1]).as_bytes()).collect();
            let next = format!("{}?last={last}&n={most}&orderby={}", entry.path, of("orderby"));
            answer = answer.with("Link", &format!("<{next}>; rel=\"next\""));
        }
        answer.body = json!({field: list}).to_string().into_bytes();
        answer
    }

    /// Why someone may not do this; `None`: they may.
    fn refusal(&self, entry: &Entry, kind: &str, name: &str, action: &str) -> Option<Response> {
        let login = entry.authorization.as_deref().unwrap_or_default();
        let Some(realm) = &self.realm else {
            let asked = Client::plain(&self.upstream).try_request("GET", "/v2/", &[("Authorization", login)], b"");
            return asked.ok().filter(|answer| answer.status != 200);
        };
        let granted = login.strip_prefix("Bearer ").is_some_and(|token| {
            let claims = claims(token);
            claims["access"].as_array().into_iter().flatten().any(|access| {
                let actions = access["actions"].as_array();
                access["type"] == kind
                    && access["name"] == name
                    && actions.is_some_and(|all| all.iter().any(|one| one == action))
            })
        });
        if granted {
            return None;
        }
        let scope = format!("{kind}:{name}:{action}");
        let error = if login.is_empty() {
            "invalid_token"
        } else {
            "insufficient_scope"
        };
        let challenge = format!("Bearer realm=\"{realm}\",service=\"{SERVICE}\",scope=\"{scope}\",error=\"{error}\"");
        let message = "authentication required, visit https://aka.ms/acr/authorization for more information.";
        let detail = json!([{"Type": kind, "Name": name, "Action": action}]);
        let problem = json!({"errors": [{"code": "UNAUTHORIZED", "message": message, "detail": detail}]});
        let answer = Response::new(401, problem.to_string()).with("Content-Type", "application/json; charset=utf-8");
        Some(answer.with("Www-Authenticate", &challenge))
    }
}

fn one(field: &str, key: &str, wanted: &str, list: Option<Vec<Value>>) -> Option<Response> {
    let found = list?.into_iter().find(|value| value[key] == wanted)?;
    Some(Response::new(200, json!({field: found}).to_string()))
}

/// What a token says, unchecked: the registry behind checks those that matter.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    serde_json::from_slice(&decoded.unwrap_or_default()).unwrap_or_default()
}
