//! What can go wrong with a blob.

use super::scrub::scrub;
use crate::fault::{Fault, Kind};

/// The sort of failure, as far as somebody decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobErrorKind {
    /// No such blob.
    Absent,
    /// No such container.
    NoContainer,
    /// The signature is expired, malformed, for something else, or lacks a right.
    Denied,
    /// A condition did not hold: somebody else wrote.
    Changed,
    /// Somebody else holds the lease.
    Leased,
    /// It is there as another type of blob.
    OtherType,
    /// The service refuses the request as such.
    Refused,
    /// What arrived is not what was promised.
    Corrupt,
    /// The service cannot be reached, or failed to the end of all tries.
    Unreachable,
    /// The user stopped the run.
    Interrupted,
    /// This machine: a file, a disk.
    Local,
    /// The service cannot read the source of a copy: another cloud, a firewall, a signature.
    Source,
}

/// A failure: what was done, to what, and what the service said. Holds no signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobError {
    /// The sort.
    pub kind: BlobErrorKind,
    /// What was being done: `create`, `write pages of`, …
    pub operation: String,
    /// To what: host, container and blob.
    pub target: String,
    /// What was said.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl BlobError {
    /// A failure. The detail is scrubbed of signatures.
    pub fn new(
        kind: BlobErrorKind,
        operation: impl Into<String>,
        target: impl Into<String>,
        detail: impl AsRef<str>,
    ) -> Self {
        Self {
            kind,
            operation: operation.into(),
            target: target.into(),
            detail: scrub(detail.as_ref()),
            hint: None,
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for BlobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.operation, self.target, self.detail)
    }
}

impl std::error::Error for BlobError {}

impl From<BlobError> for Fault {
    fn from(error: BlobError) -> Self {
        let kind = match error.kind {
            BlobErrorKind::Interrupted => Kind::Interrupted,
            BlobErrorKind::Corrupt | BlobErrorKind::Changed | BlobErrorKind::Leased | BlobErrorKind::OtherType => {
                Kind::StepsFailed
            }
            _ => Kind::Infrastructure,
        };
        let fault = Fault::new(kind, error.to_string());
        let usual = usual_hint(error.kind);
        match error.hint.or_else(|| usual.map(str::to_owned)) {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

/// What to do about an error whose maker knew nothing better.
fn usual_hint(kind: BlobErrorKind) -> Option<&'static str> {
    Some(match kind {
        BlobErrorKind::Absent => "check the name and the version",
        BlobErrorKind::NoContainer => "check the URL of the container, or create it",
        BlobErrorKind::Denied => "put a new signature where this one came from",
        BlobErrorKind::Changed | BlobErrorKind::Leased => "run again when nobody else writes there",
        BlobErrorKind::OtherType => "check the name: disk images are page blobs",
        BlobErrorKind::Refused => "check the address: something else than a storage account may have answered",
        BlobErrorKind::Corrupt => "run again; if it stays like this, something on the way changes what passes",
        BlobErrorKind::Unreachable => "check the address and the network, then run again",
        BlobErrorKind::Local => "check free space and permissions",
        BlobErrorKind::Source => "check the source's URL and its signature",
        BlobErrorKind::Interrupted => return None,
    })
}
