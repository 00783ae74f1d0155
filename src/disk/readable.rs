//! An image somewhere else that can be read by ranges: a page blob, or a file behind a URL; one state of it.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::hashes::PieceHashes;
use super::spans::{self, PieceReads};
use super::sparse;
use crate::blob::{BlobError, BlobErrorKind, BlobKind, Condition, Etag, PageBlob, Remote, RemoteFacts};
use crate::fault::Fault;
use crate::oci::Job;

/// An image that is read.
#[derive(Clone)]
pub enum Readable {
    /// A page blob, in this state.
    Blob(PageBlob, Condition),
    /// A file behind a URL, in this state, where it tells its states apart.
    Remote(Remote, Option<Etag>, Option<BlobKind>),
}

impl Readable {
    /// A page blob in this state.
    pub fn blob(blob: &PageBlob, etag: &Etag) -> Self {
        let condition = Condition {
            if_match: Some(etag.clone()),
            ..Condition::default()
        };
        Self::Blob(blob.clone(), condition)
    }

    /// A file behind a URL, as it was looked at.
    pub fn remote(remote: &Remote, facts: &RemoteFacts) -> Self {
        Self::Remote(remote.clone(), facts.etag.clone(), facts.kind.clone())
    }

    /// Bytes of a range.
    pub async fn read(&self, range: Range<u64>, job: &Job) -> Result<Bytes, BlobError> {
        let read = match self {
            Self::Blob(blob, condition) => blob.read(range, condition, job).await,
            Self::Remote(remote, etag, _) => remote.read(range, etag.as_ref(), job).await,
        };
        read.map_err(written_meanwhile)
    }

    /// Where there is data: all of it, where nobody can tell.
    pub async fn data(&self, length: u64, job: &Job) -> Result<Vec<Range<u64>>, BlobError> {
        let whole = || std::iter::once(0..length).collect();
        match self {
            Self::Blob(blob, condition) => blob.page_ranges(None, condition, job).await.map_err(written_meanwhile),
            Self::Remote(remote, etag, Some(BlobKind::Page)) => {
                let Some(pages) = remote.pages() else {
                    return Ok(whole());
                };
                let condition = Condition {
                    if_match: etag.clone(),
                    ..Condition::default()
                };
                match pages.page_ranges(None, &condition, job).await {
                    Err(error) if matches!(error.kind, BlobErrorKind::Denied | BlobErrorKind::Refused) => Ok(whole()),
                    other => other.map_err(written_meanwhile),
                }
            }
            Self::Remote(..) => Ok(whole()),
        }
    }

    /// Reads a piece.
    pub async fn piece(&self, piece: &PieceReads, job: &Job) -> Result<sparse::Bodies, BlobError> {
        let mut bodies = Vec::with_capacity(piece.reads.len());
        for read in &piece.reads {
            bodies.push((read.clone(), self.read(read.clone(), job).await?));
        }
        Ok(bodies)
    }

    /// Reads everything and hashes it.
    pub async fn hashes(&self, length: u64, parallel: usize, job: &Job) -> Result<PieceHashes, Fault> {
        let data = self.data(length, job).await?;
        stream::iter(spans::pieces(length, &data))
            .map(|piece| async move {
                let bodies = self.piece(&piece, job).await?;
                let (index, range) = (piece.index, piece.piece);
                let hash = blocking(move || sparse::hash_piece(&range, &bodies)).await?;
                Ok::<_, Fault>((index, hash))
            })
            .buffer_unordered(parallel.max(1))
            .try_fold(PieceHashes::default(), |mut hashes, (index, hash)| async move {
                hashes.insert(index, hash);
                Ok(hashes)
            })
            .await
    }
}

/// What it means when the state that was read is there no more.
fn written_meanwhile(mut error: BlobError) -> BlobError {
    if error.kind == BlobErrorKind::Changed {
        error.detail = format!("somebody wrote to it meanwhile ({})", error.detail);
        error.hint = Some("run this again when nobody writes there any more".to_owned());
    }
    error
}

/// Work that blocks, off the runtime.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Fault::bug("a piece of work ended unexpectedly"))
}
