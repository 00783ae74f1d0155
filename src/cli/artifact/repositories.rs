//! `artifact repositories`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `artifact repositories`.
#[derive(Debug, Args)]
pub struct RepositoriesArgs {
    /// What it is about
    #[arg(value_name = "REGISTRY")]
    pub reference: String,
}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &RepositoriesArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
