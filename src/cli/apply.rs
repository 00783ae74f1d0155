//! `apply`: bring the stores to what the project wants.

use std::num::NonZeroUsize;

use super::Ended;
use super::args::Looking;
use super::context::Context;
use crate::apply::{self, ApplySummary};
use crate::fault::Kind;
use crate::graph::StepKind;
use crate::plan::aosm::let_in;
use crate::plan::{Plan, PlanStep};
use crate::report::{bytes, count, plan_tree};

pub async fn run(context: &Context, looking: &Looking, jobs: Option<NonZeroUsize>) -> Ended {
    let options = super::plan::options(looking)?;
    let session = super::plan::session(context, looking)?;
    let _lock = apply::lock(&session)?;
    let mut planned = super::plan::planned(&session, looking, &options).await?;
    // What could not be reached before may be reached now.
    if let_in(&session, &mut planned).await? {
        planned = super::plan::planned(&session, looking, &options).await?;
    }
    let idle = idle(&planned.plan);
    let lock_path = session.lock_path();
    let lock_name = lock_path.file_name().unwrap_or("aosm.lock");
    if !context.screen.json() && !idle {
        let tree = plan_tree(&planned.plan, context.screen.tree_style(true));
        context.screen.say(tree.trim_end());
    }
    let jobs = jobs.map_or(session.project.copy.concurrency, NonZeroUsize::get);
    let lock_changes = planned.plan.lock_changes.len() as u64;
    let is_seal = |step: &&PlanStep| step.kind == StepKind::Seal;
    let seals = planned.plan.steps.iter().filter(is_seal).count() as u64;
    let applied = apply::apply(&session, planned, jobs).await?;
    context.screen.finish();
    context.screen.faults(&applied.faults);
    let summary = applied.document.summary;
    if context.screen.json() {
        context.screen.json_result(&applied.document);
    } else {
        context.screen.result(&words(
            &summary,
            idle,
            seals,
            (lock_name, lock_changes),
            applied.interrupted,
        ));
    }
    if applied.interrupted {
        return Ok(Kind::Interrupted.exit_code());
    }
    Ok(applied.faults.worst().map_or(0, Kind::exit_code))
}

fn idle(plan: &Plan) -> bool {
    let summary = &plan.summary;
    summary.run + summary.blocked + summary.invalid + summary.unknown == 0
}

fn words(summary: &ApplySummary, idle: bool, seals: u64, lock: (&str, u64), interrupted: bool) -> String {
    if idle {
        let lock = match lock {
            (_, 0) => String::new(),
            (name, n) => format!("; wrote {name} ({})", count(n, "change")),
        };
        let artifacts = count(summary.fresh.saturating_sub(seals), "artifact");
        return format!("nothing to do: {artifacts} up to date{lock}");
    }
    let mut parts = vec![format!("{} done", summary.done)];
    for (number, word) in [
        (summary.fresh, "fresh"),
        (summary.failed, "failed"),
        (summary.blocked, if interrupted { "stopped" } else { "blocked" }),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    let mounted = if summary.bytes_mounted > 0 {
        format!(", {} mounted", bytes(summary.bytes_mounted))
    } else {
        String::new()
    };
    format!("{}; {} sent{mounted}", parts.join(", "), bytes(summary.bytes_moved))
}
