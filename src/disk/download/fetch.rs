//! The pieces, several at a time; what is done is written down now and then, and once more when something fails.

use futures_util::{StreamExt as _, stream};
use tokio::task::JoinHandle;

use super::part::Part;
use crate::disk::readable::{Readable, blocking};
use crate::disk::spans::PieceReads;
use crate::fault::{Fault, Kind};
use crate::oci::Job;
use crate::vhd::content::PIECE;

/// Notes are taken this many times in a whole download, and not more often than once a piece.
const NOTES: u64 = 32;
/// No more than this is fetched again after a kill, whatever the size.
const MOST_UNNOTED: u64 = 512 << 20;

/// Fetches these pieces into the file.
pub async fn fetch(
    from: &Readable,
    pieces: Vec<PieceReads>,
    part: &Part,
    parallel: usize,
    job: &Job,
) -> Result<(), Fault> {
    let mut missing: u64 = pieces.iter().map(PieceReads::bytes).sum();
    let every = (missing / NOTES).clamp(PIECE, MOST_UNNOTED);
    let mut work = stream::iter(pieces)
        .map(|piece| one(from, piece, part, job))
        .buffer_unordered(parallel.max(1));
    let mut unnoted = 0;
    let mut noting: Option<JoinHandle<std::io::Result<()>>> = None;
    let outcome = loop {
        let next = tokio::select! {
            biased;
            () = job.cancel.cancelled() => break Err(Trouble::Interrupted),
            next = work.next() => next,
        };
        let got = match next {
            None => break Ok(()),
            Some(Ok(got)) => got,
            Some(Err(trouble)) => break Err(trouble),
        };
        missing = missing.saturating_sub(got);
        unnoted += got;
        if unnoted >= every && noting.as_ref().is_none_or(JoinHandle::is_finished) {
            if let Err(error) = settled(noting.take()).await {
                break Err(Trouble::Disk(error));
            }
            unnoted = 0;
            let part = part.clone();
            noting = Some(tokio::task::spawn_blocking(move || part.note()));
        }
    };
    drop(work);
    let noted = settled(noting).await;
    let Err(trouble) = outcome else {
        return noted.map_err(|error| part.failed(&error, missing));
    };
    // So that the next run goes on from here. The trouble itself is what has to be told.
    let last = part.clone();
    let _ = blocking(move || last.note()).await;
    Err(match trouble {
        Trouble::Fault(fault) => fault,
        Trouble::Disk(error) => part.failed(&error, missing),
        Trouble::Interrupted => {
            Fault::new(Kind::Interrupted, "download: stopped").hint("run it again: it goes on from here")
        }
    })
}

async fn settled(noting: Option<JoinHandle<std::io::Result<()>>>) -> std::io::Result<()> {
    match noting {
        None => Ok(()),
        Some(handle) => handle
            .await
            .unwrap_or_else(|_| Err(std::io::Error::other("notes could not be taken"))),
    }
}

enum Trouble {
    Fault(Fault),
    Disk(std::io::Error),
    Interrupted,
}

async fn one(from: &Readable, piece: PieceReads, part: &Part, job: &Job) -> Result<u64, Trouble> {
    let bodies = from
        .piece(&piece, job)
        .await
        .map_err(|error| Trouble::Fault(error.into()))?;
    let bytes = piece.bytes();
    let part = part.clone();
    blocking(move || part.take(&piece, &bodies))
        .await
        .map_err(Trouble::Fault)?
        .map_err(Trouble::Disk)?;
    job.moved(bytes);
    Ok(bytes)
}
