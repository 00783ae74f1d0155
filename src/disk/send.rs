//! Sends pieces in parallel: each is read from the file again, compared with the scan, and put with its checksum.
//!
//! At most `parallel` runs (4 MiB each) are in memory. When something fails or the user stops the run, nothing new is begun
//! and what is on its way may arrive: for a few seconds, then it is cut off.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::keeper::Keeper;
use super::lease::{HeldLease, is_about_the_lease};
use super::pieces::Piece;
use super::ranges::slices;
use super::source::{Source, crc64};
use crate::blob::{BlobError, Condition, PageBlob};
use crate::event::Event;
use crate::fault::Fault;
use crate::oci::Job;

/// How long what is on its way may take to arrive once the run ends.
const GRACE: Duration = Duration::from_secs(3);

/// Everything that sending takes.
pub struct Sender<'a> {
    /// Where to.
    pub blob: &'a PageBlob,
    /// From where.
    pub source: &'a Source,
    /// Under which lease.
    pub lease: &'a HeldLease,
    /// For requests: with a cancellation of its own.
    pub job: &'a Job,
    /// Stops the run.
    pub stop: &'a CancellationToken,
    /// Bytes of a request.
    pub slice: u64,
    /// Pieces at a time.
    pub parallel: usize,
    /// Bytes sent so far.
    pub sent: AtomicU64,
    /// Bytes that were there already.
    pub there: AtomicU64,
}

/// How sending ended.
pub struct Ended {
    /// What failed first, if anything did.
    pub failure: Option<Failure>,
    /// Nothing was cut off on its way.
    pub drained: bool,
}

impl Sender<'_> {
    /// So many bytes are there already.
    pub fn found(&self, bytes: u64) {
        self.there.fetch_add(bytes, Ordering::Relaxed);
        if bytes > 0 {
            self.job.events.emit(Event::StepProgress {
                step: Arc::clone(&self.job.step),
                moved: bytes,
            });
        }
    }

    /// Makes pages zero that hold something.
    pub async fn clear(&self, ranges: &[Range<u64>]) -> Result<(), Failure> {
        for range in ranges {
            if self.stop.is_cancelled() {
                return Err(Failure::interrupted(&self.blob.label()));
            }
            let clear = || async {
                let condition = self.lease.condition();
                self.blob.clear_pages(range.clone(), &condition, self.job).await
            };
            self.under_lease(clear).await?;
        }
        Ok(())
    }

    /// Sends all pieces.
    pub async fn send(&self, pieces: Vec<Piece>, keeper: &mut Keeper<'_>) -> Ended {
        let mut queue = pieces.into_iter();
        let mut running = FuturesUnordered::new();
        let mut failure: Option<Failure> = None;
        let mut cut_off_at: Option<Instant> = None;
        loop {
            while failure.is_none() && running.len() < self.parallel.max(1) {
                let Some(piece) = queue.next() else { break };
                running.push(self.piece(piece));
            }
            if running.is_empty() {
                return Ended { failure, drained: true };
            }
            let failed = tokio::select! {
                biased;
                Some(ended) = running.next() => match ended {
                    Ok(index) => {
                        keeper.add(index);
                        if keeper.is_due() { keeper.save().await.err().map(Failure::from) } else { None }
                    }
                    Err(failed) => Some(failed),
                },
                () = self.stop.cancelled(), if failure.is_none() => Some(Failure::interrupted(&self.blob.label())),
                lost = self.lease.lost(), if failure.is_none() => Some(lost.into()),
                () = sleep_until(cut_off_at), if cut_off_at.is_some() => {
                    self.job.cancel.cancel();
                    return Ended { failure, drained: false };
                }
            };
            if let (Some(failed), true) = (failed, failure.is_none()) {
                failure = Some(failed);
                cut_off_at = Some(Instant::now() + GRACE);
            }
        }
    }

    /// One piece, to its end; its number.
    async fn piece(&self, piece: Piece) -> Result<usize, Failure> {
        let bytes = self.source.read(&piece.run).await?;
        let part = |range: &Range<u64>| -> Result<Bytes, Failure> {
            let at = |offset: u64| usize::try_from(offset.saturating_sub(piece.run.start)).unwrap_or(usize::MAX);
            let (from, to) = (at(range.start), at(range.end));
            if from <= to && to <= bytes.len() {
                Ok(bytes.slice(from..to))
            } else {
                Err(Fault::bug("a piece reaches beyond its run").into())
            }
        };
        for range in &piece.compare {
            let held = self.blob.read(range.clone(), &Condition::none(), self.job).await?;
            for slice in slices(range, self.slice) {
                let wanted = part(&slice)?;
                let from = usize::try_from(slice.start - range.start).unwrap_or(usize::MAX);
                if held.get(from..from.saturating_add(wanted.len())) == Some(&wanted[..]) {
                    self.found(slice.end - slice.start);
                } else {
                    self.put(&slice, wanted).await?;
                }
            }
        }
        for range in &piece.send {
            for slice in slices(range, self.slice) {
                self.put(&slice, part(&slice)?).await?;
            }
        }
        Ok(piece.index)
    }

    async fn put(&self, range: &Range<u64>, bytes: Bytes) -> Result<(), Failure> {
        // A run that was asked to end does not begin another request.
        if self.stop.is_cancelled() {
            return Err(Failure::interrupted(&self.blob.label()));
        }
        let sum = crc64(&bytes);
        let length = bytes.len() as u64;
        let put = || {
            let (start, bytes) = (range.start, bytes.clone());
            async move {
                let condition = self.lease.condition();
                self.blob.put_pages(start, bytes, sum, &condition, self.job).await
            }
        };
        self.under_lease(put).await?;
        self.sent.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    /// A write; once more if the lease had run out and could be renewed, as a machine that slept finds it.
    async fn under_lease<T, F>(&self, write: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, BlobError>>,
    {
        match write().await {
            Err(error) if is_about_the_lease(&error) && self.lease.regained(self.job).await => Ok(write().await?),
            outcome => Ok(outcome?),
        }
    }
}

/// Never, without a time.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
