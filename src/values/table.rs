//! The tables that are made of what renders have shown.

use std::collections::{BTreeMap, BTreeSet};

use super::analysis::Subject;
use super::document::{GuardedValue, ImageValues, MadeBy, PullSecretsValue, SecretForm, Status};
use super::evidence::{Evidence, Spot, is_current};
use super::leaf::{Leaf, LeafId};
use super::read_back::Part;

/// What is looked at to make the tables.
pub(super) struct Table<'t> {
    leaves: &'t [Leaf],
    spots: &'t [Spot],
    evidence: &'t Evidence,
    app_versions: &'t BTreeSet<String>,
    has_values: bool,
}

impl<'t> Table<'t> {
    pub fn new(leaves: &'t [Leaf], spots: &'t [Spot], evidence: &'t Evidence, subject: &Subject<'t>) -> Self {
        Self {
            leaves,
            spots,
            evidence,
            app_versions: &subject.values.app_versions,
            has_values: subject.chart.is_some(),
        }
    }

    pub fn path(&self, id: LeafId) -> Option<String> {
        self.leaves.get(id).map(|leaf| leaf.path.to_string())
    }

    /// Can the service set it alone? `--set` with an index makes a new list of that one item, which takes the place of
    /// the chart's own (Helm: values that are given replace lists).
    fn is_settable(&self, id: LeafId) -> bool {
        self.leaves.get(id).is_some_and(|leaf| !leaf.path.is_in_list())
    }

    /// Leaves that may be set to another registry.
    fn whole_registries(&self) -> BTreeSet<LeafId> {
        let mut whole = self.evidence.whole_registries();
        whole.retain(|id| self.is_settable(*id));
        whole
    }

    pub fn images(&self) -> Vec<ImageValues> {
        let mut by_reference: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, spot) in self.spots.iter().enumerate() {
            by_reference.entry(spot.reference.as_str()).or_default().push(at);
        }
        let whole = self.whole_registries();
        by_reference
            .into_iter()
            .map(|(reference, spots)| self.image(reference, &spots, &whole))
            .collect()
    }

    fn image(&self, reference: &str, spots: &[usize], whole: &BTreeSet<LeafId>) -> ImageValues {
        let made_by = |part| self.made_by(spots, part);
        let tag = made_by(Part::Tag);
        let is_app_version = |at: &usize| {
            self.spots
                .get(*at)
                .and_then(|spot| spot.reference.tag())
                .is_some_and(|tag| {
                    self.app_versions
                        .iter()
                        .any(|v| v == tag || tag.strip_prefix('v') == Some(v))
                })
        };
        let secrets: BTreeSet<String> = spots
            .iter()
            .filter_map(|at| self.evidence.secrets.get(*at))
            .flat_map(BTreeMap::keys)
            .filter_map(|id| self.path(*id))
            .collect();
        let objects: BTreeSet<String> = spots
            .iter()
            .filter_map(|at| self.spots.get(*at))
            .map(|spot| spot.found.object.clone())
            .collect();
        ImageValues {
            reference: reference.to_owned(),
            // One place that cannot be redirected keeps the image from being so.
            status: spots
                .iter()
                .map(|at| self.status(*at, whole))
                .max()
                .unwrap_or(Status::HardCoded),
            registry: made_by(Part::Registry),
            repository: made_by(Part::Repository),
            // Said only where a value was seen to take its place: a tag may be equal by chance.
            tag_is_app_version: !tag.is_empty()
                && !tag.iter().any(|made| made.current)
                && spots.iter().any(is_app_version),
            tag,
            digest: made_by(Part::Digest),
            pull_secrets: secrets.into_iter().collect(),
            objects: objects.into_iter().collect(),
        }
    }

    fn made_by(&self, spots: &[usize], part: Part) -> Vec<MadeBy> {
        let mut made: BTreeMap<LeafId, bool> = BTreeMap::new();
        for at in spots {
            let Some(spot) = self.spots.get(*at) else { continue };
            for id in self.evidence.makers(*at, part) {
                let current = self
                    .leaves
                    .get(id)
                    .is_some_and(|leaf| is_current(leaf, part, &spot.reference));
                *made.entry(id).or_default() |= current;
            }
        }
        let named = |(id, current)| self.path(id).map(|path| MadeBy { path, current });
        let mut made: Vec<MadeBy> = made.into_iter().filter_map(named).collect();
        // What stands there now comes first.
        made.sort_by(|a, b| (!a.current, &a.path).cmp(&(!b.current, &b.path)));
        made
    }

    fn status(&self, at: usize, whole: &BTreeSet<LeafId>) -> Status {
        if !self.has_values {
            return Status::NoValues;
        }
        if self.evidence.makers(at, Part::Registry).any(|id| whole.contains(&id)) {
            return Status::Redirected;
        }
        if self.spots.get(at).is_some_and(|spot| self.is_unknown(spot)) {
            return Status::Unknown;
        }
        if self.evidence.hits.get(at).is_some_and(|hits| !hits.is_empty()) {
            Status::FixedRegistry
        } else {
            Status::HardCoded
        }
    }

    /// Does a value that could not be asked for stand in its registry or its repository?
    fn is_unknown(&self, spot: &Spot) -> bool {
        let not_asked = self.evidence.guarded.keys().chain(&self.evidence.undecided);
        not_asked.filter_map(|id| self.leaves.get(*id)).any(|leaf| {
            [Part::Registry, Part::Repository]
                .iter()
                .any(|part| is_current(leaf, *part, &spot.reference))
        })
    }

    /// The registries that are to be set.
    pub fn registries(&self) -> Vec<LeafId> {
        let whole = self.whole_registries();
        let mut reach: BTreeMap<LeafId, BTreeSet<usize>> = BTreeMap::new();
        for at in 0..self.spots.len() {
            for id in self.evidence.makers(at, Part::Registry).filter(|id| whole.contains(id)) {
                reach.entry(id).or_default().insert(at);
            }
        }
        self.fewest(reach)
    }

    /// The lists of pull secrets that are to be set.
    pub fn secret_lists(&self) -> Vec<LeafId> {
        let mut reach: BTreeMap<LeafId, BTreeSet<usize>> = BTreeMap::new();
        for (at, secrets) in self.evidence.secrets.iter().enumerate() {
            for id in secrets
                .iter()
                .filter(|(id, form)| **form == SecretForm::Maps && self.is_settable(**id))
                .map(|(id, _)| *id)
            {
                reach.entry(id).or_default().insert(at);
            }
        }
        self.fewest(reach)
    }

    /// The fewest leaves that reach all that can be reached: each time the one that reaches most of what is left, of
    /// equals the one with the shorter path.
    fn fewest(&self, mut reach: BTreeMap<LeafId, BTreeSet<usize>>) -> Vec<LeafId> {
        let mut chosen = Vec::new();
        loop {
            let best = reach
                .iter()
                .filter(|(_, spots)| !spots.is_empty())
                .filter_map(|(id, spots)| Some((std::cmp::Reverse(spots.len()), self.leaves.get(*id)?, *id)))
                .min_by_key(|(size, leaf, _)| (*size, leaf.path.0.len(), leaf.path.clone()));
            let Some((_, _, id)) = best else { break };
            chosen.push(id);
            let taken = reach.remove(&id).unwrap_or_default();
            for spots in reach.values_mut() {
                spots.retain(|at| !taken.contains(at));
            }
        }
        chosen
    }

    pub fn paths(&self, chosen: Vec<LeafId>) -> Vec<String> {
        let mut paths: Vec<String> = chosen.into_iter().filter_map(|id| self.path(id)).collect();
        paths.sort();
        paths
    }

    pub fn secrets(&self) -> Vec<PullSecretsValue> {
        let all: BTreeMap<LeafId, SecretForm> = self
            .evidence
            .secrets
            .iter()
            .flatten()
            .map(|(id, f)| (*id, *f))
            .collect();
        let named = |(id, form)| self.path(id).map(|path| PullSecretsValue { path, form });
        let mut found: Vec<PullSecretsValue> = all.into_iter().filter_map(named).collect();
        found.sort();
        found
    }

    pub fn guarded(&self) -> Vec<GuardedValue> {
        let named = |(id, why): (&LeafId, &String)| {
            Some(GuardedValue {
                path: self.path(*id)?,
                why: why.clone(),
            })
        };
        let mut found: Vec<GuardedValue> = self.evidence.guarded.iter().filter_map(named).collect();
        found.sort();
        found
    }
}
