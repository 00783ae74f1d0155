//! Checking a claim: registries are set as the service sets them, and the images must be the same but for those.
//!
//! A sentinel shows that a value is the whole registry while all other values have sentinels, too. A template may put
//! more before the name once a registry is set at all; then the name in the store would be another one.

use serde_json::Value;

use super::evidence::Evidence;
use super::leaf::LeafId;
use super::pairing::pair;
use super::path;
use super::read_back::Part;
use super::search::{Answer, Search};
use super::sentinel;
use crate::fault::Fault;
use crate::reference::ImageReference;

impl Search<'_> {
    /// May a registry do more than stand before the name? All shapes keep the number of segments, so a name that has
    /// another number of them was made otherwise.
    pub(super) fn is_doubtful(&self, id: LeafId, base: &ImageReference, seen: &ImageReference) -> bool {
        let count = |path: &str| path.split('/').count();
        let first = base.path().split_once('/').map(|(first, _)| first);
        let stood_for_one = base.registry().is_none()
            && self
                .leaf(id)
                .is_some_and(|leaf| first == Some(leaf.text().trim_end_matches('/')));
        count(seen.path()) + usize::from(stood_for_one) != count(base.path())
    }

    /// Sets registries as the service does, these and nothing else, and finds out which of them do more than that.
    pub(super) async fn verify(&self, chosen: &[LeafId], evidence: &mut Evidence) -> Result<(), Fault> {
        let host = Value::String(sentinel::host(sentinel::MAX_ID));
        let values: Vec<_> = chosen
            .iter()
            .filter_map(|id| Some((&self.leaf(*id)?.path, host.clone())))
            .collect();
        evidence.renders += 1;
        evidence.doubted.retain(|id| !chosen.contains(id));
        let over = path::overlay(self.effective, &values);
        let images = match self.prober.probe(&over).await? {
            Answer::Rendered(rendered) => rendered.discovered.images,
            Answer::Refused(_) => Vec::new(),
        };
        let base: Vec<_> = self.spots.iter().map(|spot| spot.found.clone()).collect();
        for (at, seen) in pair(&base, &images).into_iter().enumerate() {
            let set: Vec<LeafId> = evidence
                .makers(at, Part::Registry)
                .filter(|id| chosen.contains(id))
                .collect();
            let seen = seen
                .and_then(|seen| images.get(seen))
                .and_then(|seen| ImageReference::parse(&seen.reference).ok());
            let holds = match (self.spots.get(at), seen) {
                (Some(spot), Some(seen)) => is_redirected(&spot.reference, &seen),
                _ => false,
            };
            if !holds {
                evidence.refuted.extend(set);
            }
        }
        Ok(())
    }
}

/// Is it the same image in the store whose host [`Search::verify`] sets?
fn is_redirected(base: &ImageReference, seen: &ImageReference) -> bool {
    let is_cut = base.registry().is_none() && base.path().split_once('/').is_some_and(|(_, rest)| rest == seen.path());
    seen.registry() == Some(sentinel::host(sentinel::MAX_ID).as_str())
        && (seen.path() == base.path() || is_cut)
        && seen.tag() == base.tag()
        && seen.digest() == base.digest()
}
