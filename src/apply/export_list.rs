//! What a project wants, as the list of the Azure CLI extension has it; and why it cannot be said there.
//!
//! That list names tags and files: what depends on a digest, a platform or a referrer has no place in it. Everything that it cannot say
//! is told at once, and then nothing is written: a list that lacks something would look whole to the other tool.

use std::collections::BTreeSet;

use crate::chart::Form;
use crate::fault::{Fault, Faults, some_of};
use crate::graph::StepKind;
use crate::locate::Located;
use crate::oci::Selector;
use crate::peer::{Placed, Registry};
use crate::plan::{Planned, Session, Target};
use crate::project::{ArtifactType, SourceKind, VhdSource};

/// The artifacts in the order of the list: charts, images, templates, disk images. With warnings.
pub fn placed(session: &Session, planned: &Planned) -> Result<(Vec<Placed>, Faults), Faults> {
    let mut faults = Faults::new();
    faults.extend(planned.faults.iter().cloned());
    one_store(planned, &mut faults);
    let mut all: Vec<((u8, usize, String), Placed)> = Vec::new();
    for target in &planned.targets {
        match one(session, planned, target) {
            Ok(Some((rank, at, placed))) => all.push(((rank, at, target.name.to_string()), placed)),
            Ok(None) => {}
            Err(Refusal { why, hint }) => faults.push(
                Fault::invalid(format!("{}: {why}", target.id))
                    .at_opt(target.place.clone())
                    .hint(hint),
            ),
        }
    }
    left_behind(planned, &mut faults);
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    faults.into_result(all.into_iter().map(|(_, placed)| placed).collect())
}

/// Why an artifact cannot be in the list.
struct Refusal {
    why: String,
    hint: &'static str,
}

fn refuse<T>(why: impl Into<String>, hint: &'static str) -> Result<T, Refusal> {
    Err(Refusal { why: why.into(), hint })
}

type Ranked = (u8, usize, Placed);

fn one(session: &Session, planned: &Planned, target: &Target) -> Result<Option<Ranked>, Refusal> {
    match target.kind {
        StepKind::Attach => refuse(
            "the Azure CLI extension attaches nothing",
            "leave it to `aosm-build apply`: --only 'copy:*' and --only 'push:*' leave attachments out",
        ),
        StepKind::Upload => disk(session, target).map(Some),
        StepKind::Copy => image(session, planned, target).map(|found| found.map(|placed| (1, 0, placed))),
        StepKind::Push if target.chart.is_some() => chart(planned, target).map(Some),
        StepKind::Push => template(session, target).map(Some),
        _ => Ok(None),
    }
}

fn chart(planned: &Planned, target: &Target) -> Result<Ranked, Refusal> {
    let prepared = target.chart.as_ref().and_then(|chart| {
        planned
            .prepared
            .packages
            .iter()
            .find(|package| package.index == chart.package)
    });
    let Some(prepared) = prepared else {
        return refuse("its chart was not read", "run the command again");
    };
    if prepared.tree.form() == Form::Plain {
        return refuse(
            "Helm takes no `.tar` that is not compressed",
            "pack the chart as `.tgz`, or name its folder",
        );
    }
    if !prepared.fetched.is_empty() {
        return refuse(
            "its `charts` folder lacks dependencies, and the Azure CLI extension fetches none",
            "run `helm dependency build` on the chart",
        );
    }
    let placed = Placed::Chart {
        name: prepared.tree.name().to_owned(),
        version: prepared.tree.version().to_owned(),
        path: prepared.tree.path().to_owned(),
    };
    Ok((0, prepared.index, placed))
}

/// `None`: it was not located, which is told already.
fn image(session: &Session, planned: &Planned, target: &Target) -> Result<Option<Placed>, Refusal> {
    let Some(index) = target.image else { return Ok(None) };
    let located = match planned.locations.get(index) {
        Some(Ok(located)) => located,
        Some(Err(_)) => return Ok(None),
        None => {
            return refuse(
                "where it is is not known, and --offline forbids asking",
                "run `aosm-build lock` first",
            );
        }
    };
    if planned
        .locations
        .copy(index)
        .is_some_and(|copy| copy.cut.is_some() || copy.open)
    {
        return refuse(
            "the Azure CLI extension cannot choose platforms",
            "leave out `platforms` in [copy], or use `aosm-build apply`",
        );
    }
    let config = session.project.sources.get(&located.source.host);
    if config.is_some_and(|config| config.kind != SourceKind::Registry) {
        return refuse(
            format!(
                "its source {} is a file here, and the Azure CLI extension reads registries only",
                located.source.host
            ),
            "use `aosm-build apply`, or push the image to a registry",
        );
    }
    let tag = match &located.selector {
        Selector::Tag(tag) if *tag == located.name.tag => tag.clone(),
        _ => {
            return refuse(
                "it is named by its digest, and the Azure CLI extension knows tags only",
                "name it by a tag in the chart, or use `aosm-build apply`",
            );
        }
    };
    let Some(namespace) = namespace(located) else {
        return refuse(
            format!(
                "it is {} at its source, and the Azure CLI extension only cuts namespaces off the front",
                located.repository
            ),
            "use `aosm-build apply`",
        );
    };
    Ok(Some(Placed::Image {
        name: located.name.repository.clone(),
        version: tag,
        kind: planned
            .wanted
            .images
            .get(index)
            .map(|image| image.kind)
            .unwrap_or_default(),
        source: Registry {
            host: located.source.host.clone(),
            namespace: namespace.to_owned(),
        },
    }))
}

/// What is before the name in the store.
fn namespace(located: &Located) -> Option<&str> {
    let before = located.repository.strip_suffix(&located.name.repository)?;
    match before {
        "" => Some(""),
        before => before.strip_suffix('/'),
    }
}

fn template(session: &Session, target: &Target) -> Result<Ranked, Refusal> {
    let Some(pack) = &target.pack else {
        return refuse("it was not packed", "run the command again");
    };
    let hint = "leave it to `aosm-build apply`, or take it out with --only";
    if pack.input.kind != ArtifactType::ArmTemplate {
        return refuse(
            "the Azure CLI extension pushes Helm charts and templates, and nothing else",
            hint,
        );
    }
    let [file] = pack.input.files.as_slice() else {
        return refuse("the Azure CLI extension pushes a template as one file", hint);
    };
    let at = session
        .project
        .artifacts
        .iter()
        .position(|artifact| artifact.name.value == target.name.repository);
    let placed = Placed::Template {
        name: target.name.repository.clone(),
        version: target.name.tag.clone(),
        path: file.path.value.clone(),
    };
    Ok((2, at.unwrap_or_default(), placed))
}

fn disk(session: &Session, target: &Target) -> Result<Ranked, Refusal> {
    let vhd = target
        .disk
        .as_ref()
        .and_then(|disk| Some((disk.vhd, session.project.vhds.get(disk.vhd)?)));
    let Some((at, vhd)) = vhd else {
        return refuse("it is not known", "run the command again");
    };
    let VhdSource::File(file) = &vhd.source else {
        return refuse(
            "the Azure CLI extension wants the URL with its signature in clear text in the list",
            "use `aosm-build apply`, which keeps signatures out of files, or name a file",
        );
    };
    let placed = Placed::Disk {
        name: vhd.name.value.clone(),
        version: vhd.version.value.clone(),
        path: file.value.clone(),
    };
    Ok((3, at, placed))
}

/// The extension has one store for each kind of artifact.
fn one_store(planned: &Planned, faults: &mut Faults) {
    for disks in [false, true] {
        let stores: BTreeSet<&str> = planned
            .targets
            .iter()
            .filter(|target| target.disk.is_some() == disks)
            .map(|target| target.store_name.as_str())
            .collect();
        if stores.len() > 1 {
            let names: Vec<&str> = stores.into_iter().collect();
            let what = if disks { "disk images" } else { "charts and images" };
            faults.push(
                Fault::invalid(format!("{what} go to several stores: {}", some_of(&names)))
                    .hint("the list is for one store: choose its artifacts with --only '*:STORE/*'"),
            );
        }
    }
}

/// What the other tool does not copy deserves a word.
fn left_behind(planned: &Planned, faults: &mut Faults) {
    let titles: Vec<&str> = planned
        .targets
        .iter()
        .filter(|target| !target.along.is_empty())
        .map(|target| target.title.as_str())
        .collect();
    if !titles.is_empty() {
        faults.push(
            Fault::warning(format!(
                "signatures, SBOMs and the like stay behind, as the Azure CLI extension copies none: {}",
                some_of(&titles)
            ))
            .hint("`aosm-build apply` copies them"),
        );
    }
}
