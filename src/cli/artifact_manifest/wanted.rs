//! What the project needs of a store, as entries of an artifact manifest.

use crate::azure::completeness::broken_rule;
use crate::azure::{ArtifactType, ManifestEntry};
use crate::fault::{Fault, Faults};
use crate::plan::{Desired, Planned, Target, artifact_type};
use crate::project::Project;

/// The entries of the steps that `of` chooses, by name and version. A name that is not known yet is an error, and so is a
/// version in a form that AOSM does not take: such a manifest could never be complete.
pub fn entries(
    project: &Project,
    planned: &Planned,
    of: impl Fn(&Target) -> bool,
) -> Result<Vec<ManifestEntry>, Faults> {
    let mut faults = Faults::new();
    let mut entries = Vec::new();
    for target in planned.targets.iter().filter(|target| of(target)) {
        let Some(kind) = artifact_type(project, &planned.wanted, target) else {
            continue;
        };
        match &target.desired {
            Desired::NotLocated(why) => {
                faults.push(
                    Fault::invalid(format!("{}: {why}", target.title))
                        .at_opt(target.place.clone())
                        .hint("what is found nowhere has no name in a manifest: correct the image or `image-sources`"),
                );
                continue;
            }
            Desired::NotAsked if target.image.is_some() => {
                faults.push(
                    Fault::infrastructure(format!(
                        "{}: it is not in aosm.lock, and nobody was asked",
                        target.title
                    ))
                    .at_opt(target.place.clone())
                    .hint("run it without --offline, or write the lock first: aosm-build lock"),
                );
                continue;
            }
            _ => {}
        }
        faults.extend(unfit(target, &kind));
        entries.push(ManifestEntry {
            name: target.name.repository.clone(),
            artifact_type: kind.to_string(),
            version: target.name.tag.clone(),
        });
    }
    entries.sort();
    entries.dedup();
    faults.into_result(entries).map(|(entries, _)| entries)
}

fn unfit(target: &Target, kind: &ArtifactType) -> Option<Fault> {
    let rule = broken_rule(kind, &target.name.tag)?;
    Some(
        Fault::invalid(format!(
            "{}: its version {:?} must be {rule}",
            target.title, target.name.tag
        ))
        .at_opt(target.place.clone())
        .hint("give it another version"),
    )
}
