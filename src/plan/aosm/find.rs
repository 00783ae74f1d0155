//! Which artifact manifest of a store is meant, where nobody says so: the one that lists the artifact, as only its credential
//! opens the artifact's repository or container.

use super::{Reach, Reached};
use crate::azure::arm::ArmErrorKind;
use crate::azure::manifest_name::next_version;
use crate::azure::{ArtifactManifest, ManifestState};
use crate::event::Event;
use crate::fault::{Fault, Faults, Kind, some_of};
use crate::oci::Job;
use crate::project::{AosmStore, Spanned};

/// An artifact that somebody looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sought<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version; `None`: any.
    pub version: Option<&'a str>,
}

impl std::fmt::Display for Sought<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}:{version}", self.name),
            None => f.write_str(self.name),
        }
    }
}

/// The manifest that was found for an artifact.
pub struct FoundManifest {
    /// How it is asked.
    pub reached: Reached,
    /// Its state; `None` where it was not read.
    pub state: Option<ManifestState>,
}

impl FoundManifest {
    fn unread(reached: Reached) -> Self {
        Self { reached, state: None }
    }

    /// Fails where nothing in the manifest changes any more. Whoever may not read it is not kept from trying.
    pub async fn expect_open(&self, job: &Job) -> Result<(), Fault> {
        let state = match &self.state {
            Some(state) => Some(state.clone()),
            None => match ArtifactManifest::get(&self.reached.arm, &self.reached.id, job).await {
                Ok(manifest) => manifest.state,
                Err(error) if error.kind == ArmErrorKind::Denied => None,
                Err(error) => return Err(error.into()),
            },
        };
        let name = &self.reached.id.manifest;
        let Some(state) = state.filter(ManifestState::is_sealed) else {
            return Ok(());
        };
        let next = next_version(name).map_or_else(String::new, |next| format!(", such as {next}"));
        Err(Fault::invalid(format!(
            "the artifact manifest {name} is sealed ({state}): nothing in it changes any more"
        ))
        .hint(format!("go on with the next version: a new artifact manifest{next}")))
    }
}

/// Reaches a store for one artifact. `given`: the manifest that the command line names. Without it the store's own is taken where
/// it lists the artifact, else the one of the artifact store that does.
pub async fn find(
    reach: &Reach,
    config: &AosmStore,
    sought: Option<Sought<'_>>,
    given: Option<&str>,
    job: &Job,
) -> Result<FoundManifest, Faults> {
    let with = |manifest: &str| {
        reach.reach(&AosmStore {
            artifact_manifest: Spanned::default_value(manifest.to_owned()),
            ..config.clone()
        })
    };
    if let Some(given) = given {
        return with(given).map(FoundManifest::unread);
    }
    let own = reach.reach(config)?;
    let Some(sought) = sought else {
        return Ok(FoundManifest::unread(own));
    };
    match ArtifactManifest::get(&own.arm, &own.id, job).await {
        Ok(manifest) if lists(&manifest, &sought) => {
            return Ok(FoundManifest {
                reached: own,
                state: manifest.state,
            });
        }
        // Whoever may not read it may well have its credential.
        Err(error) if error.kind == ArmErrorKind::Denied => return Ok(FoundManifest::unread(own)),
        Ok(_) => {}
        Err(error) if error.kind == ArmErrorKind::Absent => {}
        Err(error) => return Err(Fault::from(error).into()),
    }
    let all = ArtifactManifest::list(&own.arm, &own.id.store, job)
        .await
        .map_err(Fault::from)?;
    let chosen = choose(&all, &sought).map_err(|why| why.told(config, &sought))?;
    job.events.emit(Event::Detail(format!(
        "{sought}: through the artifact manifest {}, which lists it",
        chosen.name
    )));
    Ok(FoundManifest {
        reached: with(&chosen.name)?,
        state: chosen.state.clone(),
    })
}

fn lists(manifest: &ArtifactManifest, sought: &Sought<'_>) -> bool {
    manifest.artifacts.iter().any(|entry| {
        entry.name == sought.name
            && sought
                .version
                .is_none_or(|version| entry.version == version || entry.version.replace('+', "_") == version)
    })
}

/// Why no manifest could be chosen.
#[derive(Debug, PartialEq, Eq)]
enum Unclear {
    /// None lists it.
    None,
    /// Several do.
    Several(Vec<String>),
}

impl Unclear {
    fn told(&self, config: &AosmStore, sought: &Sought<'_>) -> Fault {
        let store = &config.artifact_store.value;
        match self {
            Self::None => Fault::invalid(format!(
                "{sought}: no artifact manifest of the artifact store {store} lists it"
            ))
            .hint("a manifest lists what may be kept in a store: `aosm-build store show` shows them; give another name or version"),
            Self::Several(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Fault::new(
                    Kind::Usage,
                    format!("{sought}: several artifact manifests list it: {}", some_of(&names)),
                )
                .hint("say which one is meant: --artifact-manifest NAME")
            }
        }
    }
}

/// The one manifest that lists it; of several that do the only one that is open.
fn choose<'m>(all: &'m [ArtifactManifest], sought: &Sought<'_>) -> Result<&'m ArtifactManifest, Unclear> {
    let listing: Vec<&ArtifactManifest> = all.iter().filter(|manifest| lists(manifest, sought)).collect();
    let is_open = |manifest: &ArtifactManifest| manifest.state.as_ref().is_none_or(ManifestState::is_open);
    let open: Vec<&ArtifactManifest> = listing.iter().copied().filter(|manifest| is_open(manifest)).collect();
    match (listing.as_slice(), open.as_slice()) {
        ([], _) => Err(Unclear::None),
        ([one], _) | (_, [one]) => Ok(one),
        // Each may keep another one below its own name.
        (several, _) => Err(Unclear::Several(
            several.iter().map(|manifest| manifest.name.clone()).collect(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::ManifestEntry;

    fn manifest(name: &str, state: ManifestState, entries: &[(&str, &str)]) -> ArtifactManifest {
        ArtifactManifest {
            id: format!("/{name}"),
            name: name.to_owned(),
            location: "westeurope".to_owned(),
            state: Some(state),
            provisioning_state: None,
            artifacts: entries
                .iter()
                .map(|(name, version)| ManifestEntry {
                    name: (*name).to_owned(),
                    artifact_type: "OCIArtifact".to_owned(),
                    version: (*version).to_owned(),
                })
                .collect(),
        }
    }

    #[test]
    fn the_manifest_that_lists_an_artifact_is_chosen_and_an_open_one_before_sealed_ones() {
        let sealed = manifest("m-1", ManifestState::Uploaded, &[("a", "1"), ("b", "1+x")]);
        let open = manifest("m-2", ManifestState::Uploading, &[("a", "1"), ("a", "2")]);
        let other = manifest("m-3", ManifestState::Uploading, &[("a", "2"), ("c", "1")]);
        let all = [sealed, open, other];
        let several = |names: &[&str]| Err(Unclear::Several(names.iter().map(|&name| name.to_owned()).collect()));
        for (name, version, expected) in [
            ("c", Some("1"), Ok("m-3")),
            ("b", Some("1_x"), Ok("m-1")),
            ("a", Some("1"), Ok("m-2")),
            ("a", Some("2"), several(&["m-2", "m-3"])),
            ("a", None, several(&["m-1", "m-2", "m-3"])),
            ("b", None, Ok("m-1")),
            ("a", Some("3"), Err(Unclear::None)),
            ("d", None, Err(Unclear::None)),
        ] {
            let sought = Sought { name, version };
            let chosen = choose(&all, &sought).map(|manifest| manifest.name.as_str());
            assert_eq!(chosen, expected, "{sought}");
        }
    }
}
