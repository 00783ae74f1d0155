//! What a pass over a file found, as bytes: so that the file need not be read again while it is the same.
//!
//! One line of JSON (`format`, length, digest, identity, number of runs), a line end, then 24 bytes for each run: start, end and
//! CRC-64, little-endian. Readers take nothing on trust: whatever is not what a scan gives is no remembered scan.

use serde::{Deserialize, Serialize};

use super::content::{ContentDigest, PIECE};
use super::identity::FileIdentity;
use super::scan::{BLOCK, DataRun, Scanned};

/// Names the form; another one is read anew.
pub const FORMAT: &str = "aosm-vhd-scan/1";

/// Bytes of a run.
const RUN: usize = 24;

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    length: u64,
    digest: ContentDigest,
    identity: FileIdentity,
    runs: u64,
}

impl Scanned {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = Head {
            format: FORMAT.to_owned(),
            length: self.length,
            digest: self.digest.clone(),
            identity: self.identity.clone(),
            runs: self.data.len() as u64,
        };
        // Numbers and texts: there is nothing that serde_json could refuse.
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        bytes.reserve(self.data.len().saturating_mul(RUN));
        for run in &self.data {
            for number in [run.start, run.end, run.crc64] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        bytes
    }

    /// From bytes; `None` when they are no scan. Whether the file is still the same is for the caller to see: compare `identity`.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().take(4096).position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(bytes.get(..end)?).ok()?;
        let body = bytes.get(end + 1..)?;
        let count = usize::try_from(head.runs).ok()?;
        let good = head.format == FORMAT
            && head.identity.length == head.length
            && head.digest.0.algorithm() == "sha256"
            && count.checked_mul(RUN) == Some(body.len());
        if !good {
            return None;
        }
        let mut data = Vec::with_capacity(count);
        let mut before = 0;
        for run in body.chunks_exact(RUN) {
            let number = |at: usize| Some(u64::from_le_bytes(run.get(at..at + 8)?.try_into().ok()?));
            let run = DataRun {
                start: number(0)?,
                end: number(8)?,
                crc64: number(16)?,
            };
            let good = run.start >= before
                && run.start < run.end
                && run.end <= head.length
                && run.start.is_multiple_of(BLOCK)
                && (run.end.is_multiple_of(BLOCK) || run.end == head.length)
                && run.start / PIECE == (run.end - 1) / PIECE;
            if !good {
                return None;
            }
            before = run.end;
            data.push(run);
        }
        // The last block is always among them.
        (before == head.length).then_some(Self {
            length: head.length,
            digest: head.digest,
            data,
            identity: head.identity,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;
    use crate::digest::Digest;

    fn scanned() -> Scanned {
        let length = (5 << 20) + 512;
        let run = |start, end, crc64| DataRun { start, end, crc64 };
        Scanned {
            length,
            digest: ContentDigest(Digest::of(b"x")),
            data: vec![
                run(0, BLOCK, 1),
                run(3 * BLOCK, PIECE, u64::MAX),
                run(PIECE, PIECE + BLOCK, 3),
                run(5 << 20, length, 4),
            ],
            identity: FileIdentity {
                length,
                modified: -1,
                changed: i128::from(u64::MAX) * 3,
                inode: u64::MAX,
                device: 7,
            },
        }
    }

    #[test]
    fn what_is_remembered_is_what_was_found() {
        let scanned = scanned();
        assert_eq!(Scanned::from_bytes(&scanned.to_bytes()), Some(scanned));
    }

    type Change = fn(&mut Scanned);

    #[test]
    fn no_damage_is_taken_for_a_scan_that_could_not_be() {
        let whole = scanned().to_bytes();
        for at in 0..whole.len() {
            assert_eq!(Scanned::from_bytes(&whole[..at]), None, "cut at {at}");
        }
        assert_eq!(Scanned::from_bytes(&[&whole[..], &[0]].concat()), None);
        let table: [(&str, Change); 8] = [
            ("order", |s| s.data.swap(0, 1)),
            ("overlap", |s| s.data[1].start = 0),
            ("over a piece's end", |s| s.data[1].end += BLOCK),
            ("an empty run", |s| s.data[0].end = 0),
            ("not whole blocks", |s| s.data[0].end -= 512),
            ("past the end", |s| s.data[3].end += 512),
            ("no last block", |s| _ = s.data.pop()),
            ("another length", |s| s.identity.length += 1),
        ];
        for (what, change) in table {
            let mut other = scanned();
            change(&mut other);
            assert_eq!(Scanned::from_bytes(&other.to_bytes()), None, "{what}");
        }
    }
}
