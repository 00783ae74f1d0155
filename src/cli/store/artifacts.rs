//! `store artifacts`: what a store knows, version by version.

use clap::Args;

use super::chosen::Chosen;
use super::options::StoreArgs;
use crate::azure::arm::Arm;
use crate::azure::artifact_documents::StoreArtifactsDocument;
use crate::azure::{Artifact, ArtifactStore, ArtifactVersion, StoreId};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;
use crate::oci::Job;
use crate::report::azure_artifacts::artifacts_list;

/// Flags of `store artifacts`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build store artifacts images    # of a store of the project
  aosm-build store artifacts -g contoso-rg --publisher contoso --artifact-store contoso-acr
  aosm-build store artifacts images --name contoso-cnf --json | jq -r '.artifacts[].versions[].version'

These are the artifacts that Resource Manager knows of; what an artifact manifest merely lists is shown by
artifact-manifest show.")]
pub struct ArtifactsArgs {
    /// A store of the project, which says what the flags leave out
    #[arg(value_name = "STORE")]
    pub of: Option<String>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Only this artifact
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

pub async fn run(context: &Context, args: &ArtifactsArgs) -> Ended {
    let (id, chosen) = args.store.chosen(context, args.of.as_deref())?;
    let (arm, job) = chosen.arm(context, "store artifacts")?;
    expect_region(&chosen, &arm, &id, &job).await?;
    let found = match &args.name {
        Some(name) => vec![(
            Artifact {
                name: name.clone(),
                id: None,
            },
            versions(&arm, &id, name, &job).await?,
        )],
        None => Artifact::list_with_versions(&arm, &id, &job)
            .await
            .map_err(Fault::from)?,
    };
    let document = StoreArtifactsDocument::new(&id, &found);
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else if document.artifacts.is_empty() {
        context.screen.say(&format!("artifact store {id} knows no artifacts"));
    } else {
        context.screen.result(&artifacts_list(&document));
    }
    Ok(0)
}

/// The versions of an artifact; that it has none is an error, as then it is not there.
pub(super) async fn versions(arm: &Arm, id: &StoreId, name: &str, job: &Job) -> Result<Vec<ArtifactVersion>, Fault> {
    let versions = ArtifactVersion::list(arm, id, name, job).await?;
    if versions.is_empty() {
        return Err(Fault::invalid(format!("artifact store {id} knows no artifact {name}"))
            .hint("`aosm-build store artifacts` without --name lists all that it knows"));
    }
    Ok(versions)
}

/// The store must be in the region that somebody named.
pub(super) async fn expect_region(chosen: &Chosen, arm: &Arm, id: &StoreId, job: &Job) -> Result<(), Fault> {
    if let Some(wanted) = &chosen.location {
        ArtifactStore::get(arm, id, job).await?.expect_region(wanted)?;
    }
    Ok(())
}
