//! The identity of a machine under Azure Arc: its agent wants to be shown a file that only administrators and members
//! of its group can read ("Authenticate against Azure resources with Azure Arc-enabled servers").

use camino::{Utf8Path, Utf8PathBuf};

use super::authority;
use super::identity::Answer;
use super::wire::{IdentityWire, Question};

/// Longer keys are none.
const KEY_LIMIT: u64 = 4096;

/// Asks the agent: its first answer names the file.
pub(super) async fn ask(wire: &dyn IdentityWire, url: url::Url) -> Answer {
    let question = Question::get(url).header("metadata", "true");
    let first = match wire.ask(question.clone()).await {
        Ok(reply) => reply,
        Err(why) => return Answer::failed(format!("Azure Arc: {why}")),
    };
    let Some(path) = first
        .challenge
        .as_deref()
        .filter(|_| first.status == 401)
        .and_then(key_file)
    else {
        return Answer::failed(format!(
            "Azure Arc: the agent says {} instead of naming a key",
            first.status
        ));
    };
    let key = match key(&path).await {
        Ok(key) => key,
        Err(why) => {
            return Answer::failed(format!("Azure Arc: {path} {why}"))
                .hint("make this user a member of the group himds");
        }
    };
    match wire.ask(question.header("authorization", format!("Basic {key}"))).await {
        Ok(reply) => authority::read(
            &reply,
            "Azure Arc",
            "identity of this machine under Azure Arc".to_owned(),
        ),
        Err(why) => Answer::failed(format!("Azure Arc: {why}")),
    }
}

/// The file that a challenge names: only where the agent keeps its keys, so that nobody who listens on its port can
/// have any file sent.
fn key_file(challenge: &str) -> Option<Utf8PathBuf> {
    let path = challenge.strip_prefix("Basic realm=")?.trim_matches('"');
    let path = Utf8Path::new(path);
    let folder = if cfg!(windows) {
        Utf8PathBuf::from(std::env::var("ProgramData").ok()?).join("AzureConnectedMachineAgent/Tokens")
    } else {
        Utf8PathBuf::from("/var/opt/azcmagent/tokens")
    };
    (path.parent() == Some(&folder) && path.extension() == Some("key")).then(|| path.to_owned())
}

async fn key(path: &Utf8Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let metadata = tokio::fs::metadata(path).await.map_err(cannot)?;
    if !metadata.is_file() || metadata.len() > KEY_LIMIT {
        return Err("is no key".to_owned());
    }
    let text = tokio::fs::read_to_string(path).await.map_err(cannot)?;
    if text.trim().is_empty() || text.trim().chars().any(char::is_control) {
        return Err("is no key".to_owned());
    }
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn only_the_agents_own_keys_are_shown_to_it() {
        for (challenge, good) in [
            ("Basic realm=/var/opt/azcmagent/tokens/a.key", true),
            ("Basic realm=\"/var/opt/azcmagent/tokens/a.key\"", true),
            ("Basic realm=/etc/passwd", false),
            ("Basic realm=/var/opt/azcmagent/tokens/../../../etc/x.key", false),
            ("Basic realm=/var/opt/azcmagent/tokens/a.txt", false),
            ("Bearer realm=/var/opt/azcmagent/tokens/a.key", false),
            ("", false),
        ] {
            assert_eq!(super::key_file(challenge).is_some(), good, "{challenge}");
        }
    }
}
