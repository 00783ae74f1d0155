//! What an attachment is attached to: a step of this project, or something that a store holds already.

use std::collections::BTreeSet;

use super::locating::Locations;
use super::target::Target;
use super::wanted::{Wanted, WantedImage};
use crate::digest::Digest;
use crate::fault::{Fault, some_of};
use crate::graph::StepKind;
use crate::locate::Located;
use crate::oci::Selector;
use crate::project::{AttachmentConfig, Project, StoreConfig, Subject};
use crate::store::ArtifactName;

/// What an attachment is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// Steps that put it where it belongs: their positions among the targets, at least one.
    Steps(Vec<usize>),
    /// Something that a store holds, whoever put it there.
    Held {
        /// Index of the store.
        store: usize,
        /// The repository in it.
        repository: String,
        /// What is meant there.
        selector: Selector,
    },
}

/// One thing of the project that something can be attached to.
enum Item {
    Image(usize),
    Chart(usize),
    Artifact(usize),
}

/// Finds what a subject means. Without `targets` (where nothing was located) only names are checked.
pub(super) fn resolve(
    project: &Project,
    wanted: &Wanted,
    locations: &Locations,
    targets: &[Target],
    config: &AttachmentConfig,
) -> Result<At, Fault> {
    let items: Vec<Item> = match &config.subject.value {
        Subject::Image(name) => images(wanted, locations, name).map(Item::Image).collect(),
        Subject::Chart(name) => charts(wanted, name).map(Item::Chart).collect(),
        Subject::Artifact(name) => artifacts(project, wanted, name).map(Item::Artifact).collect(),
        Subject::Reference(text) => {
            let by_reference = wanted.images.iter().position(|image| image.reference.as_str() == text);
            match by_reference {
                Some(image) => vec![Item::Image(image)],
                None => return held(project, text).ok_or_else(|| unknown(project, wanted, config)),
            }
        }
    };
    match items.as_slice() {
        [] => Err(unknown(project, wanted, config)),
        [item] => Ok(At::Steps(steps(wanted, locations, targets, item))),
        several => {
            let names: Vec<String> = several.iter().map(|item| name_of(wanted, item)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Err(refused(config, &format!("fits several: {}", some_of(&names)))
                .hint("write the whole name, with its tag"))
        }
    }
}

fn images<'w>(wanted: &'w Wanted, locations: &'w Locations, name: &'w str) -> impl Iterator<Item = usize> + 'w {
    let fits = move |(index, image): &(usize, &WantedImage)| {
        let located = locations.get(*index).and_then(Result::ok);
        names_of_image(image, located).contains(name)
    };
    let mut seen: BTreeSet<ArtifactName> = BTreeSet::new();
    // Several references may be one image under one name in the store.
    let new = move |index: &usize| match locations.get(*index) {
        Some(Ok(located)) => seen.insert(located.name.clone()),
        _ => true,
    };
    wanted
        .images
        .iter()
        .enumerate()
        .filter(fits)
        .map(|(index, _)| index)
        .filter(new)
}

/// Everything an image may be called: its reference, its name in the store, both without their tag, and the reference without
/// what may be a registry.
fn names_of_image(image: &WantedImage, located: Option<&Located>) -> BTreeSet<String> {
    let reference = &image.reference;
    let tag = reference.store_tag(image.version.as_deref()).unwrap_or_default();
    let mut names = BTreeSet::from([reference.as_str().to_owned()]);
    let mut add = |path: &str, tag: &str| {
        names.insert(path.to_owned());
        names.insert(format!("{path}:{tag}"));
    };
    if let Some(located) = located {
        add(&located.name.repository, &located.name.tag);
        return names;
    }
    add(reference.path(), &tag);
    if let Some((_, cut)) = reference.path().split_once('/') {
        add(cut, &tag);
    }
    names
}

fn charts<'w>(wanted: &'w Wanted, name: &'w str) -> impl Iterator<Item = usize> + 'w {
    let charts = wanted.charts.iter().enumerate();
    let fits = move |(_, chart): &(usize, &super::WantedChart)| {
        chart.package_name == name || chart.output.name == name || chart.output.artifact_name().to_string() == name
    };
    charts.filter(fits).map(|(index, _)| index)
}

fn artifacts<'w>(project: &'w Project, wanted: &'w Wanted, name: &'w str) -> impl Iterator<Item = usize> + 'w {
    let artifacts = wanted.artifacts.iter().enumerate();
    let fits = move |(_, artifact): &(usize, &super::WantedArtifact)| {
        let config = project.artifacts.get(artifact.artifact);
        config.is_some_and(|config| {
            config.name.value == name || format!("{}:{}", config.name.value, config.version.value) == name
        })
    };
    artifacts.filter(fits).map(|(index, _)| index)
}

/// `STORE:NAME:TAG` or `STORE:NAME@DIGEST`.
fn held(project: &Project, text: &str) -> Option<At> {
    let (store, rest) = text.split_once(':')?;
    let fits = |one: &StoreConfig| one.name.value == store && !one.kind.is_for_disks();
    let store = project.stores.iter().position(fits)?;
    let (repository, selector) = if let Some((repository, digest)) = rest.split_once('@') {
        (repository, Selector::Digest(digest.parse::<Digest>().ok()?))
    } else {
        let (repository, tag) = rest.rsplit_once(':')?;
        (repository, Selector::Tag(tag.to_owned()))
    };
    if repository.is_empty() || matches!(&selector, Selector::Tag(tag) if tag.is_empty() || tag.contains('/')) {
        return None;
    }
    Some(At::Held {
        store,
        repository: repository.to_owned(),
        selector,
    })
}

/// The steps that put an item into its stores.
fn steps(wanted: &Wanted, locations: &Locations, targets: &[Target], item: &Item) -> Vec<usize> {
    let puts = |target: &Target| match item {
        Item::Chart(index) => wanted.charts.get(*index).is_some_and(|chart| {
            let package = target.chart.as_ref().map(|known| known.package);
            package == Some(chart.package)
        }),
        Item::Artifact(index) => wanted.artifacts.get(*index).is_some_and(|artifact| {
            let id = target.pack.as_ref().map(|pack| &pack.id);
            target.kind == StepKind::Push && id == Some(&artifact.pack.id)
        }),
        Item::Image(index) => {
            let stores = wanted.images.get(*index).map(|image| &image.stores);
            let same = target.image == Some(*index)
                || locations
                    .get(*index)
                    .is_some_and(|place| place.is_ok_and(|located| located.name == target.name));
            target.kind == StepKind::Copy && same && stores.is_some_and(|stores| stores.contains(&target.store))
        }
    };
    let positions = targets.iter().enumerate();
    positions.filter(|(_, target)| puts(target)).map(|(at, _)| at).collect()
}

fn name_of(wanted: &Wanted, item: &Item) -> String {
    let name = match item {
        Item::Image(index) => wanted
            .images
            .get(*index)
            .map(|image| image.reference.as_str().to_owned()),
        Item::Chart(index) => wanted
            .charts
            .get(*index)
            .map(|chart| chart.output.artifact_name().to_string()),
        Item::Artifact(index) => wanted
            .artifacts
            .get(*index)
            .map(|artifact| artifact.pack.input.name.clone()),
    };
    name.unwrap_or_default()
}

fn refused(config: &AttachmentConfig, why: &str) -> Fault {
    Fault::invalid(format!("attachments.subject: `{}` {why}", config.subject_text)).at_opt(config.subject.place.clone())
}

/// Nothing is called so: what there is.
fn unknown(project: &Project, wanted: &Wanted, config: &AttachmentConfig) -> Fault {
    let list = |what: &str, names: Vec<&str>| match names.as_slice() {
        [] => format!("this project has no {what}"),
        names => format!("{what} of this project: {}", some_of(names)),
    };
    let images = || wanted.images.iter().map(|image| image.reference.as_str()).collect();
    match &config.subject.value {
        Subject::Image(_) => refused(config, "is no image of this project").hint(list("images", images())),
        Subject::Chart(name) => {
            let charts = wanted.charts.iter().map(|chart| chart.package_name.as_str()).collect();
            let ready = project.charts.iter().any(|chart| chart.name.value == *name);
            let why = if ready {
                "is a package of ready-made manifests: no chart of it is pushed"
            } else {
                "is no chart of this project"
            };
            refused(config, why).hint(list("charts", charts))
        }
        Subject::Artifact(_) => {
            let artifacts = project.artifacts.iter().map(|one| one.name.value.as_str()).collect();
            refused(config, "is no artifact of this project").hint(list("artifacts", artifacts))
        }
        Subject::Reference(_) => {
            let stores: Vec<&str> = project.stores.iter().map(|store| store.name.value.as_str()).collect();
            refused(config, "is neither an image of this project nor STORE:NAME:TAG")
                .because(list("images", images()))
                .because(list("stores", stores))
                .hint("write `image:NAME`, `chart:NAME`, `artifact:NAME`, an image's reference, or `STORE:NAME:TAG`")
        }
    }
}
