//! Completeness in a plan: for each store of AOSM, what its steps want joined with what its artifact manifest lists and what
//! the store was seen to hold.
//!
//! Nothing is asked here: the manifest was read when the store was looked at, and the store when its steps were observed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::aosm::AosmSite;
use super::{Desired, DiskSeen, Planned, Seen, Session, Target, Wanted, World};
use crate::azure::completeness::{Completeness, CompletenessTable, Held, ManifestSide, WantedArtifact, join};
use crate::azure::{ArtifactManifest, ArtifactType, ManifestId};
use crate::digest::Digest;
use crate::graph::StepKind;
use crate::project::{self, Project};
use crate::store::{ArtifactName, Job, Observed};

/// The table of one store.
#[derive(Debug, Clone)]
pub struct StoreCompleteness {
    /// Position of the store in the project.
    pub store: usize,
    /// Its name.
    pub name: String,
    /// Its artifact manifest.
    pub id: ManifestId,
    /// The manifest as it was read; `None` where there is none, or it could not be read.
    pub manifest: Option<ArtifactManifest>,
    /// What the store was seen to hold.
    held: BTreeMap<(String, String), Held>,
    /// What is wanted of it.
    wanted: Vec<WantedArtifact>,
    /// Why the manifest is not known, where it is not.
    why_unknown: Option<String>,
    /// The join.
    pub table: Completeness,
}

impl StoreCompleteness {
    /// As plans and commands print it.
    pub fn document(&self) -> CompletenessTable {
        CompletenessTable::new(&self.name, &self.id, &self.table)
    }

    /// The same with another look at the store.
    #[must_use]
    pub fn with_held(mut self, held: impl IntoIterator<Item = ((String, String), Held)>) -> Self {
        self.held.extend(held);
        self.rejoin()
    }

    /// The same with another look at the manifest.
    #[must_use]
    pub fn with_manifest(mut self, manifest: ArtifactManifest) -> Self {
        self.manifest = Some(manifest);
        self.rejoin()
    }

    fn rejoin(mut self) -> Self {
        self.table = join(
            &self.wanted,
            side(self.manifest.as_ref(), self.why_unknown.as_deref()),
            &self.held,
        );
        self
    }

    /// Names that the manifest lists and nobody wants, and that were not looked at.
    fn unseen(&self) -> Vec<ArtifactName> {
        let rows = self.table.rows.iter().filter(|row| row.held.is_none());
        rows.map(|row| ArtifactName {
            repository: row.name.clone(),
            tag: row.version.clone(),
        })
        .collect()
    }

    /// The names that are wanted, each with what should be there. What was seen to be equal in content counts as such.
    pub(crate) fn expected(&self) -> Vec<ArtifactName> {
        let name = |one: &WantedArtifact| ArtifactName {
            repository: one.name.clone(),
            tag: one.version.clone(),
        };
        self.wanted.iter().map(name).collect()
    }

    /// Was this other archive seen to have the same files?
    pub(crate) fn is_same_content(&self, name: &ArtifactName, digest: &Digest) -> bool {
        let key = (name.repository.clone(), name.tag.clone());
        matches!(self.held.get(&key), Some(Held::SameContent(held)) if held == digest)
    }
}

/// The tables of all AOSM stores among `targets`, in the order of the project's stores.
pub(super) fn tables(
    project: &Project,
    wanted: &Wanted,
    world: &World,
    targets: &[Target],
    seen: &[Seen],
) -> Vec<StoreCompleteness> {
    let kind = |target: &Target| artifact_type(project, wanted, target);
    world
        .sites
        .values()
        .filter_map(|site| table(&kind, site, targets, seen))
        .collect()
}

fn table(
    kind: &dyn Fn(&Target) -> Option<ArtifactType>,
    site: &Arc<AosmSite>,
    targets: &[Target],
    seen: &[Seen],
) -> Option<StoreCompleteness> {
    let id = site.reached.as_ref()?.id.clone();
    let mut wanted = Vec::new();
    let mut held = BTreeMap::new();
    for (target, seen) in targets
        .iter()
        .zip(seen)
        .filter(|(target, _)| target.store == site.index)
    {
        let Some(kind) = kind(target) else {
            continue;
        };
        let (digest, why_unknown) = desired(&target.desired);
        // Without a manifest nothing could be asked about the store, which is said once.
        if digest.is_some() && !site.absent {
            let key = (target.name.repository.clone(), target.name.tag.clone());
            held.insert(key, held_of(seen));
        }
        wanted.push(WantedArtifact {
            name: target.name.repository.clone(),
            version: target.name.tag.clone(),
            kind,
            digest,
            why_unknown,
        });
    }
    let why_unknown = match (&site.manifest, &site.problem) {
        (Some(_), _) => None,
        _ if site.absent => None,
        (None, Some(problem)) => Some(problem.message().to_owned()),
        (None, None) => Some("it was not asked".to_owned()),
    };
    let table = join(&wanted, side(site.manifest.as_ref(), why_unknown.as_deref()), &held);
    Some(StoreCompleteness {
        store: site.index,
        name: site.name.clone(),
        id,
        manifest: site.manifest.clone(),
        held,
        wanted,
        why_unknown,
        table,
    })
}

fn side<'a>(manifest: Option<&'a ArtifactManifest>, why_unknown: Option<&'a str>) -> ManifestSide<'a> {
    match (manifest, why_unknown) {
        (Some(manifest), _) => ManifestSide::Read(manifest),
        (None, Some(why)) => ManifestSide::Unknown(why),
        (None, None) => ManifestSide::Absent,
    }
}

/// What AOSM calls what a step puts into a store; `None` for what no manifest lists: attachments.
pub fn artifact_type(project: &Project, wanted: &Wanted, target: &Target) -> Option<ArtifactType> {
    match target.kind {
        StepKind::Upload => Some(ArtifactType::VhdImageFile),
        StepKind::Copy => {
            let image = target.image.and_then(|at| wanted.images.get(at));
            Some(image.map_or(ArtifactType::OciArtifact, |image| service_word(image.kind)))
        }
        StepKind::Push if target.chart.is_some() => Some(ArtifactType::OciArtifact),
        StepKind::Push => {
            let named = |config: &&project::ArtifactConfig| config.name.value == target.name.repository;
            let config = project.artifacts.iter().find(named);
            Some(config.map_or(ArtifactType::OciArtifact, |config| service_word(config.kind)))
        }
        _ => None,
    }
}

/// What should be there, or why that is not known; neither for what the manifest does not let in, which nobody looks at.
fn desired(desired: &Desired) -> (Option<Digest>, Option<String>) {
    match desired {
        Desired::Known(root) => (Some(root.digest.clone()), None),
        Desired::NotLocated(why) | Desired::NoSubject(why) => (None, Some(why.clone())),
        Desired::NotAsked => (None, Some("nobody was asked where it is".to_owned())),
        Desired::Unfit(problems) => (None, Some(problems.join("; "))),
        Desired::Barred(_) => (None, None),
    }
}

fn service_word(kind: project::ArtifactType) -> ArtifactType {
    match kind {
        project::ArtifactType::OciArtifact => ArtifactType::OciArtifact,
        project::ArtifactType::ArmTemplate => ArtifactType::ArmTemplate,
        project::ArtifactType::ImageFile => ArtifactType::ImageFile,
    }
}

fn held_of(seen: &Seen) -> Held {
    match seen {
        Seen::Store(observed) => held_of_store(observed),
        // What refers to an image is no part of what a manifest lists.
        Seen::Incomplete { root, .. } => Held::Digest(root.digest.clone()),
        Seen::SameContent(root) => Held::SameContent(root.digest.clone()),
        Seen::Unreadable { why, .. } => Held::Unknown(why.clone()),
        Seen::Disk(seen) => held_of_disk(seen),
        Seen::NotAsked => Held::Unknown("it was not asked".to_owned()),
    }
}

/// What a registry says.
pub(crate) fn held_of_store(observed: &Observed) -> Held {
    match observed {
        Observed::Absent => Held::Absent,
        Observed::Present(root) => Held::Digest(root.digest.clone()),
        Observed::Damaged { root, why } => Held::Other {
            digest: root.as_ref().map(|root| root.digest.clone()),
            why: why.clone(),
        },
    }
}

fn held_of_disk(seen: &DiskSeen) -> Held {
    let other = |why: &str| Held::Other {
        digest: None,
        why: why.to_owned(),
    };
    match seen {
        DiskSeen::Absent => Held::Absent,
        DiskSeen::Same { digest, .. } => Held::Digest(digest.clone()),
        DiskSeen::Other { digest, why, .. } => Held::Other {
            digest: digest.clone(),
            why: why.clone(),
        },
        DiskSeen::Partial => other("an upload that did not end"),
        DiskSeen::Copying { .. } => other("a copy that is not done yet"),
        DiskSeen::OtherType { kind, .. } => other(&format!("a {kind}, not a page blob")),
        DiskSeen::Unknown { why, .. } => Held::Unknown(why.clone()),
    }
}

impl Planned {
    /// The table of a store with a look at what the manifest lists and nobody here wants, too.
    pub async fn completeness_with_extras(
        &self,
        session: &Arc<Session>,
        of: &StoreCompleteness,
        job: &Job,
    ) -> StoreCompleteness {
        let mut held = Vec::new();
        if let Some(store) = self.world.stores.get(&of.store) {
            for name in of.unseen() {
                if session.cancel.is_cancelled() {
                    break;
                }
                let seen = match store.observe(&name, false, job).await {
                    Ok(observed) => held_of_store(&observed),
                    Err(error) => Held::Unknown(error.detail),
                };
                held.push(((name.repository, name.tag), seen));
            }
        }
        of.clone().with_held(held)
    }
}
