//! Copying a whole graph: children before the root, the tag last, nothing sent that is there already.
//!
//! Works between any [`Content`] and any [`Target`]; knows neither HTTP nor files. A manifest that the target has is
//! trusted to be there with all below it (registries and our layouts take a manifest only after its children),
//! unless the walk is thorough.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::graph::{Graph, read_graph};
use super::{Content, Descriptor, ErrorKind, Guard, Job, OciError, Target};

/// How a graph is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyOptions {
    /// Blobs of one graph moved at a time.
    pub blobs_at_once: usize,
    /// Look below manifests that the target has already.
    pub thorough: bool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            // As many as a host is asked at a time: over a distance every one of them pays.
            blobs_at_once: 16,
            thorough: false,
        }
    }
}

/// The tag a root gets, and what the tag may hold now.
#[derive(Debug, Clone, Copy)]
pub struct TagAs<'a> {
    /// The tag.
    pub tag: &'a str,
    /// What it may hold at the moment it is written.
    pub guard: &'a Guard,
}

/// Copies `root` and everything below it to `target`, then tags it. Counts into `job`; stops when it is cancelled.
/// Every error names the place it happened at.
pub async fn copy_graph(
    content: &Arc<dyn Content>,
    target: &dyn Target,
    root: &Descriptor,
    tag: Option<TagAs<'_>>,
    options: CopyOptions,
    job: &Job,
) -> Result<(), OciError> {
    tokio::select! {
        biased;
        () = job.cancel.cancelled() => Err(cancelled(target, root)),
        result = copy(content, target, root, tag, options, job) => result,
    }
}

async fn copy(
    content: &Arc<dyn Content>,
    target: &dyn Target,
    root: &Descriptor,
    tag: Option<TagAs<'_>>,
    options: CopyOptions,
    job: &Job,
) -> Result<(), OciError> {
    let content = &content.for_job(job).unwrap_or_else(|| Arc::clone(content));
    let graph = read_graph(
        content,
        root,
        &move |manifest| -> BoxFuture<'_, Result<bool, OciError>> {
            Box::pin(async move {
                if options.thorough {
                    return Ok(false);
                }
                target.has_manifest(&manifest, job).await
            })
        },
    )
    .await?;
    put_blobs(content, target, &graph, options, job).await?;
    put_manifests(target, root, &graph, tag.is_some(), options, job).await?;
    if let Some(TagAs { tag, guard }) = tag {
        target
            .tag(tag, root, graph.bytes_of(&root.digest).cloned(), guard, job)
            .await?;
    }
    Ok(())
}

async fn put_blobs(
    content: &Arc<dyn Content>,
    target: &dyn Target,
    graph: &Graph,
    options: CopyOptions,
    job: &Job,
) -> Result<(), OciError> {
    // The largest first: the last to finish is then a small one.
    let mut blobs: Vec<&Descriptor> = graph.blobs.iter().collect();
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
    let puts: Vec<BoxFuture<'_, Result<(), OciError>>> = blobs
        .into_iter()
        .map(|blob| -> BoxFuture<'_, _> {
            Box::pin(async move { target.put_blob(blob, content, job).await.map(|_| ()) })
        })
        .collect();
    stream::iter(puts)
        .buffer_unordered(options.blobs_at_once.max(1))
        .try_collect()
        .await
}

/// Level by level from the leaves; a root that will be tagged is left to the tagging.
async fn put_manifests(
    target: &dyn Target,
    root: &Descriptor,
    graph: &Graph,
    tagged: bool,
    options: CopyOptions,
    job: &Job,
) -> Result<(), OciError> {
    for level in &graph.levels {
        let puts: Vec<BoxFuture<'_, Result<(), OciError>>> = level
            .iter()
            .filter(|node| !(tagged && node.descriptor.digest == root.digest))
            .map(|node| -> BoxFuture<'_, _> {
                Box::pin(async move {
                    // A thorough walk reads what is there too; it need not be sent again.
                    if options.thorough && target.has_manifest(&node.descriptor, job).await? {
                        return Ok(());
                    }
                    let bytes: Bytes = node.bytes.clone();
                    target.put_manifest(&node.descriptor, bytes, job).await
                })
            })
            .collect();
        stream::iter(puts)
            .buffer_unordered(options.blobs_at_once.max(1))
            .try_collect::<()>()
            .await?;
    }
    Ok(())
}

/// What is missing below `root` at a target that can be read back, in words; `None` when all is there.
pub async fn find_missing(
    content: &Arc<dyn Content>,
    target: &dyn Target,
    root: &Descriptor,
    job: &Job,
) -> Result<Option<String>, OciError> {
    let content = &content.for_job(job).unwrap_or_else(|| Arc::clone(content));
    let never = |_| -> BoxFuture<'_, Result<bool, OciError>> { Box::pin(async { Ok(false) }) };
    let graph = match read_graph(content, root, &never).await {
        Ok(graph) => graph,
        Err(error) if matches!(error.kind, ErrorKind::Absent | ErrorKind::Corrupt | ErrorKind::Protocol) => {
            return Ok(Some(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let checks: Vec<BoxFuture<'_, Result<Option<String>, OciError>>> = graph
        .blobs
        .iter()
        .map(|blob| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let there = target.has_blob(blob, job).await?;
                Ok((!there).then(|| format!("blob {} is missing", blob.digest.short())))
            })
        })
        .collect();
    let missing: Vec<Option<String>> = stream::iter(checks).buffered(16).try_collect().await?;
    Ok(missing.into_iter().flatten().next())
}

fn cancelled(target: &dyn Target, root: &Descriptor) -> OciError {
    OciError::new(
        ErrorKind::Cancelled,
        "copy",
        format!("{} to {}", root.digest.short(), target.label()),
        "stopped before it was done",
    )
}
