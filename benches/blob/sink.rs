//! A storage account that throws pages away: it remembers only where some were written, so that it can be asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::support::http::Response;
use super::support::server::{After, Exchange, Server};

/// A running sink.
pub struct Sink {
    server: Server,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    blob: Mutex<Option<Blob>>,
    arrived: AtomicU64,
    requests: AtomicU64,
}

/// The one blob.
#[derive(Default)]
struct Blob {
    length: u64,
    writes: u64,
    metadata: Vec<(String, String)>,
    /// Start and end of what was written, neighbours joined.
    written: BTreeMap<u64, u64>,
}

impl Sink {
    pub fn start() -> Self {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let server = Server::start(move |exchange| shared.handle(exchange));
        Self { server, state }
    }

    /// The URL of a container or blob, with something like a signature.
    pub fn url(&self, resource: &str) -> String {
        let kind = if resource.contains('/') { "b" } else { "c" };
        format!(
            "http://{}/devstoreaccount1/{resource}?sv=2024-11-04&sr={kind}&sp=rcw&se=2100-01-01&sig=none",
            self.server.address()
        )
    }

    /// Bytes of pages that arrived.
    pub fn arrived(&self) -> u64 {
        self.state.arrived.load(Ordering::SeqCst)
    }

    /// Requests that were made.
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }
}

impl State {
    fn blob(&self) -> MutexGuard<'_, Option<Blob>> {
        self.blob.lock().expect("the blob")
    }

    fn handle(&self, exchange: &mut Exchange<'_>) -> After {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let mut room = [0; 64 * 1024];
        let mut arrived = 0;
        while let Ok(read @ 1..) = exchange.body.read(&mut room) {
            arrived += read as u64;
        }
        let head = &exchange.head;
        let header = |name: &str| head.headers.get(name).unwrap_or_default().to_owned();
        let own: Vec<(String, String)> = head
            .headers
            .0
            .iter()
            .filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-ms-meta-"))
            .cloned()
            .collect();
        let comp = |what: &str| head.target.contains(&format!("comp={what}"));
        let mut held = self.blob();
        let response = match (head.method.as_str(), held.as_mut()) {
            ("PUT", Some(blob)) if comp("pagelist") || comp("page") => {
                self.arrived.fetch_add(arrived, Ordering::SeqCst);
                let range = [header("x-ms-range"), header("range")].concat();
                let range = range.trim_start_matches("bytes=").split_once('-');
                let (start, last) = range.expect("a range");
                blob.write(
                    start.parse().expect("a start"),
                    last.parse::<u64>().expect("an end") + 1,
                );
                blob.described(201)
            }
            ("PUT", Some(blob)) if comp("metadata") => {
                blob.metadata = own;
                blob.writes += 1;
                blob.described(200)
            }
            ("PUT", Some(blob)) if comp("lease") => {
                let id = [header("x-ms-proposed-lease-id"), header("x-ms-lease-id")].concat();
                let acquired = header("x-ms-lease-action") == "acquire";
                blob.described(if acquired { 201 } else { 200 })
                    .with("x-ms-lease-id", &id)
            }
            ("PUT", _) if !head.target.contains("comp=") => {
                let blob = held.insert(Blob {
                    length: header("x-ms-blob-content-length").parse().expect("a length"),
                    metadata: own,
                    ..Blob::default()
                });
                blob.described(201)
            }
            ("GET", Some(blob)) if comp("pagelist") => blob.page_list(),
            ("HEAD", Some(blob)) => blob.described(200).with("content-length", &blob.length.to_string()),
            (_, None) => Response::new(404, "").with("x-ms-error-code", "BlobNotFound"),
            _ => Response::new(400, "").with("x-ms-error-code", "UnsupportedHere"),
        };
        drop(held);
        exchange.answer(&response)
    }
}

impl Blob {
    fn write(&mut self, start: u64, end: u64) {
        self.writes += 1;
        let (mut start, mut end) = (start, end);
        if let Some((before, until)) = self.written.range(..=start).next_back().map(|(a, b)| (*a, *b))
            && until >= start
        {
            start = before;
            end = end.max(until);
        }
        if let Some(until) = self.written.remove(&end) {
            end = until;
        }
        self.written.insert(start, end);
    }

    fn described(&self, status: u16) -> Response {
        let mut response = Response::new(status, "")
            .with("etag", &format!("\"0x{:X}\"", self.writes + 1))
            .with("last-modified", "Tue, 01 Jan 2030 00:00:00 GMT")
            .with("x-ms-blob-type", "PageBlob")
            .with("x-ms-version", "2024-11-04")
            .with("x-ms-request-id", "1")
            .with("date", "Tue, 01 Jan 2030 00:00:00 GMT");
        for (name, value) in &self.metadata {
            response = response.with(name, value);
        }
        response
    }

    fn page_list(&self) -> Response {
        let mut text = "<?xml version=\"1.0\" encoding=\"utf-8\"?><PageList>".to_owned();
        for (start, end) in &self.written {
            write!(
                text,
                "<PageRange><Start>{start}</Start><End>{}</End></PageRange>",
                end - 1
            )
            .expect("a string");
        }
        text.push_str("</PageList>");
        let described = self.described(200);
        let mut response = Response::new(200, text).with("content-type", "application/xml");
        for (name, value) in described.headers.0 {
            if !name.eq_ignore_ascii_case("content-length") {
                response = response.with(&name, &value);
            }
        }
        response
    }
}
