//! What a storage account holds under a disk image's name: of an upload and of a copy told in one form.

use crate::blob::Etag;
use crate::digest::Digest;
use crate::disk::{CopyHeld, Held, Receipt};

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskSeen {
    /// Nothing.
    Absent,
    /// What is wanted.
    Same {
        /// The digest that is compared.
        digest: Digest,
        /// Of an upload: what is remembered of it, where a store was asked.
        receipt: Option<Receipt>,
    },
    /// Something else.
    Other {
        /// Its digest, where it says so.
        digest: Option<Digest>,
        /// Entity tag: what a replacement has to match; `None` where nobody was asked.
        etag: Option<Etag>,
        /// What tells them apart, in words.
        why: String,
    },
    /// What an earlier run began and did not end.
    Partial,
    /// Of the right size, and nobody can tell without reading it.
    Unknown {
        /// Entity tag.
        etag: Etag,
        /// Why nobody can tell.
        why: String,
        /// Running the step reads it back and adopts it where it is right.
        will_compare: bool,
    },
    /// The service is copying into it; `wanted`: just what is wanted.
    Copying {
        /// The copy's id.
        id: String,
        /// Is it the copy that is wanted?
        wanted: bool,
    },
    /// Not a page blob.
    OtherType {
        /// The type's name.
        kind: String,
        /// Entity tag.
        etag: Etag,
    },
}

impl DiskSeen {
    /// Of an upload; `before` is the entity tag that this machine remembers.
    pub fn of_upload(held: Held, before: Option<&Etag>) -> Self {
        match held {
            Held::Absent => Self::Absent,
            Held::Same(receipt) => Self::Same {
                digest: receipt.digest.0.clone(),
                receipt: Some(receipt),
            },
            Held::Other { digest, etag, why } => Self::Other {
                why: since(why, &etag, before),
                digest: digest.map(|digest| digest.0),
                etag: Some(etag),
            },
            Held::Partial { .. } => Self::Partial,
            Held::Unknown { etag, why } => Self::Unknown {
                why: since(why, &etag, before),
                etag,
                will_compare: false,
            },
            Held::Copying { id } => Self::Copying { id, wanted: false },
            Held::OtherType { kind, etag } => Self::OtherType { kind, etag },
        }
    }

    /// Of a copy. `compare`: a blob of which nobody can tell is to be compared with the source when the step runs.
    pub fn of_copy(held: CopyHeld, before: Option<&Etag>, compare: bool) -> Self {
        match held {
            CopyHeld::Absent => Self::Absent,
            CopyHeld::Same(receipt) => Self::Same {
                digest: receipt.key.0,
                receipt: None,
            },
            CopyHeld::Copying { id, wanted, .. } => Self::Copying { id, wanted },
            CopyHeld::Partial { .. } => Self::Partial,
            CopyHeld::Other { etag, why } => Self::Other {
                why: since(why, &etag, before),
                digest: None,
                etag: Some(etag),
            },
            CopyHeld::Unknown { etag, why } => Self::Unknown {
                why: since(why, &etag, before),
                etag,
                will_compare: compare,
            },
            CopyHeld::OtherType { kind, etag } => Self::OtherType { kind, etag },
        }
    }

    /// The digest that is there, where it is known.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Same { digest, .. } => Some(digest),
            Self::Other { digest, .. } => digest.as_ref(),
            _ => None,
        }
    }

    /// The entity tag that a replacement has to match.
    pub fn etag(&self) -> Option<&Etag> {
        match self {
            Self::Other { etag, .. } => etag.as_ref(),
            Self::Unknown { etag, .. } | Self::OtherType { etag, .. } => Some(etag),
            _ => None,
        }
    }
}

/// With both entity tags, where this machine saw another one before.
fn since(why: String, etag: &Etag, before: Option<&Etag>) -> String {
    match before.filter(|before| *before != etag) {
        Some(before) => format!(
            "{why} (entity tag {} when this machine last saw it, {} now)",
            before.0, etag.0
        ),
        None => why,
    }
}
