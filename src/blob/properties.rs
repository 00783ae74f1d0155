//! What the service says of a blob, and what may be asked of it as a condition.

use std::collections::BTreeMap;

use azure_storage_blob::models::CopyStatus as AzureCopyStatus;

use super::scrub::scrub;

/// An entity tag, as the service gave it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Etag(pub String);

/// What must hold for a request to be carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// The blob is still this one.
    pub if_match: Option<Etag>,
    /// Nothing is there yet.
    pub if_absent: bool,
    /// The lease that is held.
    pub lease: Option<String>,
}

impl Condition {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// The blob is still this one.
    pub fn matches(etag: &Etag) -> Self {
        Self {
            if_match: Some(etag.clone()),
            ..Self::default()
        }
    }

    /// Nothing is there yet.
    pub fn absent() -> Self {
        Self {
            if_absent: true,
            ..Self::default()
        }
    }

    /// Under this lease.
    pub fn leased(lease: &Lease) -> Self {
        Self {
            lease: Some(lease.id.clone()),
            ..Self::default()
        }
    }
}

/// The type of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobKind {
    /// A page blob.
    Page,
    /// Another type, by its name.
    Other(String),
}

/// How far a copy by the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyStatus {
    /// Under way.
    Pending,
    /// Done.
    Success,
    /// Aborted.
    Aborted,
    /// It failed.
    Failed,
}

/// A copy by the service, as the blob's properties tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyState {
    /// Its id.
    pub id: String,
    /// How it is.
    pub status: CopyStatus,
    /// Bytes done and in all, where the service says so.
    pub progress: Option<(u64, u64)>,
    /// The service's reason.
    pub reason: Option<String>,
    /// Where from, without query.
    pub source: Option<String>,
}

/// What the service says of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobProperties {
    /// Its type.
    pub kind: BlobKind,
    /// Bytes.
    pub length: u64,
    /// Entity tag.
    pub etag: Etag,
    /// Metadata; names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// MD5 that somebody set, base64.
    pub md5: Option<String>,
    /// The last copy into it.
    pub copy: Option<CopyState>,
    /// Is it leased by somebody?
    pub leased: bool,
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its id (a GUID of our choice).
    pub id: String,
}

/// The headers of an answer, by name in lower case.
pub(super) struct Told<'a>(pub &'a azure_core::http::headers::Headers);

impl Told<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(held, _)| held.as_str().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The entity tag.
    pub(super) fn etag(&self) -> Option<Etag> {
        self.get("etag").map(|text| Etag(text.to_owned()))
    }

    /// Everything that is said of a blob; the error names what is missing.
    pub(super) fn properties(&self) -> Result<BlobProperties, String> {
        let need = |name: &str| self.get(name).ok_or_else(|| format!("the answer has no {name}"));
        let length = need("content-length")?;
        let metadata = self
            .0
            .iter()
            .filter_map(|(name, value)| {
                let name = name.as_str().to_ascii_lowercase();
                let name = name.strip_prefix("x-ms-meta-")?;
                Some((name.to_owned(), value.as_str().to_owned()))
            })
            .collect();
        Ok(BlobProperties {
            kind: match need("x-ms-blob-type")? {
                "PageBlob" => BlobKind::Page,
                other => BlobKind::Other(other.to_owned()),
            },
            length: length.parse().map_err(|_| format!("{length:?} is no length"))?,
            etag: self.etag().ok_or("the answer has no etag")?,
            metadata,
            md5: self.get("content-md5").map(str::to_owned),
            copy: self.copy()?,
            leased: self.get("x-ms-lease-status") == Some("locked"),
        })
    }

    /// The last copy, where there was one.
    fn copy(&self) -> Result<Option<CopyState>, String> {
        let (Some(id), Some(status)) = (self.get("x-ms-copy-id"), self.get("x-ms-copy-status")) else {
            return Ok(None);
        };
        let progress = self.get("x-ms-copy-progress").and_then(|text| {
            let (done, all) = text.split_once('/')?;
            Some((done.parse().ok()?, all.parse().ok()?))
        });
        Ok(Some(CopyState {
            id: id.to_owned(),
            status: copy_status(status)?,
            progress,
            reason: self.get("x-ms-copy-status-description").map(scrub),
            source: self
                .get("x-ms-copy-source")
                .and_then(|text| text.split('?').next())
                .map(str::to_owned),
        }))
    }

    /// The copy that was just started.
    pub(super) fn started_copy(&self, source: &url::Url) -> Result<CopyState, String> {
        let need = |name: &str| self.get(name).ok_or_else(|| format!("the answer has no {name}"));
        Ok(CopyState {
            id: need("x-ms-copy-id")?.to_owned(),
            status: copy_status(need("x-ms-copy-status")?)?,
            progress: None,
            reason: None,
            source: Some(source.to_string()),
        })
    }
}

fn copy_status(text: &str) -> Result<CopyStatus, String> {
    match text.parse::<AzureCopyStatus>() {
        Ok(AzureCopyStatus::Pending) => Ok(CopyStatus::Pending),
        Ok(AzureCopyStatus::Success) => Ok(CopyStatus::Success),
        Ok(AzureCopyStatus::Aborted) => Ok(CopyStatus::Aborted),
        Ok(AzureCopyStatus::Failed) => Ok(CopyStatus::Failed),
        Err(_) => Err(format!("{text:?} is no status of a copy")),
    }
}
