//! `vhd upload`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `vhd upload`.
#[derive(Debug, Args)]
pub struct UploadArgs {}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &UploadArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
