//! `vhd check`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use crate::cli::Ended;
use crate::cli::context::Context;
use crate::event::Event;
use crate::fault::{Fault, Faults, Kind};
use crate::report::bytes;
use crate::vhd::documents::{CheckedFile, VhdCheckDocument};
use crate::vhd::{self, FileIdentity, Progress, Scanned, allocated, check_open, open_image};

/// Flags of `vhd check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build vhd check ubuntu.vhd
  aosm-build vhd check --digest --json disks/*.vhd | jq .files

Azure takes fixed VHDs whose disk is a whole number of MiB. What is wrong is told with the
commands that repair it; nothing is changed. Exit code 4 when something is wrong.
The content digest is the SHA-256 over the SHA-256s of the file's 4 MiB pieces.")]
pub struct CheckArgs {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<Utf8PathBuf>,
    /// Read each file whole: how much of it is zero, and its content digest
    #[arg(long)]
    pub digest: bool,
}

pub async fn run(context: &Context, args: &CheckArgs) -> Ended {
    // Commands that repair are run from here, so paths start from here too.
    let mut base = Utf8PathBuf::new();
    if let Some(directory) = &context.global.directory {
        context.folder()?;
        base.clone_from(directory);
    }
    let mut faults = Faults::new();
    let mut document = VhdCheckDocument {
        format: "aosm-vhd-check/1",
        files: Vec::new(),
    };
    for file in &args.files {
        let path = base.join(file);
        let mut entry = CheckedFile::named(path.as_str());
        match look(context, &path, args.digest, &mut entry).await {
            Ok(problems) => faults.extend(problems),
            Err(fault) if fault.kind() == Kind::Interrupted => {
                faults.push(fault);
                return Err(faults);
            }
            Err(fault) => {
                entry.ok = false;
                entry.error = Some(fault.to_string());
                faults.push(fault);
            }
        }
        if entry.ok && !context.screen.json() {
            context.screen.result(&words(&entry));
        }
        document.files.push(entry);
    }
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    }
    if faults.is_empty() { Ok(0) } else { Err(faults) }
}

/// Checks one file and, where all is well and it is asked for, reads it.
async fn look(context: &Context, path: &Utf8Path, whole: bool, entry: &mut CheckedFile) -> Result<Vec<Fault>, Fault> {
    let file = open_image(path)?;
    let length = FileIdentity::of_open(&file, path)?.length;
    let problems = check_open(&file, path)?;
    let on_disk = allocated(&file, 0..length);
    entry.checked(
        length,
        &problems,
        on_disk.iter().map(|part| part.end - part.start).sum(),
    );
    if entry.ok && whole {
        entry.scanned(&read(context, path, length).await?);
    }
    Ok(vhd::faults(path.as_str(), &problems))
}

/// Reads a file to its end, with progress on the screen.
async fn read(context: &Context, path: &Utf8Path, length: u64) -> Result<Scanned, Fault> {
    let events = context.screen.events();
    let step: Arc<str> = format!("read {path}").into();
    events.emit(Event::StepStarted {
        step: Arc::clone(&step),
        bytes: Some(length),
    });
    let told = AtomicU64::new(0);
    let progress: Progress = Arc::new(move |done, _| {
        let before = told.fetch_max(done, Ordering::Relaxed);
        if done > before {
            events.emit(Event::StepProgress {
                step: Arc::clone(&step),
                moved: done - before,
            });
        }
    });
    let scanned = vhd::scan(path, progress, &context.cancel).await;
    context.screen.finish();
    scanned
}

/// One line about a file that is as it should be.
fn words(entry: &CheckedFile) -> String {
    let disk = entry.disk_size.map_or_else(String::new, bytes);
    if let (Some(data), Some(zero), Some(digest)) = (entry.data_bytes, entry.zero_bytes, &entry.digest) {
        let short = digest
            .split_once(':')
            .and_then(|(_, hex)| hex.get(..12))
            .unwrap_or(digest);
        return format!(
            "{}: ok: a disk of {disk}, {} of data, {} of zeros, content digest {short}",
            entry.file,
            bytes(data),
            bytes(zero)
        );
    }
    let most = entry.allocated_bytes.map_or_else(String::new, bytes);
    format!("{}: ok: a disk of {disk}, at most {most} of data", entry.file)
}
