//! The end of a copy: proven as far as can be, then it may say what it holds.

use std::collections::BTreeMap;

use super::key::COPY;
use super::origin::FOOTER;
use super::{Copied, CopyReceipt, Copying, Way, matching};
use crate::blob::{BlobKind, BlobProperties, Condition};
use crate::digest::Digest;
use crate::disk::Verify;
use crate::disk::marks;
use crate::disk::readable::Readable;
use crate::fault::{Fault, Kind};
use crate::vhd::ContentDigest;

impl Copying<'_> {
    /// The copy was there before this run.
    pub(super) async fn there(&self, receipt: CopyReceipt) -> Result<Copied, Fault> {
        if receipt.digest.is_none() && (self.options.verify == Verify::Full || self.origin.digest.is_some()) {
            // An earlier run was cut off before it could say what it holds, or nobody has read it yet.
            return self.arrived(Way::There).await;
        }
        if self.options.verify == Verify::Full {
            let there = self.properties().await?;
            self.read_back(&there, receipt.digest.as_ref()).await?;
        }
        self.intents.remove();
        Ok(Copied {
            receipt,
            way: Way::There,
            sent: 0,
            resumed: 0,
        })
    }

    /// The service says that the copy has succeeded.
    pub(super) async fn arrived(&self, way: Way) -> Result<Copied, Fault> {
        let there = self.properties().await?;
        self.check(&there).await?;
        let digest = match self.options.verify {
            Verify::Full => Some(self.read_back(&there, self.origin.digest.as_ref()).await?),
            Verify::Quick => self.origin.digest.clone(),
        };
        let receipt = self.sign(&there, digest, &matching(&there.etag)).await?;
        self.intents.remove();
        Ok(Copied {
            receipt,
            way,
            sent: 0,
            resumed: 0,
        })
    }

    async fn properties(&self) -> Result<BlobProperties, Fault> {
        self.blob.properties(self.job).await?.ok_or_else(|| {
            self.fault(Kind::StepsFailed, "somebody deleted it right after it was copied")
                .hint("run this again")
        })
    }

    /// Type, size and footer.
    async fn check(&self, there: &BlobProperties) -> Result<(), Fault> {
        let differs = |what: String| {
            self.fault(Kind::StepsFailed, &what)
                .hint("find out who else writes there, then run this again with --replace")
        };
        if let BlobKind::Other(kind) = &there.kind {
            return Err(differs(format!("what arrived is a {kind}, not a page blob")));
        }
        if there.length != self.origin.length {
            return Err(differs(format!(
                "what arrived has {} bytes, the source {}",
                there.length, self.origin.length
            )));
        }
        let range = there.length.saturating_sub(FOOTER)..there.length;
        let footer = self.blob.read(range, &matching(&there.etag), self.job).await?;
        if Digest::of(&footer) != self.origin.footer {
            return Err(differs("what arrived has another footer than the source".to_owned()));
        }
        Ok(())
    }

    /// Reads everything back; other content than this is an error.
    async fn read_back(&self, there: &BlobProperties, wanted: Option<&ContentDigest>) -> Result<ContentDigest, Fault> {
        let readable = Readable::blob(self.blob, &there.etag);
        let hashes = readable.hashes(there.length, self.options.parallel, self.job).await?;
        let digest = hashes
            .digest(there.length)
            .ok_or_else(|| Fault::bug("an image without a content digest"))?;
        match wanted {
            Some(wanted) if *wanted != digest => Err(self
                .fault(
                    Kind::StepsFailed,
                    &format!("its content is {}, and should be {}", digest.short(), wanted.short()),
                )
                .hint("run this again with --replace")),
            _ => Ok(digest),
        }
    }

    /// Has the blob say what it holds, where it does not yet.
    pub(super) async fn sign(
        &self,
        there: &BlobProperties,
        digest: Option<ContentDigest>,
        condition: &Condition,
    ) -> Result<CopyReceipt, Fault> {
        let mut metadata: BTreeMap<String, String> = match &digest {
            Some(digest) => marks::finished(&there.metadata, digest),
            None => there.metadata.clone(),
        };
        metadata.retain(|name, _| !name.eq_ignore_ascii_case(COPY));
        metadata.insert(COPY.to_owned(), self.origin.key().to_string());
        let etag = if metadata == there.metadata {
            there.etag.clone()
        } else {
            self.blob.set_metadata(&metadata, condition, self.job).await?
        };
        Ok(CopyReceipt {
            etag,
            key: self.origin.key(),
            length: there.length,
            digest,
        })
    }
}
