//! What a fake host answers, and how a fault bends it on its way.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};

use super::super::transport::Response;
use super::fake::{Fault, Seen};
use crate::oci::{ErrorKind, OciError};

pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

pub fn reply(status: u16) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: Bytes::new(),
    }
}

impl Reply {
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

pub fn respond(mut reply: Reply, fault: Option<Fault>, seen: &Seen) -> Response {
    let length = reply.body.len();
    let has_length = reply.headers.iter().any(|(name, _)| name == "content-length");
    let mut announced = !has_length;
    let mut end = None;
    match fault {
        Some(Fault::Cut(at)) if at < length => {
            reply.body.truncate(at);
            end = Some(Err(OciError::new(
                ErrorKind::Unreachable,
                "read",
                "answer",
                "connection reset",
            )));
        }
        Some(Fault::Short(at)) => reply.body.truncate(at.min(length)),
        Some(Fault::Flip(at)) if length > 0 => {
            let mut bytes = reply.body.to_vec();
            bytes[at % length] ^= 1;
            reply.body = bytes.into();
        }
        Some(Fault::Longer | Fault::LongerUnannounced) => {
            announced = matches!(fault, Some(Fault::Longer)) && announced;
            let mut bytes = reply.body.to_vec();
            bytes.extend_from_slice(b"surplus");
            reply.body = bytes.into();
        }
        Some(Fault::Header(name, value)) => {
            reply.headers.retain(|(held, _)| held != name);
            reply.headers.extend(value.map(|value| (name.to_owned(), value)));
        }
        _ => {}
    }
    if announced {
        let length = if end.is_some() { length } else { reply.body.len() };
        reply.headers.push(("content-length".to_owned(), length.to_string()));
    }
    let headers: HeaderMap = reply
        .headers
        .iter()
        .map(|(n, v)| (n.parse::<HeaderName>().unwrap(), HeaderValue::from_str(v).unwrap()))
        .collect();
    let body = if seen.method == Method::HEAD {
        Bytes::new()
    } else {
        reply.body
    };
    let mut pieces: Vec<Result<Bytes, OciError>> = body.chunks(1000).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
    pieces.extend(end);
    Response {
        status: StatusCode::from_u16(reply.status).unwrap(),
        headers,
        body: stream::iter(pieces).boxed(),
    }
}
