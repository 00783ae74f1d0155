//! Credential helpers: programs named `docker-credential-NAME` (docker/docker-credential-helpers: "get", "store",
//! "erase"). Their output is bounded, and so is their time.

use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::docker_config::login;
use super::{Credential, CredentialError, Secret};

const OUTPUT_LIMIT: u64 = 1024 * 1024;
const TIME_LIMIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// What `store` reads.
#[derive(Serialize)]
struct Kept<'a> {
    #[serde(rename = "ServerURL")]
    server: &'a str,
    #[serde(rename = "Username")]
    username: &'a str,
    #[serde(rename = "Secret")]
    secret: &'a str,
}

/// Asks a helper for the login of a host; `None` when it has none.
pub(super) async fn ask(name: &str, key: &str) -> Result<Option<Credential>, CredentialError> {
    ask_program(&program(name)?, key).await
}

pub(super) async fn ask_program(program: &str, key: &str) -> Result<Option<Credential>, CredentialError> {
    let Some(output) = run(program, "get", key.as_bytes()).await? else {
        return Ok(None);
    };
    // The output holds the secret: nothing of it is repeated.
    let answer: Answer = serde_json::from_slice(&output).map_err(|_| CredentialError {
        detail: format!("credential helper {program} did not answer as helpers do"),
        hint: Some(format!("try it by hand: echo {key} | {program} get")),
    })?;
    Ok((!answer.secret.is_empty()).then(|| login(&answer.username, &answer.secret)))
}

/// Has a helper keep a login.
pub(super) async fn store(name: &str, key: &str, username: &str, secret: &Secret) -> Result<(), CredentialError> {
    let login = Kept {
        server: key,
        username,
        secret: secret.expose(),
    };
    let input = serde_json::to_vec(&login).map_err(|error| CredentialError {
        detail: format!("the login for {key} cannot be written: {error}"),
        hint: None,
    })?;
    run(&program(name)?, "store", &input)
        .await
        .map(|_| ())
        .map_err(|error| CredentialError {
            // A helper may complain with what it was given.
            detail: error.detail.replace(secret.expose(), "…"),
            ..error
        })
}

/// Has a helper forget a login; true when it had one.
pub(super) async fn erase(name: &str, key: &str) -> Result<bool, CredentialError> {
    // Helpers do not agree on whether forgetting what is not there is an error: asked first, it does not matter.
    if ask(name, key).await?.is_none() {
        return Ok(false);
    }
    Ok(run(&program(name)?, "erase", key.as_bytes()).await?.is_some())
}

fn program(name: &str) -> Result<String, CredentialError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.chars().all(is_name) {
        return Ok(format!("docker-credential-{name}"));
    }
    Err(CredentialError {
        detail: format!("credential helper {name:?} is no program name"),
        hint: Some("correct credsStore and credHelpers in docker's config.json".to_owned()),
    })
}

/// Runs a helper; its output, or `None` where it says that it has no such login. The input, which may be a secret, is
/// not repeated in any message.
async fn run(program: &str, verb: &str, input: &[u8]) -> Result<Option<Vec<u8>>, CredentialError> {
    tokio::time::timeout(TIME_LIMIT, run_unbounded(program, verb, input))
        .await
        .unwrap_or_else(|_| {
            Err(CredentialError {
                detail: format!(
                    "credential helper {program} {verb} did not answer within {} s",
                    TIME_LIMIT.as_secs()
                ),
                hint: Some("see whether it waits for something: a password, a locked key chain".to_owned()),
            })
        })
}

async fn run_unbounded(program: &str, verb: &str, input: &[u8]) -> Result<Option<Vec<u8>>, CredentialError> {
    let failed = |detail: String| CredentialError {
        detail,
        hint: Some(format!("see what it says by hand: {program} list")),
    };
    let mut child = Command::new(program)
        .arg(verb)
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
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input says so in its own way.
        let _ = stdin.write_all(input).await;
    }
    let (output, complaint) = tokio::join!(bounded(child.stdout.take()), bounded(child.stderr.take()));
    let status = child
        .wait()
        .await
        .map_err(|error| failed(format!("credential helper {program}: {error}")))?;
    if status.success() {
        return Ok(Some(output));
    }
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
    Err(failed(format!(
        "credential helper {program} {verb} failed ({status}): {}",
        one_line(&words)
    )))
}

/// The beginning of a text in one line.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .take(80)
        .collect();
    words.join(" ").chars().take(240).collect()
}

pub(super) async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut read = Vec::new();
    if let Some(stream) = stream {
        // A broken pipe leaves what came until then, which then does not parse.
        let _ = stream.take(OUTPUT_LIMIT).read_to_end(&mut read).await;
    }
    read
}
