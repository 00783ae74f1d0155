//! What a storage account holds under a name, compared with what should be there.
//!
//! One request where nothing differs. What is believed, and why:
//! - a receipt of this machine whose entity tag is still the blob's: the content was proven then, and nobody wrote since;
//! - where this machine has no receipt, the digest in the blob's metadata: it is set only after the content was proven, and
//!   whoever may write the container could as well have written the content;
//! - a receipt with another entity tag: somebody wrote since. Then the pages are compared, and only where they lie exactly where the
//!   data is does the claim count;
//! - with [`Verify::Full`] nothing of all that: everything is read back.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::checkpoint::CheckpointFile;
use super::marks;
use super::ranges::{normal, without};
use super::read_back::{ReadBack, Subject, read_back};
use super::standing::{Standing, standing};
use crate::blob::{BlobError, BlobProperties, Condition, Etag, PageBlob};
use crate::oci::Job;
use crate::vhd::ContentDigest;
use crate::vhd::scan::DataRun;

/// Pieces of 4 MiB that are read back at a time.
const PARALLEL: usize = 8;

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
    /// An upload of the wanted content that has not ended, or one of other content that this machine began and did not end:
    /// `upload` goes on with the first, and begins the second anew.
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

/// What should be there, and what is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Digest of the content.
    pub digest: &'a ContentDigest,
    /// Its bytes.
    pub length: u64,
    /// Where its data is, if the file was scanned: lets pages be compared.
    pub data: Option<&'a [DataRun]>,
    /// What this machine remembers of the blob.
    pub receipt: Option<&'a Receipt>,
    /// The state folder with the checkpoints of uploads: lets an upload of this machine be told from others'.
    pub state: Option<&'a Utf8Path>,
}

/// Looks by digest and length alone: see [`look_for`].
pub async fn look(
    blob: &PageBlob,
    wanted: &ContentDigest,
    length: u64,
    receipt: Option<&Receipt>,
    verify: Verify,
    job: &Job,
) -> Result<Held, BlobError> {
    let wanted = Wanted {
        digest: wanted,
        length,
        data: None,
        receipt,
        state: None,
    };
    look_for(blob, &wanted, verify, job).await
}

/// Looks: one request where nothing differs. With [`Verify::Full`] a blob of unknown origin whose content turns out to be the
/// wanted one is adopted: its metadata then says so, which is the only thing that is ever written here.
pub async fn look_for(blob: &PageBlob, wanted: &Wanted<'_>, verify: Verify, job: &Job) -> Result<Held, BlobError> {
    let found = blob.properties(job).await?;
    look_at(blob, found, wanted, verify, job).await
}

/// The same, of a blob whose properties were just asked.
pub async fn look_at(
    blob: &PageBlob,
    found: Option<BlobProperties>,
    wanted: &Wanted<'_>,
    verify: Verify,
    job: &Job,
) -> Result<Held, BlobError> {
    let Some(properties) = found else {
        return Ok(Held::Absent);
    };
    let begun = wanted
        .state
        .and_then(|state| CheckpointFile::new(state, &blob.label()).load())
        .map(|checkpoint| checkpoint.upload);
    let etag = properties.etag.clone();
    let claimed = match standing(&properties, wanted.digest, wanted.length, begun.as_ref()) {
        Standing::OtherType(kind) => return Ok(Held::OtherType { kind, etag }),
        Standing::Copying(id) => return Ok(Held::Copying { id }),
        Standing::Partial(_) | Standing::Abandoned(_) => return Ok(Held::Partial { etag }),
        Standing::Other(digest, why) => return Ok(Held::Other { digest, etag, why }),
        Standing::Claimed => true,
        Standing::Unmarked => false,
    };
    if verify == Verify::Full {
        return prove(blob, &properties, wanted, claimed, job).await;
    }
    let receipt = wanted.receipt.filter(|receipt| receipt.digest == *wanted.digest);
    let same = || {
        Held::Same(Receipt {
            etag: etag.clone(),
            digest: wanted.digest.clone(),
            length: wanted.length,
        })
    };
    let unknown = |why: String| Held::Unknown {
        etag: etag.clone(),
        why,
    };
    match (receipt, claimed) {
        (Some(receipt), _) if receipt.etag == etag => Ok(same()),
        (None, true) => Ok(same()),
        (_, false) => Ok(unknown(
            "it says nothing of its content: another tool put it there".to_owned(),
        )),
        (Some(_), true) => {
            let Some(data) = wanted.data else {
                return Ok(unknown("somebody wrote since it was last seen here".to_owned()));
            };
            let present = blob.page_ranges(None, &Condition::matches(&etag), job).await?;
            let expected = normal(data.iter().map(DataRun::range).collect());
            let beyond = without(&present, &expected);
            let lacking = without(&expected, &present);
            Ok(match (beyond.first(), lacking.first()) {
                (None, None) => same(),
                (Some(range), _) => unknown(format!(
                    "somebody wrote since it was last seen here: byte {} is written and should be zero",
                    range.start
                )),
                (None, Some(range)) => unknown(format!(
                    "somebody wrote since it was last seen here: byte {} was cleared",
                    range.start
                )),
            })
        }
    }
}

/// Reads everything back. Content that is right is claimed from then on; other content is not any more, in our eyes.
async fn prove(
    blob: &PageBlob,
    properties: &BlobProperties,
    wanted: &Wanted<'_>,
    claimed: bool,
    job: &Job,
) -> Result<Held, BlobError> {
    let etag = properties.etag.clone();
    let present = blob.page_ranges(None, &Condition::matches(&etag), job).await?;
    let subject = Subject {
        blob,
        length: properties.length,
        etag: &etag,
        present: &present,
        data: wanted.data,
    };
    let ReadBack { digest, differs } = read_back(&subject, PARALLEL, job).await?;
    if digest != *wanted.digest {
        let place = differs.map_or_else(String::new, |at| format!(", from byte {at} on"));
        let lies = if claimed {
            ", although its metadata claims so"
        } else {
            ""
        };
        return Ok(Held::Other {
            why: format!(
                "content {} instead of {}{place}{lies}",
                digest.0.short(),
                wanted.digest.0.short()
            ),
            digest: Some(digest),
            etag,
        });
    }
    let etag = if claimed {
        etag
    } else {
        let metadata = marks::finished(&properties.metadata, &digest);
        blob.set_metadata(&metadata, &Condition::matches(&etag), job).await?
    };
    Ok(Held::Same(Receipt {
        etag,
        digest,
        length: properties.length,
    }))
}
