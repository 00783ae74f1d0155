//! From a page blob to a file: only what is not zero, in parallel, resumable, verified, renamed into place.
//!
//! The blob is read under the entity tag that was seen first, so that all of it is one state of it. It is written to a temporary
//! file beside the target; what of it is done is written down now and then, each piece with its hash. A later run
//! hashes those pieces again where they lie and fetches the others, whatever became of the file in between.

mod checkpoint;
mod fetch;
mod part;
mod place;
#[cfg(test)]
mod tests;

use camino::{Utf8Path, Utf8PathBuf};

use super::marks::Marks;
use super::readable::Readable;
use super::{Receipt, spans};
use crate::blob::{BlobKind, BlobProperties, CopyStatus, PageBlob};
use crate::event::Event;
use crate::fault::{Fault, Kind};
use crate::oci::Job;
use crate::vhd::ContentDigest;
use checkpoint::{Checkpoint, Wanted};
use part::Part;

/// How to download.
#[derive(Debug, Clone)]
pub struct DownloadOptions {
    /// Requests at a time.
    pub parallel: usize,
    /// Replace a file that is there.
    pub force: bool,
    /// Compare the MD5 property as well, where the blob has one: about 2 CPU seconds a GiB, holes included.
    pub md5: bool,
    /// Where checkpoints are kept.
    pub state: Utf8PathBuf,
}

/// What a download did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// What was there.
    pub receipt: Receipt,
    /// Did the blob say which content it holds? Then the file has that content, else nobody can tell.
    pub proven: bool,
    /// The MD5 property, if the content has it. `None`: it was not asked for, or the blob has none.
    pub md5: Option<String>,
    /// Bytes fetched by this run.
    pub fetched: u64,
    /// Bytes that an earlier run had fetched.
    pub resumed: u64,
    /// Bytes that are zero and were not asked for.
    pub zero: u64,
}

/// Downloads into a file.
pub async fn download(
    blob: &PageBlob,
    file: &Utf8Path,
    options: &DownloadOptions,
    job: &Job,
) -> Result<Downloaded, Fault> {
    place::check(file, options.force)?;
    let properties = blob.properties(job).await?;
    let (properties, claimed) = whole(blob, properties)?;
    let wanted = Wanted {
        blob: blob.label(),
        etag: properties.etag.clone(),
        length: properties.length,
    };
    let from = Readable::blob(blob, &properties.etag);
    let data = from.data(properties.length, job).await?;
    let pieces = spans::pieces(properties.length, &data);
    let checkpoint = Checkpoint::of(&options.state, file);
    let part = Part::open(file, wanted, checkpoint).await?;
    let (todo, had): (Vec<_>, Vec<_>) = pieces.into_iter().partition(|piece| !part.has(piece.index));
    let (missing, resumed) = (sum(&todo), sum(&had));
    place::room_for(file, missing)?;
    job.events.emit(Event::StepTotal {
        step: job.step.clone(),
        bytes: missing,
    });
    fetch::fetch(&from, todo, &part, options.parallel, job).await?;
    let digest = part.digest()?;
    if let Some(claimed) = claimed.as_ref().filter(|claimed| **claimed != digest) {
        part.discard();
        let what = format!(
            "its content is {}, and its metadata says {}",
            digest.short(),
            claimed.short()
        );
        return Err(told(blob, &what));
    }
    let md5 = properties.md5.clone().filter(|_| options.md5);
    if let Some(wanted) = &md5 {
        let found = part.md5(&job.cancel).await?;
        if found != *wanted {
            part.discard();
            return Err(told(
                blob,
                &format!("its MD5 is {found}, and its MD5 property says {wanted}"),
            ));
        }
    }
    place::check(file, options.force)?;
    part.finish(file).await?;
    Ok(Downloaded {
        proven: claimed.is_some(),
        md5,
        fetched: missing,
        resumed,
        zero: properties.length.saturating_sub(missing + resumed),
        receipt: Receipt {
            etag: properties.etag,
            digest,
            length: properties.length,
        },
    })
}

fn sum(pieces: &[spans::PieceReads]) -> u64 {
    pieces.iter().map(spans::PieceReads::bytes).sum()
}

/// The blob, if it is one that is worth having, and the digest that it claims.
fn whole(
    blob: &PageBlob,
    properties: Option<BlobProperties>,
) -> Result<(BlobProperties, Option<ContentDigest>), Fault> {
    let label = blob.label();
    let Some(properties) = properties else {
        return Err(Fault::invalid(format!("download {label}: there is no such blob"))
            .hint("check the name and the version: aosm-build vhd show says what is held"));
    };
    if let BlobKind::Other(kind) = &properties.kind {
        return Err(Fault::invalid(format!(
            "download {label}: it is a {kind}, and disk images are page blobs"
        ))
        .hint("check the name; az storage blob download fetches blobs of any type"));
    }
    let marks = Marks::of(&properties.metadata);
    let copying = properties.copy.as_ref().map(|copy| copy.status);
    let unfinished = match copying {
        Some(CopyStatus::Pending) => Some("a copy into it is under way"),
        Some(CopyStatus::Failed | CopyStatus::Aborted) if properties.length == 0 => {
            Some("a copy into it did not succeed")
        }
        _ if marks.unfinished => Some("an upload to it has not ended"),
        _ => None,
    };
    if let Some(why) = unfinished {
        return Err(Fault::new(
            Kind::StepsFailed,
            format!("download {label}: {why}, so it is not whole"),
        )
        .hint("wait for its end, or run it again, then download"));
    }
    Ok((properties, marks.digest))
}

/// The blob is not what it says.
fn told(blob: &PageBlob, what: &str) -> Fault {
    Fault::new(Kind::StepsFailed, format!("download {}: {what}", blob.label()))
        .hint("somebody wrote to it after it was uploaded, or it is damaged: upload it again")
}
