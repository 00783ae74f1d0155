//! A tiny registry that answers every manifest request with something nobody should have to bear.

use std::io::Write as _;

use serde_json::json;

use super::http::Response;
use super::image::{OCI_INDEX, OCI_MANIFEST};
use super::server::{After, Exchange, Server};
use super::sha256;
use super::traffic::{Entry, What};

/// What it answers.
#[derive(Debug, Clone, Copy)]
pub enum Hostile {
    /// A "manifest" of this many bytes of white space, with its length told.
    Oversized(usize),
    /// The same without a length: it ends when the connection does.
    OversizedUntold(usize),
    /// A manifest media type, and a body that is no JSON.
    NoJson,
    /// JSON nested this deep, with a digest that is right.
    Nested(usize),
    /// An index that lists itself by a digest that cannot be right.
    Cycle,
    /// HTML with status 200, as a captive portal sends it.
    Portal,
}

impl Hostile {
    /// Starts the registry; gone when dropped.
    pub fn start(self) -> Server {
        Server::start(move |exchange| self.answer(exchange))
    }

    fn answer(self, exchange: &mut Exchange<'_>) -> After {
        let entry = Entry::new(&exchange.head.method, &exchange.head.target, 0);
        if entry.what != What::Manifest {
            return exchange.answer(&Response::new(if entry.what == What::Ping { 200 } else { 404 }, "{}"));
        }
        let (media_type, body) = match self {
            Self::Oversized(size) => return stream(exchange, size, true),
            Self::OversizedUntold(size) => return stream(exchange, size, false),
            Self::NoJson => (OCI_MANIFEST, b"\x00\xfe this is no JSON {{{{".to_vec()),
            Self::Nested(depth) => (
                OCI_MANIFEST,
                ["[".repeat(depth), "]".repeat(depth)].concat().into_bytes(),
            ),
            Self::Cycle => {
                let digest = sha256(b"the chicken and the egg");
                let child = json!({"mediaType": OCI_INDEX, "digest": digest, "size": 200});
                let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]});
                let answer = Response::new(200, index.to_string()).with("Content-Type", OCI_INDEX);
                return exchange.answer(&answer.with("Docker-Content-Digest", &digest));
            }
            Self::Portal => ("text/html", b"<html><body>please log in</body></html>".to_vec()),
        };
        let digest = sha256(&body);
        let answer = Response::new(200, body).with("Content-Type", media_type);
        exchange.answer(&answer.with("Docker-Content-Digest", &digest))
    }
}

fn stream(exchange: &mut Exchange<'_>, size: usize, told: bool) -> After {
    let digest = sha256(b"whatever");
    let mut head = format!("HTTP/1.1 200 OK\r\nContent-Type: {OCI_MANIFEST}\r\nDocker-Content-Digest: {digest}\r\n");
    if told {
        head += &format!("Content-Length: {size}\r\n");
    } else {
        head += "Connection: close\r\n";
    }
    head += "\r\n";
    if exchange.out.write_all(head.as_bytes()).is_err() || exchange.head.method == "HEAD" {
        return After::Close;
    }
    let spaces = [b' '; 64 * 1024];
    let mut left = size;
    while left > 0 {
        let now = left.min(spaces.len());
        if exchange.out.write_all(&spaces[..now]).is_err() {
            return After::Close;
        }
        left -= now;
    }
    After::Close
}
