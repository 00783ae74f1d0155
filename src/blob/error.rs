//! What can go wrong with a blob.

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
        match error.hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}
