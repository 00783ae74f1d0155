//! What renders have shown so far.

use std::collections::{BTreeMap, BTreeSet};

use super::document::SecretForm;
use super::leaf::{Leaf, LeafId, stands_in};
use super::read_back::{Hit, Part};
use crate::discover::Found;
use crate::reference::ImageReference;

/// One image at one place of the plain render.
#[derive(Debug)]
pub(super) struct Spot {
    pub found: Found,
    pub reference: ImageReference,
}

/// What was seen, by spot and by leaf.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// For each spot, which leaves make which part.
    pub hits: Vec<BTreeSet<Hit>>,
    /// For each spot, which leaves give its pods pull secrets, and in which form.
    pub secrets: Vec<BTreeMap<LeafId, SecretForm>>,
    /// Leaves that were seen anywhere.
    pub reached: BTreeSet<LeafId>,
    /// Leaves for which the chart takes no other value, and what it says.
    pub guarded: BTreeMap<LeafId, String>,
    /// Leaves that were not asked for, because the renders were used up.
    pub undecided: BTreeSet<LeafId>,
    /// Leaves that are a registry in a reference whose name may be another one when they are set.
    pub doubted: BTreeSet<LeafId>,
    /// Leaves that were set alone, as the service does, and did more than to change the registry.
    pub refuted: BTreeSet<LeafId>,
    /// Renders that it took, cached or not.
    pub renders: usize,
}

impl Evidence {
    pub fn new(spots: usize) -> Self {
        Self {
            hits: vec![BTreeSet::new(); spots],
            secrets: vec![BTreeMap::new(); spots],
            ..Self::default()
        }
    }

    /// Is there nothing more to be learnt of this leaf?
    pub fn knows(&self, leaf: LeafId) -> bool {
        self.reached.contains(&leaf) || self.guarded.contains_key(&leaf) || self.undecided.contains(&leaf)
    }

    /// The leaves that make a part of a spot.
    pub fn makers(&self, spot: usize, part: Part) -> impl Iterator<Item = LeafId> {
        let hits = self.hits.get(spot);
        hits.into_iter()
            .flatten()
            .filter(move |hit| hit.part == part)
            .map(|hit| hit.leaf)
    }

    /// Leaves that are a whole registry wherever they are seen, so that they may be set to another one.
    pub fn whole_registries(&self) -> BTreeSet<LeafId> {
        let hits = || self.hits.iter().flatten();
        let mut whole: BTreeSet<LeafId> = hits().map(|hit| hit.leaf).collect();
        for hit in hits().filter(|hit| !hit.is_whole_registry) {
            whole.remove(&hit.leaf);
        }
        whole.retain(|id| !self.refuted.contains(id));
        whole
    }
}

/// Does what a leaf holds now stand in this part now?
pub(super) fn is_current(leaf: &Leaf, part: Part, reference: &ImageReference) -> bool {
    let mut text = part.of(reference);
    if part == Part::Registry && text.is_empty() {
        // A first segment may stand for a registry.
        text = reference.path().split_once('/').map_or("", |(first, _)| first);
    }
    if text.is_empty() || leaf.is_empty() {
        return false;
    }
    // One value may hold several parts: then it is this part of it that counts.
    leaf.occurs_in(text) || ImageReference::parse(&leaf.text()).is_ok_and(|own| stands_in(part.of(&own), text))
}
