//! Writing a bundle of everything that a project's stores should hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8Path;
use futures_util::FutureExt as _;
use schemars::JsonSchema;
use serde::Serialize;

use super::effects::content_of;
use crate::bundle::{self, BundleChart, BundleDocument, BundleEntry, BundleReferrer, EntryKind, Part};
use crate::digest::Digest;
use crate::event::{Event, Outcome, Phase};
use crate::fault::{Fault, Faults, some_of};
use crate::graph::StepKind;
use crate::oci::graph::read_graph;
use crate::oci::{Content, Descriptor, Job};
use crate::plan::{Desired, Planned, Session, Target, through_cache};

/// What an export wrote: `aosm-export/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ExportDocument {
    /// `aosm-export/1`.
    pub format: &'static str,
    /// The file.
    pub bundle: String,
    /// Names that it fills.
    pub entries: u64,
    /// Different blobs and manifests in it.
    pub blobs: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes the bundle. Nothing is written where something that should be in it is missing. The lock is written first, as it is
/// before anything is applied.
pub async fn export(session: &Arc<Session>, planned: &Planned, path: &Utf8Path) -> Result<ExportDocument, Faults> {
    session.stopped()?;
    whole(planned)?;
    if !session.mode.frozen && !session.mode.locked && !planned.plan.lock_changes.is_empty() {
        planned.locations.lock.save(&session.lock_path())?;
    }
    let job = session.job("export");
    let mut parts: BTreeMap<Digest, Part> = BTreeMap::new();
    let mut entries = Vec::new();
    let mut charts = Vec::new();
    left_out(session, planned);
    for target in planned
        .targets
        .iter()
        .filter(|target| target.disk.is_none() && target.kind != StepKind::Seal)
    {
        session.stopped()?;
        let entry = entry(session, planned, target, &mut parts, &job).await;
        entries.push(entry.map_err(|fault| fault.context(&target.id))?);
        if let Some(chart) = &target.chart {
            charts.push(BundleChart {
                name: chart.output.name.clone(),
                version: chart.output.version.clone(),
                archive: chart.output.archive.clone(),
            });
        }
    }
    let document = BundleDocument::new(planned.locations.lock.to_text(), entries, charts);
    let total = parts.values().map(|part| part.descriptor.size).sum();
    session.events.emit(Event::PhaseStarted {
        phase: Phase::Bundle,
        total: Some(1),
    });
    session.events.emit(Event::StepStarted {
        step: Arc::clone(&job.step),
        bytes: Some(total),
    });
    let written = bundle::write(path, &document, &parts, &job).await;
    let filled = job.filled();
    session.events.emit(Event::StepFinished {
        step: Arc::clone(&job.step),
        outcome: match &written {
            Ok(_) => Outcome::Done,
            Err(fault) => Outcome::Failed(fault.clone()),
        },
        bytes_moved: filled.bytes_moved,
        bytes_mounted: 0,
        requests: filled.requests,
    });
    session.events.emit(Event::PhaseFinished { phase: Phase::Bundle });
    let written = written?;
    session.remember();
    Ok(ExportDocument {
        format: "aosm-export/1",
        bundle: path.to_string(),
        entries: document.entries.len() as u64,
        blobs: written.blobs,
        bytes: written.bytes,
    })
}

/// Disk images are too large for a file that is carried around, and have a store of their own: said, so that nobody misses them.
fn left_out(session: &Session, planned: &Planned) {
    let disks: Vec<&str> = planned
        .targets
        .iter()
        .filter(|target| target.disk.is_some())
        .map(|target| target.title.as_str())
        .collect();
    if !disks.is_empty() {
        let warning = Fault::warning(format!("disk images are in no bundle: {}", some_of(&disks)));
        let hint = "carry the files along, and use `aosm-build apply` or `aosm-build vhd upload` there";
        session.events.emit(Event::Fault(warning.hint(hint)));
    }
}

/// A bundle that lacks something would be found out where nothing can be done about it.
fn whole(planned: &Planned) -> Result<(), Faults> {
    let mut faults = Faults::new();
    faults.extend(planned.faults.iter().cloned());
    for target in &planned.targets {
        let (why, fault) = match &target.desired {
            Desired::Known(_) => continue,
            // Disk images are in no bundle.
            _ if target.disk.is_some() => continue,
            Desired::NotAsked => (
                "what belongs into the bundle is not known",
                Fault::infrastructure as fn(String) -> Fault,
            ),
            // Where something else is wrong already, it says why.
            Desired::NotLocated(_) | Desired::NoSubject(_) | Desired::Unfit(_) | Desired::Barred(_)
                if faults.has_errors() =>
            {
                continue;
            }
            Desired::NotLocated(why) | Desired::NoSubject(why) => (why.as_str(), Fault::invalid as fn(String) -> Fault),
            Desired::Unfit(_) | Desired::Barred(_) => {
                ("what should be there is no good", Fault::invalid as fn(String) -> Fault)
            }
        };
        faults.push(
            fault(format!("{}: {why}", target.id))
                .at_opt(target.place.clone())
                .hint("a bundle is written only when all of it is there; it cannot be made with --offline"),
        );
    }
    faults.into_result(()).map(drop)
}

async fn entry(
    session: &Arc<Session>,
    planned: &Planned,
    target: &Target,
    parts: &mut BTreeMap<Digest, Part>,
    job: &Job,
) -> Result<BundleEntry, Fault> {
    let Desired::Known(root) = &target.desired else {
        return Err(Fault::bug("it has no known digest"));
    };
    let content = content_of(session, planned, target, job).await?;
    let content = through_cache(session, content);
    let size = gather(&content, root, parts).await?;
    let mut referrers = Vec::new();
    for referrer in &target.along {
        let mut listed = BundleReferrer::from(referrer);
        listed.size = gather(&content, &referrer.descriptor, parts).await?;
        referrers.push(listed);
    }
    referrers.sort();
    Ok(BundleEntry {
        store: target.store_name.clone(),
        repository: target.name.repository.clone(),
        tag: target.name.tag.clone(),
        title: target.title.clone(),
        kind: match target.kind {
            StepKind::Copy => EntryKind::Copy,
            StepKind::Attach => EntryKind::Attach,
            _ => EntryKind::Push,
        },
        digest: root.digest.clone(),
        media_type: root.media_type.clone(),
        size,
        subject: target.subject.clone(),
        referrers,
    })
}

/// Notes everything below a root; gives the size of the root.
async fn gather(
    content: &Arc<dyn Content>,
    root: &Descriptor,
    parts: &mut BTreeMap<Digest, Part>,
) -> Result<u64, Fault> {
    let never = |_: Descriptor| async { Ok(false) }.boxed();
    let graph = read_graph(content, root, &never).await.map_err(Fault::from)?;
    let mut add = |descriptor: Descriptor, is_manifest: bool| {
        let part = Part {
            descriptor,
            content: Arc::clone(content),
            is_manifest,
        };
        parts.entry(part.descriptor.digest.clone()).or_insert(part);
    };
    let mut size = root.size;
    for node in graph.levels.iter().flatten() {
        let known = &node.descriptor;
        let bytes = node.bytes.len() as u64;
        if known.digest == root.digest {
            size = bytes;
        }
        add(
            Descriptor::new(known.media_type.clone(), known.digest.clone(), bytes),
            true,
        );
    }
    for blob in graph.blobs {
        add(blob, false);
    }
    Ok(size)
}
