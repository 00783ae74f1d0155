//! Why an import did not do it.

use crate::azure::arm::ArmError;
use crate::digest::Digest;
use crate::fault::{Fault, Kind};
use crate::oci::OciError;

/// Why an import did not do it. Holds no secret.
#[derive(Debug, Clone)]
pub enum ImportError {
    /// We may not ask this registry for imports.
    Denied(ArmError),
    /// It was asked, and did not do it.
    Service(ArmError),
    /// The tag holds something else.
    Conflict {
        /// The tag.
        target: String,
        /// What it holds; `None`: nothing, although the service says that it is done.
        held: Option<Digest>,
        /// What it should hold.
        wanted: Digest,
    },
    /// The tag could not be read.
    Target(OciError),
    /// It could not be written down first.
    Local(Fault),
}

impl From<ImportError> for Fault {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Denied(error) => Self::from(error),
            ImportError::Service(error) => {
                let hinted = error.hint.is_some();
                let fault = Self::from(error);
                if hinted {
                    return fault;
                }
                fault.hint("`copy = \"stream\"` in the store moves it through this machine instead")
            }
            ImportError::Conflict {
                target,
                held: Some(held),
                wanted,
            } => Self::new(
                Kind::StepsFailed,
                format!("import {target}: the tag names {held}, not {wanted}"),
            )
            .hint("somebody else wrote it: see what it holds now with plan, then decide whether to replace it"),
            ImportError::Conflict {
                target,
                held: None,
                wanted,
            } => Self::new(
                Kind::StepsFailed,
                format!("import {target}: the service says that it is done, and the tag does not name {wanted}: it is not there"),
            )
            .hint("run again; `copy = \"stream\"` in the store moves it through this machine instead"),
            ImportError::Target(error) => Self::from(error),
            ImportError::Local(fault) => fault,
        }
    }
}
