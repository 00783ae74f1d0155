//! Which store of the project, and which artifact manifest of it.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::azure::ManifestId;
use crate::cli::context::Context;
use crate::fault::{Fault, Faults, Kind};
use crate::plan::Session;
use crate::project::{AosmStore, Project, Spanned, StoreKind};

/// Which store and manifest.
#[derive(Debug, Clone, Args)]
pub struct ChosenArgs {
    /// The project's store [default: the only one that has an artifact manifest]
    #[arg(long, value_name = "NAME")]
    pub store: Option<String>,
    /// Another artifact manifest than the one that the store names: the next version
    #[arg(long, value_name = "NAME")]
    pub artifact_manifest: Option<String>,
}

/// A project opened, and the store that was chosen.
pub struct Chosen {
    /// The project with the chosen manifest in its place.
    pub session: Arc<Session>,
    /// Position of the store.
    pub store: usize,
}

impl ChosenArgs {
    /// Opens the project; fails unless it is plain which store is meant.
    pub fn open(&self, context: &Context, what: &str) -> Result<Chosen, Faults> {
        refuse_offline(context, what)?;
        let mut project = context.project()?;
        let store = self.position(&project)?;
        if let Some(name) = &self.artifact_manifest {
            ManifestId::check(name)?;
            if let Some(config) = project.stores.get_mut(store).and_then(|store| aosm_mut(&mut store.kind)) {
                config.artifact_manifest = Spanned::default_value(name.clone());
            }
        }
        Ok(Chosen {
            session: context.session_of(project)?,
            store,
        })
    }

    /// The position of the store that is meant.
    fn position(&self, project: &Project) -> Result<usize, Fault> {
        let all = with_manifest(project);
        let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
        if let Some(wanted) = &self.store {
            if let Some((at, _)) = all.iter().find(|(_, name)| name == wanted) {
                return Ok(*at);
            }
            let why = if project.stores.iter().any(|store| store.name.value == *wanted) {
                "is no store of AOSM, so it has no artifact manifest"
            } else {
                "the project has no such store"
            };
            return Err(Fault::new(Kind::Usage, format!("--store {wanted}: {why}")).hint(known(&names)));
        }
        match all.as_slice() {
            [(only, _)] => Ok(*only),
            [] => Err(none()),
            _ => Err(Fault::new(Kind::Usage, "the project has several stores of AOSM").hint(format!(
                "name one: --store {}",
                names.join(" or --store ")
            ))),
        }
    }
}

/// Positions and names of the stores that have an artifact manifest.
pub fn with_manifest(project: &Project) -> Vec<(usize, &str)> {
    project
        .stores
        .iter()
        .enumerate()
        .filter(|(_, store)| store.kind.aosm().is_some())
        .map(|(at, store)| (at, store.name.value.as_str()))
        .collect()
}

fn known(names: &[&str]) -> String {
    if names.is_empty() {
        "add a store with `kind = \"acr\"` or `kind = \"storage-account\"` that names an artifact store".to_owned()
    } else {
        format!("stores of AOSM here: {}", names.join(", "))
    }
}

fn none() -> Fault {
    Fault::invalid("no store of this project has an artifact manifest").hint(known(&[]))
}

fn aosm_mut(kind: &mut StoreKind) -> Option<&mut AosmStore> {
    match kind {
        StoreKind::Acr(store) => Some(store),
        StoreKind::StorageAccount(account) => account.aosm.as_mut(),
        StoreKind::Local { .. } | StoreKind::Registry { .. } => None,
    }
}

/// These commands ask Resource Manager, or are of no use.
pub fn refuse_offline(context: &Context, what: &str) -> Result<(), Fault> {
    if context.global.offline {
        return Err(Fault::new(
            Kind::Usage,
            format!("{what}: --offline forbids asking Resource Manager"),
        )
        .hint("run it without --offline"));
    }
    Ok(())
}

/// How long an operation may take.
#[derive(Debug, Clone, Args)]
pub struct WaitingArgs {
    /// How long an operation of Resource Manager may take
    #[arg(long, value_name = "AGE", default_value = "30m", value_parser = crate::cli::units::age)]
    pub operation_limit: Duration,
}
