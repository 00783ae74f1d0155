//! Logging in to one registry: what it wants is learnt from its first answer; tokens are kept by scope set, fetched
//! by one request at a time, renewed before they expire, and once when they are refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::challenge::{Challenge, challenge_of};
use super::host::Host;
use super::scopes::Scopes;
use super::token::{Token, fetch};
use super::wire::{Caller, Wire};
use crate::credentials::{Credential, CredentialError, CredentialSource};
use crate::oci::{ErrorKind, OciError};

/// How long a failed token request stands for all who want the same token: they came together, and fail together.
const FAILURE_STANDS: Duration = Duration::from_secs(2);
/// How long the first requests to a registry wait for each other, to learn from one answer.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// A request is sent again at most this often because of 401.
const LOGINS: u32 = 4;

#[derive(Debug, Clone)]
enum Scheme {
    /// Nothing was answered yet.
    Unknown,
    /// Answers came without a login.
    Open,
    Basic,
    Bearer {
        realm: Url,
        service: String,
    },
}

#[derive(Default)]
struct Slot {
    token: Option<Token>,
    failed: Option<(OciError, Instant)>,
}

struct State {
    scheme: Scheme,
    slots: HashMap<Scopes, Arc<tokio::sync::Mutex<Slot>>>,
    /// The login itself was refused: nothing more is sent with it.
    refused: Option<OciError>,
}

/// What a request was sent with.
#[derive(Debug, Clone)]
pub struct Login {
    /// The `Authorization` header.
    pub header: HeaderValue,
    with: With,
}

#[derive(Debug, Clone)]
enum With {
    Password {
        generation: u64,
    },
    Token {
        scopes: Scopes,
        value: HeaderValue,
        fresh: bool,
    },
}

/// The login state of one registry and principal.
pub struct Authenticator {
    host: Host,
    credentials: Arc<dyn CredentialSource>,
    wire: Arc<Wire>,
    state: Mutex<State>,
    probe: tokio::sync::Mutex<()>,
}

impl Authenticator {
    /// Nothing is asked before the first request.
    pub fn new(host: Host, credentials: Arc<dyn CredentialSource>, wire: Arc<Wire>) -> Self {
        let state = State {
            scheme: Scheme::Unknown,
            slots: HashMap::new(),
            refused: None,
        };
        Self {
            host,
            credentials,
            wire,
            state: Mutex::new(state),
            probe: tokio::sync::Mutex::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who logs in; never a secret.
    pub fn principal(&self) -> String {
        self.credentials.principal()
    }

    /// While nothing is known about the registry, the first request goes ahead of the others, which learn from its
    /// answer. Not for long: a registry that hangs must not be waited for one by one.
    pub async fn first(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if !matches!(self.lock().scheme, Scheme::Unknown) {
            return None;
        }
        let guard = tokio::time::timeout(PROBE_WAIT, self.probe.lock()).await.ok()?;
        matches!(self.lock().scheme, Scheme::Unknown).then_some(guard)
    }

    /// Has the registry not given any sensible answer yet?
    pub fn is_new(&self) -> bool {
        matches!(self.lock().scheme, Scheme::Unknown)
    }

    /// An answer other than 401 came.
    pub fn accepted(&self) {
        let mut state = self.lock();
        if matches!(state.scheme, Scheme::Unknown) {
            state.scheme = Scheme::Open;
        }
    }

    /// What to log in with for these scopes; `None` while the registry wants nothing.
    pub async fn login(&self, scopes: &Scopes, caller: &Caller) -> Result<Option<Login>, OciError> {
        let scheme = {
            let state = self.lock();
            if let Some(error) = &state.refused {
                return Err(error.clone());
            }
            state.scheme.clone()
        };
        match scheme {
            Scheme::Unknown | Scheme::Open => Ok(None),
            Scheme::Basic => self.password(scopes).await.map(Some),
            Scheme::Bearer { realm, service } => self.token(&realm, &service, scopes, caller).await.map(Some),
        }
    }

    async fn password(&self, scopes: &Scopes) -> Result<Login, OciError> {
        let (credential, generation) = self.credential(scopes).await?;
        let Credential::Basic { username, password } = credential else {
            let detail = match credential {
                Credential::Anonymous => format!(
                    "a login is needed, and there is none in the {}",
                    self.credentials.describe()
                ),
                _ => format!(
                    "user and password are needed, but the {} has an identity token",
                    self.credentials.describe()
                ),
            };
            return Err(self.bad_credentials(detail));
        };
        let header = basic(&username, password.expose()).ok_or_else(|| {
            self.bad_credentials(format!(
                "the user name from the {} has a colon or a control character",
                self.credentials.describe()
            ))
        })?;
        Ok(Login {
            header,
            with: With::Password { generation },
        })
    }

    async fn credential(&self, scopes: &Scopes) -> Result<(Credential, u64), OciError> {
        self.credentials
            .get(&scopes.to_string())
            .await
            .map_err(|CredentialError { detail, hint }| {
                let mut error = OciError::new(ErrorKind::BadCredentials, "log in to", &self.host.name, detail);
                error.hint = hint;
                error
            })
    }

    fn bad_credentials(&self, detail: String) -> OciError {
        OciError::new(ErrorKind::BadCredentials, "log in to", &self.host.name, detail)
            .hint(format!("log in with: docker login {}", self.host.name))
    }

    async fn token(&self, realm: &Url, service: &str, scopes: &Scopes, caller: &Caller) -> Result<Login, OciError> {
        let slot = {
            let mut state = self.lock();
            if !state.slots.contains_key(scopes)
                && let Some(wider) = ready(&state.slots, scopes)
            {
                return Ok(wider);
            }
            Arc::clone(state.slots.entry(scopes.clone()).or_default())
        };
        // Held while the token is fetched: the others wait here and find it.
        let mut slot = slot.lock().await;
        let now = Instant::now();
        if let Some(token) = slot.token.as_ref().filter(|token| token.until > now) {
            return Ok(bearer(scopes, token, false));
        }
        if let Some((error, at)) = &slot.failed
            && now.duration_since(*at) < FAILURE_STANDS
        {
            return Err(error.clone());
        }
        if let Some(error) = &self.lock().refused {
            return Err(error.clone());
        }
        match self.fetch(realm, service, scopes, caller).await {
            Ok(token) => {
                let login = bearer(scopes, &token, true);
                *slot = Slot {
                    token: Some(token),
                    failed: None,
                };
                Ok(login)
            }
            Err(error) => {
                if error.kind == ErrorKind::BadCredentials {
                    self.lock().refused = Some(error.clone());
                }
                *slot = Slot {
                    token: None,
                    failed: Some((error.clone(), Instant::now())),
                };
                Err(error)
            }
        }
    }

    /// Fetches a token; when the login is refused and the source has another one by now, once more with that.
    async fn fetch(&self, realm: &Url, service: &str, scopes: &Scopes, caller: &Caller) -> Result<Token, OciError> {
        let (credential, generation) = self.credential(scopes).await?;
        let from = self.credentials.describe();
        let first = fetch(
            &self.wire,
            &self.host,
            realm,
            service,
            scopes,
            &credential,
            &from,
            caller,
        )
        .await;
        match first {
            Err(error) if error.kind == ErrorKind::BadCredentials => {
                self.credentials.rejected(generation);
                let (credential, newer) = self.credential(scopes).await?;
                if newer == generation {
                    return Err(error);
                }
                fetch(
                    &self.wire,
                    &self.host,
                    realm,
                    service,
                    scopes,
                    &credential,
                    &from,
                    caller,
                )
                .await
            }
            other => other,
        }
    }

    /// A request was refused with 401. `Ok` when it should be sent again, perhaps with more scopes; `None` in the
    /// error when the registry denies this although the login is good (or there is none).
    pub async fn refused(
        &self,
        headers: &HeaderMap,
        login: Option<&Login>,
        scopes: &mut Scopes,
        logins: &mut u32,
    ) -> Result<(), Option<OciError>> {
        *logins += 1;
        let Some(challenge) = challenge_of(headers).filter(|_| *logins <= LOGINS) else {
            return Err(None);
        };
        match (challenge, login.map(|login| &login.with)) {
            (Challenge::Basic, None) => {
                self.lock().scheme = Scheme::Basic;
                Ok(())
            }
            (Challenge::Basic, Some(With::Password { generation })) => {
                self.credentials.rejected(*generation);
                let (_, newer) = self.credential(scopes).await.map_err(Some)?;
                if newer != *generation {
                    return Ok(());
                }
                let error = self.bad_credentials(format!(
                    "401 Unauthorized: the user name or password from the {} is wrong",
                    self.credentials.describe()
                ));
                self.lock().refused = Some(error.clone());
                Err(Some(error))
            }
            (Challenge::Basic, Some(With::Token { .. })) => Err(None),
            (Challenge::Bearer { realm, service, scope }, with) => {
                let realm = self.realm(&realm).map_err(Some)?;
                self.lock().scheme = Scheme::Bearer { realm, service };
                let wider = scopes.clone().and_asked(&scope);
                let wants_more = !scopes.covers(&wider);
                if let Some(With::Token {
                    scopes: held,
                    value,
                    fresh,
                }) = with
                {
                    if *fresh && !wants_more {
                        return Err(None);
                    }
                    self.drop_token(held, value).await;
                }
                *scopes = wider;
                Ok(())
            }
        }
    }

    fn realm(&self, text: &str) -> Result<Url, OciError> {
        Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                let shown: String = text.chars().take(100).collect();
                OciError::new(
                    ErrorKind::Protocol,
                    "log in to",
                    &self.host.name,
                    format!("the registry names {shown:?} as its token server, which is no http address"),
                )
            })
    }

    async fn drop_token(&self, scopes: &Scopes, value: &HeaderValue) {
        let slot = self.lock().slots.get(scopes).map(Arc::clone);
        let Some(slot) = slot else { return };
        let mut slot = slot.lock().await;
        // Somebody may have renewed it already.
        if slot.token.as_ref().is_some_and(|token| token.header == *value) {
            slot.token = None;
        }
    }
}

/// A token at hand that covers more than is needed.
fn ready(slots: &HashMap<Scopes, Arc<tokio::sync::Mutex<Slot>>>, needed: &Scopes) -> Option<Login> {
    let now = Instant::now();
    slots
        .iter()
        .filter(|(scopes, _)| scopes.covers(needed))
        .find_map(|(scopes, slot)| {
            let slot = slot.try_lock().ok()?;
            let token = slot.token.as_ref().filter(|token| token.until > now)?;
            Some(bearer(scopes, token, false))
        })
}

fn bearer(scopes: &Scopes, token: &Token, fresh: bool) -> Login {
    Login {
        header: token.header.clone(),
        with: With::Token {
            scopes: scopes.clone(),
            value: token.header.clone(),
            fresh,
        },
    }
}

/// `Basic` credentials (RFC 7617): a user name cannot hold a colon.
pub fn basic(username: &str, password: &str) -> Option<HeaderValue> {
    if username.contains(':') || username.chars().chain(password.chars()).any(char::is_control) {
        return None;
    }
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    let mut header = HeaderValue::from_str(&format!("Basic {text}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}
