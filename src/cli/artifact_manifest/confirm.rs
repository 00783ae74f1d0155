//! Asking before something goes for good: twice, so that a slip of the hand deletes nothing.

use crate::cli::context::Context;
use crate::cli::prompt;
use crate::fault::{Fault, Kind};

/// Fails where nobody can be asked and `--yes` is not given: before anything is looked at.
pub fn possible(yes: bool, what: &str) -> Result<(), Fault> {
    if yes || prompt::possible() {
        return Ok(());
    }
    Err(Fault::new(Kind::Usage, format!("{what}: nobody is here to be asked"))
        .hint("--yes deletes without asking; run it on a terminal to see what will go"))
}

/// Asks whether, then for the name.
pub async fn twice(context: &Context, name: &str) -> Result<bool, Fault> {
    let first = answer(context, "delete it? [y/N] ").await?;
    if !matches!(first.to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(false);
    }
    let second = answer(context, &format!("type its name to delete it ({name}): ")).await?;
    Ok(second == name)
}

async fn answer(context: &Context, question: &str) -> Result<String, Fault> {
    context.screen.finish();
    match prompt::line(question, &context.cancel).await {
        Ok(answer) => Ok(answer.trim().to_owned()),
        Err(fault) if fault.kind() == Kind::Interrupted => {
            Err(Fault::new(Kind::Interrupted, "stopped before anything was deleted"))
        }
        Err(fault) => Err(fault.hint("--yes deletes without asking")),
    }
}
