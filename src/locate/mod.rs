//! Locating: which source holds each image.
//!
//! Sources are asked in the order written; what they answer decides whether the next one is asked (see [`Verdict`]).
//! With an entry in the lock nothing is asked. The results and messages do not depend on the order in which
//! answers arrive.

mod answer;
mod ask;
mod cache;
mod conflicts;
mod graph;
mod locked;
mod outcome;
mod request;
mod sources;
mod words;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Verdict};
pub use cache::{Cached, ManifestCache, NoCache};
pub use conflicts::conflicts;
pub use outcome::{Located, Location, Missing};
pub use request::{Mode, Request, SourceEntry, Wanted, locate};
