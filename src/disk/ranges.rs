//! Sets of byte ranges, as sorted lists without overlap: what is there, what should be there, and the difference.

use std::ops::Range;

/// Sorts ranges, drops empty ones and joins those that touch or overlap.
pub fn normal(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| range.start < range.end);
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// What is in `held` and not in `others`; both sorted and without overlap.
pub fn without(held: &[Range<u64>], others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut left = Vec::new();
    let mut others = others.iter().peekable();
    for range in held {
        let mut start = range.start;
        while others.next_if(|other| other.end <= start).is_some() {}
        // One may reach over several of `held`: it is looked at again for each of them.
        let mut rest = others.clone();
        while let Some(other) = rest.next_if(|other| other.start < range.end) {
            if other.start > start {
                left.push(start..other.start);
            }
            start = start.max(other.end);
            if start >= range.end {
                break;
            }
        }
        if start < range.end {
            left.push(start..range.end);
        }
    }
    left
}

/// What is in both; both sorted and without overlap.
pub fn common(held: &[Range<u64>], others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut both = Vec::new();
    let (mut left, mut right) = (held.iter().peekable(), others.iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let shared = a.start.max(b.start)..a.end.min(b.end);
        let a_ends_first = a.end <= b.end;
        if shared.start < shared.end {
            both.push(shared);
        }
        if a_ends_first {
            left.next();
        } else {
            right.next();
        }
    }
    both
}

/// Bytes of all ranges.
pub fn total(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum()
}

/// A range cut into slices of at most `most` bytes.
pub fn slices(range: &Range<u64>, most: u64) -> impl Iterator<Item = Range<u64>> + use<> {
    let (most, end) = (most.max(1), range.end);
    let mut start = range.start;
    std::iter::from_fn(move || {
        let slice = start..end.min(start.saturating_add(most));
        start = slice.end;
        (slice.start < slice.end).then_some(slice)
    })
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

    /// The same by looking at each number.
    fn members(ranges: &[Range<u64>]) -> Vec<u64> {
        ranges.iter().cloned().flatten().collect()
    }

    fn random(dice: &mut Jitter) -> Vec<Range<u64>> {
        let count = dice.next_u64() % 8;
        let ranges = (0..count).map(|_| {
            let start = dice.next_u64() % 60;
            start..start + dice.next_u64() % 12
        });
        normal(ranges.collect())
    }

    #[test]
    fn ranges_that_touch_or_overlap_become_one() {
        assert_eq!(normal(vec![5..9, 0..2, 2..3, 4..4, 8..12]), [0..3, 5..12]);
        assert_eq!(normal(vec![]), []);
    }

    #[test]
    fn differences_and_intersections_agree_with_looking_at_each_number() {
        for seed in 0..3000 {
            let mut dice = Jitter::new(seed);
            let (a, b) = (random(&mut dice), random(&mut dice));
            let (has_a, has_b) = (members(&a), members(&b));
            let only: Vec<u64> = has_a.iter().filter(|x| !has_b.contains(x)).copied().collect();
            let both: Vec<u64> = has_a.iter().filter(|x| has_b.contains(x)).copied().collect();
            assert_eq!(members(&without(&a, &b)), only, "seed {seed}: {a:?} without {b:?}");
            assert_eq!(members(&common(&a, &b)), both, "seed {seed}: {a:?} and {b:?}");
            assert_eq!(total(&a), has_a.len() as u64);
        }
    }

    #[test]
    fn slices_cover_the_range_and_none_is_longer() {
        for (range, most, cut) in [
            (0..10, 4, vec![0..4, 4..8, 8..10]),
            (3..4, 4, vec![3..4]),
            (4..4, 4, vec![]),
            (0..2, 0, vec![0..1, 1..2]),
        ] {
            assert_eq!(slices(&range, most).collect::<Vec<_>>(), cut);
        }
    }
}
