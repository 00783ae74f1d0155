//! `artifact discover`: what refers to an artifact.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

use super::open::{Purpose, job, open};
use super::options::RegistryArgs;
use crate::artifact::documents::DiscoverDocument;
use crate::artifact::platform::choose;
use crate::artifact::tree::discover;
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;
use crate::oci::Platform;
use crate::report::artifact::{discover_table, discover_tree};

/// Forms of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiscoverOutput {
    /// Everything, nested
    Tree,
    /// Direct referrers, a line each
    Table,
    /// aosm-discover/1
    Json,
}

/// Flags of `artifact discover`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact discover myregistry.azurecr.io/net-monitor:v1
  aosm-build artifact discover --json --artifact-type sbom/example images:net-monitor:v1 | jq -r '.referrers[0].digest'")]
pub struct DiscoverArgs {
    /// The artifact: host/repository:tag, STORE:repository:tag or oci:DIR:NAME
    #[arg(value_name = "REF")]
    pub reference: String,
    /// The form [default: tree]
    #[arg(short, long, value_name = "FORM", value_enum)]
    pub output: Option<DiscoverOutput>,
    /// Only referrers of this artifact type, on every level
    #[arg(long, value_name = "TYPE")]
    pub artifact_type: Option<String>,
    /// Only so many levels
    #[arg(long, value_name = "N", value_parser = crate::cli::units::at_least_one)]
    pub depth: Option<NonZeroUsize>,
    /// What refers to the manifest of this platform instead of to the index
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<Platform>,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

pub async fn run(context: &Context, args: &DiscoverArgs) -> Ended {
    let opened = open(context, &args.registry, &args.reference, Purpose::Read).await?;
    let job = job(context, "discover");
    let mut root = opened.place.resolve(opened.named()?, &job).await.map_err(Fault::from)?;
    let held = opened.place.content(&job);
    if let Some(platform) = &args.platform {
        root = choose(&held, &root, platform, &job).await.map_err(Fault::from)?;
    }
    let json = context.screen.json() || args.output == Some(DiscoverOutput::Json);
    let depth = match args.output {
        Some(DiscoverOutput::Table) => Some(1),
        _ => args.depth.map(NonZeroUsize::get),
    };
    let referrers = discover(&held, &root.digest, args.artifact_type.as_deref(), depth)
        .await
        .map_err(Fault::from)?;
    let document = DiscoverDocument {
        format: "aosm-discover/1",
        reference: opened.shown.clone(),
        digest: root.digest.to_string(),
        referrers,
    };
    context.screen.finish();
    if json {
        context.screen.json_result(&document);
    } else if args.output == Some(DiscoverOutput::Table) {
        context.screen.result(&discover_table(&opened.shown, &document));
    } else {
        let tree = discover_tree(&opened.path(), &document, context.screen.out_color());
        context.screen.result(&tree);
    }
    Ok(0)
}
