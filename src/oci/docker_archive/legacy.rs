//! Docker's own `manifest.json`, and the manifest that is made from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ArchiveFile, ArchiveIndex, Blob, CatalogEntry, Contents, ErrorKind, Extent, MANIFEST_LIMIT, OciError};
use crate::digest::Digest;
use crate::oci::Descriptor;
use crate::oci::manifest::OCI_MANIFEST;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Most layers of one image: more than any runtime mounts.
const LAYERS: usize = 4096;

/// How many configurations are held in memory at once.
const CONFIGS_AT_ONCE: usize = 64;

/// One item of `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Image {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

impl Image {
    fn label(&self) -> &str {
        self.repo_tags
            .iter()
            .flatten()
            .next()
            .map_or("an image", String::as_str)
    }
}

/// Exactly this order and nothing else, so that the digest never changes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    rootfs: RootFs,
}

#[derive(Deserialize, Default)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

pub(super) fn parse(file: &ArchiveFile, bytes: &[u8]) -> Result<Vec<Image>, OciError> {
    serde_json::from_slice(bytes)
        .map_err(|e| file.error(ErrorKind::Protocol, format!("its manifest.json is not Docker's: {e}")))
}

/// The entry for one item: the whole image of the layout where there is one, else a manifest made here.
pub(super) fn entry(
    file: &ArchiveFile,
    image: &Image,
    contents: &Contents,
    whole: &BTreeMap<Digest, Descriptor>,
    diff_ids: &BTreeMap<Digest, Vec<String>>,
    index: &mut ArchiveIndex,
) -> Result<CatalogEntry, OciError> {
    let names = names(image);
    let config = find(file, contents, &image.config)?;
    if let Some(root) = whole.get(&config.digest) {
        return Ok(CatalogEntry {
            names,
            root: root.clone(),
        });
    }
    let paths = image.layers.as_deref().unwrap_or_default();
    if paths.len() > LAYERS {
        return Err(file.error(ErrorKind::TooLarge, format!("an image has more than {LAYERS} layers")));
    }
    let layers = paths
        .iter()
        .map(|path| find(file, contents, path))
        .collect::<Result<Vec<_>, _>>()?;
    check_diff_ids(
        file,
        image,
        diff_ids.get(&config.digest).map_or(&[], Vec::as_slice),
        &layers,
    )?;
    let made = Made {
        schema_version: 2,
        media_type: OCI_MANIFEST,
        config: Descriptor::new(CONFIG, config.digest.clone(), config.extent.size),
        layers: layers
            .iter()
            .map(|l| Descriptor::new(format!("{LAYER}{}", l.compression), l.digest.clone(), l.extent.size))
            .collect(),
    };
    let text = serde_json::to_string(&made).map_err(|e| file.error(ErrorKind::Protocol, e.to_string()))?;
    let root = Descriptor::of(OCI_MANIFEST, text.as_bytes());
    index.made.insert(root.digest.clone(), text);
    Ok(CatalogEntry { names, root })
}

/// `redis:7` is what Docker calls `docker.io/library/redis:7`: it answers to both.
fn names(image: &Image) -> Vec<String> {
    let mut names = Vec::new();
    for tag in image.repo_tags.iter().flatten() {
        names.push(tag.clone());
        if !tag.contains('/') {
            names.push(format!("docker.io/library/{tag}"));
        }
    }
    names
}

fn find<'a>(file: &ArchiveFile, contents: &'a Contents, path: &str) -> Result<&'a Blob, OciError> {
    contents.file(path).ok_or_else(|| {
        let path: String = path.chars().take(200).collect();
        file.error(
            ErrorKind::Corrupt,
            format!("its manifest.json names {path:?}, which is not in it"),
        )
        .hint("the archive is incomplete: run docker save again")
    })
}

/// The diff ids that each configuration names, read in few passes.
pub(super) fn diff_ids(
    file: &ArchiveFile,
    images: &[Image],
    contents: &Contents,
) -> Result<BTreeMap<Digest, Vec<String>>, OciError> {
    let mut ids = BTreeMap::new();
    let mut wanted = BTreeMap::new();
    for image in images {
        let config = find(file, contents, &image.config)?;
        if config.extent.size > MANIFEST_LIMIT {
            let detail = format!("the configuration of {} is larger than 4 MiB", image.label());
            return Err(file.error(ErrorKind::TooLarge, detail));
        }
        wanted.insert(config.digest.clone(), config.extent);
        if wanted.len() >= CONFIGS_AT_ONCE {
            read_diff_ids(file, &mut wanted, &mut ids)?;
        }
    }
    read_diff_ids(file, &mut wanted, &mut ids)?;
    Ok(ids)
}

fn read_diff_ids(
    file: &ArchiveFile,
    wanted: &mut BTreeMap<Digest, Extent>,
    ids: &mut BTreeMap<Digest, Vec<String>>,
) -> Result<(), OciError> {
    for (digest, bytes) in file.read_small(wanted, MANIFEST_LIMIT)? {
        let parsed: Config = serde_json::from_slice(&bytes).map_err(|e| {
            let detail = format!("the configuration {} of an image cannot be read: {e}", digest.short());
            file.error(ErrorKind::Corrupt, detail)
        })?;
        ids.insert(digest, parsed.rootfs.diff_ids);
    }
    wanted.clear();
    Ok(())
}

/// Layers that are not compressed must be those the configuration names: an archive whose parts were mixed up
/// would start the wrong software.
fn check_diff_ids(file: &ArchiveFile, image: &Image, ids: &[String], layers: &[&Blob]) -> Result<(), OciError> {
    let name = image.label();
    if ids.len() != layers.len() {
        let detail = format!(
            "{name} has {} layers, its configuration names {}",
            layers.len(),
            ids.len()
        );
        return Err(file.error(ErrorKind::Corrupt, detail));
    }
    for (layer, id) in layers.iter().zip(ids) {
        if layer.compression.is_empty() && layer.digest.as_str() != id {
            let detail = format!(
                "layer {} of {name} is not the one its configuration names",
                layer.digest.short()
            );
            return Err(file.error(ErrorKind::Corrupt, detail));
        }
    }
    Ok(())
}
