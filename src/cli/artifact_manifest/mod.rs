//! `artifact-manifest`: what a store may be filled with: written as a template, made, compared, sealed, deleted.

mod check;
mod chosen;
mod confirm;
mod create;
mod delete;
mod generate;
mod seal;
mod show;
mod waiting;
mod wanted;

use clap::Subcommand;

use super::Ended;
use super::context::Context;

/// What to do with artifact manifests.
#[derive(Debug, Subcommand)]
pub enum ArtifactManifestCommand {
    /// Show an artifact manifest as it is now
    Show(show::ShowArgs),
    /// Write the artifact manifests that the project needs, as Bicep, as an ARM template or as JSON
    Generate(generate::GenerateArgs),
    /// Make the artifact manifest of a store, with everything the project needs
    Create(create::CreateArgs),
    /// Compare what the project needs with what the manifest lists and the store holds; changes nothing
    Check(check::CheckArgs),
    /// Close the artifact manifest of a store for good, after every digest in the store was compared
    Seal(seal::SealArgs),
    /// Delete an artifact manifest
    Delete(delete::DeleteArgs),
}

pub async fn run(context: &Context, command: &ArtifactManifestCommand) -> Ended {
    match command {
        ArtifactManifestCommand::Show(args) => show::run(context, args).await,
        ArtifactManifestCommand::Generate(args) => Box::pin(generate::run(context, args)).await,
        ArtifactManifestCommand::Create(args) => Box::pin(create::run(context, args)).await,
        ArtifactManifestCommand::Check(args) => Box::pin(check::run(context, args)).await,
        ArtifactManifestCommand::Seal(args) => Box::pin(seal::run(context, args)).await,
        ArtifactManifestCommand::Delete(args) => delete::run(context, args).await,
    }
}
