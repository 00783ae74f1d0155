//! What a registry's refusal means: classified once, with its own words quoted in one bounded line.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt as _;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::retry::{Again, Trouble, again};
use crate::oci::{ByteStream, ErrorKind};

/// At most this much of an error's body is read.
const BODY_LIMIT: usize = 8 * 1024;
/// At most this many characters of it are shown.
const QUOTE_LIMIT: usize = 240;
/// A small body must be there by then.
const SMALL_TIME: Duration = Duration::from_secs(60);
/// Nobody waits longer for the words of an error.
const BODY_TIME: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Errors {
    errors: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    code: Option<String>,
    message: Option<String>,
}

/// Reads a small body whole; `None` when it is longer than `limit`, breaks off or trickles in.
pub async fn read_small(mut body: ByteStream, limit: usize) -> Option<bytes::Bytes> {
    let reading = async {
        let mut read = BytesMut::new();
        while let Some(piece) = body.next().await {
            read.extend_from_slice(&piece.ok()?);
            if read.len() > limit {
                return None;
            }
        }
        Some(read.freeze())
    };
    tokio::time::timeout(SMALL_TIME, reading).await.ok().flatten()
}

/// The words of an error's body, in one line; empty when it has none.
pub async fn words_of(mut body: ByteStream) -> String {
    let mut read = BytesMut::new();
    let reading = async {
        while let Some(Ok(piece)) = body.next().await {
            let room = BODY_LIMIT.saturating_sub(read.len());
            read.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
            if read.len() >= BODY_LIMIT {
                break;
            }
        }
    };
    // What has been read until then is good enough.
    let _ = tokio::time::timeout(BODY_TIME, reading).await;
    quote(&read)
}

/// The codes of an error body (distribution-spec, "Error Codes"); none for any other text.
pub fn codes_of(body: &[u8]) -> Vec<String> {
    serde_json::from_slice::<Errors>(body)
        .map(|parsed| parsed.errors.into_iter().filter_map(|entry| entry.code).collect())
        .unwrap_or_default()
}

/// An error body in one line: the distribution spec's `errors`, or the beginning of a plain text.
pub fn quote(body: &[u8]) -> String {
    if let Ok(parsed) = serde_json::from_slice::<Errors>(body) {
        let texts: Vec<String> = parsed
            .errors
            .iter()
            .take(3)
            .map(|entry| match (&entry.code, &entry.message) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(text), None) | (None, Some(text)) => text.clone(),
                (None, None) => String::new(),
            })
            .filter(|text| !text.is_empty())
            .collect();
        return one_line(&texts.join("; "));
    }
    let text = String::from_utf8_lossy(body);
    // A page for people says nothing in one line.
    if text.trim_start().starts_with('<') {
        String::new()
    } else {
        one_line(&text)
    }
}

fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() > QUOTE_LIMIT {
            return line.chars().take(QUOTE_LIMIT).chain(['…']).collect();
        }
    }
    line
}

/// What a refusal amounts to. `elsewhere`: the answer came from another host that the registry pointed to.
pub fn trouble_of(status: StatusCode, headers: &HeaderMap, words: &str, elsewhere: bool) -> Trouble {
    let mut again = again(status, headers);
    let kind = match status {
        // The registry granted it, but the link it gave was refused (they expire): the registry must give a new one.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if elsewhere => {
            again = Again::Passing;
            ErrorKind::Server
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Denied,
        StatusCode::NOT_FOUND | StatusCode::GONE => ErrorKind::Absent,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
        StatusCode::REQUEST_TIMEOUT => ErrorKind::Server,
        status if status.is_server_error() => ErrorKind::Server,
        _ => ErrorKind::Protocol,
    };
    let mut detail = match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    if !words.is_empty() {
        detail = format!("{detail} ({words})");
    }
    if let Again::Throttled(Some(wait)) = again {
        detail = format!("{detail}, retry after {} s", wait.as_secs());
    }
    Trouble {
        kind,
        detail,
        hint: None,
        again,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn error_bodies_are_quoted_in_one_bounded_line() {
        let cases = [
            (
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#,
                "MANIFEST_UNKNOWN: manifest unknown",
            ),
            (r#"{"errors":[{"code":"A"},{"message":"b\nc"}]}"#, "A; b c"),
            (r#"{"errors":[]}"#, ""),
            ("no such\n\thost\u{1b}[31m", "no such host [31m"),
            ("<html><body>502</body></html>", ""),
            ("", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(quote(body.as_bytes()), expected, "{body}");
        }
        assert!(quote("word ".repeat(1000).as_bytes()).chars().count() <= QUOTE_LIMIT + 1);
        assert!(quote(&[0xff; 5000]).chars().count() <= QUOTE_LIMIT + 1);
    }

    #[test]
    fn refusals_are_classified() {
        for (status, elsewhere, kind) in [
            (401, false, ErrorKind::Denied),
            (403, false, ErrorKind::Denied),
            (403, true, ErrorKind::Server),
            (404, false, ErrorKind::Absent),
            (413, false, ErrorKind::TooLarge),
            (429, false, ErrorKind::Throttled),
            (500, false, ErrorKind::Server),
            (503, false, ErrorKind::Server),
            (418, false, ErrorKind::Protocol),
            (302, false, ErrorKind::Protocol),
        ] {
            let trouble = trouble_of(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), "", elsewhere);
            assert_eq!(trouble.kind, kind, "{status}");
        }
    }
}
