//! `credential`: what an artifact manifest grants.

use clap::Args;

use super::Ended;
use super::context::Context;
use super::store::options::{ManifestArgs, StoreKindArg};
use crate::azure::credential::ScopedCredential;
use crate::azure::documents::CredentialDocument;
use crate::azure::{ArtifactStore, StoreType};
use crate::fault::Fault;
use crate::report::azure::credential;

/// Flags of `credential`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build credential images    # a store of the project
  aosm-build credential -g contoso-rg --publisher contoso --artifact-store contoso-acr \\
    --artifact-manifest contoso-acr-manifest-1-0-0
  aosm-build credential … --show-secret --json | jq -r .registry.token

Without --show-secret no secret is printed. The credential is good for a day, as the service grants it; nothing is kept.")]
pub struct CredentialArgs {
    /// A store of the project, which says what the flags leave out
    #[arg(value_name = "STORE")]
    pub of: Option<String>,
    /// Which manifest.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Fail if the manifest is of a store of another kind
    #[arg(long, value_name = "KIND", value_enum)]
    pub kind: Option<StoreKindArg>,
    /// Print the secret, too: whoever sees it may push until it ends
    #[arg(long)]
    pub show_secret: bool,
}

pub async fn run(context: &Context, args: &CredentialArgs) -> Ended {
    let (id, chosen) = args.manifest.chosen(context, args.of.as_deref())?;
    let (arm, job) = chosen.arm(context, "credential")?;
    if let Some(wanted) = &chosen.location {
        let store = ArtifactStore::get(&arm, &id.store, &job).await.map_err(Fault::from)?;
        store.expect_region(wanted).map_err(Fault::from)?;
    }
    let granted = ScopedCredential::new(arm, id.clone())
        .get(&job)
        .await
        .map_err(Fault::from)?;
    match args.kind.map(StoreKindArg::store_type) {
        Some(StoreType::Registry) => granted.grant.registry(&id.manifest).map(|_| ()).map_err(Fault::from)?,
        Some(_) => granted.grant.storage(&id.manifest).map(|_| ()).map_err(Fault::from)?,
        None => {}
    }
    let document = CredentialDocument::new(&id, &granted.grant, args.show_secret);
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&credential(&document));
    }
    Ok(0)
}
