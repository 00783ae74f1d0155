//! Key documents: what a local step depends on, as canonical JSON.
//!
//! There is one writer: the key is the digest of the document that it writes, so key and explanation cannot drift.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Bumped when the meaning of key documents changes; disowns every older entry.
const SCHEMA: &str = "aosm-key/1";

/// What a step depends on. Serialises to canonical JSON: sorted keys, no white space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDocument {
    fields: BTreeMap<String, String>,
    inputs: BTreeMap<String, Digest>,
    revision: u32,
    schema: String,
    step: String,
}

/// One difference between two key documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// The field or input, e.g. `chart/templates/app.yaml`.
    pub name: String,
    /// What it was; `None` when it is new.
    pub old: Option<String>,
    /// What it is; `None` when it is gone.
    pub new: Option<String>,
}

impl KeyDocument {
    /// A document for a step kind at a revision of its code.
    pub fn new(step: &str, revision: u32) -> Self {
        Self {
            fields: BTreeMap::new(),
            inputs: BTreeMap::new(),
            revision,
            schema: SCHEMA.to_owned(),
            step: step.to_owned(),
        }
    }

    /// Adds a parameter; one that is added again is a list, in the order added. Secret values must be digested by
    /// the caller.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.fields.get_mut(&name) {
            Some(list) => {
                list.push('\n');
                list.push_str(&value);
            }
            None => {
                self.fields.insert(name, value);
            }
        }
        self
    }

    /// Adds an input by its content.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>, digest: Digest) -> Self {
        self.inputs.insert(name.into(), digest);
        self
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> Vec<u8> {
        // Maps of strings to strings always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The key: the digest of the canonical bytes.
    pub fn key(&self) -> Digest {
        Digest::of(&self.bytes())
    }

    /// Reads a stored document; `None` when the bytes are not one.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let document: Self = serde_json::from_slice(bytes).ok()?;
        (document.schema == SCHEMA).then_some(document)
    }

    /// The inputs by name.
    pub fn inputs(&self) -> &BTreeMap<String, Digest> {
        &self.inputs
    }

    /// What differs from an older document, sorted by name.
    pub fn changes_since(&self, old: &Self) -> Vec<KeyChange> {
        let mut changes = Vec::new();
        if old.revision != self.revision {
            changes.push(KeyChange {
                name: format!("how aosm-build does `{}`", self.step),
                old: Some(format!("revision {}", old.revision)),
                new: Some(format!("revision {}", self.revision)),
            });
        }
        compare(&old.fields, &self.fields, &mut changes);
        compare(&old.inputs, &self.inputs, &mut changes);
        changes.sort_by(|a, b| a.name.cmp(&b.name));
        changes
    }
}

fn compare<V: PartialEq + ToString>(
    old: &BTreeMap<String, V>,
    new: &BTreeMap<String, V>,
    changes: &mut Vec<KeyChange>,
) {
    for (name, value) in new {
        let before = old.get(name);
        if before != Some(value) {
            changes.push(KeyChange {
                name: name.clone(),
                old: before.map(ToString::to_string),
                new: Some(value.to_string()),
            });
        }
    }
    for (name, value) in old {
        if !new.contains_key(name) {
            changes.push(KeyChange {
                name: name.clone(),
                old: Some(value.to_string()),
                new: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_in_which_parts_are_added_does_not_change_the_key() {
        let a = KeyDocument::new("render", 1)
            .field("release", "x")
            .input("chart/a", Digest::of(b"1"));
        let b = KeyDocument::new("render", 1)
            .input("chart/a", Digest::of(b"1"))
            .field("release", "x");
        assert_eq!(a.key(), b.key());
    }

    #[test]
    fn a_parameter_given_twice_keeps_both_values() {
        let one = KeyDocument::new("render", 1).field("api-version", "b");
        let two = KeyDocument::new("render", 1)
            .field("api-version", "a")
            .field("api-version", "b");
        assert_ne!(one.key(), two.key());
    }

    #[test]
    fn every_part_of_a_document_changes_the_key() {
        let base = KeyDocument::new("render", 1)
            .field("release", "x")
            .input("chart/a", Digest::of(b"1"));
        let others = [
            KeyDocument::new("package", 1)
                .field("release", "x")
                .input("chart/a", Digest::of(b"1")),
            KeyDocument::new("render", 2)
                .field("release", "x")
                .input("chart/a", Digest::of(b"1")),
            KeyDocument::new("render", 1)
                .field("release", "y")
                .input("chart/a", Digest::of(b"1")),
            KeyDocument::new("render", 1)
                .field("release", "x")
                .input("chart/a", Digest::of(b"2")),
            KeyDocument::new("render", 1)
                .field("release", "x")
                .input("chart/b", Digest::of(b"1")),
            KeyDocument::new("render", 1).field("release", "x"),
        ];
        for other in others {
            assert_ne!(base.key(), other.key(), "{other:?}");
        }
    }

    #[test]
    fn a_stored_document_reads_back_and_garbage_does_not() {
        let document = KeyDocument::new("render", 1).field("release", "x");
        assert_eq!(KeyDocument::parse(&document.bytes()), Some(document));
        assert_eq!(KeyDocument::parse(b"{}"), None);
        assert_eq!(KeyDocument::parse(b"\xff"), None);
    }

    #[test]
    fn changes_name_what_was_added_removed_and_altered() {
        let old = KeyDocument::new("render", 1)
            .input("a", Digest::of(b"1"))
            .input("b", Digest::of(b"1"));
        let new = KeyDocument::new("render", 1)
            .input("a", Digest::of(b"2"))
            .input("c", Digest::of(b"1"));
        let names: Vec<_> = new
            .changes_since(&old)
            .into_iter()
            .map(|c| (c.name, c.old.is_some(), c.new.is_some()))
            .collect();
        assert_eq!(
            names,
            [
                ("a".to_owned(), true, true),
                ("b".to_owned(), true, false),
                ("c".to_owned(), false, true)
            ]
        );
    }
}
