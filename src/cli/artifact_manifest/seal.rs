//! `artifact-manifest seal`.

use std::sync::Arc;

use clap::Args;

use super::check::problems;
use super::chosen::ChosenArgs;
use super::waiting::waited;
use crate::apply;
use crate::azure::completeness::Level;
use crate::azure::manifest_change::{Change, ManifestChangeDocument};
use crate::azure::{ArtifactManifest, Sealed};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::{Fault, Faults, Kind, some_of};
use crate::graph::StepKind;
use crate::plan::{Action, PlanOptions, Planned, SealTarget, Session, incomplete, obstacles, plan};
use crate::project::StoreKind;
use crate::report::{completeness, count};

/// Flags of `artifact-manifest seal`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact-manifest check && aosm-build artifact-manifest seal
  aosm-build apply --seal                 # fills the stores first

Every digest is read from the store again; any gap is refused (exit 4). Nothing in a sealed
manifest can be changed. A run that was stopped while the service validates is followed by the
next one. Manifests of storage accounts are never sealed.")]
pub struct SealArgs {
    /// Which store and manifest.
    #[command(flatten)]
    pub chosen: ChosenArgs,
}

pub async fn run(context: &Context, args: &SealArgs) -> Ended {
    let (session, store) = args.chosen.one(context, "artifact-manifest seal")?;
    let _lock = apply::lock(&session)?;
    let options = PlanOptions {
        store: Some(store),
        seal: true,
        ..PlanOptions::default()
    };
    let planned = plan(&session, &options).await?;
    let Some(seal) = planned.seals.values().find(|seal| seal.seen.store == store) else {
        context.screen.finish();
        return Err(no_seal(&planned, store).into());
    };
    let for_disks = session
        .project
        .stores
        .get(store)
        .is_some_and(|store| matches!(store.kind, StoreKind::StorageAccount(_)));
    let change = if for_disks {
        Change::NeverSealed
    } else {
        sealed(context, &session, &planned, seal).await?
    };
    context.screen.finish();
    say(context, seal, change);
    Ok(0)
}

/// Seals it, with everything that stands against it told first.
async fn sealed(
    context: &Context,
    session: &Arc<Session>,
    planned: &Planned,
    seal: &SealTarget,
) -> Result<Change, Faults> {
    let job = session.job(&format!("seal {}", seal.seen.id.manifest));
    let whole = planned.completeness_with_extras(session, &seal.seen, &job).await;
    session.stopped()?;
    if !whole.table.is_complete() {
        context.screen.finish();
        if !context.screen.json() {
            context.screen.say(completeness(&whole.document()).trim_end());
        }
        let mut faults = problems(planned, &[seal.seen.store]);
        let gaps = whole.table.findings(Level::Gap).next().is_some();
        // Where the manifest is not there at all that is the one thing to say.
        if !faults.has_errors() || gaps && whole.table.exists == Some(true) {
            let fault = incomplete(&whole, &obstacles(&whole.table));
            // What nobody may ask is no input to correct.
            faults.push(if gaps {
                fault
            } else {
                fault.of_kind(Kind::Infrastructure)
            });
        }
        return Err(faults);
    }
    if !whole.table.is_sealed() {
        others_done(planned, seal)?;
    }
    let ended = waited(context, &job, apply::seal_manifest(session, planned, seal, &job)).await;
    Ok(match ended? {
        Sealed::Already => Change::AlreadySealed,
        _ => Change::Sealed,
    })
}

/// Fails if something else of the store is still to be done: a signature that is not attached yet never could be, and what
/// breaks a policy must not be closed in.
fn others_done(planned: &Planned, seal: &SealTarget) -> Result<(), Faults> {
    let open: Vec<&str> = planned
        .plan
        .steps
        .iter()
        .filter(|step| step.store == seal.seen.name && step.kind != StepKind::Seal && step.action != Action::Fresh)
        .map(|step| step.id.as_str())
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    let mut faults = planned.faults.clone();
    faults.push(
        Fault::invalid(format!(
            "artifact manifest {}: it cannot be sealed: not all steps of its store are done",
            seal.seen.id.manifest
        ))
        .because(some_of(&open))
        .hint("do them first: aosm-build apply --seal"),
    );
    Err(faults)
}

fn say(context: &Context, seal: &SealTarget, change: Change) {
    let id = &seal.seen.id;
    if context.screen.json() {
        // What was sealed is what was compared: the service changes nothing but the state.
        if let Some(manifest) = &seal.seen.manifest {
            let state = match change {
                Change::Sealed => Some(crate::azure::ManifestState::Uploaded),
                _ => manifest.state.clone(),
            };
            let manifest = ArtifactManifest {
                state,
                ..manifest.clone()
            };
            context
                .screen
                .json_result(&ManifestChangeDocument::new(id, change, &manifest, &[]));
        }
        return;
    }
    let artifacts = count(seal.seen.table.rows.len() as u64, "artifact");
    context.screen.result(&match change {
        Change::NeverSealed => format!("{id}: not sealed: manifests of storage accounts have no such state"),
        Change::AlreadySealed => format!("{id} was sealed before: {artifacts}, all there"),
        _ => format!("sealed {id}: {artifacts}, all there"),
    });
}

fn no_seal(planned: &Planned, store: usize) -> Fault {
    let problem = planned.world.sites.get(&store).and_then(|site| site.problem.clone());
    problem.unwrap_or_else(|| Fault::bug("the store has no manifest to seal"))
}
