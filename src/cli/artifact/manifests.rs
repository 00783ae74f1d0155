//! `artifact manifests`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `artifact manifests`.
#[derive(Debug, Args)]
pub struct ManifestsArgs {
    /// What it is about
    #[arg(value_name = "REPOSITORY")]
    pub reference: String,
}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &ManifestsArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
