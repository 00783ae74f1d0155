//! What this machine remembers of copies that it saw arrive: a short cut to noticing that somebody wrote since, nothing more.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::CopyReceipt;
use crate::digest::Digest;
use crate::durable::{self, Sync};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kept {
    blob: String,
    receipt: CopyReceipt,
}

/// What is remembered of the copy in a blob, by its label: host, container and name.
pub fn copy_receipt(state: &Utf8Path, blob: &str) -> Option<CopyReceipt> {
    let text = durable::read_sealed(&path(state, blob))?;
    let kept: Kept = serde_json::from_str(&text).ok()?;
    (kept.blob == blob).then_some(kept.receipt)
}

/// Remembers a copy. A failure costs only a chance to notice that somebody wrote since.
pub fn keep_receipt(state: &Utf8Path, blob: &str, receipt: &CopyReceipt) {
    if copy_receipt(state, blob).as_ref() == Some(receipt) {
        return;
    }
    let kept = Kept {
        blob: blob.to_owned(),
        receipt: receipt.clone(),
    };
    if let Ok(text) = serde_json::to_string(&kept) {
        let _ = durable::write_sealed(&path(state, blob), &format!("{text}\n"), Sync::No);
    }
}

fn path(state: &Utf8Path, blob: &str) -> Utf8PathBuf {
    state
        .join("copied")
        .join(format!("{}.json", Digest::of(blob.as_bytes()).short()))
}
