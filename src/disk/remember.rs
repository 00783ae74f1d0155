//! What this machine remembers of disk images between runs: what a file held when it was read, and what a blob was seen to hold.
//!
//! Both are only short cuts. A scan counts while the file is the same; a receipt while the blob's entity tag is.

use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Receipt;
use crate::digest::Digest;
use crate::durable::{self, Sync};
use crate::vhd::{FileIdentity, Scanned};

/// A change so soon after another may leave the same time behind: a scan is kept only of files that are older.
const RACY: Duration = Duration::from_millis(50);

/// A scan that is longer than this (some 8 million runs) costs more to keep than to repeat.
const LARGEST_SCAN: u64 = 200 << 20;

/// What a file held, if it is still the same file.
pub fn scan(state: &Utf8Path, file: &Utf8Path) -> Option<Scanned> {
    let path = scan_path(state, file)?;
    if std::fs::metadata(&path).ok()?.len() > LARGEST_SCAN {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    // The seal comes first: it is of fixed length.
    let end = bytes.iter().take(128).position(|byte| *byte == b'\n')?;
    let (seal, body) = (bytes.get(..end)?, bytes.get(end + 1..)?);
    if Digest::of(body).as_str().as_bytes() != seal {
        return None;
    }
    let scanned = Scanned::from_bytes(body)?;
    (FileIdentity::of(file).ok()? == scanned.identity).then_some(scanned)
}

/// Keeps what a file holds. A failure costs only the time to read it again.
pub async fn keep_scan(state: &Utf8Path, file: &Utf8Path, scanned: &Scanned) {
    let Some(path) = scan_path(state, file) else { return };
    let newest = scanned.identity.modified.max(scanned.identity.changed);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let age = i128::try_from(now).unwrap_or(i128::MAX) - newest;
    let racy = i128::try_from(RACY.as_nanos()).unwrap_or_default();
    if age < racy {
        tokio::time::sleep(RACY).await;
        // Written meanwhile, or its time lies ahead.
        if age < 0 || FileIdentity::of(file).ok().as_ref() != Some(&scanned.identity) {
            return;
        }
    }
    let body = scanned.to_bytes();
    if body.len() as u64 + 128 > LARGEST_SCAN {
        return;
    }
    let sealed = [format!("{}\n", Digest::of(&body)).into_bytes(), body].concat();
    let _ = tokio::task::spawn_blocking(move || durable::write(&path, &sealed, Sync::No)).await;
}

/// By the whole path, so that two files do not take turns.
fn scan_path(state: &Utf8Path, file: &Utf8Path) -> Option<Utf8PathBuf> {
    let whole = file.canonicalize_utf8().ok()?;
    let name = Digest::of(whole.as_str().as_bytes());
    Some(state.join("scans").join(name.short()))
}

/// A receipt and whose it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kept {
    blob: String,
    receipt: Receipt,
}

/// What is remembered of a blob, by its label: host, container and name.
pub fn receipt(state: &Utf8Path, blob: &str) -> Option<Receipt> {
    let text = durable::read_sealed(&receipt_path(state, blob))?;
    let kept: Kept = serde_json::from_str(&text).ok()?;
    (kept.blob == blob).then_some(kept.receipt)
}

/// Remembers a blob that was proven. A failure costs only a closer look in the next run.
pub fn keep_receipt(state: &Utf8Path, blob: &str, kept: &Receipt) {
    if receipt(state, blob).as_ref() == Some(kept) {
        return;
    }
    let kept = Kept {
        blob: blob.to_owned(),
        receipt: kept.clone(),
    };
    if let Ok(text) = serde_json::to_string(&kept) {
        let _ = durable::write_sealed(&receipt_path(state, blob), &format!("{text}\n"), Sync::No);
    }
}

fn receipt_path(state: &Utf8Path, blob: &str) -> Utf8PathBuf {
    state
        .join("disks")
        .join(format!("{}.json", Digest::of(blob.as_bytes()).short()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use std::sync::Arc;

    use super::*;
    use crate::blob::Etag;
    use crate::vhd::ContentDigest;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    #[tokio::test]
    async fn a_scan_counts_until_the_file_changes_or_the_memory_is_damaged() {
        let (_held, state) = folder();
        let file = state.join("disk.vhd");
        let mut bytes = vec![0_u8; 4096];
        bytes[4000] = 1;
        std::fs::write(&file, &bytes).unwrap();
        let cancel = tokio_util::sync::CancellationToken::new();
        let scanned = crate::vhd::scan(&file, Arc::new(|_, _| {}), &cancel).await.unwrap();
        assert_eq!(scan(&state, &file), None);
        keep_scan(&state, &file, &scanned).await;
        assert_eq!(scan(&state, &file), Some(scanned.clone()));
        let kept = scan_path(&state, &file).unwrap();
        let whole = std::fs::read(&kept).unwrap();
        for at in [0, 40, 80, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&kept, damaged).unwrap();
            assert_eq!(scan(&state, &file), None, "damage at {at}");
        }
        std::fs::write(&kept, &whole).unwrap();
        std::fs::write(&file, vec![1_u8; 4096]).unwrap();
        assert_eq!(scan(&state, &file), None, "another content");
    }

    #[test]
    fn a_receipt_is_that_of_its_blob() {
        let (_held, state) = folder();
        let kept = Receipt {
            etag: Etag("\"1\"".into()),
            digest: ContentDigest(Digest::of(b"x")),
            length: 512,
        };
        keep_receipt(&state, "host/c/b", &kept);
        assert_eq!(receipt(&state, "host/c/b"), Some(kept));
        assert_eq!(receipt(&state, "host/c/other"), None);
        std::fs::rename(receipt_path(&state, "host/c/b"), receipt_path(&state, "host/c/other")).unwrap();
        assert_eq!(receipt(&state, "host/c/other"), None, "another blob's");
    }
}
