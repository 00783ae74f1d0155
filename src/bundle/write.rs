//! Writing a bundle: blobs stream from where they are straight to their place in the file, several at a time, each once.
//!
//! The file is written under a temporary name beside its own and renamed when all of it is there and synced: a run that is
//! stopped leaves nothing under the name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::BundleDocument;
use super::members::{DOCUMENT, INDEX, MARKER, Member, blob_name, header, lay_out};
use crate::digest::Digest;
use crate::durable::{self, Sync};
use crate::fault::{Fault, Kind, Place};
use crate::oci::layout::{LAYOUT_VERSION, REF_NAME};
use crate::oci::manifest::OCI_INDEX;
use crate::oci::{Content, Descriptor, Job, OciError, verified};

/// Blobs read at a time.
const AT_ONCE: usize = 8;
/// How much is gathered before it is written, in bytes.
const GATHER: usize = 1024 * 1024;

/// A blob or manifest, and where it comes from.
#[derive(Clone)]
pub struct Part {
    /// What it is; its size is exact.
    pub descriptor: Descriptor,
    /// Where it is.
    pub content: Arc<dyn Content>,
    /// Read as a manifest?
    pub is_manifest: bool,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Different blobs and manifests.
    pub blobs: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes a bundle. `parts` holds everything below the entries. Counts into `job`; stops when it is cancelled.
pub async fn write(
    path: &Utf8Path,
    document: &BundleDocument,
    parts: &BTreeMap<Digest, Part>,
    job: &Job,
) -> Result<Written, Fault> {
    let small: BTreeMap<&str, Vec<u8>> = BTreeMap::from([
        (DOCUMENT, document.to_text()),
        (INDEX, index(document)),
        (
            MARKER,
            format!("{{\"imageLayoutVersion\":\"{LAYOUT_VERSION}\"}}").into_bytes(),
        ),
    ]);
    let mut sizes: BTreeMap<String, u64> = small
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.len() as u64))
        .collect();
    sizes.extend(
        parts
            .values()
            .map(|part| (blob_name(&part.descriptor.digest), part.descriptor.size)),
    );
    let (members, size) =
        lay_out(&sizes).ok_or_else(|| Fault::invalid("the bundle would be larger than any file can be"))?;
    let by_name: BTreeMap<String, &Part> = parts
        .values()
        .map(|part| (blob_name(&part.descriptor.digest), part))
        .collect();
    let failed = |e: std::io::Error| unwritable(path, &e);
    let target = path.to_owned();
    let file = blocking(move || durable::beside(&target)).await?.map_err(failed)?;
    file.as_file().set_len(size).map_err(failed)?;
    let aside = Utf8PathBuf::from_path_buf(file.path().to_owned()).map_err(|_| {
        Fault::invalid("the bundle's folder has a name that is not UTF-8").hint("choose another folder")
    })?;
    let writes: Vec<BoxFuture<'_, Result<(), Fault>>> = members
        .iter()
        .map(|member| -> BoxFuture<'_, _> {
            match (small.get(member.name.as_str()), by_name.get(&member.name)) {
                (Some(bytes), _) => Box::pin(put(&aside, path, member, bytes.clone())),
                (None, Some(part)) => Box::pin(stream_part(&aside, path, member, part, job)),
                (None, None) => Box::pin(async { Err(Fault::bug("a member of the bundle without content")) }),
            }
        })
        .collect();
    let all = stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>();
    tokio::select! {
        biased;
        () = job.cancel.cancelled() => return Err(Fault::new(Kind::Interrupted, "stopped: the bundle was not written")),
        done = all => done?,
    }
    let target = path.to_owned();
    blocking(move || durable::persist(file, &target, Sync::Yes))
        .await?
        .map_err(failed)?;
    Ok(Written {
        blobs: parts.len() as u64,
        bytes: size,
    })
}

/// Roots by the names they have in stores; what only refers to others has none. Two stores may want different things
/// under one name: then neither is named here, and the bundle's own list tells them apart.
fn index(document: &BundleDocument) -> Vec<u8> {
    let mut named: BTreeMap<String, Vec<Descriptor>> = BTreeMap::new();
    let mut roots: BTreeMap<Digest, Descriptor> = BTreeMap::new();
    let mut name = |name: String, root: Descriptor| {
        let held = named.entry(name).or_default();
        if !held.iter().any(|other| other.digest == root.digest) {
            held.push(root);
        }
    };
    for entry in &document.entries {
        let root = entry.root();
        if entry.subject.is_some() {
            roots.insert(root.digest.clone(), root);
        } else {
            name(format!("{}:{}", entry.repository, entry.tag), root);
        }
        for referrer in &entry.referrers {
            let mut root = Descriptor::new(referrer.media_type.clone(), referrer.digest.clone(), referrer.size);
            if !referrer.artifact_type.is_empty() {
                root.other
                    .insert("artifactType".to_owned(), referrer.artifact_type.clone().into());
            }
            match &referrer.tag {
                Some(tag) => name(format!("{}:{tag}", entry.repository), root),
                None => _ = roots.insert(root.digest.clone(), root),
            }
        }
    }
    let mut list: Vec<Descriptor> = Vec::new();
    for (name, held) in named {
        match held.as_slice() {
            [only] => {
                let mut only = only.clone();
                only.annotations.insert(REF_NAME.to_owned(), name);
                list.push(only);
            }
            several => roots.extend(several.iter().map(|root| (root.digest.clone(), root.clone()))),
        }
    }
    list.extend(roots.into_values());
    let value = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list });
    // Maps of plain values always serialise.
    let mut text = serde_json::to_vec_pretty(&value).unwrap_or_default();
    text.push(b'\n');
    text
}

async fn put(aside: &Utf8Path, path: &Utf8Path, member: &Member, bytes: Vec<u8>) -> Result<(), Fault> {
    let file = open(aside, path, member).await?;
    write_piece(file, path, bytes).await.map(drop)
}

async fn stream_part(aside: &Utf8Path, path: &Utf8Path, member: &Member, part: &Part, job: &Job) -> Result<(), Fault> {
    let mut file = open(aside, path, member).await?;
    let content = part.content.for_job(job).unwrap_or_else(|| Arc::clone(&part.content));
    if part.is_manifest {
        let bytes = content.manifest(&part.descriptor).await.map_err(Fault::from)?;
        job.moved(bytes.len() as u64);
        return write_piece(file, path, bytes.to_vec()).await.map(drop);
    }
    let mut pieces = verified(&content, &part.descriptor, job);
    let mut gathered: Vec<u8> = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|e: OciError| Fault::from(e))?;
        job.moved(piece.len() as u64);
        gathered.extend_from_slice(&piece);
        if gathered.len() >= GATHER {
            file = write_piece(file, path, std::mem::take(&mut gathered)).await?;
        }
    }
    write_piece(file, path, gathered).await.map(drop)
}

/// The file, with the member's header written, at where its content begins.
async fn open(aside: &Utf8Path, path: &Utf8Path, member: &Member) -> Result<File, Fault> {
    let (aside, member) = (aside.to_owned(), member.clone());
    let opened = blocking(move || {
        let mut file = File::options().write(true).open(&aside)?;
        file.seek(SeekFrom::Start(member.header))?;
        file.write_all(&header(&member.name, member.size)?)?;
        Ok::<_, std::io::Error>(file)
    });
    opened.await?.map_err(|e| unwritable(path, &e))
}

async fn write_piece(mut file: File, path: &Utf8Path, bytes: Vec<u8>) -> Result<File, Fault> {
    let written = blocking(move || file.write_all(&bytes).map(|()| file));
    written.await?.map_err(|e| unwritable(path, &e))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|_| Fault::bug("writing the bundle ended unexpectedly"))
}

fn unwritable(path: &Utf8Path, error: &std::io::Error) -> Fault {
    Fault::infrastructure("the bundle cannot be written")
        .at(Place::file_only(path))
        .because(durable::words(error))
        .hint("check the folder, its permissions and its free space: all content has to fit beside it once")
}
