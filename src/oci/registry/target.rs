//! One repository of a registry as the target of a copy: mounts before uploads, uploads in one streamed PUT.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use super::answer::{trouble_of, words_of};
use super::gate::{Class, Permit};
use super::repository::{Repository, Upload, digest_header};
use super::retry::{Again, Tries, Trouble};
use super::transport::Response;
use super::wire::Caller;
use crate::oci::placement::Claim;
use crate::oci::{ByteStream, Content, Descriptor, ErrorKind, Guard, Job, Moved, OciError, Selector, Target, verified};

/// A blob of at most this size is asked for by a mount of the repository from itself: granted, it is there; else the
/// answer has opened the upload. That spares a request a blob. A registry that never grants such mounts gets the blob
/// once more when it was there already, which for a blob of this size costs about as much as asking.
const ASK_BY_MOUNT: u64 = 1024 * 1024;

/// A repository that is written to.
pub struct RegistryTarget {
    repository: Repository,
    /// The blob asked for last was not there: the next ones are unlikely to be.
    lacks: AtomicBool,
}

/// What an upload goes on with once it is opened.
struct Ready {
    permit: Permit,
    source: ByteStream,
}

impl RegistryTarget {
    /// A target; the repository must be open for writing.
    pub fn new(repository: Repository) -> Self {
        Self {
            repository,
            lacks: AtomicBool::new(false),
        }
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

    /// Sends a blob. A try that fails leaves unknown what arrived: the registry is asked, then it is sent again
    /// from the source.
    async fn send(
        &self,
        blob: &Descriptor,
        session: Url,
        mut ready: Option<Ready>,
        from: &Arc<dyn Content>,
        job: &Job,
    ) -> Result<(), OciError> {
        let caller = Caller::from(job);
        let client = &self.repository.client;
        let mut session = Some(session);
        let mut tries = Tries::default();
        loop {
            let url = match session.take() {
                Some(url) => url,
                None => match self.repository.start_upload(blob, None, &caller).await? {
                    Upload::Session(url) => url,
                    Upload::Mounted => return Ok(()),
                },
            };
            let (error, again) = match self.put(blob, url, ready.take(), from, job).await {
                Ok(()) => {
                    client.gate.answered();
                    return Ok(());
                }
                Err(Unsent::For(error)) => return Err(error),
                Err(Unsent::Unknown(error, again)) => (error, again),
            };
            let Some(delay) = client.wire().next_try(&mut tries, again) else {
                return Err(error);
            };
            if matches!(again, Again::Throttled(_)) {
                client.gate.throttled(delay);
            }
            caller.retrying(tries.failed(), delay, error.to_string());
            tokio::time::sleep(delay).await;
            if self.repository.has_blob(blob, &caller).await? {
                return Ok(());
            }
        }
    }

    /// One streamed PUT with everything.
    async fn put(
        &self,
        blob: &Descriptor,
        url: Url,
        ready: Option<Ready>,
        from: &Arc<dyn Content>,
        job: &Job,
    ) -> Result<(), Unsent> {
        let client = &self.repository.client;
        let what = format!(" blob {}", blob.digest.short());
        let mut ask = self
            .repository
            .ask("upload blob", &what, Method::PUT, "blobs/uploads/")
            .map_err(Unsent::For)?;
        ask.url = url;
        ask.url.query_pairs_mut().append_pair("digest", blob.digest.as_str());
        ask.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let Ready { permit, mut source } = match ready {
            Some(ready) => ready,
            None => Ready {
                permit: client.gate.enter(Class::Upload).await,
                source: verified(from, blob, job),
            },
        };
        if blob.size == 0 {
            // Nothing to stream, but the digest must be that of nothing.
            if let Some(Err(error)) = source.next().await {
                return Err(Unsent::For(error));
            }
        }
        let watched = Watched::default();
        let stream = watched.watch(source, blob.size, job.clone());
        let sent = client.upload(&ask, blob.size, stream, &Caller::from(job)).await;
        drop(permit);
        // When the source failed, the broken upload is only its consequence.
        if let Some(error) = watched.failure() {
            return Err(Unsent::For(error));
        }
        let response = match sent {
            Ok(response) => response,
            Err(Ok(trouble)) => return Err(Unsent::of(client.error(&ask, &trouble), trouble.again)),
            Err(Err(error)) => return Err(Unsent::For(error)),
        };
        let complete = blob.size == 0 || watched.complete.load(Ordering::Acquire);
        judge(response, blob, complete, |trouble| client.error(&ask, trouble)).await
    }
}

/// What asking for a blob brought.
enum Opened {
    Here,
    Mounted,
    /// Send it here, with what is ready for that.
    Session(Url, Option<Ready>),
}

/// The right to read elsewhere may be missing, or the registry knows no mounts: the blob is sent then.
fn mount_is_refused(error: &OciError) -> bool {
    matches!(error.kind, ErrorKind::Denied | ErrorKind::Absent | ErrorKind::Protocol)
}

/// Why a PUT did not do it.
enum Unsent {
    /// For good.
    For(OciError),
    /// Nobody knows what arrived; may be tried again.
    Unknown(OciError, Again),
}

impl Unsent {
    fn of(error: OciError, again: Again) -> Self {
        if again == Again::No {
            Self::For(error)
        } else {
            Self::Unknown(error, again)
        }
    }
}

/// What the answer to a PUT means.
async fn judge(
    response: Response,
    blob: &Descriptor,
    complete: bool,
    error: impl Fn(&Trouble) -> OciError,
) -> Result<(), Unsent> {
    let passing = |kind: ErrorKind, detail: String| {
        let trouble = Trouble {
            kind,
            detail,
            hint: None,
            again: Again::Passing,
        };
        Err(Unsent::Unknown(error(&trouble), Again::Passing))
    };
    if response.status.is_success() {
        if !complete {
            return passing(
                ErrorKind::Protocol,
                format!("{} before all was sent", response.status.as_u16()),
            );
        }
        return match digest_header(&response.headers, "") {
            Ok(Some(stored)) if stored != blob.digest => passing(
                ErrorKind::Corrupt,
                format!("the registry stored {stored} instead of {}", blob.digest),
            ),
            // An unreadable digest is as good as none: the upload was named by the digest that we hashed.
            _ => Ok(()),
        };
    }
    let words = words_of(response.body).await;
    let mut trouble = trouble_of(response.status, &response.headers, &words, false);
    // The upload session may be gone or confused (404, 416), a token may have run out (401), the bytes may have
    // been damaged on the way (400 DIGEST_INVALID): a new session helps or fails for good.
    let session = matches!(
        response.status,
        StatusCode::NOT_FOUND | StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST
    );
    if session {
        trouble.again = Again::Passing;
        if trouble.kind == ErrorKind::Absent {
            // The repository is there, or the upload could not have been opened.
            trouble.kind = ErrorKind::Server;
        }
    }
    Err(Unsent::of(error(&trouble), trouble.again))
}

/// What happened to the stream of an upload while the transport had it.
#[derive(Default)]
struct Watched {
    failed: Arc<Mutex<Option<OciError>>>,
    complete: Arc<AtomicBool>,
}

impl Watched {
    fn watch(&self, source: ByteStream, size: u64, job: Job) -> ByteStream {
        let (failed, complete) = (Arc::clone(&self.failed), Arc::clone(&self.complete));
        let mut sent = 0_u64;
        source
            .inspect(move |item| match item {
                Ok(piece) => {
                    let length = piece.len() as u64;
                    sent = sent.saturating_add(length);
                    job.moved(length);
                    if sent == size {
                        complete.store(true, Ordering::Release);
                    }
                }
                Err(error) => *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone()),
            })
            .boxed()
    }

    fn failure(&self) -> Option<OciError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
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
                    self.send(blob, session, None, from, job).await?;
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
                            self.send(blob, session, ready, from, job).await?;
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
