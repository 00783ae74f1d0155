//! `artifact-manifest delete`.

use clap::Args;

use super::confirm;
use super::waiting::waited;
use crate::azure::ArtifactManifest;
use crate::azure::manifest_change::{Change, ManifestChangeDocument};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::cli::store::options::ManifestArgs;
use crate::fault::Fault;
use crate::report::azure::entries_list;
use crate::report::count;

/// Flags of `artifact-manifest delete`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact-manifest delete --artifact-manifest contoso-acr-manifest-1-0-0
  aosm-build artifact-manifest delete -g contoso-rg --publisher contoso \\
    --artifact-store contoso-acr --artifact-manifest contoso-acr-manifest-1-0-0

It is asked twice: whether, and for the name. What the manifest lists loses its tags from API
version 2025-03-30 on. A manifest that a network function definition refers to is not deleted by
the service.")]
pub struct DeleteArgs {
    /// Which manifest.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

pub async fn run(context: &Context, args: &DeleteArgs) -> Ended {
    confirm::possible(args.yes, "artifact-manifest delete")?;
    let (id, chosen) = args.manifest.chosen(context, None)?;
    let (arm, job) = chosen.arm(context, "artifact-manifest delete")?;
    let there = ArtifactManifest::get(&arm, &id, &job).await.map_err(Fault::from)?;
    context.screen.finish();
    if !context.screen.json() || !args.yes {
        let state = there.state.as_ref().map_or("-", |state| state.as_str());
        let text = format!(
            "{id} ({state}) will be deleted; it lists {}:\n{}",
            count(there.artifacts.len() as u64, "artifact"),
            entries_list(&there.artifacts)
        );
        context.screen.say(text.trim_end());
    }
    if !args.yes && !confirm::twice(context, &id.manifest).await? {
        context.screen.say("nothing was deleted");
        return Ok(0);
    }
    let deleting = async { ArtifactManifest::delete(&arm, &id, &job).await.map_err(Fault::from) };
    waited(context, &job, deleting).await?;
    context.screen.finish();
    if context.screen.json() {
        let document = ManifestChangeDocument::new(&id, Change::Deleted, &there, &there.artifacts);
        context.screen.json_result(&document);
    } else {
        context.screen.result(&format!("deleted {id}"));
    }
    Ok(0)
}
