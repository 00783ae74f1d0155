//! What this machine remembers of a project: `.aosm/state`. Never shared, never merged, never trusted over a store that
//! can be asked. Every file is sealed: a damaged one counts as absent.

mod folder;
mod history;
mod receipts;
mod run_lock;
mod seals;

pub use folder::StateFolder;
pub use history::{History, Remembered};
pub use receipts::Receipts;
pub use run_lock::RunLock;
pub use seals::SealNote;
