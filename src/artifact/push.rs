//! Sending what was packed: blobs first, then the manifest, tags last; an attachment is found as a referrer afterwards.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::pack::Packed;
use super::progress::watched;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::oci::{
    CopyOptions, Descriptor, ErrorKind, Guard, Job, OciError, Place, Selector, TagAs, Target, copy_graph,
};

/// What a tag holds before a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagHolds {
    /// Nothing.
    Nothing,
    /// What would be pushed.
    Same,
    /// Something else.
    Other(Digest),
}

/// Looks what tags hold, one request each. A place that does not let us look is asked again when the tag is written.
pub async fn look(place: &dyn Place, tags: &[&str], root: &Descriptor, job: &Job) -> Result<Vec<TagHolds>, OciError> {
    let looks = tags.iter().map(|tag| async move {
        match place.resolve(&Selector::Tag((*tag).to_owned()), job).await {
            Ok(there) if there.digest == root.digest => Ok(TagHolds::Same),
            Ok(there) => Ok(TagHolds::Other(there.digest)),
            Err(error) if matches!(error.kind, ErrorKind::Absent | ErrorKind::Denied) => Ok(TagHolds::Nothing),
            Err(error) => Err(error),
        }
    });
    try_join_all(looks).await
}

/// Sends the artifact and writes those tags that do not hold it, with the guard of what was seen before. Nothing is sent
/// that is there already.
pub async fn send(
    packed: &Packed,
    place: &dyn Place,
    tags: &[(&str, TagHolds)],
    options: CopyOptions,
    job: &Job,
) -> Result<(), Fault> {
    watched(job, packed.size(), send_and_tag(packed, place, tags, options, job))
        .await
        .map_err(told)
}

async fn send_and_tag(
    packed: &Packed,
    place: &dyn Place,
    tags: &[(&str, TagHolds)],
    options: CopyOptions,
    job: &Job,
) -> Result<(), OciError> {
    let target = place.target();
    let mut wanted = tags.iter().filter_map(|(tag, held)| match held {
        TagHolds::Same => None,
        TagHolds::Nothing => Some((*tag, Guard::Create)),
        TagHolds::Other(digest) => Some((*tag, Guard::Replace(digest.clone()))),
    });
    let first = wanted.next();
    let tag = first.as_ref().map(|(tag, guard)| TagAs { tag, guard });
    copy_graph(&packed.content, &*target, &packed.manifest, tag, options, job).await?;
    for (tag, guard) in wanted {
        target
            .tag(tag, &packed.manifest, Some(packed.bytes.clone()), &guard, job)
            .await?;
    }
    place.flush().await
}

/// Sees to it that an artifact that was sent is listed as a referrer of its subject: a run that was killed between the
/// manifest and the list leaves one without the other, and registries may list late.
pub async fn be_listed(packed: &Packed, subject: &Descriptor, place: &dyn Place, job: &Job) -> Result<(), Fault> {
    if is_listed(packed, subject, place, job).await? {
        return Ok(());
    }
    let target: Arc<dyn Target> = place.target();
    target.put_manifest(&packed.manifest, packed.bytes.clone(), job).await?;
    place.flush().await?;
    if is_listed(packed, subject, place, job).await? {
        return Ok(());
    }
    Err(Fault::infrastructure(format!(
        "{} is at {}, but not listed among what refers to {}",
        packed.manifest.digest.short(),
        place.label(),
        subject.digest.short()
    ))
    .hint("run the command again: it sends nothing twice; if this stays, the registry does not keep referrers"))
}

async fn is_listed(packed: &Packed, subject: &Descriptor, place: &dyn Place, job: &Job) -> Result<bool, OciError> {
    let referrers = place.content(job).referrers(&subject.digest).await?;
    Ok(referrers
        .iter()
        .any(|referrer| referrer.digest == packed.manifest.digest))
}

/// Errors of sending. What was verified on its way was read from the user's files a moment before: when it does not hold,
/// they changed.
fn told(error: OciError) -> Fault {
    let read_here = error.operation == "read blob" && error.kind == ErrorKind::Corrupt;
    let fault = Fault::from(error);
    if read_here {
        fault.hint("a file changed while it was sent: run the command again, once nobody writes to it any more")
    } else {
        fault
    }
}
