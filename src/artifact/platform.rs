//! One platform of an artifact, for commands that look at a single manifest.

use std::sync::Arc;

use crate::oci::manifest::children;
use crate::oci::platforms::is_index;
use crate::oci::{Content, Descriptor, ErrorKind, Job, OciError, Platform};

use super::show::image_config;

/// The manifest for a platform: the first fitting entry of an index, or the image itself if it is for that platform.
pub async fn choose(
    content: &Arc<dyn Content>,
    root: &Descriptor,
    wanted: &Platform,
    job: &Job,
) -> Result<Descriptor, OciError> {
    let none = |there: &[String]| {
        let there = if there.is_empty() {
            "it tells none".to_owned()
        } else {
            format!("it has {}", there.join(", "))
        };
        let subject = format!("{} of {}", root.digest.short(), content.origin().label);
        OciError::new(
            ErrorKind::Absent,
            "choose platform",
            subject,
            format!("has no {wanted}; {there}"),
        )
    };
    let bytes = content.manifest(root).await?;
    let found = children(&bytes, &root.media_type)
        .map_err(|why| OciError::new(ErrorKind::Protocol, "read manifest", root.digest.short(), why))?;
    if is_index(&root.media_type) {
        let fitting = found
            .manifests
            .iter()
            .find(|entry| Platform::of(entry).is_some_and(|held| wanted.takes(&held)));
        let there: Vec<String> = found
            .manifests
            .iter()
            .filter_map(Platform::of)
            .map(|p| p.to_string())
            .collect();
        return fitting.cloned().ok_or_else(|| none(&there));
    }
    let config = match found.blobs.first() {
        Some(config) => image_config(content, config, job).await?,
        None => serde_json::Value::Null,
    };
    match Platform::of_value(&config) {
        Some(held) if wanted.takes(&held) => Ok(root.clone()),
        Some(held) => Err(none(&[held.to_string()])),
        None => Err(none(&[])),
    }
}
