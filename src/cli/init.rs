//! `init`: write a commented `aosm.toml`.

use super::Ended;
use super::context::Context;
use crate::durable::{self, Sync};
use crate::fault::{Fault, Place};
use crate::project;

pub fn run(context: &Context, stdout: bool) -> Ended {
    let proposal = project::propose(&context.folder()?)?;
    if stdout {
        context.screen.result(&proposal.text);
        return Ok(0);
    }
    if proposal.file.exists() {
        return Err(
            Fault::invalid(format!("{} is there already and is never overwritten", proposal.file))
                .at(Place::file_only(&proposal.file))
                .hint("`aosm-build init --stdout` shows what would be written")
                .into(),
        );
    }
    durable::write(&proposal.file, proposal.text.as_bytes(), Sync::No).map_err(|e| {
        Fault::infrastructure(format!("cannot write {}", proposal.file))
            .because(e)
            .hint("check that the folder may be written; `aosm-build init --stdout` prints the file")
    })?;
    for note in &proposal.notes {
        context.screen.say(note);
    }
    context.screen.result(&format!(
        "wrote {}; next: aosm-build check",
        context.screen.seen_from_here(proposal.file.as_str())
    ));
    Ok(0)
}
