//! One page blob, and all that can be done with it: each method is one request, tried again as the settings say.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;

use azure_core::http::Etag as AzureEtag;
use azure_core::http::headers::Headers;
use azure_storage_blob::models::{
    BlobClientDeleteOptions, BlobClientDownloadOptions, BlobClientGetPropertiesOptions, BlobClientSetMetadataOptions,
    BlobClientSetPropertiesOptions, HttpRange, PageBlobClientClearPagesOptions, PageBlobClientCreateOptions,
    PageBlobClientUploadPagesOptions,
};
use base64::Engine as _;
use bytes::Bytes;

use super::call::{if_match, if_none_match};
use super::metadata::same;
use super::properties::Told;
use super::{BlobError, BlobErrorKind, BlobProperties, Condition, Container, Etag, Right};
use crate::oci::Job;
use crate::oci::registry::Class;

/// Bytes of a page (REST reference, "Put Page").
pub const PAGE: u64 = 512;
/// At most this many bytes go in one write (REST reference, "Put Page"; the emulator takes more).
pub const WRITE_LIMIT: u64 = 4 * 1024 * 1024;
/// At most this many bytes are read at once: it all goes into memory.
pub const READ_LIMIT: u64 = 64 * 1024 * 1024;

/// One page blob.
#[derive(Clone)]
pub struct PageBlob {
    pub(super) container: Container,
    name: Arc<str>,
}

impl PageBlob {
    pub(super) fn new(container: Container, name: &str) -> Self {
        Self {
            container,
            name: name.into(),
        }
    }

    /// Its name within the container.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The container it is in.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// Host, container and blob, for people.
    pub fn label(&self) -> String {
        format!("{}/{}", self.container.label(), self.name)
    }

    /// What is there; `None`: nothing. A container that is not there is an error.
    pub async fn properties(&self, job: &Job) -> Result<Option<BlobProperties>, BlobError> {
        match self.head(job).await {
            Ok(headers) => {
                let told = Told(&headers).properties();
                told.map(Some)
                    .map_err(|why| self.error("look at", BlobErrorKind::Refused, why))
            }
            Err(error) if error.kind == BlobErrorKind::Absent => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn head(&self, job: &Job) -> Result<Headers, BlobError> {
        let ask = self.ask("look at", &[Right::Read], Class::Small);
        let options = BlobClientGetPropertiesOptions::default();
        let called = self
            .call(ask, job, |client| async move {
                Ok(client.get_properties(Some(options)).await?.deconstruct().1)
            })
            .await;
        called.result
    }

    /// Creates it, all zeros, or replaces what is there by that. The length is a multiple of 512.
    pub async fn create(
        &self,
        length: u64,
        metadata: &BTreeMap<String, String>,
        condition: &Condition,
        job: &Job,
    ) -> Result<Etag, BlobError> {
        const DOING: &str = "create";
        if !length.is_multiple_of(PAGE) {
            return Err(self.error(
                DOING,
                BlobErrorKind::Refused,
                format!("{length} bytes are no multiple of {PAGE}"),
            ));
        }
        let options = PageBlobClientCreateOptions {
            if_match: if_match(condition),
            if_none_match: if_none_match(condition),
            lease_id: condition.lease.clone(),
            metadata: self.metadata(DOING, metadata)?,
            ..Default::default()
        };
        let called = self
            .call(
                self.ask(DOING, &[Right::Create], Class::Small),
                job,
                |client| async move {
                    Ok(client
                        .page_blob_client()
                        .create(length, Some(options))
                        .await?
                        .deconstruct()
                        .1)
                },
            )
            .await;
        let ours =
            |held: &BlobProperties| !metadata.is_empty() && held.length == length && same(&held.metadata, metadata);
        self.etag_or_traces(DOING, called, ours, job).await
    }

    /// Writes pages: at most 4 MiB, offset and length multiples of 512. The service checks the CRC-64. Counted in the job as
    /// bytes moved when they have arrived.
    pub async fn put_pages(
        &self,
        offset: u64,
        bytes: Bytes,
        crc64: u64,
        condition: &Condition,
        job: &Job,
    ) -> Result<Etag, BlobError> {
        const DOING: &str = "write pages of";
        let length = bytes.len() as u64;
        if let Some(why) = bad_range(offset, length, WRITE_LIMIT) {
            return Err(self.error(DOING, BlobErrorKind::Refused, why));
        }
        let options = PageBlobClientUploadPagesOptions {
            if_match: if_match(condition),
            lease_id: condition.lease.clone(),
            // Little-endian: as the service has it, not as a number is written.
            transactional_content_crc64: Some(crc64.to_le_bytes().to_vec()),
            ..Default::default()
        };
        let called = self
            .call(
                self.ask(DOING, &[Right::Write], Class::Upload),
                job,
                |client| async move {
                    let client = client.page_blob_client();
                    let range = HttpRange::new(offset, length);
                    Ok(client
                        .upload_pages(bytes.into(), length, range, Some(options))
                        .await?
                        .deconstruct()
                        .1)
                },
            )
            .await;
        let etag = self.etag(DOING, called)?;
        job.moved(length);
        Ok(etag)
    }

    /// Makes pages zero, as many as wanted. Both ends are multiples of 512.
    pub async fn clear_pages(&self, range: Range<u64>, condition: &Condition, job: &Job) -> Result<Etag, BlobError> {
        const DOING: &str = "clear pages of";
        let length = range.end.saturating_sub(range.start);
        if let Some(why) = bad_range(range.start, length, u64::MAX) {
            return Err(self.error(DOING, BlobErrorKind::Refused, why));
        }
        let options = PageBlobClientClearPagesOptions {
            if_match: if_match(condition),
            lease_id: condition.lease.clone(),
            ..Default::default()
        };
        let called = self
            .call(
                self.ask(DOING, &[Right::Write], Class::Small),
                job,
                |client| async move {
                    let range = HttpRange::new(range.start, length);
                    Ok(client
                        .page_blob_client()
                        .clear_pages(range, Some(options))
                        .await?
                        .deconstruct()
                        .1)
                },
            )
            .await;
        self.etag(DOING, called)
    }

    /// Bytes of a range, all of them, in memory: for ranges of a few MiB (64 at most). Not counted as moved: what reads knows
    /// whether it downloads or proves.
    pub async fn read(&self, range: Range<u64>, condition: &Condition, job: &Job) -> Result<Bytes, BlobError> {
        const DOING: &str = "read";
        let length = range.end.saturating_sub(range.start);
        let (Some(size), true) = (
            usize::try_from(length).ok().and_then(NonZero::new),
            length <= READ_LIMIT,
        ) else {
            let why = format!("{length} bytes cannot be read at once");
            return Err(self.error(DOING, BlobErrorKind::Refused, why));
        };
        let options = BlobClientDownloadOptions {
            if_match: if_match(condition),
            lease_id: condition.lease.clone(),
            // One request: this client would cut it into several otherwise.
            parallel: NonZero::new(1),
            partition_size: Some(size),
            range: Some(HttpRange::new(range.start, length)),
            ..Default::default()
        };
        let mut ask = self.ask(DOING, &[Right::Read], Class::Download);
        ask.limit = size.get();
        ask.exact = Some(length);
        let called = self
            .call(ask, job, |client| async move {
                client.download(Some(options)).await?.body.collect().await
            })
            .await;
        let bytes = called.result?;
        if bytes.len() as u64 != length {
            let why = format!("{} bytes arrived where {length} were asked for", bytes.len());
            return Err(self.error(DOING, BlobErrorKind::Corrupt, why));
        }
        Ok(bytes)
    }

    /// Sets all metadata: what is not named is gone.
    pub async fn set_metadata(
        &self,
        metadata: &BTreeMap<String, String>,
        condition: &Condition,
        job: &Job,
    ) -> Result<Etag, BlobError> {
        const DOING: &str = "set the metadata of";
        let options = BlobClientSetMetadataOptions {
            if_match: if_match(condition),
            lease_id: condition.lease.clone(),
            ..Default::default()
        };
        let all = self.metadata(DOING, metadata)?.unwrap_or_default();
        let called = self
            .call(
                self.ask(DOING, &[Right::Write], Class::Small),
                job,
                |client| async move { Ok(client.set_metadata(&all, Some(options)).await?.deconstruct().1) },
            )
            .await;
        self.etag_or_traces(DOING, called, |held| same(&held.metadata, metadata), job)
            .await
    }

    /// Sets the MD5 property (16 bytes). The service forgets all other properties of that request, so they are read before and
    /// sent along: two requests.
    pub async fn set_md5(&self, md5: [u8; 16], condition: &Condition, job: &Job) -> Result<Etag, BlobError> {
        const DOING: &str = "set the MD5 of";
        let headers = self.head(job).await?;
        let held = Told(&headers);
        let own = |name: &str| held.get(name).map(str::to_owned);
        let options = BlobClientSetPropertiesOptions {
            blob_cache_control: own("cache-control"),
            blob_content_disposition: own("content-disposition"),
            blob_content_encoding: own("content-encoding"),
            blob_content_language: own("content-language"),
            blob_content_type: own("content-type"),
            blob_content_md5: Some(md5.to_vec()),
            if_match: if_match(condition).or_else(|| held.etag().map(|etag| AzureEtag::from(etag.0))),
            lease_id: condition.lease.clone(),
            ..Default::default()
        };
        let called = self
            .call(
                self.ask(DOING, &[Right::Write], Class::Small),
                job,
                |client| async move { Ok(client.set_properties(Some(options)).await?.deconstruct().1) },
            )
            .await;
        let text = base64::engine::general_purpose::STANDARD.encode(md5);
        self.etag_or_traces(DOING, called, |held| held.md5.as_ref() == Some(&text), job)
            .await
    }

    /// Deletes it. Nothing there is [`BlobErrorKind::Absent`].
    pub async fn delete(&self, condition: &Condition, job: &Job) -> Result<(), BlobError> {
        let options = BlobClientDeleteOptions {
            if_match: if_match(condition),
            lease_id: condition.lease.clone(),
            ..Default::default()
        };
        let ask = self.ask("delete", &[Right::Delete], Class::Small);
        let called = self
            .call(ask, job, |client| async move {
                client.delete(Some(options)).await?;
                Ok(())
            })
            .await;
        called.or_done(BlobErrorKind::Absent)
    }
}

fn bad_range(offset: u64, length: u64, most: u64) -> Option<String> {
    if !offset.is_multiple_of(PAGE) || !length.is_multiple_of(PAGE) {
        return Some(format!("{length} bytes at {offset} are no whole pages of {PAGE} bytes"));
    }
    if length == 0 {
        return Some("no pages are named".into());
    }
    (length > most).then(|| format!("{length} bytes are more than the {most} of one write"))
}
