//! The Azure CLI's login: `az account get-access-token`. Its time and its output are bounded.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::super::Secret;
use super::super::helper::{bounded, one_line};
use super::authority::{check_tenant, is_about_audience, life_of, until};
use super::claims::Claims;
use super::cloud::Cloud;
use super::identity::Answer;

/// `az` starts slowly, and may have to renew its own tokens.
const TIME_LIMIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    access_token: String,
    /// Seconds since 1970; older versions only write a local time.
    #[serde(rename = "expires_on")]
    expires: Option<u64>,
}

/// The program's name here.
pub(super) const PROGRAM: &str = if cfg!(windows) { "az.cmd" } else { "az" };

/// Asks `program`, which is `az`, for a token.
pub(super) async fn ask(program: &str, tenant: Option<&str>, cloud: Cloud, scope: &str) -> Answer {
    tokio::time::timeout(TIME_LIMIT, run(program, tenant, cloud, scope))
        .await
        .unwrap_or_else(|_| {
            Answer::failed(format!("az did not answer within {} s", TIME_LIMIT.as_secs()))
                .hint("see whether it waits for something: az account get-access-token")
        })
}

async fn run(program: &str, tenant: Option<&str>, cloud: Cloud, scope: &str) -> Answer {
    if let Some(Err(why)) = tenant.map(check_tenant) {
        return Answer::failed(why);
    }
    let mut command = Command::new(program);
    command.args(["account", "get-access-token", "--output", "json", "--scope", scope]);
    if let Some(tenant) = tenant {
        command.args(["--tenant", tenant]);
    }
    // Questions would be asked of nobody.
    command.env("AZURE_CORE_NO_COLOR", "true").stdin(Stdio::null());
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Answer::Absent("az is not installed".to_owned());
        }
        Err(error) => return Answer::failed(format!("az cannot be started: {error}")),
    };
    let (output, complaint) = tokio::join!(bounded(child.stdout.take()), bounded(child.stderr.take()));
    match child.wait().await {
        Ok(status) if status.success() => read(&output),
        Ok(_) => complain(&String::from_utf8_lossy(&complaint), tenant, cloud),
        Err(error) => Answer::failed(format!("az: {error}")),
    }
}

/// The output holds the token: nothing of it is repeated.
fn read(output: &[u8]) -> Answer {
    let granted = match serde_json::from_slice::<Granted>(output) {
        Ok(granted) if !granted.access_token.is_empty() && !granted.access_token.chars().any(char::is_control) => {
            granted
        }
        _ => return Answer::failed("az did not answer with a token").hint("update the Azure CLI: az upgrade"),
    };
    let life = granted
        .expires
        .and_then(until)
        .or_else(|| Claims::of(&granted.access_token).life().map(|life| life.as_secs()));
    Answer::Token {
        secret: Secret::new(granted.access_token),
        life: life_of(life),
        from: "Azure CLI".to_owned(),
    }
}

fn complain(complaint: &str, tenant: Option<&str>, cloud: Cloud) -> Answer {
    let log_in = match tenant {
        Some(tenant) => format!("az login --tenant {tenant}"),
        None => "az login".to_owned(),
    };
    // It is set to one cloud at a time, the public one unless somebody said otherwise.
    let log_in = match cloud {
        Cloud::Public => log_in,
        other => format!("az cloud set --name {} && {log_in}", other.cli_name()),
    };
    // The last words say what is wrong; before them there may be warnings.
    let words = complaint
        .find("ERROR:")
        .and_then(|at| complaint.get(at + "ERROR:".len()..))
        .unwrap_or(complaint);
    let words = one_line(words);
    if words.contains("az login") && !words.contains("AADSTS") && tenant.is_none() {
        return Answer::Absent("az is not logged in".to_owned());
    }
    let words = if words.is_empty() {
        "az failed without a word".to_owned()
    } else {
        words
    };
    Answer::Failed {
        audience: is_about_audience(&words),
        why: words,
        hint: Some(format!("log in with: {log_in}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_output_of_new_and_old_versions_is_read() {
        let new = r#"{"accessToken":"t","expiresOn":"2030-01-01 00:00:00.000000","expires_on":4102444800,"tenant":"x","tokenType":"Bearer"}"#;
        let old = r#"{"accessToken":"t","expiresOn":"2030-01-01 00:00:00.000000"}"#;
        for (output, long) in [(new, true), (old, false)] {
            let Answer::Token { secret, life, .. } = read(output.as_bytes()) else {
                panic!("{output}")
            };
            assert_eq!(secret.expose(), "t");
            assert_eq!(life > Duration::from_secs(3600), long, "{life:?}");
        }
        for output in ["", "{}", "WARNING: secret-token", r#"{"accessToken":""}"#] {
            let Answer::Failed { why, .. } = read(output.as_bytes()) else {
                panic!("{output}")
            };
            assert!(!why.contains("secret-token"), "{why}");
        }
    }

    #[test]
    fn not_being_logged_in_is_no_failure_unless_a_tenant_is_asked_for() {
        let words = "WARNING: x\nERROR: Please run 'az login' to setup account.\n";
        assert!(matches!(complain(words, None, Cloud::Public), Answer::Absent(_)));
        let Answer::Failed { hint, .. } = complain(words, Some("t"), Cloud::China) else {
            panic!("no failure")
        };
        let hint = hint.unwrap();
        assert!(
            hint.contains("az cloud set --name AzureChinaCloud && az login --tenant t"),
            "{hint}"
        );
        let words = "ERROR: AADSTS50076: Due to a configuration change, run: az login --scope x";
        let Answer::Failed { why, audience, .. } = complain(words, None, Cloud::Public) else {
            panic!("no failure")
        };
        assert!(why.starts_with("AADSTS50076") && !audience, "{why}");
        let words = "ERROR: AADSTS500011: The resource principal named x was not found in the tenant";
        assert!(matches!(
            complain(words, None, Cloud::Public),
            Answer::Failed { audience: true, .. }
        ));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_no_identity() {
        assert!(matches!(
            ask("no-such-program-as-this", None, Cloud::Public, "s").await,
            Answer::Absent(_)
        ));
    }
}
