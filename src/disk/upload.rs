//! From a file to a page blob: only what is not zero, in parallel, resumable, proven at the end.
//!
//! The order, and what a kill leaves at each point:
//! 1. the checkpoint is written: an upload id and a lease id that nobody has seen yet;
//! 2. the blob is created, all zeros, marked with the upload id (the service cannot lease a blob that is not there);
//! 3. the lease is taken, and the blob looked at once more under it: from here on nobody else can write;
//! 4. data goes out, in any order, under the lease. A kill here: the next run renews the lease, which proves that nobody wrote
//!    since, asks which pages are there and sends the others. Where there is no such proof (the checkpoint is lost, another
//!    machine takes over, the lease was broken) pages that should be zero are cleared, and what is there is read back
//!    and compared with the file: reading costs the wide side of most lines, and what is right need not be sent again;
//! 5. type, size and pages are verified, and on demand all content;
//! 6. one request takes the mark away and claims the digest. The receipt exists only after that.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::begin::{Begun, Ours, Start};
use super::checkpoint::CheckpointFile;
use super::failure::Failure;
use super::keeper::Keeper;
use super::lease::HeldLease;
use super::local_lock::LocalLock;
use super::marks::{self, Marks};
use super::md5::RunningMd5;
use super::pieces::{self, Left};
use super::send::Sender;
use super::source::Source;
use super::standing::since;
use super::{Receipt, Verify, verify};
use crate::blob::{BlobProperties, Etag, PageBlob};
use crate::fault::{Fault, Kind, Place};
use crate::oci::Job;
use crate::vhd::Scanned;

/// The largest page blob ("Scalability and performance targets for Blob storage").
pub const LARGEST: u64 = 8 << 40;

/// How long a run that ends before its time may take to give up its lease.
const CLOSING: Duration = Duration::from_secs(10);

/// How to upload.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// Requests at a time.
    pub parallel: usize,
    /// Set the MD5 property as well: 2 CPU seconds a GiB.
    pub md5: bool,
    /// How to prove it at the end.
    pub verify: Verify,
    /// What may be replaced: exactly the blob of this tag; `None`: nothing but an unfinished upload of the same content, or of
    /// this machine.
    pub replace: Option<Etag>,
    /// Where checkpoints are kept.
    pub state: Utf8PathBuf,
}

/// What an upload did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// What is there now.
    pub receipt: Receipt,
    /// Bytes sent by this run.
    pub sent: u64,
    /// Bytes of data that were there already: sent by an earlier run.
    pub resumed: u64,
    /// Bytes that are zero and were not sent.
    pub zero: u64,
}

/// Uploads a file that was scanned. Stopped or failed, it leaves a blob that claims nothing, no lease, and a checkpoint from which
/// the next call goes on.
pub async fn upload(
    blob: &PageBlob,
    file: &Utf8Path,
    scanned: &Scanned,
    options: &UploadOptions,
    job: &Job,
) -> Result<Uploaded, Fault> {
    fits(file, scanned)?;
    let source = Source::open(file, scanned)?;
    let checkpoints = CheckpointFile::new(&options.state, &blob.label());
    let _lock = LocalLock::take(&checkpoints.path().with_extension("lock"), &blob.label())?;
    let start = Start {
        blob,
        scanned,
        replace: options.replace.as_ref(),
        checkpoints: &checkpoints,
        job,
    };
    let ours = match start.begin().await {
        Ok(Begun::Held(ours)) => *ours,
        Ok(Begun::There(receipt)) => return Ok(summary(receipt, scanned, 0, 0)),
        Err(failure) => return Err(told(blob, failure, None, job).await),
    };
    let running = Running {
        blob,
        source: &source,
        scanned,
        options,
        job,
    };
    running.run(ours, &checkpoints).await
}

/// An upload whose blob is ours to write.
struct Running<'a> {
    blob: &'a PageBlob,
    source: &'a Source,
    scanned: &'a Scanned,
    options: &'a UploadOptions,
    job: &'a Job,
}

impl Running<'_> {
    async fn run(&self, ours: Ours, checkpoints: &CheckpointFile) -> Result<Uploaded, Fault> {
        let Ours {
            lease,
            checkpoint,
            present,
            trusted,
        } = ours;
        let data = &self.scanned.data;
        let left = pieces::left(data, &present, &trusted);
        // Requests have a cancellation of their own: what is on its way when the user stops the run may arrive.
        let mut inner = self.job.clone();
        inner.cancel = CancellationToken::new();
        let sender = Sender {
            blob: self.blob,
            source: self.source,
            lease: &lease,
            job: &inner,
            stop: &self.job.cancel,
            slice: pieces::slice(self.scanned.data_bytes(), self.options.parallel, checkpoint.cut_off),
            parallel: self.options.parallel,
            sent: AtomicU64::new(0),
            there: AtomicU64::new(0),
        };
        sender.found(left.there);
        let mut keeper = Keeper::new(checkpoints, data, left.done.clone(), checkpoint);
        let mut drained = true;
        let ended = self.transfer(&sender, left, &mut keeper, &mut drained).await;
        let (sent, there) = (sender.sent.into_inner(), sender.there.into_inner());
        match ended {
            Ok(receipt) => {
                keeper.forget();
                lease.release(self.job).await;
                Ok(summary(receipt, self.scanned, sent, there))
            }
            Err(failure) => {
                if matches!(&failure, Failure::Here(fault) if fault.kind() == Kind::StepsFailed) {
                    // Something is wrong that should not be: the next run compares everything.
                    keeper.distrust();
                }
                self.close(lease, &mut keeper, drained).await;
                let progress = Some((sent + there, self.scanned.data_bytes()));
                Err(told(self.blob, failure, progress, self.job).await)
            }
        }
    }

    /// Sends what is left and proves that all is there.
    async fn transfer(
        &self,
        sender: &Sender<'_>,
        left: Left,
        keeper: &mut Keeper<'_>,
        drained: &mut bool,
    ) -> Result<Receipt, Failure> {
        let md5 = self.options.md5.then(|| RunningMd5::start(self.source, self.scanned));
        sender.clear(&left.clear).await?;
        let sending = sender.send(left.pieces, keeper).await;
        *drained = sending.drained;
        if let Some(failure) = sending.failure {
            return Err(failure);
        }
        tokio::select! {
            finished = self.finish(sender.lease, md5) => finished,
            lost = sender.lease.lost() => Err(lost.into()),
        }
    }

    /// Proves what is there, then claims the digest.
    async fn finish(&self, lease: &HeldLease, md5: Option<RunningMd5>) -> Result<Receipt, Failure> {
        self.source.unchanged()?;
        let condition = lease.condition();
        if let Some(md5) = md5 {
            self.blob.set_md5(md5.finish().await?, &condition, self.job).await?;
        }
        let before = self.properties().await?;
        verify::prove(
            self.blob,
            &before,
            (self.source, self.scanned),
            self.options.verify,
            self.options.parallel,
            self.job,
        )
        .await?;
        // The last look at the file, after the last byte of it was read.
        self.source.unchanged()?;
        let digest = &self.scanned.digest;
        let metadata = marks::finished(&before.metadata, digest);
        self.blob.set_metadata(&metadata, &condition, self.job).await?;
        let after = self.properties().await?;
        let marks = Marks::of(&after.metadata);
        if marks.digest.as_ref() != Some(digest) || marks.unfinished || after.length != self.scanned.length {
            return Err(verify::wrong(self.blob, "its metadata is not what was just written").into());
        }
        Ok(Receipt {
            etag: after.etag,
            digest: digest.clone(),
            length: after.length,
        })
    }

    async fn properties(&self) -> Result<BlobProperties, Failure> {
        let found = self.blob.properties(self.job).await?;
        found.ok_or_else(|| verify::wrong(self.blob, "it is gone").into())
    }

    /// The end of a run that did not come to its end: the checkpoint, then the lease is given up.
    async fn close(&self, lease: HeldLease, keeper: &mut Keeper<'_>, drained: bool) {
        let mut last = self.job.clone();
        last.cancel = CancellationToken::new();
        let closing = async {
            let mark = keeper.checkpoint.mark();
            let now = self.blob.properties(&last).await.ok().flatten();
            let now = now.filter(|now| drained && Marks::of(&now.metadata).upload.as_ref() == Some(&mark));
            keeper.checkpoint.etag = now.map(|now| now.etag);
            keeper.checkpoint.closed = drained;
            // What failed first is what is told; without this word the next run compares a little more.
            let _ = keeper.save().await;
            lease.release(&last).await;
        };
        if tokio::time::timeout(CLOSING, closing).await.is_err() {
            keeper.checkpoint.closed = drained;
            let _ = keeper.save().await;
        }
    }
}

fn summary(receipt: Receipt, scanned: &Scanned, sent: u64, resumed: u64) -> Uploaded {
    Uploaded {
        receipt,
        sent,
        resumed,
        zero: scanned.length.saturating_sub(scanned.data_bytes()),
    }
}

/// Can a page blob hold it at all?
fn fits(file: &Utf8Path, scanned: &Scanned) -> Result<(), Fault> {
    let wrong = if scanned.length == 0 {
        "it is empty".to_owned()
    } else if !scanned.length.is_multiple_of(512) {
        format!("{} bytes are no multiple of 512", scanned.length)
    } else if scanned.length > LARGEST {
        format!(
            "{} bytes are more than the {LARGEST} of the largest page blob",
            scanned.length
        )
    } else if scanned.data.last().map(|run| run.end) != Some(scanned.length) {
        return Err(Fault::bug(format!("{file}: its scan does not reach its end")));
    } else {
        return Ok(());
    };
    Err(Fault::invalid(format!("{file}: {wrong}"))
        .at(Place::file_only(file))
        .hint("`aosm-build vhd check` says what is wrong with a disk image and how to repair it"))
}

/// A failure in words: who else writes, and how far it got.
async fn told(blob: &PageBlob, failure: Failure, progress: Option<(u64, u64)>, job: &Job) -> Fault {
    let label = blob.label();
    let reached = progress.map(|(there, all)| format!("{there} of {all} bytes of data are there"));
    if failure.is_interrupted() {
        let fault = Fault::new(Kind::Interrupted, format!("upload to {label}: stopped"));
        return match reached {
            Some(reached) => fault.because(reached).hint("the next run goes on from there"),
            None => fault.hint("nothing was sent"),
        };
    }
    if !failure.is_somebody_else() {
        let fault = Fault::from(failure);
        return match reached {
            Some(reached) => fault.because(format!("{reached}: the next run goes on from there")),
            None => fault,
        };
    }
    let mut last = job.clone();
    last.cancel = CancellationToken::new();
    let now = tokio::time::timeout(CLOSING, blob.properties(&last)).await;
    let seen = match now {
        Ok(Ok(Some(now))) => who(&now),
        Ok(Ok(None)) => "it is gone: somebody deleted it".to_owned(),
        Ok(Err(_)) | Err(_) => String::new(),
    };
    let fault = Fault::new(Kind::StepsFailed, format!("{label}: somebody else is writing it"));
    let fault = if seen.is_empty() { fault } else { fault.because(seen) };
    let cause = Fault::from(failure);
    fault.because(cause.message()).hint(
        "wait until they are done, then run the command again; after a run that died its lease ends by itself within a minute",
    )
}

/// What can be seen of somebody else's doing.
fn who(now: &BlobProperties) -> String {
    let leased = if now.leased {
        "somebody holds its lease"
    } else {
        "nobody holds its lease"
    };
    match Marks::of(&now.metadata).upload {
        Some(mark) => format!(
            "an upload of content {}{} has not ended; {leased}",
            mark.digest.0.short(),
            since(&mark.id)
        ),
        None => leased.to_owned(),
    }
}

#[cfg(test)]
#[path = "upload_tests.rs"]
mod tests;
