//! Leases: who holds one may write, and nobody else. One that has ended can be renewed until somebody writes or leases.

use azure_storage_blob::models::BlobClientAcquireLeaseOptions;

use super::{BlobError, BlobErrorKind, Lease, PageBlob, Right};
use crate::oci::Job;
use crate::oci::registry::Class;

/// The time that a lease lasts: the longest that ends by itself (REST reference, "Lease Blob").
pub const LEASE_SECONDS: i32 = 60;

impl PageBlob {
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
}
