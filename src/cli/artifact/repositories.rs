//! `artifact repositories`: the repositories of a registry.

use std::collections::BTreeSet;

use clap::Args;

use super::open::{OpenedRegistry, job, open_registry};
use super::options::RegistryArgs;
use crate::artifact::documents::RepositoriesDocument;
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;
use crate::oci::registry::{Acr, Caller, repositories};
use crate::report::artifact::repositories_list;

/// Flags of `artifact repositories`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact repositories myregistry.azurecr.io
  aosm-build artifact repositories images     # a store of the project")]
pub struct RepositoriesArgs {
    /// The registry: host[:port], STORE or oci:DIR
    #[arg(value_name = "REGISTRY")]
    pub registry: String,
    /// How to reach it.
    #[command(flatten)]
    pub options: RegistryArgs,
}

pub async fn run(context: &Context, args: &RepositoriesArgs) -> Ended {
    let job = job(context, "repositories");
    let (registry, repositories) = match open_registry(context, &args.options, &args.registry).await? {
        OpenedRegistry::Registry { client, prefix } => {
            let all = match Acr::of(&client, &job).await.map_err(Fault::from)? {
                Some(acr) => acr.repositories(&job).await,
                None => repositories(&client, &Caller::from(&job)).await,
            }
            .map_err(Fault::from)?;
            let host = &client.host.name;
            if prefix.is_empty() {
                (host.clone(), all)
            } else {
                // As they are written after the store's name.
                let below = format!("{prefix}/");
                let own = all
                    .iter()
                    .filter_map(|name| name.strip_prefix(&below))
                    .map(str::to_owned)
                    .collect();
                (format!("{host}/{prefix}"), own)
            }
        }
        // No token of a manifest may list the registry; the manifest says what is there for it.
        OpenedRegistry::Granted(granted) => (granted.client.host.name.clone(), granted.repositories()),
        OpenedRegistry::Layout(place) => {
            let names = place.tags(&job).await.map_err(Fault::from)?;
            let own: BTreeSet<String> = names
                .iter()
                .filter_map(|name| name.rsplit_once(':'))
                .map(|(repository, _)| repository.to_owned())
                .collect();
            (place.label().to_owned(), own.into_iter().collect())
        }
    };
    let document = RepositoriesDocument {
        format: "aosm-repositories/1",
        registry,
        repositories,
    };
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else if !document.repositories.is_empty() {
        context.screen.result(&repositories_list(&document));
    }
    Ok(0)
}
