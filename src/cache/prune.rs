//! Keeping the cache small: entries are roots, newest first; contents nobody names go.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use super::ActionResult;
use crate::digest::Digest;
use crate::durable;
use crate::fault::{Fault, Kind};

/// Contents younger than this are spared even when nothing names them: a run may be about to.
const GRACE: Duration = Duration::from_secs(3600);

/// What to keep.
#[derive(Debug, Clone, Copy)]
pub struct PruneLimits {
    /// Bytes of contents at most.
    pub max_size: u64,
    /// Entries older than this go.
    pub max_age: Option<Duration>,
}

/// What pruning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Entries kept.
    pub kept: u64,
    /// Entries removed.
    pub removed: u64,
    /// Bytes freed.
    pub bytes_freed: u64,
    /// Bytes that remain.
    pub bytes_kept: u64,
}

/// Removes what the limits do not allow. Refused (exit 6) while a run uses the cache.
pub fn prune(root: &Utf8Path, limits: PruneLimits) -> Result<PruneReport, Fault> {
    let mut report = PruneReport::default();
    if !root.is_dir() {
        return Ok(report);
    }
    let fail = |e: std::io::Error| {
        Fault::infrastructure(format!("cannot prune the cache {root}"))
            .because(e)
            .hint("check that the folder may be written, or remove it whole: it is made again")
    };
    let lock = File::options()
        .create(true)
        .read(true)
        .append(true)
        .open(root.join("lock"))
        .map_err(fail)?;
    if lock.try_lock().is_err() {
        return Err(Fault::new(Kind::LockHeld, format!("the cache is in use: {root}"))
            .hint("wait for the other run to end, then prune again"));
    }
    super::cas::sweep(root);
    let now = SystemTime::now();
    let mut entries: Vec<(SystemTime, Utf8PathBuf)> = files(&root.join("ac"));
    entries.sort_by(|a, b| b.cmp(a));
    let mut keep = BTreeSet::new();
    for (modified, path) in entries {
        let age = now.duration_since(modified).unwrap_or_default();
        let result = fs::read(&path).ok().and_then(|bytes| ActionResult::parse(&bytes));
        let named = path
            .file_name()
            .and_then(|hex| Digest::from_sha256_hex(hex).ok())
            .zip(result);
        let fits = named.and_then(|(key, result)| {
            let mut parts: BTreeSet<String> = result.outputs.iter().map(|o| o.digest.hex().to_owned()).collect();
            let size: u64 = result
                .outputs
                .iter()
                .filter(|o| !keep.contains(o.digest.hex()))
                .map(|o| o.size)
                .sum();
            parts.insert(key.hex().to_owned());
            let young = limits.max_age.is_none_or(|max| age <= max);
            (young && report.bytes_kept.saturating_add(size) <= limits.max_size).then_some((parts, size))
        });
        if let Some((parts, size)) = fits {
            keep.extend(parts);
            report.kept += 1;
            report.bytes_kept += size;
        } else {
            durable::remove_file(&path).map_err(fail)?;
            report.removed += 1;
        }
    }
    for (modified, path) in files(&root.join("cas")) {
        let young = now.duration_since(modified).unwrap_or_default() < GRACE && limits.max_size > 0;
        if !young && path.file_name().is_none_or(|name| !keep.contains(name)) {
            report.bytes_freed += fs::metadata(&path).map_or(0, |meta| meta.len());
            durable::remove_file(&path).map_err(fail)?;
        }
    }
    Ok(report)
}

/// All files two levels down.
fn files(folder: &Utf8Path) -> Vec<(SystemTime, Utf8PathBuf)> {
    let list = |folder: &Utf8Path| -> Vec<Utf8PathBuf> {
        folder
            .read_dir_utf8()
            .map(|dir| dir.flatten().map(|e| e.path().to_owned()).collect())
            .unwrap_or_default()
    };
    list(folder)
        .iter()
        .flat_map(|shard| list(shard))
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::super::{Cache, KeyDocument};
    use super::*;
    use crate::event::Silent;
    use std::sync::Arc;

    #[test]
    fn pruning_to_nothing_leaves_a_cache_that_still_works() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().join("cache")).unwrap();
        let document = KeyDocument::new("render", 1);
        {
            let cache = Cache::open(&root, Arc::new(Silent)).unwrap();
            cache.store(&document, &[("a", b"12345")]).unwrap();
            let held = prune(
                &root,
                PruneLimits {
                    max_size: 0,
                    max_age: None,
                },
            )
            .unwrap_err();
            assert_eq!(held.kind(), Kind::LockHeld);
        }
        let report = prune(
            &root,
            PruneLimits {
                max_size: 0,
                max_age: None,
            },
        )
        .unwrap();
        assert_eq!((report.kept, report.removed), (0, 1));
        let cache = Cache::open(&root, Arc::new(Silent)).unwrap();
        assert_eq!(cache.lookup(&document.key()), None);
        cache.store(&document, &[("a", b"12345")]).unwrap();
        assert!(cache.lookup(&document.key()).is_some());
    }

    #[test]
    fn what_fits_is_kept_whole() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().join("cache")).unwrap();
        let document = KeyDocument::new("render", 1);
        Cache::open(&root, Arc::new(Silent))
            .unwrap()
            .store(&document, &[("a", b"12345")])
            .unwrap();
        let report = prune(
            &root,
            PruneLimits {
                max_size: 1 << 20,
                max_age: None,
            },
        )
        .unwrap();
        assert_eq!((report.kept, report.removed, report.bytes_kept), (1, 0, 5));
        assert!(
            Cache::open(&root, Arc::new(Silent))
                .unwrap()
                .lookup(&document.key())
                .is_some()
        );
    }
}
