//! Reading a whole blob back, in parallel and in bounded memory, to know its content digest.

use std::ops::Range;

use futures_util::StreamExt as _;

use super::ranges::common;
use super::source::{blocking, crc64};
use crate::blob::{BlobError, BlobErrorKind, Condition, Etag, PageBlob};
use crate::oci::Job;
use crate::vhd::ContentDigest;
use crate::vhd::content::{ContentHasher, PieceDigest, piece_count, piece_range};
use crate::vhd::scan::DataRun;

/// What reading a blob back found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// Digest of its content.
    pub digest: ContentDigest,
    /// Where the first run begins that is not what it should be; `None` where nothing was to be compared.
    pub differs: Option<u64>,
}

/// What is read back.
pub struct Subject<'a> {
    /// The blob.
    pub blob: &'a PageBlob,
    /// Its bytes.
    pub length: u64,
    /// Its entity tag: a blob that changes meanwhile is an error.
    pub etag: &'a Etag,
    /// The pages it holds; all else is zero and not read.
    pub present: &'a [Range<u64>],
    /// What should be there, where that is known.
    pub data: Option<&'a [DataRun]>,
}

/// Reads everything and hashes it; `parallel` pieces of 4 MiB are in memory at a time.
pub async fn read_back(subject: &Subject<'_>, parallel: usize, job: &Job) -> Result<ReadBack, BlobError> {
    let pieces = piece_count(subject.length);
    let mut read = futures_util::stream::iter(0..pieces)
        .map(|index| one_piece(subject, index, job))
        .buffer_unordered(parallel.max(1));
    let mut hasher = ContentHasher::new(subject.length);
    let mut differs: Option<u64> = None;
    while let Some(piece) = read.next().await {
        let (index, digest, at) = piece?;
        hasher.put(index, digest);
        differs = differs.into_iter().chain(at).min();
    }
    let digest = hasher.finish().ok_or_else(|| local(subject.blob, "a piece was lost"))?;
    Ok(ReadBack { digest, differs })
}

/// Index, digest and first difference of one piece.
async fn one_piece(subject: &Subject<'_>, index: u64, job: &Job) -> Result<(u64, PieceDigest, Option<u64>), BlobError> {
    if job.cancel.is_cancelled() {
        return Err(BlobError {
            kind: BlobErrorKind::Interrupted,
            ..local(subject.blob, "stopped")
        });
    }
    let piece = piece_range(index, subject.length);
    let runs: Option<Vec<DataRun>> = subject.data.map(|data| {
        let from = data.partition_point(|run| run.end <= piece.start);
        let rest = data.get(from..).unwrap_or_default();
        rest.iter().take_while(|run| run.start < piece.end).cloned().collect()
    });
    let from = subject.present.partition_point(|range| range.end <= piece.start);
    let held = common(
        subject.present.get(from..).unwrap_or_default(),
        std::slice::from_ref(&piece),
    );
    let (Some(first), Some(last)) = (held.first(), held.last()) else {
        // Nothing there: zeros, which is right where no data should be.
        let digest = PieceDigest::zeros(piece.end - piece.start);
        return Ok((index, digest, runs.and_then(|runs| runs.first().map(|run| run.start))));
    };
    let span = first.start..last.end;
    let condition = Condition::matches(subject.etag);
    let bytes = subject.blob.read(span.clone(), &condition, job).await?;
    if bytes.len() as u64 != span.end - span.start {
        return Err(BlobError {
            kind: BlobErrorKind::Corrupt,
            ..local(
                subject.blob,
                "the service sent another number of bytes than it was asked for",
            )
        });
    }
    let blob = subject.blob.clone();
    blocking(move || {
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let mut whole = vec![0_u8; at(piece.end - piece.start)];
        let start = at(span.start - piece.start);
        if let Some(part) = whole.get_mut(start..start + bytes.len()) {
            part.copy_from_slice(&bytes);
        }
        drop(bytes);
        let differs = runs.and_then(|runs| first_difference(&whole, piece.start, &runs));
        Ok((index, PieceDigest::of(&whole), differs))
    })
    .await
    .map_err(|fault| local(&blob, &fault.to_string()))
}

/// Where a piece that begins at `start` first holds something else than these runs and zeros around them.
fn first_difference(piece: &[u8], start: u64, runs: &[DataRun]) -> Option<u64> {
    let part = |range: Range<u64>| {
        let from = usize::try_from(range.start.saturating_sub(start)).ok()?;
        let to = usize::try_from(range.end.saturating_sub(start)).ok()?;
        piece.get(from..to.min(piece.len()))
    };
    let mut at = start;
    for run in runs {
        if let Some(offset) = part(at..run.start).and_then(not_zero) {
            return Some(at + offset);
        }
        if part(run.range()).map(crc64) != Some(run.crc64) {
            return Some(run.start);
        }
        at = run.end;
    }
    part(at..start + piece.len() as u64)
        .and_then(not_zero)
        .map(|offset| at + offset)
}

fn not_zero(bytes: &[u8]) -> Option<u64> {
    bytes.iter().position(|byte| *byte != 0).map(|at| at as u64)
}

fn local(blob: &PageBlob, detail: &str) -> BlobError {
    BlobError {
        kind: BlobErrorKind::Local,
        operation: "read back".to_owned(),
        target: blob.label(),
        detail: detail.to_owned(),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    #[test]
    fn the_first_difference_is_found_in_data_and_in_zeros() {
        let mut piece = vec![0_u8; 4096];
        piece[1024..2048].fill(7);
        let run = DataRun {
            start: 101_024,
            end: 102_048,
            crc64: crc64(&piece[1024..2048]),
        };
        let runs = std::slice::from_ref(&run);
        assert_eq!(first_difference(&piece, 100_000, runs), None);
        for (at, found) in [(5, 100_005), (1030, 101_024), (2048, 102_048), (4095, 104_095)] {
            let mut other = piece.clone();
            other[at] ^= 1;
            assert_eq!(first_difference(&other, 100_000, runs), Some(found), "a change at {at}");
        }
        assert_eq!(first_difference(&piece, 100_000, &[]), Some(101_024));
    }
}
