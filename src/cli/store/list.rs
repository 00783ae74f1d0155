//! `store list`.

use clap::Args;

use super::options::AzureArgs;
use crate::azure::ArtifactStore;
use crate::azure::documents::StoresDocument;
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::{Fault, Faults};
use crate::report::azure::stores_list;

/// Flags of `store list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build store list images    # all stores of that store's publisher
  aosm-build store list --resource-group contoso-rg --publisher contoso

The login comes from AOSM_ARM_TOKEN or an Entra identity; AOSM_ARM_ENDPOINT replaces the cloud's endpoint.")]
pub struct ListArgs {
    /// A store of the project, which says what the flags leave out
    #[arg(value_name = "STORE")]
    pub of: Option<String>,
    /// Which publisher.
    #[command(flatten)]
    pub azure: AzureArgs,
}

pub async fn run(context: &Context, args: &ListArgs) -> Ended {
    let chosen = args.azure.chosen(context, args.of.as_deref())?;
    let publisher = chosen.publisher();
    let (arm, job) = chosen.arm(context, "store list")?;
    let stores = ArtifactStore::list(&arm, publisher, &job).await.map_err(Fault::from)?;
    if let Some(wanted) = &chosen.location {
        let elsewhere = stores.iter().filter_map(|store| store.expect_region(wanted).err());
        let (..) = elsewhere.map(Fault::from).collect::<Faults>().into_result(())?;
    }
    let document = StoresDocument::new(publisher, &stores);
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else if document.stores.is_empty() {
        context.screen.say(&format!("{publisher} has no artifact stores"));
    } else {
        context.screen.result(&stores_list(&document));
    }
    Ok(0)
}
