//! The join: wanted × listed × held, a row for each artifact that any of the sides knows.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Level};
use super::form::{bare, broken_rule, version_rule};
use super::held::Held;
use crate::azure::manifest::{ArtifactManifest, ManifestEntry};
use crate::azure::state::{ArtifactType, ManifestState};
use crate::digest::Digest;

/// An artifact that the project needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedArtifact {
    /// Its name: the repository without what a layout puts before it.
    pub name: String,
    /// Its version as the store keeps it: the tag, or a disk image's version.
    pub version: String,
    /// What it is.
    pub kind: ArtifactType,
    /// What should be there. Without, the store's side is of no interest, unless the next says why it is not known.
    pub digest: Option<Digest>,
    /// Why it is not known what should be there.
    pub why_unknown: Option<String>,
}

/// What is known of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestSide<'a> {
    /// It was read.
    Read(&'a ArtifactManifest),
    /// There is none of this name.
    Absent,
    /// It could not be read; why.
    Unknown(&'a str),
}

/// One artifact on all sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its version: as wanted, or as listed where nobody wants it.
    pub version: String,
    /// The wanted side.
    pub wanted: Option<WantedArtifact>,
    /// The manifest's side.
    pub listed: Option<ManifestEntry>,
    /// The store's side; `None` where it was not looked at.
    pub held: Option<Held>,
    /// What is not as it should be, the gravest first.
    pub findings: Vec<Finding>,
}

/// The whole table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// The manifest's state; `None` where there is none, or the service does not say.
    pub state: Option<ManifestState>,
    /// Is there a manifest? `None`: nobody could be asked.
    pub exists: Option<bool>,
    /// Rows by name and version.
    pub rows: Vec<Row>,
}

impl Completeness {
    /// All findings of a level, with their rows.
    pub fn findings(&self, level: Level) -> impl Iterator<Item = (&Row, &Finding)> {
        self.rows
            .iter()
            .flat_map(|row| row.findings.iter().map(move |finding| (row, finding)))
            .filter(move |(_, finding)| finding.level() == level)
    }

    /// Gaps that filling the store would not close.
    pub fn manifest_gaps(&self) -> impl Iterator<Item = (&Row, &Finding)> {
        self.findings(Level::Gap)
            .filter(|(_, finding)| finding.is_of_manifest())
    }

    /// Artifacts that the manifest would have to list, and does not.
    pub fn missing(&self) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(|row| row.findings.contains(&Finding::MissingInManifest))
    }

    /// Is everything known and as it should be?
    pub fn is_complete(&self) -> bool {
        self.findings(Level::Gap).next().is_none() && self.findings(Level::Unknown).next().is_none()
    }

    /// Is the manifest closed for good?
    pub fn is_sealed(&self) -> bool {
        self.state.as_ref().is_some_and(ManifestState::is_sealed)
    }
}

/// Joins the sides. `held` has what the store holds by name and version; what it lacks was not looked at.
pub fn join(
    wanted: &[WantedArtifact],
    manifest: ManifestSide<'_>,
    held: &BTreeMap<(String, String), Held>,
) -> Completeness {
    let mut listed = Listed::of(manifest);
    let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
    // Those that are listed exactly take their entries first; what is left may be one in another form.
    let exact: BTreeSet<(&str, &str)> = wanted
        .iter()
        .filter(|one| listed.contains(&one.name, &one.version))
        .map(|one| (one.name.as_str(), one.version.as_str()))
        .collect();
    for one in wanted {
        let key = (one.name.clone(), one.version.clone());
        if rows.contains_key(&key) {
            continue;
        }
        let is_exact = exact.contains(&(one.name.as_str(), one.version.as_str()));
        let entries = listed.take(one, is_exact, &exact);
        let row = wanted_row(one, manifest, &entries, held.get(&key));
        rows.insert(key, row);
    }
    for ((name, version), entries) in listed.entries {
        let Some(entry) = entries.first() else { continue };
        let key = (name, version);
        let mut findings = vec![Finding::ExtraInManifest];
        if held.get(&key) == Some(&Held::Absent) {
            findings.push(Finding::NotInStore);
        }
        rows.insert(
            key.clone(),
            Row {
                name: key.0.clone(),
                version: key.1.clone(),
                wanted: None,
                listed: Some(entry.clone()),
                held: held.get(&key).cloned(),
                findings,
            },
        );
    }
    let (state, exists) = match manifest {
        ManifestSide::Read(manifest) => (manifest.state.clone(), Some(true)),
        ManifestSide::Absent => (None, Some(false)),
        ManifestSide::Unknown(_) => (None, None),
    };
    Completeness {
        state,
        exists,
        rows: rows.into_values().collect(),
    }
}

/// Entries that nobody took yet.
struct Listed {
    entries: BTreeMap<(String, String), Vec<ManifestEntry>>,
}

impl Listed {
    fn of(manifest: ManifestSide<'_>) -> Self {
        let mut entries: BTreeMap<(String, String), Vec<ManifestEntry>> = BTreeMap::new();
        if let ManifestSide::Read(manifest) = manifest {
            for entry in &manifest.artifacts {
                let key = (entry.name.clone(), entry.version.clone());
                entries.entry(key).or_default().push(entry.clone());
            }
        }
        Self { entries }
    }

    fn contains(&self, name: &str, version: &str) -> bool {
        self.entries.contains_key(&(name.to_owned(), version.to_owned()))
    }

    /// The entries of an artifact: those of its version, else those of one that is the same in another form.
    fn take(&mut self, one: &WantedArtifact, is_exact: bool, exact: &BTreeSet<(&str, &str)>) -> Vec<ManifestEntry> {
        let key = if is_exact {
            Some((one.name.clone(), one.version.clone()))
        } else {
            let same = |(name, version): &&(String, String)| {
                *name == one.name
                    && bare(version) == bare(&one.version)
                    // One that may stand there is simply another version.
                    && broken_rule(&one.kind, version).is_some()
                    && !exact.contains(&(name.as_str(), version.as_str()))
            };
            self.entries.keys().find(same).cloned()
        };
        key.and_then(|key| self.entries.remove(&key)).unwrap_or_default()
    }
}

fn wanted_row(one: &WantedArtifact, manifest: ManifestSide<'_>, entries: &[ManifestEntry], held: Option<&Held>) -> Row {
    let mut findings = Vec::new();
    match (manifest, entries.first()) {
        (ManifestSide::Unknown(why), _) => findings.push(Finding::ManifestUnknown { why: why.to_owned() }),
        (_, None) => findings.push(Finding::MissingInManifest),
        (_, Some(entry)) => listed_findings(one, entry, entries.len(), &mut findings),
    }
    if let Some(rule) = broken_rule(&one.kind, &one.version) {
        findings.push(Finding::WrongVersionForm {
            version: one.version.clone(),
            instead: None,
            rule: rule.to_owned(),
        });
    }
    findings.extend(held_finding(one, held));
    findings.sort_by_key(Finding::level);
    Row {
        name: one.name.clone(),
        version: one.version.clone(),
        wanted: Some(one.clone()),
        listed: entries.first().cloned(),
        held: held.cloned(),
        findings,
    }
}

fn listed_findings(one: &WantedArtifact, entry: &ManifestEntry, times: usize, findings: &mut Vec<Finding>) {
    if entry.version != one.version {
        findings.push(Finding::WrongVersionForm {
            version: entry.version.clone(),
            instead: Some(one.version.clone()),
            rule: version_rule(&one.kind).to_owned(),
        });
    }
    if ArtifactType::read(&entry.artifact_type) != one.kind {
        findings.push(Finding::WrongType {
            listed: entry.artifact_type.clone(),
            wanted: one.kind.to_string(),
        });
    }
    if times > 1 {
        findings.push(Finding::ListedTwice { times });
    }
}

fn held_finding(one: &WantedArtifact, held: Option<&Held>) -> Option<Finding> {
    if let Some(why) = &one.why_unknown {
        return Some(Finding::NotLocated { why: why.clone() });
    }
    let wanted = one.digest.as_ref()?;
    match held? {
        Held::Digest(digest) if digest == wanted => None,
        Held::SameContent(_) => None,
        Held::Digest(digest) => Some(Finding::DigestDiffers {
            held: Some(digest.clone()),
            wanted: wanted.clone(),
            why: None,
        }),
        Held::Other { digest, why } => Some(Finding::DigestDiffers {
            held: digest.clone().filter(|digest| digest != wanted),
            wanted: wanted.clone(),
            why: Some(why.clone()),
        }),
        Held::Absent => Some(Finding::NotInStore),
        Held::Unknown(why) => Some(Finding::StoreUnknown { why: why.clone() }),
    }
}
