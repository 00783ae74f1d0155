//! From a URL to a page blob: by the service itself, or through this machine.
//!
//! Either way the source is looked at first, and nothing moves that is no disk image. A copy by the service outlives this process: an intent is
//! written before it is asked for, and the blob carries the copy's key from its first moment, so that whoever comes next
//! (this machine or another) waits for it instead of asking again. What a copy holds is judged by its source, see [`CopyKey`]; its
//! content digest is known only where the source's metadata says it, or where somebody read all of it.

mod by_service;
mod compare;
mod end;
mod held;
mod intent;
mod key;
mod origin;
mod remember;
mod stop;
mod stream;
mod stream_notes;
#[cfg(test)]
mod tests;

use camino::Utf8PathBuf;

use super::Verify;
use super::local_lock::LocalLock;
use crate::blob::{Condition, Etag, PageBlob, Remote};
use crate::fault::{Fault, Faults, Kind};
use crate::oci::Job;
pub use held::{CopyHeld, CopyReceipt, look_copy};
use intent::{Intent, IntentFile};
pub use key::CopyKey;
pub use origin::Origin;
pub use remember::copy_receipt;
use remember::keep_receipt;

/// How to copy.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// Through this machine, instead of by the service.
    pub stream: bool,
    /// Requests at a time, when streaming or reading back.
    pub parallel: usize,
    /// How to prove it at the end.
    pub verify: Verify,
    /// What may be replaced: exactly the blob of this tag.
    pub replace: Option<Etag>,
    /// Where intents and checkpoints are kept.
    pub state: Utf8PathBuf,
}

/// What a copy did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// What is there now.
    pub receipt: CopyReceipt,
    /// How it got there.
    pub way: Way,
    /// Bytes that went through this machine to the target.
    pub sent: u64,
    /// Bytes of data that an earlier run had sent.
    pub resumed: u64,
}

/// How a copy got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It was there already.
    There,
    /// The service copied it.
    ByService,
    /// The service was at it already: an earlier run, or another machine, had asked for it.
    Joined,
    /// Through this machine.
    Streamed,
}

/// One copy, with all that its parts need.
struct Copying<'a> {
    source: &'a Remote,
    blob: &'a PageBlob,
    origin: Origin,
    options: &'a CopyOptions,
    intents: IntentFile,
    job: &'a Job,
}

/// Copies, and waits for the end.
pub async fn copy(source: &Remote, blob: &PageBlob, options: &CopyOptions, job: &Job) -> Result<Copied, Faults> {
    let intents = IntentFile::new(&options.state, &blob.label());
    let _lock = LocalLock::take(&intents.lock(), &blob.label())?;
    let earlier = intents.load();
    let origin = match Origin::look(source, job).await {
        Ok(origin) => origin,
        Err(faults) => under_way(source, blob, earlier.as_ref(), faults, job).await?,
    };
    let copying = Copying {
        source,
        blob,
        origin,
        options,
        intents,
        job,
    };
    let copied = copying.run(earlier).await?;
    keep_receipt(&options.state, &blob.label(), &copied.receipt);
    Ok(copied)
}

/// A source that cannot be looked at any more (its signature expired, say) does not matter to a copy that began before.
async fn under_way(
    source: &Remote,
    blob: &PageBlob,
    earlier: Option<&Intent>,
    faults: Faults,
    job: &Job,
) -> Result<Origin, Faults> {
    let passing = faults.worst() == Some(Kind::Infrastructure);
    let Some(intent) = earlier.filter(|intent| passing && intent.origin.source == source.url().place.as_str()) else {
        return Err(faults);
    };
    match look_copy(&intent.origin, blob, None, job).await {
        Ok(CopyHeld::Same(_) | CopyHeld::Copying { wanted: true, .. }) => {
            for fault in &faults {
                let note = Fault::warning(format!("the source is not to be had any more: {}", fault.message()));
                job.events.emit(crate::event::Event::Fault(
                    note.hint("the copy of it had begun before and goes on"),
                ));
            }
            Ok(intent.origin.clone())
        }
        _ => Err(faults),
    }
}

impl Copying<'_> {
    async fn run(&self, earlier: Option<Intent>) -> Result<Copied, Fault> {
        let receipt = copy_receipt(&self.options.state, &self.blob.label());
        match look_copy(&self.origin, self.blob, receipt.as_ref(), self.job).await? {
            CopyHeld::Same(receipt) => self.there(receipt).await,
            CopyHeld::Copying { id, wanted, source } => {
                let known = earlier.as_ref().and_then(|intent| intent.copy_id.as_deref());
                let of_ours = known == Some(id.as_str());
                if wanted || of_ours && earlier.is_some_and(|intent| intent.origin == self.origin) {
                    return self.wait(&id, Way::Joined).await;
                }
                if of_ours {
                    // Of an earlier state of the source: nobody wants it any more.
                    self.blob.abort_copy(&id, self.job).await?;
                    let left = self.blob.properties(self.job).await?;
                    let condition = left.map_or_else(absent, |left| matching(&left.etag));
                    return self.begin(&condition).await;
                }
                let from = source.map_or_else(String::new, |source| format!(" from {source}"));
                Err(self
                    .fault(
                        Kind::StepsFailed,
                        &format!("another copy into it is under way{from} (copy {id})"),
                    )
                    .hint("wait for its end, or stop it with az storage blob copy cancel, then run this again"))
            }
            CopyHeld::Absent => self.begin(&absent()).await,
            CopyHeld::Partial { etag } => self.begin(&matching(&etag)).await,
            CopyHeld::Unknown { etag, why } if self.options.verify == Verify::Full => self.adopt(&etag, &why).await,
            CopyHeld::Unknown { etag, why } => {
                let hint = "--verify full compares it with the source, --replace overwrites it";
                self.replace(&etag, &why, hint).await
            }
            CopyHeld::Other { etag, why } => self.replace(&etag, &why, "--replace overwrites it").await,
            CopyHeld::OtherType { kind, etag } => {
                let why = format!("it is a {kind}, and disk images are page blobs");
                self.replace(&etag, &why, "--replace puts a page blob in its place")
                    .await
            }
        }
    }

    async fn replace(&self, etag: &Etag, why: &str, hint: &str) -> Result<Copied, Fault> {
        match &self.options.replace {
            Some(allowed) if allowed == etag => self.begin(&matching(etag)).await,
            Some(_) => Err(self
                .fault(Kind::StepsFailed, "somebody wrote to it since it was looked at")
                .hint("look at it again, then run this again")),
            None => Err(self
                .fault(Kind::Invalid, &format!("something else is there: {why}"))
                .hint(hint)),
        }
    }

    async fn begin(&self, condition: &Condition) -> Result<Copied, Fault> {
        if self.options.stream {
            self.stream(condition).await
        } else {
            self.by_service(condition).await
        }
    }

    /// A failure of this copy.
    fn fault(&self, kind: Kind, what: &str) -> Fault {
        Fault::new(kind, format!("copy to {}: {what}", self.blob.label()))
    }
}

fn absent() -> Condition {
    Condition {
        if_absent: true,
        ..Condition::default()
    }
}

fn matching(etag: &Etag) -> Condition {
    Condition {
        if_match: Some(etag.clone()),
        ..Condition::default()
    }
}
