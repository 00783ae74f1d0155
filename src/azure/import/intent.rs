//! What is written down of an import, before it is asked for and when its operation is known.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::ask::Import;
use crate::digest::Digest;
use crate::durable::{self, Sync};
use crate::fault::{Fault, Place};

const FORMAT: &str = "aosm-import-intent/1";

/// An import that was, or was about to be, asked for. Holds neither a login nor a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Intent {
    format: String,
    /// The registry, by id.
    pub registry: String,
    /// Repository and tag.
    pub target: String,
    /// What the tag is to name.
    pub digest: Digest,
    /// Where the operation can be looked at, once it was accepted.
    pub operation: Option<String>,
}

impl Intent {
    /// Nothing is asked yet.
    pub fn new(import: &Import) -> Self {
        Self {
            format: FORMAT.to_owned(),
            registry: import.registry.to_string(),
            target: import.target(),
            digest: import.digest.clone(),
            operation: None,
        }
    }
}

/// Where the intent about one tag is kept.
#[derive(Debug, Clone)]
pub struct IntentFile {
    path: Utf8PathBuf,
    wanted: Intent,
}

impl IntentFile {
    /// Below a state folder.
    pub fn new(state: &Utf8Path, import: &Import) -> Self {
        let wanted = Intent::new(import);
        let name = Digest::of(format!("{}\n{}", wanted.registry, wanted.target).as_bytes());
        Self {
            path: state.join("imports").join(format!("{}.json", name.short())),
            wanted,
        }
    }

    /// Reads it; absent, damaged, about another tag or content, or of another version: none.
    pub fn load(&self) -> Option<Intent> {
        let text = durable::read_sealed(&self.path)?;
        let intent: Intent = serde_json::from_str(&text).ok()?;
        let bare = Intent {
            operation: None,
            ..intent.clone()
        };
        (bare == self.wanted).then_some(intent)
    }

    /// Writes it; it is on the disk when this comes back.
    pub async fn save(&self, intent: &Intent) -> Result<(), Fault> {
        let text = serde_json::to_string(intent)
            .map_err(|error| Fault::bug("an intent cannot be written down").because(error))?;
        let path = self.path.clone();
        let writing = move || durable::write_sealed(&path, &format!("{text}\n"), Sync::Yes);
        let written = tokio::task::spawn_blocking(writing)
            .await
            .map_err(|error| Fault::bug("an intent was not written to its end").because(error))?;
        written.map_err(|error| {
            Fault::infrastructure(format!("cannot write {}", self.path))
                .at(Place::file_only(&self.path))
                .because(durable::words(&error))
                .hint("check free space and permissions: an import is noted there before it is asked for")
        })
    }

    /// Nothing is under way any more. A file that stays does no harm: what the tag names is what counts.
    pub fn remove(&self) {
        let _ = durable::remove_file(&self.path);
    }
}
