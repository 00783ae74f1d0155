//! From a file to a page blob: only what is not zero, in parallel, resumable, proven at the end.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Receipt, Verify};
use crate::blob::{Etag, PageBlob};
use crate::fault::Fault;
use crate::oci::Job;
use crate::vhd::Scanned;

/// How to upload.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// Requests at a time.
    pub parallel: usize,
    /// Set the MD5 property as well: 2 CPU seconds a GiB.
    pub md5: bool,
    /// How to prove it at the end.
    pub verify: Verify,
    /// What may be replaced: exactly the blob of this tag; `None`: nothing but an unfinished upload of the same content.
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
    /// Bytes of data that an earlier run had sent.
    pub resumed: u64,
    /// Bytes that are zero and were not sent.
    pub zero: u64,
}

/// Uploads a file that was scanned.
#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn upload(
    _blob: &PageBlob,
    _file: &Utf8Path,
    _scanned: &Scanned,
    _options: &UploadOptions,
    _job: &Job,
) -> Result<Uploaded, Fault> {
    Err(Fault::bug("not built yet"))
}
