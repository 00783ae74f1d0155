//! `artifact show`: one artifact, described.

use clap::Args;

use super::open::{Purpose, job, open};
use super::options::RegistryArgs;
use crate::artifact::show::{facts, show};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;
use crate::oci::ErrorKind;
use crate::report::artifact::artifact;

/// Flags of `artifact show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact show myregistry.azurecr.io/samples/artifact:1.0
  aosm-build artifact show --json images:net-monitor:v1 | jq .layers")]
pub struct ShowArgs {
    /// The artifact: host/repository:tag, STORE:repository:tag or oci:DIR:NAME
    #[arg(value_name = "REF")]
    pub reference: String,
    /// Print the manifest, byte for byte
    #[arg(long, conflicts_with = "json")]
    pub manifest: bool,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

pub async fn run(context: &Context, args: &ShowArgs) -> Ended {
    let opened = open(context, &args.registry, &args.reference, Purpose::Read).await?;
    let job = job(context, "show");
    let root = opened.place.resolve(opened.named()?, &job).await.map_err(Fault::from)?;
    let held = opened.place.content(&job);
    if args.manifest {
        let bytes = held.manifest(&root).await.map_err(Fault::from)?;
        context.screen.result_bytes(&bytes);
        return Ok(0);
    }
    let mut document = show(&held, &root, &opened.shown, &job).await.map_err(Fault::from)?;
    if let Some(registry) = &opened.registry
        && let Some(acr) = registry.acr(&job).await.map_err(Fault::from)?
    {
        match acr.manifest(registry.repository(), &root.digest, &job).await {
            Ok(manifest) => document.registry = Some(facts(&manifest)),
            // The content itself was readable, so most of the answer is there.
            Err(error) if error.kind == ErrorKind::Denied => {
                let fault = Fault::from(error);
                let mut warning = Fault::warning(format!("the registry's own facts are left out: {}", fault.message()));
                if let Some(hint) = fault.hint_text() {
                    warning = warning.hint(hint);
                }
                context.screen.fault(&warning);
            }
            Err(error) => return Err(Fault::from(error).into()),
        }
    }
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&artifact(&document));
    }
    Ok(0)
}
