//! Images that stand in the values and in no render: of parts that are switched off, or forgotten ones.

use std::collections::BTreeSet;

use super::document::UnusedImage;
use super::evidence::{Evidence, Spot};
use super::hint::Hint;
use super::leaf::{Leaf, LeafId};
use crate::reference::ImageReference;

/// Lists them, sorted by path. `set` are the paths whose values may be secrets.
pub(super) fn unused(leaves: &[Leaf], spots: &[Spot], evidence: &Evidence, set: &BTreeSet<String>) -> Vec<UnusedImage> {
    let mut found: Vec<UnusedImage> = Vec::new();
    for (id, leaf) in leaves.iter().enumerate() {
        if leaf.is_named && leaf.hint == Hint::Repository && !evidence.knows(id) {
            found.extend(image(id, leaf, leaves, spots, set));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn image(id: LeafId, leaf: &Leaf, leaves: &[Leaf], spots: &[Spot], set: &BTreeSet<String>) -> Option<UnusedImage> {
    let own = leaf.text();
    if own.is_empty() || own.contains("{{") {
        return None;
    }
    let parent = leaf.path.parent();
    let beside: Vec<&Leaf> = leaves
        .iter()
        .enumerate()
        .filter(|(at, other)| *at != id && !other.path.0.is_empty() && other.path.parent() == parent)
        .map(|(_, other)| other)
        .collect();
    let part = |hint: Hint| beside.iter().find(|other| other.hint == hint).copied();
    let (registry, tag, digest) = (part(Hint::Registry), part(Hint::Tag), part(Hint::Digest));
    // `image.name: web` alone is more likely the name of something else.
    if registry.or(tag).or(digest).is_none() && !own.contains(['/', ':', '@']) {
        return None;
    }
    let mut text = own;
    for (other, before, after) in [(registry, "", "/"), (tag, ":", ""), (digest, "@", "")] {
        let Some(value) = other
            .map(Leaf::text)
            .filter(|value| !value.is_empty() && !value.contains("{{"))
        else {
            continue;
        };
        text = match after {
            "" => format!("{text}{before}{value}"),
            _ => format!("{}{after}{text}", value.trim_end_matches('/')),
        };
    }
    let reference = ImageReference::parse(&text).ok()?;
    let is_used = |spot: &Spot| {
        spot.reference.as_str() == text
            || (spot.reference.path() == reference.path() && spot.reference.tag() == reference.tag())
    };
    if spots.iter().any(is_used) {
        return None;
    }
    let is_split = registry.or(tag).or(digest).is_some();
    let from_set = |path: &str| {
        set.iter()
            .any(|given| path.starts_with(given.as_str()) || given.starts_with(path))
    };
    let path = if is_split && !parent.0.is_empty() {
        parent
    } else {
        leaf.path.clone()
    }
    .to_string();
    Some(UnusedImage {
        reference: (!from_set(&path)).then_some(text),
        path,
    })
}
