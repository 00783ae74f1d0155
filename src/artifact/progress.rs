//! Showing that something moves.

use std::sync::Arc;

use crate::event::{Event, Outcome};
use crate::oci::Job;

/// Announces a piece of work of so many bytes, and takes that back once it went well: what became of it is told by whoever
/// asked for it. What failed stays to be seen beside its error.
pub(super) async fn watched<T, E>(job: &Job, bytes: u64, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    job.events.emit(Event::StepStarted {
        step: Arc::clone(&job.step),
        bytes: Some(bytes),
    });
    let done = work.await;
    if done.is_ok() {
        let filled = job.filled();
        job.events.emit(Event::StepFinished {
            step: Arc::clone(&job.step),
            outcome: Outcome::Fresh,
            bytes_moved: filled.bytes_moved,
            bytes_mounted: filled.bytes_mounted,
            requests: filled.requests,
        });
    }
    done
}
