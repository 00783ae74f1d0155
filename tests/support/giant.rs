//! Registries for blobs of any size, without a disk: one gives bytes that it makes up, the other hashes what it is given.

use std::collections::HashMap;
use std::io::{Read, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::json;

use super::http::{Response, ResponseHead};
use super::image::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Part};
use super::server::{After, Exchange, Server};

const BLOCK: u64 = 64 * 1024;

/// An image whose one layer is as large as you like.
#[derive(Clone)]
pub struct Giant {
    pub size: u64,
    pub layer: String,
    pub config: Part,
    pub manifest: Part,
}

impl Giant {
    /// Hashes the layer once.
    pub fn new(size: u64) -> Self {
        let mut context = Context::new(&SHA256);
        let mut at = 0;
        while at < size {
            let block = block(at, 0);
            let length = BLOCK.min(size - at);
            context.update(&block[..usize::try_from(length).expect("a block")]);
            at += length;
        }
        let layer = hex(context);
        let config = Part::new(OCI_CONFIG, br#"{"architecture":"amd64","os":"linux"}"#.to_vec());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.descriptor(),
            "layers": [{"mediaType": OCI_LAYER, "digest": layer, "size": size}],
        });
        let manifest = Part::new(OCI_MANIFEST, manifest.to_string().into_bytes());
        Self {
            size,
            layer,
            config,
            manifest,
        }
    }
}

/// The 64 KiB that begin at a multiple of 64 KiB; another edition has other bytes.
fn block(at: u64, edition: u64) -> Vec<u8> {
    static NOISE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let noise = NOISE.get_or_init(|| {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .flatten()
        .take(usize::try_from(BLOCK).expect("a block"))
        .collect()
    });
    let mut block = noise.clone();
    block[..8].copy_from_slice(&(at / BLOCK).to_le_bytes());
    block[8..16].copy_from_slice(&edition.to_le_bytes());
    block
}

fn hex(context: Context) -> String {
    let bytes: Vec<String> = context
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{}", bytes.concat())
}

/// How a [`Spring`] gives its layer.
#[derive(Default)]
pub struct Flow {
    /// The connection is reset whenever so many bytes were given since the last time; 0 for never.
    pub reset_every: AtomicU64,
    /// Only the first time.
    pub reset_once: AtomicBool,
    /// `Range` is not known: everything from the beginning, with 200.
    pub whole: AtomicBool,
    /// Ranges begin so many bytes later than was asked for, and say so.
    pub later: AtomicU64,
    /// From the second request on the bytes are others.
    pub changes: AtomicBool,
}

/// A registry that has one giant image under every name.
pub struct Spring {
    server: Server,
    pub flow: Arc<Flow>,
    given: Arc<AtomicU64>,
    opened: Arc<AtomicU64>,
}

impl Spring {
    pub fn of(giant: &Giant) -> Self {
        let (flow, given, opened) = (Arc::<Flow>::default(), Arc::<AtomicU64>::default(), Arc::default());
        let (giant, rules, count, opens) = (
            giant.clone(),
            Arc::clone(&flow),
            Arc::clone(&given),
            Arc::clone(&opened),
        );
        let server = Server::start(move |exchange| {
            let target = exchange.head.target.clone();
            if target.ends_with(&format!("/blobs/{}", giant.layer)) {
                return give(exchange, &giant, &rules, &count, &opens);
            }
            let manifest = target.contains("/manifests/") && !target.contains("/manifests/sha256-");
            let part = if manifest {
                Some(&giant.manifest)
            } else {
                Some(&giant.config).filter(|config| target.ends_with(&format!("/blobs/{}", config.digest)))
            };
            let answer = match part {
                Some(part) => Response::new(200, part.bytes.to_vec())
                    .with("Content-Type", &part.media_type)
                    .with("Docker-Content-Digest", &part.digest),
                None => Response::error(404, "NOT_FOUND", "no such thing"),
            };
            exchange.answer(&answer)
        });
        Self {
            server,
            flow,
            given,
            opened,
        }
    }

    pub fn host(&self) -> String {
        self.server.address()
    }

    /// Bytes of the layer that were given so far.
    pub fn given(&self) -> u64 {
        self.given.load(Ordering::SeqCst)
    }

    /// How often the layer was asked for.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::SeqCst)
    }
}

fn give(exchange: &mut Exchange<'_>, giant: &Giant, flow: &Flow, given: &AtomicU64, opened: &AtomicU64) -> After {
    let edition = opened.fetch_add(1, Ordering::SeqCst).min(1) * u64::from(flow.changes.load(Ordering::SeqCst));
    let asked = exchange
        .head
        .headers
        .get("Range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<u64>().ok())
        .filter(|_| !flow.whole.load(Ordering::SeqCst));
    let begin = asked.map_or(0, |asked| {
        (asked + flow.later.load(Ordering::SeqCst)).min(giant.size - 1)
    });
    let mut head = ResponseHead {
        status: if asked.is_some() { 206 } else { 200 },
        headers: Default::default(),
    };
    head.headers.set("Content-Length", &(giant.size - begin).to_string());
    if asked.is_some() {
        let range = format!("bytes {begin}-{}/{}", giant.size - 1, giant.size);
        head.headers.set("Content-Range", &range);
    }
    if head.write(exchange.out).is_err() {
        return After::Close;
    }
    let mut at = begin;
    while at < giant.size {
        let start = at / BLOCK * BLOCK;
        let block = block(start, edition);
        let end = (start + BLOCK).min(giant.size);
        let slice =
            &block[usize::try_from(at - start).expect("a block")..usize::try_from(end - start).expect("a block")];
        if exchange.out.write_all(slice).is_err() {
            return After::Close;
        }
        let before = given.fetch_add(slice.len() as u64, Ordering::SeqCst);
        let every = flow.reset_every.load(Ordering::SeqCst);
        let once = flow.reset_once.load(Ordering::SeqCst) && before >= every;
        if every > 0 && !once && before / every != (before + slice.len() as u64) / every {
            return After::Reset;
        }
        at = end;
    }
    After::Keep
}

/// How a [`Sink`] takes what it is given.
#[derive(Default)]
pub struct Drain {
    /// The connection is reset whenever so many bytes of blobs came in since the last time; 0 for never.
    pub reset_every: AtomicU64,
    /// Of a chunk that broke off nothing is kept.
    pub whole_chunks: AtomicBool,
}

struct Upload {
    context: Context,
    length: u64,
}

#[derive(Default)]
struct Held {
    /// `None` while a request has it.
    uploads: HashMap<String, Option<Upload>>,
    /// Digest and size of complete blobs.
    blobs: HashMap<String, u64>,
    manifests: HashMap<String, (String, Vec<u8>)>,
    requests: HashMap<String, usize>,
}

/// A registry that keeps nothing of a blob but its digest.
pub struct Sink {
    server: Server,
    pub drain: Arc<Drain>,
    held: Arc<Mutex<Held>>,
    received: Arc<AtomicU64>,
}

impl Sink {
    pub fn start() -> Self {
        let (drain, held, received) = (
            Arc::<Drain>::default(),
            Arc::<Mutex<Held>>::default(),
            Arc::<AtomicU64>::default(),
        );
        let (rules, kept, count) = (Arc::clone(&drain), Arc::clone(&held), Arc::clone(&received));
        let server = Server::start(move |exchange| take(exchange, &rules, &kept, &count));
        Self {
            server,
            drain,
            held,
            received,
        }
    }

    pub fn host(&self) -> String {
        self.server.address()
    }

    /// Bytes of blobs that came in so far, kept or not.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    /// The size of a blob that is there.
    pub fn blob(&self, digest: &str) -> Option<u64> {
        self.held.lock().expect("the sink").blobs.get(digest).copied()
    }

    /// The digest of the manifest under a tag.
    pub fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        let held = self.held.lock().expect("the sink");
        let (_, bytes) = held.manifests.get(&format!("{repository}:{tag}"))?;
        Some(super::sha256(bytes))
    }

    /// Uploads that are open.
    pub fn open(&self) -> usize {
        self.held.lock().expect("the sink").uploads.len()
    }

    /// Requests of a method to uploads.
    pub fn uploads(&self, method: &str) -> usize {
        let held = self.held.lock().expect("the sink");
        held.requests.get(method).copied().unwrap_or_default()
    }
}

fn take(exchange: &mut Exchange<'_>, drain: &Drain, held: &Mutex<Held>, received: &AtomicU64) -> After {
    let method = exchange.head.method.clone();
    let target = exchange.head.target.clone();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    if let Some((repository, id)) = path.split_once("/blobs/uploads/") {
        *held
            .lock()
            .expect("the sink")
            .requests
            .entry(method.clone())
            .or_default() += 1;
        return upload(exchange, (repository, id), &method, query, drain, held, received);
    }
    let body = exchange.read_body();
    let mut held = held.lock().expect("the sink");
    let answer = if let Some((_, digest)) = path.split_once("/blobs/") {
        held.blobs.get(digest).map(|size| {
            Response::new(200, "")
                .with("Content-Length", &size.to_string())
                .with("Docker-Content-Digest", digest)
        })
    } else if let Some((repository, reference)) = path.split_once("/manifests/") {
        let repository = repository.trim_start_matches("/v2/");
        if method == "PUT" {
            let digest = super::sha256(&body);
            let media_type = exchange.head.headers.get("Content-Type").unwrap_or_default().to_owned();
            for name in [reference, &digest] {
                let name = format!("{repository}:{name}");
                held.manifests.insert(name, (media_type.clone(), body.clone()));
            }
            Some(Response::new(201, "").with("Docker-Content-Digest", &digest))
        } else {
            let found = held.manifests.get(&format!("{repository}:{reference}"));
            found.map(|(media_type, bytes)| {
                Response::new(200, bytes.clone())
                    .with("Content-Type", media_type)
                    .with("Docker-Content-Digest", &super::sha256(bytes))
            })
        }
    } else {
        None
    };
    drop(held);
    exchange.answer(&answer.unwrap_or_else(|| Response::error(404, "NOT_FOUND", "no such thing")))
}

fn upload(
    exchange: &mut Exchange<'_>,
    (repository, id): (&str, &str),
    method: &str,
    query: &str,
    drain: &Drain,
    held: &Mutex<Held>,
    received: &AtomicU64,
) -> After {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let at = |status: u16, id: &str, length: u64| {
        Response::new(status, "")
            .with("Location", &format!("{repository}/blobs/uploads/{id}"))
            .with("Range", &format!("0-{}", length.saturating_sub(1)))
    };
    if method == "POST" {
        let id = NEXT.fetch_add(1, Ordering::SeqCst).to_string();
        let upload = Upload {
            context: Context::new(&SHA256),
            length: 0,
        };
        held.lock().expect("the sink").uploads.insert(id.clone(), Some(upload));
        return exchange.answer(&at(202, &id, 0));
    }
    let Some(mut upload) = borrow(held, id) else {
        return exchange.answer(&Response::error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload"));
    };
    let keep = |upload: Upload| {
        let mut held = held.lock().expect("the sink");
        held.uploads.insert(id.to_owned(), Some(upload))
    };
    let length = upload.length;
    if let Some(range) = exchange.head.headers.get("Content-Range")
        && range.split('-').next() != Some(length.to_string().as_str())
    {
        keep(upload);
        return exchange.answer(&at(416, id, length));
    }
    let whole = upload.context.clone();
    if !pour(exchange, &mut upload, drain, received) {
        if drain.whole_chunks.load(Ordering::SeqCst) {
            upload = Upload { context: whole, length };
        }
        keep(upload);
        return After::Reset;
    }
    let length = upload.length;
    match method {
        "GET" => {
            keep(upload);
            exchange.answer(&at(204, id, length))
        }
        "PATCH" => {
            keep(upload);
            exchange.answer(&at(202, id, length))
        }
        "PUT" => {
            held.lock().expect("the sink").uploads.remove(id);
            let wanted = query.split('&').find_map(|pair| pair.strip_prefix("digest="));
            let wanted = wanted.unwrap_or_default().replace("%3A", ":");
            let digest = hex(upload.context);
            if digest != wanted {
                return exchange.answer(&Response::error(400, "DIGEST_INVALID", "another digest"));
            }
            held.lock().expect("the sink").blobs.insert(digest.clone(), length);
            exchange.answer(&Response::new(201, "").with("Docker-Content-Digest", &digest))
        }
        _ => {
            held.lock().expect("the sink").uploads.remove(id);
            exchange.answer(&Response::new(204, ""))
        }
    }
}

/// Takes an upload for one request; waits while another one has it.
fn borrow(held: &Mutex<Held>, id: &str) -> Option<Upload> {
    loop {
        if let Some(upload) = held.lock().expect("the sink").uploads.get_mut(id)?.take() {
            return Some(upload);
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// Takes a request's body in; false when the connection breaks, or is to.
fn pour(exchange: &mut Exchange<'_>, upload: &mut Upload, drain: &Drain, received: &AtomicU64) -> bool {
    let mut buffer = vec![0; usize::try_from(BLOCK).expect("a block")];
    loop {
        let read = match exchange.body.read(&mut buffer) {
            Ok(0) => return true,
            Ok(read) => read,
            Err(_) => return false,
        };
        upload.context.update(&buffer[..read]);
        upload.length += read as u64;
        let before = received.fetch_add(read as u64, Ordering::SeqCst);
        let every = drain.reset_every.load(Ordering::SeqCst);
        if every > 0 && before / every != (before + read as u64) / every {
            return false;
        }
    }
}
