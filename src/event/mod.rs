//! What happened, as values. The library emits events; `report` turns them into words, bars or JSON.

use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;

/// A stretch of a run that a person can recognise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Charts are rendered, searched for images and packed.
    Local,
    /// Sources are asked where each image is.
    Locate,
    /// Stores are asked what they hold.
    Observe,
    /// Stale steps run.
    Apply,
    /// A bundle is written.
    Bundle,
    /// A disk image is read; its total is bytes.
    ReadDisk,
    /// A disk image is moved; its total is bytes.
    MoveDisk,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is in place and verified.
    Done,
    /// Nothing was to be done.
    Fresh,
    /// It failed.
    Failed(Fault),
    /// Something it needs failed.
    Blocked,
    /// The user stopped the run first.
    Cancelled,
}

/// One thing that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A warning or an error that does not end the run by itself.
    Fault(Fault),
    /// A phase began, with the number of things to do where it is known.
    PhaseStarted {
        /// Which.
        phase: Phase,
        /// How many things, if known.
        total: Option<u64>,
    },
    /// One thing of the phase was done; `cached` when nothing had to run.
    PhaseAdvanced {
        /// Which.
        phase: Phase,
        /// The thing.
        what: String,
        /// Nothing had to run for it.
        cached: bool,
    },
    /// A phase ended.
    PhaseFinished {
        /// Which.
        phase: Phase,
    },
    /// A step began; `bytes` is an upper bound of what it may move, if known.
    StepStarted {
        /// Its id.
        step: Arc<str>,
        /// An upper bound of what it may move.
        bytes: Option<u64>,
    },
    /// How much a step will move has become known.
    StepTotal {
        /// Its id.
        step: Arc<str>,
        /// Bytes.
        bytes: u64,
    },
    /// Bytes moved by a step since the last such event.
    StepProgress {
        /// Its id.
        step: Arc<str>,
        /// Bytes since the last such event.
        moved: u64,
    },
    /// Something is tried again.
    StepRetry {
        /// Its id, or the operation outside a step.
        step: Arc<str>,
        /// Which try failed, from 1.
        attempt: u32,
        /// How long until the next.
        delay: Duration,
        /// What the failed try said.
        why: String,
    },
    /// A step ended.
    StepFinished {
        /// Its id.
        step: Arc<str>,
        /// How it ended.
        outcome: Outcome,
        /// Bytes sent to the store.
        bytes_moved: u64,
        /// Bytes the store took from itself.
        bytes_mounted: u64,
        /// Requests made, all sides.
        requests: u64,
    },
    /// Something that others decide is waited for.
    Waiting {
        /// What, in words: `waiting for …`.
        what: String,
        /// How long it was waited for so far.
        since: Duration,
        /// How long until it is looked at again.
        delay: Duration,
    },
    /// A detail that only `-v` shows.
    Detail(String),
}

/// Takes events as they happen; must not block for long and must not fail.
pub trait Sink: Send + Sync {
    /// One event.
    fn emit(&self, event: Event);
}

/// A shared sink.
pub type Events = Arc<dyn Sink>;

/// A sink that drops everything: for tests and for library users without a screen.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Sink for Silent {
    fn emit(&self, _event: Event) {}
}
