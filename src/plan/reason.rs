//! Why a step runs, or does not: desired against observed, with both values.

use schemars::JsonSchema;
use serde::Serialize;

use crate::digest::Digest;
use crate::fault::some_of;
use crate::project::PolicyRule;

/// One reason. In JSON: `{"type":"digest-differs","old":…,"new":…}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Reason {
    /// The store holds nothing under this name.
    Absent {
        /// What will be there.
        new: Digest,
    },
    /// The store holds something else under this name.
    DigestDiffers {
        /// What is there.
        old: Digest,
        /// What will be there.
        new: Digest,
    },
    /// What the store holds is damaged or incomplete.
    Damaged {
        /// What is wrong.
        why: String,
    },
    /// The store holds another archive with the same files.
    SameContent {
        /// What is there, and stays.
        old: Digest,
    },
    /// Something else is there, and may not be replaced.
    OverwriteRefused {
        /// What is there.
        old: Digest,
        /// What should be there.
        new: Digest,
        /// The command that replaces it.
        hint: String,
    },
    /// The image was found in no source, or the source refused.
    NotLocated {
        /// What was asked and answered.
        why: String,
    },
    /// The store could not be read.
    StoreUnreadable {
        /// What it answered.
        why: String,
    },
    /// The image is there, and some of what travels with it is not.
    ReferrersMissing {
        /// The digests of those that are missing.
        missing: Vec<Digest>,
    },
    /// What it is attached to has no known digest.
    NoSubject {
        /// Why.
        why: String,
    },
    /// The blob holds something else.
    OtherContent {
        /// What is there, where it is known.
        old: Option<Digest>,
        /// What should be there.
        new: Digest,
        /// What tells them apart.
        why: String,
        /// Where it may not be replaced: the command that replaces it.
        hint: Option<String>,
    },
    /// An earlier run began to put it there, and did not end.
    GoesOn,
    /// The service is copying it there already: it is waited for.
    CopyUnderWay {
        /// The copy's id.
        copy: String,
    },
    /// A blob of the right size, and nobody can tell what it holds without reading it.
    CannotTell {
        /// Why.
        why: String,
    },
    /// What should be put there is no good.
    Unfit {
        /// All that is wrong with it.
        problems: Vec<String>,
    },
    /// The artifact manifest does not let it in: it does not list it, does not grant it, or is sealed.
    NotAllowed {
        /// Why.
        why: String,
    },
    /// The image breaks a rule of `[policy]`.
    Policy {
        /// The rule, by its key.
        rule: PolicyRule,
        /// An error makes the step invalid.
        level: PolicyLevel,
        /// The image, as rendered: several may come to one name.
        reference: String,
        /// What is wrong.
        why: String,
        /// Templates that name the image, and `file:line` where the project does.
        places: Vec<String>,
    },
    /// The manifest is complete once the other steps of its store are done: it is closed then.
    Seals {
        /// So many artifacts are in it.
        artifacts: usize,
    },
    /// The manifest cannot be sealed as it is.
    ManifestGaps {
        /// All that is wrong, a line each.
        gaps: Vec<String>,
    },
    /// The service is sealing it already, or an earlier run asked for it: its end is waited for.
    SealUnderWay,
    /// Manifests of this kind of store are never sealed.
    NeverSealed,
    /// Nobody was asked: the run is offline and nothing is remembered.
    NotAsked,
}

/// How much it matters that a rule of `[policy]` is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyLevel {
    /// The step is invalid.
    Error,
    /// The step goes on.
    Warning,
}

impl Reason {
    /// In words, with short digests.
    pub fn words(&self) -> String {
        match self {
            Self::Absent { .. } => "not in the store".to_owned(),
            Self::DigestDiffers { old, new } => format!("{} → {}", old.short(), new.short()),
            Self::Damaged { why } => format!("damaged in the store: {why}"),
            Self::SameContent { old } => format!("same content as {}", old.short()),
            Self::OverwriteRefused { old, new, hint } => {
                format!(
                    "the store holds {} there, not {}; to replace it: {hint}",
                    old.short(),
                    new.short()
                )
            }
            Self::ReferrersMissing { missing } => {
                let digests: Vec<&str> = missing.iter().map(Digest::short).collect();
                format!("the image is there, what refers to it is not: {}", some_of(&digests))
            }
            Self::NotLocated { why }
            | Self::StoreUnreadable { why }
            | Self::NoSubject { why }
            | Self::NotAllowed { why } => why.clone(),
            Self::OtherContent { why, hint, .. } => match hint {
                Some(hint) => format!("the blob holds something else: {why}; to replace it: {hint}"),
                None => format!("the blob holds something else: {why}"),
            },
            Self::GoesOn => "goes on where an earlier run stopped".to_owned(),
            Self::CopyUnderWay { copy } => format!("the service is copying it already (copy {copy})"),
            Self::CannotTell { why } => format!("nobody can tell what the blob holds: {why}"),
            Self::Unfit { problems } => problems.join("; "),
            Self::Policy { rule, level, why, .. } => match level {
                PolicyLevel::Error => format!("policy {rule}: {why}"),
                PolicyLevel::Warning => format!("policy {rule} (warning): {why}"),
            },
            Self::Seals { artifacts: 1 } => "1 artifact; nothing in the manifest can be changed afterwards".to_owned(),
            Self::Seals { artifacts } => {
                format!("{artifacts} artifacts; nothing in the manifest can be changed afterwards")
            }
            Self::ManifestGaps { gaps } => gaps.join("; "),
            Self::SealUnderWay => "it is being sealed already: its end is waited for".to_owned(),
            Self::NeverSealed => "not sealed: manifests of storage accounts have no such state".to_owned(),
            Self::NotAsked => "offline, and nothing is remembered".to_owned(),
        }
    }
}
