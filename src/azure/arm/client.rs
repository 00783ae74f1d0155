//! One request to Resource Manager: login, permits, retries, and the answer judged.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::answer::{Answer, correlation, refusal};
use super::cloud::endpoint_of;
use super::error::{ArmError, ArmErrorKind};
use super::login::{ArmLogin, LoginFacts, NoToken, TOKEN_VARIABLE};
use super::version::ApiVersion;
use crate::credentials::entra::{Cloud, Which};
use crate::credentials::{Secret, Variables};
use crate::fault::Fault;
use crate::oci::Job;
use crate::oci::registry::retry::{Again, Tries, again};
use crate::oci::registry::transport::{Body, Request};
use crate::oci::registry::{Caller, Registries, Service};

/// An answer has at most this many bytes; pages are bounded one by one.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;
/// How long a long-running operation may take, where nobody says otherwise.
const OPERATION_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Whoever says more means for ever, and no operation is kept for longer.
const LONGEST_OPERATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// Which Resource Manager, as whom, in which version.
#[derive(Debug, Clone)]
pub struct ArmSettings {
    /// The cloud: endpoint and audience.
    pub cloud: Cloud,
    /// Another endpoint than the cloud's: https, or http on loopback.
    pub endpoint: Option<String>,
    /// A bearer token that goes before every identity.
    pub token: Option<Secret>,
    /// Which identities may be used.
    pub which: Which,
    /// The Entra tenant; `None`: the identity's own.
    pub tenant: Option<String>,
    /// The version of the API.
    pub api: ApiVersion,
    /// How long a long-running operation is waited for.
    pub operation_limit: Duration,
}

impl Default for ArmSettings {
    fn default() -> Self {
        Self {
            cloud: Cloud::default(),
            endpoint: None,
            token: None,
            which: Which::Any,
            tenant: None,
            api: ApiVersion::default(),
            operation_limit: OPERATION_LIMIT,
        }
    }
}

impl ArmSettings {
    /// With what `AOSM_ARM_ENDPOINT` and `AOSM_ARM_TOKEN` say.
    pub fn by(variables: &Variables) -> Self {
        Self {
            endpoint: variables.get("AOSM_ARM_ENDPOINT"),
            token: variables.get(TOKEN_VARIABLE).map(Secret::new),
            ..Self::default()
        }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// In words, for messages: `read artifact store`.
    pub operation: &'static str,
    /// On what, for messages.
    pub subject: String,
    /// The right that it takes, as roles spell it.
    pub right: &'static str,
    /// Method. Every request here may be sent twice: what it asks for is a state, not a step.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// What is sent.
    pub body: Option<Value>,
}

/// Resource Manager as one identity.
pub struct Arm {
    service: Service,
    endpoint: Url,
    login: ArmLogin,
    api: ApiVersion,
    /// What time it was there and here when it last answered.
    clock: Mutex<Option<(SystemTime, SystemTime)>>,
    pub(super) operation_limit: Duration,
}

impl Arm {
    /// A client over the run's sockets; nothing is sent yet. Fails on an endpoint that no token may be sent to.
    pub fn new(registries: &Registries, settings: &ArmSettings) -> Result<Arc<Self>, Fault> {
        let endpoint = endpoint_of(settings.cloud, settings.endpoint.as_deref())?;
        let host = host_of(&endpoint);
        let login = match &settings.token {
            Some(token) => ArmLogin::Given(token.clone()),
            None => ArmLogin::Identity {
                identity: registries
                    .entra()
                    .identity(settings.which, settings.tenant.clone(), settings.cloud),
                scope: settings.cloud.arm_scope(),
            },
        };
        Ok(Arc::new(Self {
            service: registries.service(&host),
            endpoint,
            login,
            api: settings.api,
            clock: Mutex::default(),
            operation_limit: settings.operation_limit.min(LONGEST_OPERATION),
        }))
    }

    /// The version that is spoken.
    pub fn api(&self) -> ApiVersion {
        self.api
    }

    /// Its host, with the port where there is one.
    pub fn host(&self) -> String {
        host_of(&self.endpoint)
    }

    /// Who asks it.
    pub async fn login(&self) -> Result<LoginFacts, ArmError> {
        let ask = Ask {
            operation: "log in to",
            subject: self.host(),
            right: "",
            method: Method::GET,
            url: self.endpoint.clone(),
            body: None,
        };
        self.login.facts().await.map_err(|why| no_token(&ask, why))
    }

    /// What time it was there and here when it last answered; `None` before it did, or where it told no time.
    pub fn clock(&self) -> Option<(SystemTime, SystemTime)> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_time(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(there) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((there, SystemTime::now()));
        }
    }

    /// Where it is, without a path.
    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// The URL of a resource, or of what is below it. Segments are encoded, so that no name leads elsewhere.
    pub(crate) fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url.query_pairs_mut()
            .append_pair("api-version", self.api.as_str())
            .extend_pairs(query);
        url
    }

    /// Sends one request, tries again where that may help, and reads the answer. Everything but 2xx is an error.
    pub(crate) async fn send(&self, ask: &Ask, job: &Job) -> Result<Answer, ArmError> {
        let caller = Caller::from(job);
        tokio::select! {
            answer = self.try_to(ask, &caller) => answer,
            () = job.cancel.cancelled() => Err(cancelled(ask)),
        }
    }

    async fn try_to(&self, ask: &Ask, caller: &Caller) -> Result<Answer, ArmError> {
        let mut tries = Tries::default();
        let mut renewed = false;
        loop {
            let login = self.login.header().await.map_err(|why| no_token(ask, why))?;
            let (error, again) = match self.service.exchange(request(ask, login), ANSWER_LIMIT, caller).await {
                Ok(answer) if answer.status.is_success() => {
                    self.note_time(&answer.headers);
                    return read(ask, answer.status, answer.headers, &answer.body);
                }
                Ok(answer) => {
                    self.note_time(&answer.headers);
                    let error = refusal(ask, answer.status, &answer.headers, &answer.body);
                    if answer.status == StatusCode::UNAUTHORIZED && !renewed && self.login.refused() {
                        renewed = true;
                        continue;
                    }
                    (self.told(error), again(answer.status, &answer.headers))
                }
                Err(trouble) => {
                    let mut error = ArmError::new(trouble.kind.into(), ask.operation, &ask.subject, trouble.detail);
                    error.hint = trouble.hint;
                    (error, trouble.again)
                }
            };
            let Some(delay) = self.service.next_try(&mut tries, again) else {
                return Err(out_of_patience(error, again));
            };
            caller.retrying(tries.failed(), delay, error.to_string());
            tokio::time::sleep(delay).await;
        }
    }

    /// A refused login, with whose it was.
    fn told(&self, mut error: ArmError) -> ArmError {
        if error.kind == ArmErrorKind::Login && self.login.is_given() {
            error.detail = format!("the token in {TOKEN_VARIABLE} was refused: {}", error.detail);
            let other = format!("put another token into {TOKEN_VARIABLE}, or unset it to use an identity");
            error.hint = Some(match error.hint {
                Some(hint) => format!("{hint}; or {other}"),
                None => other,
            });
        }
        error
    }
}

fn host_of(endpoint: &Url) -> String {
    let host = endpoint.host_str().unwrap_or_default();
    match endpoint.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// How long a service asked us to wait, where that was too long.
fn out_of_patience(mut error: ArmError, again: Again) -> ArmError {
    if let Again::Throttled(Some(wait)) = again {
        error.detail = format!("{}, retry after {} s", error.detail, wait.as_secs());
    }
    error
}

fn request(ask: &Ask, login: HeaderValue) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, login);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let body = ask.body.as_ref().map(Value::to_string);
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Request {
        method: ask.method.clone(),
        url: ask.url.clone(),
        headers,
        body: Body::Bytes(body.map(Bytes::from).unwrap_or_default()),
    }
}

fn read(ask: &Ask, status: StatusCode, headers: HeaderMap, body: &[u8]) -> Result<Answer, ArmError> {
    let value = if body.iter().all(u8::is_ascii_whitespace) {
        Value::Null
    } else {
        serde_json::from_slice(body).map_err(|error| {
            let why = if body.trim_ascii_start().starts_with(b"<") {
                "it is a page for people".to_owned()
            } else {
                // Its words are of places only; the text may hold a secret.
                format!("line {}, column {}", error.line(), error.column())
            };
            ArmError::new(
                ArmErrorKind::Protocol,
                ask.operation,
                &ask.subject,
                format!("the answer is no JSON ({why})"),
            )
            .at(correlation(&headers))
        })?
    };
    Ok(Answer {
        status,
        headers,
        value,
        url: ask.url.clone(),
    })
}

pub(super) fn cancelled(ask: &Ask) -> ArmError {
    ArmError::new(ArmErrorKind::Cancelled, ask.operation, &ask.subject, "stopped")
}

fn no_token(ask: &Ask, why: NoToken) -> ArmError {
    match why {
        NoToken::Unusable(what) => ArmError::new(
            ArmErrorKind::Login,
            ask.operation,
            &ask.subject,
            format!("{TOKEN_VARIABLE} {what}"),
        )
        .hint(format!(
            "put what `az account get-access-token --query accessToken -o tsv` prints into {TOKEN_VARIABLE}, or unset it"
        )),
        NoToken::Identity(error) => {
            let head = if error.broken {
                "the Entra identity gives no token"
            } else {
                "no Entra identity was found"
            };
            let mut told = ArmError::new(ArmErrorKind::Login, ask.operation, &ask.subject, head);
            // One line for each that was tried, in their order.
            told.service.lines = error
                .tried
                .iter()
                .map(|tried| format!("{}: {}", tried.identity, tried.answer))
                .collect();
            told.hint = error.hint;
            told
        }
    }
}
