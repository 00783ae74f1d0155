//! Shared access signatures: read, kept secret, handed out by a source that may renew them.

use crate::credentials::Secret;

use super::BlobError;

/// A right that a request needs, as a SAS names it (`sp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// `r`
    Read,
    /// `c`
    Create,
    /// `w`
    Write,
    /// `d`
    Delete,
}

/// A URL with a signature, taken apart: the place can be shown, the rest cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SasUrl {
    /// Scheme, host and path, without query: `https://account.blob.core.windows.net/container`.
    pub place: url::Url,
    /// The query with the signature, without `?`.
    pub query: Secret,
}

/// A container and the signature that opens it.
#[derive(Debug, Clone)]
pub struct ContainerAccess {
    /// The container's URL.
    pub url: SasUrl,
    /// Where the signature came from, for errors: `the variable DISKS_SAS`.
    pub origin: String,
    /// Counts up when a source renews it.
    pub generation: u64,
}

/// Hands out the signature of one container. Issued by hand, or by AOSM for a short time.
#[async_trait::async_trait]
pub trait SasSource: Send + Sync {
    /// The current one.
    async fn get(&self) -> Result<ContainerAccess, BlobError>;

    /// The service refused the one of this generation: get another if you can. `false`: there is none.
    async fn rejected(&self, generation: u64) -> bool;
}

/// A signature that somebody wrote down: never renewed.
pub struct FixedSas(pub ContainerAccess);

#[async_trait::async_trait]
impl SasSource for FixedSas {
    async fn get(&self) -> Result<ContainerAccess, BlobError> {
        Ok(self.0.clone())
    }

    async fn rejected(&self, _generation: u64) -> bool {
        false
    }
}
