//! What a refusal of the service means, classified once, with the service's own words in one bounded line.
//!
//! Codes are those of the REST reference, "Blob service error codes" and "Common REST API error codes". An answer to HEAD has
//! no body: there `x-ms-error-code` is all there is.

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::BlobErrorKind;

/// At most this many characters of the service's words are shown.
const QUOTE_LIMIT: usize = 240;

/// A refusal, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Status.
    pub status: StatusCode,
    /// The service's code; empty when it gave none.
    pub code: String,
    /// Its words, in one line; may be empty.
    pub words: String,
    /// Details of a failed authentication, in one line; may be empty.
    pub detail: String,
}

impl Refusal {
    /// From the parts of an answer.
    pub fn new(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Self {
        let text = String::from_utf8_lossy(body);
        let code = headers
            .get("x-ms-error-code")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .or_else(|| element(&text, "Code"))
            .unwrap_or_default();
        // The service appends its request id and the time to what it says.
        let words = element(&text, "Message").unwrap_or_default();
        let words = words.split("RequestId:").next().unwrap_or_default();
        let detail = [
            "AuthenticationErrorDetail",
            "CopySourceErrorMessage",
            "CopySourceErrorCode",
        ]
        .iter()
        .find_map(|name| element(&text, name))
        .unwrap_or_default();
        Self {
            status,
            code: one_line(&code),
            words: one_line(words),
            detail: one_line(&detail),
        }
    }

    /// What it amounts to.
    pub fn kind(&self) -> BlobErrorKind {
        match self.code.as_str() {
            "BlobNotFound" | "ResourceNotFound" => BlobErrorKind::Absent,
            "ContainerNotFound" | "ContainerBeingDeleted" | "ContainerDisabled" => BlobErrorKind::NoContainer,
            "ConditionNotMet"
            | "BlobAlreadyExists"
            | "TargetConditionNotMet"
            | "UnauthorizedBlobOverwrite"
            | "PendingCopyOperation"
            | "NoPendingCopyOperation"
            | "CopyIdMismatch" => BlobErrorKind::Changed,
            "LeaseIdMissing"
            | "LeaseIdMismatchWithBlobOperation"
            | "LeaseIdMismatchWithLeaseOperation"
            | "LeaseNotPresentWithBlobOperation"
            | "LeaseNotPresentWithLeaseOperation"
            | "LeaseAlreadyPresent"
            | "LeaseAlreadyBroken"
            | "LeaseIsBreakingAndCannotBeAcquired"
            | "LeaseIsBrokenAndCannotBeRenewed"
            | "LeaseLost" => BlobErrorKind::Leased,
            "InvalidBlobType" | "BlobTypeNotSupported" => BlobErrorKind::OtherType,
            "CannotVerifyCopySource" | "CopyAcrossAccountsNotSupported" | "SourceConditionNotMet" => {
                BlobErrorKind::Source
            }
            "Md5Mismatch" | "Crc64Mismatch" => BlobErrorKind::Corrupt,
            _ => match self.status.as_u16() {
                401 | 403 => BlobErrorKind::Denied,
                404 => BlobErrorKind::Absent,
                412 => BlobErrorKind::Changed,
                408 | 429 | 500..=599 => BlobErrorKind::Unreachable,
                _ => BlobErrorKind::Refused,
            },
        }
    }

    /// Were the bytes damaged on their way?
    pub fn is_damage(&self) -> bool {
        matches!(self.code.as_str(), "Md5Mismatch" | "Crc64Mismatch")
    }

    /// In words: `404 BlobNotFound: The specified blob does not exist.`, shortened.
    pub fn text(&self) -> String {
        let mut text = self.status.as_u16().to_string();
        match (self.code.is_empty(), self.status.canonical_reason()) {
            (false, _) => text = format!("{text} {}", self.code),
            (true, Some(reason)) => text = format!("{text} {}", reason.to_ascii_lowercase()),
            (true, None) => {}
        }
        for words in [&self.words, &self.detail] {
            if !words.is_empty() {
                text = format!("{text}: {}", words.trim_end_matches('.'));
            }
        }
        text
    }
}

/// The text of an element of the service's small, flat XML error documents.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = after.split_once(&format!("</{name}>"))?;
    let inner = inner
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&");
    (!inner.trim().is_empty()).then_some(inner)
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    if line.chars().count() > QUOTE_LIMIT {
        return line.chars().take(QUOTE_LIMIT).chain(['…']).collect();
    }
    line
}
