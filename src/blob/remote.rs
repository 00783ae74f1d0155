//! A file behind a URL that is only read, by ranges: the source of a copy, in a storage account or on any other web server.
//!
//! It is asked with GET alone (never HEAD: a pre-signed URL is signed for one method), and everything that is known of it comes
//! with the first range: its length, its entity tag and, where a storage account answers, type and metadata of the blob
//! (REST reference, "Get Blob"). Once an entity tag is known, later reads insist on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, RANGE};
use reqwest::{Method, StatusCode};

use super::scrub::scrub_known;
use super::{BlobError, BlobErrorKind, BlobKind, Etag, Right, SasUrl};
use crate::durable;
use crate::event::Event;
use crate::oci::Job;
use crate::oci::backoff::Jitter;
use crate::oci::registry::is_loopback;
use crate::oci::registry::retry::{Again, RetryPolicy, Tries, Trouble, again};
use crate::oci::registry::transport::{Body, Request, Response, Transport};

/// What is done, for errors.
const READ: &str = "read";
/// An error's own words are no longer than this.
const WORDS: usize = 2048;

/// A file behind a URL.
#[derive(Clone)]
pub struct Remote {
    url: SasUrl,
    /// Where the URL came from: `the variable SOURCE`.
    origin: String,
    transport: Arc<dyn Transport>,
    policy: RetryPolicy,
    /// May this be asked without TLS?
    plain: bool,
    jitter: Arc<Mutex<Jitter>>,
}

/// What a server says of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFacts {
    /// Bytes.
    pub length: u64,
    /// Entity tag, where it gives a strong one.
    pub etag: Option<Etag>,
    /// Type of the blob, where it is one.
    pub kind: Option<BlobKind>,
    /// Metadata of the blob; names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// A copy into it has not ended.
    pub unfinished: bool,
}

/// A range with what came along.
struct Part {
    facts: RemoteFacts,
    bytes: Bytes,
}

impl Remote {
    /// Nothing is asked yet. `plain`: it may be asked without TLS even where it is not this machine.
    pub fn new(url: SasUrl, origin: impl Into<String>, transport: Arc<dyn Transport>, plain: bool) -> Self {
        Self {
            url,
            origin: origin.into(),
            transport,
            policy: RetryPolicy::default(),
            plain,
            jitter: Arc::new(Mutex::new(Jitter::new(Jitter::process_seed()))),
        }
    }

    /// With another patience: for tests.
    #[must_use]
    pub fn patience(mut self, policy: RetryPolicy, seed: u64) -> Self {
        self.policy = policy;
        self.jitter = Arc::new(Mutex::new(Jitter::new(seed)));
        self
    }

    /// The URL.
    pub fn url(&self) -> &SasUrl {
        &self.url
    }

    /// Host and path, for people.
    pub fn label(&self) -> String {
        super::sas::label_of(&self.url.place)
    }

    /// Where the URL came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What is there, and its first bytes, at most so many.
    pub async fn look(&self, first: u64, job: &Job) -> Result<(RemoteFacts, Bytes), BlobError> {
        let part = self.get(0..first.max(1), None, job).await?;
        Ok((part.facts, part.bytes))
    }

    /// Bytes of a range, all of them, in memory: for ranges of a few MiB. `etag`: the state it has to be.
    pub async fn read(&self, range: Range<u64>, etag: Option<&Etag>, job: &Job) -> Result<Bytes, BlobError> {
        let expected = range.end.saturating_sub(range.start);
        let part = self.get(range, etag, job).await?;
        if part.bytes.len() as u64 == expected {
            Ok(part.bytes)
        } else {
            Err(self.error(BlobErrorKind::Changed, "it is shorter than it was").hint(AGAIN))
        }
    }

    async fn get(&self, range: Range<u64>, etag: Option<&Etag>, job: &Job) -> Result<Part, BlobError> {
        if self.url.place.scheme() == "http" && !self.plain && !is_loopback(self.url.place.host_str().unwrap_or_default()) {
            return Err(self
                .error(BlobErrorKind::Refused, "it would be reached without TLS")
                .hint("list the host as plain-http in [network] if that is meant"));
        }
        let mut tries = Tries::default();
        loop {
            let trouble = tokio::select! {
                biased;
                () = job.cancel.cancelled() => return Err(self.error(BlobErrorKind::Interrupted, "stopped")),
                tried = self.once(&range, etag, job) => match tried {
                    Ok(part) => return Ok(part),
                    Err(Failure::Final(error)) => return Err(error),
                    Err(Failure::Passing(trouble)) => trouble,
                },
            };
            let delay = {
                let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
                tries.next(trouble.again, &self.policy, &mut jitter)
            };
            let Some(delay) = delay else {
                let error = self.error(BlobErrorKind::Unreachable, &trouble.detail);
                return Err(match trouble.hint {
                    Some(hint) => error.hint(hint),
                    None => error.hint("check the address and the network, then run again"),
                });
            };
            job.events.emit(Event::StepRetry {
                step: Arc::clone(&job.step),
                attempt: tries.failed(),
                delay,
                why: self.scrubbed(&trouble.detail),
            });
            tokio::select! {
                () = job.cancel.cancelled() => return Err(self.error(BlobErrorKind::Interrupted, "stopped")),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    async fn once(&self, range: &Range<u64>, etag: Option<&Etag>, job: &Job) -> Result<Part, Failure> {
        durable::boundary(&format!("request GET {}", self.url.place.path()));
        job.requests.fetch_add(1, Ordering::Relaxed);
        let idle = self.policy.idle;
        let answer = tokio::time::timeout(idle, self.transport.send(self.request(range, etag)?))
            .await
            .map_err(|_| Failure::Passing(Trouble::timed_out(idle)))?
            .map_err(|error| Failure::Passing(Trouble::of_transport(&error)))?;
        let Response { status, headers, mut body } = answer;
        if status == StatusCode::RANGE_NOT_SATISFIABLE
            && content_range(&headers).is_some_and(|(_, whole)| whole == 0 && range.start == 0)
        {
            return Ok(Part {
                facts: facts(&headers, 0),
                bytes: Bytes::new(),
            });
        }
        let whole = match (status, content_range(&headers)) {
            (StatusCode::PARTIAL_CONTENT, Some((Some(from), whole))) if from == range.start => whole,
            (StatusCode::OK | StatusCode::PARTIAL_CONTENT, _) => {
                let error = self.error(BlobErrorKind::Refused, "the server does not answer with the range it was asked for");
                return Err(Failure::Final(error.hint("only a server that answers ranges will do: download the file, and upload it")));
            }
            _ => return Err(self.refusal(status, &headers, body).await),
        };
        let expected = range.end.min(whole).saturating_sub(range.start);
        let mut bytes = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(0));
        while (bytes.len() as u64) < expected {
            let next = tokio::time::timeout(idle, body.next())
                .await
                .map_err(|_| Failure::Passing(Trouble::timed_out(idle)))?;
            match next {
                Some(Ok(piece)) => bytes.extend_from_slice(&piece),
                Some(Err(error)) => return Err(passing(error.detail)),
                None => return Err(passing("the answer broke off".into())),
            }
        }
        if bytes.len() as u64 > expected {
            return Err(passing("the answer is longer than it says".into()));
        }
        Ok(Part {
            facts: facts(&headers, whole),
            bytes: bytes.freeze(),
        })
    }

    fn request(&self, range: &Range<u64>, etag: Option<&Etag>) -> Result<Request, Failure> {
        let mut url = self.url.place.clone();
        url.set_query(Some(self.url.query.expose()).filter(|query| !query.is_empty()));
        let mut headers = HeaderMap::new();
        let mut put = |name: HeaderName, text: &str| {
            let value = HeaderValue::from_str(text);
            let value = value.map_err(|_| Failure::Final(self.error(BlobErrorKind::Refused, "its entity tag is no header")))?;
            headers.insert(name, value);
            Ok(())
        };
        put(RANGE, &format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))?;
        if let Some(etag) = etag {
            put(IF_MATCH, &etag.0)?;
        }
        if self.url.field("sv").is_some() {
            // Ranges behave as described from this version of the service on; the signature's own need not be newer.
            put(HeaderName::from_static("x-ms-version"), "2021-12-02")?;
        }
        Ok(Request {
            method: Method::GET,
            url,
            headers,
            body: Body::Bytes(Bytes::new()),
        })
    }

    /// What another status than that of a range means.
    async fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: crate::oci::ByteStream) -> Failure {
        let code = text(headers, "x-ms-error-code").unwrap_or_default();
        let words = match code {
            "" => first_line(body).await,
            code => code.to_owned(),
        };
        let said = match words.as_str() {
            "" => format!("it says {status}"),
            words => format!("it says {status}, {words}"),
        };
        let again = again(status, headers);
        if again != Again::No {
            return Failure::Passing(Trouble {
                again,
                ..passing_trouble(said)
            });
        }
        Failure::Final(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let objection = self.url.objection(&[Right::Read], SystemTime::now());
                let detail = objection.map_or(said.clone(), |why| format!("{said}: {why}"));
                self.error(BlobErrorKind::Denied, &detail)
                    .hint(format!("put a URL with a signature that grants r (read) and is good now into {}", self.origin))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => self
                .error(BlobErrorKind::Absent, &said)
                .hint(format!("check the name in the URL of {}", self.origin)),
            StatusCode::PRECONDITION_FAILED => self
                .error(BlobErrorKind::Changed, "somebody wrote to it while it was read")
                .hint(AGAIN),
            _ => self
                .error(BlobErrorKind::Refused, &said)
                .hint(format!("check the URL in {}", self.origin)),
        })
    }

    fn error(&self, kind: BlobErrorKind, detail: &str) -> BlobError {
        BlobError::new(kind, READ, self.label(), self.scrubbed(detail))
    }

    fn scrubbed(&self, text: &str) -> String {
        scrub_known(text, &[self.url.query.expose()])
    }
}

const AGAIN: &str = "run again when nobody writes to the source any more";

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({})", self.label())
    }
}

enum Failure {
    Final(BlobError),
    Passing(Trouble),
}

fn passing(detail: String) -> Failure {
    Failure::Passing(passing_trouble(detail))
}

fn passing_trouble(detail: String) -> Trouble {
    Trouble {
        kind: crate::oci::ErrorKind::Unreachable,
        detail,
        hint: None,
        again: Again::Passing,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// First byte (`None` in an answer without content) and whole length (RFC 9110, 14.4).
fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, u64)> {
    let (range, whole) = text(headers, CONTENT_RANGE.as_str())?.strip_prefix("bytes ")?.split_once('/')?;
    let from = range.split_once('-').and_then(|(from, _)| from.trim().parse().ok());
    Some((from, whole.trim().parse().ok()?))
}

fn facts(headers: &HeaderMap, length: u64) -> RemoteFacts {
    let kind = text(headers, "x-ms-blob-type").map(|kind| match kind {
        "PageBlob" => BlobKind::Page,
        other => BlobKind::Other(other.chars().take(64).collect()),
    });
    let metadata = headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-ms-meta-")?;
            Some((name.to_ascii_lowercase(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    // A weak tag does not tell two states apart byte by byte.
    let strong = text(headers, ETAG.as_str()).filter(|tag| !tag.starts_with("W/") && !tag.is_empty());
    RemoteFacts {
        length,
        etag: strong.map(|tag| Etag(tag.to_owned())),
        kind,
        metadata,
        unfinished: text(headers, "x-ms-copy-status").is_some_and(|status| status.eq_ignore_ascii_case("pending")),
    }
}

/// The beginning of an error's text; a page for people says nothing in one line.
async fn first_line(mut body: crate::oci::ByteStream) -> String {
    let mut read = BytesMut::new();
    let reading = async {
        while let Some(Ok(piece)) = body.next().await {
            let room = WORDS.saturating_sub(read.len()).min(piece.len());
            read.extend_from_slice(piece.get(..room).unwrap_or_default());
            if read.len() >= WORDS {
                break;
            }
        }
    };
    // What came until then is good enough.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(5), reading).await;
    let words = String::from_utf8_lossy(&read).into_owned();
    if words.trim_start().starts_with('<') {
        // S3 and storage accounts name the trouble in an element.
        let code = words.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        return code.map_or_else(String::new, |(code, _)| code.chars().take(80).collect());
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}
