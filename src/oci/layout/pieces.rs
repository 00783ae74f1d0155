//! A blocking reader as an asynchronous stream of pieces, a skip at its start included.
//!
//! Each piece is read by a short blocking task: no thread waits while nobody asks, a dropped stream stops at
//! once, and memory is one piece.

use std::io::{self, Read};

use bytes::Bytes;
use futures_util::stream;

use crate::oci::{ByteStream, ErrorKind, OciError};

/// Size of a piece, in bytes.
const PIECE: usize = 256 * 1024;

/// How much is skipped by one blocking task, in bytes: what a cancelled run waits for at most.
const SKIP_AT_ONCE: u64 = 16 * 1024 * 1024;

/// A stretch of a reader: `skip` bytes to be dropped, then `left` bytes to be handed out.
pub(crate) struct Pieces {
    reader: Box<dyn Read + Send>,
    skip: u64,
    left: u64,
    subject: String,
}

enum Step {
    Skipped,
    Piece(Bytes),
    End,
}

impl Pieces {
    /// `subject` names the content in errors.
    pub(crate) fn new(reader: Box<dyn Read + Send>, skip: u64, left: u64, subject: String) -> Self {
        Self {
            reader,
            skip,
            left,
            subject,
        }
    }

    /// The bytes as a stream; it fails when the reader ends early.
    pub(crate) fn into_stream(self) -> ByteStream {
        Box::pin(stream::try_unfold(self, |mut pieces| async move {
            loop {
                let subject = pieces.subject.clone();
                let (step, back) = tokio::task::spawn_blocking(move || (pieces.step(), pieces))
                    .await
                    .map_err(|e| OciError::new(ErrorKind::Disk, "read", subject, e.to_string()))?;
                pieces = back;
                match step.map_err(|e| pieces.failed(&e))? {
                    Step::Skipped => {}
                    Step::Piece(bytes) => return Ok(Some((bytes, pieces))),
                    Step::End => return Ok(None),
                }
            }
        }))
    }

    /// Everything at once, for content that is known to be small.
    pub(crate) fn read_all(mut self) -> Result<Vec<u8>, OciError> {
        let mut all = Vec::new();
        loop {
            match self.step().map_err(|e| self.failed(&e))? {
                Step::Skipped => {}
                Step::Piece(bytes) => all.extend_from_slice(&bytes),
                Step::End => return Ok(all),
            }
        }
    }

    fn step(&mut self) -> io::Result<Step> {
        if self.skip > 0 {
            let want = self.skip.min(SKIP_AT_ONCE);
            let got = io::copy(&mut (&mut self.reader).take(want), &mut io::sink())?;
            if got < want {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.skip -= got;
            return Ok(Step::Skipped);
        }
        if self.left == 0 {
            return Ok(Step::End);
        }
        let want = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let mut piece = Vec::with_capacity(want);
        (&mut self.reader).take(want as u64).read_to_end(&mut piece)?;
        if piece.len() < want {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= want as u64;
        Ok(Step::Piece(piece.into()))
    }

    fn failed(&self, error: &io::Error) -> OciError {
        let (kind, detail) = match error.kind() {
            io::ErrorKind::UnexpectedEof => (ErrorKind::Corrupt, "it ends too early".to_owned()),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => (ErrorKind::Corrupt, error.to_string()),
            _ => (ErrorKind::Disk, error.to_string()),
        };
        OciError::new(kind, "read", self.subject.clone(), detail)
    }
}
