//! A file that is written in pieces, in any order, and only where it is not zero.

use std::fs::File;
use std::io;
use std::ops::Range;

use bytes::Bytes;

use crate::vhd::content::{PieceDigest, PieceHasher};

/// Zeros are looked for in steps of this many bytes.
pub const STEP: u64 = crate::vhd::BLOCK;

/// As many zeros as a step has.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What was read of a piece: each range with its bytes, sorted and disjoint; the rest of the piece is zero.
pub type Bodies = Vec<(Range<u64>, Bytes)>;

/// SHA-256 of a piece whose data is this.
pub fn hash_piece(piece: &Range<u64>, bodies: &Bodies) -> PieceDigest {
    let mut hasher = PieceHasher::new();
    let mut at = piece.start;
    for (range, body) in bodies {
        hasher.skip(range.start.saturating_sub(at));
        body.chunks(ZEROS.len()).for_each(|step| hasher.update(step));
        at = range.end;
    }
    hasher.skip(piece.end.saturating_sub(at));
    hasher.finish()
}

/// At most a step of zeros.
fn zeros(count: u64) -> &'static [u8] {
    usize::try_from(count)
        .ok()
        .and_then(|count| ZEROS.get(..count))
        .unwrap_or(&ZEROS)
}

/// Is it all zero?
pub fn is_zero(bytes: &[u8]) -> bool {
    // Comparing whole steps is fast in unoptimised builds too.
    bytes.chunks(ZEROS.len()).all(|step| ZEROS.starts_with(step))
}

/// The runs of a range that are not zero, by steps that are multiples of [`STEP`] in the image; neighbours joined.
pub fn runs(start: u64, body: &[u8]) -> Vec<(Range<u64>, bool)> {
    let mut runs: Vec<(Range<u64>, bool)> = Vec::new();
    let end = start + body.len() as u64;
    let mut at = start;
    while at < end {
        let next = ((at / STEP + 1) * STEP).min(end);
        let zero = slice(body, start, &(at..next)).is_some_and(is_zero);
        match runs.last_mut() {
            Some((before, as_before)) if *as_before == zero => before.end = next,
            _ => runs.push((at..next, zero)),
        }
        at = next;
    }
    runs
}

/// A range of the image, out of bytes that begin at `start`.
pub fn slice<'a>(body: &'a [u8], start: u64, range: &Range<u64>) -> Option<&'a [u8]> {
    let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
    let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
    body.get(from..to)
}

/// The same without copying the bytes.
pub fn shared(body: &Bytes, start: u64, range: &Range<u64>) -> Option<Bytes> {
    let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
    let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
    (from <= to && to <= body.len()).then(|| body.slice(from..to))
}

/// Writes what is not zero. `fresh`: nothing else was ever written to the file; else zeros are written where it says
/// something else.
pub fn write(file: &File, bodies: &Bodies, fresh: bool) -> io::Result<u64> {
    let mut written = 0;
    for (range, body) in bodies {
        for (run, zero) in runs(range.start, body) {
            let Some(bytes) = slice(body, range.start, &run) else {
                continue;
            };
            if !zero {
                write_at(file, bytes, run.start)?;
                written += bytes.len() as u64;
            } else if !fresh {
                clear(file, &run)?;
            }
        }
    }
    Ok(written)
}

/// Makes a range zero without filling a hole.
fn clear(file: &File, range: &Range<u64>) -> io::Result<()> {
    let mut buffer = vec![0; ZEROS.len()];
    let mut at = range.start;
    while at < range.end {
        let count = (range.end - at).min(STEP);
        let wanted = zeros(count);
        let Some(held) = buffer.get_mut(..wanted.len()) else {
            break;
        };
        read_at(file, held, at)?;
        if !is_zero(held) {
            write_at(file, wanted, at)?;
        }
        at += count;
    }
    Ok(())
}

/// Reads a piece back from a file and hashes it.
pub fn hash_in_file(file: &File, piece: &Range<u64>) -> io::Result<PieceDigest> {
    let mut hasher = PieceHasher::new();
    read_range(file, piece, |bytes| {
        hasher.update(bytes);
        true
    })?;
    Ok(hasher.finish())
}

/// Reads a file from front to back, as long as `take` wants more. Did it want all?
pub fn read_all(file: &File, length: u64, take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    read_range(file, &(0..length), take)
}

fn read_range(file: &File, range: &Range<u64>, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let mut buffer = vec![0; ZEROS.len()];
    let mut at = range.start;
    while at < range.end {
        let count = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(buffer.len());
        let Some(held) = buffer.get_mut(..count) else { break };
        read_at(file, held, at)?;
        if !take(held) {
            return Ok(false);
        }
        at += count as u64;
    }
    Ok(true)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !bytes.is_empty() {
        let count = file.seek_write(bytes, at)?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(count..).unwrap_or_default();
        at += count as u64;
    }
    Ok(())
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !bytes.is_empty() {
        let count = file.seek_read(bytes, at)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = bytes.get_mut(count..).unwrap_or_default();
        at += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::single_range_in_vec_init, reason = "tests")]
    use super::*;

    fn scratch(length: u64) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length).unwrap();
        file
    }

    #[test]
    fn a_piece_is_hashed_with_the_zeros_between_its_ranges() {
        let mut whole = vec![0_u8; 300_000];
        whole[1000..1512].fill(7);
        whole[200_000..260_000].fill(9);
        let bodies: Bodies = [1000..1512_u64, 200_000..260_000]
            .into_iter()
            .map(|range| {
                let body = slice(&whole, 0, &range).unwrap().to_vec();
                (range, Bytes::from(body))
            })
            .collect();
        let expected = PieceDigest::of(&whole);
        assert_eq!(hash_piece(&(0..300_000), &bodies), expected);
        let file = scratch(300_000);
        write(&file, &bodies, true).unwrap();
        assert_eq!(hash_in_file(&file, &(0..300_000)).unwrap(), expected);
    }

    #[test]
    fn only_steps_that_are_not_zero_are_written() {
        let mut body = vec![0_u8; 3 * ZEROS.len()];
        body[ZEROS.len()] = 1;
        assert_eq!(
            runs(STEP, &body),
            [
                (STEP..2 * STEP, true),
                (2 * STEP..3 * STEP, false),
                (3 * STEP..4 * STEP, true)
            ]
        );
        let file = scratch(4 * STEP);
        assert_eq!(write(&file, &vec![(STEP..4 * STEP, body.into())], true).unwrap(), STEP);
        // Steps are those of the image, not of the range.
        assert_eq!(runs(512, &vec![0; ZEROS.len()]), [(512..STEP + 512, true)]);
    }

    #[test]
    fn a_file_that_is_gone_on_with_gets_zeros_where_it_holds_something_else() {
        let file = scratch(2 * STEP);
        write_at(&file, b"left over", STEP).unwrap();
        write(&file, &vec![(0..2 * STEP, vec![0; 2 * ZEROS.len()].into())], false).unwrap();
        let mut held = vec![1; 2 * ZEROS.len()];
        read_at(&file, &mut held, 0).unwrap();
        assert!(is_zero(&held));
    }
}
