//! `vhd show`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `vhd show`.
#[derive(Debug, Args)]
pub struct ShowArgs {}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &ShowArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
