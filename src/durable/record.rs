//! The recording twin: `AOSM_RECORD_DURABLE=FOLDER` writes down every durable operation in the order it happened, with
//! enough content that a test can replay any prefix of them with any part of what was not synced lost.
//!
//! `FOLDER/log` holds one JSON array a line; content is in `FOLDER/<number>`:
//!
//! ```text
//! ["folder", path]             a folder was made
//! ["create", path]             an empty temporary file was made
//! ["sync", path, number]       the file's content reached the disk
//! ["rename", from, to, number] the file, with this content, was given its name
//! ["sync-folder", path]        the folder's entries reached the disk
//! ["remove", path]             a file was removed
//! ```
//!
//! Exists only where debug assertions are on. Operations wait for each other while they are recorded, so that the order
//! written down is the order they had.

use std::fs;
use std::io::{self, Write as _};
use std::sync::{Mutex, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

struct Recording {
    folder: Utf8PathBuf,
    contents: u64,
}

impl Recording {
    /// Keeps the present content of a file; its number.
    fn keep(&mut self, path: &Utf8Path) -> io::Result<u64> {
        self.contents += 1;
        fs::copy(path, self.folder.join(self.contents.to_string()))?;
        Ok(self.contents)
    }

    fn note(&self, line: &Value) -> io::Result<()> {
        let mut log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))?;
        log.write_all(format!("{line}\n").as_bytes())
    }
}

fn recording() -> Option<&'static Mutex<Recording>> {
    static RECORDING: OnceLock<Option<Mutex<Recording>>> = OnceLock::new();
    RECORDING
        .get_or_init(|| {
            let folder = Utf8PathBuf::from(std::env::var("AOSM_RECORD_DURABLE").ok()?);
            Some(Mutex::new(Recording { folder, contents: 0 }))
        })
        .as_ref()
}

/// Does something and notes it, if it went well.
fn recorded<T>(
    what: &str,
    content_of: Option<&Utf8Path>,
    operation: impl FnOnce() -> io::Result<T>,
    paths: impl FnOnce(&T) -> Vec<String>,
) -> io::Result<T> {
    let Some(recording) = recording() else {
        return operation();
    };
    let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
    let content = content_of.map(|path| recording.keep(path)).transpose()?;
    let done = operation()?;
    let mut line = vec![json!(what)];
    line.extend(paths(&done).into_iter().map(Value::from));
    line.extend(content.map(Value::from));
    recording.note(&Value::from(line))?;
    Ok(done)
}

/// A folder is made.
pub(super) fn folder(path: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    recorded("folder", None, operation, |()| vec![path.to_string()])
}

/// A temporary file is made; its path is known afterwards.
pub(super) fn create<T>(operation: impl FnOnce() -> io::Result<T>, path: impl FnOnce(&T) -> String) -> io::Result<T> {
    recorded("create", None, operation, |made| vec![path(made)])
}

/// A file's content is synced.
pub(super) fn sync(path: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    recorded("sync", Some(path), operation, |()| vec![path.to_string()])
}

/// A file gets its name.
pub(super) fn rename(from: &Utf8Path, to: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    recorded("rename", Some(from), operation, |()| {
        vec![from.to_string(), to.to_string()]
    })
}

/// A folder's entries are synced.
pub(super) fn sync_folder(path: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    recorded("sync-folder", None, operation, |()| vec![path.to_string()])
}

/// A file is removed.
pub(super) fn remove(path: &Utf8Path, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    recorded("remove", None, operation, |()| vec![path.to_string()])
}
