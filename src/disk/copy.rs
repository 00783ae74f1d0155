//! From a URL to a page blob: by the service itself, or through this machine.

use camino::Utf8PathBuf;

use super::{Receipt, Verify};
use crate::blob::{Etag, PageBlob, SasUrl};
use crate::fault::Fault;
use crate::oci::Job;

/// How to copy.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// Through this machine, instead of by the service.
    pub stream: bool,
    /// Requests at a time, when streaming.
    pub parallel: usize,
    /// How to prove it at the end.
    pub verify: Verify,
    /// What may be replaced: exactly the blob of this tag.
    pub replace: Option<Etag>,
    /// Where intents and checkpoints are kept.
    pub state: Utf8PathBuf,
}

/// Copies, and waits for the end.
#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn copy(_source: &SasUrl, _blob: &PageBlob, _options: &CopyOptions, _job: &Job) -> Result<Receipt, Fault> {
    Err(Fault::bug("not built yet"))
}
