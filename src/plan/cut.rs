//! Images cut to the platforms that the project wants. What is pinned by its digest is never cut.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::locating::Manifests;
use super::{Session, World};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::locate::{Cached, Located};
use crate::oci::platforms::{Platform, Subset, is_index, subset};
use crate::oci::{Content, Descriptor, ErrorKind, Job, OciError, Selector};

/// An index cut to some platforms.
#[derive(Debug, Clone)]
pub struct Cut {
    /// The new index.
    pub subset: Arc<Subset>,
    /// The platforms it was cut to, as written.
    pub platforms: String,
}

impl Cut {
    /// The manifests that are left.
    pub fn kept(&self) -> BTreeSet<Digest> {
        self.subset.kept.iter().map(|entry| entry.digest.clone()).collect()
    }
}

/// Why an image was not cut.
pub(super) enum Uncut {
    /// It cannot be: it lacks a platform, or its index cannot be read.
    Fault(Fault),
    /// Its index is not in the cache, and nobody may be asked.
    Offline,
}

/// Cuts an image, where the project asks for platforms and the image has several. Its index is read once, by digest.
pub(super) async fn cut(
    session: &Arc<Session>,
    world: &World,
    image: &Located,
    job: &Job,
) -> Result<Option<Cut>, Uncut> {
    let wanted = &session.project.copy.platforms;
    if wanted.is_empty() || matches!(image.selector, Selector::Digest(_)) || !is_index(&image.media_type) {
        return Ok(None);
    }
    let platforms: Vec<Platform> = wanted.iter().filter_map(|text| text.value.parse().ok()).collect();
    let words: Vec<&str> = wanted.iter().map(|text| text.value.as_str()).collect();
    match select(session, world, image, &platforms, job).await {
        Ok(subset) if subset.whole => Ok(None),
        Ok(subset) => Ok(Some(Cut {
            subset: Arc::new(subset),
            platforms: words.join(", "),
        })),
        Err(error) if session.mode.offline && error.kind == ErrorKind::Unreachable => Err(Uncut::Offline),
        Err(error) => {
            let place = wanted.first().and_then(|text| text.place.clone());
            let kind = Fault::from(error.clone()).kind();
            let fault = Fault::new(
                kind,
                format!("image {}: it cannot be cut to {}", image.reference, words.join(", ")),
            )
            .at_opt(image.place.clone().or(place))
            .because(error)
            .hint("name platforms in [copy] that all images with several have, or leave `platforms` out");
            Err(Uncut::Fault(fault))
        }
    }
}

async fn select(
    session: &Arc<Session>,
    world: &World,
    image: &Located,
    platforms: &[Platform],
    job: &Job,
) -> Result<Subset, OciError> {
    let source = world.reach(&image.source.host, job)?;
    let plain = source.content(&image.repository);
    let plain = plain.for_job(job).unwrap_or(plain);
    let cache = Arc::new(Manifests(Arc::clone(&session.cache)));
    let content: Arc<dyn Content> = Arc::new(Cached::new(plain, cache));
    let index = Descriptor::new(image.media_type.clone(), image.digest.clone(), image.root_size);
    let bytes = content.manifest(&index).await?;
    subset(&index, &bytes, platforms).map_err(|why| {
        let subject = format!("{} of {}", index.digest.short(), content.origin().label);
        OciError::new(ErrorKind::Absent, "select platforms", subject, why)
    })
}
