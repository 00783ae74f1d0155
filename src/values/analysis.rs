//! One package from its values and its plain render to what is printed.

use std::collections::BTreeSet;

use super::document::PackageValues;
use super::evidence::Spot;
use super::leaves::leaves;
use super::search::{Prober, Search};
use super::table::Table;
use super::unused::unused;
use crate::chart::EffectiveValues;
use crate::discover::Found;
use crate::fault::Fault;
use crate::reference::ImageReference;

/// Most renders that check what the service would set.
const MAX_CHECKS: usize = 3;

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
    let mut evidence = search.run().await?;
    // What does more than to change a registry is not to be set; another value may then take its place.
    for _ in 0..MAX_CHECKS {
        let chosen = Table::new(&picked.all, &spots, &evidence, subject).registries();
        if !chosen.iter().any(|id| evidence.doubted.contains(id)) {
            break;
        }
        search.verify(&chosen, &mut evidence).await?;
    }
    let table = Table::new(&picked.all, &spots, &evidence, subject);
    Ok(PackageValues {
        package: subject.package.to_owned(),
        chart: subject.chart.map(|(name, _)| name.to_owned()),
        version: subject.chart.map(|(_, version)| version.to_owned()),
        renders: usize::from(subject.chart.is_some()) + evidence.renders,
        helm_runs: 0,
        images: table.images(),
        registry_values_paths: table.paths(table.registries()),
        image_pull_secrets_values_paths: table.paths(table.secret_lists()),
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
