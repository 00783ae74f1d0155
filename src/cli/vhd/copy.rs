//! `vhd copy`: a page blob that is filled from a URL.

use std::num::NonZeroUsize;
use std::time::SystemTime;

use camino::Utf8PathBuf;
use clap::Args;

use super::place::{self, Place, PlaceArgs};
use super::upload::VerifyMode;
use crate::blob::{BlobError, Remote, Right, SasUrl, read_file, read_variable};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::disk::{CopyOptions, Verify, VhdDocument, VhdOutcome, Way, copy, remember};
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults, Kind};
use crate::oci::Job;
use crate::project::{DISK_PARALLEL, DiskProof};
use crate::report::vhd::copied;

/// Flags of `vhd copy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build vhd copy --from-env SOURCE_URL disks:ubuntu-vm-vhd:1-0-0
  aosm-build vhd copy --from-env SOURCE_URL ubuntu-vm-vhd:1-0-0 --sas-env DISKS_SAS
  aosm-build vhd copy --from-file source.url --stream --sas-file container.url --blob anything.vhd

The storage service copies by itself, and this waits for it; a run that dies is gone on with by the next one. Where the service
cannot read the source (another cloud, a firewall, a web server), --stream moves it through this machine.")]
pub struct CopyArgs {
    /// The source's URL with its signature is in this variable
    #[arg(long, value_name = "VAR", required_unless_present = "from_file")]
    pub from_env: Option<String>,
    /// The source's URL with its signature is in this file
    #[arg(long, value_name = "FILE", conflicts_with = "from_env")]
    pub from_file: Option<Utf8PathBuf>,
    /// Where to: STORE:NAME:VERSION, or NAME:VERSION with a signature
    #[arg(value_name = "DEST")]
    pub destination: Option<String>,
    /// How the container is opened.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Move it through this machine instead of having the service copy it
    #[arg(long)]
    pub stream: bool,
    /// How to prove that it is there [default: what the store says, else quick]
    #[arg(long, value_name = "HOW", value_enum)]
    pub verify: Option<VerifyMode>,
    /// Replace a blob that holds something else
    #[arg(long)]
    pub replace: bool,
    /// Pieces that are moved at a time [default: what the store says, else 8]
    #[arg(long, value_name = "N", value_parser = crate::cli::units::at_least_one)]
    pub parallel: Option<NonZeroUsize>,
}

pub async fn run(context: &Context, args: &CopyArgs) -> Ended {
    let parallel = args.parallel.map(NonZeroUsize::get);
    let mut faults = Faults::new();
    let source = collect(&mut faults, source_url(context, args).map_err(Faults::from));
    let opened = place::open(context, args.destination.as_deref(), &args.place, parallel).await;
    let place = collect(&mut faults, opened);
    let ((source, place), _) = faults.into_result((source, place))?;
    let (Some((url, origin)), Some(place)) = (source, place) else {
        return Err(Fault::bug("a source or a place was lost").into());
    };
    place.open_state()?;
    let source = place.blob.container().remote(url, &origin);
    let document = copy_into(context, args, &source, &place).await?;
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&copied(&document));
    }
    Ok(0)
}

/// A value, or `None` and what is wrong is collected.
fn collect<T>(faults: &mut Faults, outcome: Result<T, Faults>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(more) => {
            faults.extend(more);
            None
        }
    }
}

/// The source's URL, and where it came from. What can be known of its signature is told before anybody is asked.
fn source_url(context: &Context, args: &CopyArgs) -> Result<(SasUrl, String), Fault> {
    let given = |error: BlobError| Fault::from(error).of_kind(Kind::Invalid);
    let (text, origin) = match (&args.from_env, &args.from_file) {
        (Some(variable), _) => (
            read_variable(variable).map_err(|error| given(error.hint("set it to the URL of the source")))?,
            format!("the variable {variable}"),
        ),
        (None, Some(file)) => {
            let path = context.folder()?.join(file);
            let (text, warning) = read_file(&path, None).map_err(given)?;
            if let Some(warning) = warning {
                context.screen.fault(&Fault::warning(warning));
            }
            (text, file.to_string())
        }
        (None, None) => return Err(Fault::bug("no source is named")),
    };
    let url = SasUrl::parse(&text, &origin).map_err(given)?;
    if let Some(objection) = url.objection(&[Right::Read], SystemTime::now()) {
        return Err(
            Fault::invalid(format!("the URL in {origin}: {objection}")).hint(format!(
                "put one into {origin} whose signature grants r (read) and is good now"
            )),
        );
    }
    Ok((url, origin))
}

async fn copy_into(context: &Context, args: &CopyArgs, source: &Remote, place: &Place) -> Result<VhdDocument, Faults> {
    let job = Job::new("vhd copy", context.screen.events(), context.cancel.clone());
    let blob = &place.blob;
    let access = blob.container().access().await.map_err(Fault::from)?;
    let needed = [Right::Read, Right::Write];
    access.check(&needed, SystemTime::now()).map_err(Fault::from)?;
    let replace = if args.replace {
        blob.properties(&job)
            .await
            .map_err(Fault::from)?
            .map(|there| there.etag)
    } else {
        None
    };
    let store = place.store.as_ref();
    let options = CopyOptions {
        stream: args.stream,
        parallel: args.parallel.map_or_else(
            || store.map_or(DISK_PARALLEL, |store| store.parallel),
            NonZeroUsize::get,
        ),
        verify: match (args.verify, store.map(|store| store.verify)) {
            (Some(mode), _) => mode.into(),
            (None, Some(DiskProof::Full)) => Verify::Full,
            (None, _) => Verify::Quick,
        },
        replace,
        state: place.state.clone(),
    };
    let phase = Phase::MoveDisk;
    job.events.emit(Event::PhaseStarted { phase, total: None });
    let done = copy(source, blob, &options, &job).await;
    job.events.emit(Event::PhaseFinished { phase });
    let done = done?;
    if let Some(digest) = done.receipt.digest.clone() {
        let receipt = crate::disk::Receipt {
            etag: done.receipt.etag.clone(),
            digest,
            length: done.receipt.length,
        };
        remember::keep_receipt(&place.state, &blob.label(), &receipt);
    }
    let outcome = if done.way == Way::There {
        VhdOutcome::Present
    } else {
        VhdOutcome::Copied
    };
    let mut document = VhdDocument::new(outcome, &blob.label(), place.name.as_ref()).copied(&done);
    document.source = Some(source.url().place.to_string());
    document.requests = job.filled().requests;
    Ok(document)
}
