//! What can go wrong between us and Resource Manager, classified once.

use crate::fault::{Fault, Kind};
use crate::oci::ErrorKind;

/// The class of an error: what callers decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArmErrorKind {
    /// There is no identity, or its token was refused (401).
    Login,
    /// The identity is good and may not do this (403).
    Denied,
    /// It is not there (404).
    Absent,
    /// The request was judged and refused: 400, 409, 412 and the like.
    Refused,
    /// 429 to the end of the retries.
    Throttled,
    /// 5xx to the end of the retries.
    Server,
    /// Connect, DNS, TLS or time-out.
    Unreachable,
    /// The answer makes no sense: a field is missing, it leads to another host, it is too long.
    Protocol,
    /// A long-running operation ended badly.
    Failed,
    /// A long-running operation did not end in time; it may go on.
    Unfinished,
    /// What was asked for and what is there do not go together: another kind of store, another region.
    Mismatch,
    /// A granted credential is no use any more.
    Expired,
    /// The user stopped the run.
    Cancelled,
}

/// An error of one operation on one resource. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmError {
    /// Its class.
    pub kind: ArmErrorKind,
    /// What was being done: `read artifact manifest`.
    pub operation: String,
    /// On what: `contoso-acr-manifest-1-0-0`.
    pub subject: String,
    /// What was answered, in words.
    pub detail: String,
    /// What the service says about it.
    pub service: Box<ServiceWords>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What the service says about an error, beside its message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceWords {
    /// Its own code, where it gave one: `AuthorizationFailed`.
    pub code: Option<String>,
    /// What is beneath the message, a line each.
    pub lines: Vec<String>,
    /// What support asks for: the correlation id of the answer.
    pub correlation: Option<String>,
}

impl ArmError {
    /// A new error.
    pub fn new(
        kind: ArmErrorKind,
        operation: impl Into<String>,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation: operation.into(),
            subject: subject.into(),
            detail: detail.into(),
            service: Box::default(),
            hint: None,
        }
    }

    /// Sets the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the correlation id of the answer that it is about.
    #[must_use]
    pub(crate) fn at(mut self, correlation: Option<String>) -> Self {
        self.service.correlation = self.service.correlation.or(correlation);
        self
    }

    fn usual_hint(&self) -> Option<&'static str> {
        Some(match self.kind {
            ArmErrorKind::Login => "log in with: az login",
            ArmErrorKind::Denied => "ask for the right that is named above, on the resource that is named there",
            ArmErrorKind::Absent => "check the names: --subscription, --resource-group and the others",
            ArmErrorKind::Throttled => "run again after a while",
            ArmErrorKind::Server => "run again; if it stays like this, open a support request with the correlation id",
            ArmErrorKind::Unreachable => "check the address and the network, then run again",
            ArmErrorKind::Protocol => {
                "something else may have answered in its place, or the service speaks another version: try another --api-version"
            }
            ArmErrorKind::Expired => "run again: a new one is granted then",
            ArmErrorKind::Refused | ArmErrorKind::Failed => "correct what is named above, then run again",
            ArmErrorKind::Unfinished | ArmErrorKind::Mismatch => "look at it in the Azure portal",
            ArmErrorKind::Cancelled => return None,
        })
    }
}

impl std::fmt::Display for ArmError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.operation, self.subject, self.detail)
    }
}

impl std::error::Error for ArmError {}

impl From<ErrorKind> for ArmErrorKind {
    /// The class of a trouble on the wire.
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unreachable => Self::Unreachable,
            ErrorKind::Throttled => Self::Throttled,
            ErrorKind::Server => Self::Server,
            ErrorKind::Cancelled => Self::Cancelled,
            _ => Self::Protocol,
        }
    }
}

impl From<ArmError> for Fault {
    fn from(error: ArmError) -> Self {
        let kind = match error.kind {
            ArmErrorKind::Cancelled => Kind::Interrupted,
            ArmErrorKind::Absent | ArmErrorKind::Refused | ArmErrorKind::Mismatch => Kind::Invalid,
            ArmErrorKind::Failed => Kind::StepsFailed,
            _ => Kind::Infrastructure,
        };
        let mut fault = Self::new(kind, error.to_string());
        for line in &error.service.lines {
            fault = fault.because(line);
        }
        if let Some(id) = &error.service.correlation {
            fault = fault.because(format!("correlation id {id}"));
        }
        match error.hint.as_deref().or_else(|| error.usual_hint()) {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}
