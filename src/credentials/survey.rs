//! What login files hold, without any of their secrets: for people who look for a login that is not found.

use camino::Utf8PathBuf;

use super::LoginFiles;
use super::docker_config::{DockerConfig, FILE_LIMIT};

/// What one login file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFile {
    /// The file.
    pub path: Utf8PathBuf,
    /// Its content, or why it is of no use; without secrets.
    pub content: Result<LoginFileContent, String>,
}

/// The content of a login file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginFileContent {
    /// How many hosts and namespaces have an entry.
    pub entries: usize,
    /// The program of the credential helper that keeps the logins of all hosts.
    pub store: Option<String>,
    /// Programs of credential helpers for single hosts; sorted.
    pub helpers: Vec<String>,
}

impl LoginFiles {
    /// Those of the files that are there, in the order they are asked.
    pub fn survey(&self) -> Vec<LoginFile> {
        let read = |path: &Utf8PathBuf| {
            let meta = std::fs::metadata(path).ok()?;
            let content = if meta.len() > FILE_LIMIT {
                Err("is too large for a login file".to_owned())
            } else {
                match std::fs::read(path) {
                    Ok(text) => DockerConfig::parse(&text).map(|config| LoginFileContent {
                        entries: config.entries(),
                        store: config.store(),
                        helpers: config.helpers(),
                    }),
                    Err(error) => Err(format!("cannot be read: {error}")),
                }
            };
            Some(LoginFile {
                path: path.clone(),
                content,
            })
        };
        self.paths().iter().filter_map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    #[test]
    fn what_is_there_is_counted_and_nothing_of_it_is_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| Utf8PathBuf::from_path_buf(folder.path().join(name)).unwrap();
        std::fs::write(
            path("good.json"),
            r#"{"auths":{"a.test":{"auth":"c2VjcmV0OnNlY3JldA=="},"b.test/x":{}},"credsStore":"pass","credHelpers":{"c.test":"acr","d.test":"pass"}}"#,
        )
        .unwrap();
        std::fs::write(path("bad.json"), r#"{"auths":{"a.test":{"auth":7}}}"#).unwrap();
        let files = LoginFiles::new([path("absent.json"), path("good.json"), path("bad.json")]);
        let found = files.survey();
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0].content,
            Ok(LoginFileContent {
                entries: 2,
                store: Some("docker-credential-pass".to_owned()),
                helpers: vec!["docker-credential-acr".to_owned(), "docker-credential-pass".to_owned()],
            })
        );
        let why = found[1].content.clone().unwrap_err();
        assert!(why.contains("line 1"), "{why}");
        assert!(!format!("{found:?}").contains("c2Vj"));
    }
}
