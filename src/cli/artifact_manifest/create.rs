//! `artifact-manifest create`.

use std::sync::Arc;

use clap::Args;

use super::chosen::ChosenArgs;
use super::waiting::waited;
use super::wanted::entries;
use crate::azure::arm::ArmError;
use crate::azure::completeness::{Finding, Level, ManifestSide, WantedArtifact, join};
use crate::azure::manifest_change::{Change, ManifestChangeDocument};
use crate::azure::{ArtifactManifest, ArtifactStore, ArtifactType, ManifestEntry, StoreType, manifest_name};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::{Fault, Faults, Kind};
use crate::oci::Job;
use crate::plan::{Depth, PlanOptions, Session, aosm::Reached, line, plan};
use crate::project::{StoreConfig, StoreKind};
use crate::report::azure::{entries_list, manifest_created};

/// Flags of `artifact-manifest create`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact-manifest create
  aosm-build artifact-manifest create --store images --artifact-manifest contoso-acr-manifest-1-0-1
  aosm-build artifact-manifest create --recreate --yes

A manifest that is there and lists the same is left alone; one that lists something else is an
error that says what. Entries never change, so --recreate deletes it first. --store says which
store of the project, where it has several.")]
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
    let (session, at) = args.chosen.one(context, "artifact-manifest create")?;
    let Wanted { reached, entries } = Box::pin(wanted(&session, at)).await?;
    let job = session.job(&format!("artifact-manifest create {}", reached.id.manifest));
    let store = ArtifactStore::get(&reached.arm, &reached.id.store, &job)
        .await
        .map_err(Fault::from)?;
    let config = session.project.stores.get(at);
    fits(config, &store).map_err(Fault::from)?;
    let making = Making {
        context,
        args,
        config,
        reached: &reached,
        entries: &entries,
        location: &store.location,
        job: &job,
    };
    let there = ArtifactManifest::find(&reached.arm, &reached.id, &job)
        .await
        .map_err(Fault::from)?;
    let made = match there {
        Some(there) => making.beside(there).await?,
        None => making.new_one().await?,
    };
    // Somebody else may have made it in between: then it kept its entries.
    let other = differences(&entries, &made.manifest).lines;
    if !other.is_empty() {
        return Err(making.refused(&other).into());
    }
    context.screen.finish();
    let document = ManifestChangeDocument::new(&reached.id, made.change, &made.manifest, &made.unlisted);
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&manifest_created(&document));
        if let (Some(name), Some(config)) = (&args.chosen.artifact_manifest, config) {
            let store = &config.name.value;
            context.screen.say(&format!(
                "to fill it, name it in [stores.{store}]: artifact-manifest = \"{name}\""
            ));
        }
    }
    Ok(0)
}

/// One manifest in the making.
struct Making<'a> {
    context: &'a Context,
    args: &'a CreateArgs,
    config: Option<&'a StoreConfig>,
    reached: &'a Reached,
    entries: &'a [ManifestEntry],
    location: &'a str,
    job: &'a Job,
}

/// What came of it.
struct Made {
    change: Change,
    manifest: ArtifactManifest,
    unlisted: Vec<ManifestEntry>,
}

impl Making<'_> {
    async fn new_one(&self) -> Result<Made, Fault> {
        self.announce();
        let made = self.step(async { self.put().await.map_err(Fault::from) }).await?;
        Ok(Made {
            change: Change::Created,
            manifest: made,
            unlisted: Vec::new(),
        })
    }

    /// One of this name is there: it is left alone, refused, or made anew.
    async fn beside(&self, there: ArtifactManifest) -> Result<Made, Fault> {
        let differences = differences(self.entries, &there);
        for warning in &differences.warnings {
            let warning = Fault::warning(format!("artifact manifest {}: {warning}", self.reached.id.manifest));
            let hint = "tools write odd types; nothing depends on it as far as is known";
            self.context.screen.fault(&warning.hint(hint));
        }
        let is_open = there.state.as_ref().is_none_or(|state| !state.is_sealed());
        if differences.lines.is_empty() && (is_open || !self.args.recreate) {
            return Ok(Made {
                change: Change::Unchanged,
                manifest: there,
                unlisted: Vec::new(),
            });
        }
        if !self.args.recreate {
            return Err(self.refused(&differences.lines));
        }
        let unlisted = gone(&there, self.entries);
        self.recreate_allowed(&there, &unlisted)?;
        self.announce();
        let manifest = self.step(self.recreate()).await?;
        Ok(Made {
            change: Change::Recreated,
            manifest,
            unlisted,
        })
    }

    async fn put(&self) -> Result<ArtifactManifest, ArmError> {
        let Reached { arm, id, .. } = self.reached;
        ArtifactManifest::create(arm, id, self.location, self.entries, self.job).await
    }

    async fn recreate(&self) -> Result<ArtifactManifest, Fault> {
        ArtifactManifest::delete(&self.reached.arm, &self.reached.id, self.job).await?;
        self.put().await.map_err(|error| {
            Fault::from(error)
                .context("the old manifest is deleted, and the new one could not be made")
                .hint("run it again: it is made then")
        })
    }

    /// Shows what `--recreate` takes away; fails unless that was agreed to.
    fn recreate_allowed(&self, there: &ArtifactManifest, unlisted: &[ManifestEntry]) -> Result<(), Fault> {
        let id = &self.reached.id;
        self.context.screen.finish();
        let mut text = format!("{id} will be deleted; what it lists loses its tags:\n");
        text.push_str(&entries_list(&there.artifacts));
        if !unlisted.is_empty() {
            text.push_str("of these the new one does not list:\n");
            text.push_str(&entries_list(unlisted));
        }
        self.context.screen.say(text.trim_end());
        if self.args.yes {
            return Ok(());
        }
        Err(
            Fault::new(Kind::Usage, format!("--recreate deletes {id} first, which needs --yes"))
                .hint("add --yes if that may go, or make the next version with --artifact-manifest"),
        )
    }

    fn announce(&self) {
        if !self.context.screen.json() {
            self.context.screen.finish();
            let text = format!("{} will list:\n{}", self.reached.id, entries_list(self.entries));
            self.context.screen.say(text.trim_end());
        }
    }

    /// Waits with a line on the screen.
    async fn step(
        &self,
        work: impl Future<Output = Result<ArtifactManifest, Fault>>,
    ) -> Result<ArtifactManifest, Fault> {
        waited(self.context, self.job, work).await
    }

    fn refused(&self, lines: &[String]) -> Fault {
        let name = &self.reached.id.manifest;
        let mut fault = Fault::invalid(format!(
            "artifact manifest {name}: it is there and lists something else"
        ))
        .at_opt(self.config.and_then(|store| store.name.place.clone()));
        for line in lines {
            fault = fault.because(line);
        }
        let next = manifest_name::next_version(name).unwrap_or_else(|| "NAME".to_owned());
        fault.hint(format!(
            "entries never change once they are made: make the next version (--artifact-manifest {next}), list what is missing \
             in a second one ({}), or delete it and make it anew (--recreate)",
            manifest_name::second(name)
        ))
    }
}

/// Is it the artifact store that the project takes it for?
fn fits(config: Option<&StoreConfig>, store: &ArtifactStore) -> Result<(), ArmError> {
    store.expect_type(&match config.map(|config| &config.kind) {
        Some(StoreKind::StorageAccount(_)) => StoreType::StorageAccount,
        _ => StoreType::Registry,
    })?;
    let location = config.and_then(|config| config.kind.aosm()?.location.as_ref());
    location.map_or(Ok(()), |location| store.expect_region(&location.value))
}

/// What a manifest is to list, and how it is reached.
struct Wanted {
    reached: Reached,
    entries: Vec<ManifestEntry>,
}

async fn wanted(session: &Arc<Session>, at: usize) -> Result<Wanted, Faults> {
    let options = PlanOptions {
        store: Some(at),
        depth: Depth::Steps,
        ..PlanOptions::default()
    };
    let planned = plan(session, &options).await?;
    let entries = entries(&session.project, &planned, |target| target.store == at)?;
    if entries.is_empty() {
        return Err(Fault::invalid("nothing of this project goes into that store")
            .hint("send charts, images, artifacts or disk images there: `store = …`")
            .into());
    }
    let site = planned.world.sites.get(&at);
    match site.map(|site| (site.reached.clone(), site.problem.clone())) {
        Some((Some(reached), _)) => Ok(Wanted { reached, entries }),
        Some((None, Some(problem))) => Err(problem.into()),
        _ => Err(Fault::bug("the store was not looked at").into()),
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
            digest: None,
            why_unknown: None,
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
