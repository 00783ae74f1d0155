//! A copy by the service outlives this process: what was asked for is written down before it is asked for, so that the next
//! run waits for it instead of asking again.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use crate::digest::Digest;
use crate::disk::readable::blocking;
use crate::durable::{self, Sync};
use crate::fault::{Fault, Place};

const FORMAT: &str = "aosm-copy-intent/1";

/// A copy that was, or was about to be, asked for. Holds no signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Intent {
    format: String,
    /// Host, container and blob.
    pub blob: String,
    /// What is copied.
    pub origin: Origin,
    /// The service's id for it, once it was learnt.
    pub copy_id: Option<String>,
}

impl Intent {
    /// Nothing is asked yet.
    pub fn new(blob: String, origin: Origin) -> Self {
        Self {
            format: FORMAT.to_owned(),
            blob,
            origin,
            copy_id: None,
        }
    }
}

/// Where the intent about one blob is kept.
#[derive(Debug, Clone)]
pub struct IntentFile {
    path: Utf8PathBuf,
    blob: String,
}

impl IntentFile {
    /// Below a state folder; `blob` is its label: host, container and name.
    pub fn new(state: &Utf8Path, blob: &str) -> Self {
        let name = Digest::of(blob.as_bytes());
        Self {
            path: state.join("copies").join(format!("{}.json", name.short())),
            blob: blob.to_owned(),
        }
    }

    /// The lock under which one run at a time on this machine copies into the blob.
    pub fn lock(&self) -> Utf8PathBuf {
        self.path.with_extension("lock")
    }

    /// Reads it; absent, damaged, about another blob or of another version: none.
    pub fn load(&self) -> Option<Intent> {
        let text = durable::read_sealed(&self.path)?;
        let intent: Intent = serde_json::from_str(&text).ok()?;
        (intent.format == FORMAT && intent.blob == self.blob).then_some(intent)
    }

    /// Writes it; it is on the disk when this comes back.
    pub async fn save(&self, intent: &Intent) -> Result<(), Fault> {
        let text = serde_json::to_string(intent)
            .map_err(|error| Fault::bug("an intent cannot be written down").because(error))?;
        let path = self.path.clone();
        blocking(move || durable::write_sealed(&path, &format!("{text}\n"), Sync::Yes))
            .await?
            .map_err(|error| {
                Fault::infrastructure(format!("cannot write {}", self.path))
                    .at(Place::file_only(&self.path))
                    .because(durable::words(&error))
                    .hint("check free space and permissions: a copy is noted there before it begins")
            })
    }

    /// Nothing is under way any more. A file that stays does no harm: what the service says is what counts.
    pub fn remove(&self) {
        let _ = durable::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn an_intent_is_of_one_blob_and_damage_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(folder.path()).unwrap();
        let origin = Origin {
            source: "https://a/b/c.vhd".into(),
            etag: None,
            length: 512,
            footer: Digest::of(b"x"),
            page_blob: true,
            kind: "PageBlob".into(),
            digest: None,
        };
        let file = IntentFile::new(state, "host/c/b");
        assert_eq!(file.load(), None);
        let mut intent = Intent::new("host/c/b".into(), origin);
        intent.copy_id = Some("id".into());
        file.save(&intent).await.unwrap();
        assert_eq!(file.load(), Some(intent.clone()));
        assert_eq!(IntentFile::new(state, "host/c/other").load(), None);
        intent.blob = "host/c/other".into();
        file.save(&intent).await.unwrap();
        assert_eq!(file.load(), None, "about another blob");
        std::fs::write(&file.path, "damaged").unwrap();
        assert_eq!(file.load(), None);
        file.remove();
        assert!(!file.path.exists());
    }
}
