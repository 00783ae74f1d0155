//! A blob's bytes on their way into one request after another, without a copy of them.
//!
//! A transport may hold on to a request's body after the request has failed. Each body is therefore only a loan: as soon
//! as the next one is made, or the feed is stopped, the earlier one gives nothing any more and holds nothing open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use crate::oci::{ByteStream, Content, Descriptor, ErrorKind, Job, OciError, Verified};

/// The source of one upload.
pub struct Feed {
    /// What is read again from an earlier place; `None` where everything is sent in one request.
    source: Option<Verified>,
    state: Arc<Mutex<State>>,
}

struct State {
    job: Job,
    /// Which body may read.
    loan: u64,
    open: Option<ByteStream>,
    /// Read, but beyond the end of the last body.
    rest: Bytes,
    /// The next byte that `open` and `rest` give.
    at: u64,
    /// What the body on loan still has to give.
    left: u64,
    /// No byte from here on was ever given out.
    given: u64,
    failed: Option<OciError>,
}

/// What became of a body.
#[derive(Debug)]
pub struct Outcome {
    /// All of it was handed over.
    pub complete: bool,
    /// Why the source failed.
    pub failed: Option<OciError>,
}

impl Feed {
    /// For parts in any order. Nothing is read yet. Bytes that are handed over are counted into the job.
    pub fn in_parts(from: &Arc<dyn Content>, blob: &Descriptor, job: &Job) -> Self {
        Self::of(Some(Verified::new(from, blob, job)), None, job)
    }

    /// For one body from the beginning to the end.
    pub fn once(source: ByteStream, job: &Job) -> Self {
        Self::of(None, Some(source), job)
    }

    fn of(source: Option<Verified>, open: Option<ByteStream>, job: &Job) -> Self {
        Self {
            source,
            state: Arc::new(Mutex::new(State {
                job: job.clone(),
                loan: 0,
                open,
                rest: Bytes::new(),
                at: 0,
                left: 0,
                given: 0,
                failed: None,
            })),
        }
    }

    /// The body with `length` bytes from `at` on. Goes on reading where the last one ended, if that is the place.
    pub fn body(&self, at: u64, length: u64) -> ByteStream {
        let mut state = self.lock();
        if state.open.is_none() || state.at != at {
            state.open = self.source.as_ref().map(|source| source.from(at));
            state.rest = Bytes::new();
            state.at = at;
        }
        state.loan += 1;
        state.left = length;
        state.failed = None;
        let loan = state.loan;
        drop(state);
        let state = Arc::clone(&self.state);
        stream::poll_fn(move |context| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.loan == loan {
                state.poll(context)
            } else {
                let detail = "the request is over";
                Poll::Ready(Some(Err(OciError::new(ErrorKind::Cancelled, "send", "body", detail))))
            }
        })
        .boxed()
    }

    /// Ends the loan of the last body.
    pub fn stop(&self) -> Outcome {
        let mut state = self.lock();
        state.loan += 1;
        Outcome {
            complete: state.left == 0,
            failed: state.failed.take(),
        }
    }

    /// Closes the source; the next body opens it again.
    pub fn close(&self) {
        let mut state = self.lock();
        state.loan += 1;
        state.open = None;
        state.rest = Bytes::new();
    }

    /// How far the blob was handed over so far.
    pub fn given(&self) -> u64 {
        self.lock().given
    }

    /// Did the source give other bytes for a part than the first time?
    pub fn differed(&self) -> bool {
        self.source.as_ref().is_some_and(Verified::differed)
    }

    /// Everything will be sent anew: what was handed over so far does not count.
    pub fn begin_again(&self) {
        self.close();
        self.lock().given = 0;
        if let Some(source) = &self.source {
            source.forget();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, OciError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if self.rest.is_empty() {
            let Some(open) = &mut self.open else {
                return Poll::Ready(None);
            };
            match std::task::ready!(open.poll_next_unpin(context)) {
                Some(Ok(piece)) => self.rest = piece,
                Some(Err(error)) => {
                    self.open = None;
                    self.failed = Some(error.clone());
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.open = None;
                    return Poll::Ready(None);
                }
            }
        }
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.rest.len());
        let piece = self.rest.split_to(length);
        self.at = self.at.saturating_add(length as u64);
        self.left = self.left.saturating_sub(length as u64);
        self.given = self.given.max(self.at);
        self.job.moved(length as u64);
        Poll::Ready(Some(Ok(piece)))
    }
}
