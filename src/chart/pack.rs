//! Packing: what is pushed of a chart.
//!
//! A folder becomes an archive whose bytes depend on its files alone; `Chart.yaml` stays as it was written (Helm
//! rewrites it, which would make our bytes depend on Helm's version). A compressed archive goes as it is, byte for
//! byte, with its `.prov`; a plain tar is packed again, as Helm takes compressed ones only.

use bytes::Bytes;

use super::tree::{ChartTree, Form};
use crate::archive::{Limits, TarGz, read_all};
use crate::digest::Digest;
use crate::fault::{Fault, Place};

/// A chart, ready to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedChart {
    /// `name-version.tgz`, as Helm names it.
    pub file_name: String,
    /// The archive.
    pub archive: Bytes,
    /// The provenance file that belongs to exactly these bytes.
    pub provenance: Option<Bytes>,
}

impl PackedChart {
    /// Digest of the archive.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.archive)
    }
}

/// Packs a chart. Fails on ready-made manifests, on missing dependencies, and when files changed since they were read.
pub fn pack(tree: &ChartTree) -> Result<PackedChart, Fault> {
    if let Some(missing) = tree.missing.first() {
        return Err(Fault::invalid(format!(
            "chart {}: dependency {} is missing",
            tree.name(),
            missing.dependency.name
        ))
        .at(missing.place.clone())
        .hint("run `helm dependency build`, or write `dependencies = \"build\"`"));
    }
    let file_name = format!("{}-{}.tgz", tree.name(), tree.version());
    let mut archive = Vec::new();
    match tree.form {
        Form::Manifests => return Err(Fault::bug("ready-made manifests have no chart to pack")),
        Form::Compressed if tree.files.len() == 1 => {
            if let Some(file) = tree.files.first() {
                archive = file.content()?;
            }
            let provenance = tree
                .prov
                .as_ref()
                .map(super::ChartFile::content)
                .transpose()?
                .map(Bytes::from);
            return Ok(PackedChart {
                file_name,
                archive: archive.into(),
                provenance,
            });
        }
        Form::Folder | Form::Compressed | Form::Plain => {
            let contents = contents(tree)?;
            let mut writer = TarGz::new();
            for (name, bytes) in &contents {
                writer.add(format!("{}/{name}", tree.name()), bytes, false);
            }
            writer.write(&mut archive).map_err(|e| {
                Fault::invalid(format!("chart {}: cannot be packed", tree.name()))
                    .at(Place::file_only(super::shown(&tree.path)))
                    .because(e)
                    .hint("rename or remove the file that an archive cannot hold")
            })?;
        }
    }
    Ok(PackedChart {
        file_name,
        archive: archive.into(),
        provenance: None,
    })
}

/// Every file of a chart with its name within the chart, whatever form it was given in, fetched dependencies included.
pub(super) fn contents(tree: &ChartTree) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let mut files = Vec::with_capacity(tree.files.len());
    for file in &tree.files {
        let content = file.content()?;
        if tree.form == Form::Folder || file.name.starts_with("charts/") {
            files.push((file.name.clone(), content));
            continue;
        }
        // The archive itself: its names without the top folder, which loading made sure is the only one.
        for (name, content) in read_all(&content[..], &super::shown(&file.path), &Limits::CHART)? {
            if let (_, Some(inner)) = name.split_first() {
                files.push((inner.to_owned(), content));
            }
        }
    }
    Ok(files)
}
