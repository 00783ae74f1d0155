//! What of a download is done, written down: a sealed text in the state folder, one for each target file.
//!
//! ```text
//! {"format":"aosm-download/1","blob":…,"etag":…,"length":…,"part":…}
//! 0 <SHA-256 of piece 0>
//! 7 <SHA-256 of piece 7>
//! ```

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::blob::Etag;
use crate::digest::Digest;
use crate::disk::hashes::PieceHashes;
use crate::durable::{self, Sync};

const FORMAT: &str = "aosm-download/1";

/// The state of a blob that is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Host, container and name.
    pub blob: String,
    /// Entity tag.
    pub etag: Etag,
    /// Bytes.
    pub length: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: String,
    #[serde(flatten)]
    wanted: Wanted,
    part: Utf8PathBuf,
}

/// What an earlier run has done.
#[derive(Debug)]
pub struct Done {
    /// The temporary file.
    pub part: Utf8PathBuf,
    /// Pieces that were in it.
    pub pieces: PieceHashes,
}

/// Where the notes on one target file are.
#[derive(Debug, Clone)]
pub struct Checkpoint(Utf8PathBuf);

impl Checkpoint {
    /// Of a target file.
    pub fn of(state: &Utf8Path, file: &Utf8Path) -> Self {
        let whole = std::path::absolute(file).unwrap_or_else(|_| file.into());
        let name = Digest::of(whole.as_os_str().as_encoded_bytes());
        Self(state.join("downloads").join(name.short()))
    }

    /// What an earlier run did of the same; `None` where there is nothing that can be gone on with. The other part: a
    /// temporary file of a download that is no longer wanted.
    pub fn read(&self, wanted: &Wanted) -> Result<Option<Done>, Utf8PathBuf> {
        let Some(text) = durable::read_sealed(&self.0) else {
            return Ok(None);
        };
        let mut lines = text.lines();
        let head: Option<Head> = lines.next().and_then(|line| serde_json::from_str(line).ok());
        let Some(head) = head.filter(|head| head.format == FORMAT) else {
            return Ok(None);
        };
        if head.wanted != *wanted {
            return Err(head.part);
        }
        Ok(PieceHashes::from_lines(lines).map(|pieces| Done {
            part: head.part,
            pieces,
        }))
    }

    /// Writes down what is done.
    pub fn write(&self, wanted: &Wanted, part: &Utf8Path, pieces: &PieceHashes) -> io::Result<()> {
        let head = Head {
            format: FORMAT.to_owned(),
            wanted: wanted.clone(),
            part: part.to_owned(),
        };
        let head = serde_json::to_string(&head).map_err(io::Error::other)?;
        durable::write_sealed(&self.0, &format!("{head}\n{}", pieces.to_lines()), Sync::Yes)
    }

    /// Nothing is under way any more.
    pub fn remove(&self) -> io::Result<()> {
        durable::remove_file(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn wanted(etag: &str) -> Wanted {
        Wanted {
            blob: "host/container/a.vhd".into(),
            etag: Etag(etag.into()),
            length: 1024,
        }
    }

    #[test]
    fn notes_count_only_for_the_same_state_of_the_same_blob() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let checkpoint = Checkpoint::of(&state, Utf8Path::new("a.vhd"));
        assert!(matches!(checkpoint.read(&wanted("1")), Ok(None)));
        let mut pieces = PieceHashes::default();
        pieces.insert(4, [9; 32].into());
        checkpoint.write(&wanted("1"), "x.part".into(), &pieces).unwrap();
        let done = checkpoint.read(&wanted("1")).unwrap().unwrap();
        assert_eq!((done.part.as_str(), done.pieces), ("x.part", pieces));
        assert_eq!(checkpoint.read(&wanted("2")).unwrap_err(), "x.part");
        let other = Checkpoint::of(&state, Utf8Path::new("b.vhd"));
        assert!(matches!(other.read(&wanted("1")), Ok(None)));
    }

    #[test]
    fn damaged_notes_count_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let checkpoint = Checkpoint::of(&state, Utf8Path::new("a.vhd"));
        checkpoint
            .write(&wanted("1"), "x".into(), &PieceHashes::default())
            .unwrap();
        let text = std::fs::read_to_string(&checkpoint.0).unwrap();
        std::fs::write(&checkpoint.0, text.replace("1024", "2048")).unwrap();
        assert!(matches!(checkpoint.read(&wanted("1")), Ok(None)));
        durable::write_sealed(&checkpoint.0, "{}\n", Sync::No).unwrap();
        assert!(matches!(checkpoint.read(&wanted("1")), Ok(None)));
    }
}
