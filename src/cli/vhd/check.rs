//! `vhd check`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `vhd check`.
#[derive(Debug, Args)]
pub struct CheckArgs {}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &CheckArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
