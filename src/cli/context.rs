//! What the commands share: the resolved flags, the screen, and the project when it is asked for.

use std::sync::Arc;

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use super::args::Global;
use crate::fault::{Fault, Faults, Kind, Place};
use crate::plan::{Mode, Session};
use crate::project::{self, LoadOptions, Project};
use crate::report::Screen;

/// One call of the program.
pub struct Context {
    /// Flags of every command.
    pub global: Global,
    /// Where results and words go.
    pub screen: Screen,
    /// Fires when the user stops the run.
    pub cancel: CancellationToken,
}

impl Context {
    pub fn new(global: Global, screen: Screen, cancel: CancellationToken) -> Self {
        Self { global, screen, cancel }
    }

    /// The folder to work in, absolute.
    pub fn folder(&self) -> Result<Utf8PathBuf, Fault> {
        let current = current_folder()?;
        let Some(directory) = &self.global.directory else {
            return Ok(current);
        };
        let folder = current.join(directory);
        if folder.is_dir() {
            Ok(folder)
        } else {
            Err(
                Fault::new(Kind::Usage, format!("-C {directory}: there is no such folder"))
                    .at(Place::file_only(directory))
                    .hint("name a folder that is there: relative ones start from the current folder"),
            )
        }
    }

    /// Loads the project; its warnings go to the screen.
    pub fn project(&self) -> Result<Project, Faults> {
        let (project, warnings) = project::load(&self.load_options()?)?;
        self.screen.faults(&warnings);
        Ok(project)
    }

    /// Loads the project for a command that looks at one store of it: `--store` names that one, and sends nothing elsewhere.
    /// Only where the project as it is written is not `enough` it counts as it does everywhere else.
    pub fn project_as_written(&self, enough: impl Fn(&Project) -> bool) -> Result<Project, Faults> {
        let options = self.load_options()?;
        if options.store.is_some() {
            let written = LoadOptions { store: None, ..options };
            if let Ok((project, warnings)) = project::load(&written)
                && enough(&project)
            {
                self.screen.faults(&warnings);
                return Ok(project);
            }
        }
        self.project()
    }

    /// Loads the project if there is one; for commands that do not need it. Its warnings are not theirs to tell.
    pub fn project_if_any(&self) -> Result<Option<Project>, Faults> {
        let options = self.load_options()?;
        if options.project_file.is_none() && !project::is_there(&options.folder) {
            return Ok(None);
        }
        let (project, _) = project::load(&options)?;
        Ok(Some(project))
    }

    /// The same of a project that need not name anything but stores.
    pub fn stores_if_any(&self) -> Result<Option<Project>, Faults> {
        let options = self.load_options()?;
        if options.project_file.is_none() && !project::is_there(&options.folder) {
            return Ok(None);
        }
        let (project, warnings) = project::load_stores(&options)?;
        self.screen.faults(&warnings);
        Ok(Some(project))
    }

    fn load_options(&self) -> Result<LoadOptions, Fault> {
        Ok(LoadOptions {
            folder: self.folder()?,
            project_file: self.global.project.clone(),
            environment: self.global.environment.clone(),
            store: self.global.store.clone(),
            current_dir: current_folder()?,
        })
    }

    /// Loads the project and opens its cache and state.
    pub fn session(&self) -> Result<Arc<Session>, Faults> {
        let project = self.project()?;
        self.open(project)
    }

    /// Opens cache and state of a project that was loaded.
    pub fn session_of(&self, project: Project) -> Result<Arc<Session>, Faults> {
        self.open(project)
    }

    /// The same of a project that need not name anything but stores.
    pub fn stores_only(&self) -> Result<Arc<Session>, Faults> {
        let (project, warnings) = project::load_stores(&self.load_options()?)?;
        self.screen.faults(&warnings);
        self.open(project)
    }

    fn open(&self, project: Project) -> Result<Arc<Session>, Faults> {
        let mode = Mode {
            offline: self.global.offline,
            locked: self.global.locked,
            frozen: self.global.frozen,
        };
        let helm = self.global.helm.clone();
        Ok(Session::open(
            project,
            helm,
            mode,
            self.screen.events(),
            self.cancel.clone(),
        )?)
    }
}

/// The folder that paths on the command line start from.
pub fn current_folder() -> Result<Utf8PathBuf, Fault> {
    let folder = std::env::current_dir().map_err(|e| {
        Fault::infrastructure("the current folder is not to be had")
            .because(e)
            .hint("go to a folder that is there")
    })?;
    Utf8PathBuf::from_path_buf(folder).map_err(|path| {
        Fault::invalid(format!("the current folder's name is not UTF-8: {}", path.display())).hint("rename the folder")
    })
}
