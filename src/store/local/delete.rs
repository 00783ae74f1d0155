//! Deleting from the store: the entries of a manifest, then the blobs that nothing reaches any more.
//!
//! The index is written first and synced, so that a kill leaves at most blobs without a name. Only what hangs below the
//! deleted manifest is looked at: blobs that a killed run left for the next one stay. While another process writes to
//! the store all blobs stay, as it may count on any of them without having named it yet.

use std::collections::{BTreeMap, HashSet};

use super::Inner;
use super::files::Files;
use crate::digest::Digest;
use crate::durable;
use crate::oci::layout::{blob_path, read_limited};
use crate::oci::manifest::{MANIFEST_LIMIT, children, own_media_type};
use crate::oci::{Descriptor, ErrorKind, OciError};

/// Deletes a manifest with all entries that name it.
pub(super) fn manifest(inner: &Inner, digest: &Digest) -> Result<(), OciError> {
    let place = inner.files.root().as_str();
    let subject = format!("{digest} in layout {place}");
    let absent = || OciError::new(ErrorKind::Absent, "delete", &subject, "it is not there");
    if !inner.files.root().is_dir() {
        return Err(absent());
    }
    inner.files.prepare()?;
    // What waits must be in the index, or it would come back with the next flush.
    inner.tags.flush(&inner.files, &inner.blobs)?;
    // From here on nobody in this process may take a blob for being there.
    let _collecting = inner.blobs.collecting();
    let lock = inner.files.lock_index()?;
    let mut found = inner.files.read_index()?;
    if let Some(why) = found.damaged {
        return Err(OciError::new(ErrorKind::Corrupt, "delete", &subject, why)
            .hint("nothing was deleted: an index that cannot be read may name what would be lost"));
    }
    let (gone, kept): (Vec<Descriptor>, Vec<Descriptor>) = std::mem::take(&mut found.index.manifests)
        .into_iter()
        .partition(|entry| entry.digest == *digest);
    found.index.manifests = kept;
    let rest = Reached::below(&inner.files, &found.index.manifests)?;
    let Some(entry) = gone.into_iter().next() else {
        return Err(if rest.digests.contains(digest) {
            OciError::new(
                ErrorKind::Conflict,
                "delete",
                &subject,
                "an index in the layout names it, and would be broken",
            )
            .hint("delete that index: what only it names goes with it")
        } else {
            absent()
        });
    };
    let below = Reached::below(&inner.files, std::slice::from_ref(&entry))?;
    inner.files.write_index(&found.index, None)?;
    let named_at = inner.tags.named_at(digest);
    let collected = inner.files.while_alone(|| collect(inner, &below, &rest, named_at));
    drop(lock);
    collected
}

/// Removes what only the deleted manifest reached, save what this process has counted on since it named it.
fn collect(inner: &Inner, below: &Reached, rest: &Reached, named_at: u64) -> Result<(), OciError> {
    // What hangs below a manifest that cannot be read may be anything.
    if rest.unreadable {
        return Ok(());
    }
    for digest in below.digests.difference(&rest.digests) {
        if inner.blobs.is_relied_on_since(digest, named_at) {
            continue;
        }
        match durable::remove_file(&blob_path(inner.files.root(), digest)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(inner.files.failed("delete from store", &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is reached from some entries.
#[derive(Debug, Default)]
struct Reached {
    digests: HashSet<Digest>,
    /// Something that must be a manifest is there and cannot be read.
    unreadable: bool,
}

impl Reached {
    fn below(files: &Files, entries: &[Descriptor]) -> Result<Self, OciError> {
        let mut reached = Self::default();
        // The same bytes may be a blob of one manifest and be listed as a manifest by another.
        let mut walked: HashSet<Digest> = HashSet::new();
        let mut open: BTreeMap<Digest, String> = entries
            .iter()
            .map(|entry| (entry.digest.clone(), entry.media_type.clone()))
            .collect();
        while let Some((digest, media_type)) = open.pop_first() {
            if !walked.insert(digest.clone()) {
                continue;
            }
            reached.digests.insert(digest.clone());
            let bytes = match read_limited(&blob_path(files.root(), &digest), MANIFEST_LIMIT) {
                Ok(bytes) => bytes,
                // Nothing is lost below what is not there.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                    reached.unreadable = true;
                    continue;
                }
                Err(error) => return Err(files.failed("read store", &error)),
            };
            if !is_whole(&digest, &bytes) {
                reached.unreadable = true;
                continue;
            }
            let media_type = if media_type.is_empty() {
                own_media_type(&bytes).unwrap_or_default()
            } else {
                media_type
            };
            match children(&bytes, &media_type) {
                Ok(named) => {
                    let blobs = named.blobs.into_iter().chain(named.foreign).map(|blob| blob.digest);
                    reached.digests.extend(blobs);
                    for child in named.manifests {
                        if !walked.contains(&child.digest) {
                            open.insert(child.digest, child.media_type);
                        }
                    }
                }
                Err(_) => reached.unreadable = true,
            }
        }
        Ok(reached)
    }
}

fn is_whole(digest: &Digest, bytes: &[u8]) -> bool {
    let mut hasher = digest.verifier();
    hasher.update(bytes);
    hasher.finish() == *digest
}
