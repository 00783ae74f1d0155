//! One upload into a blob at a time on this machine: two runs share a checkpoint, hence a lease, which could not tell them apart.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::time::Duration;

use camino::Utf8Path;

use crate::durable;
use crate::fault::{Fault, Kind, Place};

/// How often a lock that somebody has is tried again, and how long after.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// Held while a blob is written from this machine; the system drops it with the process, however that ends.
#[derive(Debug)]
pub struct LocalLock {
    _file: File,
}

impl LocalLock {
    /// Takes the lock, or says who has it (exit code 6). `blob` is for messages.
    pub fn take(path: &Utf8Path, blob: &str) -> Result<Self, Fault> {
        let fail = |e: std::io::Error| {
            Fault::infrastructure(format!("cannot open the lock {path}"))
                .at(Place::file_only(path))
                .because(durable::words(&e))
                .hint("an upload keeps its state there: check free space and permissions")
        };
        let folder = path.parent().unwrap_or(path);
        durable::create_dir_all(folder).map_err(fail)?;
        durable::clear_the_way(folder, path);
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        match patiently(&file) {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = std::io::Read::by_ref(&mut file).take(64).read_to_string(&mut holder);
                let holder = holder.trim();
                let who = if holder.is_empty() {
                    String::new()
                } else {
                    format!(" (process {holder})")
                };
                return Err(
                    Fault::new(Kind::LockHeld, format!("{blob}: another run here is writing it{who}"))
                        .hint("wait until it ends; the lock goes with the process, there is nothing to remove"),
                );
            }
            Err(std::fs::TryLockError::Error(e)) => return Err(fail(e)),
        }
        // The process id only helps the message above: failing to write it is no reason to stop.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// Tries for a moment: a child process that is just being started has a copy of every open file of this one until it is
/// replaced by its program, and with it, for some microseconds, a lock that was given up here.
fn patiently(file: &File) -> Result<(), std::fs::TryLockError> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            taken => return taken,
        }
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    #[test]
    fn the_second_taker_is_told_and_gets_it_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("uploads/x.lock");
        let first = LocalLock::take(&path, "host/c/b").unwrap();
        let fault = LocalLock::take(&path, "host/c/b").unwrap_err();
        assert_eq!(fault.kind(), Kind::LockHeld);
        assert!(fault.message().contains(&std::process::id().to_string()), "{fault}");
        drop(first);
        assert!(LocalLock::take(&path, "host/c/b").is_ok());
    }
}
