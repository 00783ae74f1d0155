//! What the stores should hold: every image and chart, each with the stores it belongs in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::packs::PackStep;
use super::prepare::{ChartOutput, Prepared};
use crate::discover::{Found, Tier};
use crate::fault::{Fault, Faults, Place, some_of};
use crate::project::{ArtifactType, ImageSource, Project, Spanned};
use crate::reference::ImageReference;

/// One image, with every place it was found.
#[derive(Debug, Clone)]
pub struct WantedImage {
    /// The reference as rendered.
    pub reference: ImageReference,
    /// The tag it gets in the store, where `[[images]]` says so.
    pub version: Option<String>,
    /// Where it was found; sorted.
    pub found: Vec<Found>,
    /// Indices of the stores it belongs in.
    pub stores: BTreeSet<usize>,
    /// Where the project names it.
    pub named_at: Option<Place>,
    /// What AOSM calls it.
    pub kind: ArtifactType,
    /// The one source it is taken from; `None`: all are searched in their order.
    pub only_from: Option<ImageSource>,
}

/// One chart.
#[derive(Debug, Clone)]
pub struct WantedChart {
    /// Index of its package.
    pub package: usize,
    /// The package's name.
    pub package_name: String,
    /// What was packed.
    pub output: ChartOutput,
    /// Index of the store it belongs in.
    pub store: usize,
}

/// One artifact.
#[derive(Debug, Clone)]
pub struct WantedArtifact {
    /// Its index in the project.
    pub artifact: usize,
    /// What was packed.
    pub pack: Arc<PackStep>,
    /// Index of the store it belongs in.
    pub store: usize,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Images, sorted by their text.
    pub images: Vec<WantedImage>,
    /// Candidates that nobody decided about; sorted.
    pub candidates: Vec<Found>,
    /// Charts, in the order of the project.
    pub charts: Vec<WantedChart>,
    /// Artifacts, in the order of the project.
    pub artifacts: Vec<WantedArtifact>,
}

/// Joins what the packages gave with what the project names by hand.
pub fn wanted(project: &Project, prepared: &Prepared) -> Result<Wanted, Faults> {
    let mut faults = Faults::new();
    let mut images: BTreeMap<String, WantedImage> = BTreeMap::new();
    let mut wanted = Wanted::default();
    for package in &prepared.packages {
        let chosen = project.charts.get(package.index).and_then(|chart| chart.store.as_ref());
        let store = store_index(project, chosen, &mut faults);
        for found in &package.discovered.images {
            let Ok(reference) = ImageReference::parse(&found.reference) else {
                // Discovery reports what it cannot parse, so this cannot be; and if it is, it must not be silent.
                faults.push(Fault::bug(format!(
                    "the image {:?} was found but cannot be read",
                    found.reference
                )));
                continue;
            };
            let image = images
                .entry(found.reference.clone())
                .or_insert_with(|| new_image(reference));
            image.found.push(found.clone());
            image.stores.insert(store);
        }
        wanted.candidates.extend(package.discovered.candidates.iter().cloned());
        if let Some(output) = &package.chart {
            wanted.charts.push(WantedChart {
                package: package.index,
                package_name: package.name.clone(),
                output: output.clone(),
                store,
            });
        }
    }
    for (artifact, (config, pack)) in project.artifacts.iter().zip(&prepared.artifacts).enumerate() {
        wanted.artifacts.push(WantedArtifact {
            artifact,
            pack: Arc::new(pack.clone()),
            store: store_index(project, config.store.as_ref(), &mut faults),
        });
    }
    for named in &project.images {
        let text = &named.reference.value;
        let reference = match ImageReference::parse(text) {
            Ok(reference) => reference,
            Err(e) => {
                let fault = Fault::invalid(format!("{text:?} is no image reference: {e}"));
                faults.push(fault.at_opt(named.reference.place.clone()).hint(e.hint()));
                continue;
            }
        };
        let store = store_index(project, named.store.as_ref(), &mut faults);
        let image = images.entry(text.clone()).or_insert_with(|| new_image(reference));
        image.stores.insert(store);
        image.named_at.clone_from(&named.reference.place);
        image.kind = named.kind;
        image.only_from.clone_from(&named.only_from);
        image.version = named
            .version
            .as_ref()
            .map(|version| version.value.clone())
            .or(image.version.take());
        image.found.push(Found {
            reference: text.clone(),
            package: String::new(),
            template: named
                .reference
                .place
                .as_ref()
                .map(|place| place.path().to_string())
                .unwrap_or_default(),
            object: named.named_in.to_owned(),
            pointer: String::new(),
            line: named
                .reference
                .place
                .as_ref()
                .and_then(Place::line_column)
                .map_or(0, |(line, _)| line as u64),
            tier: Tier::Named,
            hook: None,
            named: None,
            confidence: None,
        });
    }
    wanted
        .candidates
        .retain(|candidate| !images.contains_key(&candidate.reference));
    wanted.candidates.sort();
    wanted.candidates.dedup();
    wanted.images = images.into_values().collect();
    for image in &mut wanted.images {
        image.found.sort();
        image.found.dedup();
    }
    let (wanted, _) = faults.into_result(wanted)?;
    Ok(wanted)
}

impl Wanted {
    /// A word about texts that may be images and that nobody decided about: they are in no plan, and must not be missed.
    pub fn undecided(&self) -> Option<Fault> {
        let mut references: Vec<&str> = self.candidates.iter().map(|found| found.reference.as_str()).collect();
        references.dedup();
        let first = self.candidates.first()?;
        let (what, they) = match references.len() {
            1 => ("1 text may be an image and is".to_owned(), "it"),
            n => (format!("{n} texts may be images and are"), "them"),
        };
        let place = if first.template.is_empty() {
            &first.package
        } else {
            &first.template
        };
        Some(
            Fault::warning(format!("{what} not taken: {}", some_of(&references)))
                .at(Place::file_only(format!("{place}, rendered line {}", first.line)))
                .hint(format!(
                    "`aosm-build images` shows the places; decide in [discovery]: rules or \
                     `candidates = \"include\"` take {they}, `ignore` silences {they}"
                )),
        )
    }
}

fn new_image(reference: ImageReference) -> WantedImage {
    WantedImage {
        reference,
        version: None,
        found: Vec::new(),
        stores: BTreeSet::new(),
        named_at: None,
        kind: ArtifactType::OciArtifact,
        only_from: None,
    }
}

/// The store that was named, else the first that is not for disk images. A name that no store has is an error (`check` finds it too).
fn store_index(project: &Project, chosen: Option<&Spanned<String>>, faults: &mut Faults) -> usize {
    let Some(chosen) = chosen else {
        return project.default_store().unwrap_or_default();
    };
    project
        .stores
        .iter()
        .position(|store| store.name.value == chosen.value)
        .unwrap_or_else(|| {
            let known: Vec<&str> = project.stores.iter().map(|store| store.name.value.as_str()).collect();
            faults.push(
                Fault::invalid(format!("no store is named {:?}", chosen.value))
                    .at_opt(chosen.place.clone())
                    .hint(format!("stores of this project: {}", known.join(", "))),
            );
            0
        })
}

impl WantedImage {
    /// Where it is named in the project, or a place that says where it was found first.
    pub fn place(&self) -> Option<Place> {
        self.named_at
            .clone()
            .or_else(|| self.found.first().map(|_| Place::file_only(self.first_place())))
    }

    /// Where it was found first, in words: `contoso/templates/a.yaml, line 31`.
    pub fn first_place(&self) -> String {
        self.found.first().map_or_else(String::new, |found| {
            let template = if found.template.is_empty() {
                &found.package
            } else {
                &found.template
            };
            format!("{template}, rendered line {}", found.line)
        })
    }
}
