//! Which bytes of an image are asked for: piece by piece, only where there is data.

use std::ops::Range;

use crate::vhd::content::PIECE;

/// A gap of zeros that is shorter than this is read along: a request costs more than these bytes.
const JOINED: u64 = 64 << 10;

/// A piece of the image that holds data, and what of it has to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceReads {
    /// Which piece, from 0.
    pub index: u64,
    /// Its bytes.
    pub piece: Range<u64>,
    /// What to read: within the piece, sorted, disjoint; the rest is zero.
    pub reads: Vec<Range<u64>>,
}

impl PieceReads {
    /// Bytes to read.
    pub fn bytes(&self) -> u64 {
        self.reads.iter().map(|read| read.end - read.start).sum()
    }
}

/// Cuts ranges of data (sorted, disjoint) into pieces; those without data are left out. What lies beyond `length` is ignored.
pub fn pieces(length: u64, data: &[Range<u64>]) -> Vec<PieceReads> {
    let mut all: Vec<PieceReads> = Vec::new();
    for range in data {
        let end = range.end.min(length);
        let mut at = range.start;
        while at < end {
            let index = at / PIECE;
            let piece = index * PIECE..((index + 1) * PIECE).min(length);
            let read = at..end.min(piece.end);
            at = read.end;
            match all.last_mut() {
                Some(last) if last.index == index => match last.reads.last_mut() {
                    Some(before) if read.start.saturating_sub(before.end) <= JOINED => before.end = read.end,
                    _ => last.reads.push(read),
                },
                _ => all.push(PieceReads {
                    index,
                    piece,
                    reads: vec![read],
                }),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::single_range_in_vec_init, reason = "tests")]
    use super::*;

    #[test]
    fn ranges_are_cut_at_pieces_and_pieces_without_data_are_left_out() {
        let length = 3 * PIECE + 512;
        let all = pieces(length, &[PIECE - 512..PIECE + 512, 3 * PIECE..length]);
        assert_eq!(
            all,
            [
                PieceReads {
                    index: 0,
                    piece: 0..PIECE,
                    reads: vec![PIECE - 512..PIECE]
                },
                PieceReads {
                    index: 1,
                    piece: PIECE..2 * PIECE,
                    reads: vec![PIECE..PIECE + 512]
                },
                PieceReads {
                    index: 3,
                    piece: 3 * PIECE..length,
                    reads: vec![3 * PIECE..length]
                },
            ]
        );
    }

    #[test]
    fn short_gaps_are_read_along_and_long_ones_are_not() {
        for (gap, reads) in [(512, 1), (JOINED, 1), (JOINED + 512, 2)] {
            let all = pieces(PIECE, &[0..512, 512 + gap..1024 + gap]);
            assert_eq!(all[0].reads.len(), reads, "a gap of {gap}");
            assert_eq!(all[0].bytes(), if reads == 1 { 1024 + gap } else { 1024 });
        }
    }

    #[test]
    fn ranges_beyond_the_end_and_empty_ones_are_ignored() {
        assert_eq!(pieces(1024, &[2048..4096]), []);
        assert_eq!(pieces(1024, &[512..512]), []);
        assert_eq!(pieces(1024, &[512..PIECE * 9])[0].reads, [512..1024]);
        assert_eq!(pieces(0, &[0..512]), []);
    }
}
