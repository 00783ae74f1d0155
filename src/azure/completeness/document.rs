//! The table as JSON: of `artifact-manifest check` (`aosm-completeness/1`), and a part of a plan.

use schemars::JsonSchema;
use serde::Serialize;

use super::finding::{Finding, Level};
use super::held::Held;
use super::join::{Completeness, Row};
use crate::azure::name::ManifestId;
use crate::azure::state::ManifestState;
use crate::digest::Digest;

/// `artifact-manifest check`: `aosm-completeness/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CompletenessDocument {
    /// `aosm-completeness/1`.
    pub format: &'static str,
    /// A table for each artifact manifest, in the order of the project's stores.
    pub manifests: Vec<CompletenessTable>,
}

/// One artifact manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CompletenessTable {
    /// The project's store.
    pub store: String,
    /// The publisher.
    pub publisher: String,
    /// The artifact store.
    pub artifact_store: String,
    /// The artifact manifest.
    pub artifact_manifest: String,
    /// Its state, in the service's word; null where there is none.
    pub state: Option<String>,
    /// Is it closed for good?
    pub sealed: bool,
    /// Counts.
    pub summary: Tally,
    /// A row for each artifact that is wanted or listed, by name and version.
    pub artifacts: Vec<RowEntry>,
}

/// How many there are of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// Artifacts, wanted or listed.
    pub artifacts: u64,
    /// Findings that keep the manifest from being sealed.
    pub gaps: u64,
    /// Findings that say that nobody could be asked.
    pub unknown: u64,
    /// Findings that are odd and no reason to stop.
    pub warnings: u64,
}

/// One artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RowEntry {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its type, in the service's word; null where nobody wants it.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What the manifest says; null where it does not list it.
    pub listed: Option<ListedEntry>,
    /// The digest that should be there, where it is known.
    pub desired: Option<Digest>,
    /// What the store holds; null where it was not asked.
    pub held: Option<HeldEntry>,
    /// What is not as it should be, the gravest first.
    pub findings: Vec<Finding>,
}

/// An entry of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedEntry {
    /// The version as listed.
    pub version: String,
    /// The type as listed.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum HeldEntry {
    /// This content.
    There {
        /// Its digest.
        digest: Digest,
    },
    /// Other bytes, the same files.
    SameContent {
        /// Their digest.
        digest: Digest,
    },
    /// Something else.
    Other {
        /// Its digest, where it is known.
        digest: Option<Digest>,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing.
    Absent,
    /// Nobody can tell.
    Unknown {
        /// Why.
        why: String,
    },
}

impl CompletenessDocument {
    /// The document of some tables.
    pub fn new(manifests: Vec<CompletenessTable>) -> Self {
        Self {
            format: "aosm-completeness/1",
            manifests,
        }
    }
}

impl CompletenessTable {
    /// The table of one manifest of the project's store of this name.
    pub fn new(store: &str, id: &ManifestId, completeness: &Completeness) -> Self {
        let count = |level| completeness.findings(level).count() as u64;
        Self {
            store: store.to_owned(),
            publisher: id.store.publisher.publisher.clone(),
            artifact_store: id.store.store.clone(),
            artifact_manifest: id.manifest.clone(),
            state: completeness.state.as_ref().map(ManifestState::to_string),
            sealed: completeness.is_sealed(),
            summary: Tally {
                artifacts: completeness.rows.len() as u64,
                gaps: count(Level::Gap),
                unknown: count(Level::Unknown),
                warnings: count(Level::Warning),
            },
            artifacts: completeness.rows.iter().map(RowEntry::of).collect(),
        }
    }
}

impl RowEntry {
    fn of(row: &Row) -> Self {
        Self {
            name: row.name.clone(),
            version: row.version.clone(),
            kind: row.wanted.as_ref().map(|wanted| wanted.kind.to_string()),
            listed: row.listed.as_ref().map(|entry| ListedEntry {
                version: entry.version.clone(),
                kind: entry.artifact_type.clone(),
            }),
            desired: row.wanted.as_ref().and_then(|wanted| wanted.digest.clone()),
            held: row.held.as_ref().map(HeldEntry::of),
            findings: row.findings.clone(),
        }
    }
}

impl HeldEntry {
    fn of(held: &Held) -> Self {
        match held {
            Held::Digest(digest) => Self::There { digest: digest.clone() },
            Held::SameContent(digest) => Self::SameContent { digest: digest.clone() },
            Held::Other { digest, why } => Self::Other {
                digest: digest.clone(),
                why: why.clone(),
            },
            Held::Absent => Self::Absent,
            Held::Unknown(why) => Self::Unknown { why: why.clone() },
        }
    }
}
