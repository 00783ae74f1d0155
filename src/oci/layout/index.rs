//! The two files that make a folder an image layout: `oci-layout` and `index.json` (image-spec, image-layout.md).
//!
//! Both are read whole and therefore bounded; JSON deeper than 128 levels is refused by the parser.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::oci::manifest::{MANIFEST_LIMIT, OCI_INDEX};
use crate::oci::{Descriptor, ErrorKind, OciError};

/// Annotation of an index entry that holds its name (image-spec, annotations.md).
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Annotation in which containerd and Docker keep the full reference of an entry.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The layout version that is written (image-spec, image-layout.md, "oci-layout file").
pub const LAYOUT_VERSION: &str = "1.0.0";

/// Largest `index.json` that is read, in bytes: room for some hundred thousand entries.
pub const INDEX_LIMIT: u64 = 32 * 1024 * 1024;

/// `index.json`. Fields that are not known here survive a round trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "an object with schemaVersion and manifests")]
pub struct LayoutIndex {
    /// Always 2.
    pub schema_version: u32,
    /// [`OCI_INDEX`], where it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The entries.
    pub manifests: Vec<Descriptor>,
    /// Whatever else was there.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

impl LayoutIndex {
    /// An index without entries.
    pub fn empty() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(OCI_INDEX.to_owned()),
            manifests: Vec::new(),
            other: BTreeMap::new(),
        }
    }

    /// Parses `index.json`; `place` names the layout in errors.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, OciError> {
        let index: Self =
            serde_json::from_slice(bytes).map_err(|e| broken(place, format!("index.json is no image index: {e}")))?;
        if index.schema_version != 2 {
            return Err(broken(
                place,
                format!("index.json has schemaVersion {}, 2 is needed", index.schema_version),
            ));
        }
        Ok(index)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

/// Checks the content of an `oci-layout` file: any version 1 will do.
pub fn check_marker(bytes: &[u8], place: &str) -> Result<(), OciError> {
    let marker: Marker =
        serde_json::from_slice(bytes).map_err(|e| broken(place, format!("oci-layout cannot be read: {e}")))?;
    if marker.image_layout_version.split('.').next() == Some("1") {
        return Ok(());
    }
    let version: String = marker.image_layout_version.chars().take(40).collect();
    Err(broken(
        place,
        format!("image layout version {version:?} is not known, {LAYOUT_VERSION} is"),
    )
    .hint("a newer aosm-build may know it"))
}

/// Reads and checks both files of a layout folder.
pub fn read_folder_index(folder: &Utf8Path) -> Result<LayoutIndex, OciError> {
    let place = folder.as_str();
    let marker = read_limited(&folder.join("oci-layout"), MANIFEST_LIMIT).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound if !folder.is_dir() => OciError::new(
            ErrorKind::Unreachable,
            "read image layout",
            place,
            "there is no such folder",
        )
        .hint("check the path; a folder with oci-layout, index.json and blobs is needed"),
        _ if folder.is_file() => broken(place, "it is a file, a folder is needed")
            .hint("for a tar, use kind = \"oci-archive\" or \"docker-archive\""),
        io::ErrorKind::NotFound => {
            broken(place, "there is no oci-layout file in it").hint("is this the top folder of an OCI image layout?")
        }
        _ => unreadable(place, "oci-layout", &e),
    })?;
    check_marker(&marker, place)?;
    let bytes = read_limited(&folder.join("index.json"), INDEX_LIMIT).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => broken(place, "there is no index.json in it"),
        _ => unreadable(place, "index.json", &e),
    })?;
    LayoutIndex::parse(&bytes, place)
}

fn broken(place: &str, detail: impl Into<String>) -> OciError {
    OciError::new(ErrorKind::Protocol, "read image layout", place, detail)
}

fn unreadable(place: &str, file: &str, error: &io::Error) -> OciError {
    let kind = match error.kind() {
        io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput | io::ErrorKind::NotADirectory => ErrorKind::Protocol,
        _ => ErrorKind::Disk,
    };
    OciError::new(kind, "read image layout", place, format!("{file}: {error}"))
}

/// Reads a regular file of at most `limit` bytes. Larger: [`io::ErrorKind::FileTooLarge`]; a folder, pipe or
/// device: [`io::ErrorKind::InvalidInput`] (opening a pipe could wait for ever).
pub(crate) fn read_limited(path: &Utf8Path, limit: u64) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if metadata.len() > limit {
        return Err(too_large(limit));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(bytes)
}

fn too_large(limit: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("larger than {} MiB", limit / (1024 * 1024)),
    )
}
