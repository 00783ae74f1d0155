//! The `inspect` steps: one pass over a file gives its content digest and where its data is.
//!
//! The digest is remembered in the stat table while the file is the same, what the pass found in the cache under the digest: so
//! a file that did not change is not read, and one that was touched, or came by another name, is read once and found equal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::Utf8Path;

use crate::cache::KeyDocument;
use crate::digest::{Digest, FileDigests};
use crate::disk::remember;
use crate::event::{Event, Phase};
use crate::fault::Fault;
use crate::graph::{StepId, StepKind};
use crate::plan::Session;
use crate::vhd::{FileIdentity, Progress, Scanned, scan};

/// Bumped when a pass gives something else for the same file.
const REVISION: u32 = 1;

/// What the stat table remembers the digest as.
const PURPOSE: &str = "vhd-content-1";

/// The name of the output in the cache.
const SCAN: &str = "scan";

/// Bytes between two words about how far it is.
const STEP: u64 = 8 << 20;

/// What a pass gave, and its key.
pub(super) struct Inspected {
    pub key: KeyDocument,
    pub scanned: Arc<Scanned>,
}

/// Reads a file, or finds what an earlier run found in it.
pub(super) async fn inspect(session: &Arc<Session>, name: &str, path: &Utf8Path) -> Result<Inspected, Fault> {
    session.stopped()?;
    let id = StepId::local(StepKind::Inspect, name);
    let known = remembered(session, path);
    session.events.emit(Event::PhaseAdvanced {
        phase: Phase::ReadDisk,
        what: id.to_string(),
        cached: known.is_some(),
    });
    if let Some(known) = known {
        return Ok(known);
    }
    // `vhd upload` may have read it.
    if let Some(scanned) = remember::scan(session.state.root(), path) {
        return Ok(kept(session, path, scanned));
    }
    let length = FileIdentity::of(path)?.length;
    session.events.emit(Event::PhaseStarted {
        phase: Phase::ReadDisk,
        total: Some(length),
    });
    let scanned = scan(path, progress(session, &id), &session.cancel).await;
    session.events.emit(Event::PhaseFinished { phase: Phase::ReadDisk });
    Ok(kept(session, path, scanned?))
}

fn kept(session: &Session, path: &Utf8Path, scanned: Scanned) -> Inspected {
    let key = key_of(&scanned.digest.0);
    keep(session, path, &key, &scanned);
    Inspected {
        key,
        scanned: Arc::new(scanned),
    }
}

fn key_of(content: &Digest) -> KeyDocument {
    KeyDocument::new("inspect", REVISION).input("file", content.clone())
}

/// What an earlier run found, if the file is what it was.
fn remembered(session: &Session, path: &Utf8Path) -> Option<Inspected> {
    // Taken before the stat table is asked: should the file change in between, the table says so.
    let identity = FileIdentity::of(path).ok()?;
    let digest: Digest = session.stats.remembered(path, PURPOSE)?.parse().ok()?;
    let key = key_of(&digest);
    let result = session.cache.lookup(&key.key())?;
    let bytes = session.cache.output(result.output(SCAN)?)?;
    let mut scanned = Scanned::from_bytes(&bytes)?;
    if scanned.digest.0 != digest || scanned.length != identity.length {
        return None;
    }
    scanned.identity = identity;
    Some(Inspected {
        key,
        scanned: Arc::new(scanned),
    })
}

/// Failing to remember costs time, not correctness.
fn keep(session: &Session, path: &Utf8Path, key: &KeyDocument, scanned: &Scanned) {
    let same = || FileIdentity::of(path).is_ok_and(|identity| identity == scanned.identity);
    // What is kept is true of any file with this content.
    let anywhere = Scanned {
        identity: FileIdentity {
            length: scanned.length,
            ..FileIdentity::default()
        },
        ..scanned.clone()
    };
    if let Err(fault) = session.cache.store(key, &[(SCAN, &anywhere.to_bytes())]) {
        session.events.emit(Event::Detail(fault.to_string()));
        return;
    }
    if !same() {
        return;
    }
    session.stats.remember(path, PURPOSE, scanned.digest.0.as_str());
    if !same() {
        // The table may have looked at a newer file.
        session.stats.remember(path, PURPOSE, "");
    }
}

/// Tells how far it is, a few MiB at a time.
fn progress(session: &Arc<Session>, id: &StepId) -> Progress {
    let (events, step, told) = (Arc::clone(&session.events), id.shared(), AtomicU64::new(0));
    Arc::new(move |done, all| {
        let before = told.load(Ordering::Relaxed);
        if done < before.saturating_add(STEP) && done < all {
            return;
        }
        // Threads that are late are heard by the next word.
        if done > before
            && told
                .compare_exchange(before, done, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            events.emit(Event::StepProgress {
                step: Arc::clone(&step),
                moved: done - before,
            });
        }
    })
}
