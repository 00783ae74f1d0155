//! A blob's bytes, verified on the way: resumed where the source breaks off, and failing *instead of* giving out
//! the last piece when the whole does not have the digest and size it is named by. A receiver that needs every
//! byte (an upload with a fixed length, a file renamed at the end) therefore never completes corrupt content.
//!
//! [`Verified`] is for receivers that may ask for a part again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::backoff::{Backoff, Jitter};
use super::marks::{Differs, Marks};
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
    /// What comes before is hashed, but not given out.
    wanted_from: u64,
    marks: Option<Arc<Mutex<Marks>>>,
    open: Option<ByteStream>,
    failures: u32,
    at_last_failure: u64,
    jitter: Jitter,
}

/// The bytes of `blob`, resumed and verified; see the module.
pub fn verified(content: &Arc<dyn Content>, blob: &Descriptor, job: &Job) -> ByteStream {
    streamed(Reader::new(content, blob, job))
}

/// One blob for a receiver that may have to be given a part of it again.
///
/// Whatever the parts, the digest covers every byte that was given out: what is given out twice must be the same both
/// times, and the last piece is given out only when the whole has its digest.
pub struct Verified {
    content: Arc<dyn Content>,
    blob: Descriptor,
    job: Job,
    marks: Arc<Mutex<Marks>>,
}

impl Verified {
    /// Nothing is read yet.
    pub fn new(content: &Arc<dyn Content>, blob: &Descriptor, job: &Job) -> Self {
        Self {
            content: Arc::clone(content),
            blob: blob.clone(),
            job: job.clone(),
            marks: Arc::default(),
        }
    }

    /// The bytes from `offset` on, which must have been given out up to there; streams given out before must not be
    /// read on. Fails where the source gives other bytes than the last time; then
    /// [`Self::differed`] says so.
    pub fn from(&self, offset: u64) -> ByteStream {
        let mut reader = Reader::new(&self.content, &self.blob, &self.job);
        let begin = self.lock().before(offset);
        if let Some((at, hasher)) = begin {
            (reader.at, reader.at_last_failure, reader.hasher) = (at, at, hasher);
        }
        reader.wanted_from = offset;
        reader.marks = Some(Arc::clone(&self.marks));
        streamed(reader)
    }

    /// Did the source give other bytes for a part than when it was read for the first time? What was given out then
    /// is of no use.
    pub fn differed(&self) -> bool {
        self.lock().differed
    }

    /// What was given out so far does not count any more: everything will be asked for again.
    pub fn forget(&self) {
        *self.lock() = Marks::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn streamed(reader: Reader) -> ByteStream {
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
    fn new(content: &Arc<dyn Content>, blob: &Descriptor, job: &Job) -> Self {
        Self {
            content: content.for_job(job).unwrap_or_else(|| Arc::clone(content)),
            hasher: blob.digest.verifier(),
            // Different blobs spread out; the same one waits the same in each run.
            jitter: Jitter::new(u64::from_str_radix(blob.digest.short(), 16).unwrap_or(1)),
            blob: blob.clone(),
            job: job.clone(),
            at: 0,
            wanted_from: 0,
            marks: None,
            open: None,
            failures: 0,
            at_last_failure: 0,
        }
    }

    /// The next piece, never empty. Knows that something is left to read.
    async fn next(&mut self) -> Result<Bytes, OciError> {
        loop {
            let stream = match &mut self.open {
                Some(stream) => stream,
                None => self.open.insert(self.content.blob(&self.blob, self.at).await?),
            };
            match stream.next().await {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    let piece = self.take(&piece)?;
                    if !piece.is_empty() {
                        return Ok(piece);
                    }
                }
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

    /// Hashes a piece; what of it is wanted.
    fn take(&mut self, piece: &Bytes) -> Result<Bytes, OciError> {
        let begin = self.at;
        self.at = self.at.saturating_add(piece.len() as u64);
        if self.at > self.blob.size {
            return Err(self.error(
                ErrorKind::Corrupt,
                format!("is longer than the {} bytes it should have", self.blob.size),
            ));
        }
        match &self.marks {
            None => self.hasher.update(piece),
            Some(marks) => {
                let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
                let taken = marks.take(begin, piece, &mut self.hasher);
                drop(marks);
                taken.map_err(|Differs(at)| {
                    let detail = format!("gave other bytes before {at} than when they were asked for the first time");
                    self.error(ErrorKind::Corrupt, detail)
                })?;
            }
        }
        if self.at == self.blob.size {
            self.check_digest()?;
        }
        let skipped = usize::try_from(self.wanted_from.saturating_sub(begin)).unwrap_or(usize::MAX);
        Ok(piece.slice(skipped.min(piece.len())..))
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
