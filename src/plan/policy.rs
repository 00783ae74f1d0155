//! `[policy]` in a plan: broken rules make their steps invalid, without stopping others; warnings are told once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _};

use super::build::{Depth, PlanOptions};
use super::locating::{CopyOf, Locations, images_from_lock};
use super::reason::PolicyLevel;
use super::target::Target;
use super::wanted::{Wanted, WantedImage};
use super::world::World;
use super::{Action, Effect, PlanStep, Reason, Session};
use crate::event::Event;
use crate::fault::{Fault, Faults, some_of};
use crate::graph::StepKind;
use crate::locate::Located;
use crate::oci::graph::read_graph;
use crate::oci::platforms::is_index;
use crate::oci::{Descriptor, Selector};
use crate::policy::{Facts, Finding, Judge, Judgement};

/// Graphs read at a time.
const AT_A_TIME: usize = 8;

/// How many places of one image a message lists.
const PLACES: usize = 3;

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

/// Where an image is named, without what may differ from run to run (lines of rendered text, names that a chart makes up) and
/// from folder to folder.
fn stable_places(image: &WantedImage) -> Vec<String> {
    let mut places: BTreeSet<String> = BTreeSet::new();
    for found in image.found.iter().filter(|found| !found.package.is_empty()) {
        let template = if found.template.is_empty() {
            &found.package
        } else {
            &found.template
        };
        places.insert(template.clone());
    }
    if let Some(place) = &image.named_at {
        let file = place.path().file_name().unwrap_or_default();
        let line = place.line_column().map_or(0, |(line, _)| line);
        places.insert(format!("{file}:{line}"));
    }
    places.into_iter().collect()
}

/// One error for each rule that an image breaks; one warning for all images that break the same rule.
fn told(wanted: &Wanted, judged: &BTreeMap<usize, Judgement>) -> (Faults, Vec<Fault>) {
    let mut errors = Faults::new();
    let mut warned: BTreeMap<crate::project::PolicyRule, Vec<(&WantedImage, &Finding)>> = BTreeMap::new();
    for (index, judgement) in judged {
        let Some(image) = wanted.images.get(*index) else {
            continue;
        };
        for finding in &judgement.findings {
            if finding.error {
                errors.push(error(image, finding));
            } else {
                warned.entry(finding.rule).or_default().push((image, finding));
            }
        }
    }
    (
        errors,
        warned.into_values().filter_map(|found| warning(&found)).collect(),
    )
}

fn error(image: &WantedImage, finding: &Finding) -> Fault {
    let mut fault =
        Fault::invalid(format!("image {}: {}", image.reference.as_str(), finding.why)).at_opt(image.place());
    if let Some(place) = &finding.place {
        fault = fault.label(place.clone(), format!("the rule: {}", finding.rule));
    }
    for place in places(image) {
        fault = fault.because(place);
    }
    fault.hint(finding.hint.clone())
}

fn warning(found: &[(&WantedImage, &Finding)]) -> Option<Fault> {
    let (first, finding) = found.first()?;
    let message = match found.len() {
        1 => format!("image {}: {}", first.reference.as_str(), finding.why),
        n => {
            let names: Vec<&str> = found.iter().map(|(image, _)| image.reference.as_str()).collect();
            format!(
                "{n} images have tags that may name other images tomorrow: {}",
                some_of(&names)
            )
        }
    };
    let mut fault = Fault::warning(message).at_opt(first.place());
    let others = found.iter().skip(1).take(PLACES);
    let where_others =
        others.filter_map(|(image, _)| Some(format!("{}: {}", image.reference.as_str(), image.place()?)));
    for cause in places(first).into_iter().take(1).chain(where_others) {
        fault = fault.because(cause);
    }
    Some(fault.hint(finding.hint.clone()))
}

/// Where charts name an image, for people: the fields, and the places after the first, which the message has already.
fn places(image: &WantedImage) -> Vec<String> {
    let in_charts = image.found.iter().filter(|found| !found.package.is_empty());
    let mut shown: Vec<String> = Vec::new();
    for (number, found) in in_charts.clone().enumerate().take(PLACES) {
        let field = format!("{} {}", found.object, found.pointer);
        if number == 0 && image.named_at.is_none() {
            shown.push(format!("in {field}"));
            continue;
        }
        let template = if found.template.is_empty() {
            &found.package
        } else {
            &found.template
        };
        shown.push(format!("and in {field} ({template}, rendered line {})", found.line));
    }
    let more = in_charts.count().saturating_sub(PLACES);
    if more > 0 {
        shown.push(format!(
            "and {more} more: `aosm-build images --why {}` lists them",
            image.reference.as_str()
        ));
    }
    shown
}

/// Rules that nobody could judge, where nothing else says that the image is not known.
fn open(wanted: &Wanted, locations: &Locations, judged: &BTreeMap<usize, Judgement>) -> Option<Fault> {
    let failed = |index: &usize| matches!(locations.get(*index), Some(Err(_)));
    let (mut rules, mut names) = (BTreeSet::new(), Vec::new());
    for (index, judgement) in judged.iter().filter(|(index, _)| !failed(index)) {
        if judgement.open.is_empty() {
            continue;
        }
        rules.extend(judgement.open.iter().map(|rule| rule.as_str()));
        names.extend(wanted.images.get(*index).map(|image| image.reference.as_str()));
    }
    if rules.is_empty() {
        return None;
    }
    let rules: Vec<&str> = rules.into_iter().collect();
    Some(
        Fault::warning(format!(
            "policy {}: not judged for {}",
            rules.join(", "),
            some_of(&names)
        ))
        .because("what is needed for that is in neither lock nor cache, and nobody was asked")
        .hint("run once without --offline"),
    )
}
