//! Content descriptors (image-spec, descriptor.md).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;

/// Names some content by media type, digest and size. Unknown fields survive a round trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the content (RFC 6838).
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// Annotations, sorted by key.
    #[serde(
        default,
        deserialize_with = "absent_when_null",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// `artifactType`, `platform`, `data`, `urls` and whatever else was there.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// Some tools write `null` for what they do not have.
fn absent_when_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Descriptor {
    /// A plain descriptor.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            annotations: BTreeMap::new(),
            other: BTreeMap::new(),
        }
    }

    /// Its `artifactType`, where it has one that says something.
    pub fn artifact_type(&self) -> Option<&str> {
        self.other
            .get("artifactType")
            .and_then(serde_json::Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The descriptor of some bytes.
    pub fn of(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }
}
