//! What can go wrong between us and a registry, a layout or an archive, classified once.

use crate::fault::{Fault, Kind};

/// The class of an error: what callers decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// It is not there (404, no such entry).
    Absent,
    /// This repository is denied although the login itself is good: it may be absent.
    Denied,
    /// The credentials themselves were refused.
    BadCredentials,
    /// 429 to the end of the retries.
    Throttled,
    /// 5xx to the end of the retries.
    Server,
    /// Connect, DNS, TLS or time-out.
    Unreachable,
    /// The answer makes no sense (wrong media type, unparsable, digest header that differs).
    Protocol,
    /// Larger or deeper than the limits allow.
    TooLarge,
    /// Content does not have the digest or size it is named by.
    Corrupt,
    /// The local disk failed.
    Disk,
    /// Somebody else wrote the tag meanwhile.
    Conflict,
    /// The user stopped the run.
    Cancelled,
}

/// An error of one operation on one thing.
#[derive(Debug, Clone)]
pub struct OciError {
    /// Its class.
    pub kind: ErrorKind,
    /// What was being done: `read manifest`, `upload blob`.
    pub operation: String,
    /// On what: `myregistry.azurecr.io/release/a:1.0.0`, `blob 0123456789ab`.
    pub subject: String,
    /// What was answered, in words; without secrets.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl OciError {
    /// A new error.
    pub fn new(
        kind: ErrorKind,
        operation: impl Into<String>,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation: operation.into(),
            subject: subject.into(),
            detail: detail.into(),
            hint: None,
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for OciError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.operation, self.subject, self.detail)
    }
}

impl std::error::Error for OciError {}

impl From<OciError> for Fault {
    fn from(error: OciError) -> Self {
        let kind = match error.kind {
            ErrorKind::Cancelled => Kind::Interrupted,
            ErrorKind::Absent | ErrorKind::TooLarge | ErrorKind::Corrupt | ErrorKind::Conflict => Kind::Invalid,
            _ => Kind::Infrastructure,
        };
        let fault = Self::new(kind, error.to_string());
        match (error.hint, usual_hint(error.kind)) {
            (Some(hint), _) => fault.hint(hint),
            (None, Some(hint)) => fault.hint(hint),
            (None, None) => fault,
        }
    }
}

/// What to do about an error whose maker knew nothing better.
fn usual_hint(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Absent => "check the name and what is there; an index may also name what was never pushed",
        ErrorKind::Denied => "log in with an account that may do this",
        ErrorKind::BadCredentials => "log in again",
        ErrorKind::Throttled => "run again after a while",
        ErrorKind::Server => "run again; if it stays like this, ask who runs the registry",
        ErrorKind::Unreachable => "check the address and the network, then run again",
        ErrorKind::Protocol => {
            "something else may have answered in its place, a proxy or a login page: open the address in a browser"
        }
        ErrorKind::Corrupt => "what is held there is damaged: push it there again",
        ErrorKind::Disk => "check free space and permissions",
        ErrorKind::Conflict => "run again when nobody else writes there",
        ErrorKind::TooLarge => "this is more than an honest answer takes: look at what is held there",
        ErrorKind::Cancelled => return None,
    })
}
