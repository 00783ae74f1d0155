//! Steps and their ids.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Renders one package with Helm, or takes its ready-made manifests (local, cached).
    Render,
    /// Finds the images in a package's rendered objects (local, cached).
    Discover,
    /// Packs a chart (local, cached).
    Package,
    /// Packs files as an artifact or an attachment (local, cached).
    Pack,
    /// Checks that a file is a disk image that Azure takes (local).
    Validate,
    /// Reads a disk image once: its digest, and where its data is (local, cached).
    Inspect,
    /// Finds out which source holds an image and which digest its tag names (reads sources; truth is the lock).
    Locate,
    /// Copies one image from its source to a store.
    Copy,
    /// Pushes one chart or artifact to a store.
    Push,
    /// Uploads a disk image to a storage account, or has it copied there.
    Upload,
    /// Attaches files to what a store holds, as a referrer.
    Attach,
    /// Closes an artifact manifest for good, once everything that it lists is in its store.
    Seal,
}

impl StepKind {
    /// The word in step ids, plans and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Render => "render",
            Self::Discover => "discover",
            Self::Package => "package",
            Self::Pack => "pack",
            Self::Validate => "validate",
            Self::Inspect => "inspect",
            Self::Locate => "locate",
            Self::Copy => "copy",
            Self::Push => "push",
            Self::Upload => "upload",
            Self::Attach => "attach",
            Self::Seal => "seal",
        }
    }

    /// Does it change a store?
    pub fn is_effect(self) -> bool {
        matches!(self, Self::Copy | Self::Push | Self::Upload | Self::Attach | Self::Seal)
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stable, human id: `kind:name`, or `kind:store/name` for effects. Store *names* only, never hosts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(Arc<str>);

impl StepId {
    /// The id of a local or locating step.
    pub fn local(kind: StepKind, name: &str) -> Self {
        Self(format!("{kind}:{name}").into())
    }

    /// The id of a step that changes a store: `copy:images/release/contoso-a:1.0.0`.
    pub fn effect(kind: StepKind, store: &str, artifact: &impl fmt::Display) -> Self {
        Self(format!("{kind}:{store}/{artifact}").into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared text, as events carry it.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for StepId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for StepId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StepId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(render|discover|package|pack|validate|inspect|locate|copy|push|upload|attach|seal):.+$",
            "description": "kind, colon, and a name; effects: kind, colon, store name, slash, artifact name"
        })
    }
}

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// What it does.
    pub kind: StepKind,
    /// The store it changes.
    pub store: Option<String>,
    /// The steps whose result it needs.
    pub needs: Vec<StepId>,
}
