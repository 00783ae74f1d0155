//! `artifact-manifest create`.

use std::sync::Arc;

use clap::Args;

use super::chosen::{Chosen, ChosenArgs};
use super::wanted::entries;
use crate::azure::completeness::{Finding, Level, ManifestSide, WantedArtifact, join};
use crate::azure::manifest_change::{Change, ManifestChangeDocument};
use crate::azure::{ArtifactManifest, ArtifactStore, ArtifactType, ManifestEntry, ManifestId, StoreType, manifest_name};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::event::{Event, Outcome};
use crate::fault::{Fault, Faults, Kind};
use crate::oci::Job;
use crate::plan::{Depth, PlanOptions, aosm::Reached, line, plan};
use crate::project::StoreKind;
use crate::report::azure::{entries_list, manifest_created};

/// Flags of `artifact-manifest create`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact-manifest create
  aosm-build artifact-manifest create --store images --artifact-manifest contoso-acr-manifest-1-0-1
  aosm-build artifact-manifest create --recreate --yes   # entries never change: deleted and made anew

A manifest that is there and lists the same is left alone; one that lists something else is an error that says what.")]
pub struct CreateArgs {
    /// Which store and manifest.
    #[command(flatten)]
    pub chosen: ChosenArgs,
    /// Delete a manifest that lists something else, and make it anew: what it lists loses its tags
    #[arg(long)]
    pub recreate: bool,
    /// Do not ask: needed by --recreate
    #[arg(short, long)]
    pub yes: bool,
}

pub async fn run(context: &Context, args: &CreateArgs) -> Ended {
    let chosen = args.chosen.open(context, "artifact-manifest create")?;
    let wanted = wanted(&chosen).await?;
    let Wanted { reached, entries } = &wanted;
    let job = chosen
        .session
        .job(&format!("artifact-manifest create {}", reached.id.manifest));
    let store = ArtifactStore::get(&reached.arm, &reached.id.store, &job)
        .await
        .map_err(Fault::from)?;
    let config = chosen.session.project.stores.get(chosen.store);
    store.expect_type(&store_type(config.map(|store| &store.kind))).map_err(Fault::from)?;
    if let Some(location) = config
        .and_then(|store| store.kind.aosm())
        .and_then(|aosm| aosm.location.as_ref())
    {
        store.expect_region(&location.value).map_err(Fault::from)?;
    }
    let there = ArtifactManifest::find(&reached.arm, &reached.id, &job)
        .await
        .map_err(Fault::from)?;
    let (change, manifest, unlisted) = match there {
        Some(there) => {
            let differences = differences(entries, &there);
            for warning in &differences.warnings {
                let warning = Fault::warning(format!("artifact manifest {}: {warning}", reached.id.manifest));
                context.screen.fault(&warning.hint("tools write odd types; nothing depends on it as far as is known"));
            }
            let is_open = there.state.as_ref().is_none_or(|state| !state.is_sealed());
            if differences.lines.is_empty() && (is_open || !args.recreate) {
                (Change::Unchanged, there, Vec::new())
            } else if args.recreate {
                let unlisted = gone(&there, entries);
                recreate_allowed(context, args, &there, &unlisted, &reached.id)?;
                announce(context, &reached.id, entries);
                let manifest = step(context, &job, recreate(reached, &store.location, entries, &job)).await?;
                (Change::Recreated, manifest, unlisted)
            } else {
                return Err(refused(&chosen, &reached.id, &differences.lines).into());
            }
        }
        None => {
            announce(context, &reached.id, entries);
            let made = ArtifactManifest::create(&reached.arm, &reached.id, &store.location, entries, &job);
            let manifest = step(context, &job, async { made.await.map_err(Fault::from) }).await?;
            (Change::Created, manifest, Vec::new())
        }
    };
    // Somebody else may have made it in between: then it kept its entries.
    let other = differences(entries, &manifest).lines;
    if !other.is_empty() {
        return Err(refused(&chosen, &reached.id, &other).into());
    }
    context.screen.finish();
    let document = ManifestChangeDocument::new(&reached.id, change, &manifest, &unlisted);
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&manifest_created(&document));
    }
    Ok(0)
}

/// What a manifest is to list, and how it is reached.
struct Wanted {
    reached: Reached,
    entries: Vec<ManifestEntry>,
}

async fn wanted(chosen: &Chosen) -> Result<Wanted, Faults> {
    let options = PlanOptions {
        store: Some(chosen.store),
        depth: Depth::Steps,
        ..PlanOptions::default()
    };
    let planned = plan(&chosen.session, &options).await?;
    let entries = entries(&chosen.session.project, &planned, |target| target.store == chosen.store)?;
    if entries.is_empty() {
        return Err(Fault::invalid("nothing of this project goes into that store")
            .hint("send charts, images, artifacts or disk images there: `store = …`")
            .into());
    }
    let site = planned.world.sites.get(&chosen.store);
    match site.map(|site| (site.reached.clone(), site.problem.clone())) {
        Some((Some(reached), _)) => Ok(Wanted { reached, entries }),
        Some((None, Some(problem))) => Err(problem.into()),
        _ => Err(Fault::bug("the store was not looked at").into()),
    }
}

fn store_type(kind: Option<&StoreKind>) -> StoreType {
    match kind {
        Some(StoreKind::StorageAccount(_)) => StoreType::StorageAccount,
        _ => StoreType::Registry,
    }
}

/// How a manifest differs from what is wanted.
struct Differences {
    lines: Vec<String>,
    warnings: Vec<String>,
}

fn differences(entries: &[ManifestEntry], there: &ArtifactManifest) -> Differences {
    let wanted: Vec<WantedArtifact> = entries
        .iter()
        .map(|entry| WantedArtifact {
            name: entry.name.clone(),
            version: entry.version.clone(),
            kind: ArtifactType::read(&entry.artifact_type),
            digest: Err("not asked".to_owned()),
        })
        .collect();
    let table = join(&wanted, ManifestSide::Read(there), &std::collections::BTreeMap::new());
    Differences {
        lines: table.manifest_gaps().map(|(row, finding)| line(row, finding)).collect(),
        warnings: table
            .findings(Level::Warning)
            .filter(|(_, finding)| matches!(finding, Finding::WrongType { .. }))
            .map(|(row, finding)| line(row, finding))
            .collect(),
    }
}

/// Entries that are in no manifest any more once this one is made anew.
fn gone(there: &ArtifactManifest, entries: &[ManifestEntry]) -> Vec<ManifestEntry> {
    let kept = |old: &&ManifestEntry| {
        !entries
            .iter()
            .any(|new| new.name == old.name && new.version == old.version)
    };
    there.artifacts.iter().filter(kept).cloned().collect()
}

/// Shows what `--recreate` takes away; fails unless that was agreed to.
fn recreate_allowed(
    context: &Context,
    args: &CreateArgs,
    there: &ArtifactManifest,
    unlisted: &[ManifestEntry],
    id: &ManifestId,
) -> Result<(), Fault> {
    context.screen.finish();
    let mut text = format!("{id} will be deleted; what it lists loses its tags:\n");
    text.push_str(&entries_list(&there.artifacts));
    if !unlisted.is_empty() {
        text.push_str("of these the new one does not list:\n");
        text.push_str(&entries_list(unlisted));
    }
    context.screen.say(text.trim_end());
    if args.yes {
        return Ok(());
    }
    Err(
        Fault::new(Kind::Usage, format!("--recreate deletes {id} first, which needs --yes"))
            .hint("add --yes if that may go, or make the next version with --artifact-manifest"),
    )
}

async fn recreate(
    reached: &Reached,
    location: &str,
    entries: &[ManifestEntry],
    job: &Job,
) -> Result<ArtifactManifest, Fault> {
    ArtifactManifest::delete(&reached.arm, &reached.id, job).await?;
    let made = ArtifactManifest::create(&reached.arm, &reached.id, location, entries, job).await;
    made.map_err(|error| {
        Fault::from(error)
            .context("the old manifest is deleted, and the new one could not be made")
            .hint("run it again: it is made then")
    })
}

fn announce(context: &Context, id: &ManifestId, entries: &[ManifestEntry]) {
    if !context.screen.json() {
        context.screen.finish();
        let text = format!("{id} will list:\n{}", entries_list(entries));
        context.screen.say(text.trim_end());
    }
}

/// Waits with a line on the screen.
async fn step(
    context: &Context,
    job: &Job,
    work: impl Future<Output = Result<ArtifactManifest, Fault>>,
) -> Result<ArtifactManifest, Fault> {
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

fn refused(chosen: &Chosen, id: &ManifestId, lines: &[String]) -> Fault {
    let store = chosen.session.project.stores.get(chosen.store);
    let mut fault = Fault::invalid(format!(
        "artifact manifest {}: it is there and lists something else",
        id.manifest
    ))
    .at_opt(store.and_then(|store| store.name.place.clone()));
    for line in lines {
        fault = fault.because(line);
    }
    let next = manifest_name::next_version(&id.manifest).unwrap_or_else(|| "NAME".to_owned());
    fault.hint(format!(
        "entries never change once they are made: make the next version (--artifact-manifest {next}), list what is missing in a \
         second one ({}), or delete it and make it anew (--recreate)",
        manifest_name::second(&id.manifest)
    ))
}
