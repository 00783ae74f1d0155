//! The hashes of an image's pieces as they come in, in any order; pieces that are all zero are not among them.

use std::collections::BTreeMap;

use crate::vhd::ContentDigest;
use crate::vhd::content::{ContentHasher, PieceDigest, piece_count, piece_range};

/// SHA-256 of the pieces that hold data, by their number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PieceHashes(BTreeMap<u64, PieceDigest>);

impl PieceHashes {
    /// A piece is known now.
    pub fn insert(&mut self, index: u64, hash: PieceDigest) {
        self.0.insert(index, hash);
    }

    /// Is a piece known?
    pub fn has(&self, index: u64) -> bool {
        self.0.contains_key(&index)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Those for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(u64, &PieceDigest) -> bool) {
        self.0.retain(|index, hash| keep(*index, hash));
    }

    /// The content digest of an image of this length, the other pieces being zero.
    pub fn digest(&self, length: u64) -> Option<ContentDigest> {
        let mut content = ContentHasher::new(length);
        for index in 0..piece_count(length) {
            let range = piece_range(index, length);
            let zeros = || PieceDigest::zeros(range.end - range.start);
            content.put(index, self.0.get(&index).copied().unwrap_or_else(zeros));
        }
        content.finish()
    }

    /// The first piece that is not the same in both, of images of this length.
    pub fn first_difference(&self, other: &Self, length: u64) -> Option<u64> {
        let of = |hashes: &Self, index: u64| {
            let range = piece_range(index, length);
            let zeros = || PieceDigest::zeros(range.end - range.start);
            hashes.0.get(&index).copied().unwrap_or_else(zeros)
        };
        (0..piece_count(length)).find(|index| of(self, *index) != of(other, *index))
    }

    /// For a file: `number hex` a line.
    pub fn to_lines(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(self.0.len() * 72);
        for (index, hash) in &self.0 {
            // Writing to a String cannot fail. Its debug form is its hex digits.
            let _ = writeln!(text, "{index} {hash:?}");
        }
        text
    }

    /// From a file; `None` where a line is none.
    pub fn from_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut all = BTreeMap::new();
        for line in lines {
            let (index, hex) = line.split_once(' ')?;
            all.insert(index.parse().ok()?, bytes_of(hex)?.into());
        }
        Some(Self(all))
    }
}

fn bytes_of(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn hashes_survive_being_written_down_and_damage_is_noticed() {
        let mut hashes = PieceHashes::default();
        for index in [3, 0, 700] {
            hashes.insert(index, [u8::try_from(index % 251).unwrap(); 32].into());
        }
        let text = hashes.to_lines();
        assert_eq!(PieceHashes::from_lines(text.lines()), Some(hashes));
        for damaged in ["x 00", "1 00", "1", "", &text.replace('0', "g")] {
            assert_eq!(PieceHashes::from_lines([damaged].into_iter()), None, "{damaged:?}");
        }
    }
}
