//! What locating found.

use super::answer::Answer;
use crate::digest::Digest;
use crate::fault::{Faults, Place};
use crate::lock::{LockedImage, LockedReferrer};
use crate::oci::Selector;
use crate::project::ImageSource;
use crate::reference::{Form, ImageReference};
use crate::store::ArtifactName;

/// An image and the source that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The reference.
    pub reference: ImageReference,
    /// The source that has it.
    pub source: ImageSource,
    /// The repository there, the source's namespace included.
    pub repository: String,
    /// What it was asked by.
    pub selector: Selector,
    /// What that names: the root that is copied.
    pub digest: Digest,
    /// Media type of the root.
    pub media_type: String,
    /// Bytes of the root manifest itself; 0 when the lock had it, which does not say.
    pub root_size: u64,
    /// Bytes of the whole graph: every manifest and blob once.
    pub size: u64,
    /// `os/architecture[/variant]`, sorted; empty for what is no image.
    pub platforms: Vec<String>,
    /// Its name in the store.
    pub name: ArtifactName,
    /// How the reference was read.
    pub form: Form,
    /// Every place asked, in order, and its answer.
    pub answers: Vec<Answer>,
    /// The lock knew.
    pub from_lock: bool,
    /// What refers to it, as far as the lock says; `None`: nobody has asked yet.
    pub referrers: Option<Vec<LockedReferrer>>,
    /// Where the reference was found first, for messages.
    pub place: Option<Place>,
}

impl From<&Located> for LockedImage {
    fn from(located: &Located) -> Self {
        Self {
            reference: located.reference.as_str().to_owned(),
            name: located.name.clone(),
            source: located.source.to_string(),
            repository: located.repository.clone(),
            tag: match &located.selector {
                Selector::Tag(tag) => Some(tag.clone()),
                Selector::Digest(_) => None,
            },
            digest: located.digest.clone(),
            media_type: located.media_type.clone(),
            size: located.size,
            platforms: located.platforms.clone(),
            referrers: located.referrers.clone(),
        }
    }
}

/// An image that no source has, or that could not be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The reference.
    pub reference: ImageReference,
    /// Every place asked, in order, and its answer.
    pub answers: Vec<Answer>,
}

/// Everything that a round of locating found; sorted by reference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// Images that have a place.
    pub located: Vec<Located>,
    /// Images that have none; each has an error among the faults.
    pub missing: Vec<Missing>,
    /// Errors and warnings.
    pub faults: Faults,
}
