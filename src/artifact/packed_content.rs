//! What was packed, as content to copy from: small things in memory, files where they lie.
//!
//! Files are read again when they are sent. One that was written to since it was hashed is an error, so that no artifact
//! is made of two states of a folder; what changes later still is noticed by the digest of what was sent.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use futures_util::{StreamExt as _, stream};

use crate::digest::Digest;
use crate::oci::layout::Pieces;
use crate::oci::{ByteStream, Content, Descriptor, ErrorKind, OciError, Origin};

/// What a file's metadata said when it was hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }

    pub fn size(&self) -> u64 {
        self.size
    }
}

/// Where the bytes of a blob are.
#[derive(Debug, Clone)]
pub(super) enum Held {
    Memory(Bytes),
    /// The user's file.
    File {
        path: Utf8PathBuf,
        stamp: Stamp,
    },
    /// A file without a name, that goes when it is closed.
    Nameless(Arc<File>),
}

/// Blobs and the manifest of one artifact, by digest.
#[derive(Debug)]
pub(super) struct PackedContent {
    origin: Origin,
    held: BTreeMap<Digest, Held>,
}

impl PackedContent {
    pub fn new(label: String) -> Self {
        Self {
            origin: Origin { label, mount: None },
            held: BTreeMap::new(),
        }
    }

    pub fn insert(&mut self, digest: Digest, held: Held) {
        self.held.insert(digest, held);
    }

    fn find(&self, operation: &str, descriptor: &Descriptor) -> Result<&Held, OciError> {
        self.held
            .get(&descriptor.digest)
            .ok_or_else(|| self.error(ErrorKind::Absent, operation, descriptor, "is not there".into()))
    }

    fn error(&self, kind: ErrorKind, operation: &str, descriptor: &Descriptor, detail: String) -> OciError {
        OciError::new(
            kind,
            operation,
            format!("{} of {}", descriptor.digest.short(), self.origin.label),
            detail,
        )
    }
}

#[async_trait::async_trait]
impl Content for PackedContent {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        match self.find("read manifest", descriptor)? {
            Held::Memory(bytes) => Ok(bytes.clone()),
            _ => Err(self.error(
                ErrorKind::Protocol,
                "read manifest",
                descriptor,
                "is a file and no manifest".into(),
            )),
        }
    }

    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
        let subject = format!("{} of {}", descriptor.digest.short(), self.origin.label);
        let left = descriptor.size.saturating_sub(offset);
        let reader: Box<dyn Read + Send> = match self.find("read blob", descriptor)?.clone() {
            Held::Memory(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                return Ok(stream::iter([Ok(bytes.slice(from..))]).boxed());
            }
            Held::Nameless(file) => Box::new(At { file, offset }),
            Held::File { path, stamp } => {
                let failed = {
                    let (path, subject) = (path.clone(), subject.clone());
                    move |e: &io::Error| {
                        OciError::new(ErrorKind::Disk, "read", format!("{path}, {subject}"), e.to_string())
                    }
                };
                let opened = tokio::task::spawn_blocking(move || open(&path, &stamp, offset)).await;
                match opened.unwrap_or_else(|e| Err(io::Error::other(e))) {
                    Ok(Some(file)) => Box::new(file),
                    Ok(None) => return Err(changed(subject)),
                    Err(e) => return Err(failed(&e)),
                }
            }
        };
        Ok(Pieces::new(reader, 0, left, subject).into_stream())
    }
}

/// The file at an offset; `None` when it is not the one that was hashed.
fn open(path: &Utf8Path, stamp: &Stamp, offset: u64) -> io::Result<Option<File>> {
    let same = |metadata: Metadata| metadata.is_file() && Stamp::of(&metadata) == *stamp;
    // Asked before it is opened: opening a pipe would wait for a writer.
    if !same(std::fs::metadata(path)?) {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    if !same(file.metadata()?) {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(offset))?;
    Ok(Some(file))
}

fn changed(subject: String) -> OciError {
    OciError::new(
        ErrorKind::Corrupt,
        "read",
        subject,
        "the file changed since it was packed",
    )
    .hint("run the command again, once nobody writes to the file any more")
}

/// Reads a shared file from an offset of its own.
struct At {
    file: Arc<File>,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.offset)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
