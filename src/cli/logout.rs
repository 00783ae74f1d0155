//! `logout`: forgets the login of a registry, where docker keeps logins.

use clap::Args;

use super::Ended;
use super::context::Context;
use super::login::{fault, host, key};
use crate::credentials::{LoginKeeper, Variables};
use crate::report::LogoutDocument;

/// Flags of `logout`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  aosm-build logout registry.example")]
pub struct LogoutCommand {
    /// The registry: host[:port]
    #[arg(value_name = "HOST")]
    pub host: String,
}

pub async fn run(context: &Context, args: &LogoutCommand) -> Ended {
    let host = host(&args.host)?;
    let keeper = LoginKeeper::by(&Variables::from_env()).map_err(fault)?;
    let forgotten = keeper.forget(&key(&host)).await.map_err(fault)?;
    if context.screen.json() {
        context.screen.json_result(&LogoutDocument {
            format: "aosm-logout/1",
            registry: host,
            removed: forgotten.is_some(),
            file: keeper.file().to_string(),
            helper: forgotten.and_then(|kept| kept.helper),
        });
        return Ok(0);
    }
    let words = match forgotten.map(|kept| kept.helper) {
        None => format!("there was no login in {}", keeper.file()),
        Some(None) => format!("removed from {}", keeper.file()),
        Some(Some(helper)) => format!("removed from the credential helper {helper} and {}", keeper.file()),
    };
    context.screen.result(&format!("logout {host}: {words}"));
    Ok(0)
}
