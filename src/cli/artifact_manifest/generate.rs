//! `artifact-manifest generate`.

use clap::{Args, ValueEnum};

use super::chosen::{project, with_manifest};
use super::wanted::entries;
use crate::azure::StoreType;
use crate::azure::template::{ArtifactManifestsDocument, ManifestPart, PlannedManifest, arm_template, bicep};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::{Fault, Faults, Kind};
use crate::plan::{Depth, PlanOptions, Planned, Target, plan};
use crate::project::{Project, StoreConfig, StoreKind};

/// Forms of the manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ManifestFormat {
    /// A Bicep template, as `az aosm nfd build` writes it
    Bicep,
    /// The same as an ARM template in JSON
    Arm,
    /// What each manifest lists: aosm-artifact-manifests/1
    Json,
}

/// Flags of `artifact-manifest generate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact-manifest generate > deploy.bicep
  aosm-build artifact-manifest generate --format arm > deploy.json
  az deployment group create -g contoso-rg --template-file deploy.bicep \\
    --parameters location=westeurope publisherName=contoso \\
    --parameters acrArtifactStoreName=contoso-acr acrManifestName=contoso-acr-manifest-1-0-0

Charts, images and templates go into the manifest of a registry, disk images into that of a
storage account; --store leaves those of other stores out. The same project gives the same
bytes. No store is asked, and neither is Resource Manager.")]
pub struct GenerateArgs {
    /// The form
    #[arg(long, value_enum, value_name = "FORM", default_value = "bicep")]
    pub format: ManifestFormat,
}

pub async fn run(context: &Context, args: &GenerateArgs) -> Ended {
    let session = context.session_of(project(context)?)?;
    let project = &session.project;
    let only = match &context.global.store {
        Some(name) => Some(position(project, name)?),
        None => None,
    };
    let options = PlanOptions {
        depth: Depth::Steps,
        ..PlanOptions::default()
    };
    let planned = plan(&session, &options).await?;
    let manifests = manifests(project, &planned, only)?;
    context.screen.finish();
    if manifests.is_empty() {
        return Err(Fault::invalid("there is nothing that an artifact manifest would list")
            .hint("add charts, images, artifacts or disk images to the project")
            .into());
    }
    if context.screen.json() || args.format == ManifestFormat::Json {
        let all = manifests.iter().map(Manifest::planned).collect();
        context.screen.json_result(&ArtifactManifestsDocument::new(all));
        return Ok(0);
    }
    one_of_each(&manifests)?;
    let parts: Vec<ManifestPart> = manifests.into_iter().map(|manifest| manifest.part).collect();
    let text = match args.format {
        ManifestFormat::Arm => arm_template(&parts),
        _ => bicep(&parts),
    };
    context.screen.result(&text);
    Ok(0)
}

/// A manifest to be written, and the store that it is for.
struct Manifest<'a> {
    part: ManifestPart,
    store: Option<&'a StoreConfig>,
}

impl Manifest<'_> {
    fn planned(&self) -> PlannedManifest {
        let aosm = self.store.and_then(|store| store.kind.aosm());
        PlannedManifest {
            store: self.store.map(|store| store.name.value.clone()),
            artifact_store: aosm.map(|aosm| aosm.artifact_store.value.clone()),
            artifact_manifest: aosm.map(|aosm| aosm.artifact_manifest.value.clone()),
            ..PlannedManifest::new(&self.part)
        }
    }
}

/// One for each store that has a manifest. A project that has no such store gets one for all that goes into registries, and
/// one for its disk images.
fn manifests<'a>(project: &'a Project, planned: &Planned, only: Option<usize>) -> Result<Vec<Manifest<'a>>, Faults> {
    let mut faults = Faults::new();
    let mut all = Vec::new();
    let mut add = |store_type: StoreType, store: Option<&'a StoreConfig>, of: &dyn Fn(&Target) -> bool| match entries(
        project, planned, of,
    ) {
        Ok(entries) if entries.is_empty() => {}
        Ok(entries) => all.push(Manifest {
            part: ManifestPart { store_type, entries },
            store,
        }),
        Err(wrong) => faults.extend(wrong),
    };
    let stores = match only {
        Some(only) => vec![only],
        None => with_manifest(project).into_iter().map(|(at, _)| at).collect(),
    };
    if stores.is_empty() {
        add(StoreType::Registry, None, &|target| target.disk.is_none());
        add(StoreType::StorageAccount, None, &|target| target.disk.is_some());
    }
    for at in stores {
        let Some(store) = project.stores.get(at) else { continue };
        let store_type = match store.kind {
            StoreKind::StorageAccount(_) => StoreType::StorageAccount,
            _ => StoreType::Registry,
        };
        add(store_type, Some(store), &|target| target.store == at);
    }
    // Of registries first, as templates have them.
    all.sort_by_key(|manifest| manifest.part.store_type == StoreType::StorageAccount);
    faults.into_result(all).map(|(all, _)| all)
}

/// A template has one manifest of each kind: its parameters have no more names.
fn one_of_each(manifests: &[Manifest<'_>]) -> Result<(), Fault> {
    for kind in [StoreType::Registry, StoreType::StorageAccount] {
        let names: Vec<&str> = manifests
            .iter()
            .filter(|manifest| manifest.part.store_type == kind)
            .filter_map(|manifest| manifest.store)
            .map(|store| store.name.value.as_str())
            .collect();
        if names.len() > 1 {
            return Err(Fault::new(
                Kind::Usage,
                format!(
                    "a template has one artifact manifest of an {kind}, the project has {}",
                    names.len()
                ),
            )
            .hint(format!(
                "name one: --store {}; or use --format json, which has all",
                names.join(" or --store ")
            )));
        }
    }
    Ok(())
}

fn position(project: &Project, wanted: &str) -> Result<usize, Fault> {
    let found = project.stores.iter().position(|store| store.name.value == wanted);
    found.ok_or_else(|| {
        let names: Vec<&str> = project.stores.iter().map(|store| store.name.value.as_str()).collect();
        Fault::new(Kind::Usage, format!("--store {wanted}: the project has no such store"))
            .hint(format!("stores of this project: {}", names.join(", ")))
    })
}
