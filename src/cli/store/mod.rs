//! `store`: the artifact stores of a publisher.

mod artifacts;
mod chosen;
mod list;
pub mod options;
mod set_state;
mod show;

use clap::Subcommand;

use super::Ended;
use super::context::Context;

/// What to do with artifact stores.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// List the artifact stores of a publisher
    List(list::ListArgs),
    /// Show an artifact store and its manifests
    Show(show::ShowArgs),
    /// List the artifacts of an artifact store: their versions and states
    Artifacts(artifacts::ArtifactsArgs),
    /// Change the state of one version of an artifact
    SetState(set_state::SetStateArgs),
}

pub async fn run(context: &Context, command: &StoreCommand) -> Ended {
    match command {
        StoreCommand::List(args) => list::run(context, args).await,
        StoreCommand::Show(args) => show::run(context, args).await,
        StoreCommand::Artifacts(args) => artifacts::run(context, args).await,
        StoreCommand::SetState(args) => set_state::run(context, args).await,
    }
}
