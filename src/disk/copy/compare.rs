//! A blob that may or may not be the copy that is wanted: compared with the source, both read whole.

use super::{Copied, Copying, Way, matching};
use crate::blob::Etag;
use crate::disk::readable::Readable;
use crate::fault::{Fault, Kind};
use crate::vhd::content::piece_range;

impl Copying<'_> {
    /// Makes the blob ours if its content is that of the source; else says where they differ, or replaces it where that is
    /// allowed.
    pub(super) async fn adopt(&self, etag: &Etag, why: &str) -> Result<Copied, Fault> {
        let length = self.origin.length;
        let (held, wanted) = (Readable::blob(self.blob, etag), self.origin.readable(self.source));
        let parallel = self.options.parallel.div_ceil(2);
        let (held, wanted) = tokio::try_join!(
            held.hashes(length, parallel, self.job),
            wanted.hashes(length, parallel, self.job)
        )?;
        if let Some(index) = held.first_difference(&wanted, length) {
            let at = piece_range(index, length);
            let why = format!(
                "{why}, and it differs from the source within bytes {} to {}",
                at.start, at.end
            );
            return self.replace(etag, &why, "--replace overwrites it").await;
        }
        let there = self
            .blob
            .properties(self.job)
            .await?
            .filter(|there| there.etag == *etag);
        let there = there.ok_or_else(|| {
            self.fault(Kind::StepsFailed, "somebody wrote to it while it was compared")
                .hint("run this again")
        })?;
        let receipt = self.sign(&there, held.digest(length), &matching(etag)).await?;
        self.intents.remove();
        Ok(Copied {
            receipt,
            way: Way::There,
            sent: 0,
            resumed: 0,
        })
    }
}
