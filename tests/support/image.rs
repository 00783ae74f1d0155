//! Images made up from a seed: the same seed, the same bytes, on any machine.

use std::io::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::sha256;

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Bytes with their media type and digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    pub media_type: String,
    pub digest: String,
    pub bytes: Arc<Vec<u8>>,
}

impl std::fmt::Debug for Part {
    /// Without the bytes: the digest tells as much, on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {} bytes)", self.digest, self.media_type, self.bytes.len())
    }
}

impl Part {
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: sha256(&bytes),
            bytes: Arc::new(bytes),
        }
    }

    /// The descriptor that a manifest holds for it.
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("JSON")
    }
}

/// A manifest or index with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Layers and configs, each once.
    pub blobs: Vec<Part>,
    /// Manifests, children before parents; the last one is the root.
    pub manifests: Vec<Part>,
    /// `os/architecture` of a single image.
    pub platform: Option<(String, String)>,
}

impl Image {
    /// The manifest that a tag names.
    pub fn root(&self) -> &Part {
        self.manifests.last().expect("an image has a root")
    }

    /// The root's digest.
    pub fn digest(&self) -> &str {
        &self.root().digest
    }

    /// Bytes of all blobs and manifests together.
    pub fn size(&self) -> u64 {
        self.blobs
            .iter()
            .chain(&self.manifests)
            .map(|part| part.bytes.len() as u64)
            .sum()
    }

    /// One index over several images (or indexes).
    pub fn index(children: &[Image]) -> Self {
        Self::index_as(OCI_INDEX, children, false)
    }

    /// The same as an index of another type, or with white space that no tool writes.
    pub fn index_as(media_type: &str, children: &[Image], spaced: bool) -> Self {
        let mut all = Self {
            blobs: Vec::new(),
            manifests: Vec::new(),
            platform: None,
        };
        let mut list = Vec::new();
        for child in children {
            let mut descriptor = child.root().descriptor();
            if let Some((os, architecture)) = &child.platform {
                descriptor["platform"] = json!({"os": os, "architecture": architecture});
            }
            list.push(descriptor);
            all.absorb(child);
        }
        let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": list});
        all.manifests.push(Part::new(media_type, write_json(&index, spaced)));
        all
    }

    /// An artifact that refers to `subject`: a signature, an SBOM.
    pub fn referrer(subject: &Part, artifact_type: &str, content: &[u8]) -> Self {
        let empty = Part::new(OCI_EMPTY, b"{}".to_vec());
        let layer = Part::new("application/octet-stream", content.to_vec());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": empty.descriptor(),
            "layers": [layer.descriptor()],
            "subject": subject.descriptor(),
        });
        Self {
            blobs: vec![empty, layer],
            manifests: vec![Part::new(OCI_MANIFEST, write_json(&manifest, false))],
            platform: None,
        }
    }

    fn absorb(&mut self, other: &Image) {
        for blob in &other.blobs {
            if self.blobs.iter().all(|b| b.digest != blob.digest) {
                self.blobs.push(blob.clone());
            }
        }
        for manifest in &other.manifests {
            if self.manifests.iter().all(|m| m.digest != manifest.digest) {
                self.manifests.push(manifest.clone());
            }
        }
    }
}

/// What a single-platform image is made of.
#[derive(Debug, Clone)]
pub struct ImageSpec {
    seed: u64,
    layers: Vec<(u64, usize)>,
    os: String,
    architecture: String,
    docker: bool,
    spaced: bool,
    labels: Vec<(String, String)>,
}

impl ImageSpec {
    /// An image of one small layer.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            layers: vec![(seed, 100)],
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            docker: false,
            spaced: false,
            labels: Vec::new(),
        }
    }

    /// Layers with this many random bytes each (the archive around them adds some 1.5 KiB).
    pub fn layers(mut self, sizes: &[usize]) -> Self {
        self.layers = sizes
            .iter()
            .enumerate()
            .map(|(i, &size)| (self.seed.wrapping_mul(1000) + i as u64, size))
            .collect();
        self
    }

    /// Puts a layer of its own seed below the others: images with the same one share it.
    pub fn base_layer(mut self, seed: u64, size: usize) -> Self {
        self.layers.insert(0, (seed, size));
        self
    }

    pub fn platform(mut self, os: &str, architecture: &str) -> Self {
        self.os = os.to_owned();
        self.architecture = architecture.to_owned();
        self
    }

    /// Docker's media types (schema 2) instead of OCI's.
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// Manifests with white space that no tool writes: whoever serialises them again changes the digest.
    pub fn spaced(mut self) -> Self {
        self.spaced = true;
        self
    }

    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn build(&self) -> Image {
        let (manifest_type, config_type, layer_type) = if self.docker {
            (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
        } else {
            (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER)
        };
        let mut blobs: Vec<Part> = Vec::new();
        let mut layers = Vec::new();
        let mut diff_ids = Vec::new();
        for (seed, size) in &self.layers {
            let tar = layer_tar(*seed, *size);
            diff_ids.push(sha256(&tar));
            let layer = Part::new(layer_type, gzip(&tar));
            layers.push(layer.descriptor());
            if blobs.iter().all(|b| b.digest != layer.digest) {
                blobs.push(layer);
            }
        }
        let labels: serde_json::Map<String, Value> = self
            .labels
            .iter()
            .map(|(k, v)| (k.clone(), Value::from(v.as_str())))
            .collect();
        let config = json!({
            "architecture": self.architecture,
            "os": self.os,
            "config": {"Entrypoint": ["/bin/hello"], "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = Part::new(config_type, write_json(&config, false));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": config.descriptor(),
            "layers": layers,
        });
        blobs.push(config);
        Image {
            blobs,
            manifests: vec![Part::new(manifest_type, write_json(&manifest, self.spaced))],
            platform: Some((self.os.clone(), self.architecture.clone())),
        }
    }

    /// The same for linux on amd64 and arm64, below one index.
    pub fn multi_platform(&self) -> Image {
        let amd = self.clone().platform("linux", "amd64");
        let mut arm = self.clone().platform("linux", "arm64");
        for layer in &mut arm.layers {
            layer.0 ^= 0x00A2_3640;
        }
        let media_type = if self.docker { DOCKER_LIST } else { OCI_INDEX };
        Image::index_as(media_type, &[amd.build(), arm.build()], self.spaced)
    }
}

/// Pseudo-random bytes (splitmix64): incompressible, and the same everywhere.
pub fn random_bytes(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(0x1234_5678_9ABC_DEF1);
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// A layer with one file of random bytes, its name after the seed so that layers do not hide each other.
fn layer_tar(seed: u64, size: usize) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::with_capacity(size + 2048));
    let mut header = tar::Header::new_ustar();
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    let bytes = random_bytes(seed, size);
    archive
        .append_data(&mut header, format!("data-{seed:x}"), bytes.as_slice())
        .expect("a tar in memory");
    archive.into_inner().expect("a tar in memory")
}

/// gzip with stored blocks, written by hand: no compression library may change the bytes of a committed fixture.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 1000 + 64);
    out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("at most 65535");
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&crc.amount().to_le_bytes());
    out
}

/// JSON, on one line or with white space that no tool writes.
fn write_json(value: &Value, spaced: bool) -> Vec<u8> {
    if !spaced {
        return serde_json::to_vec(value).expect("JSON");
    }
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" \t ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    serde::Serialize::serialize(value, &mut serializer).expect("JSON");
    bytes.write_all(b"\n \n").expect("bytes in memory");
    bytes
}
