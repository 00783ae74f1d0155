//! `vhd download`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `vhd download`.
#[derive(Debug, Args)]
pub struct DownloadArgs {}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &DownloadArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
