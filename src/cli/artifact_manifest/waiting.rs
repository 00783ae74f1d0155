//! Waiting for the service with a line on the screen.

use std::sync::Arc;

use crate::cli::context::Context;
use crate::event::Event;
use crate::oci::Job;

/// Runs what may take minutes with a line of its own, so that a terminal shows that it goes on. How it ended is the
/// command's to tell.
pub async fn waited<T>(context: &Context, job: &Job, work: impl Future<Output = T>) -> T {
    context.screen.events().emit(Event::StepStarted {
        step: Arc::clone(&job.step),
        bytes: None,
    });
    let ended = work.await;
    context.screen.finish();
    ended
}
