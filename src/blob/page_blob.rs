//! One page blob, and all that can be done with it: each method is one request, tried again as the settings say.
//!
//! A try may take effect although its answer is lost, and the next one then meets its traces: the blob is there already, it has
//! another entity tag, its lease is gone. Where the traces can be told apart from somebody else's work they count as success.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;

use azure_core::http::headers::Headers;
use azure_core::http::{ClientOptions, Etag as AzureEtag, RetryOptions, Transport};
use azure_storage_blob::models::{
    BlobClientAbortCopyOptions, BlobClientAcquireLeaseOptions, BlobClientDeleteOptions, BlobClientDownloadOptions,
    BlobClientGetPropertiesOptions, BlobClientSetMetadataOptions, BlobClientSetPropertiesOptions,
    BlobClientStartCopyFromUrlOptions, HttpRange, PageBlobClientClearPagesOptions, PageBlobClientCreateOptions,
    PageBlobClientUploadPagesOptions,
};
use azure_storage_blob::{BlobClient, BlobClientOptions};
use base64::Engine as _;
use bytes::Bytes;

use super::carrier::{Ask, Carrier};
use super::metadata::{checked, same};
use super::properties::Told;
use super::{BlobError, BlobErrorKind, BlobProperties, Condition, Container, CopyState, Etag, Lease, Right, SasUrl};
use crate::oci::Job;
use crate::oci::registry::{Caller, Class};

/// Bytes of a page (REST reference, "Put Page").
pub const PAGE: u64 = 512;
/// At most this many bytes go in one write (REST reference, "Put Page"; the emulator takes more).
pub const WRITE_LIMIT: u64 = 4 * 1024 * 1024;
/// At most this many bytes are read at once: it all goes into memory.
pub const READ_LIMIT: u64 = 64 * 1024 * 1024;
/// The time that a lease lasts: the longest that ends by itself (REST reference, "Lease Blob").
pub const LEASE_SECONDS: i32 = 60;
/// Answers other than content are small.
pub(super) const SMALL: usize = 1024 * 1024;

/// One page blob.
#[derive(Clone)]
pub struct PageBlob {
    container: Container,
    name: Arc<str>,
}

/// What a call of the client came to.
pub(super) struct Called<T> {
    pub(super) result: Result<T, BlobError>,
    /// An earlier try may have taken effect.
    pub(super) unsure: bool,
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

    /// Takes a lease for 60 s under an id of our choice (a GUID). Taking it again under the same id prolongs it.
    pub async fn acquire_lease(&self, id: &str, job: &Job) -> Result<Lease, BlobError> {
        let options = BlobClientAcquireLeaseOptions {
            proposed_lease_id: Some(id.to_owned()),
            ..Default::default()
        };
        let ask = self.ask("take the lease of", &[Right::Write], Class::Small);
        let called = self
            .call(ask, job, |client| async move {
                client.acquire_lease(LEASE_SECONDS, Some(options)).await?;
                Ok(())
            })
            .await;
        called.result.map(|()| Lease { id: id.to_owned() })
    }

    /// Renews it. Works after its end too, as long as nobody wrote or leased since: which proves just that.
    pub async fn renew_lease(&self, lease: &Lease, job: &Job) -> Result<(), BlobError> {
        let id = lease.id.clone();
        let ask = self.ask("renew the lease of", &[Right::Write], Class::Small);
        let called = self
            .call(ask, job, |client| async move {
                client.renew_lease(id, None).await?;
                Ok(())
            })
            .await;
        called.result
    }

    /// Gives it up.
    pub async fn release_lease(&self, lease: &Lease, job: &Job) -> Result<(), BlobError> {
        let id = lease.id.clone();
        let ask = self.ask("give up the lease of", &[Right::Write], Class::Small);
        let called = self
            .call(ask, job, |client| async move {
                client.release_lease(id, None).await?;
                Ok(())
            })
            .await;
        called.or_done(BlobErrorKind::Leased)
    }

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

    /// Metadata for the client; `None` for none.
    fn metadata(
        &self,
        doing: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Option<HashMap<String, String>>, BlobError> {
        let checked = checked(metadata).map_err(|why| self.error(doing, BlobErrorKind::Refused, why))?;
        Ok(Some(checked).filter(|map| !map.is_empty()))
    }

    pub(super) fn ask(&self, operation: &'static str, needs: &'static [Right], class: Class) -> Ask {
        Ask {
            operation,
            target: self.label(),
            needs,
            class,
            limit: SMALL,
            exact: None,
            copy_source: None,
        }
    }

    pub(super) fn error(&self, operation: &str, kind: BlobErrorKind, detail: impl AsRef<str>) -> BlobError {
        BlobError::new(kind, operation, self.label(), detail)
    }

    /// One call of the client, with a carrier of its own. Ends when the job is cancelled.
    pub(super) async fn call<T, F>(&self, ask: Ask, job: &Job, ask_client: impl FnOnce(BlobClient) -> F) -> Called<T>
    where
        F: Future<Output = azure_core::Result<T>>,
    {
        let (operation, target) = (ask.operation, ask.target.clone());
        let wrong = |kind, detail: String| BlobError::new(kind, operation, &target, detail);
        let interrupted = || wrong(BlobErrorKind::Interrupted, "stopped".into());
        let failed = |error| Called {
            result: Err(error),
            unsure: false,
        };
        let place = tokio::select! {
            biased;
            () = job.cancel.cancelled() => return failed(interrupted()),
            access = self.container.access() => match access {
                Ok(access) => access.url.place,
                Err(error) => return failed(error),
            },
        };
        let carrier = Arc::new(Carrier::new(
            Arc::clone(self.container.containers().wire()),
            self.container.containers().gate(&place),
            Arc::clone(self.container.source()),
            Caller::from(job),
            ask,
        ));
        let mut url = place;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(&self.name);
        }
        let transport: Arc<dyn azure_core::http::HttpClient> = Arc::clone(&carrier) as _;
        let options = BlobClientOptions {
            client_options: ClientOptions {
                transport: Some(Transport::new(transport)),
                retry: RetryOptions::none(),
                ..Default::default()
            },
            ..Default::default()
        };
        let client = match BlobClient::new(url, None, Some(options)) {
            Ok(client) => client,
            Err(error) => return failed(wrong(BlobErrorKind::Refused, error.to_string())),
        };
        let result = tokio::select! {
            biased;
            () = job.cancel.cancelled() => Err(interrupted()),
            result = ask_client(client) => result.map_err(|error| {
                carrier.failure().unwrap_or_else(|| wrong(BlobErrorKind::Refused, format!("the answer makes no sense: {error}")))
            }),
        };
        Called {
            result,
            unsure: carrier.unsure(),
        }
    }

    fn etag(&self, doing: &str, called: Called<Headers>) -> Result<Etag, BlobError> {
        match called.result {
            Ok(headers) => Told(&headers)
                .etag()
                .ok_or_else(|| self.error(doing, BlobErrorKind::Refused, "the answer has no etag")),
            Err(error) if called.unsure && error.kind == BlobErrorKind::Changed => Err(perhaps_ours(error)),
            Err(error) => Err(error),
        }
    }

    /// The entity tag of the answer; or, where an earlier try may have taken effect, of what is there if it is ours.
    async fn etag_or_traces(
        &self,
        doing: &str,
        called: Called<Headers>,
        ours: impl Fn(&BlobProperties) -> bool,
        job: &Job,
    ) -> Result<Etag, BlobError> {
        if called.unsure
            && matches!(&called.result, Err(error) if error.kind == BlobErrorKind::Changed)
            && let Some(held) = self.properties(job).await?
            && ours(&held)
        {
            return Ok(held.etag);
        }
        self.etag(doing, called)
    }
}

impl Called<()> {
    /// Success also where an earlier try may have done it, and this is how that shows.
    fn or_done(self, trace: BlobErrorKind) -> Result<(), BlobError> {
        match self.result {
            Err(error) if self.unsure && error.kind == trace => Ok(()),
            result => result,
        }
    }
}

fn perhaps_ours(mut error: BlobError) -> BlobError {
    error.detail = format!("{}, perhaps by a try of this run whose answer was lost", error.detail);
    error
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

pub(super) fn if_match(condition: &Condition) -> Option<AzureEtag> {
    condition.if_match.as_ref().map(|etag| AzureEtag::from(etag.0.as_str()))
}

fn if_none_match(condition: &Condition) -> Option<AzureEtag> {
    condition.if_absent.then(|| AzureEtag::from("*"))
}
