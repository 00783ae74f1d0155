//! Writing a tar.gz whose bytes depend on nothing but names and contents.
//!
//! Sorted names, one fixed time, fixed modes, owner 0, no owner names, `/` separators; a gzip header without time
//! and name and with "unknown" as its system. The compressed bytes come from `miniz_oxide`, which takes no hint from
//! the processor; the lock file pins its version, and a test pins the bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::{Compression, GzBuilder};

/// The modification time of every entry: 1980-01-01 00:00 UTC, the earliest that all archive tools can show.
pub const ARCHIVE_TIME: u64 = 315_532_800;

/// "Unknown" (RFC 1952, 2.3.1, OS).
const GZIP_OS_UNKNOWN: u8 = 255;

/// Collects files and writes them sorted.
#[derive(Debug, Default)]
pub struct TarGz<'a> {
    files: BTreeMap<String, (&'a [u8], bool)>,
}

impl<'a> TarGz<'a> {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file under a `/`-separated name; a second one of the same name replaces the first.
    pub fn add(&mut self, name: impl Into<String>, content: &'a [u8], executable: bool) {
        self.files.insert(name.into(), (content, executable));
    }

    /// Writes the archive. Fails only as `out` fails, or when a name cannot stand in a tar.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let gzip = GzBuilder::new()
            .mtime(0)
            .operating_system(GZIP_OS_UNKNOWN)
            .write(out, Compression::new(6));
        let mut tar = tar::Builder::new(gzip);
        for (name, (content, executable)) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(if *executable { 0o755 } else { 0o644 });
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(ARCHIVE_TIME);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, *content)?;
        }
        tar.into_inner()?.finish()?.flush()
    }
}

/// The archive of some files in memory: (name, content) in any order, none executable.
pub fn write_tar_gz<'a>(files: impl IntoIterator<Item = (String, &'a [u8])>) -> io::Result<Vec<u8>> {
    let mut archive = TarGz::new();
    for (name, content) in files {
        archive.add(name, content, false);
    }
    let mut bytes = Vec::new();
    archive.write(&mut bytes)?;
    Ok(bytes)
}
