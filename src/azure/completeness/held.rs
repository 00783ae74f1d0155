//! What a store holds under an artifact's name.

use crate::digest::Digest;

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// This content.
    Digest(Digest),
    /// Other bytes whose files are equal to what is wanted: as good.
    SameContent(Digest),
    /// Something whose content nobody can name, and why it is not what is wanted.
    Other {
        /// Its digest, where it is known.
        digest: Option<Digest>,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing.
    Absent,
    /// Nobody can tell, and why.
    Unknown(String),
}

impl Held {
    /// The digest that is there, where it is known.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest(digest) | Self::SameContent(digest) => Some(digest),
            Self::Other { digest, .. } => digest.as_ref(),
            Self::Absent | Self::Unknown(_) => None,
        }
    }
}
