//! What `vhd upload`, `vhd copy`, `vhd download` and `vhd show` print as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::marks::Marks;
use super::{Copied, Downloaded, Receipt, Uploaded, Way};
use crate::blob::{BlobKind, BlobProperties, CopyStatus};
use crate::vhd::VhdName;

/// One disk image in a storage account, and what was done about it: `aosm-vhd/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct VhdDocument {
    /// `aosm-vhd/1`.
    pub format: &'static str,
    /// What became of it.
    pub outcome: VhdOutcome,
    /// Host, container and blob.
    pub blob: String,
    /// Artifact name, where the blob was found by it.
    pub name: Option<String>,
    /// Artifact version, likewise.
    pub version: Option<String>,
    /// The file on this machine.
    pub file: Option<String>,
    /// Type of the blob: `page`, or another one by its name.
    pub r#type: Option<String>,
    /// Bytes.
    pub length: Option<u64>,
    /// Content digest: what was proven, or what the blob's metadata claims.
    pub digest: Option<String>,
    /// Entity tag.
    pub etag: Option<String>,
    /// MD5 property, base64.
    pub md5: Option<String>,
    /// Does somebody hold its lease?
    pub leased: Option<bool>,
    /// An upload that has not ended.
    pub upload: Option<UploadEntry>,
    /// The last copy into it by the service.
    pub copy: Option<CopyEntry>,
    /// Where it was copied from, without query.
    pub source: Option<String>,
    /// How it was copied: `by-service`, `joined` (the service was at it already), `streamed` (through this machine).
    pub way: Option<&'static str>,
    /// Bytes that are not zero, as far as runs of pages tell.
    pub data_bytes: Option<u64>,
    /// Bytes moved by this run.
    pub bytes_moved: u64,
    /// Bytes that an earlier run had moved.
    pub bytes_resumed: u64,
    /// Requests made.
    pub requests: u64,
}

/// What became of a disk image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VhdOutcome {
    /// Nothing was to be done about it: it was only looked at.
    Shown,
    /// Nothing is there.
    Absent,
    /// It was there already.
    Present,
    /// It was sent.
    Uploaded,
    /// It was copied.
    Copied,
    /// It was fetched.
    Downloaded,
}

/// An upload that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct UploadEntry {
    /// The content digest it will have, where that can be read.
    pub digest: Option<String>,
    /// When it began, UTC, where that can be read.
    pub begun: Option<String>,
}

/// A copy by the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CopyEntry {
    /// Its id.
    pub id: String,
    /// `pending`, `success`, `aborted` or `failed`.
    pub status: &'static str,
    /// Bytes copied so far.
    pub bytes_done: Option<u64>,
    /// Bytes in all.
    pub bytes_total: Option<u64>,
    /// The service's reason.
    pub reason: Option<String>,
    /// Where from, without query.
    pub source: Option<String>,
}

impl VhdDocument {
    /// A blob of which nothing is known yet.
    pub fn new(outcome: VhdOutcome, blob: &str, name: Option<&VhdName>) -> Self {
        Self {
            format: "aosm-vhd/1",
            outcome,
            blob: blob.to_owned(),
            name: name.map(|name| name.artifact.clone()),
            version: name.map(|name| name.version.clone()),
            file: None,
            r#type: None,
            length: None,
            digest: None,
            etag: None,
            md5: None,
            leased: None,
            upload: None,
            copy: None,
            source: None,
            way: None,
            data_bytes: None,
            bytes_moved: 0,
            bytes_resumed: 0,
            requests: 0,
        }
    }

    /// With what the service says of it.
    #[must_use]
    pub fn properties(mut self, properties: &BlobProperties) -> Self {
        let marks = Marks::of(&properties.metadata);
        self.r#type = Some(match &properties.kind {
            BlobKind::Page => "page".to_owned(),
            BlobKind::Other(kind) => kind.clone(),
        });
        self.length = Some(properties.length);
        self.etag = Some(properties.etag.0.clone());
        self.md5.clone_from(&properties.md5);
        self.leased = Some(properties.leased);
        self.upload = marks.unfinished.then(|| UploadEntry {
            digest: marks.upload.as_ref().map(|mark| mark.digest.to_string()),
            begun: marks.upload.as_ref().and_then(|mark| mark.id.begun()),
        });
        // An unfinished blob claims nothing, whatever else its metadata says.
        self.digest = marks
            .digest
            .filter(|_| !marks.unfinished)
            .map(|digest| digest.to_string());
        self.copy = properties.copy.as_ref().map(|copy| CopyEntry {
            id: copy.id.clone(),
            status: match copy.status {
                CopyStatus::Pending => "pending",
                CopyStatus::Success => "success",
                CopyStatus::Aborted => "aborted",
                CopyStatus::Failed => "failed",
            },
            bytes_done: copy.progress.map(|(done, _)| done),
            bytes_total: copy.progress.map(|(_, total)| total),
            reason: copy.reason.clone(),
            source: copy.source.clone(),
        });
        self
    }

    /// With what was proven to be there.
    #[must_use]
    pub fn receipt(mut self, receipt: &Receipt) -> Self {
        self.r#type = Some("page".to_owned());
        self.length = Some(receipt.length);
        self.digest = Some(receipt.digest.to_string());
        self.etag = Some(receipt.etag.0.clone());
        self
    }

    /// With what a copy did.
    #[must_use]
    pub fn copied(mut self, copied: &Copied) -> Self {
        self.r#type = Some("page".to_owned());
        self.length = Some(copied.receipt.length);
        self.digest = copied.receipt.digest.as_ref().map(ToString::to_string);
        self.etag = Some(copied.receipt.etag.0.clone());
        self.way = match copied.way {
            Way::There => None,
            Way::ByService => Some("by-service"),
            Way::Joined => Some("joined"),
            Way::Streamed => Some("streamed"),
        };
        self.bytes_moved = copied.sent;
        self.bytes_resumed = copied.resumed;
        self
    }

    /// With what a download did.
    #[must_use]
    pub fn downloaded(self, downloaded: &Downloaded) -> Self {
        let mut document = self.receipt(&downloaded.receipt);
        document.md5.clone_from(&downloaded.md5);
        document.data_bytes = Some(downloaded.fetched + downloaded.resumed);
        document.bytes_moved = downloaded.fetched;
        document.bytes_resumed = downloaded.resumed;
        document
    }

    /// With what an upload did.
    #[must_use]
    pub fn uploaded(self, uploaded: &Uploaded) -> Self {
        let mut document = self.receipt(&uploaded.receipt);
        document.data_bytes = Some(uploaded.receipt.length.saturating_sub(uploaded.zero));
        document.bytes_moved = uploaded.sent;
        document.bytes_resumed = uploaded.resumed;
        document
    }
}
