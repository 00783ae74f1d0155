//! `plan`: show what would move, and why.

use globset::{GlobBuilder, GlobMatcher};

use super::Ended;
use super::args::Looking;
use super::context::Context;
use crate::fault::{Fault, Kind};
use crate::plan::{PlanOptions, plan};
use crate::report::plan_tree;

pub async fn run(context: &Context, looking: &Looking, detailed_exitcode: bool) -> Ended {
    let options = options(looking)?;
    let session = context.session()?;
    let planned = plan(&session, &options).await?;
    context.screen.finish();
    context.screen.faults(&planned.faults);
    if context.screen.json() {
        context.screen.json_result(&planned.plan);
    } else {
        context
            .screen
            .result(&plan_tree(&planned.plan, context.screen.tree_style(false)));
    }
    if let Some(kind) = planned.faults.worst() {
        return Ok(kind.exit_code());
    }
    Ok(if detailed_exitcode && planned.plan.has_changes() {
        2
    } else {
        0
    })
}

/// The options of a plan, with the globs read.
pub fn options(looking: &Looking) -> Result<PlanOptions, Fault> {
    Ok(PlanOptions {
        replace: globs("--replace", &looking.replace)?,
        force_check: looking.force_check,
        only: globs("--only", &looking.only)?,
        ..PlanOptions::default()
    })
}

fn globs(flag: &str, texts: &[String]) -> Result<Vec<GlobMatcher>, Fault> {
    texts
        .iter()
        .map(|text| {
            let glob = GlobBuilder::new(text).literal_separator(false).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|e| {
                Fault::new(Kind::Usage, format!("{flag}={text}: this is no glob"))
                    .because(e)
                    .hint("`*` stands for anything: --only 'copy:*contoso-a*'")
            })
        })
        .collect()
}
