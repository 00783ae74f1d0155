//! Page blobs over sockets with faults: what the emulator cannot do. Copies that take time or fail, a busy service, resets in a
//! body, silence, slow links, pages of page ranges, the limit of a write.
//!
//! The service itself is the one that the unit tests use in memory; it shares no code with the product.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::http::Response;
use super::server::{After, Exchange, Server};

#[path = "../../src/blob/tests/service/mod.rs"]
pub mod service;

#[allow(unused_imports, reason = "names for the tests that set faults")]
pub use service::{CopyPlan, Entry, Fault, Rule, Service, Storm};

use service::{Ask, Reply};

/// The signature that its URLs have; a service refuses it when it is told to ([`Service::refused`]).
pub const SIGNATURE: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQ/+Q==";

/// A running server.
pub struct BlobServer {
    server: Server,
    state: Arc<State>,
}

struct State {
    service: Mutex<Service>,
    start: Instant,
    /// Bytes a second that are read of a request's body, each connection by itself.
    rate: Mutex<Option<u64>>,
}

impl BlobServer {
    /// With these containers.
    pub fn start(containers: &[&str]) -> Self {
        let state = Arc::new(State {
            service: Mutex::new(Service::with_containers(containers)),
            start: Instant::now(),
            rate: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let server = Server::start(move |exchange| shared.handle(exchange));
        Self { server, state }
    }

    /// The service: to look at what it holds and what was asked, to plant, to set faults.
    pub fn service(&self) -> MutexGuard<'_, Service> {
        self.state.service.lock().expect("the service")
    }

    /// Reads bodies no faster from now on.
    pub fn slow(&self, bytes_per_second: u64) {
        *self.state.rate.lock().expect("the rate") = Some(bytes_per_second);
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.server.address()
    }

    /// The URL of a container, or of a blob (`container/blob`), with a signature and all rights.
    pub fn url(&self, resource: &str) -> String {
        self.url_with(resource, "racwd")
    }

    /// The same with these rights.
    pub fn url_with(&self, resource: &str, rights: &str) -> String {
        let kind = if resource.contains('/') { "b" } else { "c" };
        let signature: String = url::form_urlencoded::byte_serialize(SIGNATURE.as_bytes()).collect();
        format!(
            "http://{}/devstoreaccount1/{resource}?sv=2024-11-04&sr={kind}&sp={rights}&se=2100-01-01&sig={signature}",
            self.host()
        )
    }

    /// How many requests of this name were made ([`Ask::name`]: `PUT page`, `GET pagelist`, `HEAD`).
    pub fn count(&self, name: &str) -> usize {
        self.service().count(name)
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Service> {
        self.service.lock().expect("the service")
    }

    fn handle(&self, exchange: &mut Exchange<'_>) -> After {
        let head = exchange.head.clone();
        let ask = |body: Bytes| Ask::new(&head.method, &head.target, head.headers.0.clone().into_iter(), body);
        let early = ask(Bytes::new());
        let fault = self.lock().fault(&early);
        let silent = |sent: u64| {
            let body = Bytes::from(vec![0; usize::try_from(sent).unwrap_or(0)]);
            self.lock().note(&ask(body), 0, 0);
        };
        match &fault {
            Some(Fault::ResetBefore | Fault::Refused) => {
                // In the middle of the body, where there is one.
                let mut some = vec![0; 64 * 1024];
                let read = exchange.body.read(&mut some).unwrap_or(0);
                silent(read as u64);
                return After::Reset;
            }
            Some(Fault::HangBefore) => {
                let read = exchange.read_body().len();
                silent(read as u64);
                return exchange.hang();
            }
            Some(Fault::Slow(seconds)) => std::thread::sleep(Duration::from_secs(*seconds)),
            _ => {}
        }
        let ask = ask(self.read(exchange));
        let reply = match &fault {
            Some(Fault::Refuse(status, code, retry_after)) => {
                self.lock().note(&ask, 0, *status);
                let reply = Reply::error(*status, code);
                match retry_after {
                    Some(seconds) => reply.with("retry-after", seconds.to_string()),
                    None => reply,
                }
            }
            _ => self.lock().answer(&ask, self.start.elapsed()),
        };
        match fault {
            Some(Fault::ResetAfter) => After::Reset,
            Some(Fault::HangAfter) => exchange.hang(),
            Some(Fault::Cut(after)) => cut(exchange, &head.method, &reply, after),
            _ => exchange.answer(&response(&reply)),
        }
    }

    fn read(&self, exchange: &mut Exchange<'_>) -> Bytes {
        let rate = *self.rate.lock().expect("the rate");
        let Some(rate) = rate else {
            return exchange.read_body().into();
        };
        let (mut all, mut piece) = (Vec::new(), vec![0; usize::try_from(rate / 20 + 1).unwrap_or(1024)]);
        while let Ok(read @ 1..) = exchange.body.read(&mut piece) {
            all.extend_from_slice(&piece[..read]);
            std::thread::sleep(Duration::from_millis(50));
        }
        all.into()
    }
}

fn response(reply: &Reply) -> Response {
    let mut response = Response::new(reply.status, reply.body.to_vec());
    for (name, value) in &reply.headers {
        response.headers.set(name, value);
    }
    response
}

/// All of the head, so many bytes of the body, and a reset.
fn cut(exchange: &mut Exchange<'_>, method: &str, reply: &Reply, after: u64) -> After {
    let mut bytes = Vec::new();
    response(reply).write(method, &mut bytes).expect("written to memory");
    let head = bytes
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .map_or(bytes.len(), |at| at + 4);
    let whole = bytes.len() - head;
    if whole == 0 {
        let _ = exchange.out.write_all(&bytes);
        return After::Keep;
    }
    let kept = head + usize::try_from(after).unwrap_or(usize::MAX).min(whole - 1);
    let _ = exchange.out.write_all(&bytes[..kept]);
    let _ = exchange.out.flush();
    // A reset that comes at once may overtake what was sent.
    std::thread::sleep(Duration::from_millis(20));
    After::Reset
}
