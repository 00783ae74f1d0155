//! One thing that is not as it should be, and how much that matters.

use schemars::JsonSchema;
use serde::Serialize;

use crate::digest::Digest;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The manifest must not be sealed like this.
    Gap,
    /// Nobody could be asked.
    Unknown,
    /// Odd, and no reason to stop.
    Warning,
}

/// A finding about one artifact. In JSON: `{"type":"not-in-store",…}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Finding {
    /// Wanted, and the manifest does not list it.
    MissingInManifest,
    /// The manifest lists it, and nobody wants it.
    ExtraInManifest,
    /// The version has a form that its type does not allow.
    WrongVersionForm {
        /// The version that is listed or wanted so.
        version: String,
        /// Which one it should be, where that follows from the other side.
        instead: Option<String>,
        /// The rule, in words that follow "must be …".
        rule: String,
    },
    /// The store holds something else under its name.
    DigestDiffers {
        /// What is there, where it is known.
        held: Option<Digest>,
        /// What should be there.
        wanted: Digest,
        /// What tells them apart, where digests do not.
        why: Option<String>,
    },
    /// The store holds nothing under its name.
    NotInStore,
    /// What should be there is not known.
    NotLocated {
        /// Why.
        why: String,
    },
    /// Nobody can tell what the manifest lists.
    ManifestUnknown {
        /// Why.
        why: String,
    },
    /// Nobody can tell what the store holds.
    StoreUnknown {
        /// Why.
        why: String,
    },
    /// The manifest gives it another type.
    WrongType {
        /// The type that is listed, in the service's word.
        listed: String,
        /// The type that it is.
        wanted: String,
    },
    /// The manifest lists it more than once.
    ListedTwice {
        /// How often.
        times: usize,
    },
}

impl Finding {
    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            Self::MissingInManifest
            | Self::ExtraInManifest
            | Self::WrongVersionForm { .. }
            | Self::DigestDiffers { .. }
            | Self::NotInStore => Level::Gap,
            Self::NotLocated { .. } | Self::ManifestUnknown { .. } | Self::StoreUnknown { .. } => Level::Unknown,
            Self::WrongType { .. } | Self::ListedTwice { .. } => Level::Warning,
        }
    }

    /// Is it about the manifest rather than about what the store holds? Filling the store does not help there.
    pub fn is_of_manifest(&self) -> bool {
        matches!(
            self,
            Self::MissingInManifest
                | Self::ExtraInManifest
                | Self::WrongVersionForm { .. }
                | Self::ManifestUnknown { .. }
                | Self::WrongType { .. }
                | Self::ListedTwice { .. }
        )
    }

    /// In words, with short digests.
    pub fn words(&self) -> String {
        match self {
            Self::MissingInManifest => "missing in the manifest".to_owned(),
            Self::ExtraInManifest => "extra in the manifest: nothing here needs it".to_owned(),
            Self::WrongVersionForm { version, instead, rule } => match instead {
                Some(instead) => format!("listed as {version}, not as {instead}: it must be {rule}"),
                None => format!("the version {version} must be {rule}"),
            },
            Self::DigestDiffers { held, wanted, why } => match (held, why) {
                (Some(held), _) => format!("the store holds {}, not {}", held.short(), wanted.short()),
                (None, Some(why)) => format!("the store holds something else: {why}"),
                (None, None) => format!("the store holds something else than {}", wanted.short()),
            },
            Self::NotInStore => "not in the store".to_owned(),
            Self::NotLocated { why } => format!("not located: {why}"),
            Self::ManifestUnknown { why } => format!("the manifest cannot be read: {why}"),
            Self::StoreUnknown { why } => format!("the store cannot be read: {why}"),
            Self::WrongType { listed, wanted } => format!("listed as {listed}, wanted as {wanted} (warning)"),
            Self::ListedTwice { times } => format!("listed {times} times (warning)"),
        }
    }
}
