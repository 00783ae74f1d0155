//! What every command that looks at charts, sources or stores needs at hand.

use std::sync::Arc;

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use crate::cache::{Cache, StatTable};
use crate::event::Events;
use crate::fault::Fault;
use crate::project::Project;
use crate::state::StateFolder;
use crate::store::Job;

/// How the lock and the network may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode {
    /// Ask nobody.
    pub offline: bool,
    /// Fail if the lock would change.
    pub locked: bool,
    /// Use the lock as it is; never write it.
    pub frozen: bool,
}

/// One project, opened.
pub struct Session {
    /// The project.
    pub project: Arc<Project>,
    /// The cache of local steps.
    pub cache: Arc<Cache>,
    /// Digests of files that did not change.
    pub stats: Arc<StatTable>,
    /// What this machine remembers.
    pub state: StateFolder,
    /// Where events go.
    pub events: Events,
    /// Stops everything.
    pub cancel: CancellationToken,
    /// `--helm`.
    pub helm: Option<String>,
    /// How the lock and the network may be used.
    pub mode: Mode,
}

impl Session {
    /// Opens the cache and the state of a project; the folders are made on first use.
    pub fn open(
        project: Project,
        helm: Option<String>,
        mode: Mode,
        events: Events,
        cancel: CancellationToken,
    ) -> Result<Arc<Self>, Fault> {
        let cache = Cache::open(&cache_folder(&project)?, Arc::clone(&events))?;
        let state = StateFolder::open(&project.root.join(".aosm/state"))?;
        let table = Arc::new(StatTable::load(&state.path("stat")));
        Ok(Arc::new(Self {
            project: Arc::new(project),
            cache,
            stats: table,
            state,
            events,
            cancel,
            helm,
            mode,
        }))
    }

    /// The lock file's path.
    pub fn lock_path(&self) -> Utf8PathBuf {
        match &self.project.listed {
            Some(listed) => listed.lock.clone(),
            None => self.project.root.join("aosm.lock"),
        }
    }

    /// Where scratch folders are made: the system's place for them, never `.aosm`, as charts' values pass through.
    pub fn scratch(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap_or_else(|_| self.cache.root().join("tmp"))
    }

    /// The error of a run that the user stopped, if that is so.
    pub fn stopped(&self) -> Result<(), Fault> {
        if self.cancel.is_cancelled() {
            Err(Fault::new(crate::fault::Kind::Interrupted, "stopped"))
        } else {
            Ok(())
        }
    }

    /// A job for work outside effect steps: reading sources and stores.
    pub fn job(&self, what: &str) -> Job {
        Job::new(what, Arc::clone(&self.events), self.cancel.clone())
    }

    /// Writes the stat table if it changed. Failing to remember costs time, not correctness: a warning.
    pub fn remember(&self) {
        if let Err(e) = self.stats.save() {
            self.events.emit(crate::event::Event::Fault(
                Fault::warning("what was hashed could not be remembered; the next run hashes it again").because(e),
            ));
        }
    }
}

/// `AOSM_CACHE_DIR` (relative to the current folder, as environment variables are), else `.aosm/cache`.
pub fn cache_folder(project: &Project) -> Result<Utf8PathBuf, Fault> {
    match std::env::var("AOSM_CACHE_DIR") {
        Ok(folder) if !folder.is_empty() => {
            let folder = Utf8PathBuf::from(folder);
            camino::absolute_utf8(&folder).map_err(|e| {
                Fault::infrastructure(format!("AOSM_CACHE_DIR names no usable folder: {folder}"))
                    .because(e)
                    .hint("name a folder that can be written, or unset it")
            })
        }
        _ => Ok(project.root.join(".aosm/cache")),
    }
}
