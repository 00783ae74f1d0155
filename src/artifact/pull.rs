//! Pulling: the layers of an artifact become files again.
//!
//! In this order: the manifest is read, names are judged, what is in the way is found; then everything is written into
//! one temporary folder inside the output folder and verified there; only then it gets its names. So a pull that fails or
//! is killed leaves at most that folder (later pulls remove it), and nothing is overwritten unasked.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8PathBuf;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

use super::annotation_file::TITLE;
use super::folder::{CONTENT_DIGEST, UNPACK};
use super::media_type::EMPTY;
use super::placing::{Placing, Staged, Staging};
use super::progress::watched;
use super::pull_name::{Claim, Claims, path_of_title};
use super::unpack::{Archive, UnpackLimits, unpack};
use crate::digest::Digest;
use crate::fault::{Fault, Faults};
use crate::oci::{Content, Descriptor, ErrorKind, Job, OciError, Platform, verified};

/// Layers of one artifact at most.
const LAYERS: usize = 10_000;
/// Subjects of subjects are followed this far.
const SUBJECTS: usize = 8;

/// What is pulled, and where to.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct PullOptions {
    /// The output folder; made when it is not there.
    pub folder: Utf8PathBuf,
    /// Only layers of these media types; empty: all.
    pub media_types: Vec<String>,
    /// Layers without a title too, named by their digest.
    pub unnamed: bool,
    /// Replace files that are there with other content.
    pub overwrite: bool,
    /// Unpack layers that say they are folders.
    pub unpack: bool,
    /// The files of the subject, and of its subject, too.
    pub include_subject: bool,
    /// Layers at a time.
    pub at_once: usize,
    /// How much a folder may unpack to.
    pub limits: UnpackLimits,
}

impl PullOptions {
    /// Everything that has a title, into `folder`, replacing nothing.
    pub fn into_folder(folder: impl Into<Utf8PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            media_types: Vec::new(),
            unnamed: false,
            overwrite: false,
            unpack: true,
            include_subject: false,
            at_once: 4,
            limits: UnpackLimits::default(),
        }
    }
}

/// What became of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// It is a new file, or replaced one.
    Written,
    /// A file with this content was there.
    Present,
    /// It is a folder now.
    Unpacked,
}

/// One layer that was pulled.
#[derive(Debug, Clone)]
pub struct PulledLayer {
    /// The layer.
    pub layer: Descriptor,
    /// Where it is, below the output folder.
    pub path: String,
    /// What became of it.
    pub outcome: Pulled,
}

/// Why a layer was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// It has no title.
    Untitled,
    /// Its media type was not asked for.
    OtherType,
}

/// What a pull did.
#[derive(Debug, Clone)]
pub struct PullOutcome {
    /// The manifest.
    pub root: Descriptor,
    /// What the artifact calls itself, if it does.
    pub artifact_type: Option<String>,
    /// Layers that are there now, in order.
    pub layers: Vec<PulledLayer>,
    /// Layers that were left out.
    pub skipped: Vec<(Descriptor, Skipped)>,
}

/// Pulls the artifact that `root` names. Counts into `job`; stops when it is cancelled.
pub async fn pull(
    content: &Arc<dyn Content>,
    root: &Descriptor,
    options: &PullOptions,
    job: &Job,
) -> Result<PullOutcome, Faults> {
    tokio::select! {
        biased;
        () = job.cancel.cancelled() => {
            Err(Fault::from(OciError::new(
                ErrorKind::Cancelled,
                "pull",
                content.origin().label.clone(),
                "stopped before it was done",
            ))
            .into())
        }
        outcome = run(content, root, options, job) => outcome,
    }
}

async fn run(
    content: &Arc<dyn Content>,
    root: &Descriptor,
    options: &PullOptions,
    job: &Job,
) -> Result<PullOutcome, Faults> {
    let content = &content.for_job(job).unwrap_or_else(|| Arc::clone(content));
    let manifest = read_manifest(content, root).await?;
    let artifact_type = manifest.artifact_type();
    let mut layers = manifest.layers(root, content)?;
    if options.include_subject {
        layers.extend(layers_of_subjects(content, root, manifest.subject).await?);
    }
    let (items, skipped) = choose(layers, options)?;

    let placing = Placing::new(&options.folder, options.overwrite);
    let looked = {
        let (placing, items) = (placing.clone(), items.clone());
        blocking(move || placing.look(items)).await??
    };
    let staging = {
        let folder = options.folder.clone();
        Arc::new(blocking(move || Staging::new(&folder)).await??)
    };
    let bytes = looked
        .missing
        .iter()
        .map(|item| item.layer.size)
        .fold(0, u64::saturating_add);
    let staged = watched(job, bytes, fetch(content, &looked.missing, &staging, options, job)).await?;
    let folder = placing.clone();
    let moved = {
        // The temporary folder goes when the last user is done, also when this future is dropped meanwhile.
        let staging = Arc::clone(&staging);
        blocking(move || {
            let outcome = folder.place(staged);
            drop(staging);
            outcome
        })
        .await??
    };
    let mut outcomes = looked.present;
    outcomes.extend(moved);
    Ok(PullOutcome {
        root: root.clone(),
        artifact_type,
        layers: items
            .into_iter()
            .filter_map(|item| {
                let outcome = outcomes.get(&item.path).copied()?;
                Some(PulledLayer {
                    layer: item.layer,
                    path: item.path,
                    outcome,
                })
            })
            .collect(),
        skipped,
    })
}

/// Runs work that blocks; a panic in it is a fault.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Fault::bug("writing files ended unexpectedly").because(e))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    /// Of artifact manifests, which older registries hold.
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
}

impl Manifest {
    /// Its own word, else what its config is called.
    fn artifact_type(&self) -> Option<String> {
        self.artifact_type
            .clone()
            .filter(|named| !named.is_empty())
            .or_else(|| self.config.as_ref().map(|config| config.media_type.clone()))
    }

    fn layers(&self, root: &Descriptor, content: &Arc<dyn Content>) -> Result<Vec<Descriptor>, Fault> {
        let shown = format!("{} of {}", root.digest.short(), content.origin().label);
        if let Some(manifests) = &self.manifests {
            return Err(index(&shown, manifests));
        }
        let layers = self.layers.as_ref().or(self.blobs.as_ref());
        match layers {
            Some(layers) if layers.len() > LAYERS => Err(Fault::invalid(format!(
                "{shown} has {} layers, at most {LAYERS} are pulled",
                layers.len()
            ))
            .hint("this is no artifact that a tool of this kind made: ask who did")),
            Some(layers) => Ok(layers.clone()),
            None => Err(Fault::invalid(format!("{shown} is no artifact: it has no layers"))
                .hint("`aosm-build artifact show` tells what it is")),
        }
    }
}

async fn read_manifest(content: &Arc<dyn Content>, root: &Descriptor) -> Result<Manifest, Fault> {
    let bytes = content.manifest(root).await.map_err(unread)?;
    // What can be read in two ways is refused, as in copying.
    let refused = |why: String| {
        Fault::invalid(format!("{} of {} {why}", root.digest.short(), content.origin().label))
            .hint("look at what is there: `aosm-build artifact show`")
    };
    crate::oci::manifest::children(&bytes, &root.media_type).map_err(refused)?;
    serde_json::from_slice(&bytes).map_err(|e| refused(format!("is no manifest: {e}")))
}

/// An index has no files of its own; which of its manifests is meant nobody said.
fn index(shown: &str, manifests: &[Descriptor]) -> Fault {
    const SHOWN: usize = 8;
    let fault = Fault::invalid(format!("{shown} is an index of {} manifests", manifests.len()));
    let mut lines: Vec<String> = manifests
        .iter()
        .take(SHOWN)
        .map(|manifest| match Platform::of(manifest) {
            Some(platform) => format!("{platform} {}", manifest.digest),
            None => manifest.digest.to_string(),
        })
        .collect();
    if manifests.len() > SHOWN {
        lines.push(format!("and {} more", manifests.len() - SHOWN));
    }
    let fault = lines.into_iter().fold(fault, Fault::because);
    if manifests.iter().any(|manifest| Platform::of(manifest).is_some()) {
        fault.hint("say which one: `--platform os/architecture`, or its digest in place of the tag")
    } else {
        fault.hint("say which one: its digest in place of the tag")
    }
}

async fn layers_of_subjects(
    content: &Arc<dyn Content>,
    root: &Descriptor,
    subject: Option<Descriptor>,
) -> Result<Vec<Descriptor>, Fault> {
    let mut layers = Vec::new();
    let mut next = subject;
    for _ in 0..SUBJECTS {
        let Some(subject) = next else { return Ok(layers) };
        let manifest = read_manifest(content, &subject).await?;
        layers.extend(manifest.layers(&subject, content)?);
        next = manifest.subject;
    }
    match next {
        None => Ok(layers),
        Some(_) => Err(Fault::invalid(format!(
            "{} of {} has subjects of subjects, more than {SUBJECTS} deep",
            root.digest.short(),
            content.origin().label
        ))
        .hint("pull one of the subjects by its digest")),
    }
}

/// One layer and its name.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub layer: Descriptor,
    /// Below the output folder; empty for the folder itself.
    pub path: String,
    pub unpack: bool,
}

/// Which layers are pulled under which names. Fails with all names that are refused.
fn choose(layers: Vec<Descriptor>, options: &PullOptions) -> Result<(Vec<Item>, Vec<(Descriptor, Skipped)>), Faults> {
    let mut faults = Faults::new();
    let (mut items, mut skipped) = (Vec::new(), Vec::new());
    // Names that differ in case only are one file on many disks: which content it had would be chance.
    let mut claims = Claims::new(true);
    for layer in layers {
        if !options.media_types.is_empty() && !options.media_types.contains(&layer.media_type) {
            skipped.push((layer, Skipped::OtherType));
            continue;
        }
        let titled = layer.annotations.get(TITLE).filter(|title| !title.is_empty()).cloned();
        let title = match titled {
            Some(title) => title,
            // What stands for "no files" is no file.
            None if layer.media_type == EMPTY => continue,
            None if options.unnamed => format!("{}-{}", layer.digest.algorithm(), layer.digest.hex()),
            None => {
                skipped.push((layer, Skipped::Untitled));
                continue;
            }
        };
        let unpack = options.unpack && layer.annotations.get(UNPACK).is_some_and(|value| value == "true");
        let refused = |why: String| {
            let shown: String = title.chars().take(200).collect();
            Fault::invalid(format!(
                "layer {} titled {shown:?} is refused: {why}",
                layer.digest.short()
            ))
            .hint("nothing was written; leave the layer out with --media-type, or ask who made the artifact")
        };
        let path = match path_of_title(&title, cfg!(windows)) {
            Ok(Some(path)) => path,
            Ok(None) if unpack => String::new(),
            Ok(None) => {
                faults.push(refused("it names the folder itself".to_owned()));
                continue;
            }
            Err(why) => {
                faults.push(refused(why));
                continue;
            }
        };
        let claim = if unpack { Claim::Folder } else { Claim::File };
        let one_item = unpack && items.iter().any(|item: &Item| item.path == path);
        match claims.claim(&path, claim) {
            Ok(()) if !one_item => items.push(Item { layer, path, unpack }),
            Ok(()) => faults.push(refused(format!("another layer has the name {path:?}"))),
            Err(other) => faults.push(refused(format!("another layer has the name {other:?}"))),
        }
    }
    faults.into_result((items, skipped)).map(|(chosen, _)| chosen)
}

/// Reads the layers into the temporary folder, each content once.
async fn fetch(
    content: &Arc<dyn Content>,
    items: &[Item],
    staging: &Arc<Staging>,
    options: &PullOptions,
    job: &Job,
) -> Result<Vec<Staged>, Faults> {
    let mut by_digest: BTreeMap<(&Digest, u64), Vec<&Item>> = BTreeMap::new();
    for item in items {
        by_digest
            .entry((&item.layer.digest, item.layer.size))
            .or_default()
            .push(item);
    }
    let reads: Vec<BoxFuture<'_, Result<Vec<Staged>, Fault>>> = by_digest
        .into_values()
        .map(|items| -> BoxFuture<'_, _> { Box::pin(fetch_one(content, items, staging, options, job)) })
        .collect();
    let fetched: Vec<Vec<Staged>> = stream::iter(reads)
        .buffer_unordered(options.at_once.max(1))
        .try_collect()
        .await?;
    Ok(fetched.into_iter().flatten().collect())
}

/// Reads one blob, for all items that have it.
async fn fetch_one(
    content: &Arc<dyn Content>,
    items: Vec<&Item>,
    staging: &Arc<Staging>,
    options: &PullOptions,
    job: &Job,
) -> Result<Vec<Staged>, Fault> {
    let Some(first) = items.first() else {
        return Ok(Vec::new());
    };
    let file = download(content, &first.layer, staging, job).await?;
    let items: Vec<Item> = items.into_iter().cloned().collect();
    let (staging, limits) = (Arc::clone(staging), options.limits);
    blocking(move || stage(file, items, &staging, &limits)).await?
}

async fn download(
    content: &Arc<dyn Content>,
    layer: &Descriptor,
    staging: &Arc<Staging>,
    job: &Job,
) -> Result<NamedTempFile, Fault> {
    let file = {
        let staging = Arc::clone(staging);
        blocking(move || staging.file()).await??
    };
    let failed = |e: std::io::Error| staging.disk(&e);
    let mut out = tokio::fs::File::from_std(file.reopen().map_err(failed)?);
    let mut pieces = verified(content, layer, job);
    while let Some(piece) = pieces.try_next().await.map_err(unread)? {
        out.write_all(&piece).await.map_err(failed)?;
        job.moved(piece.len() as u64);
    }
    out.flush().await.map_err(failed)?;
    Ok(file)
}

/// An error of the source, with what to do about it.
fn unread(error: OciError) -> Fault {
    let hint = match error.kind {
        ErrorKind::Corrupt | ErrorKind::Protocol => {
            Some("nothing was written; what the source holds is damaged or incomplete: push the artifact there again")
        }
        _ if error.hint.is_some() => None,
        ErrorKind::Absent => Some("nothing was written; the source lacks a part: push the artifact there again"),
        ErrorKind::Unreachable | ErrorKind::Server | ErrorKind::Throttled => {
            Some("nothing was written; run the command again")
        }
        _ => None,
    };
    let fault = Fault::from(error);
    match hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// Turns a verified blob into what its items want: the file itself, copies of it, unpacked folders.
fn stage(
    file: NamedTempFile,
    items: Vec<Item>,
    staging: &Staging,
    limits: &UnpackLimits,
) -> Result<Vec<Staged>, Fault> {
    let (folders, files): (Vec<Item>, Vec<Item>) = items.into_iter().partition(|item| item.unpack);
    let mut staged = Vec::new();
    for item in folders {
        let mut packed = file.reopen().map_err(|e| staging.disk(&e))?;
        let at = staging.folder();
        let content_digest: Option<Digest> = item
            .layer
            .annotations
            .get(CONTENT_DIGEST)
            .and_then(|text| text.parse().ok());
        let archive = Archive {
            file: &mut packed,
            size: item.layer.size,
            title: item.layer.annotations.get(TITLE).map_or("", String::as_str),
            content_digest: content_digest.as_ref(),
        };
        let unpacked = unpack(archive, &at, limits)?;
        staged.push(Staged::Folder {
            path: item.path,
            at,
            unpacked,
        });
    }
    let mut files = files.into_iter();
    let Some(first) = files.next() else {
        return Ok(staged);
    };
    for item in files {
        let copy = staging.file()?;
        std::io::copy(&mut file.reopen().map_err(|e| staging.disk(&e))?, &mut copy.as_file())
            .map_err(|e| staging.disk(&e))?;
        staged.push(Staged::File {
            path: item.path,
            file: copy,
        });
    }
    staged.push(Staged::File { path: first.path, file });
    Ok(staged)
}

#[cfg(test)]
#[path = "pull_tests.rs"]
mod tests;
