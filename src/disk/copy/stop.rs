//! Ctrl-C while the service copies: the copy is stopped and what is left of it removed; what cannot be is told, with the command
//! that does it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Copying, matching};
use crate::blob::{BlobErrorKind, CopyStatus};
use crate::fault::{Fault, Kind};
use crate::oci::Job;

/// Nobody who pressed Ctrl-C waits longer.
const PATIENCE: Duration = Duration::from_secs(20);

impl Copying<'_> {
    /// Stops the copy. What became of it, as the error of a run that was stopped.
    pub(super) async fn stopped(&self, id: &str) -> Fault {
        // The job's own token has fired: these requests come after it.
        let job = Job {
            cancel: CancellationToken::new(),
            ..self.job.clone()
        };
        let became = tokio::time::timeout(PATIENCE, self.clean_up(id, &job)).await;
        let (what, hint) = became.unwrap_or_else(|_| {
            (
                format!(
                    "the service did not answer in {} s, the copy goes on without us",
                    PATIENCE.as_secs()
                ),
                "run this again to wait for its end".to_owned(),
            )
        });
        self.fault(Kind::Interrupted, &format!("stopped; {what}")).hint(hint)
    }

    async fn clean_up(&self, id: &str, job: &Job) -> (String, String) {
        let cancel = format!("copy cancel --copy-id {id}");
        let aborted = self.blob.abort_copy(id, job).await;
        let there = match self.blob.properties(job).await {
            Ok(Some(there)) => there,
            Ok(None) => {
                self.intents.remove();
                return (
                    "nothing is left of it".to_owned(),
                    "run this again to copy it".to_owned(),
                );
            }
            Err(error) => {
                return (
                    format!("what became of the copy is not known: {}", error.detail),
                    "run this again: it finds the copy, or begins anew".to_owned(),
                );
            }
        };
        let status = there
            .copy
            .as_ref()
            .filter(|copy| copy.id == id)
            .map(|copy| &copy.status);
        match (status, aborted) {
            (Some(CopyStatus::Success), _) => {
                return (
                    "the copy had just ended and stays".to_owned(),
                    "run this again: it only has to be verified".to_owned(),
                );
            }
            (Some(CopyStatus::Pending), Err(error)) => {
                return (
                    format!("the copy could not be stopped and goes on: {}", error.detail),
                    format!(
                        "run this again to wait for it, or stop it: {}",
                        self.command(&cancel).await
                    ),
                );
            }
            _ => self.intents.remove(),
        }
        match self.blob.delete(&matching(&there.etag), job).await {
            Ok(()) => (
                "the copy was stopped and removed".to_owned(),
                "run this again to begin anew".to_owned(),
            ),
            Err(error) if error.kind == BlobErrorKind::Absent => (
                "the copy was stopped and is gone".to_owned(),
                "run this again to begin anew".to_owned(),
            ),
            Err(error) => (
                format!("the copy was stopped, an empty blob is left: {}", error.detail),
                format!(
                    "run this again to begin anew, or remove it: {}",
                    self.command("delete").await
                ),
            ),
        }
    }

    /// A command of the Azure CLI about the blob.
    async fn command(&self, what: &str) -> String {
        let place = self.blob.container().access().await.map(|access| access.url.place);
        let url = place.ok().and_then(|mut url| {
            url.path_segments_mut().ok()?.push(self.blob.name());
            Some(url)
        });
        let url = url.map_or_else(|| self.blob.label(), |url| url.to_string());
        format!("az storage blob {what} --auth-mode login --blob-url '{url}'")
    }
}
