//! What each step was made of when it last ended well: for `why`, never for freshness.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::durable::{self, Sync};
use crate::fault::Fault;

/// What is remembered of one step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Remembered {
    /// Key of a local step: its document is in the cache under this digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// Digest that an effect step put into its store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Digest>,
    /// Digest of the packed chart, to find which line of a file changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Digest>,
}

/// All steps by id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    steps: BTreeMap<String, Remembered>,
}

impl History {
    /// Reads the history; an absent or damaged one is empty.
    pub fn load(path: &Utf8Path) -> Self {
        durable::read_sealed(path)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// Writes it, if it differs from what is there.
    pub fn save(&self, path: &Utf8Path) -> Result<(), Fault> {
        if Self::load(path) == *self {
            return Ok(());
        }
        let text = format!("{}\n", serde_json::to_string(self).unwrap_or_default());
        durable::write_sealed(path, &text, Sync::No).map_err(|e| {
            Fault::infrastructure(format!("cannot write {path}"))
                .because(e)
                .hint("check free space and permissions of .aosm/state")
        })
    }

    /// What is remembered of a step.
    pub fn get(&self, step: &str) -> Option<&Remembered> {
        self.steps.get(step)
    }

    /// Remembers a step.
    pub fn set(&mut self, step: impl Into<String>, remembered: Remembered) {
        self.steps.insert(step.into(), remembered);
    }
}
