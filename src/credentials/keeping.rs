//! Keeping and forgetting logins where docker looks for them: in `config.json`, or in the credential helper that it
//! names. The file is replaced in one step and readable by its owner only.

use camino::{Utf8Path, Utf8PathBuf};

use super::docker_config::{DockerConfig, FILE_LIMIT};
use super::{CredentialError, Secret, Variables, config_text, helper};
use crate::durable;

/// Where a login was kept, or forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// docker's configuration file.
    pub file: Utf8PathBuf,
    /// The credential helper that has the secret; without one it is in the file.
    pub helper: Option<String>,
}

/// docker's configuration file as a place for logins.
#[derive(Debug, Clone)]
pub struct LoginKeeper {
    file: Utf8PathBuf,
}

impl LoginKeeper {
    /// `config.json` in `DOCKER_CONFIG`, else in `~/.docker`.
    pub fn by(variables: &Variables) -> Result<Self, CredentialError> {
        let home = || variables.get("HOME").or_else(|| variables.get("USERPROFILE"));
        let folder = variables
            .get("DOCKER_CONFIG")
            .map(Utf8PathBuf::from)
            .or_else(|| Some(Utf8PathBuf::from(home()?).join(".docker")));
        folder
            .map(|folder| Self {
                file: folder.join("config.json"),
            })
            .ok_or_else(|| CredentialError {
                detail: "no place for logins: neither DOCKER_CONFIG nor HOME is set".to_owned(),
                hint: Some("set DOCKER_CONFIG to a folder".to_owned()),
            })
    }

    /// The file.
    pub fn file(&self) -> &Utf8Path {
        &self.file
    }

    /// Keeps a login under docker's key for its host.
    pub async fn keep(&self, key: &str, username: &str, password: &Secret) -> Result<Kept, CredentialError> {
        let text = self.read().await?;
        let helper = self.helper(&text, key)?;
        let entry = match &helper {
            Some(name) => {
                helper::store(name, key, username, password).await?;
                // As docker does: an empty entry tells that there is a login.
                "{}".to_owned()
            }
            None => config_text::entry(username, password.expose()),
        };
        let changed = config_text::with_login(&text, key, &entry).map_err(|why| self.bad(&why))?;
        if changed != text {
            self.write(changed).await?;
        }
        Ok(Kept {
            file: self.file.clone(),
            helper,
        })
    }

    /// Forgets the logins of a host, wherever they are; those of its namespaces stay. `None` when there were none.
    pub async fn forget(&self, key: &str) -> Result<Option<Kept>, CredentialError> {
        let text = self.read().await?;
        let helper = self.helper(&text, key)?;
        let erased = match &helper {
            Some(name) => helper::erase(name, key).await?,
            None => false,
        };
        let changed = config_text::without_login(&text, key).map_err(|why| self.bad(&why))?;
        let in_file = changed.is_some();
        if let Some(changed) = changed {
            self.write(changed).await?;
        }
        Ok((erased || in_file).then(|| Kept {
            file: self.file.clone(),
            helper: helper.filter(|_| erased),
        }))
    }

    fn helper(&self, text: &str, key: &str) -> Result<Option<String>, CredentialError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let config = DockerConfig::parse(text.as_bytes()).map_err(|why| self.bad(&why))?;
        Ok(config.helper(key).map(str::to_owned))
    }

    async fn read(&self) -> Result<String, CredentialError> {
        match tokio::fs::metadata(&self.file).await {
            Ok(metadata) if metadata.len() > FILE_LIMIT => {
                return Err(self.bad(&format!(
                    "is larger than {} MiB, which no login file is",
                    FILE_LIMIT >> 20
                )));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
            Ok(_) | Err(_) => {}
        }
        tokio::fs::read_to_string(&self.file)
            .await
            .map_err(|error| self.bad(&error.to_string()))
    }

    async fn write(&self, text: String) -> Result<(), CredentialError> {
        // A link stays a link: what it names is replaced.
        let file = self.file.canonicalize_utf8().unwrap_or_else(|_| self.file.clone());
        let written = tokio::task::spawn_blocking(move || durable::write_private(&file, text.as_bytes())).await;
        let failed = |why: &str| CredentialError {
            detail: format!("{} cannot be written: {why}", self.file),
            hint: Some("make it writable, or name another folder with DOCKER_CONFIG".to_owned()),
        };
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(&durable::words(&error))),
            Err(_) => Err(failed("the write was interrupted")),
        }
    }

    fn bad(&self, why: &str) -> CredentialError {
        CredentialError {
            detail: format!("{}: {why}", self.file),
            hint: Some("repair the file, or move it away and log in again".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn keeper(folder: &tempfile::TempDir) -> LoginKeeper {
        LoginKeeper::by(&Variables::of([("DOCKER_CONFIG", folder.path().to_str().unwrap())])).unwrap()
    }

    #[tokio::test]
    async fn a_login_is_kept_for_its_owner_only_and_forgotten_again() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = keeper(&folder);
        let kept = keeper.keep("a.test", "u", &Secret::new("p")).await.unwrap();
        assert_eq!((kept.file.as_path(), kept.helper), (keeper.file(), None));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(keeper.file()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(keeper.forget("b.test").await.unwrap().is_none());
        assert!(keeper.forget("a.test").await.unwrap().is_some());
        assert!(keeper.forget("a.test").await.unwrap().is_none(), "it is gone");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_to_the_file_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real.json");
        std::fs::write(&real, "{\"x\":1}").unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("config.json")).unwrap();
        keeper(&folder).keep("a.test", "u", &Secret::new("p")).await.unwrap();
        assert!(folder.path().join("config.json").is_symlink());
        assert!(std::fs::read_to_string(real).unwrap().contains("a.test"));
    }

    #[tokio::test]
    async fn a_file_that_is_broken_or_a_folder_in_its_place_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), "{ oops").unwrap();
        let keeper = keeper(&folder);
        let error = keeper.keep("a.test", "u", &Secret::new("p")).await.unwrap_err();
        assert!(
            error.detail.contains("no login file") && error.hint.is_some(),
            "{error:?}"
        );
        assert_eq!(std::fs::read_to_string(keeper.file()).unwrap(), "{ oops");
        std::fs::remove_file(keeper.file()).unwrap();
        std::fs::create_dir(keeper.file()).unwrap();
        assert!(keeper.keep("a.test", "u", &Secret::new("p")).await.is_err());
    }

    #[test]
    fn without_any_home_there_is_no_place_for_logins() {
        assert!(LoginKeeper::by(&Variables::of([])).unwrap_err().hint.is_some());
        let of = |pairs: &[(&str, &str)]| LoginKeeper::by(&Variables::of(pairs.iter().copied())).unwrap().file;
        assert!(
            of(&[("USERPROFILE", "/me")])
                .as_str()
                .replace('\\', "/")
                .ends_with("/me/.docker/config.json")
        );
    }
}
