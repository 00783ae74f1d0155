//! Waiting for the service with a line on the screen.

use std::sync::Arc;

use crate::cli::context::Context;
use crate::event::{Event, Outcome};
use crate::fault::Fault;
use crate::oci::Job;

/// Runs what may take minutes as a step of its own, so that a terminal shows that it goes on.
pub async fn waited<T>(context: &Context, job: &Job, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let events = context.screen.events();
    events.emit(Event::StepStarted {
        step: Arc::clone(&job.step),
        bytes: None,
    });
    let ended = work.await;
    events.emit(Event::StepFinished {
        step: Arc::clone(&job.step),
        outcome: match &ended {
            Ok(_) => Outcome::Done,
            Err(fault) => Outcome::Failed(fault.clone()),
        },
        bytes_moved: 0,
        bytes_mounted: 0,
        requests: job.filled().requests,
    });
    ended
}
