//! What an upload under way is remembered by on this machine, so that the next run can go on with it.
//!
//! A checkpoint is never believed by itself. It counts only while the file is what it was, and what the blob holds is asked of
//! the service; the checkpoint's part is the proof that nobody else wrote since: the lease that can still be renewed, or
//! the entity tag that is still the same.

use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::marks::{UploadId, UploadMark};
use crate::blob::Etag;
use crate::digest::Digest;
use crate::durable::{self, Sync};
use crate::fault::{Fault, Place};
use crate::vhd::{ContentDigest, FileIdentity, Scanned};

/// Form and version of the file.
const FORMAT: &str = "aosm-upload-checkpoint/1";

/// An upload under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Checkpoint {
    format: String,
    /// Host, container and blob.
    pub blob: String,
    /// What the file was.
    pub file: FileIdentity,
    /// Digest of its content.
    pub digest: ContentDigest,
    /// Which upload: the same is in the blob's metadata.
    pub upload: UploadId,
    /// The lease under which it was last written. If it can be renewed, nobody else wrote since.
    pub lease: Option<String>,
    /// A lease that a run was about to take before it looked at the blob. It lets the next run in and proves nothing.
    pub next_lease: Option<String>,
    /// The blob's entity tag when no write of ours was under way. While it is still the same, nobody wrote.
    pub etag: Option<Etag>,
    /// What was there for certain: between its ends lies nothing but data that was sent and zeros.
    pub done: Vec<Range<u64>>,
    /// Pages elsewhere may be anybody's: this upload was taken over without proof, and not all was compared yet.
    pub doubt: bool,
    /// The last run ended by itself, well or with an error, and left nothing on its way.
    pub closed: bool,
    /// How many runs did not: killed, or cut off.
    pub cut_off: u32,
}

impl Checkpoint {
    /// That of an upload which begins, or is taken over from another machine.
    pub fn new(blob: String, scanned: &Scanned, upload: UploadId) -> Self {
        Self {
            format: FORMAT.to_owned(),
            blob,
            file: scanned.identity.clone(),
            digest: scanned.digest.clone(),
            upload,
            lease: None,
            next_lease: None,
            etag: None,
            done: Vec::new(),
            doubt: false,
            closed: false,
            cut_off: 0,
        }
    }

    /// What the blob's metadata says of it.
    pub fn mark(&self) -> UploadMark {
        UploadMark {
            digest: self.digest.clone(),
            id: self.upload.clone(),
        }
    }

    /// The same for a run that reads from this file. Another file of the same content gets in by the same lease, and
    /// believes nothing.
    #[must_use]
    pub fn read_from(mut self, scanned: &Scanned) -> Self {
        if self.file != scanned.identity {
            self.file = scanned.identity.clone();
            self.doubt = true;
            self.done.clear();
        }
        self
    }
}

/// Where the checkpoint of one blob is kept.
#[derive(Debug, Clone)]
pub struct CheckpointFile {
    path: Utf8PathBuf,
    blob: String,
}

impl CheckpointFile {
    /// Below a state folder; `blob` is its label: host, container and name.
    pub fn new(state: &Utf8Path, blob: &str) -> Self {
        let name = Digest::of(blob.as_bytes());
        Self {
            path: state.join("uploads").join(format!("{}.json", name.short())),
            blob: blob.to_owned(),
        }
    }

    /// The file itself.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Reads it; absent, damaged, of another blob or another version: none.
    pub fn load(&self) -> Option<Checkpoint> {
        let text = durable::read_sealed(&self.path)?;
        let checkpoint: Checkpoint = serde_json::from_str(&text).ok()?;
        (checkpoint.format == FORMAT && checkpoint.blob == self.blob).then_some(checkpoint)
    }

    /// Writes it, synced: it must not be newer in memory than on the disk when a write of its lease goes out.
    pub async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Fault> {
        let text = serde_json::to_string(checkpoint)
            .map_err(|e| Fault::bug("a checkpoint cannot be written down").because(e))?;
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || durable::write_sealed(&path, &format!("{text}\n"), Sync::Yes))
            .await
            .unwrap_or_else(|e| Err(std::io::Error::other(e)))
            .map_err(|e| {
                Fault::infrastructure(format!("cannot write {}", self.path))
                    .at(Place::file_only(&self.path))
                    .because(durable::words(&e))
                    .hint("an upload keeps there how far it is: check free space and permissions")
            })
    }

    /// Removes it. A file that stays does no harm: its upload is not under way any more.
    pub fn remove(&self) {
        let _ = durable::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::single_range_in_vec_init,
        reason = "tests may fail loudly"
    )]
    use super::*;
    use crate::vhd::scan::DataRun;

    fn scanned() -> Scanned {
        Scanned {
            length: 1024,
            digest: ContentDigest(Digest::of(b"x")),
            data: vec![DataRun {
                start: 512,
                end: 1024,
                crc64: 7,
            }],
            identity: FileIdentity {
                length: 1024,
                modified: 1_800_000_000_123_456_789,
                changed: -5,
                inode: u64::MAX,
                device: 3,
            },
        }
    }

    #[tokio::test]
    async fn a_checkpoint_reads_back_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(folder.path()).unwrap();
        let file = CheckpointFile::new(state, "host/container/blob");
        assert_eq!(file.load(), None);
        let mut checkpoint = Checkpoint::new("host/container/blob".into(), &scanned(), UploadId::new());
        checkpoint.etag = Some(Etag("\"1\"".into()));
        checkpoint.done = vec![512..1024];
        file.save(&checkpoint).await.unwrap();
        assert_eq!(file.load(), Some(checkpoint.clone()));
        assert_eq!(checkpoint.clone().read_from(&scanned()), checkpoint);
        assert_eq!(CheckpointFile::new(state, "host/container/other").load(), None);
        file.remove();
        assert_eq!(file.load(), None);
    }

    #[tokio::test]
    async fn a_checkpoint_of_another_blob_or_a_damaged_one_does_not_count_and_of_another_file_it_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(folder.path()).unwrap();
        let file = CheckpointFile::new(state, "a");
        let mut checkpoint = Checkpoint::new("a".into(), &scanned(), UploadId::new());
        checkpoint.done = vec![512..1024];
        for change in [
            |scanned: &mut Scanned| scanned.identity.modified += 1,
            |scanned: &mut Scanned| scanned.identity.inode -= 1,
        ] {
            let mut other = scanned();
            change(&mut other);
            let read = checkpoint.clone().read_from(&other);
            assert!(read.doubt && read.done.is_empty(), "{read:?}");
        }
        let mut foreign = checkpoint.clone();
        foreign.blob = "b".into();
        file.save(&foreign).await.unwrap();
        assert_eq!(file.load(), None, "of another blob");
        std::fs::write(file.path(), "damaged").unwrap();
        assert_eq!(file.load(), None, "damaged");
    }
}
