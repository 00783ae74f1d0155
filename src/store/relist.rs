//! Referrers that are there and perhaps not listed: a run that was killed between writing one and listing it.

use std::sync::Arc;

use crate::oci::referrer::subject_of;
use crate::oci::{Content, Descriptor, Job, OciError, Target};

/// Puts those that the target has once more, which lists them: copying leaves out what is there.
pub(super) async fn list_again(
    content: &Arc<dyn Content>,
    target: &dyn Target,
    referrers: impl Iterator<Item = &Descriptor>,
    job: &Job,
) -> Result<(), OciError> {
    let content = content.for_job(job).unwrap_or_else(|| Arc::clone(content));
    for referrer in referrers {
        if !target.has_manifest(referrer, job).await? {
            continue;
        }
        let bytes = content.manifest(referrer).await?;
        let Some(subject) = subject_of(&bytes) else { continue };
        if !target.lists_referrer(&subject, &referrer.digest, job).await? {
            target.put_manifest(referrer, bytes, job).await?;
        }
    }
    Ok(())
}
