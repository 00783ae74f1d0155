//! Tars of an OCI image layout (`skopeo copy … oci-archive:`, `docker buildx build -o type=oci`), plain or gzip.
//!
//! The tar is walked once for the places of its blobs; nothing is unpacked to disk.

use std::io::Read as _;
use std::sync::Arc;

use camino::Utf8PathBuf;

use super::layout::{
    ArchiveFile, ArchiveIndex, ArchiveSource, Catalog, Extent, INDEX_LIMIT, LayoutIndex, MemberKind, ScanError,
    check_marker,
};
use super::manifest::MANIFEST_LIMIT;
use super::{ErrorKind, OciError};
use crate::digest::{Digest, FileDigests};

/// Names what is remembered about an archive; a new number when its form changes.
const PURPOSE: &str = "oci-archive/1";

/// A tar of an image layout as a source. `host` is the name the project gives it.
pub fn open(host: impl Into<String>, path: impl Into<Utf8PathBuf>, digests: Arc<dyn FileDigests>) -> ArchiveSource {
    ArchiveSource::new(host, path, digests, PURPOSE, build)
}

fn build(file: &ArchiveFile) -> Result<ArchiveIndex, OciError> {
    let mut index = ArchiveIndex::default();
    let (mut marker, mut index_json, mut docker) = (None, None, false);
    file.scan(&mut |member, body| {
        if member.kind != MemberKind::File {
            return Ok(());
        }
        match member.path.as_str() {
            "oci-layout" => marker = Some(read_small(body, "oci-layout", MANIFEST_LIMIT)?),
            "index.json" => index_json = Some(read_small(body, "index.json", INDEX_LIMIT)?),
            "manifest.json" => docker = true,
            path => {
                if let Some(digest) = blob_digest(path) {
                    index.blobs.insert(
                        digest,
                        Extent {
                            offset: member.offset,
                            size: member.size,
                        },
                    );
                }
            }
        }
        Ok(())
    })?;
    let place = file.path().as_str();
    let (Some(marker), Some(index_json)) = (marker, index_json) else {
        let error = file.error(ErrorKind::Protocol, "there is no oci-layout and index.json at its top");
        return Err(if docker {
            error.hint("docker save wrote this: use kind = \"docker-archive\"")
        } else {
            error.hint("pack the layout from inside: tar -C FOLDER -cf images.tar .")
        });
    };
    check_marker(&marker, place)?;
    index.catalog = Catalog::of_index(&LayoutIndex::parse(&index_json, place)?);
    Ok(index)
}

/// Reads a member that must be small.
pub(super) fn read_small(body: &mut dyn std::io::Read, name: &str, limit: u64) -> Result<Vec<u8>, ScanError> {
    let mut bytes = Vec::new();
    body.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ScanError::Bad(format!("its {name} is larger than {} MiB", limit >> 20)));
    }
    Ok(bytes)
}

/// The digest that a path in a layout names.
pub(super) fn blob_digest(path: &str) -> Option<Digest> {
    let (algorithm, hex) = path.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}
