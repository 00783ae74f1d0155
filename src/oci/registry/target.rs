//! One repository of a registry as the target of a copy: mounts before uploads.

use std::sync::Arc;

use bytes::Bytes;

use super::repository::{Repository, Upload};
use super::upload;
use super::wire::Caller;
use crate::oci::placement::Claim;
use crate::oci::{Content, Descriptor, ErrorKind, Guard, Job, Moved, OciError, Selector, Target};

/// A repository that is written to.
pub struct RegistryTarget {
    repository: Repository,
}

impl RegistryTarget {
    /// A target; the repository must be open for writing.
    pub fn new(repository: Repository) -> Self {
        Self { repository }
    }

    /// The repository of the same registry and principal that the content comes from, if it is one.
    fn mount_origin(&self, from: &Arc<dyn Content>) -> Option<String> {
        let origin = from.origin().mount.as_ref()?;
        let client = &self.repository.client;
        let same = origin.registry == client.host.name
            && origin.principal == client.principal()
            && origin.repository != *self.repository.name;
        same.then(|| origin.repository.clone())
    }

    /// Opens an upload, with a mount where there is something to mount from. A denied mount is no error: the right
    /// to read elsewhere may be missing.
    async fn start(&self, blob: &Descriptor, mount: Option<&str>, caller: &Caller) -> Result<Upload, OciError> {
        if let Some(from) = mount {
            match self.repository.start_upload(blob, Some(from), caller).await {
                Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Absent | ErrorKind::Protocol) => {}
                other => return other,
            }
        }
        self.repository.start_upload(blob, None, caller).await
    }
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
                    upload::send(&self.repository, blob, session, from, job).await?;
                    placements.found(&blob.digest, name);
                    return Ok(Moved::Sent);
                }
                Claim::Owner(ticket) => {
                    if self.repository.has_blob(blob, &caller).await? {
                        ticket.done(name);
                        return Ok(Moved::Present);
                    }
                    let origin = self.mount_origin(from);
                    let moved = match self.start(blob, origin.as_deref(), &caller).await? {
                        Upload::Mounted => {
                            job.mounted(blob.size);
                            Moved::Mounted
                        }
                        Upload::Session(session) => {
                            upload::send(&self.repository, blob, session, from, job).await?;
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
        let selector = Selector::Digest(manifest.digest.clone());
        match self.repository.resolve(&selector, &Caller::from(job)).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::Absent => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn put_manifest(&self, manifest: &Descriptor, bytes: Bytes, job: &Job) -> Result<(), OciError> {
        let selector = Selector::Digest(manifest.digest.clone());
        let length = bytes.len() as u64;
        self.repository
            .put_manifest(&selector, manifest, bytes, &Caller::from(job))
            .await?;
        job.moved(length);
        Ok(())
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
        let length = bytes.len() as u64;
        self.repository.put_manifest(&selector, root, bytes, &caller).await?;
        job.moved(length);
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
