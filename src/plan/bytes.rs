//! How much may have to move: an upper bound, each blob counted once for each place that keeps it.
//!
//! Manifests of stale images are read by digest, once ever: they are kept in the cache. Blobs at the target are not
//! probed. What the manifests say also decides which way an image goes to a store of AOSM.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _};

use super::locating::Locations;
use super::target::Target;
use super::transfer::{Facts, Known, Origin, Way, choose};
use super::world::World;
use super::{Action, Effect, PlanStep, Reason, Session, Transfer};
use crate::credentials::entra::is_azure_registry;
use crate::digest::Digest;
use crate::event::Event;
use crate::fault::{Fault, Faults};
use crate::oci::{Content, Descriptor, graph::read_graph};
use crate::project::StoreKind;

/// Graphs read at a time.
const AT_A_TIME: usize = 8;

/// What has to move for one step.
#[derive(Default)]
struct Moves {
    parts: Vec<Descriptor>,
    /// Of an image whose manifests could be read.
    known: Option<Known>,
}

/// Fills in `bytes` and `transfer` of all steps that run. Steps that a store demands another way for than there is become
/// invalid, each with an error.
pub async fn transfer_sizes(
    session: &Arc<Session>,
    targets: &[Target],
    steps: &mut [PlanStep],
    world: &World,
    locations: &Locations,
) -> Result<Faults, Fault> {
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
                let made_here = |parts| Moves { parts, known: None };
                let moves = match (&target.chart, &target.pack, content) {
                    (Some(chart), _, _) => made_here(chart.output.parts()),
                    (None, Some(pack), _) => made_here(pack.output.parts()),
                    (None, None, Some(content)) => {
                        let mut roots = along;
                        if whole_image && let super::Desired::Known(root) = &target.desired {
                            roots.push((root.clone(), whole));
                        }
                        let mut all = Moves::default();
                        for (root, whole) in roots {
                            let of_root = parts(&session, &content, &target, &root, whole).await;
                            all.parts.extend(of_root.parts);
                            all.known = of_root.known;
                        }
                        all
                    }
                    (None, None, None) => Moves::default(),
                };
                session
                    .events
                    .emit(Event::Detail(format!("{id}: {} parts", moves.parts.len())));
                Ok::<_, Fault>((index, moves))
            }
            .boxed()
        })
        .collect();
    let mut moves_of: BTreeMap<usize, Moves> = BTreeMap::new();
    let mut reads = futures_util::stream::iter(reads).buffer_unordered(AT_A_TIME);
    while let Some(read) = reads.next().await {
        let (index, moves) = read?;
        moves_of.insert(index, moves);
    }
    drop(reads);
    let mut faults = Faults::new();
    // What a registry fetches by itself is not there yet for what is sent meanwhile: each way counts for itself.
    let mut counted: BTreeSet<(String, bool, Digest)> = BTreeSet::new();
    for (index, moves) in moves_of {
        let (Some(target), Some(step)) = (targets.get(index), steps.get_mut(index)) else {
            continue;
        };
        let place = world.place(target.store);
        match way(session, target, step, world, locations, moves.known) {
            Some(way) if way.refused => {
                faults.push(refused(session, target, step, &way.why));
                continue;
            }
            Some(way) => {
                step.transfer = Some(way.transfer);
                step.transfer_why = Some(way.why);
            }
            None => {
                let host = target.image.and_then(|image| locations.host(image));
                let same_registry = host.is_some_and(|host| world.mounts(host, target.store));
                step.transfer = Some(if same_registry {
                    Transfer::Mount
                } else {
                    Transfer::Stream
                });
            }
        }
        let alone = step.transfer == Some(Transfer::ServerSide);
        step.bytes = moves
            .parts
            .iter()
            .filter(|part| counted.insert((place.clone(), alone, part.digest.clone())))
            .map(|part| part.size)
            .sum();
    }
    Ok(faults)
}

/// The way of an image into a store of AOSM; `None` for everything else.
fn way(
    session: &Session,
    target: &Target,
    step: &PlanStep,
    world: &World,
    locations: &Locations,
    known: Option<Known>,
) -> Option<Way> {
    let StoreKind::Acr(config) = &session.project.stores.get(target.store)?.kind else {
        return None;
    };
    let image = target.image?;
    let located = locations.get(image)?.ok()?;
    let site = world.sites.get(&target.store)?;
    let grant = site.registry();
    let host = located.source.host.as_str();
    let origin = if world.is_file(host) || locations.bundle().is_some() {
        Origin::File
    } else {
        Origin::Registry {
            host,
            azure: is_azure_registry(host),
            here: is_here(host),
            plain: session
                .project
                .network
                .plain_http
                .iter()
                .any(|listed| is_named(host, listed)),
        }
    };
    let copy = locations.copy(image);
    let partly = |reason: &Reason| matches!(reason, Reason::Damaged { .. } | Reason::ReferrersMissing { .. });
    Some(choose(&Facts {
        mode: config.copy,
        origin,
        registry_known: site.backing_registry().is_some(),
        target_here: grant.is_some_and(|grant| is_here(&grant.host)),
        mounts: grant.is_some_and(|grant| grant.host.eq_ignore_ascii_case(host) && grant.opens(&located.repository)),
        effect: step.effect,
        partly_there: step.reasons.iter().any(partly),
        referrers: target.along.len(),
        cut: copy.is_some_and(|copy| copy.cut.is_some() || copy.open),
        known,
    }))
}

/// Is a host (with or without a port) this machine?
fn is_here(host: &str) -> bool {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    crate::oci::registry::is_loopback(name.map_or(host, |(name, _)| name))
}

/// Does a line of `plain-http` (a host, with a port or for all) name this host?
fn is_named(host: &str, listed: &str) -> bool {
    let bare = host.rsplit_once(':').map_or(host, |(name, _)| name);
    host.eq_ignore_ascii_case(listed) || bare.eq_ignore_ascii_case(listed)
}

/// A step that cannot go the way that its store demands.
fn refused(session: &Session, target: &Target, step: &mut PlanStep, why: &str) -> Fault {
    step.action = Action::Invalid;
    step.effect = Effect::None;
    step.transfer = None;
    step.reasons.push(Reason::NotAllowed {
        why: format!("the store demands an import: {why}"),
    });
    let store = session.project.stores.get(target.store);
    Fault::invalid(format!("{}: cannot be imported: {why}", target.id))
        .at_opt(store.and_then(|store| store.name.place.clone()))
        .hint(format!(
            "`copy = \"auto\"` in [stores.{}] moves what cannot be imported through this machine",
            target.store_name
        ))
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
) -> Moves {
    let never = |_: Descriptor| async { Ok(false) }.boxed();
    match read_graph(content, root, &never).await {
        Ok(graph) => {
            // The root's descriptor may come from the lock, which does not know its size; its bytes do.
            let manifests = graph.levels.iter().flatten().map(|node| {
                let known = &node.descriptor;
                Descriptor::new(known.media_type.clone(), known.digest.clone(), node.bytes.len() as u64)
            });
            let known = Known {
                manifests: graph.levels.iter().map(Vec::len).sum(),
                largest: graph.blobs.iter().map(|blob| blob.size).max().unwrap_or(0),
            };
            Moves {
                parts: graph.blobs.iter().cloned().chain(manifests).collect(),
                known: Some(known),
            }
        }
        Err(e) => {
            session.events.emit(Event::Detail(format!(
                "{}: only the size of the whole is known: {e}",
                target.id
            )));
            Moves {
                parts: vec![Descriptor::new(root.media_type.clone(), root.digest.clone(), whole)],
                known: None,
            }
        }
    }
}
