//! The run's sockets, lent to Entra identities: the same proxy, certificate authorities, retries and time limits.

use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};

use super::answer::{read_small, trouble_of};
use super::retry::{Again, Tries, again};
use super::transport::{Body, Request, Response};
use super::wire::{Caller, Wire};
use crate::credentials::entra::{ANSWER_LIMIT, IdentityWire, Question, Reply};

/// A wire as identities see it.
pub struct IdentitySockets(pub Arc<Wire>);

#[async_trait::async_trait]
impl IdentityWire for IdentitySockets {
    async fn ask(&self, question: Question) -> Result<Reply, String> {
        let caller = Caller::nobody();
        let mut tries = Tries::default();
        loop {
            let (detail, again) = match self.once(&question, &caller).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            // A probe asks once.
            let delay = self.0.next_try(&mut tries, again).filter(|_| question.probe.is_none());
            let Some(delay) = delay else {
                return Err(detail);
            };
            tokio::time::sleep(delay).await;
        }
    }
}

impl IdentitySockets {
    async fn once(&self, question: &Question, caller: &Caller) -> Result<Reply, (String, Again)> {
        let request = request(question).ok_or_else(|| ("a header cannot be sent".to_owned(), Again::No))?;
        let exchange = async {
            if question.plain {
                self.0.exchange_even_plain(request, caller).await
            } else {
                self.0.exchange(request, caller).await
            }
        };
        let answered = match question.probe {
            Some(limit) => tokio::time::timeout(limit, exchange)
                .await
                .map_err(|_| ("no answer".to_owned(), Again::No))?,
            None => exchange.await,
        };
        let Response { status, headers, body } = answered.map_err(|trouble| (trouble.detail, trouble.again))?;
        let again = again(status, &headers);
        if again != Again::No && question.probe.is_none() {
            // Passing troubles are told in words of their own.
            let detail = trouble_of(status, &headers, "", false).detail;
            return Err((detail, again));
        }
        let body = read_small(body, ANSWER_LIMIT)
            .await
            .ok_or_else(|| ("the answer breaks off or is too long".to_owned(), Again::Passing))?;
        Ok(Reply {
            status: status.as_u16(),
            body: body.to_vec(),
            challenge: challenge(status, &headers),
            date: date(&headers),
        })
    }
}

fn challenge(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let value = headers
        .get(WWW_AUTHENTICATE)
        .filter(|_| status == StatusCode::UNAUTHORIZED)?;
    value.to_str().ok().map(str::to_owned)
}

fn date(headers: &HeaderMap) -> Option<std::time::SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

fn request(question: &Question) -> Option<Request> {
    let mut headers = HeaderMap::new();
    for (name, value) in &question.headers {
        let mut value = HeaderValue::from_str(value.expose()).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    let Some(form) = &question.form else {
        return Some(Request {
            method: Method::GET,
            url: question.url.clone(),
            headers,
            body: Body::Bytes(Bytes::new()),
        });
    };
    // An empty form may be called something else.
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/x-www-form-urlencoded"));
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value.expose(), NON_ALPHANUMERIC)))
        .collect();
    Some(Request {
        method: Method::POST,
        url: question.url.clone(),
        headers,
        body: Body::Bytes(pairs.join("&").into()),
    })
}
