//! One call of the official client: with a carrier of its own, ended when the job is cancelled, its failure told in our words.
//!
//! A try may take effect although its answer is lost, and the next one then meets its traces: the blob is there already, it has
//! another entity tag, its lease is gone. Where the traces can be told apart from somebody else's work they count as success.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;

use azure_core::http::headers::Headers;
use azure_core::http::{ClientOptions, Etag as AzureEtag, RetryOptions, Transport};
use azure_storage_blob::{BlobClient, BlobClientOptions};

use super::carrier::{Ask, Carrier};
use super::metadata::checked;
use super::properties::Told;
use super::{BlobError, BlobErrorKind, BlobProperties, Condition, Etag, PageBlob, Right};
use crate::oci::Job;
use crate::oci::registry::{Caller, Class};

/// Answers other than content are small.
const SMALL: usize = 1024 * 1024;

/// What a call of the client came to.
pub(super) struct Called<T> {
    pub(super) result: Result<T, BlobError>,
    /// An earlier try may have taken effect.
    pub(super) unsure: bool,
}

impl PageBlob {
    /// Metadata for the client; `None` for none.
    pub(super) fn metadata(
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
            segments.push(self.name());
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

    pub(super) fn etag(&self, doing: &str, called: Called<Headers>) -> Result<Etag, BlobError> {
        match called.result {
            Ok(headers) => Told(&headers)
                .etag()
                .ok_or_else(|| self.error(doing, BlobErrorKind::Refused, "the answer has no etag")),
            Err(error) if called.unsure && error.kind == BlobErrorKind::Changed => Err(perhaps_ours(error)),
            Err(error) => Err(error),
        }
    }

    /// The entity tag of the answer; or, where an earlier try may have taken effect, of what is there if it is ours.
    pub(super) async fn etag_or_traces(
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
    pub(super) fn or_done(self, trace: BlobErrorKind) -> Result<(), BlobError> {
        match self.result {
            Err(error) if self.unsure && error.kind == trace => Ok(()),
            result => result,
        }
    }
}

pub(super) fn perhaps_ours(mut error: BlobError) -> BlobError {
    error.detail = format!("{}, perhaps by a try of this run whose answer was lost", error.detail);
    error
}

pub(super) fn if_match(condition: &Condition) -> Option<AzureEtag> {
    condition.if_match.as_ref().map(|etag| AzureEtag::from(etag.0.as_str()))
}

pub(super) fn if_none_match(condition: &Condition) -> Option<AzureEtag> {
    condition.if_absent.then(|| AzureEtag::from("*"))
}
