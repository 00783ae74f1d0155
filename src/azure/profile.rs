//! The Azure CLI's default subscription, from the file in which it keeps them (`azureProfile.json`).

use std::io::Read as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::credentials::Variables;

/// The file is read up to this size.
const FILE_LIMIT: u64 = 8 * 1024 * 1024;

/// The id of the subscription that `az account show` would show; `None` where nobody logged in, or the file is no such file.
pub fn default_subscription(variables: &Variables) -> Option<String> {
    let folder = match variables.get("AZURE_CONFIG_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(variables.get("HOME").or_else(|| variables.get("USERPROFILE"))?).join(".azure"),
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(folder.join("azureProfile.json")).ok()?;
    file.take(FILE_LIMIT).read_to_end(&mut bytes).ok()?;
    default_in(&bytes)
}

fn default_in(bytes: &[u8]) -> Option<String> {
    // The CLI writes it with a byte order mark.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let profile: Value = serde_json::from_slice(text).ok()?;
    let subscriptions = profile.get("subscriptions")?.as_array()?;
    let default = subscriptions
        .iter()
        .find(|one| one.get("isDefault").and_then(Value::as_bool) == Some(true))?;
    default.get("id")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    #[test]
    fn the_default_subscription_is_found_and_anything_else_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let variables = Variables::of([("AZURE_CONFIG_DIR", folder.path().to_str().unwrap())]);
        assert_eq!(default_subscription(&variables), None);
        let profile = r#"{"subscriptions":[{"id":"a","isDefault":false},{"id":"b","isDefault":true}]}"#;
        for (text, found) in [
            (profile.to_owned(), Some("b")),
            (format!("\u{feff}{profile}"), Some("b")),
            (r#"{"subscriptions":[]}"#.to_owned(), None),
            ("[".to_owned(), None),
        ] {
            std::fs::write(folder.path().join("azureProfile.json"), &text).unwrap();
            assert_eq!(default_subscription(&variables).as_deref(), found, "{text}");
        }
    }
}
