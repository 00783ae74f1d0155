//! From a page blob to a file: only what is not zero, in parallel, resumable, verified, renamed into place.

use camino::{Utf8Path, Utf8PathBuf};

use super::Receipt;
use crate::blob::PageBlob;
use crate::fault::Fault;
use crate::oci::Job;

/// How to download.
#[derive(Debug, Clone)]
pub struct DownloadOptions {
    /// Requests at a time.
    pub parallel: usize,
    /// Replace a file that is there.
    pub force: bool,
    /// Where checkpoints are kept.
    pub state: Utf8PathBuf,
}

/// Downloads into a file.
#[allow(clippy::unused_async, reason = "not built yet")]
pub async fn download(
    _blob: &PageBlob,
    _file: &Utf8Path,
    _options: &DownloadOptions,
    _job: &Job,
) -> Result<Receipt, Fault> {
    Err(Fault::bug("not built yet"))
}
