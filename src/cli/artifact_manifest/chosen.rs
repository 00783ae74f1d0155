//! Which store of the project, and which artifact manifest of it.

use std::sync::Arc;

use clap::Args;

use crate::azure::ManifestId;
use crate::cli::context::Context;
use crate::fault::{Fault, Faults, Kind};
use crate::plan::Session;
use crate::project::{AosmStore, Project, Spanned, StoreKind};

/// Which manifest; the store is `--store`, as everywhere.
#[derive(Debug, Clone, Args)]
pub struct ChosenArgs {
    /// Another artifact manifest than the one that the store names: the next version
    #[arg(long, value_name = "NAME")]
    pub artifact_manifest: Option<String>,
}

/// A project opened, and the stores that were chosen.
pub struct Chosen {
    /// The project with the chosen manifest in its place.
    pub session: Arc<Session>,
    /// Positions of the stores: never empty.
    pub stores: Vec<usize>,
}

impl ChosenArgs {
    /// Opens the project and finds the one store that is meant.
    pub fn one(&self, context: &Context, what: &str) -> Result<(Arc<Session>, usize), Faults> {
        let chosen = self.open(context, what, true)?;
        match chosen.stores.as_slice() {
            [only] => Ok((chosen.session, *only)),
            _ => Err(Fault::bug("no store was chosen").into()),
        }
    }

    /// The same, of all stores that have a manifest where none is named.
    pub fn all(&self, context: &Context, what: &str) -> Result<Chosen, Faults> {
        self.open(context, what, false)
    }

    fn open(&self, context: &Context, what: &str, only_one: bool) -> Result<Chosen, Faults> {
        refuse_offline(context, what)?;
        let mut project = project(context)?;
        // A name can only be meant for one of them.
        let only_one = only_one || self.artifact_manifest.is_some();
        let stores = positions(&project, context.global.store.as_deref(), only_one)?;
        if let (Some(name), Some(at)) = (&self.artifact_manifest, stores.first()) {
            ManifestId::check(name)?;
            if let Some(config) = project.stores.get_mut(*at).and_then(|store| aosm_mut(&mut store.kind)) {
                config.artifact_manifest = Spanned::default_value(name.clone());
            }
        }
        Ok(Chosen {
            session: context.session_of(project)?,
            stores,
        })
    }
}

/// The project; `--store` chooses among its stores, and makes those of an input file alone.
pub fn project(context: &Context) -> Result<Project, Faults> {
    context.project_as_written(|project| !with_manifest(project).is_empty())
}

/// The positions of the stores that are meant.
fn positions(project: &Project, wanted: Option<&str>, only_one: bool) -> Result<Vec<usize>, Fault> {
    let all = with_manifest(project);
    let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
    if let Some(wanted) = wanted {
        if let Some((at, _)) = all.iter().find(|(_, name)| *name == wanted) {
            return Ok(vec![*at]);
        }
        // Names that no store has were refused when the project was read.
        return Err(Fault::new(
            Kind::Usage,
            format!("--store {wanted}: it is no store of AOSM, so it has no artifact manifest"),
        )
        .hint(known(&names)));
    }
    match all.as_slice() {
        [] => Err(none()),
        [_, _, ..] if only_one => Err(Fault::new(Kind::Usage, "the project has several stores of AOSM")
            .hint(format!("name one: --store {}", names.join(" or --store ")))),
        _ => Ok(all.into_iter().map(|(at, _)| at).collect()),
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
        "add a store with `kind = \"acr\"`; or, with an input file alone, use the one it names: --store aosm".to_owned()
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
