//! What a storage account holds under a name, compared with what should be there.

use serde::{Deserialize, Serialize};

use crate::blob::{BlobError, BlobErrorKind, Etag, PageBlob};
use crate::oci::Job;
use crate::vhd::ContentDigest;

/// How thoroughly content is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// By size, type, page ranges and metadata.
    #[default]
    Quick,
    /// Everything is read back and hashed.
    Full,
}

/// What this machine remembers of a blob that it put there or read back whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The blob's entity tag then.
    pub etag: Etag,
    /// Digest of its content.
    pub digest: ContentDigest,
    /// Its bytes.
    pub length: u64,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    Absent,
    /// The content that is wanted: proven as far as was asked.
    Same(Receipt),
    /// Other content, by its digest where that is known.
    Other {
        /// Its digest, where it says so.
        digest: Option<ContentDigest>,
        /// Entity tag: what a replacement has to match.
        etag: Etag,
        /// What tells them apart, in words: `104857600 bytes instead of 209715712`.
        why: String,
    },
    /// An upload of ours, of the wanted content, that has not ended.
    Partial {
        /// Entity tag.
        etag: Etag,
    },
    /// Of the right size, and nobody can tell without reading it.
    Unknown {
        /// Entity tag.
        etag: Etag,
        /// Why nobody can tell.
        why: String,
    },
    /// A copy by the service is under way.
    Copying {
        /// Its id.
        id: String,
    },
    /// Not a page blob.
    OtherType {
        /// The type's name.
        kind: String,
        /// Entity tag.
        etag: Etag,
    },
}

/// Looks: one request where nothing differs. `receipt` is what this machine remembers.
#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn look(
    _blob: &PageBlob,
    _wanted: &ContentDigest,
    _length: u64,
    _receipt: Option<&Receipt>,
    _verify: Verify,
    _job: &Job,
) -> Result<Held, BlobError> {
    Err(BlobError {
        kind: BlobErrorKind::Refused,
        operation: String::new(),
        target: String::new(),
        detail: "not built yet".into(),
        hint: None,
    })
}
