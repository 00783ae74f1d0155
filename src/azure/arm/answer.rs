//! An answer of Resource Manager, read whole, and what a refusal amounts to.

use std::time::SystemTime;

use reqwest::header::{DATE, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::client::Ask;
use super::error::{ArmError, ArmErrorKind, ServiceWords};
use super::error_body::{Told, one_line, told};
use crate::credentials::entra::clock_words;

/// A good answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Status: 2xx.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Its JSON; null where it has no body.
    pub value: Value,
    /// Where it came from.
    pub url: Url,
}

impl Answer {
    /// What support asks for.
    pub fn correlation(&self) -> Option<String> {
        correlation(&self.headers)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
    }
}

/// `x-ms-correlation-request-id`, else the id of the request (Resource Manager, "Response headers").
pub(super) fn correlation(headers: &HeaderMap) -> Option<String> {
    ["x-ms-correlation-request-id", "x-ms-request-id"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .map(one_line)
        .filter(|id| !id.is_empty())
        .map(|id| id.chars().take(64).collect())
}

/// The error of a refusal.
pub(super) fn refusal(ask: &Ask, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ArmError {
    let kind = match status {
        StatusCode::UNAUTHORIZED => ArmErrorKind::Login,
        StatusCode::FORBIDDEN => ArmErrorKind::Denied,
        StatusCode::NOT_FOUND | StatusCode::GONE => ArmErrorKind::Absent,
        StatusCode::TOO_MANY_REQUESTS => ArmErrorKind::Throttled,
        StatusCode::REQUEST_TIMEOUT => ArmErrorKind::Server,
        status if status.is_server_error() => ArmErrorKind::Server,
        status if status.is_client_error() => ArmErrorKind::Refused,
        _ => ArmErrorKind::Protocol,
    };
    let told = told(body).unwrap_or_else(|| Told {
        message: plain_text(body),
        ..Told::default()
    });
    let mut detail = match (&told.code, status.canonical_reason()) {
        (Some(code), _) => format!("{} {code}", status.as_u16()),
        (None, Some(reason)) => format!("{} {reason}", status.as_u16()),
        (None, None) => status.as_u16().to_string(),
    };
    if !told.message.is_empty() {
        detail = format!("{detail}: {}", told.message);
    }
    // A token is good for a time, by the clocks of both.
    if kind == ArmErrorKind::Login
        && let Some(clock) = clock(headers)
    {
        detail = format!("{detail}; {clock}");
    }
    let mut error = ArmError::new(kind, ask.operation, &ask.subject, detail);
    error.hint = hint(ask, kind, told.code.as_deref(), headers);
    *error.service = ServiceWords {
        code: told.code,
        lines: told.lines,
        correlation: correlation(headers),
    };
    error
}

fn clock(headers: &HeaderMap) -> Option<String> {
    let there = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    clock_words(there, SystemTime::now(), "Resource Manager")
}

/// A page for people says nothing in one line.
fn plain_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..body.len().min(4096)).unwrap_or_default());
    if text.trim_start().starts_with(['<', '{', '[']) {
        String::new()
    } else {
        one_line(&text)
    }
}

fn hint(ask: &Ask, kind: ArmErrorKind, code: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let by_code = match code.unwrap_or_default() {
        "SubscriptionNotFound" => {
            "check --subscription; if it is in another tenant than the login's, name that with --tenant"
        }
        "ResourceGroupNotFound" => "check --resource-group: the publisher's, not that of what it manages",
        "InvalidResourceLocation" | "LocationNotAvailableForResourceType" => {
            "give the publisher's own region as --location"
        }
        "InvalidApiVersionParameter" | "NoRegisteredProviderFound" | "UnsupportedApiVersion" => {
            "try another --api-version"
        }
        "MissingSubscriptionRegistration" => {
            "register it with: az provider register --namespace Microsoft.HybridNetwork"
        }
        "ExpiredAuthenticationToken" => "log in again, or put another token into AOSM_ARM_TOKEN",
        _ => "",
    };
    if !by_code.is_empty() {
        return Some(by_code.to_owned());
    }
    match kind {
        ArmErrorKind::Login => tenant_of(headers).map(|tenant| {
            format!(
                "the subscription belongs to the tenant {tenant}: log in to that one, with --tenant {tenant}, or \
                 tenant = \"{tenant}\" in the store"
            )
        }),
        ArmErrorKind::Denied => Some(format!(
            "the login needs the right {}: Contributor on the publisher's resource group has it",
            ask.right
        )),
        _ => None,
    }
}

/// The tenant that a challenge names: `authorization_uri="https://login.windows.net/TENANT"`.
fn tenant_of(headers: &HeaderMap) -> Option<String> {
    let challenge = headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
    let (_, after) = challenge.split_once("authorization_uri=\"")?;
    let (uri, _) = after.split_once('"')?;
    let url = Url::parse(uri).ok()?;
    let tenant = url.path_segments()?.next()?.to_owned();
    let good = tenant.len() == 36 && tenant.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    good.then_some(tenant)
}
