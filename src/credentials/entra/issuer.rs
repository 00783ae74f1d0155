//! Tokens that a pipeline's own server makes for a job, shown to Entra as an assertion ("workload identity federation").
//!
//! Invariants: one is fetched anew for each access token, as it is good for minutes only; it is kept nowhere; and it is
//! asked for over TLS or on this machine, because the job's own token goes along. Redirects are never followed.

use super::super::Secret;
use super::super::helper::one_line;
use super::authority::unreachable;
use super::identity::Answer;
use super::wire::{IdentityWire, Question};

/// The address that a variable names.
pub(super) fn endpoint(variable: &str, text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|_| format!("{variable} is no address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{variable} holds a login"));
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => Ok(url),
        ("http", Some(host)) if is_this_machine(&host) => Ok(url),
        _ => Err(format!(
            "{variable} is no https address, so the job's token is not sent there"
        )),
    }
}

fn is_this_machine(host: &url::Host<&str>) -> bool {
    match host {
        url::Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Asks for a job's token, which is in this field of the answer.
pub(super) async fn assertion(wire: &dyn IdentityWire, question: Question, field: &str) -> Result<Secret, Answer> {
    let server = question.url.host_str().unwrap_or_default().to_owned();
    let reply = wire
        .ask(question)
        .await
        .map_err(|why| Answer::failed(format!("{server}: {why}")).hint(unreachable(&server)))?;
    let value: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    if reply.status != 200 {
        let words = one_line(text("message"));
        let separator = if words.is_empty() { "" } else { ": " };
        return Err(Answer::failed(format!(
            "{server} says {}{separator}{words}",
            reply.status
        )));
    }
    let token = text(field);
    if token.is_empty() || token.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Answer::failed(format!("{server}: the answer holds no token")));
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::endpoint;

    #[test]
    fn a_jobs_token_goes_over_tls_or_to_this_machine_and_nowhere_else() {
        for good in [
            "https://pipelines.test/x?api-version=2.0",
            "http://127.0.0.1:1/x",
            "http://[::1]:1/",
            "http://localhost/",
        ] {
            assert!(endpoint("V", good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://pipelines.test/x", "no https"),
            ("http://localhost.evil.test/", "no https"),
            ("http://169.254.169.254/", "no https"),
            ("file:///etc/passwd", "no https"),
            ("ftp://a.test/", "no https"),
            ("https://u:hush@a.test/", "a login"),
            ("pipelines.test/x", "no address"),
            ("", "no address"),
        ] {
            let error = endpoint("V", bad).unwrap_err();
            assert!(
                error.contains(why) && error.starts_with("V ") && !error.contains("hush"),
                "{bad}: {error}"
            );
        }
    }
}
