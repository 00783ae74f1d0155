//! One registry as one principal: sends requests with login, permits, redirects and retries.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};

use super::answer::{trouble_of, words_of};
use super::auth::{Authenticator, Login};
use super::gate::{Class, Gate, Permit};
use super::host::{Host, same_origin};
use super::referrers::ReferrersMemory;
use super::retry::{Again, Tries, Trouble};
use super::scopes::Scopes;
use super::transport::{Body, Request, Response};
use super::upload::Chunking;
use super::wire::{Caller, Wire};
use crate::credentials::{CredentialSource, Obtained};
use crate::oci::placement::Placements;
use crate::oci::{ByteStream, ErrorKind, OciError};

/// A request is sent on at most this often.
const REDIRECTS: usize = 5;

/// What is asked of a registry.
#[derive(Debug, Clone)]
pub struct Ask {
    /// In words, for messages: `read manifest`.
    pub operation: &'static str,
    /// On what, for messages.
    pub subject: String,
    /// Method.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Headers without login.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Scopes that it needs.
    pub scopes: Scopes,
    /// A refusal that is an answer to the caller rather than an error.
    pub also_good: Option<StatusCode>,
}

/// A good answer.
pub struct Answer {
    /// Status: 2xx, or what the asker calls good.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: ByteStream,
    /// The request's place at its host; to be held as long as the body is read.
    pub permit: Option<Permit>,
    /// Where the answer came from.
    pub url: Url,
}

/// A registry as seen by one principal.
pub struct Client {
    /// The registry.
    pub host: Host,
    /// How much it is asked at a time; shared by all principals.
    pub gate: Arc<Gate>,
    /// What it holds, as far as known.
    pub placements: Arc<Placements>,
    /// What is known of how it lists referrers.
    pub referrers: ReferrersMemory,
    /// It takes a mount of a repository from itself for an error: blobs are asked for in another way.
    pub refuses_self_mounts: AtomicBool,
    /// Whether it takes blobs in chunks.
    pub chunking: Chunking,
    wire: Arc<Wire>,
    auth: Authenticator,
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(host: Host, gate: Arc<Gate>, wire: Arc<Wire>, credentials: Arc<dyn CredentialSource>) -> Self {
        let auth = Authenticator::new(host.clone(), credentials, Arc::clone(&wire));
        Self {
            host,
            gate,
            placements: Arc::default(),
            referrers: ReferrersMemory::default(),
            refuses_self_mounts: AtomicBool::new(false),
            chunking: Chunking::default(),
            wire,
            auth,
        }
    }

    /// Who reads and writes here; never a secret.
    pub fn principal(&self) -> String {
        self.auth.principal()
    }

    /// Does the login open this repository? `None`: only the registry can tell.
    pub fn opens(&self, repository: &str) -> Option<bool> {
        self.auth.opens(repository)
    }

    /// The credential that the registry takes; `None` while it wants none.
    pub(super) async fn login_in_use(&self, caller: &Caller) -> Result<Option<Obtained>, OciError> {
        self.auth.in_use(caller).await
    }

    /// The `Authorization` header for these scopes; `None` while the registry wants none.
    pub(super) async fn login_header(&self, scopes: &Scopes, caller: &Caller) -> Result<Option<HeaderValue>, OciError> {
        Ok(self.auth.login(scopes, caller).await?.map(|login| login.header))
    }

    /// What all clients share.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Asks for something small, trying again where that may help. Everything but 2xx is an error.
    pub async fn ask(&self, ask: Ask, caller: &Caller) -> Result<Answer, OciError> {
        self.ask_within(ask, None, caller).await
    }

    /// The same, within a permit that the caller holds (a download's).
    pub async fn ask_within(&self, mut ask: Ask, held: Option<&Permit>, caller: &Caller) -> Result<Answer, OciError> {
        let mut tries = Tries::default();
        let mut logins = 0;
        loop {
            // Dropped after this try: nobody holds a place while it waits to try again.
            let first = self.auth.first().await;
            let login = self.auth.login(&ask.scopes, caller).await?;
            let permit = if held.is_some() {
                None
            } else {
                Some(self.gate.enter(Class::Small).await)
            };
            self.gate.pause().await;
            let sent = self.follow(&ask, login.as_ref(), caller).await;
            let trouble = match sent {
                Ok((response, url)) if response.status.is_success() || ask.also_good == Some(response.status) => {
                    self.auth.accepted(login.as_ref());
                    self.gate.answered();
                    let Response { status, headers, body } = response;
                    return Ok(Answer {
                        status,
                        headers,
                        body,
                        permit,
                        url,
                    });
                }
                Ok((response, _))
                    if from_tls_server(&response) && self.host.learn_tls(self.auth.is_new(), &mut ask.url) =>
                {
                    continue;
                }
                Ok((response, url)) => {
                    // What another host says about logging in is none of this registry's business.
                    let elsewhere = !self.host.url("x", "").is_ok_and(|home| same_origin(&home, &url));
                    if response.status == StatusCode::UNAUTHORIZED && !elsewhere {
                        let words = words_of(response.body).await;
                        drop(permit);
                        let refused = self
                            .auth
                            .refused(&response.headers, login.as_ref(), &mut ask.scopes, &mut logins, caller)
                            .await;
                        match refused {
                            Ok(()) => continue,
                            Err(Some(error)) => return Err(error),
                            Err(None) => self.auth.denied(
                                trouble_of(response.status, &response.headers, &words, false),
                                login.as_ref(),
                            ),
                        }
                    } else {
                        self.auth.accepted(login.as_ref());
                        let words = words_of(response.body).await;
                        drop(permit);
                        let trouble = trouble_of(response.status, &response.headers, &words, elsewhere);
                        if trouble.kind == ErrorKind::Denied {
                            self.auth.denied(trouble, login.as_ref())
                        } else {
                            trouble
                        }
                    }
                }
                Err(trouble) => {
                    drop(permit);
                    trouble
                }
            };
            drop(first);
            let error = self.error(&ask, &trouble);
            let Some(delay) = self.wire.next_try(&mut tries, trouble.again) else {
                return Err(error);
            };
            if matches!(trouble.again, Again::Throttled(_)) {
                self.gate.throttled(delay);
            }
            caller.retrying(tries.failed(), delay, error.to_string());
            tokio::time::sleep(delay).await;
        }
    }

    /// Sends one streamed upload, once: what a failure means is decided by the caller, who can ask what arrived.
    /// Credentials go along only to the registry itself.
    pub async fn upload(
        &self,
        ask: &Ask,
        length: u64,
        stream: ByteStream,
        caller: &Caller,
    ) -> Result<Response, Result<Trouble, OciError>> {
        let home = self.host.url("x", "").map_err(Err)?;
        let login = if same_origin(&home, &ask.url) {
            self.auth.login(&ask.scopes, caller).await.map_err(Err)?
        } else {
            None
        };
        self.gate.pause().await;
        let mut headers = ask.headers.clone();
        if let Some(login) = &login {
            headers.insert(AUTHORIZATION, login.header.clone());
        }
        let body = if length == 0 {
            Body::Bytes(Bytes::new())
        } else {
            Body::Stream { length, stream }
        };
        let request = Request {
            method: ask.method.clone(),
            url: ask.url.clone(),
            headers,
            body,
        };
        let response = self.wire.exchange(request, caller).await.map_err(Ok)?;
        if response.status.is_success() && login.is_some() {
            self.auth.accepted(login.as_ref());
        }
        if response.status == StatusCode::UNAUTHORIZED && login.is_some() {
            // The token ran out on the way, perhaps: the next try gets a new one.
            let (mut scopes, mut logins) = (ask.scopes.clone(), 0);
            if let Err(Some(error)) = self
                .auth
                .refused(&response.headers, login.as_ref(), &mut scopes, &mut logins, caller)
                .await
            {
                return Err(Err(error));
            }
        }
        Ok(response)
    }

    /// One request, followed where it is sent on. Only reading is sent on, and credentials stay at the registry.
    async fn follow(&self, ask: &Ask, login: Option<&Login>, caller: &Caller) -> Result<(Response, Url), Trouble> {
        let home = self.host.url("x", "").ok();
        let mut url = ask.url.clone();
        for _ in 0..=REDIRECTS {
            let mut headers = ask.headers.clone();
            if let Some(login) = login.filter(|_| home.as_ref().is_some_and(|home| same_origin(home, &url))) {
                headers.insert(AUTHORIZATION, login.header.clone());
            }
            let request = Request {
                method: ask.method.clone(),
                url: url.clone(),
                headers,
                body: Body::Bytes(ask.body.clone()),
            };
            let response = self.wire.exchange(request, caller).await?;
            let sent_on = matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308)
                && (ask.method == Method::GET || ask.method == Method::HEAD);
            if !sent_on {
                return Ok((response, url));
            }
            url = self.location(&url, &response.headers).ok_or_else(|| Trouble {
                kind: ErrorKind::Protocol,
                detail: format!("{} without a usable Location", response.status.as_u16()),
                hint: None,
                again: Again::No,
            })?;
        }
        Err(Trouble {
            kind: ErrorKind::Protocol,
            detail: format!("sent on more than {REDIRECTS} times"),
            hint: None,
            again: Again::No,
        })
    }

    /// Where an answer points to. A registry behind a proxy that ends TLS may name itself with `http`: the name
    /// counts, TLS stays.
    pub fn location(&self, base: &Url, headers: &HeaderMap) -> Option<Url> {
        self.pointed(base, headers.get(LOCATION)?.to_str().ok()?)
    }

    /// The same, for any text of an answer that is an address.
    pub fn pointed(&self, base: &Url, text: &str) -> Option<Url> {
        let mut url = base.join(text).ok()?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return None;
        }
        // Credentials in a URL would be sent as a login.
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        let home = self.host.url("x", "").ok()?;
        if home.scheme() == "https"
            && url.scheme() == "http"
            && url.host_str() == home.host_str()
            && matches!(url.port(), None | Some(80 | 443))
        {
            url.set_port(None).ok()?;
            url.set_scheme("https").ok()?;
            url.set_port(home.port()).ok()?;
        }
        Some(url)
    }

    /// The error of a trouble that stayed.
    pub fn error(&self, ask: &Ask, trouble: &Trouble) -> OciError {
        let mut error = OciError::new(trouble.kind, ask.operation, &ask.subject, &trouble.detail);
        error.hint.clone_from(&trouble.hint);
        error
    }
}

/// What TLS servers say to plain requests: 400 without any of a registry's manners.
fn from_tls_server(response: &Response) -> bool {
    response.status == StatusCode::BAD_REQUEST
        && !response.headers.contains_key("docker-distribution-api-version")
        && !response
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}
