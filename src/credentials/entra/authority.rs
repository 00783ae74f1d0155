//! Entra's token endpoint (Microsoft identity platform, "client credentials flow"), and how its answers are read.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::super::helper::one_line;
use super::super::{Secret, Variables};
use super::cloud::Cloud;
use super::identity::Answer;
use super::remedy;
use super::skew::clock_words;
use super::wire::{IdentityWire, Question, Reply};

/// No token is believed to live longer.
const LONGEST_LIFE: u64 = 24 * 3600;
/// What tokens live for when nobody says.
const DEFAULT_LIFE: u64 = 300;

/// Codes that refuse the audience rather than the identity.
const AUDIENCE_CODES: [&str; 7] = [
    "invalid_resource",
    "invalid_scope",
    "AADSTS500011",
    "AADSTS500014",
    "AADSTS650057",
    "AADSTS65001:",
    "AADSTS70011",
];

/// A number that some endpoints write as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Text(String),
}

impl Number {
    fn value(&self) -> Option<u64> {
        match self {
            Self::Whole(value) => Some(*value),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<Number>,
    /// Seconds since 1970.
    expires_on: Option<Number>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
}

/// Does a refusal concern the audience only?
pub(super) fn is_about_audience(text: &str) -> bool {
    AUDIENCE_CODES.iter().any(|code| text.contains(code))
}

/// Where identities log in: `AZURE_AUTHORITY_HOST`, else the cloud's own.
pub(super) fn authority(variables: &Variables, cloud: Cloud) -> Result<url::Url, String> {
    let Some(given) = variables.get("AZURE_AUTHORITY_HOST") else {
        return url::Url::parse(cloud.authority()).map_err(|error| error.to_string());
    };
    // Both forms are in use: with and without scheme.
    let text = if given.contains("://") {
        given
    } else {
        format!("https://{given}")
    };
    url::Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty())
        .ok_or_else(|| "AZURE_AUTHORITY_HOST is no address: write https://login.microsoftonline.com".to_owned())
}

/// A tenant becomes part of a path, and an argument.
pub(super) fn check_tenant(tenant: &str) -> Result<(), String> {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if tenant.starts_with(|c: char| c.is_ascii_alphanumeric()) && tenant.chars().all(inside) {
        return Ok(());
    }
    Err("the tenant is neither an id nor a domain".to_owned())
}

/// The token endpoint of a tenant.
pub(super) fn token_endpoint(authority: &url::Url, tenant: &str) -> Result<url::Url, String> {
    check_tenant(tenant)?;
    let base = authority.as_str().trim_end_matches('/');
    url::Url::parse(&format!("{base}/{tenant}/oauth2/v2.0/token")).map_err(|error| error.to_string())
}

/// Asks a token endpoint.
pub(super) async fn ask(
    wire: &dyn IdentityWire,
    endpoint: url::Url,
    form: Vec<(&'static str, Secret)>,
    from: String,
) -> Answer {
    let server = endpoint.host_str().unwrap_or_default().to_owned();
    match wire.ask(Question::post(endpoint, form)).await {
        Ok(reply) => read(&reply, &server, from),
        Err(why) => Answer::failed(format!("{server}: {why}")).hint(unreachable(&server)),
    }
}

/// What to do where a server that gives tokens cannot be asked.
pub(super) fn unreachable(server: &str) -> String {
    format!("check that {server} can be reached from here: the network, and proxy and ca-file in [network]")
}

/// Reads the answer of a token endpoint: of Entra, or of a managed identity.
pub(super) fn read(reply: &Reply, server: &str, from: String) -> Answer {
    if reply.status != 200 {
        return refusal(reply, server);
    }
    let Ok(granted) = serde_json::from_slice::<Granted>(&reply.body) else {
        return Answer::failed(format!("{server}: the answer holds no token"));
    };
    if granted.access_token.is_empty() || granted.access_token.chars().any(char::is_control) {
        return Answer::failed(format!("{server}: the answer holds no token"));
    }
    let life = granted
        .expires_in
        .as_ref()
        .and_then(Number::value)
        .or_else(|| until(granted.expires_on.as_ref().and_then(Number::value)?));
    Answer::Token {
        secret: Secret::new(granted.access_token),
        life: life_of(life),
        from,
    }
}

/// A life within reason.
pub(super) fn life_of(seconds: Option<u64>) -> Duration {
    Duration::from_secs(
        seconds
            .filter(|life| *life > 0)
            .unwrap_or(DEFAULT_LIFE)
            .min(LONGEST_LIFE),
    )
}

/// Seconds from now until then.
pub(super) fn until(seconds_since_1970: u64) -> Option<u64> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    Some(seconds_since_1970.saturating_sub(now.as_secs()))
}

fn refusal(reply: &Reply, server: &str) -> Answer {
    let words = match serde_json::from_slice::<Refused>(&reply.body) {
        Ok(refused) if !refused.error_description.is_empty() => {
            // Behind the sentence there are trace ids and times.
            let line = one_line(&refused.error_description);
            let sentence = line.split(" Trace ID:").next().unwrap_or_default();
            format!("{sentence} ({})", one_line(&refused.error))
        }
        Ok(refused) if !refused.error.is_empty() => one_line(&refused.error),
        _ => String::new(),
    };
    let mut why = if words.is_empty() {
        format!("{server} says {}", reply.status)
    } else {
        format!("{server} says {}: {words}", reply.status)
    };
    let there = reply.date.filter(|_| matches!(reply.status, 400 | 401));
    if let Some(clock) = there.and_then(|there| clock_words(there, SystemTime::now(), server)) {
        why = format!("{why}; {clock}");
    }
    Answer::Failed {
        audience: is_about_audience(&words),
        hint: remedy::of(&words).map(str::to_owned),
        why,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            body: body.into(),
            challenge: None,
            date: None,
        }
    }

    #[test]
    fn lives_are_read_as_numbers_and_as_texts() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let on = now.unwrap().as_secs() + 1000;
        for (body, life) in [
            (r#"{"access_token":"t","expires_in":3599}"#.to_owned(), 3599),
            (r#"{"access_token":"t","expires_in":"3599"}"#.to_owned(), 3599),
            (format!(r#"{{"access_token":"t","expires_on":"{on}"}}"#), 1000),
            (r#"{"access_token":"t"}"#.to_owned(), DEFAULT_LIFE),
            (
                r#"{"access_token":"t","expires_in":99999999999}"#.to_owned(),
                LONGEST_LIFE,
            ),
        ] {
            let Answer::Token { life: read, .. } = read(&reply(200, &body), "s", String::new()) else {
                panic!("{body}")
            };
            assert!(read.as_secs().abs_diff(life) <= 2, "{body}: {read:?}");
        }
    }

    #[test]
    fn refusals_are_told_in_one_line_and_the_audience_apart_from_the_identity() {
        for (body, part, about_audience) in [
            (
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1 Correlation ID: 2"}"#,
                "AADSTS7000215: Invalid client secret provided.",
                false,
            ),
            (
                r#"{"error":"invalid_resource","error_description":"AADSTS500011: The resource principal was not found."}"#,
                "AADSTS500011",
                true,
            ),
            ("<html>", "s says 400", false),
            ("", "s says 400", false),
        ] {
            let Answer::Failed { why, audience, .. } = super::read(&reply(400, body), "s", String::new()) else {
                panic!("{body}")
            };
            assert!(
                why.contains(part) && !why.contains("Correlation") && !why.contains('\n'),
                "{why}"
            );
            assert_eq!(audience, about_audience, "{why}");
        }
        for body in ["", "{}", r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#] {
            assert!(matches!(
                super::read(&reply(200, body), "s", String::new()),
                Answer::Failed { .. }
            ));
        }
    }

    #[test]
    fn the_authority_is_the_clouds_or_the_environments_and_a_tenant_cannot_lead_elsewhere() {
        let of = |pairs: &[(&str, &str)], cloud| authority(&Variables::of(pairs.iter().copied()), cloud);
        assert_eq!(
            of(&[], Cloud::China).unwrap().as_str(),
            "https://login.chinacloudapi.cn/"
        );
        for (given, endpoint) in [
            ("https://login.test", "https://login.test/t/oauth2/v2.0/token"),
            ("login.test/", "https://login.test/t/oauth2/v2.0/token"),
            ("http://localhost:1/x/", "http://localhost:1/x/t/oauth2/v2.0/token"),
        ] {
            let authority = of(&[("AZURE_AUTHORITY_HOST", given)], Cloud::Public).unwrap();
            assert_eq!(token_endpoint(&authority, "t").unwrap().as_str(), endpoint);
        }
        for bad in ["file:///etc", "https://", "u@h", ":"] {
            assert!(of(&[("AZURE_AUTHORITY_HOST", bad)], Cloud::Public).is_err(), "{bad}");
        }
        let authority = of(&[], Cloud::Public).unwrap();
        for bad in ["", "..", "a/b", "a?b", "a#b", "a b", "%2e"] {
            assert!(token_endpoint(&authority, bad).is_err(), "{bad}");
        }
    }
}
