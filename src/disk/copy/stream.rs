//! Through this machine: pieces are read from the source and written as pages, several at a time, in bounded memory. What is
//! zero is not written, and not even read where the source is a page blob.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

use super::key::COPY;
use super::stream_notes::{StreamHead, StreamNotes};
use super::{Copied, Copying, Way};
use crate::blob::{BlobError, BlobErrorKind, Condition};
use crate::disk::hashes::PieceHashes;
use crate::disk::lease::{self, HeldLease};
use crate::disk::marks::{UPLOAD, UploadMark};
use crate::disk::readable::{Readable, blocking};
use crate::disk::source::crc64;
use crate::disk::spans::{self, PieceReads};
use crate::disk::{Verify, sparse};
use crate::event::Event;
use crate::fault::{Fault, Kind};
use crate::vhd::ContentDigest;
use crate::vhd::content::{PIECE, PieceDigest};

/// Notes are taken this many times in a whole copy, and not more often than once a piece.
const NOTES: u64 = 64;
/// No more than this is sent again after a kill, besides what was under way.
const MOST_UNNOTED: u64 = 256 << 20;

/// A copy through this machine that has begun.
struct Begun {
    head: StreamHead,
    lease: HeldLease,
    pieces: PieceHashes,
}

impl Copying<'_> {
    /// Goes on with what an earlier run began, or begins anew on what `condition` says is there.
    pub(super) async fn stream(&self, condition: &Condition) -> Result<Copied, Fault> {
        let notes = StreamNotes::new(&self.options.state, &self.blob.label());
        if self.origin.etag.is_none() {
            let warning = Fault::warning(format!(
                "{}: its server gives no entity tag, so nobody notices if somebody writes to it meanwhile",
                self.source.label()
            ));
            let warning = warning.hint("make sure that nobody does; a run that is cut off begins anew");
            self.job.events.emit(Event::Fault(warning));
        }
        let begun = match self.again(&notes).await? {
            Some(begun) => begun,
            None => self.anew(&notes, condition).await?,
        };
        let Begun {
            head,
            lease,
            mut pieces,
        } = begun;
        let condition = lease.condition();
        let ended = tokio::select! {
            ended = self.move_pieces(&notes, &head, &condition, &mut pieces) => ended,
            lost = lease.lost() => Err(self.lost(&lost)),
        };
        let (sent, resumed) = match ended {
            Ok(counts) => counts,
            Err(fault) => {
                // The lease ends by itself; as long as it can be renewed it proves that nobody wrote in between.
                let _ = notes.save(&head, &pieces).await;
                return Err(match fault.kind() {
                    Kind::Interrupted => self
                        .fault(Kind::Interrupted, "stopped")
                        .hint("run this again: it goes on from here"),
                    _ => fault,
                });
            }
        };
        let receipt = self.finish_stream(&condition, &pieces).await?;
        let copied = Copied {
            receipt,
            way: Way::Streamed,
            sent,
            resumed,
        };
        lease.release(self.job).await;
        notes.remove();
        self.intents.remove();
        let Verify::Full = self.options.verify else {
            return Ok(copied);
        };
        let readable = Readable::blob(self.blob, &copied.receipt.etag);
        let held = readable
            .hashes(self.origin.length, self.options.parallel, self.job)
            .await?;
        if held.digest(self.origin.length) == copied.receipt.digest {
            return Ok(copied);
        }
        Err(self
            .fault(Kind::StepsFailed, "what was read back is not what was sent")
            .hint("run this again with --replace"))
    }

    async fn again(&self, notes: &StreamNotes) -> Result<Option<Begun>, Fault> {
        if self.origin.etag.is_none() {
            // Nobody can tell whether the source is still what it was when the first pieces were read.
            return Ok(None);
        }
        let Some((head, pieces)) = notes.load(&self.blob.label(), &self.origin.key()) else {
            return Ok(None);
        };
        // Renewed first: from then on nobody else can write, and what the blob says stays so.
        let lease = match HeldLease::renew(self.blob, &head.lease, self.job).await {
            Ok(Some(lease)) => lease,
            Ok(None) => return Ok(None),
            // It died before there was anything to lease.
            Err(error) if error.kind == BlobErrorKind::Absent => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let there = self.blob.properties(self.job).await?;
        let mark = self.mark(&head).to_string();
        let same = there.is_some_and(|there| {
            let found = there
                .metadata
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(UPLOAD));
            there.length == self.origin.length && found.is_some_and(|(_, found)| *found == mark)
        });
        if same {
            return Ok(Some(Begun { head, lease, pieces }));
        }
        lease.release(self.job).await;
        Ok(None)
    }

    async fn anew(&self, notes: &StreamNotes, condition: &Condition) -> Result<Begun, Fault> {
        let head = StreamHead::new(self.blob.label(), self.origin.key(), lease::new_id());
        let pieces = PieceHashes::default();
        notes.save(&head, &pieces).await?;
        let metadata = BTreeMap::from([
            (COPY.to_owned(), self.origin.key().to_string()),
            (UPLOAD.to_owned(), self.mark(&head).to_string()),
        ]);
        self.blob
            .create(self.origin.length, &metadata, condition, self.job)
            .await?;
        let lease = HeldLease::acquire(self.blob, &head.lease, self.job).await?;
        Ok(Begun { head, lease, pieces })
    }

    /// What the blob says while it is filled. Its content digest is not known before the end: the key stands in its place.
    fn mark(&self, head: &StreamHead) -> UploadMark {
        UploadMark {
            digest: ContentDigest(self.origin.key().0),
            id: head.upload.clone(),
        }
    }

    /// Bytes sent by this run, and bytes of data that an earlier one had sent.
    async fn move_pieces(
        &self,
        notes: &StreamNotes,
        head: &StreamHead,
        condition: &Condition,
        pieces: &mut PieceHashes,
    ) -> Result<(u64, u64), Fault> {
        let from = self.origin.readable(self.source);
        let data = from.data(self.origin.length, self.job).await?;
        let (todo, before): (Vec<_>, Vec<_>) = spans::pieces(self.origin.length, &data)
            .into_iter()
            .partition(|piece| !pieces.has(piece.index));
        let bytes = |all: &[PieceReads]| all.iter().map(PieceReads::bytes).sum::<u64>();
        let every = (bytes(&todo) / NOTES).clamp(PIECE, MOST_UNNOTED);
        let resumed = bytes(&before);
        self.job.events.emit(Event::StepTotal {
            step: self.job.step.clone(),
            bytes: bytes(&todo),
        });
        let mut work = stream::iter(todo)
            .map(|piece| self.move_piece(&from, piece, condition))
            .buffer_unordered(self.options.parallel.max(1));
        let (mut sent, mut unnoted) = (0, 0);
        while let Some(done) = work.next().await {
            let (index, hash, count) = done?;
            pieces.insert(index, hash);
            sent += count;
            unnoted += PIECE;
            if unnoted >= every {
                unnoted = 0;
                notes.save(head, pieces).await?;
            }
        }
        Ok((sent, resumed))
    }

    async fn move_piece(
        &self,
        from: &Readable,
        piece: PieceReads,
        condition: &Condition,
    ) -> Result<(u64, PieceDigest, u64), Fault> {
        let bodies = from.piece(&piece, self.job).await?;
        let index = piece.index;
        let (hash, runs) = blocking(move || {
            let hash = sparse::hash_piece(&piece.piece, &bodies);
            let mut runs = Vec::new();
            for (range, body) in &bodies {
                for (run, zero) in sparse::runs(range.start, body) {
                    if let Some(part) = sparse::shared(body, range.start, &run).filter(|_| !zero) {
                        runs.push((run.start, crc64(&part), part));
                    }
                }
            }
            (hash, runs)
        })
        .await?;
        let mut sent = 0;
        for (start, crc, part) in runs {
            let count = part.len() as u64;
            self.blob.put_pages(start, part, crc, condition, self.job).await?;
            sent += count;
        }
        Ok((index, hash, sent))
    }

    /// All pages are there: the blob may say what it holds.
    async fn finish_stream(&self, condition: &Condition, pieces: &PieceHashes) -> Result<super::CopyReceipt, Fault> {
        let digest = pieces
            .digest(self.origin.length)
            .ok_or_else(|| Fault::bug("an image without a content digest"))?;
        if let Some(wanted) = self.origin.digest.as_ref().filter(|wanted| **wanted != digest) {
            return Err(self
                .fault(
                    Kind::StepsFailed,
                    &format!(
                        "the source's content is {}, and its metadata says {}",
                        digest.short(),
                        wanted.short()
                    ),
                )
                .hint("somebody wrote to the source after it was uploaded, or it is damaged"));
        }
        let there = self.blob.properties(self.job).await?.ok_or_else(|| {
            self.fault(Kind::StepsFailed, "somebody deleted it while it was written")
                .hint("run this again")
        })?;
        self.sign(&there, Some(digest), condition).await
    }

    fn lost(&self, error: &BlobError) -> Fault {
        let what = match error.kind {
            BlobErrorKind::Absent => "somebody deleted it while it was written".to_owned(),
            _ => format!("somebody else writes to it: {}", error.detail),
        };
        self.fault(Kind::StepsFailed, &what)
            .hint("find out who, then run this again")
    }
}
