//! What a blob's metadata says of its content. Both names are ours:
//!
//! - `aosm_digest`: the content digest, set when all of it was proven to be there, and not before;
//! - `aosm_upload`: while content is on its way, `DIGEST/BEGUN-RANDOM`: the digest it will have, when that began (UTC), and
//!   a random number that tells this upload from every other one.
//!
//! So an unfinished blob never claims a digest. Names of metadata must be C# identifiers, and are compared without case.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::ids;
use crate::digest::Digest;
use crate::vhd::ContentDigest;

/// Name of the metadata that holds the content digest.
pub const DIGEST: &str = "aosm_digest";

/// Name of the metadata that marks an upload under way.
pub const UPLOAD: &str = "aosm_upload";

/// Names one upload (or copy) from its beginning to its end, over all runs that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(String);

impl UploadId {
    /// A new one, of now.
    pub fn new() -> Self {
        let begun = compact(SystemTime::now());
        Self(format!("{begun}-{:016x}", ids::random()))
    }

    /// When it began, e.g. `2026-01-31 12:00:00 UTC`; `None` where somebody else wrote it in another way.
    pub fn begun(&self) -> Option<String> {
        let stamp = self.0.get(..16)?;
        let bytes = stamp.as_bytes();
        let good = bytes.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
        let part = |from: usize, to: usize| stamp.get(from..to).unwrap_or_default();
        good.then(|| {
            format!(
                "{}-{}-{} {}:{}:{} UTC",
                part(0, 4),
                part(4, 6),
                part(6, 8),
                part(9, 11),
                part(11, 13),
                part(13, 15)
            )
        })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for UploadId {
    fn default() -> Self {
        Self::new()
    }
}

/// `20260131T120000Z`: sorts by time and is good in a header.
fn compact(time: SystemTime) -> String {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a date: the civil calendar in eras of 400 years that begin on the first of March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// What metadata says of an upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadMark {
    /// The digest that the content will have.
    pub digest: ContentDigest,
    /// Which upload.
    pub id: UploadId,
}

impl fmt::Display for UploadMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.digest.0, self.id.as_str())
    }
}

/// Both marks of a blob, as far as they can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// The digest it claims.
    pub digest: Option<ContentDigest>,
    /// The upload under way.
    pub upload: Option<UploadMark>,
    /// There is an upload mark, whether or not it can be read: the content is not whole.
    pub unfinished: bool,
}

impl Marks {
    /// From metadata. Its values are anybody's: what is no digest counts as absent.
    pub fn of(metadata: &BTreeMap<String, String>) -> Self {
        let value = |name: &str| {
            let found = metadata.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let digest = |text: &str| Digest::from_str(text).ok().map(ContentDigest);
        let upload = value(UPLOAD);
        Self {
            digest: value(DIGEST).and_then(digest),
            upload: upload.and_then(|text| {
                let (of, id) = text.split_once('/')?;
                let id = UploadId(id.to_owned());
                digest(of).map(|digest| UploadMark { digest, id })
            }),
            unfinished: upload.is_some(),
        }
    }
}

/// The metadata of a blob whose upload begins.
pub fn begun(mark: &UploadMark) -> BTreeMap<String, String> {
    BTreeMap::from([(UPLOAD.to_owned(), mark.to_string())])
}

/// The metadata of a blob that is whole: what others wrote is kept.
pub fn finished(metadata: &BTreeMap<String, String>, digest: &ContentDigest) -> BTreeMap<String, String> {
    let ours = |name: &str| name.eq_ignore_ascii_case(UPLOAD) || name.eq_ignore_ascii_case(DIGEST);
    let mut kept: BTreeMap<String, String> = metadata
        .iter()
        .filter(|(name, _)| !ours(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    kept.insert(DIGEST.to_owned(), digest.0.to_string());
    kept
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    fn digest() -> ContentDigest {
        ContentDigest(Digest::of(b"x"))
    }

    #[test]
    fn a_mark_reads_back_and_says_when_the_upload_began() {
        let id = UploadId::new();
        let mark = UploadMark { digest: digest(), id };
        let read = Marks::of(&begun(&mark));
        assert_eq!(read.upload.as_ref(), Some(&mark));
        assert_eq!(read.digest, None, "an unfinished blob claims nothing");
        assert!(mark.id.begun().unwrap().starts_with("20"), "{:?}", mark.id);
        assert_ne!(UploadId::new(), UploadId::new());
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_709_164_800, "20240229T000000Z"),
            (1_735_689_599, "20241231T235959Z"),
            (4_102_444_800, "21000101T000000Z"),
        ] {
            assert_eq!(compact(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_finished_blob_keeps_what_others_wrote_and_loses_the_mark() {
        let mark = UploadMark {
            digest: digest(),
            id: UploadId::new(),
        };
        let mut metadata = begun(&mark);
        metadata.insert("owner".into(), "somebody".into());
        metadata.insert("AOSM_Upload".into(), "twice".into());
        let marks = Marks::of(&finished(&metadata, &digest()));
        assert_eq!((marks.digest, marks.unfinished), (Some(digest()), false));
        assert_eq!(finished(&metadata, &digest())["owner"], "somebody");
    }

    #[test]
    fn metadata_that_is_not_ours_is_no_claim() {
        for (name, value, unfinished) in [
            ("aosm_digest", "", false),
            ("aosm_digest", "sha256:abc", false),
            ("aosm_upload", "", true),
            ("aosm_upload", "yesterday", true),
            ("aosm_upload", "sha256:abc/1", true),
        ] {
            let marks = Marks::of(&BTreeMap::from([(name.to_owned(), value.to_owned())]));
            assert_eq!(
                (marks.digest, marks.upload, marks.unfinished),
                (None, None, unfinished),
                "{value}"
            );
        }
        for id in ["", "x", "2026", "ääääääääää", "20260131X120000Z-1"] {
            assert_eq!(UploadId(id.to_owned()).begun(), None, "{id}");
        }
        assert_eq!(
            UploadId("20260131T120000Z-1".into()).begun().as_deref(),
            Some("2026-01-31 12:00:00 UTC")
        );
    }
}
