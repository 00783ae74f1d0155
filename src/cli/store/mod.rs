//! `store`: the artifact stores of a publisher.

mod chosen;
mod list;
pub mod options;
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
}

pub async fn run(context: &Context, command: &StoreCommand) -> Ended {
    match command {
        StoreCommand::List(args) => list::run(context, args).await,
        StoreCommand::Show(args) => show::run(context, args).await,
    }
}
