//! The driver: keeps up to `jobs` steps running until all have ended, or the user stops it.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Queue;
use crate::fault::Fault;

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Done,
    /// Badly.
    Failed(Fault),
    /// It never ran: something it needs failed.
    Blocked,
    /// It never ran or was stopped: the user ended the run.
    Cancelled,
}

/// Runs all steps: `dependencies[i]` are the steps that `i` needs; `work(i)` does step `i`; `ended(i, …)` hears of each
/// end as it happens. Independent branches go on after a failure. When `cancel` fires no new step begins and the
/// running ones are waited for (they watch the same token).
pub async fn run<F, W>(
    dependencies: &[Vec<usize>],
    jobs: usize,
    cancel: &CancellationToken,
    work: W,
    mut ended: impl FnMut(usize, &Ended),
) -> Vec<Ended>
where
    W: Fn(usize) -> F,
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    let mut queue = Queue::new(dependencies);
    let mut results: Vec<Ended> = vec![Ended::Cancelled; dependencies.len()];
    let mut tasks: JoinSet<(usize, Result<(), Fault>)> = JoinSet::new();
    loop {
        while !cancel.is_cancelled() && tasks.len() < jobs.max(1) {
            let Some(step) = queue.start() else { break };
            let future = AssertUnwindSafe(work(step)).catch_unwind();
            tasks.spawn(async move {
                let outcome = future
                    .await
                    .unwrap_or_else(|_| Err(Fault::bug("a step ended unexpectedly")));
                (step, outcome)
            });
        }
        let Some(joined) = tasks.join_next().await else { break };
        // Panics are caught above and nobody aborts these tasks, so joining always gives a value.
        let Ok((step, outcome)) = joined else { continue };
        let blocked = queue.finish(step, outcome.is_ok());
        let end = match outcome {
            Ok(()) => Ended::Done,
            Err(fault) if fault.kind() == crate::fault::Kind::Interrupted => Ended::Cancelled,
            Err(fault) => Ended::Failed(fault),
        };
        set(&mut results, step, end, &mut ended);
        for step in blocked {
            set(&mut results, step, Ended::Blocked, &mut ended);
        }
    }
    results
}

fn set(results: &mut [Ended], step: usize, end: Ended, ended: &mut impl FnMut(usize, &Ended)) {
    ended(step, &end);
    if let Some(slot) = results.get_mut(step) {
        *slot = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn never_more_than_the_allowed_number_run_at_once() {
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let dependencies = vec![Vec::new(); 20];
        let ends = run(
            &dependencies,
            3,
            &CancellationToken::new(),
            |_| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                async move {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }
            },
            |_, _| {},
        )
        .await;
        assert!(ends.iter().all(|end| *end == Ended::Done));
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_failure_blocks_its_branch_and_the_others_go_on() {
        let dependencies = vec![vec![], vec![0], vec![]];
        let ends = run(
            &dependencies,
            2,
            &CancellationToken::new(),
            |step| async move { if step == 0 { Err(Fault::invalid("no")) } else { Ok(()) } },
            |_, _| {},
        )
        .await;
        assert_eq!(ends, [Ended::Failed(Fault::invalid("no")), Ended::Blocked, Ended::Done]);
    }

    #[tokio::test]
    async fn after_a_stop_nothing_new_begins() {
        let cancel = CancellationToken::new();
        let dependencies = vec![vec![], vec![0]];
        let inner = cancel.clone();
        let ends = run(
            &dependencies,
            1,
            &cancel,
            move |_| {
                inner.cancel();
                async { Ok(()) }
            },
            |_, _| {},
        )
        .await;
        assert_eq!(ends, [Ended::Done, Ended::Cancelled]);
    }
}
