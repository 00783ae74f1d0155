//! Writes the checkpoint down every so often while data goes out.

use std::time::Duration;

use tokio::time::Instant;

use super::checkpoint::{Checkpoint, CheckpointFile};
use super::pieces::DoneRuns;
use crate::fault::Fault;
use crate::vhd::scan::DataRun;

/// After so many bytes, or so much time, whichever comes first.
const BYTES: u64 = 64 << 20;
const TIME: Duration = Duration::from_secs(2);

/// The checkpoint of a running upload.
pub struct Keeper<'a> {
    file: &'a CheckpointFile,
    data: &'a [DataRun],
    done: DoneRuns,
    /// What is written down.
    pub checkpoint: Checkpoint,
    since: u64,
    at: Instant,
}

impl<'a> Keeper<'a> {
    /// For an upload of this data, of which these runs are there.
    pub fn new(file: &'a CheckpointFile, data: &'a [DataRun], done: DoneRuns, checkpoint: Checkpoint) -> Self {
        Self {
            file,
            data,
            done,
            checkpoint,
            since: 0,
            at: Instant::now(),
        }
    }

    /// One more run is there.
    pub fn add(&mut self, index: usize) {
        self.done.add(index);
        let run = self.data.get(index);
        self.since += run.map_or(0, |run| run.end - run.start);
    }

    /// Is it time to write?
    pub fn is_due(&self) -> bool {
        self.since >= BYTES || (self.since > 0 && self.at.elapsed() >= TIME)
    }

    /// Writes it down.
    pub async fn save(&mut self) -> Result<(), Fault> {
        self.checkpoint.done = self.done.bytes(self.data);
        self.since = 0;
        self.at = Instant::now();
        self.file.save(&self.checkpoint).await
    }

    /// Something that should be there is not, or not what it should be: the next run believes nothing.
    pub fn distrust(&mut self) {
        self.done = DoneRuns::default();
        self.checkpoint.doubt = true;
    }

    /// The upload is done: there is nothing left to remember.
    pub fn forget(&self) {
        self.file.remove();
    }
}
