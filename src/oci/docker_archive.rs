//! What `docker save` writes, plain or gzip, in both of its forms.
//!
//! Docker 25 and newer put an OCI image layout beside the old `manifest.json`: where an image of that layout is
//! whole, it is taken as it is, with its own digests. Otherwise a manifest is made from `manifest.json`: the
//! configuration as it lies there, each layer as it lies there (an uncompressed tar, so that its digest is its
//! diff id). Nothing is compressed anew, hence the digests are the same in every run and on every machine.

mod legacy;
mod whole;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use camino::Utf8PathBuf;

use super::layout::{
    ArchiveFile, ArchiveIndex, ArchiveSource, Catalog, CatalogEntry, Extent, INDEX_LIMIT, LayoutIndex, Member,
    MemberKind, ScanError, check_marker,
};
use super::manifest::MANIFEST_LIMIT;
use super::oci_archive::{blob_digest, read_small};
use super::{ErrorKind, OciError};
use crate::digest::{Digest, FileDigests};

/// Names what is remembered about an archive; a new number when its form changes.
const PURPOSE: &str = "docker-archive/1";

/// How deep links may lead to links.
const LINK_DEPTH: usize = 16;

/// What `docker save` wrote as a source. `host` is the name the project gives it.
pub fn open(host: impl Into<String>, path: impl Into<Utf8PathBuf>, digests: Arc<dyn FileDigests>) -> ArchiveSource {
    ArchiveSource::new(host, path, digests, PURPOSE, build)
}

/// A regular file of the archive.
#[derive(Debug, Clone)]
struct Blob {
    digest: Digest,
    extent: Extent,
    compression: &'static str,
}

/// Everything a walk found.
#[derive(Debug, Default)]
struct Contents {
    files: BTreeMap<String, Blob>,
    /// Link path → path it leads to.
    links: BTreeMap<String, String>,
    marker: Option<Vec<u8>>,
    index: Option<Vec<u8>>,
    manifest: Option<Vec<u8>>,
}

impl Contents {
    /// The file at a path, through links.
    fn file(&self, path: &str) -> Option<&Blob> {
        let mut path = path;
        for _ in 0..LINK_DEPTH {
            if let Some(file) = self.files.get(path) {
                return Some(file);
            }
            path = self.links.get(path)?;
        }
        None
    }

    fn take(&mut self, member: &Member, body: &mut dyn Read) -> Result<(), ScanError> {
        match &member.kind {
            MemberKind::Symlink(target) => {
                if let Some(target) = beside(&member.path, target) {
                    self.links.insert(member.path.clone(), target);
                }
            }
            MemberKind::Hardlink(target) => {
                self.links.insert(member.path.clone(), target.clone());
            }
            MemberKind::File => match member.path.as_str() {
                "oci-layout" => self.marker = Some(read_small(body, "oci-layout", MANIFEST_LIMIT)?),
                "index.json" => self.index = Some(read_small(body, "index.json", INDEX_LIMIT)?),
                "manifest.json" => self.manifest = Some(read_small(body, "manifest.json", INDEX_LIMIT)?),
                path => {
                    let blob = look_at(path, member, body)?;
                    self.files.insert(path.to_owned(), blob);
                }
            },
            MemberKind::Other => {}
        }
        Ok(())
    }
}

/// A blob's path tells its digest (readers verify); any other file is hashed here, once.
fn look_at(path: &str, member: &Member, body: &mut dyn Read) -> Result<Blob, ScanError> {
    let mut magic = Vec::with_capacity(4);
    body.take(4).read_to_end(&mut magic)?;
    let compression = match magic.as_slice() {
        [0x1f, 0x8b, ..] => "+gzip",
        [0x28, 0xb5, 0x2f, 0xfd] => "+zstd",
        _ => "",
    };
    let digest = if let Some(digest) = blob_digest(path) {
        digest
    } else {
        let (digest, size) = Digest::of_reader(io::Cursor::new(magic).chain(body))?;
        if size != member.size {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        digest
    };
    Ok(Blob {
        digest,
        extent: Extent {
            offset: member.offset,
            size: member.size,
        },
        compression,
    })
}

/// Where a symbolic link at `path` leads, inside the archive.
fn beside(path: &str, target: &str) -> Option<String> {
    let mut segments: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        path.split('/').collect()
    };
    segments.pop();
    for segment in target.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            other => segments.push(other),
        }
    }
    (!segments.is_empty()).then(|| segments.join("/"))
}

fn build(file: &ArchiveFile) -> Result<ArchiveIndex, OciError> {
    let mut contents = Contents::default();
    file.scan(&mut |member, body| contents.take(member, body))?;
    let Some(manifest) = contents.manifest.take() else {
        let error = file.error(ErrorKind::Protocol, "there is no manifest.json in it");
        return Err(match contents.index {
            Some(_) => error.hint("this is a tar of an OCI image layout: use kind = \"oci-archive\""),
            None => error.hint("docker save writes what is needed here"),
        });
    };
    let images = legacy::parse(file, &manifest)?;
    let mut index = ArchiveIndex::default();
    for blob in contents.files.values() {
        index.blobs.insert(blob.digest.clone(), blob.extent);
    }
    let whole = match (contents.marker.take(), contents.index.take()) {
        (Some(marker), Some(json)) => {
            check_marker(&marker, file.path().as_str())?;
            let layout = LayoutIndex::parse(&json, file.path().as_str())?;
            whole::roots(file, &Catalog::of_index(&layout), &index.blobs)?
        }
        _ => whole::Roots::default(),
    };
    index.catalog.entries = whole.entries;
    let diff_ids = legacy::diff_ids(file, &images, &contents)?;
    for image in &images {
        let entry = legacy::entry(file, image, &contents, &whole.by_config, &diff_ids, &mut index)?;
        let missing: Vec<String> = entry
            .names
            .into_iter()
            .filter(|name| !index.catalog.entries.iter().any(|held| held.names.contains(name)))
            .collect();
        let known = index
            .catalog
            .entries
            .iter()
            .any(|held| held.root.digest == entry.root.digest);
        if !missing.is_empty() || !known {
            index.catalog.entries.push(CatalogEntry {
                names: missing,
                root: entry.root,
            });
        }
    }
    Ok(index)
}
