//! Sending one blob: small ones in one streamed PUT, large ones in chunks (see [`super::chunked`]).
//!
//! The last piece is held back until digest and size are right, so an upload of damaged content is never completed. A
//! try that fails leaves unknown what arrived: the registry is asked, then the blob is sent again from the source.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt as _, stream};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use super::answer::{trouble_of, words_of};
use super::chunked;
use super::client::Ask;
use super::feed::Feed;
use super::gate::{Class, Permit};
use super::repository::{Repository, Upload, digest_header};
use super::retry::{Again, Tries, Trouble};
use super::transport::Response;
use super::wire::Caller;
use crate::oci::{ByteStream, Content, Descriptor, ErrorKind, Job, OciError, verified};

/// The smallest chunk a registry takes (distribution-spec, "Pushing a blob in chunks").
const MIN_LENGTH_HEADER: &str = "oci-chunk-min-length";

/// When and how blobs are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadPolicy {
    /// Blobs of up to this many bytes go in one PUT: fewest requests, but a break loses all of it. With a break every
    /// 512 MiB, half of 96 MiB is lost each time, which is less than a tenth.
    pub whole_up_to: u64,
    /// Bytes of a chunk. A registry that keeps only whole chunks loses half of one at each break, and the same tenth
    /// must not be exceeded; smaller ones cost round trips and, at some registries, a sync each.
    pub chunk: u64,
}

impl Default for UploadPolicy {
    fn default() -> Self {
        Self {
            whole_up_to: 96 << 20,
            chunk: 32 << 20,
        }
    }
}

impl UploadPolicy {
    /// As set by `AOSM_WHOLE_UP_TO` and `AOSM_CHUNK` (bytes), which are for tests; what is no number is left out.
    pub fn from_env() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let usual = Self::default();
        Self {
            whole_up_to: number("AOSM_WHOLE_UP_TO").unwrap_or(usual.whole_up_to),
            chunk: number("AOSM_CHUNK").unwrap_or(usual.chunk).max(1),
        }
    }
}

/// What is known about a registry's taking blobs in chunks.
#[derive(Debug, Default)]
pub struct Chunking {
    refused: AtomicBool,
    works: AtomicBool,
}

impl Chunking {
    /// It does not take them: everything goes in one PUT from now on.
    pub fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    /// It took one.
    pub fn accept(&self) {
        self.works.store(true, Ordering::Relaxed);
    }

    /// Has it ever taken one?
    pub fn works(&self) -> bool {
        self.works.load(Ordering::Relaxed)
    }

    fn may_be_tried(&self) -> bool {
        !self.refused.load(Ordering::Relaxed)
    }
}

/// An upload that a registry has opened.
#[derive(Debug, Clone)]
pub struct Session {
    /// Where the next request of this upload goes; each answer may name another place.
    pub url: Url,
    /// No chunk but the last may be shorter.
    pub min_chunk: u64,
}

impl Session {
    /// From the answer to the request that opened it.
    pub fn new(url: Url, headers: &HeaderMap) -> Self {
        let min = headers.get(MIN_LENGTH_HEADER).and_then(|value| value.to_str().ok());
        Self {
            url,
            min_chunk: min.and_then(|text| text.trim().parse().ok()).unwrap_or(0),
        }
    }
}

/// A place at the host, and a source that was asked already: what the first try goes on with.
pub struct Ready {
    /// An upload's.
    pub permit: Permit,
    /// The whole blob, verified.
    pub source: ByteStream,
}

/// Sends a blob into an upload that was opened for it.
pub async fn send(
    repository: &Repository,
    blob: &Descriptor,
    session: Session,
    mut ready: Option<Ready>,
    from: &Arc<dyn Content>,
    job: &Job,
) -> Result<(), OciError> {
    let client = &repository.client;
    let mut session = Some(session);
    if blob.size > client.wire().uploads.whole_up_to
        && client.chunking.may_be_tried()
        && let Some(opened) = session.take()
    {
        // Chunks take a place of their own, and nobody waits for one while holding another.
        drop(ready.take());
        let feed = Feed::in_parts(from, blob, job);
        match chunked::send(repository, blob, opened, &feed, job).await? {
            chunked::Sent::Done => return Ok(()),
            // The rest of this function opens an upload of its own.
            chunked::Sent::Refused => client.chunking.refuse(),
        }
    }
    whole(repository, blob, session, ready, from, job).await
}

/// One PUT with everything, as often as needed.
async fn whole(
    repository: &Repository,
    blob: &Descriptor,
    mut session: Option<Session>,
    mut ready: Option<Ready>,
    from: &Arc<dyn Content>,
    job: &Job,
) -> Result<(), OciError> {
    let caller = Caller::from(job);
    let client = &repository.client;
    let mut tries = Tries::default();
    loop {
        let opened = match session.take() {
            Some(session) => session,
            None => match repository.start_upload(blob, None, &caller).await? {
                Upload::Session(session) => session,
                Upload::Mounted => return Ok(()),
            },
        };
        let (error, again) = match put(repository, blob, opened.url, ready.take(), from, job).await {
            Ok(()) => {
                client.gate.answered();
                return Ok(());
            }
            Err(Unsent::For(error)) => return Err(error),
            Err(Unsent::Unknown(error, again)) => (error, again),
        };
        let Some(delay) = client.wire().next_try(&mut tries, again) else {
            return Err(error);
        };
        if matches!(again, Again::Throttled(_)) {
            client.gate.throttled(delay);
        }
        caller.retrying(tries.failed(), delay, error.to_string());
        tokio::time::sleep(delay).await;
        if repository.has_blob(blob, &caller).await? {
            return Ok(());
        }
    }
}

async fn put(
    repository: &Repository,
    blob: &Descriptor,
    url: Url,
    ready: Option<Ready>,
    from: &Arc<dyn Content>,
    job: &Job,
) -> Result<(), Unsent> {
    let client = &repository.client;
    let ask = closing(repository, blob, url).map_err(Unsent::For)?;
    let Ready { permit, mut source } = match ready {
        Some(ready) => ready,
        None => Ready {
            permit: client.gate.enter(Class::Upload).await,
            source: verified(from, blob, job),
        },
    };
    if blob.size == 0 {
        // Nothing to stream, but the digest must be that of nothing.
        if let Some(Err(error)) = source.next().await {
            return Err(Unsent::For(error));
        }
    }
    let feed = Feed::once(source, job);
    let body = feed.body(0, blob.size);
    let sent = client.upload(&ask, blob.size, body, &Caller::from(job)).await;
    let outcome = feed.stop();
    feed.close();
    drop(permit);
    // When the source failed, the broken upload is only its consequence.
    if let Some(error) = outcome.failed {
        return Err(Unsent::For(error));
    }
    let response = match sent {
        Ok(response) => response,
        Err(Ok(trouble)) => return Err(Unsent::of(client.error(&ask, &trouble), trouble.again)),
        Err(Err(error)) => return Err(Unsent::For(error)),
    };
    judge(response, blob, outcome.complete, |trouble| client.error(&ask, trouble)).await
}

/// The PUT that completes an upload.
pub fn closing(repository: &Repository, blob: &Descriptor, url: Url) -> Result<Ask, OciError> {
    let mut ask = asking(repository, blob, Method::PUT, url)?;
    ask.url.query_pairs_mut().append_pair("digest", blob.digest.as_str());
    ask.headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(ask)
}

/// A request to an upload.
pub fn asking(repository: &Repository, blob: &Descriptor, method: Method, url: Url) -> Result<Ask, OciError> {
    let what = format!(" blob {}", blob.digest.short());
    let mut ask = repository.ask("upload blob", &what, method, "blobs/uploads/")?;
    ask.url = url;
    Ok(ask)
}

/// The body of a request that has none.
pub fn nothing() -> ByteStream {
    stream::empty().boxed()
}

/// Why a request of an upload did not do it.
pub enum Unsent {
    /// For good.
    For(OciError),
    /// Nobody knows what arrived; may be tried again.
    Unknown(OciError, Again),
}

impl Unsent {
    /// By what the trouble says.
    pub fn of(error: OciError, again: Again) -> Self {
        if again == Again::No {
            Self::For(error)
        } else {
            Self::Unknown(error, again)
        }
    }
}

/// What the answer to the PUT that completes an upload means. `complete`: its body was handed over whole.
pub async fn judge(
    response: Response,
    blob: &Descriptor,
    complete: bool,
    error: impl Fn(&Trouble) -> OciError,
) -> Result<(), Unsent> {
    let passing = |kind: ErrorKind, detail: String| {
        let trouble = Trouble {
            kind,
            detail,
            hint: None,
            again: Again::Passing,
        };
        Err(Unsent::Unknown(error(&trouble), Again::Passing))
    };
    if response.status.is_success() {
        if !complete {
            return passing(
                ErrorKind::Protocol,
                format!("{} before all was sent", response.status.as_u16()),
            );
        }
        return match digest_header(&response.headers, "") {
            Ok(Some(stored)) if stored != blob.digest => passing(
                ErrorKind::Corrupt,
                format!("the registry stored {stored} instead of {}", blob.digest),
            ),
            // An unreadable digest is as good as none: the upload was named by the digest that we hashed.
            _ => Ok(()),
        };
    }
    let words = words_of(response.body).await;
    let mut trouble = trouble_of(response.status, &response.headers, &words, false);
    // The upload session may be gone or confused (404, 416), a token may have run out (401), the bytes may have
    // been damaged on the way (400 DIGEST_INVALID): a new session helps or fails for good.
    let session = matches!(
        response.status,
        StatusCode::NOT_FOUND | StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST
    );
    if session {
        trouble.again = Again::Passing;
        if trouble.kind == ErrorKind::Absent {
            // The repository is there, or the upload could not have been opened.
            trouble.kind = ErrorKind::Server;
        }
    }
    Err(Unsent::of(error(&trouble), trouble.again))
}
