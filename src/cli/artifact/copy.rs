//! `artifact copy`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `artifact copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// What it is about
    #[arg(value_name = "SOURCE")]
    pub reference: String,
}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &CopyArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
