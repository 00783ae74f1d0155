//! What a registry lets somebody do, found out without writing anything.
//!
//! Reading is tried. Writing cannot be: opening an upload is a write already. But a token says what it was given for, so
//! where a registry works with tokens the right is known before the first byte (distribution, "Token Authentication
//! Implementation": the claim `access`).

use std::time::SystemTime;

use reqwest::Method;
use reqwest::header::{DATE, HeaderMap};
use serde::Deserialize;

use super::client::{Ask, Client};
use super::scopes::Scopes;
use super::transport::{Body, Request};
use super::wire::Caller;
use crate::credentials::Obtained;
use crate::credentials::jwt::claims_of;
use crate::oci::{ErrorKind, OciError};

/// How a registry answered to who logs in.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// The credential it took, `None` where it asks for none; or why it let nobody in.
    pub login: Result<Option<Obtained>, OciError>,
    /// What time it is there, and what time it was here.
    pub clock: Option<(SystemTime, SystemTime)>,
}

/// May somebody write?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushRight {
    /// The token was given for it.
    Granted,
    /// It was not; why, in words.
    Refused(String),
    /// Only writing would show; why, in words.
    Unknown(&'static str),
}

impl Client {
    /// Asks the API's root, as `docker login` does, and takes the time from whatever answer comes.
    pub async fn greet(&self, caller: &Caller) -> Greeting {
        let login = self.enter(caller).await;
        let (login, headers) = match login {
            Ok((login, headers)) => (Ok(login), Some(headers)),
            Err(error) => (Err(error), None),
        };
        let headers = match (headers, &login) {
            (Some(headers), _) => Some(headers),
            (None, Err(error)) if error.kind == ErrorKind::Unreachable => None,
            // A refusal has a date as well: a clock that is wrong may be its very reason.
            (None, _) => self.refusal(caller).await,
        };
        let here = SystemTime::now();
        let there = headers.as_ref().and_then(date);
        Greeting {
            login,
            clock: there.map(|there| (there, here)),
        }
    }

    pub(super) async fn enter(&self, caller: &Caller) -> Result<(Option<Obtained>, HeaderMap), OciError> {
        let ask = Ask {
            operation: "log in to",
            subject: self.host.name.clone(),
            method: Method::GET,
            url: self.host.at("/v2/")?,
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            scopes: Scopes::default(),
            also_good: None,
        };
        let answer = self.ask(ask, caller).await?;
        Ok((self.login_in_use(caller).await?, answer.headers))
    }

    async fn refusal(&self, caller: &Caller) -> Option<HeaderMap> {
        let request = Request {
            method: Method::GET,
            url: self.host.at("/v2/").ok()?,
            headers: HeaderMap::new(),
            body: Body::Bytes(bytes::Bytes::new()),
        };
        Some(self.wire().exchange(request, caller).await.ok()?.headers)
    }

    /// May whoever logs in push to a repository? Asks at most the token server. To be called after [`Client::greet`].
    pub async fn may_push(&self, repository: &str, caller: &Caller) -> Result<PushRight, OciError> {
        let repository = self.host.repository(repository);
        let header = match self.login_header(&Scopes::push(&repository), caller).await {
            Ok(header) => header,
            Err(error) if error.kind == ErrorKind::Denied => return Ok(PushRight::Refused(error.detail)),
            Err(error) => return Err(error),
        };
        let Some(header) = header else {
            return Ok(PushRight::Unknown("it asks for no login"));
        };
        let Some(token) = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")) else {
            return Ok(PushRight::Unknown("it works with passwords"));
        };
        Ok(match actions(token, &repository) {
            None => PushRight::Unknown("its tokens do not say what they are for"),
            Some(actions) if actions.iter().any(|action| action == "push" || action == "*") => PushRight::Granted,
            Some(actions) if actions.is_empty() => PushRight::Refused("its token is good for nothing there".to_owned()),
            Some(actions) => {
                let shown: String = actions
                    .join(", ")
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(60)
                    .collect();
                PushRight::Refused(format!("its token is good for {shown} only"))
            }
        })
    }
}

fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

#[derive(Deserialize)]
struct Claims {
    access: Option<Vec<Access>>,
}

#[derive(Deserialize)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    actions: Vec<String>,
}

/// What a token says that it is good for in a repository; `None` where it is no JWT or has no such claim. Read to be shown,
/// never believed for more: nothing here checks a signature.
fn actions(token: &str, repository: &str) -> Option<Vec<String>> {
    let of_repository = claims_of::<Claims>(token)?
        .access?
        .into_iter()
        .filter(|access| access.kind == "repository" && access.name == repository);
    Some(of_repository.flat_map(|access| access.actions).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn token(payload: &str) -> String {
        format!("x.{}.y", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_token_says_what_it_is_good_for_in_one_repository() {
        let table: &[(&str, Option<&[&str]>)] = &[
            (
                r#"{"access":[{"type":"repository","name":"a/b","actions":["pull","push"]}]}"#,
                Some(&["pull", "push"]),
            ),
            (r#"{"access":[{"type":"repository","name":"a/b"}]}"#, Some(&[])),
            (
                r#"{"access":[{"type":"repository","name":"a/c","actions":["push"]}]}"#,
                Some(&[]),
            ),
            (
                r#"{"access":[{"type":"registry","name":"a/b","actions":["*"]}]}"#,
                Some(&[]),
            ),
            (r#"{"access":[]}"#, Some(&[])),
            (r#"{"access":null}"#, None),
            (r#"{"sub":"x"}"#, None),
            (r#"{"access":7}"#, None),
            ("not json", None),
        ];
        for (payload, expected) in table {
            let said = actions(&token(payload), "a/b");
            let said: Option<Vec<&str>> = said.as_ref().map(|list| list.iter().map(String::as_str).collect());
            assert_eq!(said.as_deref(), *expected, "{payload}");
        }
        for opaque in ["", "opaque", "a.b", "a.!!.c"] {
            assert_eq!(actions(opaque, "a/b"), None, "{opaque}");
        }
    }
}
