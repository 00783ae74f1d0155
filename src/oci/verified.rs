//! A blob's bytes, verified on the way: resumed where the source breaks off, and failing *instead of* giving out
//! the last piece when the whole does not have the digest and size it is named by. A receiver that needs every
//! byte (an upload with a fixed length, a file renamed at the end) therefore never completes corrupt content.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::backoff::{Backoff, Jitter};
use super::{ByteStream, Content, Descriptor, ErrorKind, Job, OciError};
use crate::digest::{Digest, Hasher};
use crate::event::Event;

/// How many times in a row a stream may break without [`PROGRESS`] new bytes in between.
const FRUITLESS_TRIES: u32 = 5;
/// A stream that brought this many bytes since its last break has made progress.
const PROGRESS: u64 = 1024 * 1024;
const BACKOFF: Backoff = Backoff {
    base: Duration::from_millis(100),
    cap: Duration::from_secs(10),
};

struct Reader {
    content: Arc<dyn Content>,
    blob: Descriptor,
    job: Job,
    hasher: Hasher,
    at: u64,
    open: Option<ByteStream>,
    failures: u32,
    at_last_failure: u64,
    jitter: Jitter,
}

/// The bytes of `blob`, resumed and verified; see the module.
pub fn verified(content: &Arc<dyn Content>, blob: &Descriptor, job: &Job) -> ByteStream {
    let reader = Reader {
        content: content.for_job(job).unwrap_or_else(|| Arc::clone(content)),
        hasher: blob.digest.verifier(),
        // Different blobs spread out; the same one waits the same in each run.
        jitter: Jitter::new(u64::from_str_radix(blob.digest.short(), 16).unwrap_or(1)),
        blob: blob.clone(),
        job: job.clone(),
        at: 0,
        open: None,
        failures: 0,
        at_last_failure: 0,
    };
    stream::try_unfold(Some(reader), |reader| async move {
        let Some(mut reader) = reader else { return Ok(None) };
        if reader.blob.size == 0 {
            reader.check_digest()?;
            return Ok(None);
        }
        let piece = reader.next().await?;
        let rest = (reader.at < reader.blob.size).then_some(reader);
        Ok(Some((piece, rest)))
    })
    .boxed()
}

impl Reader {
    /// The next piece, never empty. Knows that something is left to read.
    async fn next(&mut self) -> Result<Bytes, OciError> {
        loop {
            let stream = match &mut self.open {
                Some(stream) => stream,
                None => self.open.insert(self.content.blob(&self.blob, self.at).await?),
            };
            match stream.next().await {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => return self.take(piece),
                Some(Err(error)) if matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Server) => {
                    self.broken(error).await?;
                }
                Some(Err(error)) => return Err(error),
                None => {
                    let error = self.error(
                        ErrorKind::Corrupt,
                        format!("ended after {} of {} bytes", self.at, self.blob.size),
                    );
                    self.broken(error).await?;
                }
            }
        }
    }

    fn take(&mut self, piece: Bytes) -> Result<Bytes, OciError> {
        self.at = self.at.saturating_add(piece.len() as u64);
        if self.at > self.blob.size {
            return Err(self.error(
                ErrorKind::Corrupt,
                format!("is longer than the {} bytes it should have", self.blob.size),
            ));
        }
        self.hasher.update(&piece);
        if self.at == self.blob.size {
            self.check_digest()?;
        }
        Ok(piece)
    }

    fn check_digest(&mut self) -> Result<(), OciError> {
        let hasher = std::mem::take(&mut self.hasher);
        let found: Digest = hasher.finish();
        if found == self.blob.digest {
            return Ok(());
        }
        Err(self
            .error(
                ErrorKind::Corrupt,
                format!("content has digest {found} instead of {}", self.blob.digest),
            )
            .hint("the source holds damaged content: push the image there again"))
    }

    /// Waits before the stream is opened again where it broke, or gives up.
    async fn broken(&mut self, error: OciError) -> Result<(), OciError> {
        self.open = None;
        if self.at.saturating_sub(self.at_last_failure) >= PROGRESS {
            self.failures = 0;
        }
        self.at_last_failure = self.at;
        self.failures += 1;
        if self.failures > FRUITLESS_TRIES {
            return Err(error);
        }
        let delay = BACKOFF.delay(self.failures, &mut self.jitter);
        self.job.events.emit(Event::StepRetry {
            step: Arc::clone(&self.job.step),
            attempt: self.failures,
            delay,
            why: error.to_string(),
        });
        tokio::time::sleep(delay).await;
        Ok(())
    }

    fn error(&self, kind: ErrorKind, detail: String) -> OciError {
        OciError::new(
            kind,
            "read blob",
            format!("{} of {}", self.blob.digest.short(), self.content.origin().label),
            detail,
        )
    }
}
