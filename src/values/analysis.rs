//! From what renders have shown to what is printed: a table for each image, and the lists for AOSM.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{GuardedValue, ImageValues, MadeBy, PackageValues, PullSecretsValue, SecretForm, Status};
use super::evidence::{Evidence, Spot, is_current};
use super::leaf::{Leaf, LeafId};
use super::leaves::leaves;
use super::read_back::Part;
use super::search::{Prober, Search};
use super::unused::unused;
use crate::chart::EffectiveValues;
use crate::discover::Found;
use crate::fault::Fault;
use crate::reference::ImageReference;

/// What is asked about.
pub struct Subject<'s> {
    /// The package's name.
    pub package: &'s str,
    /// The chart's name and version; `None` for ready-made manifests.
    pub chart: Option<(&'s str, &'s str)>,
    /// The images of the plain render.
    pub images: &'s [Found],
    /// The package's values.
    pub values: &'s EffectiveValues,
    /// First segments that the project declares to stand for a registry.
    pub placeholders: &'s [String],
}

/// Finds the values that make a package's images. An error is one of this machine: what the chart does not let itself
/// be asked is part of the answer.
pub async fn analyse(subject: &Subject<'_>, prober: &dyn Prober) -> Result<PackageValues, Fault> {
    let spots: Vec<Spot> = subject
        .images
        .iter()
        .filter_map(|found| {
            // Discovery takes nothing that is no reference.
            let reference = ImageReference::parse(&found.reference).ok()?;
            Some(Spot {
                found: found.clone(),
                reference,
            })
        })
        .collect();
    let mut references: Vec<ImageReference> = spots.iter().map(|spot| spot.reference.clone()).collect();
    references.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    references.dedup_by(|a, b| a.as_str() == b.as_str());
    let picked = leaves(&subject.values.values, &references, subject.placeholders);
    let versions = &subject.values.app_versions;
    let search = Search {
        leaves: &picked.all,
        spots: &spots,
        effective: &subject.values.values,
        app_version: app_version(versions, &references),
        prober,
    };
    let evidence = search.run().await?;
    let table = Table {
        leaves: &picked.all,
        spots: &spots,
        evidence: &evidence,
        app_versions: versions,
        has_values: subject.chart.is_some(),
    };
    Ok(PackageValues {
        package: subject.package.to_owned(),
        chart: subject.chart.map(|(name, _)| name.to_owned()),
        version: subject.chart.map(|(_, version)| version.to_owned()),
        renders: usize::from(subject.chart.is_some()) + evidence.renders,
        helm_runs: 0,
        images: table.images(),
        registry_values_paths: table.registry_paths(),
        image_pull_secrets_values_paths: table.secret_paths(),
        pull_secrets: table.secrets(),
        unused: unused(&picked.all, &spots, &evidence, &subject.values.set),
        guarded: table.guarded(),
        undecided: evidence.undecided.iter().filter_map(|id| table.path(*id)).collect(),
        left_out: picked.left_out,
    })
}

/// The version that an empty tag most likely stands for: one that some image has, else any.
fn app_version<'v>(versions: &'v BTreeSet<String>, references: &[ImageReference]) -> Option<&'v str> {
    let is_a_tag = |version: &&String| references.iter().any(|r| r.tag() == Some(version.as_str()));
    versions
        .iter()
        .find(is_a_tag)
        .or_else(|| versions.first())
        .map(String::as_str)
}

/// What is looked at to make the tables.
struct Table<'t> {
    leaves: &'t [Leaf],
    spots: &'t [Spot],
    evidence: &'t Evidence,
    app_versions: &'t BTreeSet<String>,
    has_values: bool,
}

impl Table<'_> {
    fn path(&self, id: LeafId) -> Option<String> {
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

    fn images(&self) -> Vec<ImageValues> {
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

    fn registry_paths(&self) -> Vec<String> {
        let whole = self.whole_registries();
        let mut reach: BTreeMap<LeafId, BTreeSet<usize>> = BTreeMap::new();
        for at in 0..self.spots.len() {
            for id in self.evidence.makers(at, Part::Registry).filter(|id| whole.contains(id)) {
                reach.entry(id).or_default().insert(at);
            }
        }
        self.fewest(reach)
    }

    fn secret_paths(&self) -> Vec<String> {
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
    fn fewest(&self, mut reach: BTreeMap<LeafId, BTreeSet<usize>>) -> Vec<String> {
        let mut chosen = Vec::new();
        loop {
            let best = reach
                .iter()
                .filter(|(_, spots)| !spots.is_empty())
                .filter_map(|(id, spots)| Some((std::cmp::Reverse(spots.len()), self.leaves.get(*id)?, *id)))
                .min_by_key(|(size, leaf, _)| (*size, leaf.path.0.len(), leaf.path.clone()));
            let Some((_, leaf, id)) = best else { break };
            chosen.push(leaf.path.to_string());
            let taken = reach.remove(&id).unwrap_or_default();
            for spots in reach.values_mut() {
                spots.retain(|at| !taken.contains(at));
            }
        }
        chosen.sort();
        chosen
    }

    fn secrets(&self) -> Vec<PullSecretsValue> {
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

    fn guarded(&self) -> Vec<GuardedValue> {
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
