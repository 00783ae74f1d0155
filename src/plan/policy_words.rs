//! What is said about broken rules of `[policy]`: to people as faults with places, in a plan as places that stay the same.

use std::collections::{BTreeMap, BTreeSet};

use super::locating::Locations;
use super::wanted::{Wanted, WantedImage};
use crate::fault::{Fault, Faults, some_of};
use crate::policy::{Finding, Judgement};
use crate::project::PolicyRule;

/// How many places of one image a message lists.
const PLACES: usize = 3;

/// Where an image is named, without what may differ from run to run (lines of rendered text, names that a chart makes up) and
/// from folder to folder.
pub(super) fn stable_places(image: &WantedImage) -> Vec<String> {
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
pub(super) fn told(wanted: &Wanted, judged: &BTreeMap<usize, Judgement>) -> (Faults, Vec<Fault>) {
    let mut errors = Faults::new();
    let mut warned: BTreeMap<PolicyRule, Vec<(&WantedImage, &Finding)>> = BTreeMap::new();
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
pub(super) fn open(wanted: &Wanted, locations: &Locations, judged: &BTreeMap<usize, Judgement>) -> Option<Fault> {
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
