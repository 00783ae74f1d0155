//! Planning: local steps, then read-only looks at sources and stores, then a pure decision.

mod decide;
mod document;
mod reason;

pub use decide::{Action, Decision, Desired, Effect, Seen, decide};
pub use document::{Plan, PlanStep, Summary, Transfer, Unwanted};
pub use reason::Reason;
