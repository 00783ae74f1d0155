//! What a stale upload step does: send a file, or have the service copy what a URL names.

use std::sync::Arc;

use super::effects::Running;
use crate::blob::PageBlob;
use crate::disk::{self, CopyOptions, UploadOptions, Verify, remember};
use crate::event::Event;
use crate::fault::{Fault, Faults};
use crate::plan::{DiskContent, DiskStores, DiskTarget, Effect, PlanStep, Target};
use crate::project::DiskProof;

impl Running {
    /// Puts a disk image into its container. What is remembered of it is written at once, after it was proven, so that a kill
    /// later does not lose it.
    pub(super) async fn put_disk(&self, target: &Target, step: &PlanStep, disk: &DiskTarget) -> Result<(), Fault> {
        if self.session.mode.offline {
            return Err(
                Fault::infrastructure(format!("--offline forbids writing to the store {}", target.store_name))
                    .hint("run without --offline"),
            );
        }
        let (Some(stores), Some(blob), Some(content)) = (&self.planned.world.disks, &disk.blob, &disk.content) else {
            return Err(Fault::bug("its container is not open"));
        };
        let Some(account) = stores.account(target.store) else {
            return Err(Fault::bug("its store is no storage account"));
        };
        let verify = self.planned.verify.unwrap_or(match account.verify {
            DiskProof::Quick => Verify::Quick,
            DiskProof::Full => Verify::Full,
        });
        let replace = disk.replace.clone().filter(|_| step.effect == Effect::Replace);
        let state = self.session.state.root().to_owned();
        match content {
            DiskContent::File { path, scanned, .. } => {
                let options = UploadOptions {
                    parallel: account.parallel,
                    md5: account.md5,
                    verify,
                    replace,
                    state,
                };
                let _turn = self.turn(stores, target.store).await?;
                let uploaded = disk::upload(blob, path, scanned, &options, &self.job).await?;
                remember::keep_receipt(self.session.state.root(), &blob.label(), &uploaded.receipt);
                self.tell(
                    blob,
                    &format!(
                        "{} bytes sent, {} there from an earlier run, {} zero",
                        uploaded.sent, uploaded.resumed, uploaded.zero
                    ),
                );
            }
            DiskContent::Copy { source, .. } => {
                let options = CopyOptions {
                    stream: false,
                    parallel: account.parallel,
                    verify,
                    replace,
                    state,
                };
                // The service does the work, so copies need no turn. It remembers by itself.
                let copied = disk::copy(source, blob, &options, &self.job).await.map_err(first)?;
                self.tell(blob, &format!("copied, {} bytes through this machine", copied.sent));
            }
        }
        Ok(())
    }

    /// Waits until no other upload to the store runs; see [`DiskStores::turn`].
    async fn turn(&self, stores: &DiskStores, store: usize) -> Result<tokio::sync::OwnedSemaphorePermit, Fault> {
        let Some(turns) = stores.turn(store) else {
            return Err(Fault::bug("its store is no storage account"));
        };
        tokio::select! {
            biased;
            () = self.job.cancel.cancelled() => Err(stopped()),
            turn = Arc::clone(&turns).acquire_owned() => turn.map_err(|_| stopped()),
        }
    }

    fn tell(&self, blob: &PageBlob, what: &str) {
        self.session
            .events
            .emit(Event::Detail(format!("{}: {what}", blob.label())));
    }
}

fn stopped() -> Fault {
    Fault::new(crate::fault::Kind::Interrupted, "stopped before it began")
}

/// One fault for several: the first error, with the others below it.
fn first(faults: Faults) -> Fault {
    let mut errors = faults.into_iter().filter(Fault::is_error);
    let Some(first) = errors.next() else {
        return Fault::bug("copying failed without a word");
    };
    errors.fold(first, Fault::because)
}
