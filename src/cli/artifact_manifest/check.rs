//! `artifact-manifest check`.

use clap::Args;

use super::chosen::ChosenArgs;
use crate::azure::completeness::{CompletenessDocument, Level};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::{Fault, Faults, Kind};
use crate::plan::{PlanOptions, Planned, plan};
use crate::report::completeness;

/// Flags of `artifact-manifest check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact-manifest check
  aosm-build artifact-manifest check --store images --artifact-manifest contoso-acr-manifest-1-0-1
  aosm-build artifact-manifest check --json | jq '.manifests[].summary'

Exit 4 where something is missing, extra, listed in a wrong form, not in the store, or not what
the lock says. A login that may only read is enough: what it may not ask is shown as unknown.
Without --store all stores of the project that have an artifact manifest are looked at.")]
pub struct CheckArgs {
    /// Which store and manifest.
    #[command(flatten)]
    pub chosen: ChosenArgs,
}

pub async fn run(context: &Context, args: &CheckArgs) -> Ended {
    let chosen = args.chosen.all(context, "artifact-manifest check")?;
    let options = PlanOptions {
        store: chosen.stores.first().copied().filter(|_| chosen.stores.len() == 1),
        ..PlanOptions::default()
    };
    let planned = plan(&chosen.session, &options).await?;
    let job = chosen.session.job("artifact-manifest check");
    let mut tables = Vec::new();
    let mut gaps = false;
    for seen in planned
        .completeness
        .iter()
        .filter(|seen| chosen.stores.contains(&seen.store))
    {
        let whole = planned.completeness_with_extras(&chosen.session, seen, &job).await;
        gaps |= whole.table.findings(Level::Gap).next().is_some();
        tables.push(whole.document());
    }
    chosen.session.stopped()?;
    let faults = problems(&planned, &chosen.stores);
    context.screen.finish();
    context.screen.faults(&faults);
    if context.screen.json() {
        context.screen.json_result(&CompletenessDocument::new(tables));
    } else {
        let texts: Vec<String> = tables.iter().map(completeness).collect();
        context.screen.result(&texts.join("\n"));
    }
    if gaps {
        return Ok(Kind::Invalid.exit_code());
    }
    Ok(faults.worst().map_or(0, Kind::exit_code))
}

/// What the table cannot say: why a store could not be asked. Who may read but not ask for credentials sees what there is
/// to see: that is a warning.
pub fn problems(planned: &Planned, stores: &[usize]) -> Faults {
    let mut faults = Faults::new();
    faults.extend(planned.locations.faults.iter().cloned());
    for site in stores.iter().filter_map(|store| planned.world.sites.get(store)) {
        let Some(problem) = &site.problem else { continue };
        faults.push(if site.denied {
            let warning = Fault::warning(problem.message()).at_opt(site.place.clone());
            match problem.hint_text() {
                Some(hint) => warning.hint(hint),
                None => warning,
            }
        } else {
            problem.clone()
        });
    }
    faults
}
