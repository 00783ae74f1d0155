//! The state folder itself.

use camino::{Utf8Path, Utf8PathBuf};

use crate::durable::{self, Sync};
use crate::fault::{Fault, Place};

/// `.aosm/state` of a project.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: Utf8PathBuf,
}

impl StateFolder {
    /// Opens (and on first use makes) the folder. An unwritable project is an error with its place.
    pub fn open(root: &Utf8Path) -> Result<Self, Fault> {
        const IGNORE: &[u8] = b"*\n";
        let ignore = root.join(".gitignore");
        if !std::fs::read(&ignore).is_ok_and(|held| held == IGNORE) {
            durable::clear_the_way(root, &ignore);
            durable::write(&ignore, IGNORE, Sync::No).map_err(|e| {
                Fault::infrastructure(format!("the state folder cannot be written: {root}"))
                    .at(Place::file_only(root))
                    .because(e)
                    .hint("the project folder must be writable: aosm-build keeps its state in .aosm")
            })?;
        }
        // A folder of that name cannot be locked.
        durable::clear_the_way(root, &root.join("lock"));
        Ok(Self { root: root.to_owned() })
    }

    /// The folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> Utf8PathBuf {
        self.root.join(name)
    }
}
