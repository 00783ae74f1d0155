//! How much may have to move: an upper bound, each blob counted once for each place that keeps it.
//!
//! Manifests of stale images are read by digest, once ever: they are kept in the cache. Blobs at the target are not
//! probed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _};

use super::locating::Locations;
use super::target::Target;
use super::world::World;
use super::{Action, PlanStep, Reason, Session, Transfer};
use crate::digest::Digest;
use crate::event::Event;
use crate::fault::Fault;
use crate::oci::{Content, Descriptor, graph::read_graph};

/// Graphs read at a time.
const AT_A_TIME: usize = 8;

/// Fills in `bytes` and `transfer` of all steps that run.
pub async fn transfer_sizes(
    session: &Arc<Session>,
    targets: &[Target],
    steps: &mut [PlanStep],
    world: &World,
    locations: &Locations,
) -> Result<(), Fault> {
    let reads: Vec<_> = targets
        .iter()
        .zip(steps.iter())
        .enumerate()
        .filter(|(_, (target, step))| step.action == Action::Run && target.disk.is_none())
        .map(|(index, (target, step))| {
            let session = Arc::clone(session);
            let job = session.job(target.id.as_str());
            let located = |image| locations.content(image, world, &session.cache, &job)?.ok();
            let content = locations.bundle().cloned().or_else(|| target.image.and_then(located));
            let whole = target.image.and_then(|image| locations.get(image)?.ok());
            let whole = whole.map_or(0, |located| located.size);
            let (target, id) = (target.clone(), target.id.clone());
            let (along, whole_image) = along(&target, step);
            async move {
                session.stopped()?;
                let parts = match (&target.chart, &target.pack, content) {
                    (Some(chart), _, _) => chart.output.parts(),
                    (None, Some(pack), _) => pack.output.parts(),
                    (None, None, Some(content)) => {
                        let mut roots = along;
                        if whole_image && let super::Desired::Known(root) = &target.desired {
                            roots.push((root.clone(), whole));
                        }
                        let mut all = Vec::new();
                        for (root, whole) in roots {
                            all.extend(parts(&session, &content, &target, &root, whole).await);
                        }
                        all
                    }
                    (None, None, None) => Vec::new(),
                };
                session
                    .events
                    .emit(Event::Detail(format!("{id}: {} parts", parts.len())));
                Ok::<_, Fault>((index, parts))
            }
            .boxed()
        })
        .collect();
    let mut parts_of: BTreeMap<usize, Vec<Descriptor>> = BTreeMap::new();
    let mut reads = futures_util::stream::iter(reads).buffer_unordered(AT_A_TIME);
    while let Some(read) = reads.next().await {
        let (index, parts) = read?;
        parts_of.insert(index, parts);
    }
    drop(reads);
    let mut counted: BTreeSet<(String, Digest)> = BTreeSet::new();
    for (index, parts) in parts_of {
        let (Some(target), Some(step)) = (targets.get(index), steps.get_mut(index)) else {
            continue;
        };
        let place = world.place(target.store);
        step.bytes = parts
            .iter()
            .filter(|part| counted.insert((place.clone(), part.digest.clone())))
            .map(|part| part.size)
            .sum();
        let host = target.image.and_then(|image| locations.host(image));
        let same_registry = host.is_some_and(|host| world.mounts(host, target.store));
        step.transfer = Some(if same_registry {
            Transfer::Mount
        } else {
            Transfer::Stream
        });
    }
    Ok(())
}

/// The referrers that have to move, each with its size as far as it is known; and whether the image itself has to.
fn along(target: &Target, step: &PlanStep) -> (Vec<(Descriptor, u64)>, bool) {
    let missing = step.reasons.iter().find_map(|reason| match reason {
        Reason::ReferrersMissing { missing } => Some(missing),
        _ => None,
    });
    let along = target.along.iter().map(|one| &one.descriptor);
    let moves = |one: &&Descriptor| missing.is_none_or(|missing| missing.contains(&one.digest));
    let along = along.filter(moves).map(|one| (one.clone(), one.size)).collect();
    (along, missing.is_none())
}

/// Blobs and manifests of an image. Of a graph that cannot be read now only the size of the `whole` is known, from the
/// lock: shared blobs are then counted for each image, so it stays an upper bound. Copying will say why.
async fn parts(
    session: &Arc<Session>,
    content: &Arc<dyn Content>,
    target: &Target,
    root: &Descriptor,
    whole: u64,
) -> Vec<Descriptor> {
    let never = |_: Descriptor| async { Ok(false) }.boxed();
    match read_graph(content, root, &never).await {
        Ok(graph) => {
            // The root's descriptor may come from the lock, which does not know its size; its bytes do.
            let manifests = graph.levels.iter().flatten().map(|node| {
                let known = &node.descriptor;
                Descriptor::new(known.media_type.clone(), known.digest.clone(), node.bytes.len() as u64)
            });
            graph.blobs.iter().cloned().chain(manifests).collect()
        }
        Err(e) => {
            session.events.emit(Event::Detail(format!(
                "{}: only the size of the whole is known: {e}",
                target.id
            )));
            vec![Descriptor::new(root.media_type.clone(), root.digest.clone(), whole)]
        }
    }
}
