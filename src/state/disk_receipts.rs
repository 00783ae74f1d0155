//! What this machine saw proven of disk images in storage accounts: lets a later run tell that somebody else wrote since, and
//! serves `--offline`.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::durable::{self, Sync};
use crate::fault::Fault;

/// One blob, as it was when its content was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiskReceipt {
    /// Store and name in the project: `disks/ubuntu-vm-vhd:1-0-0`.
    pub title: String,
    /// Entity tag.
    pub etag: String,
    /// Bytes.
    pub length: u64,
    /// Digest of its content, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// Of a copy: which state of which source it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<Digest>,
}

impl DiskReceipt {
    /// What a plan compares: the copy's key of a copy, else the content digest.
    pub fn wanted(&self) -> Option<&Digest> {
        self.copy.as_ref().or(self.content.as_ref())
    }
}

/// All of them, by blob (host, container and name).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DiskReceipts {
    blobs: BTreeMap<String, DiskReceipt>,
}

impl DiskReceipts {
    /// Reads them; absent or damaged: none.
    pub fn load(path: &Utf8Path) -> Self {
        durable::read_sealed(path)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// Writes them, if they differ from what is there.
    pub fn save(&self, path: &Utf8Path) -> Result<(), Fault> {
        if Self::load(path) == *self {
            return Ok(());
        }
        let text = format!("{}\n", serde_json::to_string(self).unwrap_or_default());
        durable::write_sealed(path, &text, Sync::No).map_err(|e| {
            Fault::infrastructure(format!("cannot write {path}"))
                .because(e)
                .hint("check free space and permissions of .aosm/state")
        })
    }

    /// What is remembered of a blob.
    pub fn get(&self, blob: &str) -> Option<&DiskReceipt> {
        self.blobs.get(blob)
    }

    /// What is remembered under a title, where nobody can say which blob that is: only if there is no doubt.
    pub fn titled(&self, title: &str) -> Option<&DiskReceipt> {
        let mut found = self.blobs.values().filter(|receipt| receipt.title == title);
        found.next().filter(|_| found.next().is_none())
    }

    /// A blob was proven.
    pub fn set(&mut self, blob: impl Into<String>, receipt: DiskReceipt) {
        self.blobs.insert(blob.into(), receipt);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    fn receipt(etag: &str) -> DiskReceipt {
        DiskReceipt {
            title: "disks/a-vhd:1-0-0".into(),
            etag: etag.into(),
            length: 512,
            content: Some(Digest::of(b"a")),
            copy: None,
        }
    }

    #[test]
    fn a_title_that_two_blobs_have_says_nothing() {
        let mut receipts = DiskReceipts::default();
        assert_eq!(receipts.titled("disks/a-vhd:1-0-0"), None);
        receipts.set("lab/c/a.vhd", receipt("1"));
        assert_eq!(receipts.titled("disks/a-vhd:1-0-0"), Some(&receipt("1")));
        receipts.set("production/c/a.vhd", receipt("2"));
        assert_eq!(receipts.titled("disks/a-vhd:1-0-0"), None);
        assert_eq!(receipts.get("lab/c/a.vhd"), Some(&receipt("1")));
    }

    #[test]
    fn a_flipped_byte_forgets_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("disks")).unwrap();
        let mut receipts = DiskReceipts::default();
        receipts.set("c/a.vhd", receipt("1"));
        receipts.save(&path).unwrap();
        assert_eq!(DiskReceipts::load(&path), receipts);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(DiskReceipts::load(&path), DiskReceipts::default());
    }
}
