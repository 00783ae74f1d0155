//! `--from FOLDER`: the folder that the Azure CLI extension built stands in for charts and images of a project.
//!
//! Stores, sources and policy come from the `aosm.toml` of the folder to work in, if there is one: an input file alone says nothing
//! that the built folder does not say. Without it the local store is filled.

use std::sync::Arc;

use super::args::From;
use super::command_line::shell_word;
use super::context::{Context, current_folder};
use crate::fault::Faults;
use crate::peer::{self, Choice};
use crate::plan::Session;
use crate::project::{self, Project};

/// The project that a folder stands for, opened.
pub fn session(context: &Context, from: &From) -> Result<Arc<Session>, Faults> {
    let project = project(context, from)?;
    context.open(project)
}

fn project(context: &Context, from: &From) -> Result<Project, Faults> {
    let Some(folder) = &from.from else {
        return context.project();
    };
    let options = context.load_options()?;
    let current_dir = current_folder()?;
    let base = if options.project_file.is_some() || options.folder.join("aosm.toml").exists() {
        let (base, warnings) = project::load_stores(&options)?;
        context.screen.faults(&warnings);
        base
    } else {
        project::bare(&options)?
    };
    let (folder_read, warnings) = peer::read(&current_dir.join(folder), folder)?;
    context.screen.faults(&warnings);
    let mut words = vec!["aosm-build apply --from".to_owned(), shell_word(folder.as_str())];
    words.extend(from.store.iter().map(|store| format!("--store {}", shell_word(store))));
    let choice = Choice {
        base,
        stores: &from.store,
        command: words.join(" "),
        current_dir: &current_dir,
    };
    let (project, warnings) = peer::project_of(&folder_read, choice)?;
    context.screen.faults(&warnings);
    Ok(project)
}
