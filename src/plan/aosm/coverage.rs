//! What an artifact manifest does not let in: artifacts that it does not list or that its credential does not cover, and every
//! change once it is sealed. Told before anything moves.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AosmSite;
use crate::azure::Layout;
use crate::azure::credential::Grant;
use crate::fault::{Fault, Place, some_of};
use crate::graph::StepKind;
use crate::plan::{Action, Desired, Effect, PlanStep, Reason, Target};
use crate::project::Project;
use crate::store::ArtifactName;

/// The AOSM stores of a run, by their position in the project.
type Sites = BTreeMap<usize, Arc<AosmSite>>;

/// Bars what the manifests do not let in, so that nobody asks about it and nothing of it is read.
pub(in crate::plan) fn bar(project: &Project, sites: &Sites, targets: &mut [Target]) {
    for target in targets.iter_mut().filter(|target| target.kind != StepKind::Attach) {
        let Some(site) = sites.get(&target.store) else {
            continue;
        };
        let disk = target.disk.as_ref().and_then(|disk| project.vhds.get(disk.vhd));
        let container = disk.map(crate::project::VhdConfig::expected_container);
        let is_known = match target.desired {
            Desired::Known(_) => true,
            // Disk images are looked at later.
            Desired::NotAsked => disk.is_some(),
            _ => false,
        };
        if !is_known {
            continue;
        }
        if let Some(fault) = uncovered(site, &target.name, container.as_deref(), target.place.as_ref()) {
            target.desired = Desired::Barred(Box::new(fault));
        }
    }
}

/// Why an artifact cannot go to a store, as far as the store was seen; `None`: nothing speaks against it. `container`: of a disk
/// image.
fn uncovered(site: &AosmSite, name: &ArtifactName, container: Option<&str>, place: Option<&Place>) -> Option<Fault> {
    let manifest = site.manifest_name();
    let why = if site.lists(name) == Some(false) {
        format!("the artifact manifest {manifest} does not list it{}", near(site, name))
    } else {
        let missing = ungranted(site, name, container)?;
        format!("the credential of the artifact manifest {manifest} does not cover {missing}")
    };
    Some(Fault::invalid(why).at_opt(place.cloned()).hint(format!(
        "entries cannot be added to a manifest: make one that lists it (the next version, or a second one) and name it as \
         `artifact-manifest` in [stores.{}]",
        site.name
    )))
}

/// What the credential does not open, and what it does.
fn ungranted(site: &AosmSite, name: &ArtifactName, container: Option<&str>) -> Option<String> {
    match (site.grant.as_deref()?, container) {
        (Grant::StorageAccount(grant), Some(container)) if grant.container(container).is_none() => {
            let names: Vec<&str> = grant.containers.iter().map(|one| one.name.as_str()).collect();
            Some(format!("the container {container}: it covers {}", or_nothing(&names)))
        }
        (Grant::Registry(grant), None) => {
            let (manifest, api) = (site.manifest_name(), site.reached.as_ref()?.arm.api());
            grant.repository(manifest, &name.repository, api).err()?;
            let layout = Layout::of_grant(manifest, &grant.repositories).unwrap_or_else(|| Layout::of_version(api));
            let repository = layout.repository(manifest, &name.repository);
            let names: Vec<&str> = grant.repositories.iter().map(String::as_str).collect();
            Some(format!("the repository {repository}: it covers {}", or_nothing(&names)))
        }
        _ => None,
    }
}

fn or_nothing(names: &[&str]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        some_of(names)
    }
}

/// Other versions of the same artifact that it lists: the commonest slip.
fn near(site: &AosmSite, name: &ArtifactName) -> String {
    let entries = site.manifest.iter().flat_map(|manifest| &manifest.artifacts);
    let versions: Vec<&str> = entries
        .filter(|entry| entry.name == name.repository)
        .map(|entry| entry.version.as_str())
        .collect();
    if versions.is_empty() {
        String::new()
    } else {
        format!(", only its version {}", some_of(&versions))
    }
}

/// Steps that would change a store whose manifest is sealed become invalid: one fault a store.
pub(in crate::plan) fn sealed(sites: &Sites, targets: &[Target], steps: &mut [PlanStep]) -> Vec<Fault> {
    let mut stopped: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (target, step) in targets.iter().zip(steps) {
        let Some(site) = sites.get(&target.store).filter(|site| site.is_sealed()) else {
            continue;
        };
        if step.action == Action::Run {
            step.action = Action::Invalid;
            step.effect = Effect::None;
            step.transfer = None;
            step.reasons.push(Reason::NotAllowed { why: words(site) });
            stopped.entry(target.store).or_default().push(step.id.to_string());
        }
    }
    let faults = stopped.into_iter().filter_map(|(index, steps)| {
        let site = sites.get(&index)?;
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        Some(
            Fault::invalid(format!("store {}: {}", site.name, words(site)))
                .at_opt(site.place.clone())
                .because(format!("this would change it: {}", some_of(&steps)))
                .hint(format!(
                    "go on with the next version: a new artifact manifest{}",
                    next(site).map_or_else(String::new, |name| format!(", such as {name}"))
                )),
        )
    });
    faults.collect()
}

fn words(site: &AosmSite) -> String {
    let state = site.manifest.as_ref().and_then(|manifest| manifest.state.as_ref());
    format!(
        "the artifact manifest {} is sealed ({}): nothing in it changes any more",
        site.manifest_name(),
        state.map_or("state unknown", |state| state.as_str())
    )
}

/// The manifest's name with the last number one higher.
fn next(site: &AosmSite) -> Option<String> {
    next_name(site.manifest_name())
}

fn next_name(name: &str) -> Option<String> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number: u64 = name.get(stem.len()..)?.parse().ok()?;
    Some(format!("{stem}{}", number.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_manifest_has_the_next_last_number() {
        for (name, next) in [
            ("nginx-acr-manifest-1-0-0", Some("nginx-acr-manifest-1-0-1")),
            ("nginx-acr-manifest-1-0-9", Some("nginx-acr-manifest-1-0-10")),
            ("m1.2.3", Some("m1.2.4")),
            ("manifest", None),
            ("m18446744073709551615", None),
            ("", None),
        ] {
            assert_eq!(next_name(name).as_deref(), next, "{name}");
        }
    }
}
