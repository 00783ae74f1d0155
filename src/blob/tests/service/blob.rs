//! A blob: its content as runs of written pages, its properties, its lease, its copy.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::copy::Copying;
use super::lease::Lease;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Page,
    Block,
}

/// Content: runs of bytes that were written, zeros elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    pub length: u64,
    runs: BTreeMap<u64, Bytes>,
}

impl Content {
    pub fn zeros(length: u64) -> Self {
        Self {
            length,
            runs: BTreeMap::new(),
        }
    }

    pub fn whole(bytes: Bytes) -> Self {
        let mut content = Self::zeros(bytes.len() as u64);
        content.write(0, bytes);
        content
    }

    pub fn write(&mut self, offset: u64, bytes: Bytes) {
        self.clear(offset, offset + bytes.len() as u64);
        if !bytes.is_empty() {
            self.runs.insert(offset, bytes);
        }
    }

    pub fn clear(&mut self, start: u64, end: u64) {
        let touched: Vec<u64> = self
            .runs
            .range(..end)
            .rev()
            .take_while(|(at, bytes)| **at + bytes.len() as u64 > start)
            .map(|(at, _)| *at)
            .collect();
        for at in touched {
            let bytes = self.runs.remove(&at).expect("just seen");
            let run_end = at + bytes.len() as u64;
            if at < start {
                self.runs.insert(at, bytes.slice(..(start - at) as usize));
            }
            if run_end > end {
                self.runs.insert(end, bytes.slice((end - at) as usize..));
            }
        }
    }

    /// Bytes of a range.
    pub fn read(&self, start: u64, end: u64) -> Bytes {
        let mut out = BytesMut::zeroed((end - start) as usize);
        for (at, bytes) in self.runs.range(..end).rev() {
            let run_end = at + bytes.len() as u64;
            if run_end <= start {
                break;
            }
            let (from, to) = (start.max(*at), end.min(run_end));
            out[(from - start) as usize..(to - start) as usize]
                .copy_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
        }
        out.freeze()
    }

    /// All of it: for small ones.
    pub fn all(&self) -> Bytes {
        self.read(0, self.length)
    }

    /// Ranges that hold pages within a range, neighbours joined.
    pub fn ranges(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (at, bytes) in &self.runs {
            let (from, to) = ((*at).max(start), (at + bytes.len() as u64).min(end));
            if from >= to {
                continue;
            }
            match joined.last_mut() {
                Some((_, before)) if *before == from => *before = to,
                _ => joined.push((from, to)),
            }
        }
        joined
    }
}

/// A blob.
#[derive(Debug, Clone)]
pub struct Blob {
    pub kind: Kind,
    pub content: Content,
    pub etag: String,
    /// Names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// `content-type`, `content-md5`, `cache-control`, …
    pub properties: BTreeMap<String, String>,
    pub lease: Lease,
    pub copy: Option<Copying>,
}

impl Blob {
    pub fn new(kind: Kind, content: Content, etag: String) -> Self {
        Self {
            kind,
            content,
            etag,
            metadata: BTreeMap::new(),
            properties: BTreeMap::from([("content-type".into(), "application/octet-stream".into())]),
            lease: Lease::default(),
            copy: None,
        }
    }
}
