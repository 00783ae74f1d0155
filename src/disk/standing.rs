//! What a blob's properties alone say of it, compared with what should be there: pure.

use super::marks::{Marks, UploadId, UploadMark};
use crate::blob::{BlobKind, BlobProperties, CopyStatus};
use crate::vhd::ContentDigest;

/// What a blob is, by its properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Not a page blob but a blob of this type.
    OtherType(String),
    /// A copy by the service is under way, by its id.
    Copying(String),
    /// Something else, by its digest where it claims one, and in words.
    Other(Option<ContentDigest>, String),
    /// The wanted content has not all arrived.
    Partial(UploadMark),
    /// An upload of other content that this machine began and did not end: nobody misses it.
    Abandoned(UploadMark),
    /// It claims the wanted digest.
    Claimed,
    /// Of the right size, and it says nothing of its content.
    Unmarked,
}

/// Judges a blob. `begun` is the upload into it that this machine began and did not end, if there is one.
pub fn standing(
    properties: &BlobProperties,
    digest: &ContentDigest,
    length: u64,
    begun: Option<&UploadId>,
) -> Standing {
    if let BlobKind::Other(kind) = &properties.kind {
        return Standing::OtherType(kind.clone());
    }
    if let Some(copy) = &properties.copy
        && copy.status == CopyStatus::Pending
    {
        return Standing::Copying(copy.id.clone());
    }
    let marks = Marks::of(&properties.metadata);
    if let Some(mark) = &marks.upload {
        if mark.digest == *digest && properties.length == length {
            return Standing::Partial(mark.clone());
        }
        if begun == Some(&mark.id) {
            return Standing::Abandoned(mark.clone());
        }
    }
    if properties.length != length {
        let why = format!("{} bytes instead of {length}", properties.length);
        return Standing::Other(marks.digest.filter(|_| !marks.unfinished), why);
    }
    if marks.unfinished {
        let why = match &marks.upload {
            Some(mark) => format!("an upload of other content that has not ended{}", since(&mark.id)),
            None => "an upload that has not ended".to_owned(),
        };
        return Standing::Other(None, why);
    }
    match marks.digest {
        Some(held) if held == *digest => Standing::Claimed,
        Some(held) => {
            let why = format!("content {} instead of {}", held.0.short(), digest.0.short());
            Standing::Other(Some(held), why)
        }
        None => Standing::Unmarked,
    }
}

/// When an upload began, to be put behind other words.
pub fn since(id: &UploadId) -> String {
    id.begun().map_or_else(String::new, |begun| format!(", begun {begun}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use std::collections::BTreeMap;

    use super::*;
    use crate::blob::{CopyState, Etag};
    use crate::digest::Digest;
    use crate::disk::marks::{begun, finished};

    fn digest(of: &str) -> ContentDigest {
        ContentDigest(Digest::of(of.as_bytes()))
    }

    fn blob(metadata: BTreeMap<String, String>) -> BlobProperties {
        BlobProperties {
            kind: BlobKind::Page,
            length: 1024,
            etag: Etag("\"1\"".into()),
            metadata,
            md5: None,
            copy: None,
            leased: false,
        }
    }

    fn judged(properties: &BlobProperties) -> Standing {
        standing(properties, &digest("wanted"), 1024, None)
    }

    #[test]
    fn a_blob_is_what_its_properties_say() {
        let none = BTreeMap::new();
        let mark = |of: &str| UploadMark {
            digest: digest(of),
            id: UploadId::new(),
        };
        assert_eq!(judged(&blob(none.clone())), Standing::Unmarked);
        assert_eq!(judged(&blob(finished(&none, &digest("wanted")))), Standing::Claimed);
        let other = judged(&blob(finished(&none, &digest("other"))));
        assert!(
            matches!(&other, Standing::Other(Some(held), _) if *held == digest("other")),
            "{other:?}"
        );
        let ours = mark("wanted");
        assert_eq!(judged(&blob(begun(&ours))), Standing::Partial(ours.clone()));
        let theirs = mark("other");
        let other = judged(&blob(begun(&theirs)));
        assert!(
            matches!(&other, Standing::Other(None, why) if why.contains(", begun 20")),
            "{other:?}"
        );
        let abandoned = standing(&blob(begun(&theirs)), &digest("wanted"), 1024, Some(&theirs.id));
        assert_eq!(abandoned, Standing::Abandoned(theirs));
    }

    #[test]
    fn type_copy_and_size_come_first() {
        let whole = finished(&BTreeMap::new(), &digest("wanted"));
        let mut block = blob(whole.clone());
        block.kind = BlobKind::Other("BlockBlob".into());
        assert_eq!(judged(&block), Standing::OtherType("BlockBlob".into()));
        let mut copying = blob(whole.clone());
        copying.copy = Some(CopyState {
            id: "7".into(),
            status: CopyStatus::Pending,
            progress: None,
            reason: None,
            source: None,
        });
        assert_eq!(judged(&copying), Standing::Copying("7".into()));
        let mut short = blob(whole);
        short.length = 512;
        assert!(matches!(judged(&short), Standing::Other(_, why) if why == "512 bytes instead of 1024"));
    }

    #[test]
    fn an_upload_mark_outweighs_a_claim() {
        let mark = UploadMark {
            digest: digest("wanted"),
            id: UploadId::new(),
        };
        let mut both = finished(&BTreeMap::new(), &digest("wanted"));
        both.extend(begun(&mark));
        assert_eq!(judged(&blob(both)), Standing::Partial(mark));
        let mut unreadable = finished(&BTreeMap::new(), &digest("wanted"));
        unreadable.insert("aosm_upload".into(), "?".into());
        assert!(matches!(judged(&blob(unreadable)), Standing::Other(None, _)));
    }
}
