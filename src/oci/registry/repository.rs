//! One repository of one registry: the endpoints, each one request (distribution-spec, "Endpoints").

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use super::client::{Answer, Ask, Client};
use super::gate::Permit;
use super::host::{check_repository, check_tag};
use super::retry::{Again, Tries};
use super::scopes::Scopes;
use super::wire::Caller;
use crate::digest::Digest;
use crate::oci::manifest::{MANIFEST_LIMIT, MANIFEST_TYPES, own_media_type};
use crate::oci::{Descriptor, ErrorKind, OciError, Selector};

/// A manifest that trickles in for longer counts as broken off.
const MANIFEST_TIME: Duration = Duration::from_secs(300);
/// Names the content in an answer.
pub const DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");

/// One repository, reached through one client.
#[derive(Clone)]
pub struct Repository {
    /// The registry.
    pub client: Arc<Client>,
    /// Its path.
    pub name: Arc<str>,
    /// `host/path`, for messages.
    pub label: Arc<str>,
    scopes: Scopes,
}

impl Repository {
    /// For reading.
    pub fn reading(client: &Arc<Client>, name: &str) -> Result<Self, OciError> {
        Self::new(client, name, Scopes::pull(name))
    }

    /// For reading and writing: one token serves both.
    pub fn writing(client: &Arc<Client>, name: &str) -> Result<Self, OciError> {
        Self::new(client, name, Scopes::push(name))
    }

    fn new(client: &Arc<Client>, name: &str, scopes: Scopes) -> Result<Self, OciError> {
        check_repository(&client.host, name)?;
        let label = format!("{}/{name}", client.host.name);
        Ok(Self {
            client: Arc::clone(client),
            name: name.into(),
            label: label.into(),
            scopes,
        })
    }

    /// An ask of this repository; `rest` is the path after its name.
    pub fn ask(&self, operation: &'static str, what: &str, method: Method, rest: &str) -> Result<Ask, OciError> {
        Ok(Ask {
            operation,
            subject: format!("{}{what}", self.label),
            method,
            url: self.client.host.url(&self.name, rest)?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            scopes: self.scopes.clone(),
            also_good: None,
        })
    }

    /// What a tag or digest names: HEAD, and GET where the answer does not say enough.
    pub async fn resolve(&self, selector: &Selector, caller: &Caller) -> Result<Descriptor, OciError> {
        let mut ask = self.manifest_ask("find manifest", selector, Method::HEAD, None)?;
        // Some servers know only GET.
        ask.also_good = Some(StatusCode::METHOD_NOT_ALLOWED);
        let subject = ask.subject.clone();
        let answer = self.client.ask(ask, caller).await?;
        if answer.status.is_success() {
            refuse_web_page(&answer.headers, "find manifest", &subject)?;
            let digest = digest_header(&answer.headers, &subject)?;
            let media_type = media_type(&answer.headers);
            if let (Some(digest), Some(media_type)) = (digest, media_type) {
                check_named(selector, &digest, &subject)?;
                let size = length(&answer.headers).unwrap_or(0);
                return Ok(Descriptor::new(media_type, digest, size));
            }
        }
        // Its place at the host is needed for the next request.
        drop(answer);
        self.manifest(selector, None, caller)
            .await
            .map(|(descriptor, _)| descriptor)
    }

    /// A manifest's raw bytes, verified against the digest that names it, and what they turned out to be.
    pub async fn manifest(
        &self,
        selector: &Selector,
        expected_type: Option<&str>,
        caller: &Caller,
    ) -> Result<(Descriptor, Bytes), OciError> {
        let ask = self.manifest_ask("read manifest", selector, Method::GET, expected_type)?;
        let subject = ask.subject.clone();
        let (headers, bytes) = self.read_whole(ask, caller).await?;
        refuse_web_page(&headers, "read manifest", &subject)?;
        // A digest of another algorithm is checked with that algorithm.
        let named = match selector {
            Selector::Digest(digest) => Some(digest.clone()),
            Selector::Tag(_) => digest_header(&headers, &subject)?,
        };
        let digest = match named {
            Some(named) => {
                let mut hasher = named.verifier();
                hasher.update(&bytes);
                let found = hasher.finish();
                if found != named {
                    let detail = format!("content has digest {found} instead of {named}");
                    return Err(OciError::new(ErrorKind::Corrupt, "read manifest", subject, detail));
                }
                named
            }
            None => Digest::of(&bytes),
        };
        let media_type = media_type(&headers)
            .or_else(|| own_media_type(&bytes))
            .unwrap_or_default();
        Ok((Descriptor::new(media_type, digest, bytes.len() as u64), bytes))
    }

    /// Reads a small answer whole; again from the start where it breaks off.
    async fn read_whole(&self, ask: Ask, caller: &Caller) -> Result<(HeaderMap, Bytes), OciError> {
        let mut tries = Tries::default();
        loop {
            let answer = self.client.ask(ask.clone(), caller).await?;
            let headers = answer.headers.clone();
            let read = tokio::time::timeout(MANIFEST_TIME, read_manifest(answer, &ask.subject)).await;
            let read = read.unwrap_or_else(|_| {
                let detail = format!("did not arrive within {} s", MANIFEST_TIME.as_secs());
                Err(OciError::new(
                    ErrorKind::Unreachable,
                    ask.operation,
                    &ask.subject,
                    detail,
                ))
            });
            let error = match read {
                Ok(bytes) => return Ok((headers, bytes)),
                Err(error) if error.kind == ErrorKind::Unreachable => error,
                Err(error) => return Err(error),
            };
            let Some(delay) = self.client.wire().next_try(&mut tries, Again::Passing) else {
                return Err(error);
            };
            caller.retrying(tries.failed(), delay, error.to_string());
            tokio::time::sleep(delay).await;
        }
    }

    fn manifest_ask(
        &self,
        operation: &'static str,
        selector: &Selector,
        method: Method,
        expected_type: Option<&str>,
    ) -> Result<Ask, OciError> {
        let rest = match selector {
            Selector::Tag(tag) => {
                check_tag(&self.label, tag)?;
                format!("manifests/{tag}")
            }
            Selector::Digest(digest) => format!("manifests/{digest}"),
        };
        let mut ask = self.ask(operation, &selector.to_string(), method, &rest)?;
        let unusual = expected_type.filter(|t| !MANIFEST_TYPES.contains(t));
        let accept = unusual.into_iter().chain(MANIFEST_TYPES).collect::<Vec<_>>().join(", ");
        if let Ok(value) = HeaderValue::from_str(&accept) {
            ask.headers.insert(ACCEPT, value);
        }
        Ok(ask)
    }

    /// Writes a manifest under its digest or a tag; the registry's answer must name the same digest.
    pub async fn put_manifest(
        &self,
        selector: &Selector,
        manifest: &Descriptor,
        bytes: Bytes,
        caller: &Caller,
    ) -> Result<(), OciError> {
        let mut ask = self.manifest_ask("write manifest", selector, Method::PUT, None)?;
        ask.headers.remove(ACCEPT);
        let media_type = HeaderValue::from_str(&manifest.media_type).map_err(|_| {
            let detail = format!("{:?} is no media type", manifest.media_type);
            OciError::new(ErrorKind::Protocol, "write manifest", &ask.subject, detail)
        })?;
        ask.headers.insert(CONTENT_TYPE, media_type);
        ask.body = bytes;
        let subject = ask.subject.clone();
        let answer = self.client.ask(ask, caller).await?;
        match digest_header(&answer.headers, &subject)? {
            Some(stored) if stored != manifest.digest => {
                let detail = format!("the registry stored {stored} instead of {}", manifest.digest);
                Err(OciError::new(ErrorKind::Corrupt, "write manifest", subject, detail))
            }
            _ => Ok(()),
        }
    }

    /// Is a blob there?
    pub async fn has_blob(&self, blob: &Descriptor, caller: &Caller) -> Result<bool, OciError> {
        let rest = format!("blobs/{}", blob.digest);
        let ask = self.ask(
            "find blob",
            &format!(" blob {}", blob.digest.short()),
            Method::HEAD,
            &rest,
        )?;
        let subject = ask.subject.clone();
        match self.client.ask(ask, caller).await {
            Ok(answer) => match length(&answer.headers) {
                Some(held) if held != blob.size => {
                    let detail = format!(
                        "the registry holds {held} bytes under this digest instead of {}",
                        blob.size
                    );
                    Err(OciError::new(ErrorKind::Corrupt, "find blob", subject, detail))
                }
                _ => Ok(true),
            },
            Err(error) if error.kind == ErrorKind::Absent => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens an upload; with `mount`, asks the registry to take the blob from another of its repositories.
    pub async fn start_upload(
        &self,
        blob: &Descriptor,
        mount: Option<&str>,
        caller: &Caller,
    ) -> Result<Upload, OciError> {
        self.start_upload_within(blob, mount, None, caller).await
    }

    /// The same, within a permit that the caller holds.
    pub async fn start_upload_within(
        &self,
        blob: &Descriptor,
        mount: Option<&str>,
        held: Option<&Permit>,
        caller: &Caller,
    ) -> Result<Upload, OciError> {
        let operation = if mount.is_some() { "mount blob" } else { "upload blob" };
        let mut ask = self.ask(
            operation,
            &format!(" blob {}", blob.digest.short()),
            Method::POST,
            "blobs/uploads/",
        )?;
        if let Some(from) = mount {
            ask.url
                .query_pairs_mut()
                .append_pair("mount", blob.digest.as_str())
                .append_pair("from", from);
            ask.scopes = ask.scopes.and_pull(from);
        }
        let subject = ask.subject.clone();
        let answer = self.client.ask_within(ask, held, caller).await?;
        if answer.status == StatusCode::CREATED && mount.is_some() {
            return match digest_header(&answer.headers, &subject)? {
                Some(mounted) if mounted != blob.digest => {
                    let detail = format!("the registry mounted {mounted} instead of {}", blob.digest);
                    Err(OciError::new(ErrorKind::Corrupt, operation, subject, detail))
                }
                _ => Ok(Upload::Mounted),
            };
        }
        self.client
            .location(&answer.url, &answer.headers)
            .map(Upload::Session)
            .ok_or_else(|| {
                let detail = format!(
                    "{} without a usable Location to send the blob to",
                    answer.status.as_u16()
                );
                OciError::new(ErrorKind::Protocol, operation, subject, detail)
            })
    }

    /// Gives an upload up. Registries forget them after a while anyway, so a failure does not matter.
    pub async fn cancel_upload(&self, session: Url, caller: &Caller) {
        let same = self
            .client
            .host
            .url("x", "")
            .is_ok_and(|home| super::host::same_origin(&home, &session));
        if let Ok(mut ask) = self.ask("cancel upload", "", Method::DELETE, "blobs/uploads/")
            && same
        {
            ask.url = session;
            let _ = self.client.ask(ask, caller).await;
        }
    }
}

/// What opening an upload brought.
#[derive(Debug)]
pub enum Upload {
    /// The blob is in the repository already.
    Mounted,
    /// Send it here.
    Session(Url),
}

async fn read_manifest(answer: Answer, subject: &str) -> Result<Bytes, OciError> {
    let too_large = || {
        OciError::new(
            ErrorKind::TooLarge,
            "read manifest",
            subject,
            format!("is larger than {} MiB, which no manifest is", MANIFEST_LIMIT >> 20),
        )
    };
    let announced = length(&answer.headers);
    if announced.is_some_and(|length| length > MANIFEST_LIMIT) {
        return Err(too_large());
    }
    let capacity = usize::try_from(announced.unwrap_or(4096)).unwrap_or(4096);
    let mut read = BytesMut::with_capacity(capacity);
    // The permit is held until all is read.
    let Answer { mut body, permit, .. } = answer;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|e| OciError::new(e.kind, "read manifest", subject, e.detail))?;
        read.extend_from_slice(&piece);
        if read.len() as u64 > MANIFEST_LIMIT {
            return Err(too_large());
        }
    }
    drop(permit);
    Ok(read.freeze())
}

fn check_named(selector: &Selector, answered: &Digest, subject: &str) -> Result<(), OciError> {
    match selector {
        Selector::Digest(asked) if asked != answered => Err(OciError::new(
            ErrorKind::Protocol,
            "find manifest",
            subject,
            format!("asked for {asked}, answered {answered}"),
        )),
        _ => Ok(()),
    }
}

/// A login page or a proxy's complaint comes with status 200 as well; no registry answers with a web page.
fn refuse_web_page(headers: &HeaderMap, operation: &str, subject: &str) -> Result<(), OciError> {
    match media_type(headers).as_deref() {
        Some("text/html" | "application/xhtml+xml") => {
            let detail = "the answer is a web page, not a manifest";
            Err(OciError::new(ErrorKind::Protocol, operation, subject, detail)
                .hint("a login page or a proxy stands in front of the registry: check the host and [network]"))
        }
        _ => Ok(()),
    }
}

/// `Docker-Content-Digest`: `None` if it is not there, an error if it is no digest.
pub fn digest_header(headers: &HeaderMap, subject: &str) -> Result<Option<Digest>, OciError> {
    let Some(value) = headers.get(DIGEST_HEADER) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    text.trim()
        .parse()
        .map(Some)
        .map_err(|error: crate::digest::BadDigest| {
            OciError::new(
                ErrorKind::Protocol,
                "read answer",
                subject,
                format!("Docker-Content-Digest {error}"),
            )
        })
}

/// `Content-Type` without parameters; `None` when it says nothing about the content.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let bare = text.split(';').next().unwrap_or_default().trim();
    let says_nothing = matches!(
        bare,
        "" | "application/json" | "application/octet-stream" | "text/plain"
    );
    (!says_nothing && bare.contains('/')).then(|| bare.to_owned())
}

/// `Content-Length`.
pub fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}
