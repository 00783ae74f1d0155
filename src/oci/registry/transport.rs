//! The seam to the wire: one request out, one answer with a streamed body back.
//!
//! An implementation sends exactly one request: no redirects, no retries, no decoding of bodies, no total time limit.
//! All of that is decided above it, so that it can be tested in memory under virtual time.

use std::fmt;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};

use crate::oci::ByteStream;

/// What a request carries.
pub enum Body {
    /// All of it; may be empty.
    Bytes(Bytes),
    /// A stream of exactly this many bytes; an error in it must abort the request.
    Stream {
        /// How many bytes, as announced in `Content-Length`.
        length: u64,
        /// The bytes.
        stream: ByteStream,
    },
}

/// One request.
pub struct Request {
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers, without those that follow from the body.
    pub headers: HeaderMap,
    /// What it carries.
    pub body: Body,
}

/// One answer.
pub struct Response {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as it arrives; ends with an error when the connection breaks before the end.
    pub body: ByteStream,
}

/// Why a request brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportFailure {
    /// No connection: refused, no such host, connect time-out.
    Connect,
    /// TLS refused: an unknown authority, a wrong name, an expired certificate.
    Certificate,
    /// No certificate authorities are installed on this machine, or a configured file is no use.
    Setup,
    /// The connection broke, or the answer was no HTTP.
    Broken,
}

/// An error of the transport.
#[derive(Debug, Clone)]
pub struct TransportError {
    /// Its class.
    pub failure: TransportFailure,
    /// In words, without secrets.
    pub detail: String,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Sends requests.
#[async_trait::async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request and waits for the head of its answer.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}
