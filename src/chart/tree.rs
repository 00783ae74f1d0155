//! A chart as everything else sees it: what it is called, what files it has, what they amount to.
//!
//! The digest covers logical names and contents only: not where the chart lies, no times, no modes, and no line
//! endings that a checkout made.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::file::ChartFile;
use super::metadata::{Dependency, Metadata};
use crate::digest::{Digest, Hasher};
use crate::fault::{Fault, Place};

/// In which form the chart was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A folder.
    Folder,
    /// A tar compressed with gzip (`.tgz`, `.tar.gz`): Helm reads it as it is.
    Compressed,
    /// A tar that is not compressed: Helm does not read it.
    Plain,
    /// Ready-made Kubernetes YAML: no chart at all.
    Manifests,
}

/// A dependency that is not in `charts/`.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    /// What `Chart.yaml` asks for.
    pub dependency: Dependency,
    /// Where it asks.
    pub place: Place,
}

/// A chart, or the manifests that stand in for one.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartTree {
    pub(super) form: Form,
    pub(super) path: Utf8PathBuf,
    pub(super) metadata: Arc<Metadata>,
    pub(super) files: Vec<ChartFile>,
    pub(super) prov: Option<ChartFile>,
    pub(super) missing: Vec<Missing>,
    pub(super) locked: Vec<(String, String)>,
    pub(super) digest: Digest,
}

impl ChartTree {
    pub(super) fn new(form: Form, path: Utf8PathBuf, metadata: Metadata, files: Vec<ChartFile>) -> Self {
        let mut tree = Self {
            form,
            path,
            metadata: Arc::new(metadata),
            files,
            prov: None,
            missing: Vec::new(),
            locked: Vec::new(),
            digest: Digest::of(b""),
        };
        tree.seal();
        tree
    }

    /// Brings order and digest up to date after the files changed.
    pub(super) fn seal(&mut self) {
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        self.files.dedup_by(|a, b| a.name == b.name);
        let mut hasher = Hasher::new();
        hasher.update(match self.form {
            Form::Folder => b"aosm-chart-folder/1\n",
            Form::Compressed => b"aosm-chart-tgz/1\n",
            Form::Plain => b"aosm-chart-tar/1\n",
            Form::Manifests => b"aosm-manifests/1\n",
        });
        for file in self.files.iter().chain(&self.prov) {
            hasher.update(format!("{} {}\0{}\n", file.name.len(), file.name, file.digest).as_bytes());
        }
        self.digest = hasher.finish();
    }

    /// Covers logical names and contents, fetched dependencies and the `.prov` included.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// In which form it was given.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Is there a chart to pack and push? Not for ready-made manifests.
    pub fn is_chart(&self) -> bool {
        self.form != Form::Manifests
    }

    /// What `Chart.yaml` says; empty for ready-made manifests.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Name from `Chart.yaml`: also the name of the top folder and of the repository.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Version from `Chart.yaml`.
    pub fn version(&self) -> &str {
        &self.metadata.version
    }

    /// The tag: the version with `_` for `+`, which tags cannot hold (Helm does the same).
    pub fn tag(&self) -> String {
        self.metadata.version.replace('+', "_")
    }

    /// All files, sorted by name; of an archive only the archive itself. Fetched dependencies stand under `charts/`.
    pub fn files(&self) -> &[ChartFile] {
        &self.files
    }

    /// The provenance file beside an archive.
    pub fn provenance(&self) -> Option<&ChartFile> {
        self.prov.as_ref()
    }

    /// Dependencies that are still to be fetched. Empty unless the package says `dependencies = "build"`.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Where it lies on this machine. Never part of a key.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Is the disk still what was read? Helm reads it a second time, and its output is kept under what was read first.
    pub(super) fn check_unchanged(&self) -> Result<(), Fault> {
        if self.form == Form::Folder {
            let listing = super::walk::walk(&self.path)?;
            let added = listing
                .keys()
                .find(|name| self.files.binary_search_by(|f| f.name.cmp(name)).is_err());
            if let Some(name) = added {
                return Err(
                    Fault::invalid(format!("{name}: appeared while the chart was being rendered"))
                        .at(Place::file_only(super::shown(&self.path.join(name))))
                        .hint("run the command again"),
                );
            }
        }
        self.files.iter().try_for_each(|file| file.content().map(|_| ()))
    }

    /// Must Helm be shown a copy, because what is keyed is not what lies on the disk?
    pub(super) fn needs_staging(&self) -> bool {
        match self.form {
            Form::Folder => self
                .files
                .iter()
                .any(|f| f.converted || f.path != self.path.join(&f.name)),
            Form::Plain => true,
            Form::Compressed => self.files.len() > 1,
            Form::Manifests => false,
        }
    }
}
