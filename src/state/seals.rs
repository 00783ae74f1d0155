//! Seals that were asked for: written down before a manifest is asked to be sealed, removed when the end was seen.
//!
//! The service goes on without us, so a run that was killed in between leaves a note. The next one waits for what is under
//! way instead of asking again. A note is never believed by itself: the manifest's own state says how far it is.

use camino::Utf8PathBuf;

use super::StateFolder;
use crate::digest::Digest;
use crate::durable::{self, Sync};
use crate::fault::Fault;

/// The first line of a note.
const FORMAT: &str = "aosm-seal/1";

/// The note about one manifest.
#[derive(Debug, Clone)]
pub struct SealNote {
    path: Utf8PathBuf,
    manifest: String,
}

impl SealNote {
    /// The note about the manifest of this id; nothing is read yet.
    pub fn of(state: &StateFolder, manifest: &str) -> Self {
        // Resource Manager does not tell cases apart.
        let manifest = manifest.to_lowercase();
        let name = Digest::of(manifest.as_bytes()).hex().to_owned();
        Self {
            path: state.path("seals").join(name),
            manifest,
        }
    }

    /// Did a run ask for it and not see the end? A note that is damaged says nothing.
    pub fn is_there(&self) -> bool {
        durable::read_sealed(&self.path).is_some_and(|text| text == self.text())
    }

    /// Writes it down, synced.
    pub fn write(&self) -> Result<(), Fault> {
        durable::write_sealed(&self.path, &self.text(), Sync::Yes).map_err(|e| {
            Fault::infrastructure(format!("the state folder cannot be written: {}", self.path))
                .because(e)
                .hint("the project folder must be writable: aosm-build keeps its state in .aosm")
        })
    }

    /// Removes it. One that stays only makes the next run look twice.
    pub fn remove(&self) {
        let _ = durable::remove_file(&self.path);
    }

    fn text(&self) -> String {
        format!("{FORMAT}\n{}\n", self.manifest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    #[test]
    fn a_note_is_there_until_it_is_removed_and_a_damaged_one_never_is() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(camino::Utf8Path::from_path(folder.path()).unwrap()).unwrap();
        let note = SealNote::of(&state, "/subscriptions/A/m");
        assert!(!note.is_there());
        note.write().unwrap();
        assert!(SealNote::of(&state, "/SUBSCRIPTIONS/a/M").is_there());
        assert!(!SealNote::of(&state, "/subscriptions/a/n").is_there());
        std::fs::write(&note.path, "aosm-seal/1\n").unwrap();
        assert!(!note.is_there());
        note.write().unwrap();
        note.remove();
        assert!(!note.is_there());
        note.remove();
    }
}
