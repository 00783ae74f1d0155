//! What an artifact manifest does not let in: artifacts that it does not list or that its credential does not cover, and every
//! change once it is sealed. Told before anything moves.

use super::AosmSite;
use crate::azure::Layout;
use crate::azure::credential::Grant;
use crate::fault::{Fault, Place, some_of};
use crate::store::ArtifactName;

/// Why an artifact cannot go to a store, as far as the store was seen; `None`: nothing speaks against it. `container`: of a disk
/// image.
pub(in crate::plan) fn uncovered(
    site: &AosmSite,
    name: &ArtifactName,
    container: Option<&str>,
    place: Option<&Place>,
) -> Option<Fault> {
    let manifest = site.manifest_name();
    if site.lists(name) == Some(false) {
        return Some(
            Fault::invalid(format!("the artifact manifest {manifest} does not list {name}{}", near(site, name)))
                .at_opt(place.cloned())
                .hint(not_listed(site)),
        );
    }
    let missing = match (site.grant.as_deref()?, container) {
        (Grant::StorageAccount(grant), Some(container)) if grant.container(container).is_none() => {
            let names: Vec<&str> = grant.containers.iter().map(|one| one.name.as_str()).collect();
            format!("the container {container}: it covers {}", or_nothing(&names))
        }
        (Grant::Registry(grant), None) => {
            let api = site.reached.as_ref()?.arm.api();
            let error = grant.repository(manifest, &name.repository, api).err()?;
            let form = match Layout::of_grant(manifest, &grant.repositories) {
                Some(Layout::UnderManifest) => format!(" (artifacts are below {manifest}/ there)"),
                _ => String::new(),
            };
            let names: Vec<&str> = grant.repositories.iter().map(String::as_str).collect();
            let _ = error;
            format!("{}{form}: it covers {}", name.repository, or_nothing(&names))
        }
        _ => return None,
    };
    Some(
        Fault::invalid(format!(
            "the credential of the artifact manifest {manifest} does not cover {missing}"
        ))
        .at_opt(place.cloned())
        .hint(not_listed(site)),
    )
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

/// Entries are made with the manifest and never change.
fn not_listed(site: &AosmSite) -> String {
    format!(
        "entries cannot be added to a manifest: make one that lists it (the next version, or a second one) and name it as \
         `artifact-manifest` in [stores.{}]",
        site.name
    )
}

/// The refusal of a change where the manifest is sealed.
pub(in crate::plan) fn sealed(site: &AosmSite) -> Option<String> {
    let state = site.manifest.as_ref().and_then(|manifest| manifest.state.as_ref());
    let state = state.filter(|_| site.is_sealed())?;
    Some(format!(
        "the artifact manifest {} is {state}: nothing in it can be changed any more",
        site.manifest_name()
    ))
}
