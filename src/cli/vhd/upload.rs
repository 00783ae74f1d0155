//! `vhd upload`: a file becomes a page blob.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};

use super::place::{self, Place, PlaceArgs};
use crate::blob::{BlobProperties, Etag, Right};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::disk::{Held, UploadOptions, Uploaded, Verify, VhdDocument, VhdOutcome, Wanted, look_at, remember, upload};
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults};
use crate::oci::Job;
use crate::project::{DISK_PARALLEL, DiskProof};
use crate::report::bytes;
use crate::report::vhd::{uploaded as uploaded_words, zero_share};
use crate::vhd::{self, Scanned};

/// Flags of `vhd upload`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build vhd upload disk.vhd disks:ubuntu-vm-vhd:1-0-0
  aosm-build vhd upload disk.vhd ubuntu-vm-vhd:1-0-0 --sas-env DISKS_SAS
  aosm-build vhd upload disk.vhd --sas-file container.url --blob anything.vhd

Only what is not zero is sent. A run that dies or is stopped is gone on with by the next one, where it ended.")]
pub struct UploadArgs {
    /// The disk image: a fixed VHD
    #[arg(value_name = "FILE")]
    pub file: Utf8PathBuf,
    /// Where to: STORE:NAME:VERSION, or NAME:VERSION with a signature
    #[arg(value_name = "DEST")]
    pub destination: Option<String>,
    /// How the container is opened.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Pieces that are sent at a time [default: what the store says, else 8]
    #[arg(long, value_name = "N", value_parser = crate::cli::units::at_least_one)]
    pub parallel: Option<NonZeroUsize>,
    /// Set the MD5 property as well (costs about 2 seconds of CPU time a GiB)
    #[arg(long)]
    pub md5: bool,
    /// How to prove that it is there [default: what the store says, else quick]
    #[arg(long, value_name = "HOW", value_enum)]
    pub verify: Option<VerifyMode>,
    /// Replace a blob that holds something else
    #[arg(long)]
    pub replace: bool,
}

/// How content is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyMode {
    /// By size, type, page ranges and metadata
    Quick,
    /// By reading everything back
    Full,
}

impl From<VerifyMode> for Verify {
    fn from(mode: VerifyMode) -> Self {
        match mode {
            VerifyMode::Quick => Self::Quick,
            VerifyMode::Full => Self::Full,
        }
    }
}

pub async fn run(context: &Context, args: &UploadArgs) -> Ended {
    let file = context.folder()?.join(&args.file);
    let mut faults = check(&file);
    let parallel = args.parallel.map(NonZeroUsize::get);
    let place = match place::open(context, args.destination.as_deref(), &args.place, parallel).await {
        Ok(place) => Some(place),
        Err(more) => {
            faults.extend(more);
            None
        }
    };
    let (place, _) = faults.into_result(place)?;
    let place = place.ok_or_else(|| Fault::bug("a place was lost"))?;
    place.open_state()?;
    let job = Job::new("vhd upload", context.screen.events(), context.cancel.clone());
    let run = Run {
        context,
        args,
        place: &place,
        file: &file,
        job: &job,
    };
    let document = run.run().await?;
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&uploaded_words(&document));
    }
    Ok(0)
}

/// Everything that is wrong with the file as a disk image.
fn check(file: &Utf8Path) -> Faults {
    match vhd::check_file(file) {
        Ok(problems) => vhd::faults(file.as_str(), &problems).into_iter().collect(),
        Err(fault) => fault.into(),
    }
}

struct Run<'a> {
    context: &'a Context,
    args: &'a UploadArgs,
    place: &'a Place,
    file: &'a Utf8Path,
    job: &'a Job,
}

impl Run<'_> {
    async fn run(&self) -> Result<VhdDocument, Fault> {
        let blob = &self.place.blob;
        // What can be known of the signature is told before a long file is read.
        let access = blob.container().access().await?;
        access.check(&[Right::Read, Right::Write], SystemTime::now())?;
        let found = blob.properties(self.job).await?;
        let scanned = self.scanned(found.as_ref()).await?;
        let verify = self.verify();
        let receipt = remember::receipt(&self.place.state, &blob.label());
        let wanted = Wanted {
            digest: &scanned.digest,
            length: scanned.length,
            data: Some(&scanned.data),
            receipt: receipt.as_ref(),
            state: Some(&self.place.state),
        };
        let replace = match look_at(blob, found, &wanted, verify, self.job).await? {
            Held::Same(receipt) => {
                remember::keep_receipt(&self.place.state, &blob.label(), &receipt);
                let mut document = self.document(VhdOutcome::Present).receipt(&receipt);
                document.data_bytes = Some(scanned.data_bytes());
                return Ok(document);
            }
            Held::Absent => None,
            Held::Partial { .. } => {
                let label = blob.label();
                self.context
                    .screen
                    .say(&format!("{label}: an upload that did not end is gone on with"));
                None
            }
            held => Some(self.may_replace(held)?),
        };
        let uploaded = self.upload(&scanned, verify, replace).await?;
        remember::keep_receipt(&self.place.state, &blob.label(), &uploaded.receipt);
        Ok(self.document(VhdOutcome::Uploaded).uploaded(&uploaded))
    }

    /// What the file holds: remembered, or read now. A blob of another size is refused before a long file is read.
    async fn scanned(&self, found: Option<&BlobProperties>) -> Result<Scanned, Fault> {
        if let Some(scanned) = remember::scan(&self.place.state, self.file) {
            return Ok(scanned);
        }
        let length = vhd::FileIdentity::of(self.file)?.length;
        if let Some(found) = found
            && found.length != length
            && found
                .copy
                .as_ref()
                .is_none_or(|copy| copy.status != crate::blob::CopyStatus::Pending)
            && !self.args.replace
        {
            let why = format!("{} bytes are there instead of {length}", found.length);
            return Err(self.refused(&why));
        }
        let events = &self.job.events;
        events.emit(Event::PhaseStarted {
            phase: Phase::ReadDisk,
            total: Some(length),
        });
        let told = Arc::new(AtomicU64::new(0));
        let progress: vhd::scan::Progress = {
            let (events, step) = (Arc::clone(events), Arc::clone(&self.job.step));
            Arc::new(move |done, _| {
                let before = told.fetch_max(done, Ordering::Relaxed);
                if done > before {
                    events.emit(Event::StepProgress {
                        step: Arc::clone(&step),
                        moved: done - before,
                    });
                }
            })
        };
        let scanned = vhd::scan(self.file, progress, &self.job.cancel).await?;
        events.emit(Event::PhaseFinished { phase: Phase::ReadDisk });
        remember::keep_scan(&self.place.state, self.file, &scanned).await;
        Ok(scanned)
    }

    async fn upload(&self, scanned: &Scanned, verify: Verify, replace: Option<Etag>) -> Result<Uploaded, Fault> {
        let store = self.place.store.as_ref();
        let parallel = store.map_or(DISK_PARALLEL, |store| store.parallel);
        let options = UploadOptions {
            parallel: self.args.parallel.map_or(parallel, NonZeroUsize::get),
            md5: self.args.md5 || store.is_some_and(|store| store.md5),
            verify,
            replace,
            state: self.place.state.clone(),
        };
        let data = scanned.data_bytes();
        self.context.screen.say(&format!(
            "{}: {} of {} to send, {}",
            self.args.file,
            bytes(data),
            bytes(scanned.length),
            zero_share(data, scanned.length)
        ));
        let events = &self.job.events;
        events.emit(Event::PhaseStarted {
            phase: Phase::MoveDisk,
            total: Some(data),
        });
        let uploaded = upload(&self.place.blob, self.file, scanned, &options, self.job).await;
        events.emit(Event::PhaseFinished { phase: Phase::MoveDisk });
        uploaded
    }

    fn verify(&self) -> Verify {
        let store = self.place.store.as_ref();
        match (self.args.verify, store.map(|store| store.verify)) {
            (Some(mode), _) => mode.into(),
            (None, Some(DiskProof::Full)) => Verify::Full,
            (None, _) => Verify::Quick,
        }
    }

    /// What is there and something else may go, if the user says so.
    fn may_replace(&self, held: Held) -> Result<Etag, Fault> {
        let label = self.place.blob.label();
        let (why, etag) = match held {
            Held::OtherType { kind, etag } => (format!("a {kind} is there, not a page blob"), etag),
            Held::Unknown { why, .. } if !self.args.replace => {
                let full = crate::cli::command_line(&["--verify", "full"]);
                return Err(Fault::invalid(format!("{label}: a blob of this size is there: {why}"))
                    .because("nothing was sent")
                    .hint(format!("read it all and compare: {full}\nor replace it with --replace")));
            }
            Held::Other { why, etag, .. } | Held::Unknown { why, etag } => (why, etag),
            Held::Copying { id } => {
                return Err(Fault::invalid(format!("{label}: a copy into it is under way ({id})"))
                    .hint("wait until it ends: `aosm-build vhd show` tells how far it is"));
            }
            Held::Absent | Held::Same(_) | Held::Partial { .. } => {
                return Err(Fault::bug("nothing was to be replaced"));
            }
        };
        if self.args.replace {
            Ok(etag)
        } else {
            Err(self.refused(&why))
        }
    }

    fn refused(&self, why: &str) -> Fault {
        let again = crate::cli::command_line(&["--replace"]);
        Fault::invalid(format!("{}: something else is there: {why}", self.place.blob.label()))
            .hint(format!("nothing was sent; to replace it: {again}"))
    }

    fn document(&self, outcome: VhdOutcome) -> VhdDocument {
        let mut document = VhdDocument::new(outcome, &self.place.blob.label(), self.place.name.as_ref());
        document.file = Some(self.args.file.to_string());
        document.requests = self.job.filled().requests;
        document
    }
}
