//! One `apply` at a time in a project.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};

use camino::Utf8Path;

use crate::fault::{Fault, Kind, Place};

/// Held while a run changes stores; the operating system drops it with the process, however that ends.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock, or says who has it (exit code 6).
    pub fn take(path: &Utf8Path) -> Result<Self, Fault> {
        let fail = |e: std::io::Error| {
            Fault::infrastructure(format!("cannot open the lock {path}"))
                .at(Place::file_only(path))
                .because(e)
                .hint("check that .aosm/state may be written")
        };
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        match file.try_lock() {
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
                    Fault::new(Kind::LockHeld, format!("another apply is running in this project{who}"))
                        .at(Place::file_only(path))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;
    use camino::Utf8PathBuf;

    #[test]
    fn the_second_taker_is_told_who_holds_it_and_gets_it_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("lock")).unwrap();
        let first = RunLock::take(&path).unwrap();
        let fault = RunLock::take(&path).unwrap_err();
        assert_eq!(fault.kind(), Kind::LockHeld);
        assert!(fault.message().contains(&std::process::id().to_string()), "{fault}");
        drop(first);
        assert!(RunLock::take(&path).is_ok());
    }
}
