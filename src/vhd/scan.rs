//! One pass over a disk image: where its data is, and its content digest.
//!
//! The file is looked at in windows: the system says which parts have data on disk, these are rounded out to blocks of 64 KiB
//! and read piece by piece on rayon's threads, each with one small buffer. So memory does not depend on the size of the file (but
//! for the list of runs, 24 bytes each), and holes cost nothing. What is found does not depend on where the holes are: a hole
//! and written zeros give the same.
//!
//! A file that changes meanwhile is an error: its identity is taken before and after, and a read that ends early counts too.

use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::Utf8Path;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::content::{ContentDigest, ContentHasher, PIECE, PieceDigest, piece_range};
use super::extents::allocated;
use super::identity::FileIdentity;
use super::open::{changed_meanwhile, open_image};
use super::piece::{BUFFER, Piece, PieceFound, Source, round_out, stopped};
use crate::fault::Fault;

/// Bytes that are found to be zero, or not, together.
pub const BLOCK: u64 = 64 << 10;

/// Pieces looked at together: bounds what is kept of a file with a hole in every other block.
const WINDOW: u64 = 256;

/// What a pass over a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// Bytes of the file.
    pub length: u64,
    /// Digest of its content.
    pub digest: ContentDigest,
    /// Runs that hold data: sorted, disjoint, none over a piece's end. They start at multiples of 64 KiB and end at such or at
    /// the file's end; the last block is always in one, whatever it holds.
    pub data: Vec<DataRun>,
    /// What the file was when it was read: whoever reads it again compares.
    pub identity: FileIdentity,
}

/// A run of bytes that are not all zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRun {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// CRC-64/NVME of the run: the service checks it, and so does whoever reads the file again.
    pub crc64: u64,
}

impl DataRun {
    /// Its bytes.
    pub fn range(&self) -> Range<u64> {
        self.start..self.end
    }
}

impl Scanned {
    /// Bytes that are not zero, by runs: what has to be sent.
    pub fn data_bytes(&self) -> u64 {
        self.data.iter().map(|run| run.end - run.start).sum()
    }

    /// Bytes that are zero, by runs: what need not be sent.
    pub fn zero_bytes(&self) -> u64 {
        self.length.saturating_sub(self.data_bytes())
    }
}

/// Told while a file is read: bytes looked at so far (holes included) and in all. Called from several threads; the numbers of
/// one call never exceed the file, and the last call says that all was looked at.
pub type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// Reads a file once: holes by the system's word where it has one, zeros by looking at 64 KiB at a time elsewhere. In parallel,
/// in bounded memory. A file that changes meanwhile is an error; so is a stop by `cancel`.
pub async fn scan(path: &Utf8Path, progress: Progress, cancel: &CancellationToken) -> Result<Scanned, Fault> {
    let path = path.to_owned();
    let stop = cancel.child_token();
    // When nobody waits for the outcome any more, the work ends soon.
    let _guard = stop.clone().drop_guard();
    let (sender, receiver) = oneshot::channel();
    rayon::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| scan_now(&path, &progress, &stop)));
        let _ = sender.send(outcome.unwrap_or_else(|_| Err(Fault::bug("reading a disk image ended unexpectedly"))));
    });
    receiver
        .await
        .unwrap_or_else(|_| Err(Fault::bug("reading a disk image ended without an outcome")))
}

fn scan_now(path: &Utf8Path, progress: &Progress, cancel: &CancellationToken) -> Result<Scanned, Fault> {
    let file = open_image(path)?;
    let identity = FileIdentity::of_open(&file, path)?;
    let length = identity.length;
    let source = Source {
        file: &file,
        path,
        length,
        cancel,
    };
    let looked_at = AtomicU64::new(0);
    let advance = |bytes: u64| {
        let now = looked_at.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        progress(now.min(length), length);
    };
    let mut content = ContentHasher::new(length);
    let mut data = Vec::new();
    let mut start = 0;
    while start < length {
        if cancel.is_cancelled() {
            return Err(stopped(path));
        }
        let window = start..start.saturating_add(WINDOW * PIECE).min(length);
        let mut read = pieces(&file, &window, length)
            .into_par_iter()
            .map_init(
                || vec![0_u8; BUFFER],
                |buffer, piece| {
                    let found = piece.read(&source, buffer)?;
                    advance(piece.range.end - piece.range.start);
                    Ok(found)
                },
            )
            .collect::<Result<Vec<PieceFound>, Fault>>()?
            .into_iter()
            .peekable();
        let mut holes = 0;
        for index in window.start / PIECE..window.end.div_ceil(PIECE) {
            if let Some(found) = read.next_if(|found| found.index == index) {
                content.put(index, found.digest);
                data.extend(found.runs);
            } else {
                let range = piece_range(index, length);
                content.put(index, PieceDigest::zeros(range.end - range.start));
                holes += range.end - range.start;
            }
        }
        if holes > 0 {
            advance(holes);
        }
        start = window.end;
    }
    // The open file for what was written into it, the name for another file put in its place.
    if FileIdentity::of_open(&file, path)? != identity || FileIdentity::of(path).ok() != Some(identity.clone()) {
        return Err(changed_meanwhile(path));
    }
    Ok(Scanned {
        length,
        digest: content.finish().ok_or_else(|| Fault::bug("a piece was not hashed"))?,
        data,
        identity,
    })
}

/// The pieces of a window that have to be read, in order.
fn pieces(file: &File, window: &Range<u64>, length: u64) -> Vec<Piece> {
    let mut parts: Vec<Range<u64>> = Vec::new();
    let last_block = (length - 1) / BLOCK * BLOCK..length;
    let last_block = window.contains(&last_block.start).then_some(last_block);
    for part in allocated(file, window.clone()).into_iter().chain(last_block) {
        let part = round_out(&part, length);
        match parts.last_mut() {
            Some(before) if part.start <= before.end => before.end = before.end.max(part.end),
            _ => parts.push(part),
        }
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for mut part in parts {
        while part.start < part.end {
            let index = part.start / PIECE;
            let range = piece_range(index, length);
            let end = part.end.min(range.end);
            let here = part.start..end;
            part.start = end;
            match pieces.last_mut() {
                Some(piece) if piece.index == index => piece.parts.push(here),
                _ => pieces.push(Piece {
                    index,
                    range,
                    parts: vec![here],
                }),
            }
        }
    }
    pieces
}

#[cfg(all(test, unix))]
#[path = "scan_tests.rs"]
mod tests;
