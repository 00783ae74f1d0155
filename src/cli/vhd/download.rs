//! `vhd download`: a page blob becomes a file.

use std::num::NonZeroUsize;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::place::{self, Place, PlaceArgs};
use crate::blob::Right;
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::disk::{DownloadOptions, VhdDocument, VhdOutcome, download};
use crate::event::{Event, Phase};
use crate::fault::Fault;
use crate::oci::Job;
use crate::project::DISK_PARALLEL;
use crate::report::vhd::downloaded;

/// Flags of `vhd download`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build vhd download disks:ubuntu-vm-vhd:1-0-0
  aosm-build vhd download ubuntu-vm-vhd:1-0-0 --sas-env DISKS_SAS -o disk.vhd
  aosm-build vhd download --sas-file container.url --blob anything.vhd -o images/

Only what is not zero is fetched, and the file is sparse. A run that dies or is stopped is gone on with by the next one.")]
pub struct DownloadArgs {
    /// Which: STORE:NAME:VERSION, or NAME:VERSION with a signature
    #[arg(value_name = "SRC")]
    pub source: Option<String>,
    /// How the container is opened.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The file to write, or a folder to write it to [default: the blob's name, in the current folder]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<Utf8PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    /// Compare the MD5 property as well (costs about 2 seconds of CPU time a GiB)
    #[arg(long)]
    pub md5: bool,
    /// Pieces that are fetched at a time [default: what the store says, else 8]
    #[arg(long, value_name = "N", value_parser = crate::cli::units::at_least_one)]
    pub parallel: Option<NonZeroUsize>,
}

pub async fn run(context: &Context, args: &DownloadArgs) -> Ended {
    let parallel = args.parallel.map(NonZeroUsize::get);
    let place = place::open(context, args.source.as_deref(), &args.place, parallel).await?;
    place.open_state()?;
    let access = place.blob.container().access().await.map_err(Fault::from)?;
    access
        .check(&[Right::Read], std::time::SystemTime::now())
        .map_err(Fault::from)?;
    let shown = target(args, &place, &context.folder()?)?;
    let job = Job::new("vhd download", context.screen.events(), context.cancel.clone());
    let options = DownloadOptions {
        parallel: parallel.unwrap_or_else(|| place.store.as_ref().map_or(DISK_PARALLEL, |store| store.parallel)),
        force: args.force,
        md5: args.md5,
        state: place.state.clone(),
    };
    let phase = Phase::MoveDisk;
    job.events.emit(Event::PhaseStarted { phase, total: None });
    let done = download(&place.blob, &context.folder()?.join(&shown), &options, &job).await;
    job.events.emit(Event::PhaseFinished { phase });
    let done = done?;
    if args.md5 && done.md5.is_none() {
        context.screen.fault(
            &Fault::warning(format!("{}: it has no MD5 property to compare", place.blob.label()))
                .hint("aosm-build vhd upload --md5 sets one"),
        );
    }
    let mut document =
        VhdDocument::new(VhdOutcome::Downloaded, &place.blob.label(), place.name.as_ref()).downloaded(&done);
    document.file = Some(shown.into_string());
    document.requests = job.filled().requests;
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&downloaded(&document, done.proven));
    }
    Ok(0)
}

/// The file, as it is shown: from the folder where the command was called.
fn target(args: &DownloadArgs, place: &Place, folder: &Utf8Path) -> Result<Utf8PathBuf, Fault> {
    // A blob's name may hold slashes, and is somebody else's choice.
    let name = place.blob.name().rsplit(['/', '\\']).next().unwrap_or_default();
    let named = || {
        if name.is_empty() || matches!(name, "." | "..") || name.contains(|c: char| c.is_control() || c == ':') {
            Err(
                Fault::invalid(format!("{}: its name is no file name", place.blob.label()))
                    .hint("say with --output how the file is to be called"),
            )
        } else {
            Ok(Utf8PathBuf::from(name))
        }
    };
    match &args.output {
        None => named(),
        Some(output) if output.as_str().ends_with('/') || folder.join(output).is_dir() => Ok(output.join(named()?)),
        Some(output) => Ok(output.clone()),
    }
}
