//! `artifact-manifest show`.

use clap::Args;

use crate::azure::documents::ArtifactManifestDocument;
use crate::azure::{ArtifactManifest, same_region};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::cli::store::options::ManifestArgs;
use crate::fault::Fault;
use crate::report::azure::manifest;

/// Flags of `artifact-manifest show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact-manifest show images    # of a store of the project
  aosm-build artifact-manifest show -g contoso-rg --publisher contoso --artifact-store contoso-acr \\
    --artifact-manifest contoso-acr-manifest-1-0-0

The login comes from AOSM_ARM_TOKEN or an Entra identity; AOSM_ARM_ENDPOINT replaces the cloud's endpoint.")]
pub struct ShowArgs {
    /// A store of the project, which says what the flags leave out
    #[arg(value_name = "STORE")]
    pub of: Option<String>,
    /// Which manifest.
    #[command(flatten)]
    pub manifest: ManifestArgs,
}

pub async fn run(context: &Context, args: &ShowArgs) -> Ended {
    let (id, chosen) = args.manifest.chosen(context, args.of.as_deref())?;
    let (arm, job) = chosen.arm(context, "artifact-manifest show")?;
    let found = ArtifactManifest::get(&arm, &id, &job).await.map_err(Fault::from)?;
    if let Some(wanted) = chosen
        .location
        .as_ref()
        .filter(|wanted| !same_region(&found.location, wanted))
    {
        return Err(Fault::invalid(format!(
            "artifact manifest {id}: its publisher is in {}, not in {wanted}",
            found.location
        ))
        .hint(format!(
            "give --location {}, or name the publisher of the other region",
            found.location
        ))
        .into());
    }
    let document = ArtifactManifestDocument::new(&id, &found);
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&manifest(&document));
    }
    Ok(0)
}
