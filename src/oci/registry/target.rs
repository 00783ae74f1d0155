//! One repository of a registry as the target of a copy: mounts before uploads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::gate::Class;
use super::repository::{Repository, Upload};
use super::upload::{self, Ready, Session};
use super::wire::Caller;
use crate::digest::Digest;
use crate::oci::placement::Claim;
use crate::oci::{Content, Descriptor, ErrorKind, Guard, Job, Moved, OciError, Selector, Target, verified};

/// A blob of at most this size is asked for by a mount of the repository from itself: granted, it is there; else the
/// answer has opened the upload. That spares a request a blob. A registry that never grants such mounts gets the blob
/// once more when it was there already, which for a blob of this size costs about as much as asking.
const ASK_BY_MOUNT: u64 = 1024 * 1024;

/// A repository that is written to.
pub struct RegistryTarget {
    repository: Repository,
    /// What was asked for last was not there: the next blobs are unlikely to be.
    lacks: AtomicBool,
}

impl RegistryTarget {
    /// A target; the repository must be open for writing.
    pub fn new(repository: Repository) -> Self {
        Self {
            repository,
            lacks: AtomicBool::new(false),
        }
    }

    /// The repository.
    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The repository of the same registry that the content comes from, if it is one that our login may read: as the login
    /// says by itself, else because the content is read with the same one.
    fn mount_origin(&self, from: &Arc<dyn Content>) -> Option<String> {
        let origin = from.origin().mount.as_ref()?;
        let client = &self.repository.client;
        if origin.registry != client.host.name || origin.repository == *self.repository.name {
            return None;
        }
        let readable = client
            .opens(&origin.repository)
            .unwrap_or_else(|| origin.principal == client.principal());
        readable.then(|| origin.repository.clone())
    }

    /// Writes a manifest, and sees to it that it is found as a referrer where it has a subject.
    async fn write_manifest(
        &self,
        selector: &Selector,
        manifest: &Descriptor,
        bytes: Bytes,
        job: &Job,
    ) -> Result<(), OciError> {
        let caller = Caller::from(job);
        let sent = bytes.clone();
        let acknowledged = self.repository.put_manifest(selector, manifest, sent, &caller).await?;
        job.moved(bytes.len() as u64);
        self.repository
            .list_referrer(manifest, &bytes, acknowledged, &caller)
            .await
    }

    /// Asks for a blob that nobody is known to hold: it is here, it was mounted, or it has to be sent.
    async fn open(&self, blob: &Descriptor, from: &Arc<dyn Content>, job: &Job) -> Result<Opened, OciError> {
        let caller = &Caller::from(job);
        let origin = self.mount_origin(from);
        let refuses = &self.repository.client.refuses_self_mounts;
        if origin.is_none() && blob.size <= ASK_BY_MOUNT && !refuses.load(Ordering::Relaxed) {
            match self.mount_itself(blob, from, job).await {
                Err(error) if mount_is_refused(&error) => refuses.store(true, Ordering::Relaxed),
                other => return other,
            }
        }
        if self.repository.has_blob(blob, caller).await? {
            return Ok(Opened::Here);
        }
        Ok(match self.start(blob, origin.as_deref(), caller).await? {
            Upload::Mounted => Opened::Mounted,
            Upload::Session(session) => Opened::Session(session, None),
        })
    }

    /// Asks for a small blob by a mount; see [`ASK_BY_MOUNT`]. Where it is not expected to be there, the source is asked
    /// at the same time. The upload's place is taken first: whoever waits for a download may hold one, not the reverse.
    async fn mount_itself(&self, blob: &Descriptor, from: &Arc<dyn Content>, job: &Job) -> Result<Opened, OciError> {
        let caller = &Caller::from(job);
        let mount = Some(&*self.repository.name);
        let (upload, ready) = if self.lacks.load(Ordering::Relaxed) {
            let permit = self.repository.client.gate.enter(Class::Upload).await;
            let mut source = verified(from, blob, job);
            let (upload, first) = tokio::join!(
                self.repository.start_upload_within(blob, mount, Some(&permit), caller),
                source.next()
            );
            // An error of the source comes out where the upload reads it.
            let source = stream::iter(first).chain(source).boxed();
            (upload?, Some(Ready { permit, source }))
        } else {
            (self.repository.start_upload(blob, mount, caller).await?, None)
        };
        let absent = matches!(upload, Upload::Session(_));
        self.lacks.store(absent, Ordering::Relaxed);
        Ok(match upload {
            Upload::Mounted => Opened::Here,
            Upload::Session(session) => Opened::Session(session, ready),
        })
    }

    /// Opens an upload, with a mount where there is something to mount from. A denied mount is no error: the right
    /// to read elsewhere may be missing.
    async fn start(&self, blob: &Descriptor, mount: Option<&str>, caller: &Caller) -> Result<Upload, OciError> {
        if let Some(from) = mount {
            match self.repository.start_upload(blob, Some(from), caller).await {
                Err(error) if mount_is_refused(&error) => {}
                other => return other,
            }
        }
        self.repository.start_upload(blob, None, caller).await
    }
}

/// What asking for a blob brought.
enum Opened {
    Here,
    Mounted,
    /// Send it here, with what is ready for that.
    Session(Session, Option<Ready>),
}

/// The right to read elsewhere may be missing, or the registry knows no mounts: the blob is sent then.
fn mount_is_refused(error: &OciError) -> bool {
    matches!(error.kind, ErrorKind::Denied | ErrorKind::Absent | ErrorKind::Protocol)
}

#[async_trait::async_trait]
impl Target for RegistryTarget {
    fn label(&self) -> &str {
        &self.repository.label
    }

    async fn has_blob(&self, blob: &Descriptor, job: &Job) -> Result<bool, OciError> {
        self.repository.has_blob(blob, &Caller::from(job)).await
    }

    async fn put_blob(&self, blob: &Descriptor, from: &Arc<dyn Content>, job: &Job) -> Result<Moved, OciError> {
        let caller = Caller::from(job);
        let name = &self.repository.name;
        let placements = &self.repository.client.placements;
        loop {
            match placements.claim(&blob.digest, name).await {
                Claim::Here => return Ok(Moved::Present),
                Claim::Elsewhere(holder) => {
                    let session = match self.repository.start_upload(blob, Some(&holder), &caller).await {
                        Ok(Upload::Mounted) => {
                            job.mounted(blob.size);
                            placements.found(&blob.digest, name);
                            return Ok(Moved::Mounted);
                        }
                        Ok(Upload::Session(session)) => Some(session),
                        Err(error) if error.kind == ErrorKind::Absent => {
                            // The holder does not have it any more.
                            placements.lost(&blob.digest, &holder);
                            continue;
                        }
                        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Protocol) => None,
                        Err(error) => return Err(error),
                    };
                    // No mount: it may be here from an earlier run, else it is sent once more for this repository.
                    if self.repository.has_blob(blob, &caller).await? {
                        if let Some(session) = session {
                            self.repository.cancel_upload(session, &caller).await;
                        }
                        placements.found(&blob.digest, name);
                        return Ok(Moved::Present);
                    }
                    let session = match session {
                        Some(session) => session,
                        None => match self.repository.start_upload(blob, None, &caller).await? {
                            Upload::Session(session) => session,
                            Upload::Mounted => return Ok(Moved::Mounted),
                        },
                    };
                    upload::send(&self.repository, blob, session, None, from, job).await?;
                    placements.found(&blob.digest, name);
                    return Ok(Moved::Sent);
                }
                Claim::Owner(ticket) => {
                    let moved = match self.open(blob, from, job).await? {
                        Opened::Here => Moved::Present,
                        Opened::Mounted => {
                            job.mounted(blob.size);
                            Moved::Mounted
                        }
                        Opened::Session(session, ready) => {
                            upload::send(&self.repository, blob, session, ready, from, job).await?;
                            Moved::Sent
                        }
                    };
                    ticket.done(name);
                    return Ok(moved);
                }
            }
        }
    }

    async fn has_manifest(&self, manifest: &Descriptor, job: &Job) -> Result<bool, OciError> {
        self.repository.has_manifest(&manifest.digest, &Caller::from(job)).await
    }

    async fn put_manifest(&self, manifest: &Descriptor, bytes: Bytes, job: &Job) -> Result<(), OciError> {
        let selector = Selector::Digest(manifest.digest.clone());
        self.write_manifest(&selector, manifest, bytes, job).await
    }

    async fn lists_referrer(&self, subject: &Digest, referrer: &Digest, job: &Job) -> Result<bool, OciError> {
        self.repository
            .lists_referrer(subject, referrer, &Caller::from(job))
            .await
    }

    async fn tag(
        &self,
        tag: &str,
        root: &Descriptor,
        bytes: Option<Bytes>,
        guard: &Guard,
        job: &Job,
    ) -> Result<(), OciError> {
        let caller = Caller::from(job);
        let selector = Selector::Tag(tag.to_owned());
        let conflict = |held: &str, when: &str| {
            OciError::new(
                ErrorKind::Conflict,
                "write tag",
                format!("{}:{tag}", self.repository.label),
                format!("somebody else wrote it {when}: it names {held}, not {}", root.digest),
            )
            .hint("see what it holds now with plan, then decide whether to replace it")
        };
        match self.repository.resolve(&selector, &caller).await {
            Ok(held) if held.digest == root.digest => return Ok(()),
            Ok(held) if guard.allows(&held.digest, &root.digest) => {}
            Ok(held) => return Err(conflict(held.digest.as_str(), "since the plan was made")),
            Err(error) if error.kind == ErrorKind::Absent => {}
            Err(error) => return Err(error),
        }
        let bytes = if let Some(bytes) = bytes {
            bytes
        } else {
            let by_digest = Selector::Digest(root.digest.clone());
            self.repository
                .manifest(&by_digest, Some(&root.media_type), &caller)
                .await?
                .1
        };
        self.write_manifest(&selector, root, bytes, job).await?;
        match self.repository.resolve(&selector, &caller).await {
            Ok(held) if held.digest == root.digest => Ok(()),
            Ok(held) => Err(conflict(held.digest.as_str(), "right after it was written")),
            Err(error) if error.kind == ErrorKind::Absent => Err(OciError::new(
                ErrorKind::Protocol,
                "write tag",
                format!("{}:{tag}", self.repository.label),
                "the registry took the tag, but does not know it",
            )),
            Err(error) => Err(error),
        }
    }
}
