//! Is everything below a root there and undamaged?

use std::collections::HashSet;

use tokio_util::sync::CancellationToken;

use super::blobs::{Blobs, State};
use crate::digest::Digest;
use crate::oci::graph::{DEPTH_LIMIT, MANIFESTS_LIMIT};
use crate::oci::layout::read_limited;
use crate::oci::manifest::{MANIFEST_LIMIT, MANIFEST_TYPES, children, own_media_type};
use crate::oci::{Descriptor, ErrorKind, OciError};

/// The first thing that is wrong below `root`, in words; `None` when nothing is. Costs one stat a blob when nothing
/// changed since it was last hashed.
pub(super) fn why_damaged(
    blobs: &Blobs,
    root: &Descriptor,
    thorough: bool,
    cancel: &CancellationToken,
) -> Result<Option<String>, OciError> {
    if let Some(why) = walk(blobs, root, thorough, cancel, &mut |_| {})? {
        return Ok(Some(why));
    }
    let wanted = recorded_type(blobs, root);
    Ok((wanted != root.media_type).then(|| format!("index.json calls it {:?}, it is {wanted}", root.media_type)))
}

/// The media type under which `index.json` lists a manifest that is in place: the announced one, unless that is no type of
/// manifests and the manifest itself names one.
pub(super) fn recorded_type(blobs: &Blobs, root: &Descriptor) -> String {
    let known = |media_type: &str| MANIFEST_TYPES.contains(&media_type);
    if known(&root.media_type) {
        return root.media_type.clone();
    }
    read_limited(&blobs.path(&root.digest), MANIFEST_LIMIT)
        .ok()
        .and_then(|bytes| own_media_type(&bytes))
        .filter(|own| known(own))
        .unwrap_or_else(|| root.media_type.clone())
}

/// The same, and tells every digest that was found whole.
pub(super) fn walk(
    blobs: &Blobs,
    root: &Descriptor,
    thorough: bool,
    cancel: &CancellationToken,
    whole: &mut dyn FnMut(&Digest),
) -> Result<Option<String>, OciError> {
    let mut visited: HashSet<Digest> = HashSet::from([root.digest.clone()]);
    let mut level = vec![root.clone()];
    for _ in 0..DEPTH_LIMIT {
        let mut below = Vec::new();
        for manifest in level {
            if let Some(why) = one(blobs, "manifest", &manifest, thorough) {
                return Ok(Some(why));
            }
            whole(&manifest.digest);
            let named = match read_limited(&blobs.path(&manifest.digest), MANIFEST_LIMIT) {
                Ok(bytes) => children(&bytes, &manifest.media_type),
                Err(e) => Err(e.to_string()),
            };
            let named = match named {
                Ok(named) => named,
                Err(why) => return Ok(Some(format!("manifest {} {why}", manifest.digest.short()))),
            };
            for blob in &named.blobs {
                if cancel.is_cancelled() {
                    return Err(OciError::new(
                        ErrorKind::Cancelled,
                        "check",
                        root.digest.short(),
                        "stopped",
                    ));
                }
                if !visited.insert(blob.digest.clone()) {
                    continue;
                }
                if let Some(why) = one(blobs, "blob", blob, thorough) {
                    return Ok(Some(why));
                }
                whole(&blob.digest);
            }
            below.extend(
                named
                    .manifests
                    .into_iter()
                    .filter(|child| visited.insert(child.digest.clone())),
            );
            if visited.len() > MANIFESTS_LIMIT {
                return Ok(Some("names too many manifests".to_owned()));
            }
        }
        if below.is_empty() {
            return Ok(None);
        }
        level = below;
    }
    Ok(Some(format!("manifests nest deeper than {DEPTH_LIMIT} levels")))
}

fn one(blobs: &Blobs, what: &str, blob: &Descriptor, thorough: bool) -> Option<String> {
    let why = match blobs.state(blob, thorough) {
        Ok(State::Whole) => return None,
        Ok(State::Missing) => "is missing".to_owned(),
        Ok(State::Damaged(why)) => why,
        // A blob that cannot be read is of no use, whatever the reason; writing it anew tells more.
        Err(e) => format!("cannot be read: {e}"),
    };
    Some(format!("{what} {} {why}", blob.digest.short()))
}
