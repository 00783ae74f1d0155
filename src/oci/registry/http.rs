//! The transport over real sockets: `reqwest`, one client per profile, built when first needed.
//!
//! Profiles: with or without TLS (so that plain http works on a machine without certificate authorities), and for
//! this machine and its link (never through a proxy) or others.

use std::sync::OnceLock;
use std::time::Duration;

use camino::Utf8Path;
use futures_util::StreamExt as _;
use reqwest::header::{CONTENT_LENGTH, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Identity, NoProxy, Proxy};

use super::host::{is_link_local, is_loopback};
use super::transport::{Body, Request, Response, Transport, TransportError, TransportFailure};
use crate::oci::{ErrorKind, OciError};
use crate::project::Network;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const IDLE_CONNECTION: Duration = Duration::from_secs(60);

type Built = Result<Client, TransportError>;

/// `reqwest` as transport.
pub struct HttpTransport {
    network: Network,
    connections: usize,
    plain_local: OnceLock<Built>,
    plain: OnceLock<Built>,
    tls_local: OnceLock<Built>,
    tls: OnceLock<Built>,
}

impl HttpTransport {
    /// A transport by the network profile, keeping up to `connections` idle connections per host.
    pub fn new(network: &Network, connections: usize) -> Self {
        Self {
            network: network.clone(),
            connections,
            plain_local: OnceLock::new(),
            plain: OnceLock::new(),
            tls_local: OnceLock::new(),
            tls: OnceLock::new(),
        }
    }

    /// Is TLS set up on this machine: are there authorities to trust, and can the files that [`Network`] names be used?
    pub fn check_tls(&self) -> Result<(), TransportError> {
        self.client(true, false).map(drop)
    }

    fn client(&self, tls: bool, local: bool) -> Result<&Client, TransportError> {
        let slot = match (tls, local) {
            (false, true) => &self.plain_local,
            (false, false) => &self.plain,
            (true, true) => &self.tls_local,
            (true, false) => &self.tls,
        };
        slot.get_or_init(|| self.build(tls, local))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn build(&self, tls: bool, local: bool) -> Built {
        let builder = Client::builder()
            .user_agent(concat!("aosm-build/", env!("CARGO_PKG_VERSION")))
            // Digests and ranges are of the bytes as stored: nothing may be decoded on the way.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // One stream a connection: blob data is faster so than multiplexed.
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(self.connections);
        let builder = self.proxied(builder, local)?;
        let builder = if tls {
            self.trusting(builder)?
        } else {
            builder.tls_certs_only([])
        };
        builder
            .build()
            .map_err(|error| setup(format!("cannot set up TLS: {}", chain(&error))))
    }

    fn proxied(&self, builder: ClientBuilder, local: bool) -> Result<ClientBuilder, TransportError> {
        if local {
            return Ok(builder.no_proxy());
        }
        let Some(proxy) = &self.network.proxy else {
            // reqwest reads the environment by itself.
            return Ok(builder);
        };
        // The address may hold a password: only the error is told.
        let proxy = Proxy::all(&proxy.value).map_err(|e| setup(format!("the proxy is not usable: {}", chain(&e))))?;
        Ok(builder.proxy(proxy.no_proxy(NoProxy::from_string(&self.network.no_proxy.join(",")))))
    }

    fn trusting(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, TransportError> {
        if let Some(file) = &self.network.ca_file {
            let pem = read(&file.value)?;
            let authorities =
                Certificate::from_pem_bundle(&pem).map_err(|e| setup(format!("{}: {}", file.value, chain(&e))))?;
            if authorities.is_empty() {
                return Err(setup(format!("{}: holds no certificate in PEM form", file.value)));
            }
            builder = builder.tls_certs_merge(authorities);
        }
        if let Some(file) = &self.network.client_certificate {
            let identity = Identity::from_pem(&read(&file.value)?).map_err(|e| {
                setup(format!(
                    "{}: needs a certificate and its key in PEM form: {}",
                    file.value,
                    chain(&e)
                ))
            })?;
            builder = builder.identity(identity);
        }
        Ok(builder)
    }
}

#[async_trait::async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let local = request
            .url
            .host_str()
            .is_some_and(|host| is_loopback(host) || is_link_local(host));
        let client = self.client(request.url.scheme() == "https", local)?;
        let mut builder = client.request(request.method, request.url).headers(request.headers);
        builder = match request.body {
            Body::Bytes(bytes) if bytes.is_empty() => builder.header(CONTENT_LENGTH, HeaderValue::from_static("0")),
            Body::Bytes(bytes) => builder.body(bytes),
            Body::Stream { length, stream } => builder
                .header(CONTENT_LENGTH, length)
                .body(reqwest::Body::wrap_stream(stream)),
        };
        let response = builder.send().await.map_err(|error| classify(&error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = response
            .bytes_stream()
            .map(|piece| {
                piece.map_err(|error| {
                    OciError::new(ErrorKind::Unreachable, "read", "answer", chain(&error.without_url()))
                })
            })
            .boxed();
        Ok(Response { status, headers, body })
    }
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, TransportError> {
    std::fs::read(path).map_err(|error| setup(format!("{path}: {error}")))
}

fn setup(detail: String) -> TransportError {
    TransportError {
        failure: TransportFailure::Setup,
        detail,
    }
}

fn classify(error: &reqwest::Error) -> TransportError {
    let detail = chain(error);
    let lower = detail.to_ascii_lowercase();
    let failure = if lower.contains("certificate") {
        TransportFailure::Certificate
    } else if error.is_connect() || error.is_timeout() {
        TransportFailure::Connect
    } else {
        TransportFailure::Broken
    };
    TransportError { failure, detail }
}

/// An error and its causes in one line, without the URL (it may hold a signature) and without repetitions.
fn chain(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        // reqwest's own words end with the URL.
        let text = text.split(" for url (").next().unwrap_or_default().trim().to_owned();
        if !text.is_empty() && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    if parts.len() > 1 {
        // "error sending request" says nothing that its cause does not say better.
        parts.retain(|part| !part.starts_with("error sending request") && part != "client error (Connect)");
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "tests")]

    use super::*;
    use crate::project::Spanned;

    fn failure_of(network: &Network, tls: bool) -> Option<String> {
        HttpTransport::new(network, 4)
            .client(tls, false)
            .err()
            .map(|error| error.detail)
    }

    #[test]
    fn a_ca_file_that_is_absent_or_empty_is_an_error_only_when_tls_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("ca.pem")).unwrap();
        let network = Network {
            ca_file: Some(Spanned::default_value(path.clone())),
            ..Network::default()
        };
        assert!(failure_of(&network, true).unwrap().contains("ca.pem"));
        std::fs::write(&path, "no certificate here").unwrap();
        assert!(failure_of(&network, true).unwrap().contains("no certificate"));
        assert_eq!(failure_of(&network, false), None);
    }

    #[test]
    fn a_client_certificate_without_key_is_an_error_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("me.pem")).unwrap();
        std::fs::write(&path, "").unwrap();
        let network = Network {
            client_certificate: Some(Spanned::default_value(path)),
            ..Network::default()
        };
        assert!(failure_of(&network, true).unwrap().contains("me.pem"));
    }

    #[test]
    fn an_unusable_proxy_is_an_error_that_does_not_repeat_its_address() {
        let network = Network {
            proxy: Some(Spanned::default_value("http://user:secret@:bad:".into())),
            ..Network::default()
        };
        let failure = failure_of(&network, false).unwrap();
        assert!(failure.contains("proxy") && !failure.contains("secret"), "{failure}");
    }
}
