//! The service in memory as transport, under virtual time.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::service::{Ask, Fault, Reply, Service};
use crate::oci::registry::transport::{Body, Request, Response, Transport, TransportError, TransportFailure};
use crate::oci::{ErrorKind, OciError};

/// A transport to a service in memory. Clones are the same service.
#[derive(Clone)]
pub(crate) struct Fake {
    service: Arc<Mutex<Service>>,
    start: Instant,
    /// So long is waited between pieces of a body.
    pace: Arc<Mutex<Duration>>,
}

impl Fake {
    /// With these containers.
    pub(crate) fn with_containers(names: &[&str]) -> Self {
        Self {
            service: Arc::new(Mutex::new(Service::with_containers(names))),
            start: Instant::now(),
            pace: Arc::default(),
        }
    }

    /// The service itself: to look at what it holds, to plant, to set faults.
    pub(crate) fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap()
    }

    /// Takes so long for each piece of a body from now on.
    pub(crate) fn pace(&self, pace: Duration) {
        *self.pace.lock().unwrap() = pace;
    }

    /// The service's time.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

fn broken(failure: TransportFailure, detail: &str) -> TransportError {
    TransportError {
        failure,
        detail: detail.to_owned(),
    }
}

#[async_trait::async_trait]
impl Transport for Fake {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let body = match request.body {
            Body::Bytes(bytes) => bytes,
            Body::Stream { mut stream, length } => {
                let mut all = BytesMut::new();
                while let Some(piece) = stream.next().await {
                    let pace = *self.pace.lock().unwrap();
                    tokio::time::sleep(pace).await;
                    all.extend_from_slice(&piece.map_err(|e| broken(TransportFailure::Broken, &e.detail))?);
                }
                assert_eq!(all.len() as u64, length, "as many bytes as were announced");
                all.freeze()
            }
        };
        let target = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        let headers = request.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let ask = Ask::new(request.method.as_str(), &target, headers, body);
        let fault = self.service().fault(&ask);
        let mut cut = None;
        match &fault {
            Some(Fault::ResetBefore) => {
                self.service().note(&ask, 0, 0);
                return Err(broken(TransportFailure::Broken, "connection reset"));
            }
            Some(Fault::Refused) => return Err(broken(TransportFailure::Connect, "connection refused")),
            Some(Fault::HangBefore) => {
                self.service().note(&ask, 0, 0);
                return std::future::pending().await;
            }
            Some(Fault::Slow(seconds)) => tokio::time::sleep(Duration::from_secs(*seconds)).await,
            Some(Fault::Cut(bytes)) => cut = Some(*bytes),
            _ => {}
        }
        let reply = match &fault {
            Some(Fault::Refuse(status, code, retry_after)) => {
                self.service().note(&ask, 0, *status);
                let mut reply = Reply::error(*status, code);
                if let Some(seconds) = retry_after {
                    reply = reply.with("retry-after", seconds.to_string());
                }
                reply
            }
            _ => self.service().answer(&ask, self.now()),
        };
        match fault {
            Some(Fault::ResetAfter) => return Err(broken(TransportFailure::Broken, "connection reset")),
            Some(Fault::HangAfter) => return std::future::pending().await,
            _ => Ok(response(&ask, reply, cut)),
        }
    }
}

fn response(ask: &Ask, reply: Reply, cut: Option<u64>) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in &reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    let head = ask.method == "HEAD";
    if !head {
        headers.insert(CONTENT_LENGTH, reply.body.len().into());
    }
    let whole = if head { Bytes::new() } else { reply.body };
    let body = match cut {
        Some(after) if (after as usize) < whole.len() => {
            let error = OciError::new(ErrorKind::Unreachable, "read", "answer", "the connection broke");
            stream::iter([Ok(whole.slice(..after as usize)), Err(error)]).boxed()
        }
        _ => stream::iter([Ok(whole)]).boxed(),
    };
    Response {
        status: StatusCode::from_u16(reply.status).unwrap(),
        headers,
        body,
    }
}
