//! The lock as a file.

use std::fs::File;
use std::io::{self, Read as _};

use camino::Utf8Path;

use super::Lock;
use crate::durable::{self, Sync};
use crate::fault::{Fault, Faults, Place};

/// Largest lock that is read, in bytes: some 40,000 images.
const LIMIT: u64 = 16 * 1024 * 1024;

impl Lock {
    /// Reads a lock; `None` when there is none. All that is wrong with it is told, each with its place.
    pub fn load(path: &Utf8Path) -> Result<Option<Self>, Faults> {
        match read(path) {
            Ok(Some(text)) => Self::parse(path, text).map(Some),
            Ok(None) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Writes the lock in one step, so that it survives a power cut. The same content is not written again: then
    /// `false`.
    pub fn save(&self, path: &Utf8Path) -> Result<bool, Fault> {
        let text = self.to_text();
        // What cannot be read is replaced; should that fail as well, its error says why.
        if read(path).is_ok_and(|held| held.as_deref() == Some(&text)) {
            return Ok(false);
        }
        durable::write(path, text.as_bytes(), Sync::Yes)
            .map(|()| true)
            .map_err(|e| {
                Fault::infrastructure("aosm.lock cannot be written")
                    .at(Place::file_only(path))
                    .because(e)
                    .hint("make the project folder writable, or use --locked with a lock that is complete")
            })
    }
}

fn read(path: &Utf8Path) -> Result<Option<String>, Fault> {
    let unreadable = |e: io::Error| {
        Fault::infrastructure("aosm.lock cannot be read")
            .at(Place::file_only(path))
            .because(e)
            .hint("check that it may be read")
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e)),
    };
    // A pipe in its place would make the reading wait for ever.
    if !metadata.is_file() {
        return Err(Fault::invalid("aosm.lock is not a file")
            .at(Place::file_only(path))
            .hint("move it away"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Fault::invalid(format!("aosm.lock is larger than {} MiB", LIMIT >> 20))
            .at(Place::file_only(path))
            .hint("restore it from version control, or delete it and run aosm-build lock"));
    }
    String::from_utf8(bytes).map(Some).map_err(|e| {
        Fault::invalid("aosm.lock is not UTF-8 text")
            .at(Place::file_only(path))
            .because(e.utf8_error())
            .hint("restore it from version control, or delete it and run aosm-build lock")
    })
}
