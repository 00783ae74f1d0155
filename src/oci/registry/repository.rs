//! One repository of one registry: the endpoints, each one request (distribution-spec, "Endpoints").

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};

use super::client::{Ask, Client};
use super::gate::Permit;
use super::host::{check_repository, check_tag};
use super::scopes::Scopes;
use super::upload::Session;
use super::whole::{Whole, read_whole};
use super::wire::Caller;
use crate::digest::Digest;
use crate::oci::manifest::{MANIFEST_LIMIT, MANIFEST_TYPES, own_media_type};
use crate::oci::{Descriptor, ErrorKind, OciError, Selector};

/// Names the content in an answer.
pub const DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");

/// Names the subject in the answer to a manifest that has one (distribution-spec, "Pushing Manifests with Subject").
const SUBJECT_HEADER: HeaderName = HeaderName::from_static("oci-subject");

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
        let Whole { headers, bytes, .. } =
            read_whole(&self.client, ask, MANIFEST_LIMIT, "which no manifest is", caller).await?;
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

    /// Writes a manifest under its digest or a tag; the registry's answer must name the same digest. True when the registry
    /// says that it knows the manifest's subject (`OCI-Subject`), and so lists it as a referrer by itself.
    pub async fn put_manifest(
        &self,
        selector: &Selector,
        manifest: &Descriptor,
        bytes: Bytes,
        caller: &Caller,
    ) -> Result<bool, OciError> {
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
            _ => Ok(answer.headers.contains_key(SUBJECT_HEADER)),
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
            .map(|url| Upload::Session(Session::new(url, &answer.headers)))
            .ok_or_else(|| {
                let detail = format!(
                    "{} without a usable Location to send the blob to",
                    answer.status.as_u16()
                );
                OciError::new(ErrorKind::Protocol, operation, subject, detail)
            })
    }

    /// Gives an upload up. Registries forget them after a while anyway, so a failure does not matter.
    pub async fn cancel_upload(&self, session: Session, caller: &Caller) {
        let same = self
            .client
            .host
            .url("x", "")
            .is_ok_and(|home| super::host::same_origin(&home, &session.url));
        if let Ok(mut ask) = self.ask("cancel upload", "", Method::DELETE, "blobs/uploads/")
            && same
        {
            ask.url = session.url;
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
    Session(Session),
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
pub fn refuse_web_page(headers: &HeaderMap, operation: &str, subject: &str) -> Result<(), OciError> {
    match media_type(headers).as_deref() {
        Some("text/html" | "application/xhtml+xml") => {
            let detail = "the answer is a web page, not what was asked for";
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
pub fn media_type(headers: &HeaderMap) -> Option<String> {
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
