//! `vhd`: one disk image at a time.

mod check;
mod copy;
mod download;
pub mod place;
mod show;
mod upload;

use clap::Subcommand;

use super::Ended;
use super::context::Context;

/// What to do with a disk image.
#[derive(Debug, Subcommand)]
pub enum VhdCommand {
    /// Check that a file is a disk image that Azure takes
    Check(check::CheckArgs),
    /// Upload a disk image
    Upload(upload::UploadArgs),
    /// Have a disk image copied from a URL
    Copy(copy::CopyArgs),
    /// Download a disk image
    Download(download::DownloadArgs),
    /// Show what is held under a name
    Show(show::ShowArgs),
}

pub async fn run(context: &Context, command: &VhdCommand) -> Ended {
    match command {
        VhdCommand::Check(args) => check::run(context, args).await,
        VhdCommand::Upload(args) => upload::run(context, args).await,
        VhdCommand::Copy(args) => copy::run(context, args).await,
        VhdCommand::Download(args) => download::run(context, args).await,
        VhdCommand::Show(args) => show::run(context, args).await,
    }
}
