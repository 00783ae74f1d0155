//! The content digest of a disk image: SHA-256 over the SHA-256s of its 4 MiB pieces, in order (the last piece may be shorter).
//!
//! Pieces can be hashed in any order and in parallel, and a piece of zeros is a constant, so holes cost nothing.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Bytes of a piece.
pub const PIECE: u64 = 4 << 20;

/// The content digest. Written `sha256:…`; it is not the SHA-256 of the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentDigest(pub Digest);
