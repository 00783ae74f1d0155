//! Is everything there that a run needs? Looks at this machine, and at every source and store of a project.
//!
//! Nothing is written: no store, cache or state folder is made or changed, and no upload is opened to see whether it would be
//! allowed. All checks run at once, each within a limit of time, so one registry that hangs hides nothing of the others.

mod aosm;
mod check;
mod clock;
mod disks;
mod examine;
mod folder;
mod machine;
mod places;
mod project;
mod registry;
mod words;

pub use check::{Check, CheckKind, DoctorDocument, DoctorSummary, State};
pub use examine::{Patient, examine};
