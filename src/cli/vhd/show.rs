//! `vhd show`: what a storage account holds under a name.

use clap::Args;

use super::place::{self, PlaceArgs};
use crate::blob::{BlobKind, Condition};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::disk::{VhdDocument, VhdOutcome, ranges};
use crate::fault::Fault;
use crate::oci::Job;
use crate::report::vhd::shown;

/// Flags of `vhd show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build vhd show disks:ubuntu-vm-vhd:1-0-0
  aosm-build vhd show ubuntu-vm-vhd:1-0-0 --sas-env DISKS_SAS
  aosm-build vhd show --sas-file container.url --blob anything.vhd --json")]
pub struct ShowArgs {
    /// Which: STORE:NAME:VERSION, or NAME:VERSION with a signature
    #[arg(value_name = "DEST")]
    pub destination: Option<String>,
    /// How the container is opened.
    #[command(flatten)]
    pub place: PlaceArgs,
}

pub async fn run(context: &Context, args: &ShowArgs) -> Ended {
    let place = place::open(context, args.destination.as_deref(), &args.place, None).await?;
    let job = Job::new("vhd show", context.screen.events(), context.cancel.clone());
    let blob = &place.blob;
    let found = blob.properties(&job).await.map_err(Fault::from)?;
    let there = found.is_some();
    let outcome = if there { VhdOutcome::Shown } else { VhdOutcome::Absent };
    let mut document = VhdDocument::new(outcome, &blob.label(), place.name.as_ref());
    if let Some(found) = found {
        document = document.properties(&found);
        if found.kind == BlobKind::Page {
            // Not tied to the entity tag: an upload under way changes it all the time.
            let present = blob.page_ranges(None, &Condition::none(), &job).await;
            document.data_bytes = Some(ranges::total(&present.map_err(Fault::from)?));
        }
    }
    document.requests = job.filled().requests;
    if context.screen.json() {
        context.screen.json_result(&document);
    } else if there {
        context.screen.result(&shown(&document));
    }
    if there {
        return Ok(0);
    }
    Err(Fault::invalid(format!("{}: nothing is there", blob.label()))
        .hint("`aosm-build vhd upload` puts a disk image there")
        .into())
}
