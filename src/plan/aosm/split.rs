//! A chart and its images belong in one artifact store: a network function application names a single one.

use crate::fault::{Fault, Faults};
use crate::plan::Wanted;
use crate::project::{ChartPackage, Project, StoreKind};

/// Images that `[[images]]` sends to another artifact store than the chart that uses them: one error each, with both places.
pub(in crate::plan) fn split(project: &Project, wanted: &Wanted) -> Faults {
    let is_acr = |store: usize| {
        matches!(
            project.stores.get(store).map(|store| &store.kind),
            Some(StoreKind::Acr(_))
        )
    };
    let position = |name: &str| project.stores.iter().position(|store| store.name.value == name);
    let store_of = |package: &ChartPackage| match &package.store {
        Some(named) => position(&named.value),
        None => project.default_store(),
    };
    let name = |store: usize| project.stores.get(store).map_or("", |store| store.name.value.as_str());
    let mut faults = Faults::new();
    for image in &wanted.images {
        let named = project
            .images
            .iter()
            .filter(|named| named.reference.value == image.reference.as_str());
        for named in named {
            let Some(written) = &named.store else { continue };
            let Some(there) = position(&written.value).filter(|store| is_acr(*store)) else {
                continue;
            };
            let users = project
                .charts
                .iter()
                .filter(|package| image.found.iter().any(|found| found.package == package.name.value));
            let elsewhere = users
                .filter_map(|package| Some((package, store_of(package).filter(|store| is_acr(*store))?)))
                .find(|(_, store)| *store != there);
            let Some((package, here)) = elsewhere else { continue };
            let mut fault = Fault::invalid(format!(
                "image {}: goes to the artifact store {}, and the package {} that uses it to {}",
                image.reference.as_str(),
                name(there),
                package.name.value,
                name(here)
            ))
            .at_opt(written.place.clone());
            let place = package.store.as_ref().map_or(&package.name.place, |store| &store.place);
            if let Some(place) = place {
                fault = fault.label(place.clone(), "the package");
            }
            faults.push(fault.hint(format!(
                "a network function application names one artifact store: leave `store` away, or write `store = \"{}\"`",
                name(here)
            )));
        }
    }
    faults
}
