//! The lease under which a blob is written: taken or renewed, kept alive, given up.
//!
//! While it is held nobody else can write. After a kill it can be renewed only if nobody wrote or leased since (Lease Blob,
//! "Remarks"), which is the proof that the next run builds on. It is taken for 60 s and renewed every 20 s, so that it outlives two
//! lost renewals and a dead run blocks nobody for long; an infinite one is never taken.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ids;
use crate::blob::{BlobError, BlobErrorKind, Condition, Lease, PageBlob};
use crate::oci::Job;

/// How often a lease of 60 s is renewed.
const RENEW: Duration = Duration::from_secs(20);

/// How long giving it up may take.
const GIVE_UP: Duration = Duration::from_secs(10);

/// A lease that is kept alive until it is released or dropped.
pub struct HeldLease {
    lease: Lease,
    blob: PageBlob,
    lost: Arc<OnceLock<BlobError>>,
    is_lost: CancellationToken,
    renewing: tokio::task::JoinHandle<()>,
}

impl HeldLease {
    /// Takes the lease under an id (a GUID).
    pub async fn acquire(blob: &PageBlob, id: &str, job: &Job) -> Result<Self, BlobError> {
        let lease = blob.acquire_lease(id, job).await?;
        Ok(Self::keep(blob, lease, job))
    }

    /// Renews the lease of an earlier run. `None`: it is not to be had any more, as somebody wrote, took another one, or as
    /// it was given up.
    pub async fn renew(blob: &PageBlob, id: &str, job: &Job) -> Result<Option<Self>, BlobError> {
        let lease = Lease { id: id.to_owned() };
        match blob.renew_lease(&lease, job).await {
            Ok(()) => Ok(Some(Self::keep(blob, lease, job))),
            Err(error) if is_about_the_lease(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn keep(blob: &PageBlob, lease: Lease, job: &Job) -> Self {
        let (lost, is_lost) = (Arc::new(OnceLock::new()), CancellationToken::new());
        let renewing = tokio::spawn({
            let (blob, lease, job) = (blob.clone(), lease.clone(), job.clone());
            let (lost, is_lost) = (Arc::clone(&lost), is_lost.clone());
            async move {
                loop {
                    tokio::time::sleep(RENEW).await;
                    // A service that cannot be reached now may be so in time: other failures are told by the writes.
                    if let Err(error) = blob.renew_lease(&lease, &job).await
                        && (is_about_the_lease(&error) || error.kind == BlobErrorKind::Absent)
                    {
                        let _ = lost.set(error);
                        is_lost.cancel();
                        return;
                    }
                }
            }
        });
        Self {
            lease,
            blob: blob.clone(),
            lost,
            is_lost,
            renewing,
        }
    }

    /// What every write carries.
    pub fn condition(&self) -> Condition {
        Condition::leased(&self.lease)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.lease.id
    }

    /// Comes back when the lease is lost.
    pub async fn lost(&self) -> BlobError {
        self.is_lost.cancelled().await;
        self.why_lost().unwrap_or_else(|| BlobError {
            kind: BlobErrorKind::Leased,
            operation: "renew the lease of".to_owned(),
            target: self.blob.label(),
            detail: "it is lost".to_owned(),
            hint: None,
        })
    }

    /// What the renewal that failed was told.
    pub fn why_lost(&self) -> Option<BlobError> {
        self.lost.get().cloned()
    }

    /// Is it ours still, although a write under it was refused? (A machine that slept finds it expired; while nobody
    /// else came it can be renewed.)
    pub async fn regained(&self, job: &Job) -> bool {
        self.why_lost().is_none() && self.blob.renew_lease(&self.lease, job).await.is_ok()
    }

    /// Gives it up, so that others can write at once; also when the user has stopped the run. A failure costs them a minute and
    /// is nobody's error.
    pub async fn release(self, job: &Job) {
        self.renewing.abort();
        let mut last = job.clone();
        last.cancel = CancellationToken::new();
        let _ = tokio::time::timeout(GIVE_UP, self.blob.release_lease(&self.lease, &last)).await;
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Does an error say that a lease is somebody else's or gone?
pub fn is_about_the_lease(error: &BlobError) -> bool {
    matches!(error.kind, BlobErrorKind::Leased | BlobErrorKind::Changed)
}

/// An id for a new lease.
pub fn new_id() -> String {
    ids::guid()
}
