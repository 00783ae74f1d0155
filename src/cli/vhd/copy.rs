//! `vhd copy`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `vhd copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &CopyArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
