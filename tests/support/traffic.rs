//! Requests as tests count them: which endpoint, which repository, what came of it.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// What a request is about, by the endpoints of the OCI distribution specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Ping,
    Manifest,
    Blob,
    Upload,
    /// A POST that asks for a mount; whether it was granted is in the status (201).
    Mount,
    Tags,
    Referrers,
    /// The list of repositories.
    Catalog,
    /// ACR's own API, below `/acr/v1/`.
    Acr,
    Token,
    Other,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Entry {
    pub method: String,
    pub path: String,
    pub query: String,
    /// 0 while there is no answer.
    pub status: u16,
    /// The `Authorization` header, where the observer sees headers.
    pub authorization: Option<String>,
    /// Bytes of the request's body that arrived, and of the answer's that the registry gave, where the observer sees bodies.
    pub uploaded: u64,
    pub downloaded: u64,
    pub what: What,
    /// Empty where there is none.
    pub repository: String,
    /// Tag or digest; empty where there is none.
    pub reference: String,
}

impl Entry {
    pub fn new(method: &str, target: &str, status: u16) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (what, repository, reference) = classify(method, path, query);
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            status,
            authorization: None,
            uploaded: 0,
            downloaded: 0,
            what,
            repository: repository.to_owned(),
            reference: reference.to_owned(),
        }
    }

    /// `GET manifest`, `HEAD blob`, `POST upload`, `PUT upload`, `POST mount`, …
    pub fn label(&self) -> String {
        format!("{} {}", self.method, format!("{:?}", self.what).to_lowercase())
    }

    pub fn is(&self, label: &str) -> bool {
        self.label() == label
    }
}

fn classify<'a>(method: &str, path: &'a str, query: &str) -> (What, &'a str, &'a str) {
    if let Some(rest) = path.strip_prefix("/acr/v1/") {
        let ends = [
            rest.find("/_tags"),
            rest.find("/_manifests"),
            rest.starts_with('_').then_some(0),
        ];
        let end = ends.into_iter().flatten().min().unwrap_or(rest.len());
        return (What::Acr, &rest[..end], "");
    }
    let Some(rest) = path.strip_prefix("/v2/") else {
        let what = match path {
            "/v2" => What::Ping,
            _ if path.ends_with("/token") => What::Token,
            _ => What::Other,
        };
        return (what, "", "");
    };
    match rest {
        "" => return (What::Ping, "", ""),
        "_catalog" => return (What::Catalog, "", ""),
        _ => {}
    }
    if let Some((repository, _)) = rest.split_once("/blobs/uploads/") {
        let mount = method == "POST" && query.split('&').any(|pair| pair.starts_with("mount="));
        return (if mount { What::Mount } else { What::Upload }, repository, "");
    }
    for (middle, what) in [
        ("/manifests/", What::Manifest),
        ("/blobs/", What::Blob),
        ("/referrers/", What::Referrers),
    ] {
        if let Some((repository, reference)) = rest.rsplit_once(middle) {
            return (what, repository, reference);
        }
    }
    match rest.strip_suffix("/tags/list") {
        Some(repository) => (What::Tags, repository, ""),
        None => (What::Other, "", ""),
    }
}

/// A point in the traffic; what came after it can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(pub(super) usize);

/// Requests, in the order they were seen.
#[derive(Debug, Clone, Default)]
pub struct Traffic(pub Vec<Entry>);

impl Traffic {
    /// Only those about repositories that begin with `prefix`: tests share servers, each in repositories of its own.
    pub fn under(&self, prefix: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|e| e.repository.starts_with(prefix))
                .cloned()
                .collect(),
        )
    }

    /// How many have this label ([`Entry::label`]).
    pub fn count(&self, label: &str) -> usize {
        self.0.iter().filter(|e| e.is(label)).count()
    }

    /// Mounts that were granted.
    pub fn mounts(&self) -> usize {
        self.0
            .iter()
            .filter(|e| e.what == What::Mount && e.status == 201)
            .count()
    }

    /// All but tokens and pings.
    pub fn data_path(&self) -> usize {
        self.0
            .iter()
            .filter(|e| !matches!(e.what, What::Ping | What::Token))
            .count()
    }

    /// Bytes of blobs that were sent to the registry, as far as they came.
    pub fn uploaded(&self) -> u64 {
        let uploads = self.0.iter().filter(|e| e.what == What::Upload);
        uploads.map(|e| e.uploaded).sum()
    }

    /// How many of each label: for assertions that show everything when they fail.
    pub fn labels(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in &self.0 {
            *counts.entry(entry.label()).or_default() += 1;
        }
        counts
    }
}

/// Where an observer writes requests down.
#[derive(Debug, Default)]
pub struct Log(Mutex<Vec<Entry>>);

impl Log {
    /// Notes a request; the number is for [`Log::answered`].
    pub fn note(&self, entry: Entry) -> usize {
        let mut entries = self.0.lock().expect("the log");
        entries.push(entry);
        entries.len() - 1
    }

    pub fn answered(&self, number: usize, status: u16) {
        self.0.lock().expect("the log")[number].status = status;
    }

    pub fn uploaded(&self, number: usize, bytes: u64) {
        self.0.lock().expect("the log")[number].uploaded = bytes;
    }

    pub fn downloaded(&self, number: usize, bytes: u64) {
        self.0.lock().expect("the log")[number].downloaded = bytes;
    }

    pub fn mark(&self) -> Mark {
        Mark(self.0.lock().expect("the log").len())
    }

    pub fn since(&self, mark: Mark) -> Traffic {
        Traffic(self.0.lock().expect("the log")[mark.0..].to_vec())
    }
}
