//! Applying: the lock first, then the stale steps, in parallel, then what this machine remembers.

mod disks;
mod document;
mod effects;
mod export;
mod export_list;
mod imports;
mod remember;
mod run;
mod seal;

pub use document::{ApplyDocument, ApplySummary, StepOutcome, StepReport};
pub use export::{ExportDocument, ExportFilesDocument, export, save_lock};
pub use export_list::placed;
pub use run::{Applied, apply, lock};
pub use seal::seal_manifest;
