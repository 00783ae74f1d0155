//! Hash states by position, so that a blob can be read on from an earlier place without hashing all of it again.
//!
//! When a part is read a second time, the states of the first time are met again and must be the same: then the bytes
//! are the same, and it does not matter which reading was sent on. The states are few whatever the size of the blob.

use std::collections::BTreeMap;

use crate::digest::Hasher;

/// A state is kept at each multiple of this.
const SPACING: u64 = 1024 * 1024;
/// So many of them, the latest: who asks for an earlier place reads from the beginning.
const MOST: usize = 128;

/// Hash states of one blob.
#[derive(Debug, Default)]
pub struct Marks {
    states: BTreeMap<u64, Hasher>,
    /// Where the reading is now.
    head: Option<(u64, Hasher)>,
    /// Two readings gave different bytes.
    pub differed: bool,
}

/// Two readings gave different bytes before this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Differs(pub u64);

impl Marks {
    /// Where a reading that must give the bytes from `offset` on has to begin, and the state there; `None` for the
    /// beginning.
    pub fn before(&mut self, offset: u64) -> Option<(u64, Hasher)> {
        if let Some((at, state)) = self.head.take() {
            self.keep(at, state);
        }
        let (at, state) = self.states.range(..=offset).next_back()?;
        Some((*at, state.clone()))
    }

    /// Hashes a piece that begins at `at`.
    pub fn take(&mut self, at: u64, piece: &[u8], hasher: &mut Hasher) -> Result<(), Differs> {
        let mut at = at;
        let mut rest = piece;
        while !rest.is_empty() {
            let stop = self.next_stop(at);
            let length = usize::try_from(stop - at).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at(length);
            hasher.update(now);
            at = at.saturating_add(length as u64);
            rest = later;
            match self.states.get(&at) {
                Some(known) if known.clone().finish() != hasher.clone().finish() => {
                    self.differed = true;
                    return Err(Differs(at));
                }
                None if at.is_multiple_of(SPACING) => self.keep(at, hasher.clone()),
                _ => {}
            }
        }
        self.head = Some((at, hasher.clone()));
        Ok(())
    }

    /// The next place after `at` where a state is to be kept or compared.
    fn next_stop(&self, at: u64) -> u64 {
        let spaced = (at / SPACING).saturating_add(1).saturating_mul(SPACING);
        let known = self.states.range(at.saturating_add(1)..).next();
        known.map_or(spaced, |(known, _)| spaced.min(*known))
    }

    fn keep(&mut self, at: u64, state: Hasher) {
        self.states.entry(at).or_insert(state);
        while self.states.len() > MOST {
            self.states.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::digest::Digest;

    fn bytes(length: u64) -> Vec<u8> {
        (0..length)
            .map(|n| u8::try_from((n * 31 + n / 257) % 251).unwrap())
            .collect()
    }

    /// Reads from `from` up to `to` in pieces of uneven size.
    fn read(marks: &mut Marks, all: &[u8], from: u64, hasher: &mut Hasher) -> Result<(), Differs> {
        let mut at = from;
        for piece in all.get(usize::try_from(from).unwrap()..).unwrap().chunks(70_001) {
            marks.take(at, piece, hasher)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    #[test]
    fn a_reading_that_goes_on_from_a_mark_has_the_digest_of_the_whole() {
        let all = bytes(5 * SPACING + 12_345);
        let mut marks = Marks::default();
        read(&mut marks, &all, 0, &mut Hasher::new()).unwrap();
        for (offset, begins) in [
            (SPACING - 1, None),
            (SPACING, Some(SPACING)),
            (SPACING + 1, Some(SPACING)),
            (3 * SPACING + 77, Some(3 * SPACING)),
            (all.len() as u64, Some(all.len() as u64)),
        ] {
            let found = marks.before(offset);
            assert_eq!(found.as_ref().map(|(at, _)| *at), begins, "{offset}");
            let (at, mut hasher) = found.unwrap_or_default();
            read(&mut marks, &all, at, &mut hasher).unwrap();
            assert_eq!(hasher.finish(), Digest::of(&all), "{offset}");
        }
    }

    #[test]
    fn a_second_reading_that_differs_is_noticed_at_the_next_mark_or_where_the_first_one_ended() {
        let all = bytes(3 * SPACING + 500);
        for (flip, noticed) in [
            (SPACING + 3, 2 * SPACING),
            (2 * SPACING, 3 * SPACING),
            (3 * SPACING + 2, 3 * SPACING + 500),
        ] {
            let mut marks = Marks::default();
            read(&mut marks, &all, 0, &mut Hasher::new()).unwrap();
            let (at, mut hasher) = marks.before(flip).unwrap();
            let mut other = all.clone();
            *other.get_mut(usize::try_from(flip).unwrap()).unwrap() ^= 1;
            assert_eq!(
                read(&mut marks, &other, at, &mut hasher),
                Err(Differs(noticed)),
                "{flip}"
            );
        }
    }

    #[test]
    fn few_states_are_kept_whatever_the_size() {
        let mut marks = Marks::default();
        let mut hasher = Hasher::new();
        let piece = vec![7; usize::try_from(SPACING).unwrap()];
        for n in 0..400 {
            marks.take(n * SPACING, &piece, &mut hasher).unwrap();
        }
        assert_eq!(marks.states.len(), MOST);
        assert!(marks.before(100 * SPACING).is_none(), "too far behind");
        assert_eq!(marks.before(399 * SPACING + 5).map(|(at, _)| at), Some(399 * SPACING));
    }
}
