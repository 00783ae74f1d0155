//! What is left to send, as pieces: pure, from what should be there, what is there, and whether that can be believed.

use std::ops::Range;

use super::ranges::{common, normal, total, without};
use crate::vhd::scan::DataRun;

/// The service takes no more pages than this in one request (Put Page, "Remarks").
const MOST: u64 = 4 << 20;

/// Data is found in steps of this many bytes, so nothing is gained by sending less at a time.
const LEAST: u64 = 64 << 10;

/// How much of all data may be on its way at once, where the run before was not cut off: 1/20.
const IN_FLIGHT: u64 = 20;

/// One run of data and what is to be done about it. The run is read from the file once for all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which run, counted from 0.
    pub index: usize,
    /// The run.
    pub run: DataRun,
    /// Parts that are not there: they are sent.
    pub send: Vec<Range<u64>>,
    /// Parts that are there and may hold anything: they are read back and sent where they differ.
    pub compare: Vec<Range<u64>>,
}

/// Everything that is left to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// Runs of which something is left, in order.
    pub pieces: Vec<Piece>,
    /// Pages that hold something where zeros should be.
    pub clear: Vec<Range<u64>>,
    /// Runs that are there, all of them.
    pub done: DoneRuns,
    /// Bytes of data that are there for certain.
    pub there: u64,
}

/// What is left, with these pages there. `trusted`: those of them that nobody but this upload wrote.
pub fn left(data: &[DataRun], present: &[Range<u64>], trusted: &[Range<u64>]) -> Left {
    let wanted = normal(data.iter().map(DataRun::range).collect());
    let mut left = Left {
        clear: without(present, &wanted),
        ..Left::default()
    };
    for (index, run) in data.iter().enumerate() {
        let whole = [run.range()];
        let (present, trusted) = (near(present, run), near(trusted, run));
        let (send, there) = (without(&whole, present), common(&whole, present));
        let compare = without(&there, trusted);
        left.there += total(&common(&there, trusted));
        if send.is_empty() && compare.is_empty() {
            left.done.add(index);
        } else {
            left.pieces.push(Piece {
                index,
                run: run.clone(),
                send,
                compare,
            });
        }
    }
    left
}

/// Those of sorted ranges that a run meets.
fn near<'a>(ranges: &'a [Range<u64>], run: &DataRun) -> &'a [Range<u64>] {
    let from = ranges.partition_point(|range| range.end <= run.start);
    let to = ranges.partition_point(|range| range.start < run.end);
    ranges.get(from..to).unwrap_or_default()
}

/// How many bytes go out in one request: as many as the service takes, but never so many that all requests under way are more
/// than a twentieth of the data; half of that after each run that was cut off. So what is lost with one kill, and with
/// any number of them, stays under a tenth.
pub fn slice(data: u64, parallel: usize, cut_off: u32) -> u64 {
    let budget = (data / IN_FLIGHT).checked_shr(cut_off).unwrap_or(0);
    let share = budget / (parallel.max(1) as u64);
    (share / LEAST * LEAST).clamp(LEAST, MOST)
}

/// Which runs are there, by their numbers; neighbours are kept as one range, so that it stays short.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DoneRuns {
    /// First and one past the last of each range.
    ranges: Vec<Range<usize>>,
}

impl DoneRuns {
    /// One more is there.
    pub fn add(&mut self, index: usize) {
        let at = self.ranges.partition_point(|range| range.end < index);
        match self.ranges.get_mut(at) {
            Some(range) if range.end == index => range.end += 1,
            Some(range) if range.start <= index && index < range.end => return,
            Some(range) if index + 1 == range.start => range.start = index,
            _ => {
                self.ranges.insert(at, index..index + 1);
                return;
            }
        }
        let touching = match (self.ranges.get(at), self.ranges.get(at + 1)) {
            (Some(this), Some(next)) if this.end == next.start => Some(next.end),
            _ => None,
        };
        if let (Some(end), Some(this)) = (touching, self.ranges.get_mut(at)) {
            this.end = end;
            self.ranges.remove(at + 1);
        }
    }

    /// As bytes: from the first byte of the first run to the last of the last; what lies between is data that is there,
    /// and zeros.
    pub fn bytes(&self, data: &[DataRun]) -> Vec<Range<u64>> {
        let ends = |range: &Range<usize>| Some(data.get(range.start)?.start..data.get(range.end.checked_sub(1)?)?.end);
        self.ranges.iter().filter_map(ends).collect()
    }
}

/// Is what a checkpoint says of these bytes still so? Else somebody cleared pages, whatever else may look right.
pub fn still_there(done: &[Range<u64>], data: &[DataRun], present: &[Range<u64>]) -> bool {
    let wanted = normal(data.iter().map(DataRun::range).collect());
    without(&common(&wanted, &normal(done.to_vec())), present).is_empty()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::single_range_in_vec_init,
        reason = "tests may fail loudly"
    )]
    use super::*;
    use crate::oci::backoff::Jitter;

    fn run(start: u64, end: u64) -> DataRun {
        DataRun { start, end, crc64: 0 }
    }

    #[test]
    fn what_is_believed_is_not_sent_again_and_what_is_not_is_compared() {
        let data = [run(0, 1024), run(1024, 2048), run(8192, 9216)];
        let present = [512..1536, 4096..4608, 8192..9216];
        let believed = left(&data, &present, &present);
        assert_eq!(believed.clear, [4096..4608]);
        let parts: Vec<_> = believed
            .pieces
            .iter()
            .map(|piece| (piece.index, piece.send.clone()))
            .collect();
        assert_eq!(parts, [(0, vec![0..512]), (1, vec![1536..2048])]);
        assert!(believed.pieces.iter().all(|piece| piece.compare.is_empty()));
        assert_eq!(believed.there, 512 + 512 + 1024);
        assert_eq!(believed.done.bytes(&data), [8192..9216]);

        let doubted = left(&data, &present, &[]);
        assert_eq!(doubted.clear, [4096..4608]);
        let parts: Vec<_> = doubted
            .pieces
            .iter()
            .map(|piece| (piece.index, piece.send.clone(), piece.compare.clone()))
            .collect();
        assert_eq!(
            parts,
            [
                (0, vec![0..512], vec![512..1024]),
                (1, vec![1536..2048], vec![1024..1536]),
                (2, vec![], vec![8192..9216])
            ]
        );
        assert_eq!(doubted.there, 0);

        let half = left(&data, &present, &[0..1024]);
        let parts: Vec<_> = half.pieces.iter().map(|piece| piece.compare.clone()).collect();
        assert_eq!(parts, [vec![], vec![1024..1536], vec![8192..9216]]);
        assert_eq!(half.there, 512);
    }

    #[test]
    fn an_empty_blob_needs_everything_and_nothing_is_cleared() {
        let data = [run(0, 512), run(4096, 5120)];
        let all = left(&data, &[], &[]);
        assert_eq!(all.pieces.len(), 2);
        assert_eq!((all.clear.len(), all.there), (0, 0));
    }

    #[test]
    fn requests_under_way_are_a_twentieth_of_the_data_and_half_after_each_kill() {
        const MIB: u64 = 1 << 20;
        for (data, parallel, cut_off, bytes) in [
            (0, 8, 0, LEAST),
            (MIB, 8, 0, LEAST),
            (160 * MIB, 8, 0, MIB),
            (160 * MIB, 8, 1, MIB / 2),
            (160 * MIB, 8, 2, MIB / 4),
            (160 * MIB, 8, 40, LEAST),
            (160 * MIB, 8, 400, LEAST),
            (1024 * MIB, 8, 0, MOST),
            (1 << 40, 8, 0, MOST),
            (160 * MIB, 0, 0, MOST),
            (100 * MIB, 7, 0, 11 * LEAST),
        ] {
            assert_eq!(slice(data, parallel, cut_off), bytes, "{data} {parallel} {cut_off}");
        }
    }

    #[test]
    fn runs_that_end_in_any_order_become_one_range() {
        let data: Vec<DataRun> = (0..64).map(|at| run(at * 1024, at * 1024 + 512)).collect();
        for seed in 0..200 {
            let mut dice = Jitter::new(seed);
            let mut done = DoneRuns::default();
            let mut all: Vec<usize> = (0..64).collect();
            while !all.is_empty() {
                let at = usize::try_from(dice.next_u64()).unwrap() % all.len();
                let index = all.swap_remove(at);
                done.add(index);
                done.add(index);
                assert!(
                    done.ranges.windows(2).all(|pair| pair[0].end < pair[1].start),
                    "{done:?}"
                );
                assert_eq!(done.ranges.iter().map(Range::len).sum::<usize>(), 64 - all.len());
            }
            assert_eq!(done.bytes(&data), [0..63 * 1024 + 512], "seed {seed}");
        }
    }

    #[test]
    fn pages_that_a_checkpoint_knows_and_that_are_gone_are_noticed() {
        let data = [run(0, 512), run(4096, 5120)];
        assert!(still_there(&[0..5120], &data, &[0..512, 4096..5120]));
        assert!(still_there(&[], &data, &[]));
        assert!(!still_there(&[0..5120], &data, &[0..512, 4096..4608]));
    }
}
