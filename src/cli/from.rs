//! `--from FOLDER`: the folder that the Azure CLI extension built stands in for charts and images of a project.
//!
//! Stores, sources and policy come from the `aosm.toml` of the folder to work in, if there is one: an input file alone says nothing
//! that the built folder does not say. Without it the local store is filled, or with `--store aosm` those that the folder names.

use std::sync::Arc;

use camino::Utf8Path;

use super::command_line::shell_word;
use super::context::{Context, current_folder};
use crate::fault::Faults;
use crate::peer;
use crate::plan::Session;
use crate::project;

/// The project that a folder stands for, opened; without a folder, that of the folder to work in.
pub fn session(context: &Context, folder: Option<&Utf8Path>) -> Result<Arc<Session>, Faults> {
    let Some(folder) = folder else {
        return context.session();
    };
    let current_dir = current_folder()?;
    let (read, warnings) = peer::read(&current_dir.join(folder), folder)?;
    context.screen.faults(&warnings);
    let command = format!("aosm-build lock --from {}", shell_word(folder.as_str()));
    let (list, warnings) = peer::listed_input(&read, command, &current_dir)?;
    context.screen.faults(&warnings);
    let (project, warnings) = project::load_listed(&context.load_options()?, list)?;
    context.screen.faults(&warnings);
    context.open(project)
}
