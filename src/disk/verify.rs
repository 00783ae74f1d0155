//! Is what was sent what is there? By size, type and pages, or by reading all of it back.

use std::ops::Range;

use super::failure::Failure;
use super::look::Verify;
use super::ranges::{normal, slices, without};
use super::read_back::{Subject, read_back};
use super::source::Source;
use crate::blob::{BlobKind, BlobProperties, Condition, PageBlob};
use crate::fault::{Fault, Kind};
use crate::oci::Job;
use crate::vhd::Scanned;
use crate::vhd::content::PIECE;
use crate::vhd::scan::DataRun;

/// Proves that a blob holds what the file does; `properties` are those after the last write.
pub async fn prove(
    blob: &PageBlob,
    properties: &BlobProperties,
    (source, scanned): (&Source, &Scanned),
    verify: Verify,
    parallel: usize,
    job: &Job,
) -> Result<(), Failure> {
    if properties.kind != BlobKind::Page {
        return Err(wrong(blob, "it is no page blob").into());
    }
    if properties.length != scanned.length {
        let what = format!("it has {} bytes instead of {}", properties.length, scanned.length);
        return Err(wrong(blob, &what).into());
    }
    let condition = Condition::matches(&properties.etag);
    let present = blob.page_ranges(None, &condition, job).await?;
    pages(blob, &present, source, &scanned.data).await?;
    if verify == Verify::Full {
        let subject = Subject {
            blob,
            length: scanned.length,
            etag: &properties.etag,
            present: &present,
            data: Some(&scanned.data),
        };
        let back = read_back(&subject, parallel, job).await?;
        if back.digest != scanned.digest {
            let place = back
                .differs
                .map_or_else(String::new, |at| format!(" from byte {at} on"));
            return Err(wrong(blob, &format!("what was read back differs{place}")).into());
        }
    }
    Ok(())
}

/// Pages are where the data is and nowhere else. Zeros within a run may be written or not: both read the same.
async fn pages(blob: &PageBlob, present: &[Range<u64>], source: &Source, data: &[DataRun]) -> Result<(), Failure> {
    let wanted = normal(data.iter().map(DataRun::range).collect());
    if let Some(range) = without(present, &wanted).first() {
        let what = format!("bytes {} to {} are written and should be zero", range.start, range.end);
        return Err(wrong(blob, &what).into());
    }
    for range in without(&wanted, present) {
        for slice in slices(&range, PIECE) {
            if !source.is_zero(slice.clone()).await? {
                let what = format!("bytes {} to {} were sent and are not there", slice.start, slice.end);
                return Err(wrong(blob, &what).into());
            }
        }
    }
    Ok(())
}

/// What was found is not what should be there.
pub fn wrong(blob: &PageBlob, what: &str) -> Fault {
    Fault::new(Kind::StepsFailed, format!("verify {}: {what}", blob.label())).hint(
        "run the command again: it compares everything and sends what is wrong; the blob claims no digest until then",
    )
}
