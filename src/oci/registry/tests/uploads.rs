//! The uploads of a fake host: sessions, chunks, and what is left of a chunk that broke off.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use reqwest::Method;

use super::fake::{FakeHost, Seen};
use super::reply::{Reply, reply};
use crate::digest::Digest;

/// What a host does with chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunks {
    /// Every byte that arrived stays, as in distribution 3.
    Bytes,
    /// Only whole chunks stay.
    Whole,
    /// After a break the upload is of no use, as in distribution 2.
    Fragile,
    /// A break in a chunk is not told: the upload has the beginning of it, and says that it has not.
    Lies,
    /// PATCH is not known.
    None,
}

/// What a host knows of its uploads.
pub struct Uploads {
    pub chunks: Chunks,
    /// `OCI-Chunk-Min-Length`.
    pub min: Option<u64>,
    /// Answers to chunks say how much there is.
    pub ranges: bool,
    /// What the addresses of uploads begin with; otherwise they are relative.
    pub base: Option<String>,
    open: BTreeMap<String, Open>,
}

#[derive(Default)]
struct Open {
    bytes: BytesMut,
    /// What the client was told, and sends back in the URL.
    told: usize,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            chunks: Chunks::Bytes,
            min: None,
            ranges: true,
            base: None,
            open: BTreeMap::new(),
        }
    }
}

impl Uploads {
    /// Uploads that were neither completed nor given up.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// As when the registry was started anew without its scratch space.
    pub fn lose(&mut self) {
        self.open.clear();
    }
}

fn unknown() -> Reply {
    reply(404).body(r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"upload unknown"}]}"#)
}

impl FakeHost {
    /// POST without a granted mount.
    pub fn open_upload(&mut self, name: &str, repository: &str, session: u64) -> Reply {
        let id = session.to_string();
        self.uploads.open.insert(id.clone(), Open::default());
        let opened = self.at(reply(202), name, repository, &id);
        match self.uploads.min {
            Some(min) => opened.header("oci-chunk-min-length", min.to_string()),
            None => opened,
        }
    }

    /// Where the next request of an upload goes, and how much of it is there.
    fn at(&mut self, reply: Reply, name: &str, repository: &str, id: &str) -> Reply {
        let base = if self.upload_elsewhere {
            format!("https://upload.{name}")
        } else {
            self.uploads.base.clone().unwrap_or_default()
        };
        let Some(open) = self.uploads.open.get_mut(id) else {
            return reply;
        };
        open.told = open.bytes.len();
        let at = open.told;
        let reply = reply.header(
            "location",
            format!("{base}/v2/{repository}/blobs/uploads/{id}?state=a%2Fb&at={at}"),
        );
        if self.uploads.ranges {
            reply.header("range", format!("0-{}", at.saturating_sub(1)))
        } else {
            reply
        }
    }

    /// GET, PATCH, PUT and DELETE of an upload.
    pub fn serve_upload(
        &mut self,
        name: &str,
        seen: &Seen,
        query: &BTreeMap<String, String>,
        repository: &str,
        body: Bytes,
    ) -> Reply {
        let id = id_of(seen);
        if query.get("state").map(String::as_str) != Some("a/b") {
            return reply(400).body("the session's state was lost");
        }
        let Some(open) = self.uploads.open.get(&id) else {
            return unknown();
        };
        let stale = query.get("at").map(String::as_str) != Some(open.bytes.len().to_string().as_str());
        if self.uploads.chunks == Chunks::Fragile && stale {
            self.uploads.open.remove(&id);
            return reply(400).body(r#"{"errors":[{"code":"BLOB_UPLOAD_INVALID","message":"blob upload invalid"}]}"#);
        }
        match seen.method {
            Method::GET => match self.uploads.chunks {
                Chunks::None => reply(405),
                Chunks::Lies => reply(204).header("range", format!("0-{}", open.told.saturating_sub(1))),
                _ => {
                    let range = format!("0-{}", open.bytes.len().saturating_sub(1));
                    let mut told = self.at(reply(204), name, repository, &id);
                    told.headers.retain(|(name, _)| name != "range");
                    told.header("range", range)
                }
            },
            Method::PATCH => {
                if self.uploads.chunks == Chunks::None {
                    return reply(405).body(r#"{"errors":[{"code":"UNSUPPORTED","message":"no chunks"}]}"#);
                }
                let first = seen.content_range.as_deref().and_then(|range| range.split('-').next());
                let lies = self.uploads.chunks == Chunks::Lies;
                if !lies && (stale || first != Some(open.bytes.len().to_string().as_str())) {
                    return reply(416);
                }
                if let Some(open) = self.uploads.open.get_mut(&id) {
                    open.bytes.extend_from_slice(&body);
                }
                self.at(reply(202), name, repository, &id)
            }
            Method::PUT => {
                let digest: Digest = query.get("digest").unwrap().parse().unwrap();
                let mut open = self.uploads.open.remove(&id).unwrap();
                open.bytes.extend_from_slice(&body);
                if Digest::of(&open.bytes) != digest {
                    return reply(400).body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"no match"}]}"#);
                }
                let blobs = self.held.blobs.entry(repository.to_owned()).or_default();
                blobs.insert(digest.clone(), open.bytes.freeze());
                reply(201).header("docker-content-digest", digest.to_string())
            }
            _ => {
                self.uploads.open.remove(&id);
                reply(204)
            }
        }
    }

    /// The body of a request broke off: what arrived of it.
    pub fn broke_off(&mut self, seen: &Seen, body: &[u8]) {
        if self.uploads.chunks != Chunks::Whole
            && let Some(open) = self.uploads.open.get_mut(&id_of(seen))
        {
            open.bytes.extend_from_slice(body);
        }
    }
}

fn id_of(seen: &Seen) -> String {
    seen.url.path().rsplit('/').next().unwrap_or_default().to_owned()
}
