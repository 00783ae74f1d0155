//! One page blob, and all that can be done with it: each method is one request, tried again as the settings say.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use super::{BlobError, BlobErrorKind, SasUrl};
use crate::oci::Job;

/// An entity tag, as the service gave it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Etag(pub String);

/// What must hold for a request to be carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// The blob is still this one.
    pub if_match: Option<Etag>,
    /// Nothing is there yet.
    pub if_absent: bool,
    /// The lease that is held.
    pub lease: Option<String>,
}

/// The type of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobKind {
    /// A page blob.
    Page,
    /// Another type, by its name.
    Other(String),
}

/// How far a copy by the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyStatus {
    /// Under way.
    Pending,
    /// Done.
    Success,
    /// Aborted.
    Aborted,
    /// It failed.
    Failed,
}

/// A copy by the service, as the blob's properties tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyState {
    /// Its id.
    pub id: String,
    /// How it is.
    pub status: CopyStatus,
    /// Bytes done and in all, where the service says so.
    pub progress: Option<(u64, u64)>,
    /// The service's reason.
    pub reason: Option<String>,
    /// Where from, without query.
    pub source: Option<String>,
}

/// What the service says of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobProperties {
    /// Its type.
    pub kind: BlobKind,
    /// Bytes.
    pub length: u64,
    /// Entity tag.
    pub etag: Etag,
    /// Metadata; names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// MD5 that somebody set, base64.
    pub md5: Option<String>,
    /// The last copy into it.
    pub copy: Option<CopyState>,
    /// Is it leased by somebody?
    pub leased: bool,
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its id (a GUID of our choice).
    pub id: String,
}

/// One page blob.
#[derive(Clone)]
pub struct PageBlob {}

/// Stands in for what is not built yet.
fn unbuilt<T>() -> Result<T, BlobError> {
    Err(BlobError {
        kind: BlobErrorKind::Refused,
        operation: String::new(),
        target: String::new(),
        detail: "not built yet".into(),
        hint: None,
    })
}

#[allow(clippy::unused_async, reason = "not built yet")]
impl PageBlob {
    /// Host, container and blob, for people.
    pub fn label(&self) -> String {
        String::new()
    }

    /// What is there; `None`: nothing.
    pub async fn properties(&self, _job: &Job) -> Result<Option<BlobProperties>, BlobError> {
        unbuilt()
    }

    /// Creates it, all zeros, or replaces what is there by that.
    pub async fn create(
        &self,
        _length: u64,
        _metadata: &BTreeMap<String, String>,
        _condition: &Condition,
        _job: &Job,
    ) -> Result<Etag, BlobError> {
        unbuilt()
    }

    /// Writes pages: at most 4 MiB, offset and length multiples of 512. The service checks the CRC-64.
    pub async fn put_pages(
        &self,
        _offset: u64,
        _bytes: Bytes,
        _crc64: u64,
        _condition: &Condition,
        _job: &Job,
    ) -> Result<Etag, BlobError> {
        unbuilt()
    }

    /// Makes pages zero.
    pub async fn clear_pages(&self, _range: Range<u64>, _condition: &Condition, _job: &Job) -> Result<Etag, BlobError> {
        unbuilt()
    }

    /// The ranges that hold pages, sorted, neighbours joined; all pages of the list are read.
    pub async fn page_ranges(
        &self,
        _within: Option<Range<u64>>,
        _condition: &Condition,
        _job: &Job,
    ) -> Result<Vec<Range<u64>>, BlobError> {
        unbuilt()
    }

    /// Bytes of a range, all of them, in memory: for ranges of a few MiB.
    pub async fn read(&self, _range: Range<u64>, _condition: &Condition, _job: &Job) -> Result<Bytes, BlobError> {
        unbuilt()
    }

    /// Sets all metadata.
    pub async fn set_metadata(
        &self,
        _metadata: &BTreeMap<String, String>,
        _condition: &Condition,
        _job: &Job,
    ) -> Result<Etag, BlobError> {
        unbuilt()
    }

    /// Sets the MD5 property (16 bytes).
    pub async fn set_md5(&self, _md5: [u8; 16], _condition: &Condition, _job: &Job) -> Result<Etag, BlobError> {
        unbuilt()
    }

    /// Takes a lease for 60 s under an id of our choice.
    pub async fn acquire_lease(&self, _id: &str, _job: &Job) -> Result<Lease, BlobError> {
        unbuilt()
    }

    /// Renews it. Works after its end too, as long as nobody wrote or leased since: which proves just that.
    pub async fn renew_lease(&self, _lease: &Lease, _job: &Job) -> Result<(), BlobError> {
        unbuilt()
    }

    /// Gives it up.
    pub async fn release_lease(&self, _lease: &Lease, _job: &Job) -> Result<(), BlobError> {
        unbuilt()
    }

    /// Asks the service to copy from a URL into it.
    pub async fn start_copy(
        &self,
        _source: &SasUrl,
        _metadata: &BTreeMap<String, String>,
        _condition: &Condition,
        _job: &Job,
    ) -> Result<CopyState, BlobError> {
        unbuilt()
    }

    /// Stops a copy; what is left is an empty blob.
    pub async fn abort_copy(&self, _id: &str, _job: &Job) -> Result<(), BlobError> {
        unbuilt()
    }

    /// Deletes it.
    pub async fn delete(&self, _condition: &Condition, _job: &Job) -> Result<(), BlobError> {
        unbuilt()
    }
}
