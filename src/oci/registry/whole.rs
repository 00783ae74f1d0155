//! Small answers, read whole: bounded, and asked for again from the start where they break off.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};

use super::client::{Answer, Ask, Client};
use super::repository::length;
use super::retry::{Again, Tries};
use super::wire::Caller;
use crate::oci::{ErrorKind, OciError};

/// A small answer that trickles in for longer counts as broken off.
const WHOLE_TIME: Duration = Duration::from_secs(300);

/// An answer with its body.
#[derive(Debug, Clone)]
pub struct Whole {
    /// Status: 2xx, or what the asker calls good.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub bytes: Bytes,
    /// Where the answer came from.
    pub url: Url,
}

/// Asks, and reads the answer's body of at most `limit` bytes; `excess` says in words what a larger one would be.
pub async fn read_whole(
    client: &Client,
    ask: Ask,
    limit: u64,
    excess: &str,
    caller: &Caller,
) -> Result<Whole, OciError> {
    let mut tries = Tries::default();
    loop {
        let answer = client.ask(ask.clone(), caller).await?;
        let read = tokio::time::timeout(WHOLE_TIME, read(answer, &ask, limit, excess)).await;
        let read = read.unwrap_or_else(|_| {
            let detail = format!("did not arrive within {} s", WHOLE_TIME.as_secs());
            Err(OciError::new(
                ErrorKind::Unreachable,
                ask.operation,
                &ask.subject,
                detail,
            ))
        });
        let error = match read {
            Err(error) if error.kind == ErrorKind::Unreachable => error,
            other => return other,
        };
        let Some(delay) = client.wire().next_try(&mut tries, Again::Passing) else {
            return Err(error);
        };
        caller.retrying(tries.failed(), delay, error.to_string());
        tokio::time::sleep(delay).await;
    }
}

async fn read(answer: Answer, ask: &Ask, limit: u64, excess: &str) -> Result<Whole, OciError> {
    let too_large = || {
        let detail = format!("is larger than {} MiB, {excess}", limit >> 20);
        OciError::new(ErrorKind::TooLarge, ask.operation, &ask.subject, detail)
    };
    let announced = length(&answer.headers);
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let capacity = usize::try_from(announced.unwrap_or(4096)).unwrap_or(4096);
    let mut read = BytesMut::with_capacity(capacity);
    // The permit is held until all is read.
    let Answer {
        status,
        headers,
        mut body,
        permit,
        url,
    } = answer;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|e| OciError::new(e.kind, ask.operation, &ask.subject, e.detail))?;
        read.extend_from_slice(&piece);
        if read.len() as u64 > limit {
            return Err(too_large());
        }
    }
    drop(permit);
    Ok(Whole {
        status,
        headers,
        bytes: read.freeze(),
        url,
    })
}
