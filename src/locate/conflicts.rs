//! Two images that want one name.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::Located;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::store::ArtifactName;

/// An error for every name that two located images with different digests would get in one store: whichever came
/// last would win, so nothing may move. Call it with the images of one store.
pub fn conflicts(located: &[Located]) -> Vec<Fault> {
    let mut by_name: BTreeMap<&ArtifactName, Vec<&Located>> = BTreeMap::new();
    for image in located {
        by_name.entry(&image.name).or_default().push(image);
    }
    let mut faults = Vec::new();
    for (name, mut images) in by_name {
        images.sort_by(|a, b| a.reference.cmp(&b.reference));
        let digests: BTreeSet<&Digest> = images.iter().map(|image| &image.digest).collect();
        if digests.len() < 2 {
            continue;
        }
        let mut fault = Fault::invalid(format!("{name} would be {} images at once", digests.len()));
        for image in images {
            let text = format!(
                "{} is {} ({}/{})",
                image.reference,
                image.digest.short(),
                image.source.host,
                image.repository
            );
            fault = match &image.place {
                // The line itself shows the reference.
                Some(place) if !place.text().is_empty() => fault.label(
                    place.clone(),
                    format!("{} from {}", image.digest.short(), image.source.host),
                ),
                // A place without its text is drawn without a word on what is there: the word names it instead.
                Some(place) => fault.because(format!("{text}, wanted by {place}")),
                None => fault.because(text),
            };
        }
        faults.push(fault.hint(
            "the name in the store has no registry: use one of these images everywhere, give them different tags, \
             or send them to different stores",
        ));
    }
    faults
}
