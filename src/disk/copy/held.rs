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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::blob::CopyState;
    use crate::digest::Digest;

    fn origin() -> Origin {
        Origin {
            source: "https://a.example/c/b.vhd".into(),
            etag: Some(Etag("\"source\"".into())),
            length: 2048,
            footer: Digest::of(b"footer"),
            page_blob: true,
            kind: "PageBlob".into(),
            digest: Some(content("source")),
        }
    }

    fn content(of: &str) -> ContentDigest {
        ContentDigest(Digest::of(of.as_bytes()))
    }

    fn copy_state(status: CopyStatus) -> CopyState {
        CopyState {
            id: "7".into(),
            status,
            progress: None,
            reason: None,
            source: None,
        }
    }

    fn blob(metadata: &[(&str, String)]) -> BlobProperties {
        BlobProperties {
            kind: BlobKind::Page,
            length: 2048,
            etag: Etag("\"1\"".into()),
            metadata: metadata
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect::<BTreeMap<_, _>>(),
            md5: None,
            copy: Some(copy_state(CopyStatus::Success)),
            leased: false,
        }
    }

    fn word(held: &CopyHeld) -> &'static str {
        match held {
            CopyHeld::Absent => "absent",
            CopyHeld::Same(_) => "same",
            CopyHeld::Copying { wanted: true, .. } => "copying what is wanted",
            CopyHeld::Copying { wanted: false, .. } => "copying",
            CopyHeld::Partial { .. } => "partial",
            CopyHeld::Other { .. } => "other",
            CopyHeld::Unknown { .. } => "unknown",
            CopyHeld::OtherType { .. } => "other type",
        }
    }

    #[test]
    fn metadata_tell_what_a_blob_of_the_right_size_is() {
        let key = origin().key().to_string();
        let other_key = CopyKey(Digest::of(b"other")).to_string();
        let digest = |of: &str| content(of).to_string();
        let mark = format!("{}/1", digest("x"));
        for (metadata, expected) in [
            (&[][..], "unknown"),
            (&[("aosm_copy", key.clone())], "same"),
            (&[("AOSM_Copy", key.clone())], "same"),
            (&[("aosm_copy", other_key.clone())], "other"),
            (&[("aosm_copy", "nonsense".into())], "unknown"),
            (&[("aosm_digest", digest("source"))], "same"),
            (
                &[("aosm_digest", digest("source")), ("aosm_copy", other_key.clone())],
                "same",
            ),
            (&[("aosm_digest", digest("else"))], "other"),
            (&[("aosm_upload", mark.clone())], "other"),
            (&[("aosm_upload", mark.clone()), ("aosm_copy", key.clone())], "partial"),
            (&[("aosm_upload", mark), ("aosm_copy", other_key)], "partial"),
        ] {
            assert_eq!(word(&judge(&origin(), &blob(metadata), None)), expected, "{metadata:?}");
        }
    }

    #[test]
    fn type_copy_and_size_come_first() {
        let ours = [("aosm_copy", origin().key().to_string())];
        let mut block = blob(&ours);
        block.kind = BlobKind::Other("BlockBlob".into());
        assert_eq!(word(&judge(&origin(), &block, None)), "other type");
        for (metadata, expected) in [(&ours[..], "copying what is wanted"), (&[], "copying")] {
            let mut pending = blob(metadata);
            pending.copy = Some(copy_state(CopyStatus::Pending));
            pending.length = 0;
            assert_eq!(word(&judge(&origin(), &pending, None)), expected);
        }
        for (metadata, length, expected) in [(&ours[..], 0, "partial"), (&ours, 1024, "other"), (&[], 0, "other")] {
            let mut failed = blob(metadata);
            failed.copy = Some(copy_state(CopyStatus::Failed));
            failed.length = length;
            assert_eq!(
                word(&judge(&origin(), &failed, None)),
                expected,
                "{metadata:?} {length}"
            );
        }
    }

    #[test]
    fn a_receipt_with_another_entity_tag_shows_that_somebody_wrote_since() {
        let there = blob(&[("aosm_copy", origin().key().to_string())]);
        let receipt = |etag: &str, key: CopyKey| CopyReceipt {
            etag: Etag(etag.into()),
            key,
            length: 2048,
            digest: None,
        };
        for (receipt, expected) in [
            (receipt("\"1\"", origin().key()), "same"),
            (receipt("\"0\"", origin().key()), "unknown"),
            // Of an earlier source: says nothing of this one.
            (receipt("\"0\"", CopyKey(Digest::of(b"other"))), "same"),
        ] {
            assert_eq!(word(&judge(&origin(), &there, Some(&receipt))), expected, "{receipt:?}");
        }
    }
}
