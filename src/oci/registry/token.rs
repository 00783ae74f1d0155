//! Fetching one bearer token: GET with or without a password, or the refresh-token grant for identity tokens
//! (distribution, "Token Authentication Specification" and "`OAuth2` Token Authentication").

use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use tokio::time::Instant;

use super::answer::{read_small, trouble_of, words_of};
use super::auth::basic;
use super::host::Host;
use super::retry::{Tries, Trouble};
use super::scopes::Scopes;
use super::transport::{Body, Request};
use super::wire::{Caller, Wire};
use crate::credentials::{Credential, Obtained};
use crate::oci::{ErrorKind, OciError};

/// Tokens are a few KiB; ACR's with many scopes some more.
const ANSWER_LIMIT: usize = 256 * 1024;
/// What tokens live for when the server does not say (token specification, `expires_in`).
const DEFAULT_LIFE: u64 = 60;
/// No token is believed to live longer.
const LONGEST_LIFE: u64 = 24 * 3600;
/// Renewed so long before the end.
const EARLY: u64 = 30;

/// A token, ready to send.
#[derive(Debug, Clone)]
pub struct Token {
    /// The `Authorization` header; never shown.
    pub header: HeaderValue,
    /// Used until then.
    pub until: Instant,
}

/// What a token is asked for.
pub struct Asked<'a> {
    /// What sends.
    pub wire: &'a Wire,
    /// The registry.
    pub host: &'a Host,
    /// Its token server.
    pub realm: &'a Url,
    /// What the registry calls itself there.
    pub service: &'a str,
    /// What for.
    pub scopes: &'a Scopes,
    /// On whose behalf.
    pub caller: &'a Caller,
}

impl Asked<'_> {
    /// Fetches one token, trying again where that may help. `remedy` is the hint when the login is refused.
    pub async fn fetch(&self, login: &Obtained, remedy: &str) -> Result<Token, OciError> {
        let (credential, from) = (&login.credential, &login.from);
        let server = self.realm.host_str().unwrap_or_default();
        let error = |kind: ErrorKind, detail: String| OciError::new(kind, "log in to", &self.host.name, detail);
        let fail = |trouble: Trouble| {
            let mut error = error(trouble.kind, format!("token server {server}: {}", trouble.detail));
            error.hint = trouble.hint;
            error
        };
        let mut tries = Tries::default();
        loop {
            let request = request(self.realm, self.service, self.scopes, credential).ok_or_else(|| {
                error(
                    ErrorKind::BadCredentials,
                    format!("the user name from the {from} has a colon or a control character"),
                )
                .hint(remedy)
            })?;
            let trouble = match self.wire.exchange(request, self.caller).await {
                Ok(response) if response.status == StatusCode::OK => {
                    return read(response.body)
                        .await
                        .map_err(|detail| error(ErrorKind::Protocol, format!("token server {server}: {detail}")));
                }
                Ok(response) => {
                    let words = words_of(response.body).await;
                    let trouble = trouble_of(response.status, &response.headers, &words, false);
                    if login_is_bad(response.status, credential) {
                        let detail = format!(
                            "token server {server} refuses the login from the {from}: {}",
                            trouble.detail
                        );
                        return Err(error(ErrorKind::BadCredentials, detail).hint(remedy));
                    }
                    // "Absent" would mean the repository, but it is the token server that is not there.
                    let kind = if trouble.kind == ErrorKind::Absent {
                        ErrorKind::Protocol
                    } else {
                        trouble.kind
                    };
                    Trouble { kind, ..trouble }
                }
                Err(trouble) => trouble,
            };
            let Some(delay) = self.wire.next_try(&mut tries, trouble.again) else {
                return Err(fail(trouble));
            };
            self.caller.retrying(tries.failed(), delay, fail(trouble).to_string());
            tokio::time::sleep(delay).await;
        }
    }
}

/// 401 to a password, 400 or 401 to an identity token, say that the login is wrong. 403 says that this scope is
/// denied; without a login everything does.
fn login_is_bad(status: StatusCode, credential: &Credential) -> bool {
    match credential {
        Credential::Anonymous => false,
        Credential::Basic { .. } => status == StatusCode::UNAUTHORIZED,
        Credential::IdentityToken(_) => matches!(status, StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST),
    }
}

fn request(realm: &Url, service: &str, scopes: &Scopes, credential: &Credential) -> Option<Request> {
    let mut headers = HeaderMap::new();
    if let Credential::IdentityToken(token) = credential {
        let scope = scopes.to_string();
        let form = [
            ("grant_type", "refresh_token"),
            ("service", service),
            ("scope", &scope),
            ("client_id", "aosm-build"),
            ("refresh_token", token.expose()),
        ]
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .join("&");
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        return Some(Request {
            method: Method::POST,
            url: realm.clone(),
            headers,
            body: Body::Bytes(form.into()),
        });
    }
    let mut url = realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if !service.is_empty() {
            query.append_pair("service", service);
        }
        for scope in scopes.texts() {
            query.append_pair("scope", &scope);
        }
    }
    if let Credential::Basic { username, password } = credential {
        headers.insert(AUTHORIZATION, basic(username, password.expose())?);
    }
    Some(Request {
        method: Method::GET,
        url,
        headers,
        body: Body::Bytes(Bytes::new()),
    })
}

async fn read(body: crate::oci::ByteStream) -> Result<Token, String> {
    let bytes = read_small(body, ANSWER_LIMIT)
        .await
        .ok_or("the answer breaks off or is too long")?;
    let answer: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| "the answer is no JSON")?;
    let text = ["token", "access_token"]
        .iter()
        .find_map(|name| {
            answer
                .get(name)
                .and_then(|value| value.as_str())
                .filter(|text| !text.is_empty())
        })
        .ok_or("the answer holds no token")?;
    let mut header =
        HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| "the token has characters that cannot be sent")?;
    header.set_sensitive(true);
    let life = answer
        .get("expires_in")
        .and_then(serde_json::Value::as_u64)
        .filter(|life| *life > 0)
        .unwrap_or(DEFAULT_LIFE);
    let life = life.min(LONGEST_LIFE);
    let usable = life - EARLY.min(life / 2);
    Ok(Token {
        header,
        until: Instant::now() + Duration::from_secs(usable),
    })
}
