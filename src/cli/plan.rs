//! `plan`: show what would move, and why.

use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use super::Ended;
use super::args::{Looking, Proof};
use super::context::{Context, current_folder};
use crate::bundle::Bundle;
use crate::digest::FileDigests;
use crate::disk::Verify;
use crate::fault::{Fault, Faults, Kind};
use crate::plan::{PlanOptions, Planned, Session, plan, plan_bundle};
use crate::report::plan_tree;

pub async fn run(context: &Context, looking: &Looking, detailed_exitcode: bool) -> Ended {
    let options = options(looking)?;
    let session = session(context, looking)?;
    let planned = planned(&session, looking, &options).await?;
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

/// The project, as far as it is needed: from a bundle only its stores are filled.
pub fn session(context: &Context, looking: &Looking) -> Result<Arc<Session>, Faults> {
    if looking.from_bundle.is_some() {
        context.stores_only()
    } else {
        context.session()
    }
}

/// The plan: of the project, or of a bundle.
pub async fn planned(session: &Arc<Session>, looking: &Looking, options: &PlanOptions) -> Result<Planned, Faults> {
    let Some(file) = &looking.from_bundle else {
        return plan(session, options).await;
    };
    let path = current_folder()?.join(file);
    let stats = Arc::clone(&session.stats) as Arc<dyn FileDigests>;
    let bundle = Bundle::open(&path, stats).await?;
    plan_bundle(session, options, bundle).await
}

/// The options of a plan, with the globs read.
pub fn options(looking: &Looking) -> Result<PlanOptions, Fault> {
    Ok(PlanOptions {
        replace: globs("--replace", &looking.replace)?,
        force_check: looking.force_check,
        only: globs("--only", &looking.only)?,
        verify: looking.verify.map(|proof| match proof {
            Proof::Quick => Verify::Quick,
            Proof::Full => Verify::Full,
        }),
        seal: looking.seal,
        ..PlanOptions::default()
    })
}

pub fn globs(flag: &str, texts: &[String]) -> Result<Vec<GlobMatcher>, Fault> {
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
