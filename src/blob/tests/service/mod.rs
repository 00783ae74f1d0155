//! A storage account in memory, as far as page blobs need one: the wire in, the wire out, without sockets and without a clock of
//! its own. Used below the unit tests as transport, and over sockets by the integration tests.
//!
//! Written from the REST reference; shares no code with the product. Conditions, leases and limits are enforced as the real
//! service does, also where the emulator does not (4 MiB a write, paging of page ranges, copies that take time).

mod answer;
mod blob;
mod copy;
mod faults;
mod lease;
mod operations;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use bytes::Bytes;

pub use self::answer::Reply;
pub use self::blob::{Blob, Content, Kind};
pub use self::copy::CopyPlan;
pub use self::faults::{Fault, Rule, Storm};

/// A request as it arrives.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// `PUT`.
    pub method: String,
    /// `/container/blob`, decoded; an emulator's account in front is left out.
    pub path: String,
    /// Parameters, decoded.
    pub query: BTreeMap<String, String>,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Bytes,
}

impl Ask {
    /// Reads method, target (path and query) and headers.
    pub fn new(method: &str, target: &str, headers: impl Iterator<Item = (String, String)>, body: Bytes) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = percent_encoding::percent_decode_str(path)
            .decode_utf8_lossy()
            .into_owned();
        let path = path
            .strip_prefix("/devstoreaccount1")
            .map_or(path.clone(), str::to_owned);
        Self {
            method: method.to_owned(),
            path,
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
            body,
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// In words, as tests count it: `PUT page`, `GET pagelist`, `HEAD`.
    pub fn name(&self) -> String {
        match (self.parameter("comp"), self.header("x-ms-copy-source")) {
            (Some("page"), _) if self.header("x-ms-page-write") == Some("clear") => format!("{} clear", self.method),
            (Some(comp), _) => format!("{} {comp}", self.method),
            (None, Some(_)) => format!("{} copy", self.method),
            (None, None) => self.method.clone(),
        }
    }

    /// Start and end (exclusive) of the range that is asked for.
    pub fn range(&self) -> Option<(u64, u64)> {
        let text = self.header("x-ms-range").or_else(|| self.header("range"))?;
        let (start, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let start = start.parse().ok()?;
        let end = if last.is_empty() {
            u64::MAX
        } else {
            last.parse::<u64>().ok()? + 1
        };
        Some((start, end))
    }
}

/// What was asked and answered, for tests to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// [`Ask::name`].
    pub name: String,
    /// `/container/blob`.
    pub path: String,
    /// The range that it was about.
    pub range: Option<(u64, u64)>,
    /// Bytes of the request's body.
    pub sent: u64,
    /// Bytes of the answer's body.
    pub answered: u64,
    /// The status; 0 where there was no answer.
    pub status: u16,
}

/// The account.
#[derive(Default)]
pub struct Service {
    /// By `/container/blob`.
    pub blobs: BTreeMap<String, Blob>,
    /// Containers that are there, as `/container`.
    pub containers: BTreeSet<String>,
    /// Signatures that are refused.
    pub refused: HashSet<String>,
    /// Ranges on a page of the list, where the request does not want fewer.
    pub ranges_per_page: Option<usize>,
    /// How copies go from now on.
    pub copies: CopyPlan,
    /// What goes wrong, first match first.
    pub rules: Vec<Rule>,
    /// What goes wrong by chance.
    pub storm: Option<Storm>,
    /// All requests.
    pub log: Vec<Entry>,
    tags: u64,
    copy_ids: u64,
}

impl Service {
    /// An account with these containers.
    pub fn with_containers(names: &[&str]) -> Self {
        Self {
            containers: names.iter().map(|name| format!("/{name}")).collect(),
            ..Self::default()
        }
    }

    /// What is to go wrong with this request.
    pub fn fault(&mut self, ask: &Ask) -> Option<Fault> {
        if let Some(at) = self.rules.iter().position(|rule| rule.wants(ask)) {
            let rule = &mut self.rules[at];
            let fault = rule.fault.clone();
            if rule.passed < rule.after {
                rule.passed += 1;
            } else {
                rule.times -= 1;
                if rule.times == 0 {
                    self.rules.remove(at);
                }
                return Some(fault);
            }
        }
        self.storm.as_mut().and_then(|storm| storm.strike(ask))
    }

    /// Answers; `now` is the time since the account was made.
    pub fn answer(&mut self, ask: &Ask, now: Duration) -> Reply {
        let reply = self.operate(ask, now).unwrap_or_else(|refusal| refusal);
        self.note(ask, reply.body.len() as u64, reply.status);
        reply
    }

    /// Writes a request down.
    pub fn note(&mut self, ask: &Ask, answered: u64, status: u16) {
        self.log.push(Entry {
            name: ask.name(),
            path: ask.path.clone(),
            range: ask.range(),
            sent: ask.body.len() as u64,
            answered,
            status,
        });
    }

    /// How many requests of this name ([`Ask::name`]) were made.
    pub fn count(&self, name: &str) -> usize {
        self.log.iter().filter(|entry| entry.name == name).count()
    }

    /// Bytes that arrived as pages.
    pub fn page_bytes(&self) -> u64 {
        self.log
            .iter()
            .filter(|entry| entry.name == "PUT page")
            .map(|entry| entry.sent)
            .sum()
    }

    /// Puts a page blob there, as somebody else would.
    pub fn plant(&mut self, path: &str, length: u64, pages: &[(u64, Bytes)]) -> &mut Blob {
        let mut content = Content::zeros(length);
        for (offset, bytes) in pages {
            content.write(*offset, bytes.clone());
        }
        let etag = self.next_tag();
        self.blobs.insert(path.to_owned(), Blob::new(Kind::Page, content, etag));
        self.blobs.get_mut(path).expect("just put there")
    }

    pub(self) fn next_tag(&mut self) -> String {
        self.tags += 1;
        format!("\"0x8D{:012X}\"", self.tags)
    }
}
