//! `artifact`: one artifact at a time, without a project.

mod attach;
mod copy;
mod delete;
mod discover;
mod manifests;
pub mod open;
pub mod options;
mod packing;
mod pull;
mod push;
mod repositories;
mod show;
mod surroundings;
mod tags;
mod typed;

use clap::Subcommand;

use super::Ended;
use super::context::Context;
use attach::AttachArgs;
use copy::CopyArgs;
use delete::DeleteArgs;
use discover::DiscoverArgs;
use manifests::ManifestsArgs;
use pull::PullArgs;
use push::PushArgs;
use repositories::RepositoriesArgs;
use show::ShowArgs;
use tags::TagsArgs;

/// What to do with an artifact.
#[derive(Debug, Subcommand)]
pub enum ArtifactCommand {
    /// Push files as an artifact
    Push(PushArgs),
    /// Attach files to a subject as a referrer
    Attach(AttachArgs),
    /// Show what refers to an artifact
    Discover(DiscoverArgs),
    /// Pull the files of an artifact
    Pull(PullArgs),
    /// Show one artifact
    Show(ShowArgs),
    /// List the tags of a repository
    Tags(TagsArgs),
    /// List the manifests of a repository
    Manifests(ManifestsArgs),
    /// List the repositories of a registry
    Repositories(RepositoriesArgs),
    /// Delete an artifact
    Delete(DeleteArgs),
    /// Copy an artifact
    Copy(CopyArgs),
}

pub async fn run(context: &Context, command: &ArtifactCommand) -> Ended {
    match command {
        ArtifactCommand::Push(args) => push::run(context, args).await,
        ArtifactCommand::Attach(args) => attach::run(context, args).await,
        ArtifactCommand::Discover(args) => discover::run(context, args).await,
        ArtifactCommand::Pull(args) => pull::run(context, args).await,
        ArtifactCommand::Show(args) => show::run(context, args).await,
        ArtifactCommand::Tags(args) => tags::run(context, args).await,
        ArtifactCommand::Manifests(args) => manifests::run(context, args).await,
        ArtifactCommand::Repositories(args) => repositories::run(context, args).await,
        ArtifactCommand::Delete(args) => delete::run(context, args).await,
        ArtifactCommand::Copy(args) => copy::run(context, args).await,
    }
}
