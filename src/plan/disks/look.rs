//! Looking at disk images: the files here, the sources of copies, and what the containers hold. Each step that cannot be told
//! about says why, and the plan still says all the rest.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use super::check::check;
use super::inspect::{Inspected, inspect};
use super::{DiskContent, DiskSeen, DiskStores, DiskTarget};
use crate::blob::BlobError;
use crate::disk::{Origin, Verify, Wanted, copy_receipt, look_copy, look_for, remember};
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults, Kind};
use crate::oci::Descriptor;
use crate::plan::aosm::closed_hint;
use crate::plan::{Depth, Desired, PlanOptions, Seen, Session, Target, World};
use crate::project::{VhdConfig, VhdSource};
use crate::state::Receipts;

/// Containers asked at a time.
const AT_A_TIME: usize = 8;

/// The media type that a plan gives the content of a disk image: none is registered.
const MEDIA_TYPE: &str = "application/octet-stream";

/// Fills in what is wanted and what is there.
pub(in crate::plan) async fn looked_at(
    session: &Arc<Session>,
    world: &World,
    options: &PlanOptions,
    mut targets: Vec<Target>,
) -> Result<Vec<(Target, Seen)>, Faults> {
    let Some(disks) = world.disks.as_ref().filter(|_| options.depth == Depth::Stores) else {
        return Ok(targets.into_iter().map(|target| (target, Seen::NotAsked)).collect());
    };
    read_files(session, &mut targets).await?;
    let look = Look {
        session,
        disks,
        options,
    };
    let looks: Vec<BoxFuture<'_, (Target, Seen)>> = targets
        .into_iter()
        .map(|target| -> BoxFuture<'_, (Target, Seen)> { Box::pin(look.at(target)) })
        .collect();
    let all = futures_util::stream::iter(looks).buffered(AT_A_TIME).collect().await;
    session.stopped()?;
    Ok(all)
}

/// Files one after another: each is read by all cores.
async fn read_files(session: &Arc<Session>, targets: &mut [Target]) -> Result<(), Fault> {
    let mut outcome = Ok(());
    let read = |target: &&mut Target| !target.local.is_empty() && !matches!(target.desired, Desired::Barred(_));
    for target in targets.iter_mut().filter(read) {
        outcome = read_file(session, target).await;
        if outcome.is_err() {
            break;
        }
    }
    // A file of 30 GiB is not to be read again because something else goes wrong later.
    session.remember();
    outcome
}

/// An error ends the run; what is wrong with the image does not.
async fn read_file(session: &Arc<Session>, target: &mut Target) -> Result<(), Fault> {
    let Some(disk) = &mut target.disk else { return Ok(()) };
    let Some(vhd) = session.project.vhds.get(disk.vhd) else {
        return Err(Fault::bug(format!(
            "{}: a disk image without a configuration",
            target.id
        )));
    };
    let VhdSource::File(file) = &vhd.source else {
        return Ok(());
    };
    disk.problems = check(session, vhd).await?;
    if disk.problems.is_empty() {
        match inspect(session, &vhd.name.value, &file.value).await {
            Ok(Inspected { key, scanned }) => {
                disk.content = Some(DiskContent::File {
                    path: file.value.clone(),
                    scanned,
                    key,
                });
            }
            Err(fault) if fault.kind() == Kind::Interrupted => return Err(fault),
            Err(fault) => disk.problems.push(fault.at_opt(file.place.clone())),
        }
    }
    target.desired = desired(disk);
    Ok(())
}

fn desired(disk: &DiskTarget) -> Desired {
    match &disk.content {
        Some(content) => Desired::Known(Descriptor::new(MEDIA_TYPE, content.digest(), content.length())),
        None if disk.problems.is_empty() => Desired::NotAsked,
        None => Desired::Unfit(disk.problems.iter().map(|fault| fault.message().to_owned()).collect()),
    }
}

struct Look<'a> {
    session: &'a Arc<Session>,
    disks: &'a DiskStores,
    options: &'a PlanOptions,
}

impl Look<'_> {
    async fn at(&self, mut target: Target) -> (Target, Seen) {
        let title = format!("{}/{}", target.store_name, target.name);
        let vhd = target
            .disk
            .as_ref()
            .and_then(|disk| self.session.project.vhds.get(disk.vhd));
        let (Some(vhd), Some(mut disk)) = (vhd, target.disk.take()) else {
            return (target, Seen::NotAsked);
        };
        let barred = matches!(target.desired, Desired::Barred(_));
        let seen = if barred || matches!(target.desired, Desired::Unfit(_)) {
            Seen::NotAsked
        } else if self.session.mode.offline {
            self.remembered(&mut target)
        } else {
            match self.container(vhd, &title, &mut disk).await {
                Ok(seen) => Seen::Disk(seen),
                Err(Failed::Cannot { why, hint }) => {
                    let site = self.disks.site(target.store).filter(|site| site.problem.is_none());
                    let closed = site.and_then(|site| closed_hint(site, &why, true));
                    Seen::Unreadable {
                        hint: closed.or(hint),
                        why,
                    }
                }
                Err(Failed::Source(problems)) => {
                    disk.problems = problems;
                    Seen::NotAsked
                }
            }
        };
        if !self.session.mode.offline && !barred {
            target.desired = desired(&disk);
            if let Some(DiskContent::Copy { source, .. }) = &disk.content {
                target.from = source.label();
            }
        }
        if let Seen::Disk(seen) = &seen {
            disk.replace = seen.etag().cloned();
            disk.receipt = match seen {
                DiskSeen::Same { receipt, .. } => receipt.clone(),
                _ => None,
            };
        }
        target.disk = Some(disk);
        (target, seen)
    }

    /// Without the network: what earlier runs saw. What a URL names is taken to be what it was.
    fn remembered(&self, target: &mut Target) -> Seen {
        let receipts = Receipts::load(&self.session.state.path("receipts"), &self.disks.identity(target.store));
        let Some(held) = receipts.get(&target.title) else {
            return Seen::NotAsked;
        };
        if matches!(target.desired, Desired::NotAsked) {
            target.desired = Desired::Known(Descriptor::new(MEDIA_TYPE, held.clone(), 0));
        }
        let same = matches!(&target.desired, Desired::Known(root) if root.digest == *held);
        Seen::Disk(if same {
            DiskSeen::Same {
                digest: held.clone(),
                receipt: None,
            }
        } else {
            DiskSeen::Other {
                digest: Some(held.clone()),
                etag: None,
                why: format!("this machine last saw {} there", held.short()),
            }
        })
    }

    async fn container(&self, vhd: &VhdConfig, title: &str, disk: &mut DiskTarget) -> Result<DiskSeen, Failed> {
        let job = self.session.job(&format!("look at {title}"));
        // Both are needed, so both are complained about.
        let opened = self.disks.blob(vhd);
        if let Some(source) = self.disks.source(vhd) {
            let source = match (source, &opened) {
                (Ok(source), _) => source,
                (Err(error), Ok(_)) => return Err(error.into()),
                (Err(first), Err(second)) => return Err(both(first, second)),
            };
            let origin = Origin::look(&source, &job)
                .await
                .map_err(|faults| at_source(vhd, faults))?;
            disk.content = Some(DiskContent::Copy { origin, source });
        }
        let opened = opened?;
        if let Some(warning) = opened.warning {
            self.session.events.emit(Event::Fault(warning));
        }
        disk.cannot_write = opened.cannot_write;
        let blob = disk.blob.insert(opened.blob);
        let (state, label) = (self.session.state.root(), blob.label());
        let seen = match &disk.content {
            Some(DiskContent::File { scanned, .. }) => {
                let receipt = remember::receipt(state, &label);
                let wanted = Wanted {
                    digest: &scanned.digest,
                    length: scanned.length,
                    data: Some(&scanned.data),
                    receipt: receipt.as_ref(),
                    state: Some(state),
                };
                let verify = self.options.verify.unwrap_or_default();
                let held = look_for(blob, &wanted, verify, &job).await?;
                DiskSeen::of_upload(held, receipt.as_ref().map(|receipt| &receipt.etag))
            }
            Some(DiskContent::Copy { origin, .. }) => {
                let receipt = copy_receipt(state, &label);
                let held = look_copy(origin, blob, receipt.as_ref(), &job).await?;
                let compare = self.options.verify == Some(Verify::Full);
                DiskSeen::of_copy(held, receipt.as_ref().map(|receipt| &receipt.etag), compare)
            }
            None => {
                return Err(Failed::Source(vec![Fault::bug(format!(
                    "{title}: nothing is wanted there"
                ))]));
            }
        };
        self.session.events.emit(Event::PhaseAdvanced {
            phase: Phase::Observe,
            what: title.to_owned(),
            cached: false,
        });
        Ok(seen)
    }
}

/// Why nobody can tell about a step.
enum Failed {
    /// The container, or the source, cannot be asked.
    Cannot {
        /// Why.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// What the source names is no disk image.
    Source(Vec<Fault>),
}

impl From<BlobError> for Failed {
    fn from(error: BlobError) -> Self {
        Self::Cannot {
            why: error.to_string(),
            hint: error.hint,
        }
    }
}

/// Wrong content is the step's own fault; what keeps it from being asked is told as of a container.
fn at_source(vhd: &VhdConfig, faults: Faults) -> Failed {
    let place = match &vhd.source {
        VhdSource::UrlInVariable(variable) => variable.place.clone(),
        _ => vhd.name.place.clone(),
    };
    let mut problems = Vec::new();
    for fault in faults.into_iter().filter(Fault::is_error) {
        if fault.kind() == Kind::Infrastructure {
            return Failed::Cannot {
                why: fault.message().to_owned(),
                hint: fault.hint_text().map(str::to_owned),
            };
        }
        problems.push(fault.at_opt(place.clone()));
    }
    Failed::Source(problems)
}

fn both(first: BlobError, second: &BlobError) -> Failed {
    Failed::Cannot {
        why: format!("{first}; {second}"),
        hint: first.hint.or_else(|| second.hint.clone()),
    }
}
