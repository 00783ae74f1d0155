//! Effect steps before the decision: what should be where.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8Path;

use super::attach;
use super::locating::{CopyOf, Locations};
use super::packs::PackStep;
use super::wanted::{Wanted, WantedArtifact, WantedChart, WantedImage};
use super::{Desired, DiskTarget};
use crate::digest::Digest;
use crate::fault::{Fault, Faults, Place, some_of};
use crate::graph::{Step, StepId, StepKind};
use crate::locate::{Located, conflicts};
use crate::oci::Descriptor;
use crate::oci::recursive::ReferrerFound;
use crate::project::Project;
use crate::store::{ArtifactName, Guard};

/// One effect step.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its id.
    pub id: StepId,
    /// Copy, push, upload or attach.
    pub kind: StepKind,
    /// Index of its store.
    pub store: usize,
    /// Name of its store.
    pub store_name: String,
    /// The name in the store; of an attachment that of what it is attached to.
    pub name: ArtifactName,
    /// What people call it: the name, or the name and what kind of attachment it is.
    pub title: String,
    /// What should be there.
    pub desired: Desired,
    /// Where it comes from, in words.
    pub from: String,
    /// Where the project names it, or where it was found first.
    pub place: Option<Place>,
    /// All steps it needs.
    pub needs: Vec<StepId>,
    /// Those of them that are effects.
    pub needs_effects: Vec<StepId>,
    /// For pushes of charts: the chart.
    pub chart: Option<WantedChart>,
    /// For pushes of artifacts, and attachments: what was packed.
    pub pack: Option<Arc<PackStep>>,
    /// For attachments: the digest of what they are attached to, where it is known.
    pub subject: Option<Digest>,
    /// For attachments and uploads: local steps that are there for this step alone.
    pub local: Vec<Step>,
    /// For copies: what travels along.
    pub along: Vec<ReferrerFound>,
    /// For copies: what tags beside the image may hold, as the stores were seen.
    pub guards: BTreeMap<String, Guard>,
    /// For copies: the position of the image among all wanted images.
    pub image: Option<usize>,
    /// For uploads: the disk image.
    pub disk: Option<DiskTarget>,
}

impl Target {
    /// The digest that should be there, where it is known.
    pub fn desired_digest(&self) -> Option<&Digest> {
        match &self.desired {
            Desired::Known(root) => Some(&root.digest),
            _ => None,
        }
    }
}

/// All effect steps, sorted by id. One name wanted with two contents is an error, before anything moves.
pub fn targets(project: &Project, wanted: &Wanted, locations: &Locations) -> Result<Vec<Target>, Faults> {
    let mut by_id: BTreeMap<(usize, ArtifactName), (Target, String)> = BTreeMap::new();
    let mut faults = image_conflicts(project, wanted, locations);
    if faults.has_errors() {
        return Err(faults);
    }
    let store_name = |index: usize| {
        project
            .stores
            .get(index)
            .map_or_else(String::new, |s| s.name.value.clone())
    };
    let mut add = |target: Target, what: String| {
        let key = (target.store, target.name.clone());
        match by_id.get_mut(&key) {
            None => {
                by_id.insert(key, (target, what));
            }
            Some((known, first)) => {
                if known.kind != target.kind || differ(&known.desired, &target.desired) {
                    faults.push(two_contents(known, first, &target, &what));
                } else {
                    known.needs.extend(target.needs);
                }
            }
        }
    };
    for (index, image) in wanted.images.iter().enumerate() {
        for store in &image.stores {
            add(
                copy(project, image, index, *store, store_name(*store), locations),
                format!("the image {}", image.reference.as_str()),
            );
        }
    }
    for artifact in &wanted.artifacts {
        let what = format!("the artifact {}", artifact.pack.input.name);
        let target = push_artifact(project, artifact, store_name(artifact.store));
        add(target, what);
    }
    for chart in &wanted.charts {
        let what = format!("the chart of package {}", chart.package_name);
        add(push(project, chart, store_name(chart.store)), what);
    }
    let mut targets: Vec<Target> = by_id.into_values().map(|(target, _)| target).collect();
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    let (targets, _) = faults.into_result(targets)?;
    Ok(targets)
}

/// What can be said without the network: two charts or artifacts that want one name are an error, and so is an attachment to
/// nothing.
pub fn check_names(project: &Project, wanted: &Wanted) -> Result<(), Faults> {
    let charts = Wanted {
        charts: wanted.charts.clone(),
        artifacts: wanted.artifacts.clone(),
        ..Wanted::default()
    };
    let mut faults = match targets(project, &charts, &Locations::default()) {
        Ok(_) => Faults::new(),
        Err(faults) => faults,
    };
    faults.extend(attach::check(project, wanted));
    faults.into_result(()).map(drop)
}

/// Images that would land on one name of one store with different digests.
fn image_conflicts(project: &Project, wanted: &Wanted, locations: &Locations) -> Faults {
    let mut faults = Faults::new();
    for store in 0..project.stores.len() {
        let located: Vec<Located> = wanted
            .images
            .iter()
            .enumerate()
            .filter(|(_, image)| image.stores.contains(&store))
            .filter_map(|(index, _)| locations.get(index)?.ok().cloned())
            .collect();
        for fault in conflicts(&located) {
            if !faults.iter().any(|known| *known == fault) {
                faults.push(fault);
            }
        }
    }
    faults
}

fn copy(
    project: &Project,
    image: &WantedImage,
    index: usize,
    store: usize,
    store_name: String,
    locations: &Locations,
) -> Target {
    let needs = vec![StepId::local(StepKind::Locate, image.reference.as_str())];
    let copy = locations.copy(index);
    let (name, desired, from) = match locations.get(index) {
        Some(Ok(located)) => {
            let from = format!("{}/{}{}", located.source.host, located.repository, located.selector);
            let root = Descriptor::new(located.media_type.clone(), located.digest.clone(), located.root_size);
            let (desired, from) = match copy {
                Some(CopyOf { cut: Some(cut), .. }) => {
                    let part = format!("{from} ({} of {})", cut.platforms, located.digest.short());
                    (Desired::Known(cut.subset.index.clone()), part)
                }
                Some(CopyOf { open: true, .. }) => (Desired::NotAsked, from),
                _ => (Desired::Known(root), from),
            };
            (located.name.clone(), desired, from)
        }
        Some(Err(fault)) => (
            undecided_name(image),
            Desired::NotLocated(below(&project.root, fault.message())),
            String::new(),
        ),
        None => (undecided_name(image), Desired::NotAsked, String::new()),
    };
    Target {
        id: StepId::effect(StepKind::Copy, &store_name, &name),
        kind: StepKind::Copy,
        store,
        store_name,
        title: name.to_string(),
        name,
        desired,
        from,
        place: image.place(),
        needs,
        needs_effects: Vec::new(),
        chart: None,
        pack: None,
        subject: None,
        local: Vec::new(),
        guards: BTreeMap::new(),
        along: copy.map_or_else(Vec::new, |copy| copy.along.clone()),
        image: Some(index),
        disk: None,
    }
}

/// A text whose paths start from the project's folder: a plan is the same wherever the project lies.
fn below(root: &Utf8Path, text: &str) -> String {
    text.replace(&format!("{root}{}", std::path::MAIN_SEPARATOR), "")
}

/// The name of an image that was not located: as if it were found at the first place that would be asked.
fn undecided_name(image: &WantedImage) -> ArtifactName {
    let path = image.reference.path();
    let cut = path
        .split_once('/')
        .filter(|_| image.reference.is_ambiguous_first_segment())
        .map_or(path, |(_, rest)| rest);
    let tag = image.reference.store_tag(image.version.as_deref());
    ArtifactName {
        repository: cut.to_owned(),
        tag: tag.unwrap_or_else(|_| "unknown".to_owned()),
    }
}

fn push(project: &Project, chart: &WantedChart, store_name: String) -> Target {
    let name = chart.output.artifact_name();
    let package = project.charts.get(chart.package);
    Target {
        id: StepId::effect(StepKind::Push, &store_name, &name),
        kind: StepKind::Push,
        store: chart.store,
        store_name,
        title: name.to_string(),
        name,
        desired: Desired::Known(chart.output.manifest.clone()),
        from: format!("package {}", chart.package_name),
        place: package.and_then(|package| package.name.place.clone()),
        needs: vec![StepId::local(StepKind::Package, &chart.package_name)],
        needs_effects: Vec::new(),
        chart: Some(chart.clone()),
        pack: None,
        subject: None,
        local: Vec::new(),
        guards: BTreeMap::new(),
        along: Vec::new(),
        image: None,
        disk: None,
    }
}

fn push_artifact(project: &Project, artifact: &WantedArtifact, store_name: String) -> Target {
    let config = project.artifacts.get(artifact.artifact);
    let name = ArtifactName {
        repository: artifact.pack.input.name.clone(),
        tag: config.map_or_else(String::new, |config| config.version.value.clone()),
    };
    Target {
        id: StepId::effect(StepKind::Push, &store_name, &name),
        kind: StepKind::Push,
        store: artifact.store,
        store_name,
        title: name.to_string(),
        name,
        desired: Desired::Known(artifact.pack.output.manifest.clone()),
        from: files(project, &artifact.pack),
        place: artifact.pack.input.place.clone(),
        needs: vec![artifact.pack.id.clone()],
        needs_effects: Vec::new(),
        chart: None,
        pack: Some(Arc::clone(&artifact.pack)),
        subject: None,
        local: Vec::new(),
        guards: BTreeMap::new(),
        along: Vec::new(),
        image: None,
        disk: None,
    }
}

/// The files of an artifact or attachment, in words, from the project's folder on.
pub(super) fn files(project: &Project, pack: &PackStep) -> String {
    let shown = |path: &Utf8Path| path.strip_prefix(&project.root).unwrap_or(path).to_string();
    if let Some(source) = &pack.input.built_from {
        return shown(source);
    }
    let names: Vec<String> = pack.input.files.iter().map(|file| shown(&file.path.value)).collect();
    some_of(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn differ(a: &Desired, b: &Desired) -> bool {
    match (a, b) {
        (Desired::Known(a), Desired::Known(b)) => a.digest != b.digest,
        _ => false,
    }
}

fn two_contents(known: &Target, first: &str, other: &Target, second: &str) -> Fault {
    let digest = |target: &Target| {
        target
            .desired_digest()
            .map_or_else(String::new, |d| format!(" ({})", d.short()))
    };
    let from = |target: &Target| {
        if target.from.is_empty() || target.kind != StepKind::Copy {
            String::new()
        } else {
            format!(" from {}", target.from)
        }
    };
    let mut fault = Fault::invalid(format!(
        "{} is wanted with two contents in the store {}",
        known.name, known.store_name
    ));
    for (target, what) in [(known, "one of them"), (other, "the other")] {
        if let Some(place) = &target.place {
            fault = fault.label(place.clone(), what);
        }
    }
    fault
        .because(format!("{first}{}{}", from(known), digest(known)))
        .because(format!("{second}{}{}", from(other), digest(other)))
        .hint("give one of them another name or version, or send it to another store")
}
