//! The list of artifacts against the artifact manifests: a manifest must be filled whole, and takes nothing else.

use super::artifacts::ListedArtifact;
use super::manifest::{ListedEntry, ListedManifest};
use crate::fault::{Fault, Faults, some_of};

/// Tells what differs, all of it.
pub(super) fn compare(artifacts: &[ListedArtifact], manifests: &[ListedManifest], faults: &mut Faults) {
    let entries: Vec<&ListedEntry> = manifests.iter().flat_map(|manifest| &manifest.entries).collect();
    let has = |entry: &&&ListedEntry| artifacts.iter().any(|artifact| artifact.title() == entry.title());
    let mut lacking: Vec<&ListedEntry> = entries.iter().filter(|entry| !has(entry)).copied().collect();
    lacking.dedup_by_key(|entry| entry.title());
    if let Some(first) = lacking.first() {
        let titles: Vec<String> = lacking.iter().map(|entry| entry.title()).collect();
        let mut fault = Fault::invalid(format!(
            "artifacts.json lacks what the artifact manifest lists: {}",
            titles.join(", ")
        ))
        .at_opt(first.name.place.clone());
        for entry in lacking.iter().skip(1) {
            if let Some(place) = &entry.name.place {
                fault = fault.label(place.clone(), "");
            }
        }
        faults.push(
            fault
                .because("the manifest could never be complete; the build of the Azure CLI extension warns of an image that was not found, and goes on")
                .hint("add the entries to artifacts.json, or correct `image_sources` in the input file and build the folder again"),
        );
    }
    for artifact in artifacts {
        if !entries.iter().any(|entry| entry.title() == artifact.title()) {
            faults.push(
                Fault::invalid(format!("{}: the artifact manifest does not list it", artifact.title()))
                    .at_opt(artifact.name.place.clone())
                    .because("AOSM grants uploads only for what the manifest lists")
                    .hint("add it to `artifacts` in artifactManifest, or remove it from artifacts.json"),
            );
        }
    }
    let other: Vec<(String, &ListedEntry)> = artifacts
        .iter()
        .filter_map(|artifact| {
            let same = |entry: &&&ListedEntry| entry.title() == artifact.title();
            let entry = entries.iter().find(same)?;
            let what = format!(
                "{} is `{}` there and `{}` in artifacts.json",
                artifact.title(),
                entry.kind.value,
                artifact.kind.value
            );
            (entry.kind.value != artifact.kind.value).then_some((what, *entry))
        })
        .collect();
    if let Some((_, first)) = other.first() {
        let words: Vec<&str> = other.iter().map(|(what, _)| what.as_str()).collect();
        faults.push(
            Fault::warning(format!("artifact manifest: another type: {}", some_of(&words)))
                .at_opt(first.kind.place.clone())
                .hint("the Azure CLI extension writes one type for all; the store does not mind"),
        );
    }
}
