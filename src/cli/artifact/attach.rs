//! `artifact attach`.

use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;

/// Flags of `artifact attach`.
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// What it is about
    #[arg(value_name = "SUBJECT")]
    pub reference: String,
}

#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn run(_context: &Context, _args: &AttachArgs) -> Ended {
    Err(Fault::bug("not built yet").into())
}
