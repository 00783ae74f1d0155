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
use super::logins::Logins;
use super::retry::Trouble;
use super::scopes::Scopes;
use super::token::{Asked, Token};
use super::wire::{Caller, Wire};
use crate::credentials::{Credential, CredentialSource, Obtained};
use crate::oci::{ErrorKind, OciError};

/// How long a failed token request stands for all who want the same token: they came together, and fail together.
const FAILURE_STANDS: Duration = Duration::from_secs(2);
/// How long the first requests to a registry wait for each other, to learn from one answer.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// A request is sent again at most this often because of 401.
const LOGINS: u32 = 4;
/// So many logins of one source are tried for one token: a newer one may have come while the old one was refused.
const GENERATIONS: u32 = 3;
/// Both limits while the server may not know the login yet. The source spreads them over about a minute; this ends what would
/// go on because others are let in meanwhile.
const WHILE_SETTLING: u32 = 16;

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
    made: Made,
    failed: Option<(OciError, Instant)>,
}

/// What a token was made with.
#[derive(Debug, Clone, Copy, Default)]
struct Made {
    /// Nothing: it was given to somebody without a login.
    anonymous: bool,
    /// The credential of this generation.
    generation: u64,
}

struct State {
    scheme: Scheme,
    slots: HashMap<Scopes, Arc<tokio::sync::Mutex<Slot>>>,
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
        made: Made,
    },
}

impl Login {
    /// Which credential of the source it was made with; `None`: with none.
    fn generation(&self) -> Option<u64> {
        match &self.with {
            With::Password { generation } => Some(*generation),
            With::Token { made, .. } => (!made.anonymous).then_some(made.generation),
        }
    }
}

/// The login state of one registry and principal.
pub struct Authenticator {
    host: Host,
    logins: Logins,
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
        };
        Self {
            logins: Logins::new(host.clone(), credentials),
            host,
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
        self.logins.principal()
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

    /// An answer other than 401 came to a request that was sent with this.
    pub fn accepted(&self, login: Option<&Login>) {
        if let Some(generation) = login.and_then(Login::generation) {
            self.logins.accepted(generation);
        }
        let mut state = self.lock();
        if matches!(state.scheme, Scheme::Unknown) {
            state.scheme = Scheme::Open;
        }
    }

    /// Does the login open this repository? `None`: only the registry can tell.
    pub fn opens(&self, repository: &str) -> Option<bool> {
        self.logins.opens(repository)
    }

    /// What to log in with for these scopes; `None` while the registry wants nothing.
    pub async fn login(&self, scopes: &Scopes, caller: &Caller) -> Result<Option<Login>, OciError> {
        let scheme = self.lock().scheme.clone();
        match scheme {
            Scheme::Unknown | Scheme::Open => Ok(None),
            Scheme::Basic => self.password(scopes, caller).await.map(Some),
            Scheme::Bearer { realm, service } => self.token(&realm, &service, scopes, caller).await.map(Some),
        }
    }

    /// The credential that requests without a repository are made with; `None` while the registry wants none.
    pub async fn in_use(&self, caller: &Caller) -> Result<Option<Obtained>, OciError> {
        let scheme = self.lock().scheme.clone();
        let service = match &scheme {
            Scheme::Unknown | Scheme::Open => return Ok(None),
            Scheme::Basic => "",
            Scheme::Bearer { service, .. } => service,
        };
        self.logins.get(service, &Scopes::default(), caller).await.map(Some)
    }

    async fn password(&self, scopes: &Scopes, caller: &Caller) -> Result<Login, OciError> {
        let obtained = self.logins.get("", scopes, caller).await?;
        let Credential::Basic { username, password } = obtained.credential else {
            let from = obtained.from;
            let detail = match obtained.credential {
                Credential::Anonymous => match self.logins.missed() {
                    Some(missed) => format!("a login is needed: {}", missed.detail),
                    None => format!("a login is needed, and there is none in the {from}"),
                },
                _ => format!("user and password are needed, but the {from} is an identity token"),
            };
            return Err(self.logins.bad(detail));
        };
        let header = basic(&username, password.expose()).ok_or_else(|| {
            self.logins.bad(format!(
                "the user name from the {} has a colon or a control character",
                obtained.from
            ))
        })?;
        Ok(Login {
            header,
            with: With::Password {
                generation: obtained.generation,
            },
        })
    }

    /// A denial, told with what is known about the login that was denied.
    pub fn denied(&self, trouble: Trouble, login: Option<&Login>) -> Trouble {
        let anonymous = match login.map(|login| &login.with) {
            Some(With::Token { made, .. }) => made.anonymous,
            Some(With::Password { .. }) => false,
            None => true,
        };
        self.logins.denied(trouble, anonymous)
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
            return Ok(bearer(scopes, token, false, slot.made));
        }
        if let Some((error, at)) = &slot.failed
            && now.duration_since(*at) < FAILURE_STANDS
        {
            return Err(error.clone());
        }
        match self.fetch(realm, service, scopes, caller).await {
            Ok((token, made)) => {
                let login = bearer(scopes, &token, true, made);
                *slot = Slot {
                    token: Some(token),
                    made,
                    failed: None,
                };
                Ok(login)
            }
            Err(error) => {
                *slot = Slot {
                    token: None,
                    made: Made::default(),
                    failed: Some((error.clone(), Instant::now())),
                };
                Err(error)
            }
        }
    }

    /// Fetches a token; when the login is refused and the source has another one by now, once more with that. Says, too,
    /// what it was made with.
    async fn fetch(
        &self,
        realm: &Url,
        service: &str,
        scopes: &Scopes,
        caller: &Caller,
    ) -> Result<(Token, Made), OciError> {
        let mut obtained = self.logins.get(service, scopes, caller).await?;
        let mut refused = 0;
        while refused < self.most(GENERATIONS) {
            let asked = Asked {
                wire: &self.wire,
                host: &self.host,
                realm,
                service,
                scopes,
                caller,
            };
            match asked.fetch(&obtained, &self.logins.remedy()).await {
                Ok(token) => {
                    let made = Made {
                        anonymous: obtained.credential == Credential::Anonymous,
                        generation: obtained.generation,
                    };
                    return Ok((token, made));
                }
                Err(error) if error.kind == ErrorKind::BadCredentials => {
                    refused += 1;
                    obtained = self.logins.another(&obtained, error, service, scopes, caller).await?;
                }
                Err(error) if error.kind == ErrorKind::Denied && obtained.credential == Credential::Anonymous => {
                    return Err(self.logins.denied_token(error));
                }
                Err(error) => return Err(error),
            }
        }
        Err(self.logins.bad(format!(
            "token server {}: {refused} logins were refused one after the other",
            realm.host_str().unwrap_or_default()
        )))
    }

    /// A request was refused with 401. `Ok` when it should be sent again, perhaps with more scopes; `None` in the
    /// error when the registry denies this although the login is good (or there is none).
    pub async fn refused(
        &self,
        headers: &HeaderMap,
        login: Option<&Login>,
        scopes: &mut Scopes,
        logins: &mut u32,
        caller: &Caller,
    ) -> Result<(), Option<OciError>> {
        *logins += 1;
        let Some(challenge) = challenge_of(headers).filter(|_| *logins <= self.most(LOGINS)) else {
            return Err(None);
        };
        match (challenge, login.map(|login| &login.with)) {
            (Challenge::Basic, None) => {
                self.lock().scheme = Scheme::Basic;
                Ok(())
            }
            (Challenge::Basic, Some(With::Password { generation })) => {
                let shown = self.logins.get("", scopes, caller).await.map_err(Some)?;
                // Another request may have been refused with it meanwhile, and the source has a newer one.
                if shown.generation != *generation {
                    return Ok(());
                }
                let error = self.logins.bad(format!(
                    "401 Unauthorized: the user name or password from the {} is wrong",
                    shown.from
                ));
                self.logins
                    .another(&shown, error, "", scopes, caller)
                    .await
                    .map_err(Some)?;
                Ok(())
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
                    made,
                }) = with
                {
                    let denied = *fresh && !wants_more;
                    if denied && (made.anonymous || !self.logins.is_settling()) {
                        return Err(None);
                    }
                    self.drop_token(held, value).await;
                    if denied {
                        self.wait_for(*made, &wider, caller).await.map_err(Some)?;
                    }
                }
                *scopes = wider;
                Ok(())
            }
        }
    }

    /// How often is tried what is tried this often with a login that the server knows.
    fn most(&self, usual: u32) -> u32 {
        if self.logins.is_settling() {
            WHILE_SETTLING
        } else {
            usual
        }
    }

    /// A token that was just made with a login that was just made is refused: another one is to be made when the source has
    /// waited.
    async fn wait_for(&self, made: Made, scopes: &Scopes, caller: &Caller) -> Result<(), OciError> {
        let service = match &self.lock().scheme {
            Scheme::Bearer { service, .. } => service.clone(),
            _ => String::new(),
        };
        let shown = self.logins.get(&service, scopes, caller).await?;
        // Somebody else may have waited already.
        if shown.generation == made.generation {
            let error = self
                .logins
                .bad("the registry does not take the token that its token server gave".to_owned());
            self.logins.another(&shown, error, &service, scopes, caller).await?;
        }
        Ok(())
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
            Some(bearer(scopes, token, false, slot.made))
        })
}

fn bearer(scopes: &Scopes, token: &Token, fresh: bool, made: Made) -> Login {
    Login {
        header: token.header.clone(),
        with: With::Token {
            scopes: scopes.clone(),
            value: token.header.clone(),
            fresh,
            made,
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
