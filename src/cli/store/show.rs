//! `store show`.

use clap::Args;

use super::options::{StoreArgs, StoreKindArg};
use crate::azure::documents::StoreDocument;
use crate::azure::{ArtifactManifest, ArtifactStore};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;
use crate::report::azure::store;

/// Flags of `store show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build store show images    # a store of the project
  aosm-build store show --resource-group contoso-rg --publisher contoso --artifact-store contoso-acr

The login comes from AOSM_ARM_TOKEN or an Entra identity; AOSM_ARM_ENDPOINT replaces the cloud's endpoint.")]
pub struct ShowArgs {
    /// A store of the project, which says what the flags leave out
    #[arg(value_name = "STORE")]
    pub of: Option<String>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Fail if the store is of another kind
    #[arg(long, value_name = "KIND", value_enum)]
    pub kind: Option<StoreKindArg>,
}

pub async fn run(context: &Context, args: &ShowArgs) -> Ended {
    let (id, chosen) = args.store.chosen(context, args.of.as_deref())?;
    let (arm, job) = chosen.arm(context, "store show")?;
    let found = ArtifactStore::get(&arm, &id, &job).await.map_err(Fault::from)?;
    if let Some(wanted) = &chosen.location {
        found.expect_region(wanted).map_err(Fault::from)?;
    }
    if let Some(kind) = args.kind {
        found.expect_type(&kind.store_type()).map_err(Fault::from)?;
    }
    let manifests = ArtifactManifest::list(&arm, &id, &job).await.map_err(Fault::from)?;
    let document = StoreDocument::new(&id, &found, &manifests);
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&store(&document));
    }
    Ok(0)
}
