//! `artifact-manifest`: what a store may be filled with.

mod show;

use clap::Subcommand;

use super::Ended;
use super::context::Context;

/// What to do with artifact manifests.
#[derive(Debug, Subcommand)]
pub enum ArtifactManifestCommand {
    /// Show an artifact manifest as it is now
    Show(show::ShowArgs),
}

pub async fn run(context: &Context, command: &ArtifactManifestCommand) -> Ended {
    match command {
        ArtifactManifestCommand::Show(args) => show::run(context, args).await,
    }
}
