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
        let ignore = root.join(".gitignore");
        if !ignore.is_file() {
            durable::write(&ignore, b"*\n", Sync::No).map_err(|e| {
                Fault::infrastructure(format!("the state folder cannot be written: {root}"))
                    .at(Place::file_only(root))
                    .because(e)
                    .hint("the project folder must be writable: aosm-build keeps its state in .aosm")
            })?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> Utf8PathBuf {
        self.root.join(name)
    }
}
