//! Why an upload ended before its time: the service's answer, or something on this machine.

use crate::blob::{BlobError, BlobErrorKind};
use crate::fault::{Fault, Kind};

/// A failure that has not been told yet: what it means depends on what else is known of the blob.
#[derive(Debug, Clone)]
pub enum Failure {
    /// A request failed.
    Blob(BlobError),
    /// A file, a checkpoint, a wrong expectation.
    Here(Fault),
}

impl Failure {
    /// The user stopped the run.
    pub fn interrupted(blob: &str) -> Self {
        Self::Here(Fault::new(Kind::Interrupted, format!("upload to {blob}: stopped")))
    }

    /// Does it say that somebody else wrote the blob, or holds its lease?
    pub fn is_somebody_else(&self) -> bool {
        matches!(
            self,
            Self::Blob(error) if matches!(error.kind, BlobErrorKind::Leased | BlobErrorKind::Changed | BlobErrorKind::Absent)
        )
    }

    /// Did the user stop it?
    pub fn is_interrupted(&self) -> bool {
        match self {
            Self::Blob(error) => error.kind == BlobErrorKind::Interrupted,
            Self::Here(fault) => fault.kind() == Kind::Interrupted,
        }
    }
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Self {
        Self::Blob(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Here(fault)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Blob(error) => error.into(),
            Failure::Here(fault) => fault,
        }
    }
}
