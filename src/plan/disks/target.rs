//! Upload steps before anything is looked at: what should be where, as the project alone says it.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::blob::{BlobError, Etag, PageBlob, Remote};
use crate::cache::KeyDocument;
use crate::digest::Digest;
use crate::disk::{Origin, Receipt};
use crate::fault::Fault;
use crate::graph::{Step, StepId, StepKind};
use crate::plan::{Desired, Target};
use crate::project::{Project, VhdConfig, VhdSource};
use crate::store::ArtifactName;
use crate::vhd::Scanned;

/// What an upload step needs besides what every step needs; filled in as the plan looks.
#[derive(Clone)]
pub struct DiskTarget {
    /// Position among the project's disk images.
    pub vhd: usize,
    /// What is wrong with the image, each with its place: then it goes nowhere.
    pub problems: Vec<Fault>,
    /// What goes there.
    pub content: Option<DiskContent>,
    /// Where it goes.
    pub blob: Option<PageBlob>,
    /// The blob that may be replaced.
    pub replace: Option<Etag>,
    /// Of an upload that is in place: what is to be remembered of it.
    pub receipt: Option<Receipt>,
    /// Why the signature at hand would not do for writing.
    pub cannot_write: Option<BlobError>,
}

/// What goes into a blob.
#[derive(Clone)]
pub enum DiskContent {
    /// A file, and what is in it.
    File {
        /// The file.
        path: Utf8PathBuf,
        /// What it holds.
        scanned: Arc<Scanned>,
        /// Key of its `inspect` step.
        key: KeyDocument,
    },
    /// What a URL names.
    Copy {
        /// The state it is in.
        origin: Origin,
        /// How it is read.
        source: Remote,
    },
}

impl DiskContent {
    /// What a store is compared with: the content digest, or the copy's key.
    pub fn digest(&self) -> Digest {
        match self {
            Self::File { scanned, .. } => scanned.digest.0.clone(),
            Self::Copy { origin, .. } => origin.key().0,
        }
    }

    /// Bytes of the image.
    pub fn length(&self) -> u64 {
        match self {
            Self::File { scanned, .. } => scanned.length,
            Self::Copy { origin, .. } => origin.length,
        }
    }
}

impl std::fmt::Debug for DiskTarget {
    /// Without what could hold a signature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskTarget")
            .field("vhd", &self.vhd)
            .field("problems", &self.problems)
            .field("digest", &self.content.as_ref().map(DiskContent::digest))
            .field("blob", &self.blob.as_ref().map(PageBlob::label))
            .field("replace", &self.replace)
            .finish_non_exhaustive()
    }
}

/// The upload steps of a project, sorted by id.
pub(in crate::plan) fn named(project: &Project) -> Vec<Target> {
    let mut targets: Vec<Target> = project
        .vhds
        .iter()
        .enumerate()
        .map(|(index, vhd)| target(project, index, vhd))
        .collect();
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    targets
}

fn target(project: &Project, index: usize, vhd: &VhdConfig) -> Target {
    let store = project.stores.get(vhd.store);
    let store_name = store.map_or_else(String::new, |store| store.name.value.clone());
    let name = ArtifactName {
        repository: vhd.name.value.clone(),
        tag: vhd.version.value.clone(),
    };
    let (from, local) = match &vhd.source {
        VhdSource::File(file) => {
            let shown = file.value.strip_prefix(&project.root).unwrap_or(&file.value);
            (shown.to_string(), local(&vhd.name.value))
        }
        VhdSource::UrlInVariable(variable) => (format!("the URL in {}", variable.value), Vec::new()),
        VhdSource::Url(_) => ("the URL in the input file".to_owned(), Vec::new()),
    };
    Target {
        id: StepId::effect(StepKind::Upload, &store_name, &name),
        kind: StepKind::Upload,
        store: vhd.store,
        store_name,
        title: name.to_string(),
        name,
        desired: Desired::NotAsked,
        from,
        place: vhd.name.place.clone(),
        needs: local.iter().map(|step| step.id.clone()).collect(),
        needs_effects: Vec::new(),
        chart: None,
        pack: None,
        subject: None,
        local,
        along: Vec::new(),
        guards: BTreeMap::new(),
        image: None,
        disk: Some(DiskTarget {
            vhd: index,
            problems: Vec::new(),
            content: None,
            blob: None,
            replace: None,
            receipt: None,
            cannot_write: None,
        }),
    }
}

/// The steps that look at a file: the cheap one first, so that a wrong image is not read to its end.
fn local(name: &str) -> Vec<Step> {
    let validate = StepId::local(StepKind::Validate, name);
    let step = |kind, needs| Step {
        id: StepId::local(kind, name),
        kind,
        store: None,
        needs,
    };
    vec![
        step(StepKind::Validate, Vec::new()),
        step(StepKind::Inspect, vec![validate]),
    ]
}
