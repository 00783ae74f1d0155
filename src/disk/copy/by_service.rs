//! The service copies: asked for once, then awaited.

use std::collections::BTreeMap;
use std::time::Duration;

use super::intent::Intent;
use super::key::COPY;
use super::{Copied, Copying, Way};
use crate::blob::{BlobError, BlobErrorKind, BlobProperties, Condition, CopyState, CopyStatus};
use crate::event::Event;
use crate::fault::{Fault, Kind};

/// How long to wait before asking how far it is: half as long again each time, so that a copy of seconds is not waited for in
/// vain and one of hours is not asked about for ever.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

impl Copying<'_> {
    /// Asks for the copy, and waits for its end.
    pub(super) async fn by_service(&self, condition: &Condition) -> Result<Copied, Fault> {
        self.copiable()?;
        let mut intent = Intent::new(self.blob.label(), self.origin.clone());
        self.intents.save(&intent).await?;
        let metadata = BTreeMap::from([(COPY.to_owned(), self.origin.key().to_string())]);
        let source_etag = self.origin.etag.as_ref();
        let started = self
            .blob
            .start_copy(self.source.url(), source_etag, &metadata, condition, self.job)
            .await;
        let (state, way) = match started {
            Ok(state) => (state, Way::ByService),
            // An answer may have been lost on its way, and the second try met the first.
            Err(error) => (self.begun_after_all(error).await?, Way::ByService),
        };
        intent.copy_id = Some(state.id.clone());
        self.intents.save(&intent).await?;
        if state.status == CopyStatus::Success {
            return self.arrived(way).await;
        }
        self.wait(&state.id, way).await
    }

    /// Only page blobs stay page blobs: a copy has the type of its source (Copy Blob, "Remarks").
    fn copiable(&self) -> Result<(), Fault> {
        if self.origin.page_blob {
            return Ok(());
        }
        let what = match self.origin.kind.as_str() {
            "no blob" => "the source is no blob of a storage account, and the service copies only those".to_owned(),
            kind => format!(
                "the source is a {kind}: a copy by the service would be one, too, and disk images are page blobs"
            ),
        };
        Err(self
            .fault(Kind::Invalid, &what)
            .hint("--stream moves it through this machine and writes pages"))
    }

    async fn begun_after_all(&self, error: BlobError) -> Result<CopyState, Fault> {
        if error.kind == BlobErrorKind::Interrupted {
            // Whether it began is not known: the intent stays, and the next run looks.
            return Err(error.into());
        }
        let unclear = matches!(
            error.kind,
            BlobErrorKind::Unreachable | BlobErrorKind::Changed | BlobErrorKind::Refused | BlobErrorKind::Leased
        );
        if unclear && let Ok(Some(there)) = self.blob.properties(self.job).await {
            let ours = super::held::key_of(&there) == Some(self.origin.key());
            if let Some(copy) = there.copy.filter(|_| ours) {
                return Ok(copy);
            }
        }
        if error.kind != BlobErrorKind::Unreachable {
            self.intents.remove();
        }
        Err(self.refused(error))
    }

    /// Why the service does not copy, and what can be done instead.
    fn refused(&self, error: BlobError) -> Fault {
        let source = self.source.label();
        match error.kind {
            BlobErrorKind::Source if error.detail.contains("SourceConditionNotMet") => self
                .fault(
                    Kind::StepsFailed,
                    &format!("somebody wrote to the source {source} since it was looked at"),
                )
                .hint("run this again when nobody writes there any more"),
            BlobErrorKind::Source => self
                .fault(
                    Kind::Infrastructure,
                    &format!("the service cannot read the source {source}: {}", error.detail),
                )
                .because(
                    "this machine can: so a firewall of the source's account, or another cloud, is between the two",
                )
                .hint("--stream moves it through this machine"),
            _ => error.into(),
        }
    }

    /// Waits for a copy that was asked for.
    pub(super) async fn wait(&self, id: &str, way: Way) -> Result<Copied, Fault> {
        self.job.events.emit(Event::StepTotal {
            step: self.job.step.clone(),
            bytes: self.origin.length,
        });
        let mut told = 0;
        let mut pause = FIRST_WAIT;
        loop {
            let there = match self.blob.properties(self.job).await {
                Err(error) if error.kind == BlobErrorKind::Interrupted => return Err(self.stopped(id).await),
                other => other?,
            };
            match self.progress(id, there)? {
                Some(state) => self.tell(&state, &mut told),
                None => return self.arrived(way).await,
            }
            tokio::select! {
                () = self.job.cancel.cancelled() => return Err(self.stopped(id).await),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 3 / 2).min(LONGEST_WAIT);
        }
    }

    /// The copy, while it is under way; `None`: it has succeeded.
    fn progress(&self, id: &str, there: Option<BlobProperties>) -> Result<Option<CopyState>, Fault> {
        let Some(there) = there else {
            self.intents.remove();
            return Err(self
                .fault(Kind::StepsFailed, "somebody deleted it while it was copied")
                .hint("run this again"));
        };
        let Some(state) = there.copy.filter(|copy| copy.id == id) else {
            self.intents.remove();
            return Err(self
                .fault(Kind::StepsFailed, "somebody wrote to it while it was copied")
                .hint("find out who, then run this again"));
        };
        let reason = state.reason.as_deref().unwrap_or("the service gives no reason");
        let what = match state.status {
            CopyStatus::Pending => return Ok(Some(state)),
            CopyStatus::Success => return Ok(None),
            CopyStatus::Failed => format!("the service could not copy it: {reason}"),
            CopyStatus::Aborted => "somebody stopped the copy".to_owned(),
        };
        // What is left is an empty blob with our key, which the next run may replace.
        self.intents.remove();
        Err(self
            .fault(Kind::StepsFailed, &what)
            .hint("run this again; if the service cannot, --stream moves it through this machine"))
    }

    fn tell(&self, state: &CopyState, told: &mut u64) {
        let Some((done, _)) = state.progress else { return };
        if done > *told {
            self.job.events.emit(Event::StepProgress {
                step: self.job.step.clone(),
                moved: done - *told,
            });
            *told = done;
        }
    }
}
