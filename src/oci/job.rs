//! What one piece of work carries along on its way through copying: whose step it is, how to stop it, counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use crate::digest::Digest;
use crate::event::{Event, Events};

/// What a tag may hold at the moment it is written: checked right before the write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// Nothing, or the same root; anything else is a lost race ([`super::ErrorKind::Conflict`]).
    Create,
    /// Nothing, the same root, or this one: what the plan saw.
    Replace(Digest),
}

impl Guard {
    /// May a tag that names `held` be written with `root`?
    pub fn allows(&self, held: &Digest, root: &Digest) -> bool {
        held == root || matches!(self, Self::Replace(old) if old == held)
    }
}

/// What one job carries along: whose step it is, how to stop it, and counters.
#[derive(Clone)]
pub struct Job {
    /// The step id, for events.
    pub step: Arc<str>,
    /// Where events go.
    pub events: Events,
    /// Stops everything.
    pub cancel: CancellationToken,
    /// Bytes sent to the target so far.
    pub bytes_moved: Arc<AtomicU64>,
    /// Bytes that the target mounted from itself.
    pub bytes_mounted: Arc<AtomicU64>,
    /// Requests made (0 for local stores).
    pub requests: Arc<AtomicU64>,
}

impl Job {
    /// A job with counters at zero.
    pub fn new(step: impl Into<Arc<str>>, events: Events, cancel: CancellationToken) -> Self {
        Self {
            step: step.into(),
            events,
            cancel,
            bytes_moved: Arc::default(),
            bytes_mounted: Arc::default(),
            requests: Arc::default(),
        }
    }

    /// Counts bytes sent and tells the events.
    pub fn moved(&self, bytes: u64) {
        self.bytes_moved.fetch_add(bytes, Ordering::Relaxed);
        self.events.emit(Event::StepProgress {
            step: Arc::clone(&self.step),
            moved: bytes,
        });
    }

    /// Counts bytes that the target mounted from another of its repositories.
    pub fn mounted(&self, bytes: u64) {
        self.bytes_mounted.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What the counters say now.
    pub fn filled(&self) -> Filled {
        Filled {
            bytes_moved: self.bytes_moved.load(Ordering::Relaxed),
            bytes_mounted: self.bytes_mounted.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
        }
    }
}

/// What filling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filled {
    /// Bytes sent to the store.
    pub bytes_moved: u64,
    /// Bytes the store took from another of its repositories.
    pub bytes_mounted: u64,
    /// Requests made, both sides.
    pub requests: u64,
}
