//! How far a copy through this machine is, for the next run: believed only while the lease of it can be renewed, which shows
//! that nobody else wrote.
//!
//! ```text
//! {"format":"aosm-stream-checkpoint/1","blob":…,"key":…,"upload":…,"lease":…}
//! 0 <SHA-256 of piece 0>
//! ```

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::key::CopyKey;
use crate::digest::Digest;
use crate::disk::hashes::PieceHashes;
use crate::disk::marks::UploadId;
use crate::disk::readable::blocking;
use crate::durable::{self, Sync};
use crate::fault::{Fault, Place};

const FORMAT: &str = "aosm-stream-checkpoint/1";

/// A copy through this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamHead {
    format: String,
    /// Host, container and blob.
    pub blob: String,
    /// What is copied.
    pub key: CopyKey,
    /// Which upload it is: the blob's metadata says the same.
    pub upload: UploadId,
    /// The lease under which it is written.
    pub lease: String,
}

impl StreamHead {
    /// One that begins.
    pub fn new(blob: String, key: CopyKey, lease: String) -> Self {
        Self {
            format: FORMAT.to_owned(),
            blob,
            key,
            upload: UploadId::new(),
            lease,
        }
    }
}

/// Where the notes about one blob are kept.
#[derive(Debug, Clone)]
pub struct StreamNotes {
    path: Utf8PathBuf,
}

impl StreamNotes {
    /// Below a state folder; `blob` is its label.
    pub fn new(state: &Utf8Path, blob: &str) -> Self {
        let name = Digest::of(blob.as_bytes());
        Self {
            path: state.join("streams").join(name.short()),
        }
    }

    /// What an earlier run did of the same copy.
    pub fn load(&self, blob: &str, key: &CopyKey) -> Option<(StreamHead, PieceHashes)> {
        let text = durable::read_sealed(&self.path)?;
        let mut lines = text.lines();
        let head: StreamHead = serde_json::from_str(lines.next()?).ok()?;
        if head.format != FORMAT || head.blob != blob || head.key != *key {
            return None;
        }
        Some((head, PieceHashes::from_lines(lines)?))
    }

    /// Writes it down; it is on the disk when this comes back.
    pub async fn save(&self, head: &StreamHead, pieces: &PieceHashes) -> Result<(), Fault> {
        let text = serde_json::to_string(head).map_err(|e| Fault::bug("notes cannot be written down").because(e))?;
        let text = format!("{text}\n{}", pieces.to_lines());
        let path = self.path.clone();
        blocking(move || durable::write_sealed(&path, &text, Sync::Yes))
            .await?
            .map_err(|error| {
                Fault::infrastructure(format!("cannot write {}", self.path))
                    .at(Place::file_only(&self.path))
                    .because(durable::words(&error))
                    .hint("check free space and permissions: how far a copy is is noted there")
            })
    }

    /// Nothing is under way any more.
    pub fn remove(&self) {
        let _ = durable::remove_file(&self.path);
    }
}
