//! The source of a copy, looked at before anything moves: is it there, is it a disk image, which state of it is it?

use serde::{Deserialize, Serialize};

use super::key::CopyKey;
use crate::blob::{BlobKind, Etag, Remote, RemoteFacts};
use crate::digest::Digest;
use crate::disk::marks::Marks;
use crate::disk::readable::Readable;
use crate::fault::{Fault, Faults};
use crate::oci::Job;
use crate::vhd::{ContentDigest, check_parts};

/// Bytes of a footer.
pub const FOOTER: u64 = 512;

/// One state of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its URL without query.
    pub source: String,
    /// Its entity tag, where it has a strong one.
    pub etag: Option<Etag>,
    /// Bytes.
    pub length: u64,
    /// Digest of its last 512 bytes.
    pub footer: Digest,
    /// Is it a page blob? Only such can be copied by the service.
    pub page_blob: bool,
    /// What sort of thing it is, for messages: `PageBlob`, `BlockBlob`, `no blob`.
    pub kind: String,
    /// Digest of its content, where its metadata says so.
    pub digest: Option<ContentDigest>,
}

impl Origin {
    /// Looks at a source: two requests. What is wrong with the image is told as for a file.
    pub async fn look(source: &Remote, job: &Job) -> Result<Self, Faults> {
        let told = |error: crate::blob::BlobError| Faults::from(Fault::from(error));
        let (facts, head) = source.look(FOOTER, job).await.map_err(told)?;
        if let Some(why) = unfinished(&facts) {
            return Err(
                Fault::invalid(format!("copy from {}: {why}, so it is not whole", source.label()))
                    .hint("wait for its end, then run this again")
                    .into(),
            );
        }
        let footer_at = facts.length.saturating_sub(FOOTER);
        let footer = if facts.length > FOOTER {
            let range = footer_at..facts.length;
            source.read(range, facts.etag.as_ref(), job).await.map_err(told)?
        } else {
            head.clone()
        };
        let label = source.label();
        let name = label.rsplit('/').next().unwrap_or(&label);
        let problems = check_parts(name, facts.length, &head, &footer);
        if !problems.is_empty() {
            let fault = |problem: crate::vhd::Problem| {
                Fault::invalid(format!("copy from {label}: {}", problem.message)).hint(problem.repair)
            };
            return Err(problems.into_iter().map(fault).collect());
        }
        Ok(Self {
            source: source.url().place.to_string(),
            length: facts.length,
            footer: Digest::of(&footer),
            page_blob: facts.kind == Some(BlobKind::Page),
            kind: match facts.kind {
                Some(BlobKind::Page) => "PageBlob".to_owned(),
                Some(BlobKind::Other(kind)) => kind,
                None => "no blob".to_owned(),
            },
            digest: Marks::of(&facts.metadata).digest,
            etag: facts.etag,
        })
    }

    /// What a copy of it is known by.
    pub fn key(&self) -> CopyKey {
        CopyKey::of(&self.source, self.etag.as_ref(), self.length, &self.footer)
    }

    /// For reading all of it.
    pub fn readable(&self, source: &Remote) -> Readable {
        let kind = self.page_blob.then_some(BlobKind::Page);
        Readable::Remote(source.clone(), self.etag.clone(), kind)
    }
}

fn unfinished(facts: &RemoteFacts) -> Option<&'static str> {
    if facts.unfinished {
        Some("a copy into it is under way")
    } else if Marks::of(&facts.metadata).unfinished {
        Some("an upload to it has not ended")
    } else {
        None
    }
}
