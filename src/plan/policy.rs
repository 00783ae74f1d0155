//! `[policy]` in a plan: broken rules make their steps invalid, without stopping others; warnings are told once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _};

use super::build::{Depth, PlanOptions};
use super::locating::{CopyOf, Locations, images_from_lock};
use super::policy_words::{open, stable_places, told};
use super::reason::PolicyLevel;
use super::target::Target;
use super::wanted::{Wanted, WantedImage};
use super::world::World;
use super::{Action, Effect, PlanStep, Reason, Session};
use crate::event::Event;
use crate::fault::{Fault, Faults};
use crate::graph::StepKind;
use crate::locate::Located;
use crate::oci::graph::read_graph;
use crate::oci::platforms::is_index;
use crate::oci::{Descriptor, Selector};
use crate::policy::{Facts, Finding, Judge, Judgement};

/// Graphs read at a time.
const AT_A_TIME: usize = 8;

/// Judges the images of all targets, in steps too. What comes back are the errors; warnings are told here.
pub(super) async fn judge(
    session: &Arc<Session>,
    options: &PlanOptions,
    (wanted, world, locations): (&Wanted, &World, &Locations),
    targets: &[Target],
    steps: &mut [PlanStep],
) -> Faults {
    if options.depth == Depth::Steps || wanted.images.is_empty() {
        return Faults::new();
    }
    let judge = Judge::new(&session.project.policy);
    let concerned: Vec<Vec<usize>> = targets
        .iter()
        .map(|target| images_of(target, wanted, locations))
        .collect();
    let images: BTreeSet<usize> = concerned.iter().flatten().copied().collect();
    let sizes = sizes(session, world, locations, &images).await;
    let mut judged: BTreeMap<usize, Judgement> = BTreeMap::new();
    for index in images {
        let Some(image) = wanted.images.get(index) else {
            continue;
        };
        let facts = Facts {
            size: sizes.get(&index).copied(),
            ..facts(image, located(locations, index))
        };
        judged.insert(index, judge.judge(&facts));
    }
    for (step, images) in steps.iter_mut().zip(&concerned) {
        for index in images {
            if let (Some(judgement), Some(image)) = (judged.get(index), wanted.images.get(*index)) {
                change(step, image, &judgement.findings);
            }
        }
    }
    let (errors, warnings) = told(wanted, &judged);
    let open = open(wanted, locations, &judged);
    let idle = if options.only.is_empty() {
        idle_exceptions(&judge, wanted)
    } else {
        Vec::new()
    };
    for warning in warnings.into_iter().chain(open).chain(idle) {
        session.events.emit(Event::Fault(warning));
    }
    errors
}

/// What can be said without the network: from the references, and from the lock where it counts. Errors and warnings.
pub async fn check_policy(session: &Arc<Session>, wanted: &Wanted) -> Result<Faults, Faults> {
    let judge = Judge::new(&session.project.policy);
    let places = if judge.needs_locations() {
        images_from_lock(session, wanted, &World::open(session)?).await?
    } else {
        Vec::new()
    };
    let mut judged = BTreeMap::new();
    for (index, image) in wanted.images.iter().enumerate() {
        let located = places.get(index).and_then(|place| place.as_ref()?.as_ref().ok());
        let mut facts = facts(image, located);
        facts.size = located.filter(|located| !may_be_cut(session, located)).map(|l| l.size);
        judged.insert(index, judge.judge(&facts));
    }
    let (mut faults, warnings) = told(wanted, &judged);
    faults.extend(warnings);
    faults.extend(idle_exceptions(&judge, wanted));
    Ok(faults)
}

fn idle_exceptions(judge: &Judge<'_>, wanted: &Wanted) -> Vec<Fault> {
    let references: Vec<&str> = wanted.images.iter().map(|image| image.reference.as_str()).collect();
    judge.idle_exceptions(&references)
}

fn facts<'a>(image: &'a WantedImage, located: Option<&'a Located>) -> Facts<'a> {
    Facts {
        reference: &image.reference,
        version: image.version.as_deref(),
        told_latest: image.found.iter().any(|found| !found.package.is_empty()),
        located,
        size: None,
    }
}

fn located(locations: &Locations, index: usize) -> Option<&Located> {
    locations.get(index)?.ok()
}

/// The images that one step copies: references to several registries may come to one name.
fn images_of(target: &Target, wanted: &Wanted, locations: &Locations) -> Vec<usize> {
    if target.kind != StepKind::Copy {
        return Vec::new();
    }
    let same = |(index, image): &(usize, &WantedImage)| {
        target.image == Some(*index)
            || image.stores.contains(&target.store)
                && located(locations, *index).is_some_and(|located| located.name == target.name)
    };
    wanted
        .images
        .iter()
        .enumerate()
        .filter(same)
        .map(|(index, _)| index)
        .collect()
}

/// May less than all of an image be copied?
fn may_be_cut(session: &Session, located: &Located) -> bool {
    !session.project.copy.platforms.is_empty()
        && is_index(&located.media_type)
        && !matches!(located.selector, Selector::Digest(_))
}

/// Bytes of what is copied of each image, where a limit wants to know. Manifests below an index that is cut were read when it
/// was located, so this asks the cache; where they cannot be had, nothing is said.
async fn sizes(
    session: &Arc<Session>,
    world: &World,
    locations: &Locations,
    images: &BTreeSet<usize>,
) -> BTreeMap<usize, u64> {
    if session.project.policy.max_size.is_none() {
        return BTreeMap::new();
    }
    let reads: Vec<_> = images
        .iter()
        .map(|index| async move { Some((*index, size(session, world, locations, *index).await?)) }.boxed())
        .collect();
    let found: Vec<_> = futures_util::stream::iter(reads).buffered(AT_A_TIME).collect().await;
    found.into_iter().flatten().collect()
}

async fn size(session: &Arc<Session>, world: &World, locations: &Locations, index: usize) -> Option<u64> {
    let located = located(locations, index)?;
    let cut = match locations.copy(index) {
        Some(CopyOf { open: true, .. }) => return None,
        Some(CopyOf { cut: Some(cut), .. }) => cut,
        _ => return Some(located.size),
    };
    let job = session.job("judge");
    let content = locations.content(index, world, &session.cache, &job)?.ok()?;
    let never = |_: Descriptor| async { Ok(false) }.boxed();
    let graph = read_graph(&content, &cut.subset.index, &never).await.ok()?;
    let manifests = graph.levels.iter().flatten().map(|node| node.bytes.len() as u64);
    Some(
        manifests
            .chain(graph.blobs.iter().map(|blob| blob.size))
            .fold(0, u64::saturating_add),
    )
}

/// An error makes the step invalid: what would have been done is no reason any more. Warnings stand beside what is done.
fn change(step: &mut PlanStep, image: &WantedImage, findings: &[Finding]) {
    if findings.iter().any(|finding| finding.error) && matches!(step.action, Action::Run | Action::Fresh) {
        step.reasons.retain(|reason| matches!(reason, Reason::Policy { .. }));
    }
    for finding in findings {
        if finding.error {
            step.action = Action::Invalid;
            step.effect = Effect::None;
            step.transfer = None;
        }
        let reason = Reason::Policy {
            rule: finding.rule,
            level: if finding.error {
                PolicyLevel::Error
            } else {
                PolicyLevel::Warning
            },
            reference: image.reference.as_str().to_owned(),
            why: finding.why.clone(),
            places: stable_places(image),
        };
        if !step.reasons.contains(&reason) {
            step.reasons.push(reason);
        }
    }
}
