//! The beginning of an upload: a blob that is ours to write, under a lease, and what it holds by then.

use std::ops::Range;

use super::Receipt;
use super::checkpoint::{Checkpoint, CheckpointFile};
use super::failure::Failure;
use super::lease::{self, HeldLease};
use super::marks::{self, Marks, UploadId, UploadMark};
use super::pieces::still_there;
use super::ranges::{common, normal};
use super::standing::{Standing, standing};
use crate::blob::{BlobProperties, Condition, Etag, PageBlob};
use crate::fault::{Fault, Kind};
use crate::oci::Job;
use crate::vhd::Scanned;

/// What an upload begins with.
pub struct Start<'a> {
    /// Where to.
    pub blob: &'a PageBlob,
    /// What.
    pub scanned: &'a Scanned,
    /// The blob that may be replaced.
    pub replace: Option<&'a Etag>,
    /// Where the checkpoint is.
    pub checkpoints: &'a CheckpointFile,
    /// Whose requests.
    pub job: &'a Job,
}

/// How it began.
pub enum Begun {
    /// Nothing is to be done: somebody brought the upload to its end meanwhile.
    There(Receipt),
    /// The blob is there and nobody else can write it.
    Held(Box<Ours>),
}

/// A blob that is ours to write.
pub struct Ours {
    /// The lease.
    pub lease: HeldLease,
    /// The checkpoint, written down.
    pub checkpoint: Checkpoint,
    /// The pages it holds.
    pub present: Vec<Range<u64>>,
    /// Those of them that nobody but this upload wrote.
    pub trusted: Vec<Range<u64>>,
}

/// The same without the lease.
struct Taken {
    checkpoint: Checkpoint,
    present: Vec<Range<u64>>,
    trusted: Vec<Range<u64>>,
}

impl Start<'_> {
    /// Looks, creates or takes over, leases.
    pub async fn begin(&self) -> Result<Begun, Failure> {
        let earlier = self.checkpoints.load();
        let Some(found) = self.blob.properties(self.job).await? else {
            return self.create(Condition::absent(), None).await;
        };
        if self.replace == Some(&found.etag) {
            return self.create_over(&found, earlier).await;
        }
        let scanned = self.scanned;
        let own = earlier.as_ref().map(|checkpoint| &checkpoint.upload);
        let refused = match standing(&found, &scanned.digest, scanned.length, own) {
            Standing::Claimed => {
                return Ok(Begun::There(Receipt {
                    etag: found.etag,
                    digest: scanned.digest.clone(),
                    length: scanned.length,
                }));
            }
            Standing::Partial(mark) => return self.resume(mark, earlier).await,
            Standing::Abandoned(_) => return self.create_over(&found, earlier).await,
            Standing::OtherType(kind) => format!("a {kind} is there, not a page blob"),
            Standing::Copying(_) => "a copy by the service is under way".to_owned(),
            Standing::Other(_, why) => format!("something else is there: {why}"),
            Standing::Unmarked if self.replace.is_some() => "it changed since it was looked at".to_owned(),
            Standing::Unmarked => "a blob of the same size is there that says nothing of its content".to_owned(),
        };
        Err(Fault::invalid(format!("{}: {refused}", self.blob.label()))
            .hint("nothing was sent; look at it with `aosm-build vhd show`, and replace it with --replace")
            .into())
    }

    /// Over a blob that may be replaced. Where an earlier run of this machine still holds its lease, under that.
    async fn create_over(&self, found: &BlobProperties, earlier: Option<Checkpoint>) -> Result<Begun, Failure> {
        let held = match earlier {
            Some(earlier) if found.leased => self.renew_any(&earlier).await?.map(|(lease, _)| lease),
            _ => None,
        };
        let condition = Condition {
            if_match: Some(found.etag.clone()),
            lease: held.as_ref().map(|lease| lease.id().to_owned()),
            ..Condition::default()
        };
        self.create(condition, held).await
    }

    async fn create(&self, condition: Condition, held: Option<HeldLease>) -> Result<Begun, Failure> {
        let mut checkpoint = Checkpoint::new(self.blob.label(), self.scanned, UploadId::new());
        checkpoint.next_lease = Some(held.as_ref().map_or_else(lease::new_id, |lease| lease.id().to_owned()));
        self.checkpoints.save(&checkpoint).await?;
        let metadata = marks::begun(&checkpoint.mark());
        let created = self
            .blob
            .create(self.scanned.length, &metadata, &condition, self.job)
            .await?;
        let lease = match held {
            Some(lease) => lease,
            None => self.acquire(&checkpoint).await?,
        };
        let taken = self.take_over(checkpoint, false, Some(&created), &lease).await;
        self.ours(taken, lease).await
    }

    /// Goes on with an upload of the same content: one of this machine, or one that another left behind.
    async fn resume(&self, mark: UploadMark, earlier: Option<Checkpoint>) -> Result<Begun, Failure> {
        let own = earlier.filter(|checkpoint| checkpoint.upload == mark.id && checkpoint.digest == mark.digest);
        let own = own.map(|checkpoint| checkpoint.read_from(self.scanned));
        let mut checkpoint = own.unwrap_or_else(|| {
            let mut taken = Checkpoint::new(self.blob.label(), self.scanned, mark.id.clone());
            // How runs elsewhere ended is their affair.
            taken.closed = true;
            taken
        });
        let (lease, proven) = if let Some(renewed) = self.renew_any(&checkpoint).await? {
            renewed
        } else {
            // Written down first: if this run dies right after it took the lease, the next one gets in by it.
            checkpoint.next_lease = Some(lease::new_id());
            self.checkpoints.save(&checkpoint).await?;
            (self.acquire(&checkpoint).await?, false)
        };
        if !checkpoint.closed {
            checkpoint.cut_off = checkpoint.cut_off.saturating_add(1);
        }
        let taken = self.take_over(checkpoint, proven, None, &lease).await;
        self.ours(taken, lease).await
    }

    /// Renews a lease of an earlier run, whichever it got; and whether that proves that nobody wrote since.
    async fn renew_any(&self, earlier: &Checkpoint) -> Result<Option<(HeldLease, bool)>, Failure> {
        for (id, proves) in [(&earlier.lease, true), (&earlier.next_lease, false)] {
            if let Some(id) = id
                && let Some(lease) = HeldLease::renew(self.blob, id, self.job).await?
            {
                return Ok(Some((lease, proves)));
            }
        }
        Ok(None)
    }

    async fn acquire(&self, checkpoint: &Checkpoint) -> Result<HeldLease, Failure> {
        let id = checkpoint.next_lease.as_deref().unwrap_or_default();
        Ok(HeldLease::acquire(self.blob, id, self.job).await?)
    }

    /// Gives the lease up again where the blob could not be taken over.
    async fn ours(&self, taken: Result<Taken, Failure>, lease: HeldLease) -> Result<Begun, Failure> {
        match taken {
            Ok(taken) => Ok(Begun::Held(Box::new(Ours {
                lease,
                checkpoint: taken.checkpoint,
                present: taken.present,
                trusted: taken.trusted,
            }))),
            Err(failure) => {
                lease.release(self.job).await;
                Err(failure)
            }
        }
    }

    /// Under the lease: what is there, and what of it nobody else can have written. `proven`: the lease proves that nobody
    /// wrote since the earlier run. `created`: the blob was created a moment ago under this tag.
    async fn take_over(
        &self,
        mut checkpoint: Checkpoint,
        proven: bool,
        created: Option<&Etag>,
        lease: &HeldLease,
    ) -> Result<Taken, Failure> {
        let now = self.still_marked(&checkpoint.mark(), created).await?;
        // What was created a moment ago and is still the same holds nothing.
        let present = match created {
            Some(_) => Vec::new(),
            None => self.blob.page_ranges(None, &Condition::none(), self.job).await?,
        };
        let proven = proven || checkpoint.etag.as_ref() == Some(&now.etag);
        let trusted = if !proven || !still_there(&checkpoint.done, &self.scanned.data, &present) {
            Vec::new()
        } else if checkpoint.doubt {
            common(&present, &normal(checkpoint.done.clone()))
        } else {
            present.clone()
        };
        checkpoint.doubt = trusted != present;
        if trusted.is_empty() {
            checkpoint.done.clear();
        }
        checkpoint.closed = false;
        checkpoint.lease = Some(lease.id().to_owned());
        checkpoint.next_lease = None;
        self.checkpoints.save(&checkpoint).await?;
        Ok(Taken {
            checkpoint,
            present,
            trusted,
        })
    }

    /// Looks once more, under the lease: what is there is what was there before it was taken.
    async fn still_marked(&self, mark: &UploadMark, etag: Option<&Etag>) -> Result<BlobProperties, Failure> {
        let now = self.blob.properties(self.job).await?;
        let now = now.filter(|now| {
            now.length == self.scanned.length
                && Marks::of(&now.metadata).upload.as_ref() == Some(mark)
                && etag.is_none_or(|etag| *etag == now.etag)
        });
        now.ok_or_else(|| {
            let what = format!("{}: somebody else wrote it just now", self.blob.label());
            Fault::new(Kind::StepsFailed, what)
                .hint("nothing was sent; look at it with `aosm-build vhd show`, then run the command again")
                .into()
        })
    }
}
