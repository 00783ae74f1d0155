//! A file behind a URL that is only read, by ranges: the source of a copy, in a storage account or on any other web server.
//!
//! It is asked with GET alone (never HEAD: a pre-signed URL is signed for one method), and everything that is known of it comes
//! with the first range: its length, its entity tag and, where a storage account answers, type and metadata of the blob
//! (REST reference, "Get Blob"). Once an entity tag is known, later reads insist on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, RANGE};
use reqwest::{Method, StatusCode};
use url::Url;

use super::answer::Refusal;
use super::sas::{is_path_style, label_of};
use super::scrub::scrub_known;
use super::{BlobError, BlobErrorKind, BlobKind, ContainerAccess, Containers, Etag, FixedSas, PageBlob, Right, SasUrl};
use crate::oci::registry::retry::{Again, Tries, Trouble, again};
use crate::oci::registry::transport::{Body, Request, Response};
use crate::oci::registry::{Caller, Class};
use crate::oci::{ByteStream, ErrorKind, Job};

/// What is done, for errors.
const READ: &str = "read";
/// An error's own words are no longer than this.
const WORDS: usize = 8 * 1024;
/// Nobody waits longer for the words of an error.
const WORDS_TIME: std::time::Duration = std::time::Duration::from_secs(5);

/// A file behind a URL. Clones are the same.
#[derive(Clone)]
pub struct Remote {
    url: SasUrl,
    /// Where the URL came from: `the variable SOURCE`.
    origin: Arc<str>,
    containers: Containers,
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
    /// Nothing is asked yet. `origin` says where the URL came from: `the variable SOURCE`.
    pub fn new(containers: &Containers, url: SasUrl, origin: &str) -> Self {
        Self {
            url,
            origin: origin.into(),
            containers: containers.clone(),
        }
    }

    /// The URL.
    pub fn url(&self) -> &SasUrl {
        &self.url
    }

    /// Host and path, for people.
    pub fn label(&self) -> String {
        label_of(&self.url.place)
    }

    /// Where the URL came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The same as a blob in a container, to ask for its pages; `None` where the URL cannot be one.
    pub fn pages(&self) -> Option<PageBlob> {
        let (container, name) = split(&self.url.place)?;
        let access = ContainerAccess {
            url: SasUrl {
                place: container,
                query: self.url.query.clone(),
            },
            origin: self.origin.to_string(),
            generation: 0,
        };
        Some(self.containers.open(Arc::new(FixedSas(access))).blob(&name))
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
            Err(self
                .error(BlobErrorKind::Changed, "it is shorter than it was")
                .hint(AGAIN))
        }
    }

    async fn get(&self, range: Range<u64>, etag: Option<&Etag>, job: &Job) -> Result<Part, BlobError> {
        let caller = Caller::from(job);
        let stopped = || Err(self.error(BlobErrorKind::Interrupted, "stopped"));
        let mut tries = Tries::default();
        loop {
            let outcome = tokio::select! {
                biased;
                () = job.cancel.cancelled() => return stopped(),
                outcome = self.once(&range, etag, &caller) => outcome,
            };
            let trouble = match outcome {
                Ok(part) => return Ok(part),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(trouble)) => trouble,
            };
            let Some(delay) = self.containers.wire().next_try(&mut tries, trouble.again) else {
                let kind = match trouble.kind {
                    ErrorKind::Protocol => BlobErrorKind::Refused,
                    _ => BlobErrorKind::Unreachable,
                };
                let hint = trouble
                    .hint
                    .unwrap_or_else(|| "check the address and the network, then run again".into());
                return Err(self.error(kind, &trouble.detail).hint(hint));
            };
            if matches!(trouble.again, Again::Throttled(_)) {
                self.containers.gate(&self.url.place).throttled(delay);
            }
            caller.retrying(
                tries.failed(),
                delay,
                format!("{READ} {}: {}", self.label(), self.scrubbed(&trouble.detail)),
            );
            tokio::select! {
                () = job.cancel.cancelled() => return stopped(),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    async fn once(&self, range: &Range<u64>, etag: Option<&Etag>, caller: &Caller) -> Result<Part, Failure> {
        let request = self.request(range, etag)?;
        let gate = self.containers.gate(&self.url.place);
        let _place = gate.enter(Class::Download).await;
        gate.pause().await;
        let Response {
            status,
            headers,
            mut body,
        } = self
            .containers
            .wire()
            .exchange(request, caller)
            .await
            .map_err(Failure::Passing)?;
        let told = content_range(&headers);
        if status == StatusCode::RANGE_NOT_SATISFIABLE && range.start == 0 && told == Some((None, 0)) {
            return Ok(Part {
                facts: facts(&headers, 0),
                bytes: Bytes::new(),
            });
        }
        let whole = match (status, told) {
            (StatusCode::PARTIAL_CONTENT, Some((Some(from), whole))) if from == range.start => whole,
            (StatusCode::OK | StatusCode::PARTIAL_CONTENT, _) => {
                return Err(Failure::Final(
                    self.error(
                        BlobErrorKind::Refused,
                        "the server does not answer with the range it was asked for",
                    )
                    .hint("download the file by other means, and upload it"),
                ));
            }
            _ => return Err(self.refusal(status, &headers, body).await),
        };
        let expected = range.end.min(whole).saturating_sub(range.start);
        let mut bytes = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(0));
        while (bytes.len() as u64) < expected {
            match body.next().await {
                Some(Ok(piece)) => bytes.extend_from_slice(&piece),
                Some(Err(error)) => return Err(passing(format!("the answer broke off: {}", error.detail))),
                None => return Err(passing("the answer broke off".into())),
            }
        }
        if bytes.len() as u64 > expected {
            return Err(passing("the answer is longer than it says".into()));
        }
        gate.answered();
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
            let value =
                value.map_err(|_| Failure::Final(self.error(BlobErrorKind::Refused, "its entity tag is no header")))?;
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
    async fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: ByteStream) -> Failure {
        let refusal = Refusal::new(status, headers, &words_of(body).await);
        let said = format!("the server says {}", refusal.text());
        let again = again(status, headers);
        if again != Again::No {
            return Failure::Passing(Trouble {
                again,
                ..passing_trouble(said)
            });
        }
        let origin = &self.origin;
        Failure::Final(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let objection = self.url.objection(&[Right::Read], SystemTime::now());
                let detail = objection.map_or_else(|| said.clone(), |why| format!("{why} ({said})"));
                self.error(BlobErrorKind::Denied, &detail).hint(format!(
                    "put a URL into {origin} whose signature grants r (read) and is good now"
                ))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => self
                .error(BlobErrorKind::Absent, &said)
                .hint(format!("check the name in the URL of {origin}")),
            StatusCode::PRECONDITION_FAILED => self
                .error(
                    BlobErrorKind::Changed,
                    "412, it is not what it was when it was looked at",
                )
                .hint(AGAIN),
            _ => self
                .error(BlobErrorKind::Refused, &said)
                .hint(format!("check the URL in {origin}")),
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
        kind: ErrorKind::Unreachable,
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
    let (range, whole) = text(headers, CONTENT_RANGE.as_str())?
        .strip_prefix("bytes ")?
        .split_once('/')?;
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

/// The beginning of an error's body.
async fn words_of(mut body: ByteStream) -> Bytes {
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
    let _ = tokio::time::timeout(WORDS_TIME, reading).await;
    read.freeze()
}

/// Container and name of the blob that a URL names. An emulator has the account in front of both.
fn split(place: &Url) -> Option<(Url, String)> {
    let segments: Vec<&str> = place.path_segments()?.collect();
    let before = if is_path_style(place) { 2 } else { 1 };
    let (container, name) = segments.split_at_checked(before)?;
    if name.is_empty() || segments.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    let name = name.join("/");
    let name = percent_encoding::percent_decode_str(&name)
        .decode_utf8()
        .ok()?
        .into_owned();
    let mut url = place.clone();
    url.set_path(&container.join("/"));
    Some((url, name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_url_is_split_into_container_and_blob() {
        for (url, expected) in [
            (
                "https://a.blob.core.windows.net/c/b.vhd",
                Some(("https://a.blob.core.windows.net/c", "b.vhd")),
            ),
            (
                "https://a.blob.core.windows.net/c/x/y%20z.vhd",
                Some(("https://a.blob.core.windows.net/c", "x/y z.vhd")),
            ),
            (
                "http://127.0.0.1:1/acc/c/b.vhd",
                Some(("http://127.0.0.1:1/acc/c", "b.vhd")),
            ),
            ("http://127.0.0.1:1/acc/c", None),
            ("https://a.blob.core.windows.net/c", None),
            ("https://a.blob.core.windows.net/c/", None),
            ("https://a.blob.core.windows.net/", None),
        ] {
            let found = split(&Url::parse(url).unwrap()).map(|(place, name)| (place.to_string(), name));
            let expected = expected.map(|(place, name)| (place.to_owned(), name.to_owned()));
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        for (text, expected) in [
            ("bytes 0-511/1024", Some((Some(0), 1024))),
            ("bytes */0", Some((None, 0))),
            ("bytes 5-9/*", None),
            ("pages 0-1/2", None),
            ("bytes 0-511", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, text.parse().unwrap());
            assert_eq!(content_range(&headers), expected, "{text}");
        }
    }

    #[test]
    fn a_weak_entity_tag_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, "W/\"1\"".parse().unwrap());
        assert_eq!(facts(&headers, 1).etag, None);
        headers.insert(ETAG, "\"1\"".parse().unwrap());
        assert_eq!(facts(&headers, 1).etag, Some(Etag("\"1\"".into())));
    }
}
