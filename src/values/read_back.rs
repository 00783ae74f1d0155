//! Which marks stand in which part of a reference.

use std::collections::BTreeSet;

use super::leaf::LeafId;
use super::sentinel;
use crate::reference::ImageReference;

/// A part of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    Registry,
    Repository,
    Tag,
    Digest,
}

impl Part {
    pub const ALL: [Self; 4] = [Self::Registry, Self::Repository, Self::Tag, Self::Digest];

    /// This part's text; empty where the reference has none.
    pub fn of(self, reference: &ImageReference) -> &str {
        match self {
            Self::Registry => reference.registry().unwrap_or_default(),
            Self::Repository => reference.path(),
            Self::Tag => reference.tag().unwrap_or_default(),
            Self::Digest => reference.digest().map_or("", crate::digest::Digest::as_str),
        }
    }
}

/// A leaf that makes a part, or something of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub part: Part,
    pub leaf: LeafId,
    /// It is the whole registry: what it is set to, stands there and nothing else.
    pub is_whole_registry: bool,
}

/// The hits of these leaves in a reference.
pub(super) fn hits(reference: &ImageReference, leaves: &BTreeSet<LeafId>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for part in Part::ALL {
        let text = part.of(reference);
        for leaf in sentinel::marks(text).intersection(leaves).copied() {
            // `{{ .registry }}/{{ .repository }}` with a host in the repository as well: set to another one, the
            // registry would be put before the old one.
            let is_whole_registry =
                part == Part::Registry && text == sentinel::host(leaf) && !sentinel::has_host(reference.path());
            hits.push(Hit {
                part,
                leaf,
                is_whole_registry,
            });
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    #[test]
    fn each_part_says_what_made_it() {
        let reference = ImageReference::parse("zq0001x.azurecr.io/fixed/zq0002x-b:1.2.900037-x").unwrap();
        let found: Vec<_> = hits(&reference, &BTreeSet::from([1, 2, 3, 4]))
            .into_iter()
            .map(|hit| (hit.part, hit.leaf, hit.is_whole_registry))
            .collect();
        assert_eq!(
            found,
            [
                (Part::Registry, 1, true),
                (Part::Repository, 2, false),
                (Part::Tag, 3, false)
            ]
        );
    }

    #[test]
    fn a_registry_before_a_repository_that_has_its_own_is_not_whole() {
        let reference = ImageReference::parse("zq0001x.azurecr.io/zq0002x.azurecr.io/zq0002x:1").unwrap();
        assert!(
            hits(&reference, &BTreeSet::from([1]))
                .iter()
                .all(|hit| !hit.is_whole_registry)
        );
    }

    #[test]
    fn a_registry_with_something_around_it_is_not_whole() {
        let reference = ImageReference::parse("zq0001x.azurecr.io:5000/app:1").unwrap();
        assert!(!hits(&reference, &BTreeSet::from([1]))[0].is_whole_registry);
    }
}
