//! One request with its time limits, counted; below it only the transport.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reqwest::{Method, Url};
use tokio::time::Instant;

use super::host::PlainHttp;
use super::retry::{Again, RetryPolicy, Tries, Trouble};
use super::transport::{Body, Request, Response, Transport};
use super::upload::UploadPolicy;
use crate::event::{Event, Events, Silent};
use crate::oci::backoff::Jitter;
use crate::oci::{ByteStream, ErrorKind, Job, OciError};

/// On whose behalf requests are made.
#[derive(Clone)]
pub struct Caller {
    step: Arc<str>,
    events: Events,
    requests: Arc<AtomicU64>,
}

impl From<&Job> for Caller {
    fn from(job: &Job) -> Self {
        Self {
            step: Arc::clone(&job.step),
            events: Arc::clone(&job.events),
            requests: Arc::clone(&job.requests),
        }
    }
}

impl Caller {
    /// On behalf of all: counted for no step.
    pub fn nobody() -> Self {
        Self {
            step: Arc::from(""),
            events: Arc::new(Silent),
            requests: Arc::default(),
        }
    }

    /// Tells a detail that only `-v` shows.
    pub fn detail(&self, text: String) {
        self.events.emit(Event::Detail(text));
    }

    /// Tells that something is tried again.
    pub fn retrying(&self, attempt: u32, delay: Duration, why: String) {
        self.events.emit(Event::StepRetry {
            step: Arc::clone(&self.step),
            attempt,
            delay,
            why,
        });
    }
}

/// What all clients of a run share.
pub struct Wire {
    transport: Arc<dyn Transport>,
    jitter: Mutex<Jitter>,
    sent: AtomicU64,
    /// When and how often to try again.
    pub policy: RetryPolicy,
    /// When and how blobs are cut.
    pub uploads: UploadPolicy,
    /// Who may be reached without TLS.
    pub plain_http: PlainHttp,
}

impl Wire {
    /// A wire over a transport.
    pub fn new(
        transport: Arc<dyn Transport>,
        policy: RetryPolicy,
        uploads: UploadPolicy,
        plain_http: PlainHttp,
        seed: u64,
    ) -> Self {
        Self {
            transport,
            jitter: Mutex::new(Jitter::new(seed)),
            sent: AtomicU64::new(0),
            policy,
            uploads,
            plain_http,
        }
    }

    /// Requests sent so far, by everybody.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The wait before the next try, or `None` to give up.
    pub fn next_try(&self, tries: &mut Tries, again: Again) -> Option<Duration> {
        let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        tries.next(again, &self.policy, &mut jitter)
    }

    /// A wait of up to `most`, for spreading out what would otherwise come together.
    pub fn up_to(&self, most: Duration) -> Duration {
        let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        jitter.up_to(most)
    }

    /// Sends one request. The answer's body fails, too, when nothing arrives for too long.
    pub async fn exchange(&self, request: Request, caller: &Caller) -> Result<Response, Trouble> {
        self.check_scheme(&request.url)?;
        self.exchange_even_plain(request, caller).await
    }

    /// The same without asking whether the host may be reached without TLS: the caller knows that it may.
    pub async fn exchange_even_plain(&self, mut request: Request, caller: &Caller) -> Result<Response, Trouble> {
        crate::durable::boundary(&format!("request {} {}", request.method, request.url.path()));
        caller.requests.fetch_add(1, Ordering::Relaxed);
        self.sent.fetch_add(1, Ordering::Relaxed);
        // A PUT without a body completes an upload that was sent in parts: the registry may hash all of it now.
        let completes =
            request.method == Method::PUT && matches!(&request.body, Body::Bytes(bytes) if bytes.is_empty());
        let pulse = Arc::new(Pulse::new(completes));
        request.body = match request.body {
            Body::Stream { length, stream } => Body::Stream {
                length,
                stream: pulse.watch(stream, length),
            },
            body @ Body::Bytes(_) => body,
        };
        let answer = tokio::select! {
            answer = self.transport.send(request) => answer.map_err(|error| Trouble::of_transport(&error)),
            idle = pulse.stopped(&self.policy) => Err(Trouble::timed_out(idle)),
        }?;
        let idle = self.policy.idle;
        Ok(Response {
            body: within(answer.body, idle),
            ..answer
        })
    }

    fn check_scheme(&self, url: &Url) -> Result<(), Trouble> {
        if url.scheme() == "https" || url.scheme() == "http" && self.plain_http.allows(url) {
            return Ok(());
        }
        Err(Trouble {
            kind: ErrorKind::Protocol,
            detail: format!(
                "{}://{} would be reached without TLS",
                url.scheme(),
                url.host_str().unwrap_or_default()
            ),
            hint: Some("list the host as plain-http in [network] if that is meant".to_owned()),
            again: Again::No,
        })
    }
}

/// A body that fails when nothing arrives for `idle`.
fn within(body: ByteStream, idle: Duration) -> ByteStream {
    stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        match tokio::time::timeout(idle, body.next()).await {
            Ok(Some(Ok(piece))) => Some((Ok(piece), Some(body))),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(None) => None,
            Err(_) => {
                let detail = format!("nothing arrived for {} s", idle.as_secs());
                Some((
                    Err(OciError::new(ErrorKind::Unreachable, "read", "answer", detail)),
                    None,
                ))
            }
        }
    })
    .boxed()
}

/// Notices when nothing moves any more. Time in which the *source* of an upload is waited for does not count: it
/// has limits of its own.
struct Pulse {
    start: Instant,
    /// Milliseconds after `start`.
    last: AtomicU64,
    waiting_for_source: AtomicBool,
    /// All of an upload was sent; the registry has work to do before it answers.
    all_sent: AtomicBool,
}

impl Pulse {
    fn new(all_sent: bool) -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            waiting_for_source: AtomicBool::new(false),
            all_sent: AtomicBool::new(all_sent),
        }
    }

    fn beat(&self) {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
    }

    fn watch(self: &Arc<Self>, mut body: ByteStream, length: u64) -> ByteStream {
        let pulse = Arc::clone(self);
        let mut left = length;
        stream::poll_fn(move |context| {
            let polled = body.poll_next_unpin(context);
            pulse.waiting_for_source.store(polled.is_pending(), Ordering::Relaxed);
            if let std::task::Poll::Ready(item) = &polled {
                pulse.beat();
                let sent = item
                    .as_ref()
                    .and_then(|piece| piece.as_ref().ok())
                    .map_or(0, Bytes::len);
                left = left.saturating_sub(sent as u64);
                pulse.all_sent.store(left == 0, Ordering::Relaxed);
            }
            polled
        })
        .boxed()
    }

    /// Returns when nothing has moved for too long, with how long that was.
    async fn stopped(&self, policy: &RetryPolicy) -> Duration {
        loop {
            let limit = if self.all_sent.load(Ordering::Relaxed) {
                policy.idle_upload
            } else {
                policy.idle
            };
            if self.waiting_for_source.load(Ordering::Relaxed) {
                self.beat();
            }
            let until = self.start + Duration::from_millis(self.last.load(Ordering::Relaxed)) + limit;
            if Instant::now() >= until {
                return limit;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}
