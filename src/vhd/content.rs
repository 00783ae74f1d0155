//! The content digest of a disk image: SHA-256 over the SHA-256s of its 4 MiB pieces, in order.
//!
//! Exactly: cut the file at multiples of 4,194,304 bytes; the last piece is what is left (512 bytes for a VHD of whole pieces) and
//! is not padded; an empty file has no piece. Take the SHA-256 of each piece, 32 raw bytes. The content digest is the SHA-256 of
//! these, one after the other, written `sha256:` and 64 lower-case hex digits. It says nothing about holes: a hole and written
//! zeros are the same content.
//!
//! So pieces can be hashed in any order, in parallel and after an interruption, and a piece of zeros is a constant: for a whole
//! piece `bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8`.
//!
//! Test vectors: no bytes at all give `sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`; 4 MiB + 512
//! zeros give `sha256:d257e9cf61689977342b3f81e5352b17af9a2d10f342842634f7861d6e5d8634`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::LazyLock;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::digest::{BadDigest, Digest};

/// Bytes of a piece.
pub const PIECE: u64 = 4 << 20;

/// Zeros to hash and to compare with.
pub(super) static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// The content digest. Written `sha256:…`; it is not the SHA-256 of the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentDigest(pub Digest);

impl ContentDigest {
    /// `sha256:…`, whole.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> &str {
        self.0.short()
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for ContentDigest {
    type Err = BadDigest;
    fn from_str(text: &str) -> Result<Self, BadDigest> {
        text.parse().map(Self)
    }
}

/// How many pieces so many bytes have.
pub fn piece_count(length: u64) -> u64 {
    length.div_ceil(PIECE)
}

/// The bytes of a piece in a file of `length` bytes; empty past its end.
pub fn piece_range(index: u64, length: u64) -> Range<u64> {
    let start = index.saturating_mul(PIECE).min(length);
    start..start.saturating_add(PIECE).min(length)
}

/// The SHA-256 of one piece.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PieceDigest([u8; 32]);

impl PieceDigest {
    /// That of these bytes: a whole piece.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = PieceHasher::new();
        for block in bytes.chunks(ZEROS.len()) {
            hasher.update(block);
        }
        hasher.finish()
    }

    /// That of a piece of zeros. A whole piece's is computed once.
    pub fn zeros(length: u64) -> Self {
        static WHOLE: LazyLock<PieceDigest> = LazyLock::new(|| PieceDigest(hash_zeros(PIECE).into_bytes()));
        if length == PIECE {
            *WHOLE
        } else {
            Self(hash_zeros(length).into_bytes())
        }
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for PieceDigest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for PieceDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// SHA-256 with its raw bytes.
struct Sha(Context);

impl Sha {
    fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    fn into_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.0.finish().as_ref()) {
            *to = *from;
        }
        bytes
    }
}

fn hash_zeros(length: u64) -> Sha {
    let mut sha = Sha::new();
    feed_zeros(&mut sha, length);
    sha
}

fn feed_zeros(sha: &mut Sha, mut length: u64) {
    while length > 0 {
        let now = usize::try_from(length).unwrap_or(usize::MAX).min(ZEROS.len());
        sha.0.update(ZEROS.get(..now).unwrap_or_default());
        length -= now as u64;
    }
}

/// Are all bytes zero?
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    // Slices are compared by `memcmp`, which is fast in unoptimised builds too.
    bytes
        .chunks(ZEROS.len())
        .all(|chunk| ZEROS.get(..chunk.len()).is_some_and(|zeros| chunk == zeros))
}

/// Hashes one piece from its bytes in order. Nothing is hashed before the first byte that is not zero, so a piece of zeros
/// costs nothing.
pub struct PieceHasher {
    /// Bytes so far while all of them are zero.
    zeros: u64,
    sha: Option<Sha>,
}

impl PieceHasher {
    /// A piece of no bytes yet.
    pub fn new() -> Self {
        Self { zeros: 0, sha: None }
    }

    /// Takes more bytes. Blocks of 64 KiB are found to be zero soonest.
    pub fn update(&mut self, bytes: &[u8]) {
        if self.sha.is_none() && is_zero(bytes) {
            self.zeros += bytes.len() as u64;
            return;
        }
        let zeros = self.zeros;
        self.sha.get_or_insert_with(|| hash_zeros(zeros)).0.update(bytes);
    }

    /// Takes so many zeros.
    pub fn skip(&mut self, length: u64) {
        match &mut self.sha {
            Some(sha) => feed_zeros(sha, length),
            None => self.zeros += length,
        }
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> PieceDigest {
        match self.sha {
            Some(sha) => PieceDigest(sha.into_bytes()),
            None => PieceDigest::zeros(self.zeros),
        }
    }
}

impl Default for PieceHasher {
    fn default() -> Self {
        Self::new()
    }
}

/// Puts the digests of pieces together, in whatever order they come. Keeps only those that came before their turn.
pub struct ContentHasher {
    pieces: u64,
    /// The next piece whose turn it is.
    next: u64,
    early: BTreeMap<u64, PieceDigest>,
    sha: Sha,
}

impl ContentHasher {
    /// For a file of so many bytes.
    pub fn new(length: u64) -> Self {
        Self {
            pieces: piece_count(length),
            next: 0,
            early: BTreeMap::new(),
            sha: Sha::new(),
        }
    }

    /// Takes the digest of a piece. A piece that was taken already, or that the file does not have, changes nothing.
    pub fn put(&mut self, index: u64, digest: PieceDigest) {
        if index < self.next || index >= self.pieces {
            return;
        }
        self.early.entry(index).or_insert(digest);
        while let Some(digest) = self.early.remove(&self.next) {
            self.sha.0.update(&digest.0);
            self.next += 1;
        }
    }

    /// The first piece that was not taken yet; `None` when all were.
    pub fn missing(&self) -> Option<u64> {
        (self.next < self.pieces).then_some(self.next)
    }

    /// The content digest; `None` while a piece is missing.
    pub fn finish(self) -> Option<ContentDigest> {
        if self.missing().is_some() {
            return None;
        }
        let bytes = PieceDigest(self.sha.into_bytes());
        Digest::from_sha256_hex(&format!("{bytes:?}")).ok().map(ContentDigest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    /// The definition, in its simplest form.
    fn by_definition(bytes: &[u8]) -> ContentDigest {
        let mut all = Vec::new();
        for piece in bytes.chunks(4 << 20) {
            all.extend_from_slice(aws_lc_rs::digest::digest(&SHA256, piece).as_ref());
        }
        ContentDigest(Digest::of(&all))
    }

    fn hashed(bytes: &[u8], order: impl Iterator<Item = u64>) -> Option<ContentDigest> {
        let mut hasher = ContentHasher::new(bytes.len() as u64);
        for index in order {
            let range = piece_range(index, bytes.len() as u64);
            let piece = bytes.get(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap());
            hasher.put(index, PieceDigest::of(piece.unwrap()));
        }
        hasher.finish()
    }

    #[test]
    fn the_documented_vectors_hold() {
        assert_eq!(
            hashed(&[], std::iter::empty()).unwrap().as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            format!("{:?}", PieceDigest::zeros(PIECE)),
            "bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8"
        );
        assert_eq!(
            hashed(&vec![0; (4 << 20) + 512], 0..2).unwrap().as_str(),
            "sha256:d257e9cf61689977342b3f81e5352b17af9a2d10f342842634f7861d6e5d8634"
        );
    }

    #[test]
    fn any_order_of_pieces_gives_the_definition() {
        let mut bytes = vec![0_u8; (13 << 20) + 512];
        for at in [0, 1, 5 << 20, (12 << 20) + 7, (13 << 20) + 511] {
            *bytes.get_mut(at).unwrap() = 9;
        }
        let wanted = by_definition(&bytes);
        assert_eq!(hashed(&bytes, 0..4).unwrap(), wanted);
        assert_eq!(hashed(&bytes, (0..4).rev()).unwrap(), wanted);
        assert_eq!(hashed(&bytes, [2, 0, 3, 2, 1, 0, 9].into_iter()).unwrap(), wanted);
        assert_eq!(hashed(&bytes, [2, 0, 3].into_iter()), None, "a piece is missing");
    }

    #[test]
    fn zeros_are_the_same_told_or_read() {
        for (before, data, after) in [
            (0, 0, 0),
            (0, 0, 512),
            (70_000, 3, 0),
            (1, 70_000, 200_000),
            (0, 65_536, 1),
        ] {
            let bytes = [vec![0; before], vec![7; data], vec![0; after]].concat();
            let mut told = PieceHasher::new();
            told.skip(before as u64);
            told.update(&vec![7; data]);
            told.skip(after as u64);
            assert_eq!(told.finish(), PieceDigest::of(&bytes), "{before} {data} {after}");
            let plain = aws_lc_rs::digest::digest(&SHA256, &bytes);
            assert_eq!(PieceDigest::of(&bytes).as_bytes(), plain.as_ref());
        }
    }

    #[test]
    fn lengths_and_order_of_pieces_count() {
        let of = |bytes: &[u8]| hashed(bytes, 0..piece_count(bytes.len() as u64)).unwrap();
        let (a, b) = (vec![1_u8; 4 << 20], vec![2_u8; 4 << 20]);
        assert_ne!(of(&[a.clone(), b.clone()].concat()), of(&[b, a].concat()));
        assert_ne!(of(&[0; 512]), of(&[0; 1024]));
    }
}
