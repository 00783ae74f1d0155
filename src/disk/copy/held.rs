//! What a storage account holds under a name, compared with a copy that should be there.

use serde::{Deserialize, Serialize};

use super::key::{COPY, CopyKey};
use super::origin::Origin;
use crate::blob::{BlobError, BlobKind, BlobProperties, CopyStatus, Etag, PageBlob};
use crate::disk::marks::Marks;
use crate::oci::Job;
use crate::vhd::ContentDigest;

/// What this machine remembers of a copy that it saw arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyReceipt {
    /// The blob's entity tag then.
    pub etag: Etag,
    /// Which state of which source it is.
    pub key: CopyKey,
    /// Bytes.
    pub length: u64,
    /// Digest of its content, where it is known.
    pub digest: Option<ContentDigest>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyHeld {
    /// Nothing.
    Absent,
    /// The copy that is wanted, or the same content from elsewhere.
    Same(CopyReceipt),
    /// The service is copying into it.
    Copying {
        /// The copy's id.
        id: String,
        /// Is it the copy that is wanted?
        wanted: bool,
        /// Where from, without query, where the service says so.
        source: Option<String>,
    },
    /// What a copy of ours left that did not come to its end: nothing is lost by replacing it.
    Partial {
        /// Entity tag.
        etag: Etag,
    },
    /// Other content.
    Other {
        /// Entity tag: what a replacement has to match.
        etag: Etag,
        /// What tells them apart, in words.
        why: String,
    },
    /// Of the right size, and nobody can tell without reading it.
    Unknown {
        /// Entity tag.
        etag: Etag,
        /// Why nobody can tell.
        why: String,
    },
    /// Not a page blob.
    OtherType {
        /// The type's name.
        kind: String,
        /// Entity tag.
        etag: Etag,
    },
}

/// Looks: one request. `receipt` is what this machine remembers.
pub async fn look_copy(
    origin: &Origin,
    blob: &PageBlob,
    receipt: Option<&CopyReceipt>,
    job: &Job,
) -> Result<CopyHeld, BlobError> {
    let properties = blob.properties(job).await?;
    Ok(properties.map_or(CopyHeld::Absent, |properties| judge(origin, &properties, receipt)))
}

/// The key that a blob's metadata holds.
pub fn key_of(properties: &BlobProperties) -> Option<CopyKey> {
    let value = properties
        .metadata
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(COPY))?
        .1;
    value.parse().ok().map(CopyKey)
}

/// What properties amount to.
pub fn judge(origin: &Origin, properties: &BlobProperties, receipt: Option<&CopyReceipt>) -> CopyHeld {
    let etag = properties.etag.clone();
    if let BlobKind::Other(kind) = &properties.kind {
        return CopyHeld::OtherType {
            kind: kind.clone(),
            etag,
        };
    }
    let (key, wanted) = (key_of(properties), origin.key());
    let ours = key.as_ref() == Some(&wanted);
    let marks = Marks::of(&properties.metadata);
    if let Some(copy) = properties
        .copy
        .as_ref()
        .filter(|copy| copy.status == CopyStatus::Pending)
    {
        return CopyHeld::Copying {
            id: copy.id.clone(),
            wanted: ours,
            source: copy.source.clone(),
        };
    }
    // Only what claims to be a copy of ours; an upload has a way of its own to be gone on with.
    let cut_off = properties.length == 0 || marks.unfinished;
    if key.is_some() && cut_off {
        return CopyHeld::Partial { etag };
    }
    if marks.unfinished {
        return CopyHeld::Other {
            etag,
            why: "an upload to it has not ended".to_owned(),
        };
    }
    if properties.length != origin.length {
        return CopyHeld::Other {
            etag,
            why: format!("it has {} bytes instead of {}", properties.length, origin.length),
        };
    }
    let same_content = origin.digest.is_some() && marks.digest == origin.digest;
    if ours || same_content {
        return match receipt {
            Some(receipt) if receipt.key == wanted && receipt.etag != etag => CopyHeld::Unknown {
                etag,
                why: "somebody wrote to it since it was copied".to_owned(),
            },
            _ => CopyHeld::Same(CopyReceipt {
                etag,
                key: wanted,
                length: properties.length,
                digest: marks.digest,
            }),
        };
    }
    match (&marks.digest, &origin.digest, key) {
        (Some(held), Some(wanted), _) => CopyHeld::Other {
            etag,
            why: format!("its content is {} instead of {}", held.short(), wanted.short()),
        },
        (_, _, Some(_)) => CopyHeld::Other {
            etag,
            why: "it is a copy of another source, or of an earlier state of it".to_owned(),
        },
        _ => CopyHeld::Unknown {
            etag,
            why: "it has as many bytes, and does not say where they come from".to_owned(),
        },
    }
}
