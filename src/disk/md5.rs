//! The MD5 of a whole file: the only thing that must be read from front to back, so it runs beside the upload.

use md5::{Digest as _, Md5};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::source::{Source, blocking, crc64};
use crate::fault::Fault;
use crate::vhd::Scanned;

/// Zeros of holes, fed without reading.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// An MD5 on its way; dropping it stops the work.
pub struct RunningMd5 {
    task: tokio::task::JoinHandle<Result<[u8; 16], Fault>>,
    _stop: DropGuard,
}

impl RunningMd5 {
    /// Begins to read.
    pub fn start(source: &Source, scanned: &Scanned) -> Self {
        let stop = CancellationToken::new();
        let (source, scanned, stopped) = (source.clone(), scanned.clone(), stop.clone());
        Self {
            task: tokio::spawn(blocking(move || md5(&source, &scanned, &stopped))),
            _stop: stop.drop_guard(),
        }
    }

    /// Waits for it.
    pub async fn finish(self) -> Result<[u8; 16], Fault> {
        let Self { task, _stop } = self;
        task.await
            .unwrap_or_else(|e| Err(Fault::bug("the MD5 was lost").because(e)))
    }
}

fn md5(source: &Source, scanned: &Scanned, stopped: &CancellationToken) -> Result<[u8; 16], Fault> {
    let mut hasher = Md5::new();
    let mut at = 0;
    for run in &scanned.data {
        if stopped.is_cancelled() {
            return Err(Fault::bug("the MD5 was stopped and asked for"));
        }
        zeros(&mut hasher, run.start.saturating_sub(at), stopped);
        let bytes = source.read_now(&run.range())?;
        if crc64(&bytes) != run.crc64 {
            return Err(source.changed());
        }
        hasher.update(&bytes);
        at = run.end;
    }
    zeros(&mut hasher, scanned.length.saturating_sub(at), stopped);
    Ok(hasher.finalize().into())
}

fn zeros(hasher: &mut Md5, mut length: u64, stopped: &CancellationToken) {
    while length > 0 && !stopped.is_cancelled() {
        let now = length.min(ZEROS.len() as u64);
        hasher.update(
            ZEROS
                .get(..usize::try_from(now).unwrap_or_default())
                .unwrap_or_default(),
        );
        length -= now;
    }
}
