//! One piece of a disk image, read once: its digest, and the runs in it that are not zero.

use std::fs::File;
use std::ops::Range;

use camino::Utf8Path;
use tokio_util::sync::CancellationToken;

use super::content::{PieceDigest, PieceHasher, is_zero};
use super::open::read_exact_at;
use super::scan::{BLOCK, DataRun};
use crate::fault::{Fault, Kind};

/// Bytes of a buffer: some blocks at a time, so that reading costs few calls and the data stays in the processor's cache.
pub(super) const BUFFER: usize = 4 * BLOCK_BYTES;

/// [`BLOCK`] for buffers.
const BLOCK_BYTES: usize = 64 << 10;

/// A piece that has to be read.
pub(super) struct Piece {
    /// Its number.
    pub index: u64,
    /// Its bytes in the file.
    pub range: Range<u64>,
    /// What of it has to be read: whole blocks, sorted, disjoint. The rest is zero.
    pub parts: Vec<Range<u64>>,
}

/// What was found in it.
pub(super) struct PieceFound {
    pub index: u64,
    pub digest: PieceDigest,
    pub runs: Vec<DataRun>,
}

/// Where a piece is read from, and how to stop.
pub(super) struct Source<'a> {
    pub file: &'a File,
    pub path: &'a Utf8Path,
    /// Bytes of the file: its last block always counts as data.
    pub length: u64,
    pub cancel: &'a CancellationToken,
}

impl Piece {
    /// Reads it with a buffer of [`BUFFER`] bytes.
    pub fn read(&self, source: &Source, buffer: &mut [u8]) -> Result<PieceFound, Fault> {
        if source.cancel.is_cancelled() {
            return Err(stopped(source.path));
        }
        let mut sha = PieceHasher::new();
        let mut runs = Runs::default();
        let mut at = self.range.start;
        for part in &self.parts {
            sha.skip(part.start - at);
            at = part.start;
            while at < part.end {
                let room = usize::try_from(part.end - at).unwrap_or(usize::MAX).min(buffer.len());
                let Some(bytes) = buffer.get_mut(..room).filter(|bytes| !bytes.is_empty()) else {
                    return Err(Fault::bug("a buffer of no bytes"));
                };
                read_exact_at(source.file, source.path, bytes, at)?;
                for block in bytes.chunks(BLOCK_BYTES) {
                    let end = at + block.len() as u64;
                    sha.update(block);
                    if end == source.length || !is_zero(block) {
                        runs.take(at, block);
                    }
                    at = end;
                }
            }
        }
        sha.skip(self.range.end - at);
        Ok(PieceFound {
            index: self.index,
            digest: sha.finish(),
            runs: runs.finish(),
        })
    }
}

/// The fault of a scan that was stopped.
pub(super) fn stopped(path: &Utf8Path) -> Fault {
    Fault::new(Kind::Interrupted, format!("{path}: stopped while it was read"))
}

/// Joins neighbouring blocks.
#[derive(Default)]
struct Runs {
    done: Vec<DataRun>,
    open: Option<(Range<u64>, crc64fast_nvme::Digest)>,
}

impl Runs {
    fn take(&mut self, start: u64, block: &[u8]) {
        if self.open.as_ref().is_none_or(|(range, _)| range.end != start) {
            self.close();
        }
        let (range, crc) = self
            .open
            .get_or_insert_with(|| (start..start, crc64fast_nvme::Digest::new()));
        range.end = start + block.len() as u64;
        crc.write(block);
    }

    fn close(&mut self) {
        if let Some((range, crc)) = self.open.take() {
            self.done.push(DataRun {
                start: range.start,
                end: range.end,
                crc64: crc.sum64(),
            });
        }
    }

    fn finish(mut self) -> Vec<DataRun> {
        self.close();
        self.done
    }
}

/// A range of bytes rounded out to whole blocks of a file of `length` bytes.
pub(super) fn round_out(range: &Range<u64>, length: u64) -> Range<u64> {
    range.start / BLOCK * BLOCK..range.end.div_ceil(BLOCK).saturating_mul(BLOCK).min(length)
}
