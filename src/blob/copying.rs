//! Copies that the service makes by itself.

use std::collections::BTreeMap;

use azure_core::http::Etag as AzureEtag;
use azure_storage_blob::models::{BlobClientAbortCopyOptions, BlobClientStartCopyFromUrlOptions};

use super::call::{if_match, if_none_match, perhaps_ours};
use super::metadata::same;
use super::properties::Told;
use super::{BlobError, BlobErrorKind, Condition, CopyState, Etag, PageBlob, Right, SasUrl};
use crate::oci::Job;
use crate::oci::registry::Class;

impl PageBlob {
    /// Asks the service to copy from a URL into it, if the source is still the one of this entity tag. Without metadata of one's
    /// own the source's come along.
    pub async fn start_copy(
        &self,
        source: &SasUrl,
        source_etag: Option<&Etag>,
        metadata: &BTreeMap<String, String>,
        condition: &Condition,
        job: &Job,
    ) -> Result<CopyState, BlobError> {
        const DOING: &str = "start a copy into";
        let options = BlobClientStartCopyFromUrlOptions {
            if_match: if_match(condition),
            if_none_match: if_none_match(condition),
            lease_id: condition.lease.clone(),
            metadata: self.metadata(DOING, metadata)?,
            source_if_match: source_etag.map(|etag| AzureEtag::from(etag.0.as_str())),
            ..Default::default()
        };
        let place = source.place.to_string();
        let mut ask = self.ask(DOING, &[Right::Create], Class::Small);
        ask.copy_source = Some(source.clone());
        let called = self
            .call(ask, job, |client| async move {
                Ok(client.start_copy_from_url(place, Some(options)).await?.deconstruct().1)
            })
            .await;
        let wrong = |why| self.error(DOING, BlobErrorKind::Refused, why);
        let error = match called.result {
            Ok(headers) => return Told(&headers).started_copy(&source.place).map_err(wrong),
            Err(error) if called.unsure && error.kind == BlobErrorKind::Changed => error,
            Err(error) => return Err(error),
        };
        // Metadata as well: an earlier copy from the same place is not this one.
        let held = self
            .properties(job)
            .await?
            .filter(|held| same(&held.metadata, metadata));
        let ours = held
            .and_then(|held| held.copy)
            .filter(|copy| copy.source.as_deref() == Some(source.place.as_str()));
        ours.ok_or_else(|| perhaps_ours(error))
    }

    /// Stops a copy; what is left is an empty blob. A copy that has ended meanwhile is [`BlobErrorKind::Changed`].
    pub async fn abort_copy(&self, id: &str, job: &Job) -> Result<(), BlobError> {
        let id = id.to_owned();
        let options = BlobClientAbortCopyOptions::default();
        let ask = self.ask("stop the copy into", &[Right::Write], Class::Small);
        let called = self
            .call(ask, job, |client| async move {
                client.abort_copy(&id, Some(options)).await?;
                Ok(())
            })
            .await;
        called.or_done(BlobErrorKind::Changed)
    }
}
