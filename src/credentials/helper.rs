//! Credential helpers: programs named `docker-credential-NAME` (docker/docker-credential-helpers, "get"). Their output
//! is bounded, and so is their time.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::docker_config::login;
use super::{Credential, CredentialError};

const OUTPUT_LIMIT: u64 = 1024 * 1024;
const TIME_LIMIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper for the login of a host; `None` when it has none.
pub(super) async fn ask(name: &str, key: &str) -> Result<Option<Credential>, CredentialError> {
    let program = format!("docker-credential-{name}");
    if !name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    {
        return Err(CredentialError {
            detail: format!("credential helper {name:?} is no program name"),
            hint: Some("correct credsStore and credHelpers in docker's config.json".to_owned()),
        });
    }
    match tokio::time::timeout(TIME_LIMIT, run(&program, key)).await {
        Ok(result) => result,
        Err(_) => Err(CredentialError {
            detail: format!(
                "credential helper {program} did not answer within {} s",
                TIME_LIMIT.as_secs()
            ),
            hint: Some(format!(
                "see whether it waits for something: echo {key} | {program} get"
            )),
        }),
    }
}

pub(super) async fn run(program: &str, key: &str) -> Result<Option<Credential>, CredentialError> {
    let failed = |detail: String| CredentialError {
        detail,
        hint: Some(format!("try it by hand: echo {key} | {program} get")),
    };
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| CredentialError {
            detail: format!("credential helper {program} cannot be started: {error}"),
            hint: Some(
                "install it, or take it out of credsStore and credHelpers in docker's config.json and log in again"
                    .to_owned(),
            ),
        })?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input says so in its own way.
        let _ = input.write_all(key.as_bytes()).await;
    }
    let (output, complaint) = tokio::join!(bounded(child.stdout.take()), bounded(child.stderr.take()));
    let status = child
        .wait()
        .await
        .map_err(|error| failed(format!("credential helper {program}: {error}")))?;
    if !status.success() {
        // What helpers print when they have nothing (credentials/error.go).
        let text = String::from_utf8_lossy(&output);
        if text.contains("credentials not found in native keychain") || text.contains("no credentials server URL") {
            return Ok(None);
        }
        let words = if complaint.is_empty() {
            text
        } else {
            String::from_utf8_lossy(&complaint)
        };
        let line: String = words
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(200)
            .collect();
        return Err(failed(format!("credential helper {program} failed ({status}): {line}")));
    }
    // The output holds the secret: nothing of it is repeated.
    let answer: Answer = serde_json::from_slice(&output)
        .map_err(|_| failed(format!("credential helper {program} did not answer as helpers do")))?;
    Ok((!answer.secret.is_empty()).then(|| login(&answer.username, &answer.secret)))
}

async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut read = Vec::new();
    if let Some(stream) = stream {
        // A broken pipe leaves what came until then, which then does not parse.
        let _ = stream.take(OUTPUT_LIMIT).read_to_end(&mut read).await;
    }
    read
}
