//! Small images for tests: in memory, as layout folders, and as tars.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "test support"
)]

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use super::{REF_NAME, blob_path};
use crate::digest::Digest;
use crate::oci::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::oci::{Descriptor, MemoryContent};

pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Everything that was put into a layout, by digest.
pub(crate) struct Blobs(pub(crate) Vec<(Digest, Vec<u8>)>);

/// Content, and the same as a list.
pub(crate) struct Made {
    pub(crate) content: MemoryContent,
    pub(crate) blobs: Blobs,
}

impl Made {
    pub(crate) fn new() -> Self {
        Self {
            content: MemoryContent::new("memory"),
            blobs: Blobs(Vec::new()),
        }
    }

    pub(crate) fn insert(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        self.blobs.0.push((Digest::of(bytes), bytes.to_vec()));
        self.content.insert(media_type, bytes.to_vec())
    }

    /// An image of one platform, with layers of these contents.
    pub(crate) fn image(&mut self, platform: &str, layers: &[&[u8]]) -> Descriptor {
        let (os, architecture) = platform.split_once('/').unwrap();
        let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        let config =
            json!({ "os": os, "architecture": architecture, "rootfs": { "type": "layers", "diff_ids": diff_ids } });
        let config = self.insert(CONFIG, config.to_string().as_bytes());
        let layers: Vec<Descriptor> = layers.iter().map(|layer| self.insert(LAYER, layer)).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
        self.insert(OCI_MANIFEST, manifest.to_string().as_bytes())
    }

    /// An index of images.
    pub(crate) fn index(&mut self, images: &[(&str, Descriptor)]) -> Descriptor {
        let manifests: Vec<_> = images
            .iter()
            .map(|(platform, image)| {
                let (os, architecture) = platform.split_once('/').unwrap();
                let mut image = serde_json::to_value(image).unwrap();
                image["platform"] = json!({ "os": os, "architecture": architecture });
                image
            })
            .collect();
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
        self.insert(OCI_INDEX, index.to_string().as_bytes())
    }

    /// `index.json` with these names.
    pub(crate) fn index_json(entries: &[(&str, &Descriptor)]) -> Vec<u8> {
        let manifests: Vec<_> = entries
            .iter()
            .map(|(name, root)| {
                let mut root = serde_json::to_value(root).unwrap();
                root["annotations"] = json!({ REF_NAME: name });
                root
            })
            .collect();
        json!({ "schemaVersion": 2, "manifests": manifests })
            .to_string()
            .into_bytes()
    }

    /// Writes a layout folder.
    pub(crate) fn write_folder(&self, root: &Utf8Path, index_json: &[u8]) {
        std::fs::create_dir_all(root.join("blobs/sha256")).unwrap();
        std::fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        std::fs::write(root.join("index.json"), index_json).unwrap();
        for (digest, bytes) in &self.blobs.0 {
            std::fs::write(blob_path(root, digest), bytes).unwrap();
        }
    }

    /// The members of a tar of a layout.
    pub(crate) fn members(&self, index_json: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut members = vec![
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), index_json.to_vec()),
        ];
        for (digest, bytes) in &self.blobs.0 {
            members.push((format!("blobs/sha256/{}", digest.hex()), bytes.clone()));
        }
        members
    }
}

/// A tar of regular files.
pub(crate) fn tar_of(members: &[(String, Vec<u8>)]) -> tar::Builder<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes.as_slice()).unwrap();
    }
    tar
}

/// Compresses with gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A temporary folder with a UTF-8 path.
pub(crate) fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}
