//! `aosm.lock`: which source holds each image and under which digest, so that nothing is asked twice and every
//! machine copies the same.
//!
//! TOML, sorted, without times and facts about a host: the same content is always the same bytes. Written before the
//! first effect of a run, so that a killed run converges even when a source tag moves meanwhile. See `docs/lock.md`.

mod changes;
mod file;
mod model;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use changes::{ChangeKind, LockChange, LockChangesDocument, changes};
pub use model::{Lock, LockedChart, LockedImage, LockedReferrer, LockedStore, VERSION};
