//! Blanking Secrets in a parsed document.

use std::collections::BTreeSet;

use super::embedded;
use crate::chart::yaml::{At, Node};

/// Blanks every Secret in a tree, at any depth. Gives the texts that were blanked; `None` when there was no Secret.
pub(super) fn blank(root: &mut At) -> Option<BTreeSet<String>> {
    let mut values = BTreeSet::new();
    let found = visit(root, false, &mut values);
    found.then_some(values)
}

fn kind(at: &At) -> Option<&str> {
    match &at.get("kind")?.node {
        Node::Text(kind) => Some(kind.trim()),
        _ => None,
    }
}

fn visit(at: &mut At, is_secret: bool, values: &mut BTreeSet<String>) -> bool {
    let kind = kind(at);
    let is_secret = is_secret || kind == Some("Secret");
    // Items of such a list need not say what they are.
    let is_list = kind == Some("SecretList");
    let mut found = is_secret && matches!(at.node, Node::Map(_));
    match &mut at.node {
        Node::Map(entries) if found => entries.retain_mut(|(key, value)| keep(key, value, values)),
        Node::Map(entries) => {
            for (key, value) in entries {
                match &mut value.node {
                    Node::List(items) if is_list && key == "items" => {
                        for item in items {
                            found |= visit(item, true, values);
                        }
                    }
                    _ => found |= visit(value, false, values),
                }
            }
        }
        Node::List(items) => {
            for item in items {
                found |= visit(item, false, values);
            }
        }
        Node::Text(text) => {
            if let std::borrow::Cow::Owned(new) = embedded::blank(text) {
                *text = new;
            }
        }
        Node::Null | Node::Bool(_) | Node::Int(_) | Node::Float(_) => {}
    }
    found
}

/// What stays of a Secret: what it is and is called, the names of its entries, and Helm's own annotations (hooks).
fn keep(key: &str, value: &mut At, values: &mut BTreeSet<String>) -> bool {
    match key {
        "apiVersion" | "kind" | "type" | "immutable" => !matches!(value.node, Node::Map(_) | Node::List(_)),
        "metadata" => {
            if let Node::Map(entries) = &mut value.node {
                entries.retain_mut(|(key, value)| match key.as_str() {
                    "name" | "namespace" | "labels" => true,
                    "annotations" => {
                        if let Node::Map(entries) = &mut value.node {
                            entries.retain(|(key, _)| key.starts_with("helm.sh/"));
                            return true;
                        }
                        false
                    }
                    _ => false,
                });
                return true;
            }
            false
        }
        "data" | "stringData" => {
            gather(value, values);
            if let Node::Map(entries) = &mut value.node {
                for (_, value) in entries {
                    value.node = Node::Text(String::new());
                }
            } else {
                value.node = Node::Null;
            }
            true
        }
        _ => false,
    }
}

fn gather(at: &At, values: &mut BTreeSet<String>) {
    match &at.node {
        Node::Map(entries) => entries.iter().for_each(|(_, value)| gather(value, values)),
        Node::List(items) => items.iter().for_each(|item| gather(item, values)),
        scalar => values.extend(scalar.text().filter(|text| !text.is_empty())),
    }
}

/// Blanks every text that is one of some values, wherever it stands, except what says what an object is.
pub(super) fn blank_equal(at: &mut At, values: &BTreeSet<String>) {
    match &mut at.node {
        Node::Map(entries) => {
            for (key, value) in entries
                .iter_mut()
                .filter(|(key, _)| key != "kind" && key != "apiVersion")
            {
                if values.contains(key.as_str()) {
                    key.clear();
                }
                blank_equal(value, values);
            }
        }
        Node::List(items) => items.iter_mut().for_each(|item| blank_equal(item, values)),
        Node::Null | Node::Bool(_) => {}
        scalar => {
            if scalar.text().is_some_and(|text| values.contains(&text)) {
                *scalar = Node::Text(String::new());
            }
        }
    }
}
