//! Registries in memory: a transport that several fake hosts answer, with logins and with faults on order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_RANGE, HeaderMap, HeaderName, RANGE};
use reqwest::{Method, Url};

use super::super::transport::{Body, Request, Response, Transport, TransportError, TransportFailure};
use super::lists::Lists;
use super::reply::{Reply, reply, respond};
use super::uploads::Uploads;
use crate::digest::Digest;

/// How a fake host wants to be logged in to.
#[derive(Clone)]
pub enum Login {
    Open,
    Basic(&'static str, &'static str),
    /// Tokens from `auth.HOST`; user and password there, or identity token; without `anonymous` a login is needed.
    Bearer {
        user: &'static str,
        password: &'static str,
        identity: &'static str,
        anonymous: bool,
        life: u64,
    },
}

/// A fault on order.
#[derive(Clone, Debug)]
pub enum Fault {
    Status(u16, Vec<(&'static str, String)>, &'static str),
    Refused,
    /// The connection breaks before the request is acted on.
    BrokenBefore,
    /// It is acted on, but the answer is lost.
    BrokenAfter,
    Hang,
    /// The body of the answer ends with an error after so many bytes.
    Cut(usize),
    /// The body ends early without an error.
    Short(usize),
    /// One byte of the body is flipped.
    Flip(usize),
    /// The body is longer than it should be.
    Longer,
    /// No `Content-Length`, and that many more bytes.
    LongerUnannounced,
    /// A header of the answer is replaced, or removed.
    Header(&'static str, Option<String>),
    /// An upload is answered before its body is read.
    Early(u16),
    /// The connection breaks when so many bytes of the request's body have arrived.
    CutUpload(usize),
    /// It is acted on twice, as when something on the way sends it again; the second answer arrives.
    Twice,
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub url: Url,
    pub authorization: Option<String>,
    pub range: Option<String>,
    pub content_range: Option<String>,
}

#[derive(Default)]
pub struct Held {
    pub blobs: BTreeMap<String, BTreeMap<Digest, Bytes>>,
    pub manifests: BTreeMap<String, BTreeMap<Digest, (String, Bytes)>>,
    pub tags: BTreeMap<(String, String), Digest>,
    tokens: BTreeMap<String, (tokio::time::Instant, BTreeSet<String>)>,
}

impl Held {
    /// As after a restart of the token server.
    pub fn without_tokens(self) -> Self {
        Self {
            tokens: BTreeMap::new(),
            ..self
        }
    }
}

type Order = dyn Fn(&Seen, usize) -> Option<Fault> + Send + Sync;

pub struct FakeHost {
    pub login: Login,
    pub mounts: bool,
    pub ranges: bool,
    pub digests: bool,
    /// Blobs are answered with a redirect to `cdn.HOST`.
    pub redirect_blobs: bool,
    /// Uploads go to `upload.HOST`.
    pub upload_elsewhere: bool,
    pub denied: BTreeSet<String>,
    pub uploads: Uploads,
    pub lists: Lists,
    pub held: Held,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self {
            login: Login::Open,
            mounts: true,
            ranges: true,
            digests: true,
            redirect_blobs: false,
            upload_elsewhere: false,
            denied: BTreeSet::new(),
            uploads: Uploads::default(),
            lists: Lists::default(),
            held: Held::default(),
        }
    }
}

#[derive(Default)]
struct Inner {
    hosts: BTreeMap<String, FakeHost>,
    seen: Vec<Seen>,
    sessions: u64,
    uploaded: u64,
}

#[derive(Clone, Default)]
pub struct Fake {
    inner: Arc<Mutex<Inner>>,
    order: Arc<Mutex<Option<Box<Order>>>>,
}

impl Fake {
    pub fn host(self, name: &str, host: FakeHost) -> Self {
        self.inner.lock().unwrap().hosts.insert(name.to_owned(), host);
        self
    }

    /// Faults are asked for with each request and its number, from 0.
    pub fn order(&self, order: impl Fn(&Seen, usize) -> Option<Fault> + Send + Sync + 'static) {
        *self.order.lock().unwrap() = Some(Box::new(order));
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.clone()
    }

    /// Bytes that were taken from the bodies of uploads.
    pub fn uploaded(&self) -> u64 {
        self.inner.lock().unwrap().uploaded
    }

    pub fn forget_seen(&self) {
        self.inner.lock().unwrap().seen.clear();
    }

    /// Requests to a host whose line `METHOD path` contains a text.
    pub fn count(&self, host: &str, part: &str) -> usize {
        self.seen()
            .iter()
            .filter(|seen| seen.url.host_str() == Some(host))
            .filter(|seen| format!("{} {}", seen.method, &seen.url[url::Position::BeforePath..]).contains(part))
            .count()
    }

    pub fn with<T>(&self, host: &str, act: impl FnOnce(&mut FakeHost) -> T) -> T {
        act(self.inner.lock().unwrap().hosts.get_mut(host).unwrap())
    }

    /// Everything reachable from a tag is there and has the digest it is named by; what is wrong otherwise.
    pub fn verify(&self, host: &str, repository: &str, tag: &str) -> Result<Digest, String> {
        self.with(host, |host| {
            let root = host
                .held
                .tags
                .get(&(repository.to_owned(), tag.to_owned()))
                .cloned()
                .ok_or("no tag")?;
            let mut open = vec![root.clone()];
            while let Some(digest) = open.pop() {
                let (media_type, bytes) = host
                    .held
                    .manifests
                    .get(repository)
                    .and_then(|m| m.get(&digest))
                    .ok_or(format!("no {digest}"))?;
                if Digest::of(bytes) != digest {
                    return Err(format!("manifest {digest} is corrupt"));
                }
                let children = crate::oci::manifest::children(bytes, media_type)?;
                open.extend(children.manifests.into_iter().map(|m| m.digest));
                for blob in children.blobs {
                    let held = host.held.blobs.get(repository).and_then(|b| b.get(&blob.digest));
                    let held = held.ok_or(format!("no blob {}", blob.digest))?;
                    if Digest::of(held) != blob.digest {
                        return Err(format!("blob {} is corrupt", blob.digest));
                    }
                }
            }
            Ok(root)
        })
    }
}

fn broken() -> TransportError {
    TransportError {
        failure: TransportFailure::Broken,
        detail: "connection reset".to_owned(),
    }
}

#[async_trait::async_trait]
impl Transport for Fake {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        // Other requests get their turn, as on a network.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let text = |name: HeaderName| request.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        let seen = Seen {
            method: request.method.clone(),
            url: request.url.clone(),
            authorization: text(AUTHORIZATION),
            range: text(RANGE),
            content_range: text(CONTENT_RANGE),
        };
        let number = {
            let mut inner = self.inner.lock().unwrap();
            inner.seen.push(seen.clone());
            inner.seen.len() - 1
        };
        let fault = self
            .order
            .lock()
            .unwrap()
            .as_ref()
            .and_then(|order| order(&seen, number));
        match &fault {
            Some(Fault::Refused) => {
                return Err(TransportError {
                    failure: TransportFailure::Connect,
                    detail: "connection refused".into(),
                });
            }
            Some(Fault::BrokenBefore) => return Err(broken()),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Status(status, headers, body)) => {
                let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
                return Ok(respond(
                    Reply {
                        status: *status,
                        headers,
                        body: Bytes::from_static(body.as_bytes()),
                    },
                    None,
                    &seen,
                ));
            }
            Some(Fault::Early(status)) => return Ok(respond(reply(*status), None, &seen)),
            _ => {}
        }
        let body = match request.body {
            Body::Bytes(bytes) => bytes,
            Body::Stream { length, mut stream } => {
                let mut all = BytesMut::new();
                let length = usize::try_from(length).unwrap();
                let end = match fault {
                    Some(Fault::CutUpload(at)) => at.min(length),
                    _ => length,
                };
                // Like HTTP/1.1 with Content-Length: what is read stops with the last announced byte.
                while all.len() < end {
                    match stream.next().await {
                        Some(Ok(piece)) => all.extend_from_slice(&piece),
                        Some(Err(_)) | None => break,
                    }
                }
                self.inner.lock().unwrap().uploaded += all.len() as u64;
                let whole = all.len() >= length && !matches!(fault, Some(Fault::CutUpload(_)));
                all.truncate(end);
                if !whole {
                    self.broke_off(&seen, &all);
                    return Err(broken());
                }
                all.freeze()
            }
        };
        if matches!(fault, Some(Fault::Twice)) {
            self.answer(&seen, &request.headers, body.clone());
        }
        let answer = self.answer(&seen, &request.headers, body);
        if matches!(fault, Some(Fault::BrokenAfter)) {
            return Err(broken());
        }
        Ok(respond(answer, fault, &seen))
    }
}

impl Inner {
    /// Which of a fake host's names a request went to, and the host.
    fn role(&self, seen: &Seen) -> (&'static str, String) {
        let authority = seen.url.host_str().unwrap();
        for role in ["auth", "cdn", "upload"] {
            match authority.strip_prefix(role).and_then(|rest| rest.strip_prefix('.')) {
                Some(name) if self.hosts.contains_key(name) => return (role, name.to_owned()),
                _ => {}
            }
        }
        ("", authority.to_owned())
    }
}

impl Fake {
    fn broke_off(&self, seen: &Seen, body: &[u8]) {
        let mut inner = self.inner.lock().unwrap();
        let (_, name) = inner.role(seen);
        if let Some(host) = inner.hosts.get_mut(&name) {
            host.broke_off(seen, body);
        }
    }

    fn answer(&self, seen: &Seen, headers: &HeaderMap, body: Bytes) -> Reply {
        let mut inner = self.inner.lock().unwrap();
        inner.sessions += 1;
        let session = inner.sessions;
        let (role, name) = inner.role(seen);
        let Some(host) = inner.hosts.get_mut(&name) else {
            return reply(502);
        };
        if role == "auth" {
            return host.token(seen, &body, session);
        }
        if role.is_empty()
            && let Some(refusal) = host.refuse(&name, seen)
        {
            return refusal;
        }
        host.serve(&name, role, seen, headers, body, session)
    }
}

fn decoded(authorization: Option<&str>) -> Option<String> {
    use base64::Engine as _;
    let text = authorization?.strip_prefix("Basic ")?;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).ok()?).ok()
}

impl FakeHost {
    fn token(&mut self, seen: &Seen, body: &Bytes, session: u64) -> Reply {
        let Login::Bearer {
            user,
            password,
            identity,
            anonymous,
            life,
        } = self.login.clone()
        else {
            return reply(404);
        };
        let login = decoded(seen.authorization.as_deref());
        let scopes: BTreeSet<String> = if seen.method == Method::POST {
            let form: BTreeMap<_, _> = url::form_urlencoded::parse(body).into_owned().collect();
            if form.get("grant_type").map(String::as_str) != Some("refresh_token")
                || form.get("refresh_token").map(String::as_str) != Some(identity)
            {
                return reply(400).body(r#"{"error":"invalid_grant"}"#);
            }
            form.get("scope")
                .map(|s| s.split(' ').map(str::to_owned).collect())
                .unwrap_or_default()
        } else {
            match login {
                Some(login) if login == format!("{user}:{password}") => {}
                None if anonymous => {}
                _ => {
                    return reply(401)
                        .body(r#"{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}"#);
                }
            }
            seen.url
                .query_pairs()
                .filter(|(n, _)| n == "scope")
                .map(|(_, v)| v.into_owned())
                .collect()
        };
        let token = format!("token-{session}");
        let until = tokio::time::Instant::now() + Duration::from_secs(life);
        self.held.tokens.insert(token.clone(), (until, scopes));
        reply(200).body(format!(r#"{{"token":"{token}","expires_in":{life}}}"#))
    }

    fn refuse(&self, name: &str, seen: &Seen) -> Option<Reply> {
        let repository = repository_of(&seen.url);
        match &self.login {
            Login::Open => None,
            Login::Basic(user, password) => {
                let good = decoded(seen.authorization.as_deref()) == Some(format!("{user}:{password}"));
                (!good).then(|| reply(401).header("www-authenticate", "Basic realm=\"fake\""))
            }
            Login::Bearer { .. } => {
                let writes = !matches!(seen.method, Method::GET | Method::HEAD);
                let needed = if writes { "pull,push" } else { "pull" };
                let mut wanted = vec![(repository.clone(), needed)];
                let mounts = seen.method == Method::POST;
                if let Some((_, from)) = seen.url.query_pairs().find(|(n, _)| mounts && n == "from") {
                    wanted.push((from.into_owned(), "pull"));
                }
                let token = seen.authorization.as_deref().and_then(|a| a.strip_prefix("Bearer "));
                let good = token
                    .and_then(|token| self.held.tokens.get(token))
                    .is_some_and(|(until, scopes)| {
                        *until > tokio::time::Instant::now()
                            && wanted.iter().all(|(repository, action)| {
                                !self.denied.contains(repository)
                                    && scopes.iter().any(|scope| {
                                        scope
                                            .strip_prefix(&format!("repository:{repository}:"))
                                            .is_some_and(|held| held.contains(action))
                                    })
                            })
                    });
                let scheme = format!(
                    "Bearer realm=\"https://auth.{name}/token\",service=\"{name}\",scope=\"repository:{repository}:{needed}\""
                );
                (!good).then(|| {
                    reply(401)
                        .header("www-authenticate", scheme)
                        .body(r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#)
                })
            }
        }
    }

    fn serve(&mut self, name: &str, role: &str, seen: &Seen, headers: &HeaderMap, body: Bytes, session: u64) -> Reply {
        let path = seen.url.path().trim_start_matches("/v2/").to_owned();
        let repository = repository_of(&seen.url);
        let rest = path
            .strip_prefix(&repository)
            .unwrap_or(&path)
            .trim_start_matches('/')
            .to_owned();
        let query: BTreeMap<String, String> = seen.url.query_pairs().into_owned().collect();
        let unknown =
            |code: &str| reply(404).body(format!(r#"{{"errors":[{{"code":"{code}","message":"unknown"}}]}}"#));
        if let Some(list) = self.list_or_delete(&repository, &rest, seen) {
            return list;
        }
        if let Some(digest) = rest.strip_prefix("blobs/").filter(|r| !r.starts_with("uploads")) {
            let Some(bytes) = digest
                .parse()
                .ok()
                .and_then(|d: Digest| self.held.blobs.get(&repository)?.get(&d).cloned())
            else {
                return unknown("BLOB_UNKNOWN");
            };
            if self.redirect_blobs && role != "cdn" && seen.method == Method::GET {
                return reply(307).header("location", format!("https://cdn.{name}{}?signature=s", seen.url.path()));
            }
            if let Some(from) = seen
                .range
                .as_deref()
                .filter(|_| self.ranges)
                .and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok())
            {
                if from >= bytes.len() {
                    return reply(416);
                }
                return reply(206)
                    .header(
                        "content-range",
                        format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len()),
                    )
                    .body(bytes.slice(from..));
            }
            return reply(200).header("docker-content-digest", digest).body(bytes);
        }
        if let Some(reference) = rest.strip_prefix("manifests/") {
            if seen.method == Method::PUT {
                return self.put_manifest(&repository, reference, headers, body);
            }
            let digest = reference
                .parse()
                .ok()
                .or_else(|| self.held.tags.get(&(repository.clone(), reference.to_owned())).cloned());
            let Some((digest, (media_type, bytes))) =
                digest.and_then(|d: Digest| Some((d.clone(), self.held.manifests.get(&repository)?.get(&d)?.clone())))
            else {
                return unknown("MANIFEST_UNKNOWN");
            };
            let reply = reply(200).header("content-type", media_type).body(bytes);
            return if self.digests {
                reply.header("docker-content-digest", digest.to_string())
            } else {
                reply
            };
        }
        match seen.method {
            Method::POST => {
                if let (Some(digest), Some(from)) = (query.get("mount"), query.get("from")) {
                    let digest: Digest = digest.parse().unwrap();
                    let held = self.held.blobs.get(from).and_then(|b| b.get(&digest)).cloned();
                    if let Some(bytes) = held.filter(|_| self.mounts) {
                        self.held
                            .blobs
                            .entry(repository.clone())
                            .or_default()
                            .insert(digest.clone(), bytes);
                        return reply(201).header("docker-content-digest", digest.to_string());
                    }
                }
                self.open_upload(name, &repository, session)
            }
            _ => self.serve_upload(name, seen, &query, &repository, body),
        }
    }

    fn put_manifest(&mut self, repository: &str, reference: &str, headers: &HeaderMap, body: Bytes) -> Reply {
        let media_type = headers.get("content-type").unwrap().to_str().unwrap().to_owned();
        let digest = Digest::of(&body);
        let children = crate::oci::manifest::children(&body, &media_type).unwrap();
        // Like registries do: children before parents.
        let blobs = self.held.blobs.get(repository);
        let manifests = self.held.manifests.get(repository);
        let whole = children
            .blobs
            .iter()
            .all(|b| blobs.is_some_and(|held| held.contains_key(&b.digest)))
            && children
                .manifests
                .iter()
                .all(|m| manifests.is_some_and(|held| held.contains_key(&m.digest)));
        if !whole {
            return reply(404).body(r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}"#);
        }
        if let Ok(named) = reference.parse::<Digest>() {
            if named != digest {
                return reply(400).body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"no match"}]}"#);
            }
        } else {
            self.held
                .tags
                .insert((repository.to_owned(), reference.to_owned()), digest.clone());
        }
        let answer = self.acknowledged(reply(201), &body);
        self.held
            .manifests
            .entry(repository.to_owned())
            .or_default()
            .insert(digest.clone(), (media_type, body));
        answer.header("docker-content-digest", digest.to_string())
    }
}

fn repository_of(url: &Url) -> String {
    let path = url.path().trim_start_matches("/v2/");
    ["/blobs/", "/manifests/", "/tags/", "/referrers/"]
        .iter()
        .find_map(|mark| path.find(mark).and_then(|at| path.get(..at)))
        .unwrap_or(path)
        .to_owned()
}
