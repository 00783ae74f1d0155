//! The way of a request: from the official client, which knows no signature, to the wire, and the answer back.
//!
//! One carrier serves one call of the client. It adds the signature when a request goes out, tries again where that may help
//! (the client's own retries are off: their budget is elapsed time, so that one slow try would be the last), asks the source
//! for another signature when one is refused, and takes signatures out of whatever comes back. It reads every answer whole,
//! within a limit, so that a body that breaks off is tried again like everything else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use azure_core::error::{Error, ErrorKind as AzureKind};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body as AzureBody, HttpClient, Request as AzureRequest};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, StatusCode};

use super::answer::Refusal;
use super::denied::explain;
use super::scrub::{scrub, scrub_known};
use super::{BlobError, BlobErrorKind, ContainerAccess, Right, SasSource, SasUrl};
use crate::oci::ErrorKind;
use crate::oci::registry::retry::{Again, Tries, Trouble, again};
use crate::oci::registry::transport::{Body, Request, Response};
use crate::oci::registry::{Caller, Class, Gate, Wire};

/// A body goes out in pieces of this size, so that it is noticed when one does not move any more, and only then.
const PIECE: usize = 256 * 1024;
/// Damaged on the way more often than this is damaged before.
const DAMAGED: u32 = 2;
/// A source may hand out another signature this often for one request.
const RENEWALS: u32 = 2;
const COPY_SOURCE: &str = "x-ms-copy-source";

/// What is asked for, as far as the client does not say it.
pub struct Ask {
    /// In words, for messages: `write pages of`.
    pub operation: &'static str,
    /// On what, for messages.
    pub target: String,
    /// The rights it needs.
    pub needs: &'static [Right],
    /// What it is for the host's gate.
    pub class: Class,
    /// At most this many bytes are taken as answer.
    pub limit: usize,
    /// The answer has to have just this many.
    pub exact: Option<u64>,
    /// What the client named as source of a copy, with its signature.
    pub copy_source: Option<SasUrl>,
}

/// Carries the requests of one call.
pub struct Carrier {
    wire: Arc<Wire>,
    gate: Arc<Gate>,
    source: Arc<dyn SasSource>,
    caller: Caller,
    ask: Ask,
    failure: Mutex<Option<BlobError>>,
    unsure: AtomicBool,
}

/// An answer, read whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// What became of one try.
enum Tried {
    Good(Answer),
    Refused(Refusal, HeaderMap),
    Failed(Trouble),
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Carrier({} {})", self.ask.operation, self.ask.target)
    }
}

impl Carrier {
    /// A carrier for one call.
    pub fn new(wire: Arc<Wire>, gate: Arc<Gate>, source: Arc<dyn SasSource>, caller: Caller, ask: Ask) -> Self {
        Self {
            wire,
            gate,
            source,
            caller,
            ask,
            failure: Mutex::default(),
            unsure: AtomicBool::new(false),
        }
    }

    /// Why the call failed, in our words; the client's own error tells less.
    pub fn failure(&self) -> Option<BlobError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Did a try end without anybody knowing whether it took effect? Then a later try may have met its traces.
    pub fn unsure(&self) -> bool {
        self.unsure.load(Ordering::Relaxed)
    }

    fn error(&self, kind: BlobErrorKind, detail: impl AsRef<str>) -> BlobError {
        BlobError::new(kind, self.ask.operation, &self.ask.target, detail)
    }

    async fn carry(&self, request: &AzureRequest) -> Result<Answer, BlobError> {
        let (mut tries, mut renewals, mut damaged) = (Tries::default(), 0, 0);
        loop {
            let access = self.source.get().await?;
            let trouble = match self.once(request, &access).await? {
                Tried::Good(answer) => {
                    self.gate.answered();
                    self.source.accepted(access.generation);
                    return Ok(answer);
                }
                Tried::Refused(refusal, _) if matches!(refusal.status.as_u16(), 401 | 403) => {
                    if renewals < RENEWALS && self.source.rejected(access.generation).await {
                        renewals += 1;
                        continue;
                    }
                    return Err(self.denied(&refusal, &access));
                }
                Tried::Refused(refusal, headers) => {
                    let mut again = again(refusal.status, &headers);
                    if refusal.is_damage() && damaged < DAMAGED {
                        damaged += 1;
                        again = Again::Passing;
                    }
                    (self.refused(&refusal, &access), again)
                }
                Tried::Failed(trouble) => {
                    let mut error = self.error(kind_of(trouble.kind), self.clean(&trouble.detail, &access));
                    error.hint = trouble.hint;
                    (error, trouble.again)
                }
            };
            let (mut error, again) = trouble;
            let Some(delay) = self.wire.next_try(&mut tries, again) else {
                if tries.failed() > 1 {
                    error.detail = format!("{} ({} tries)", error.detail, tries.failed());
                }
                return Err(error);
            };
            if again != Again::Connect {
                self.unsure.store(true, Ordering::Relaxed);
            }
            if matches!(again, Again::Throttled(_)) {
                self.gate.throttled(delay);
            }
            self.caller.retrying(tries.failed(), delay, error.to_string());
            tokio::time::sleep(delay).await;
        }
    }

    /// One request and its whole answer.
    async fn once(&self, request: &AzureRequest, access: &ContainerAccess) -> Result<Tried, BlobError> {
        let request = self.outgoing(request, access)?;
        let is_head = request.method == Method::HEAD;
        let _place = self.gate.enter(self.ask.class).await;
        self.gate.pause().await;
        let response = match self.wire.exchange(request, &self.caller).await {
            Ok(response) => response,
            Err(trouble) => return Ok(Tried::Failed(trouble)),
        };
        let good = response.status.is_success();
        let exact = self.ask.exact.filter(|_| good);
        let (status, headers) = (response.status, response.headers.clone());
        let body = match read(response, self.ask.limit, exact.filter(|_| !is_head)).await {
            Ok(body) => body,
            // The status says enough.
            Err(_) if !good => Bytes::new(),
            Err(trouble) => return Ok(Tried::Failed(trouble)),
        };
        if good {
            return Ok(Tried::Good(Answer { status, headers, body }));
        }
        Ok(Tried::Refused(Refusal::new(status, &headers, &body), headers))
    }

    /// The request as it goes to the service, with the signature.
    fn outgoing(&self, request: &AzureRequest, access: &ContainerAccess) -> Result<Request, BlobError> {
        let refused = |what: &str| self.error(BlobErrorKind::Refused, format!("{what} cannot be sent"));
        let mut url = request.url().clone();
        let query = match url.query().filter(|query| !query.is_empty()) {
            Some(query) => format!("{query}&{}", access.url.query.expose()),
            None => access.url.query.expose().to_owned(),
        };
        url.set_query(Some(&query));
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers().iter() {
            let name = HeaderName::from_bytes(name.as_str().as_bytes()).map_err(|_| refused("a header"))?;
            // The first follows from the body; the second would tell the service about this machine.
            if name == CONTENT_LENGTH || name == USER_AGENT {
                continue;
            }
            let value = match &self.ask.copy_source {
                Some(source) if name == COPY_SOURCE => {
                    let mut full = source.place.clone();
                    full.set_query(Some(source.query.expose()).filter(|query| !query.is_empty()));
                    let mut value = HeaderValue::from_str(full.as_str()).map_err(|_| refused("the source's URL"))?;
                    value.set_sensitive(true);
                    value
                }
                _ => Some(value.as_str())
                    .filter(|text| text.is_ascii())
                    .and_then(|text| HeaderValue::from_str(text).ok())
                    .ok_or_else(|| refused(&format!("the header {name} with characters that are not ASCII")))?,
            };
            headers.insert(name, value);
        }
        let bytes = match request.body() {
            AzureBody::Bytes(bytes) => bytes.clone(),
            AzureBody::SeekableStream(_) => return Err(refused("a stream")),
        };
        Ok(Request {
            method: Method::from_bytes(request.method().as_ref().as_bytes()).map_err(|_| refused("this method"))?,
            url,
            headers,
            body: body_of(bytes),
        })
    }

    fn refused(&self, refusal: &Refusal, access: &ContainerAccess) -> BlobError {
        let mut error = self.error(refusal.kind(), self.clean(&refusal.text(), access));
        error.hint = hint_of(error.kind, access);
        error
    }

    fn denied(&self, refusal: &Refusal, access: &ContainerAccess) -> BlobError {
        // What the service could not read may be the source of a copy rather than the target.
        if refusal.kind() != BlobErrorKind::Denied {
            return self.refused(refusal, access);
        }
        let explained = explain(refusal, access, self.ask.needs, SystemTime::now());
        let mut error = self.error(explained.kind, self.clean(&explained.detail, access));
        error.hint = self.source.remedy().or(explained.hint);
        error
    }

    fn clean(&self, text: &str, access: &ContainerAccess) -> String {
        let mut queries = vec![access.url.query.expose()];
        queries.extend(self.ask.copy_source.as_ref().map(|source| source.query.expose()));
        scrub_known(text, &queries)
    }
}

#[async_trait::async_trait]
impl HttpClient for Carrier {
    async fn execute_request(&self, request: &AzureRequest) -> azure_core::Result<AsyncRawResponse> {
        match self.carry(request).await {
            Ok(answer) => Ok(AsyncRawResponse::from_bytes(
                answer.status.as_u16().into(),
                client_headers(&answer.headers),
                answer.body,
            )),
            Err(error) => {
                let told = Error::with_message(AzureKind::Other, error.to_string());
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
                Err(told)
            }
        }
    }
}

/// Reads an answer whole: at most `limit` bytes, and just `exact` where that is known.
async fn read(response: Response, limit: usize, exact: Option<u64>) -> Result<Bytes, Trouble> {
    let corrupt = |detail: String| Trouble {
        kind: ErrorKind::Corrupt,
        detail,
        hint: None,
        again: Again::No,
    };
    let announced = response
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if let (Some(exact), Some(announced)) = (exact, announced)
        && exact != announced
    {
        return Err(corrupt(format!(
            "{announced} bytes are announced where {exact} were asked for"
        )));
    }
    let mut read = BytesMut::with_capacity(
        exact
            .and_then(|exact| usize::try_from(exact).ok())
            .unwrap_or(0)
            .min(limit),
    );
    let mut body = response.body;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Trouble {
            kind: error.kind,
            detail: format!("the answer broke off: {}", error.detail),
            hint: error.hint,
            again: Again::Passing,
        })?;
        if piece.len() > limit.saturating_sub(read.len()) {
            return Err(corrupt(format!("the answer is longer than {limit} bytes")));
        }
        read.extend_from_slice(&piece);
    }
    match exact {
        Some(exact) if exact != read.len() as u64 => Err(corrupt(format!(
            "{} bytes arrived where {exact} were asked for",
            read.len()
        ))),
        _ => Ok(read.freeze()),
    }
}

/// The body in pieces; a small one at once.
fn body_of(bytes: Bytes) -> Body {
    if bytes.len() <= PIECE {
        return Body::Bytes(bytes);
    }
    let length = bytes.len() as u64;
    let pieces = stream::unfold(bytes, |mut left| async move {
        if left.is_empty() {
            return None;
        }
        let piece = left.split_to(PIECE.min(left.len()));
        Some((Ok(piece), left))
    });
    Body::Stream {
        length,
        stream: pieces.boxed(),
    }
}

/// The headers of an answer for the client: no signature in any, not even of the source of an earlier copy, which the service
/// repeats in full.
fn client_headers(headers: &HeaderMap) -> Headers {
    let mut clean = Headers::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        let value = if name == COPY_SOURCE {
            value.split('?').next().unwrap_or_default().to_owned()
        } else {
            scrub(value)
        };
        clean.insert(name.as_str().to_owned(), value);
    }
    clean
}

fn kind_of(kind: ErrorKind) -> BlobErrorKind {
    match kind {
        ErrorKind::Cancelled => BlobErrorKind::Interrupted,
        ErrorKind::Corrupt | ErrorKind::TooLarge => BlobErrorKind::Corrupt,
        ErrorKind::Disk => BlobErrorKind::Local,
        ErrorKind::Protocol => BlobErrorKind::Refused,
        ErrorKind::Absent => BlobErrorKind::Absent,
        ErrorKind::Conflict => BlobErrorKind::Changed,
        ErrorKind::Denied | ErrorKind::BadCredentials => BlobErrorKind::Denied,
        ErrorKind::Throttled | ErrorKind::Server | ErrorKind::Unreachable => BlobErrorKind::Unreachable,
    }
}

fn hint_of(kind: BlobErrorKind, access: &ContainerAccess) -> Option<String> {
    match kind {
        BlobErrorKind::NoContainer => Some(format!(
            "create the container {} first: a container's signature cannot",
            access.container()
        )),
        BlobErrorKind::Leased => {
            Some("somebody else is writing it: wait for their end, at most a minute after they stop".into())
        }
        _ => None,
    }
}
