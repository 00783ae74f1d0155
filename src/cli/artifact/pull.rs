//! `artifact pull`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `artifact pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// What it is about
    #[arg(value_name = "REF")]
    pub reference: String,
}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &PullArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
