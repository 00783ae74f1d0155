//! Applying: the lock first, then the stale steps, in parallel, then what this machine remembers.

mod document;

pub use document::{ApplyDocument, ApplySummary, StepOutcome, StepReport};
