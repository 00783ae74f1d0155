//! Reading from one repository of a registry, and asking what its tags name.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reqwest::header::{CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};

use super::client::{Answer, Client};
use super::gate::{Class, Permit};
use super::repository::{Repository, length};
use super::wire::Caller;
use crate::digest::Digest;
use crate::oci::{ByteStream, Content, Descriptor, ErrorKind, Job, MountOrigin, OciError, Origin, Selector, Source};

/// One repository as content. Requests are counted into the job it was made for.
pub struct RegistryContent {
    repository: Repository,
    origin: Origin,
    job: Job,
}

impl RegistryContent {
    /// The content of a repository.
    pub fn new(repository: Repository, job: &Job) -> Self {
        let origin = Origin {
            label: repository.label.to_string(),
            mount: Some(MountOrigin {
                registry: repository.client.host.name.clone(),
                principal: repository.client.principal(),
                repository: repository.name.to_string(),
            }),
        };
        Self {
            repository,
            origin,
            job: job.clone(),
        }
    }
}

#[async_trait::async_trait]
impl Content for RegistryContent {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        let selector = Selector::Digest(descriptor.digest.clone());
        let caller = Caller::from(&self.job);
        let reading = self
            .repository
            .manifest(&selector, Some(&descriptor.media_type), &caller);
        let (_, bytes) = stoppable(&self.job, "read manifest", &self.origin.label, reading).await?;
        if descriptor.size != 0 && descriptor.size != bytes.len() as u64 {
            return Err(OciError::new(
                ErrorKind::Corrupt,
                "read manifest",
                format!("{}{selector}", self.origin.label),
                format!("has {} bytes instead of {}", bytes.len(), descriptor.size),
            ));
        }
        Ok(bytes)
    }

    async fn blob(&self, descriptor: &Descriptor, offset: u64) -> Result<ByteStream, OciError> {
        let caller = Caller::from(&self.job);
        let opening = open(&self.repository, descriptor, offset, &caller);
        stoppable(&self.job, "read blob", &self.origin.label, opening).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        let caller = Caller::from(&self.job);
        let listing = self.repository.referrers(subject, &caller);
        stoppable(&self.job, "list referrers", &self.origin.label, listing).await
    }

    fn for_job(&self, job: &Job) -> Option<Arc<dyn Content>> {
        Some(Arc::new(Self {
            repository: self.repository.clone(),
            origin: self.origin.clone(),
            job: job.clone(),
        }))
    }
}

/// Opens a blob at an offset; the download's place at the host is held until the stream is dropped.
async fn open(
    repository: &Repository,
    blob: &Descriptor,
    offset: u64,
    caller: &Caller,
) -> Result<ByteStream, OciError> {
    let permit = repository.client.gate.enter(Class::Download).await;
    let rest = format!("blobs/{}", blob.digest);
    let mut ask = repository.ask(
        "read blob",
        &format!(" blob {}", blob.digest.short()),
        Method::GET,
        &rest,
    )?;
    if offset > 0
        && let Ok(value) = HeaderValue::from_str(&format!("bytes={offset}-"))
    {
        ask.headers.insert(RANGE, value);
    }
    let subject = ask.subject.clone();
    let answer = repository.client.ask_within(ask, Some(&permit), caller).await?;
    // What the answer starts with, counted from the beginning of the blob.
    let starts_at = if answer.status == StatusCode::PARTIAL_CONTENT {
        range_start(&answer).unwrap_or(offset)
    } else {
        0
    };
    let corrupt = |detail: String| OciError::new(ErrorKind::Corrupt, "read blob", &subject, detail);
    if starts_at > offset {
        return Err(corrupt(format!(
            "asked for bytes from {offset}, answered from {starts_at}"
        )));
    }
    // Compared before anything is sent on: a longer body would be cut to size silently.
    if let Some(announced) = length(&answer.headers)
        && announced.saturating_add(starts_at) != blob.size
    {
        return Err(corrupt(format!(
            "the source announces {} bytes instead of {}",
            announced.saturating_add(starts_at),
            blob.size
        )));
    }
    Ok(skipping(answer.body, offset - starts_at, permit, subject))
}

/// The start of `Content-Range: bytes 100-199/200`.
fn range_start(answer: &Answer) -> Option<u64> {
    let text = answer.headers.get(CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// Drops the first `skip` bytes (of a server that ignores ranges) and keeps the permit.
fn skipping(body: ByteStream, skip: u64, permit: Permit, subject: String) -> ByteStream {
    struct State {
        body: ByteStream,
        skip: u64,
        subject: String,
        _permit: Permit,
    }
    let state = State {
        body,
        skip,
        subject,
        _permit: permit,
    };
    stream::try_unfold(state, |mut state| async move {
        loop {
            let Some(piece) = state.body.next().await else {
                return Ok(None);
            };
            let mut piece = piece.map_err(|e| OciError::new(e.kind, "read blob", &state.subject, e.detail))?;
            if state.skip > 0 {
                let cut = usize::try_from(state.skip).unwrap_or(usize::MAX).min(piece.len());
                state.skip -= cut as u64;
                piece = piece.slice(cut..);
            }
            if !piece.is_empty() {
                return Ok(Some((piece, state)));
            }
        }
    })
    .boxed()
}

/// A registry as a source of images.
pub struct RegistrySource {
    client: Arc<Client>,
    host: String,
    job: Job,
}

impl RegistrySource {
    /// A source; `host` as the project writes it. Requests are counted into the job.
    pub fn new(client: Arc<Client>, host: impl Into<String>, job: Job) -> Self {
        Self {
            client,
            host: host.into(),
            job,
        }
    }

    fn repository(&self, name: &str) -> Result<Repository, OciError> {
        Repository::reading(&self.client, &self.client.host.repository(name))
    }
}

#[async_trait::async_trait]
impl Source for RegistrySource {
    fn host(&self) -> &str {
        &self.host
    }

    async fn resolve(&self, repository: &str, selector: &Selector) -> Result<Descriptor, OciError> {
        let repository = self.repository(repository)?;
        let caller = Caller::from(&self.job);
        stoppable(
            &self.job,
            "find manifest",
            &repository.label,
            repository.resolve(selector, &caller),
        )
        .await
    }

    fn content(&self, repository: &str) -> Arc<dyn Content> {
        match self.repository(repository) {
            Ok(repository) => Arc::new(RegistryContent::new(repository, &self.job)),
            Err(error) => Arc::new(Unusable {
                origin: Origin {
                    label: format!("{}/{repository}", self.host),
                    mount: None,
                },
                error,
            }),
        }
    }
}

/// The content of a repository whose name is none: fails when it is read.
struct Unusable {
    origin: Origin,
    error: OciError,
}

#[async_trait::async_trait]
impl Content for Unusable {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn manifest(&self, _descriptor: &Descriptor) -> Result<Bytes, OciError> {
        Err(self.error.clone())
    }

    async fn blob(&self, _descriptor: &Descriptor, _offset: u64) -> Result<ByteStream, OciError> {
        Err(self.error.clone())
    }

    async fn referrers(&self, _subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        Err(self.error.clone())
    }
}

/// Work that ends when its job is cancelled.
pub async fn stoppable<T>(
    job: &Job,
    operation: &str,
    subject: &str,
    work: impl Future<Output = Result<T, OciError>>,
) -> Result<T, OciError> {
    tokio::select! {
        biased;
        () = job.cancel.cancelled() => {
            Err(OciError::new(ErrorKind::Cancelled, operation, subject, "stopped before it was done"))
        }
        result = work => result,
    }
}
