//! A registry client that shares nothing with the product: a new connection for every request, everything in memory.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::json;

use super::http::{Body, Headers, RequestHead, Response, ResponseHead};
use super::image::{Image, Part};
use super::sha256;
use super::tokens::Authority;
use super::traffic::Entry;

/// The manifest types to ask for; registries answer 404 to those who ask for none.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// How the client shows who it is.
#[derive(Clone, Default)]
pub enum Login {
    #[default]
    None,
    Basic(String, String),
    /// Tokens straight from the authority that the registry trusts: no token server is asked.
    Minted(Arc<Authority>),
}

/// A client of one registry.
#[derive(Clone)]
pub struct Client {
    address: String,
    tls: Option<Arc<rustls::ClientConfig>>,
    login: Login,
}

impl Client {
    /// Over plain HTTP, without a login; `address` is `host:port`.
    pub fn plain(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            tls: None,
            login: Login::None,
        }
    }

    pub fn with_tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    pub fn with_login(mut self, login: Login) -> Self {
        self.login = login;
        self
    }

    /// Sends one request; a failure to get any answer is a failure of the test.
    pub fn request(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.try_request(method, target, headers, body)
            .unwrap_or_else(|e| panic!("{method} {}{target}: {e}", self.address))
    }

    /// Sends one request.
    pub fn try_request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let mut all = Headers::default();
        all.set("Host", &self.address);
        all.set("Connection", "close");
        all.set("User-Agent", "aosm-build-tests");
        all.set("Content-Length", &body.len().to_string());
        if let Some(value) = self.authorization(method, target) {
            all.set("Authorization", &value);
        }
        for (name, value) in headers {
            all.set(name, value);
        }
        let mut stream = self.connect()?;
        RequestHead {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: all,
        }
        .write(&mut stream)?;
        stream.write_all(body)?;
        stream.flush()?;
        let mut reader = BufReader::new(stream);
        let head = ResponseHead::read(&mut reader)?;
        let framing = head.framing(method);
        let mut bytes = Vec::new();
        Body::new(&mut reader, framing).read_to_end(&mut bytes)?;
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body: bytes,
        })
    }

    /// Uploads a blob, unless it is there.
    pub fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        if self
            .request("HEAD", &format!("/v2/{repository}/blobs/{digest}"), &[], b"")
            .status
            == 200
        {
            return digest;
        }
        let begun = self.request("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
        assert_eq!(
            begun.status,
            202,
            "begin an upload to {repository}: {}",
            String::from_utf8_lossy(&begun.body)
        );
        let location = begun.headers.get("Location").expect("a Location");
        let target = without_host(location);
        let sign = if target.contains('?') { '&' } else { '?' };
        let octets = [("Content-Type", "application/octet-stream")];
        let done = self.request("PUT", &format!("{target}{sign}digest={digest}"), &octets, bytes);
        assert_eq!(
            done.status,
            201,
            "upload to {repository}: {}",
            String::from_utf8_lossy(&done.body)
        );
        digest
    }

    /// Puts a manifest under a tag or its digest.
    pub fn push_manifest(&self, repository: &str, reference: &str, manifest: &Part) {
        let target = format!("/v2/{repository}/manifests/{reference}");
        let answer = self.request(
            "PUT",
            &target,
            &[("Content-Type", &manifest.media_type)],
            &manifest.bytes,
        );
        assert_eq!(
            answer.status,
            201,
            "put {repository} {reference}: {}",
            String::from_utf8_lossy(&answer.body)
        );
    }

    /// Pushes a whole image, the tag last.
    pub fn push(&self, image: &Image, repository: &str, tag: &str) {
        for blob in &image.blobs {
            self.push_blob(repository, &blob.bytes);
        }
        for manifest in &image.manifests {
            self.push_manifest(repository, &manifest.digest, manifest);
        }
        self.push_manifest(repository, tag, image.root());
    }

    /// A manifest by tag or digest; `None` for 404, a failure for anything else.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Part> {
        let answer = self.request(
            "GET",
            &format!("/v2/{repository}/manifests/{reference}"),
            &[("Accept", ACCEPT)],
            b"",
        );
        match answer.status {
            200 => Some(Part::new(
                answer.headers.get("Content-Type").unwrap_or_default(),
                answer.body,
            )),
            404 => None,
            status => panic!(
                "get {repository} {reference}: {status}: {}",
                String::from_utf8_lossy(&answer.body)
            ),
        }
    }

    /// The digest that a tag names, `None` when there is no such tag.
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        self.manifest(repository, tag).map(|part| part.digest)
    }

    /// Reads a whole image back; every digest and size is checked.
    pub fn pull(&self, repository: &str, tag: &str) -> Option<Image> {
        let root = self.manifest(repository, tag)?;
        let descriptor = root.descriptor();
        Some(super::layout::gather(&descriptor, &mut |d| {
            let digest = d["digest"].as_str().expect("a digest");
            let media_type = d["mediaType"].as_str().unwrap_or_default();
            if media_type.contains("manifest") || media_type.contains("image.index") {
                return self
                    .manifest(repository, digest)
                    .expect("a manifest of the image")
                    .bytes
                    .to_vec();
            }
            self.blob(repository, digest)
                .unwrap_or_else(|| panic!("{repository}:{tag}: no blob {digest}"))
        }))
    }

    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let answer = self.request("GET", &format!("/v2/{repository}/blobs/{digest}"), &[], b"");
        (answer.status == 200).then_some(answer.body)
    }

    /// Tags of a repository, sorted; empty when it is absent.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let answer = self.request("GET", &format!("/v2/{repository}/tags/list"), &[], b"");
        let mut tags: Vec<String> = match answer.status {
            200 => answer.json()["tags"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|t| t.as_str().unwrap().to_owned())
                .collect(),
            _ => Vec::new(),
        };
        tags.sort();
        tags
    }

    fn authorization(&self, method: &str, target: &str) -> Option<String> {
        match &self.login {
            Login::None => None,
            Login::Basic(user, password) => {
                let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                Some(format!("Basic {text}"))
            }
            Login::Minted(authority) => {
                let repository = Entry::new(method, target, 0).repository;
                let access = json!([{"type": "repository", "name": repository, "actions": ["pull", "push", "delete"]}]);
                Some(format!("Bearer {}", authority.mint("tests", &access, 300)))
            }
        }
    }

    fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect(&self.address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(Duration::from_secs(60)))?;
        let Some(config) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let host = self
            .address
            .rsplit_once(':')
            .map_or(self.address.as_str(), |(host, _)| host);
        let name = rustls::pki_types::ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connection = rustls::ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        Ok(Box::new(rustls::StreamOwned::new(connection, tcp)))
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Path and query of an absolute or relative address.
pub fn without_host(address: &str) -> &str {
    match address.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => address,
    }
}
