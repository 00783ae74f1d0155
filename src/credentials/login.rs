//! Login state of docker and Podman as a source of credentials.

use std::sync::{Mutex, MutexGuard, PoisonError};

use camino::Utf8PathBuf;

use super::docker_config::{DockerConfig, FILE_LIMIT};
use super::{Credential, CredentialError, CredentialSource, helper};

/// No login, on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnonymousLogin;

#[async_trait::async_trait]
impl CredentialSource for AnonymousLogin {
    fn principal(&self) -> String {
        "anonymous".to_owned()
    }

    fn describe(&self) -> String {
        "project (auth = \"anonymous\")".to_owned()
    }

    async fn get(&self, _scope: &str) -> Result<(Credential, u64), CredentialError> {
        Ok((Credential::Anonymous, 0))
    }

    fn rejected(&self, _generation: u64) {}
}

/// The files that may hold logins, in the order they are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginFiles(Vec<Utf8PathBuf>);

impl LoginFiles {
    /// These files.
    pub fn new(files: impl IntoIterator<Item = Utf8PathBuf>) -> Self {
        Self(files.into_iter().collect())
    }

    /// Where docker and Podman keep logins by the environment: `REGISTRY_AUTH_FILE`, then `DOCKER_CONFIG` or
    /// `~/.docker`, then `XDG_RUNTIME_DIR/containers`, then `~/.config/containers`.
    pub fn from_env() -> Self {
        Self::by(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn by(variable: impl Fn(&str) -> Option<String>) -> Self {
        let home = variable("HOME")
            .or_else(|| variable("USERPROFILE"))
            .map(Utf8PathBuf::from);
        let docker = variable("DOCKER_CONFIG")
            .map(Utf8PathBuf::from)
            .or_else(|| Some(home.as_ref()?.join(".docker")));
        let config = variable("XDG_CONFIG_HOME")
            .map(Utf8PathBuf::from)
            .or_else(|| Some(home.as_ref()?.join(".config")));
        let files = [
            variable("REGISTRY_AUTH_FILE").map(Utf8PathBuf::from),
            docker.map(|folder| folder.join("config.json")),
            variable("XDG_RUNTIME_DIR").map(|folder| Utf8PathBuf::from(folder).join("containers/auth.json")),
            config.map(|folder| folder.join("containers/auth.json")),
        ];
        Self(files.into_iter().flatten().collect())
    }
}

struct Loaded {
    credential: Credential,
    /// The file or helper.
    from: String,
    generation: u64,
    rejected: bool,
}

/// The login of one host, read when first needed, and again after it was rejected.
pub struct LoginState {
    host: String,
    key: String,
    files: LoginFiles,
    required: bool,
    loaded: Mutex<Option<Loaded>>,
    loading: tokio::sync::Mutex<()>,
}

impl LoginState {
    /// The login kept under `key` (for most hosts the host itself). With `required`, having none is an error.
    pub fn new(host: &str, key: &str, files: LoginFiles, required: bool) -> Self {
        Self {
            host: host.to_owned(),
            key: key.to_owned(),
            files,
            required,
            loaded: Mutex::new(None),
            loading: tokio::sync::Mutex::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Loaded>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Option<(Credential, u64)> {
        self.lock()
            .as_ref()
            .filter(|l| !l.rejected)
            .map(|l| (l.credential.clone(), l.generation))
    }

    /// The first file that knows the host decides.
    async fn find(&self) -> Result<(Credential, String), CredentialError> {
        for file in &self.files.0 {
            let Some(config) = read(file).await? else { continue };
            if let Some(name) = config.helper(&self.key)
                && let Some(credential) = helper::ask(name, &self.key).await?
            {
                return Ok((credential, format!("credential helper {name} ({file})")));
            }
            let written = config.written(&self.key).map_err(|why| CredentialError {
                detail: format!("{file}: {why}"),
                hint: Some(format!("log in again with: docker login {}", self.host)),
            })?;
            if let Some(credential) = written {
                return Ok((credential, format!("login state in {file}")));
            }
        }
        if self.required {
            return Err(CredentialError {
                detail: format!("no login for {} in {}", self.host, self.places()),
                hint: Some(format!("log in with: docker login {}", self.host)),
            });
        }
        Ok((
            Credential::Anonymous,
            format!("login state of docker and Podman ({})", self.places()),
        ))
    }

    fn places(&self) -> String {
        self.files
            .0
            .iter()
            .map(|file| file.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

async fn read(file: &Utf8PathBuf) -> Result<Option<DockerConfig>, CredentialError> {
    let fail = |detail: String| CredentialError {
        detail: format!("{file}: {detail}"),
        hint: Some("repair the file, or log in again".to_owned()),
    };
    match tokio::fs::metadata(file).await {
        Ok(metadata) if metadata.len() > FILE_LIMIT => {
            return Err(fail(format!(
                "is larger than {} MiB, which no login file is",
                FILE_LIMIT >> 20
            )));
        }
        Ok(_) => {}
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(fail(error.to_string())),
    }
    let text = tokio::fs::read(file).await.map_err(|error| fail(error.to_string()))?;
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    DockerConfig::parse(&text).map(Some).map_err(fail)
}

#[async_trait::async_trait]
impl CredentialSource for LoginState {
    /// Within one run a host's login state is one principal, whoever it turns out to be.
    fn principal(&self) -> String {
        if self.required {
            "docker-config".to_owned()
        } else {
            "login".to_owned()
        }
    }

    fn describe(&self) -> String {
        self.lock().as_ref().map_or_else(
            || "login state of docker and Podman".to_owned(),
            |loaded| loaded.from.clone(),
        )
    }

    async fn get(&self, _scope: &str) -> Result<(Credential, u64), CredentialError> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let _one_at_a_time = self.loading.lock().await;
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let (credential, from) = self.find().await?;
        let mut loaded = self.lock();
        let generation = match loaded.as_ref() {
            // Still the same: nothing new to try.
            Some(before) if before.credential == credential => before.generation,
            Some(before) => before.generation + 1,
            None => 1,
        };
        *loaded = Some(Loaded {
            credential: credential.clone(),
            from,
            generation,
            rejected: false,
        });
        Ok((credential, generation))
    }

    fn rejected(&self, generation: u64) {
        if let Some(loaded) = self.lock().as_mut().filter(|loaded| loaded.generation == generation) {
            loaded.rejected = true;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::Secret;
    use super::*;

    fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> Utf8PathBuf {
        let path = Utf8PathBuf::from_path_buf(folder.path().join(name)).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn state(files: &[Utf8PathBuf]) -> LoginState {
        LoginState::new("a.test", "a.test", LoginFiles::new(files.to_vec()), false)
    }

    fn entry(user: &str) -> String {
        format!(r#"{{"auths":{{"a.test":{{"username":"{user}","password":"p"}}}}}}"#)
    }

    fn user_of(credential: &Credential) -> &str {
        match credential {
            Credential::Basic { username, .. } => username,
            _ => "",
        }
    }

    #[test]
    fn files_are_asked_in_the_order_of_the_environment() {
        let all = LoginFiles::by(|name| Some(format!("/{name}")));
        let paths: Vec<_> = all.0.iter().map(|path| path.as_str().replace('\\', "/")).collect();
        assert_eq!(
            paths,
            [
                "/REGISTRY_AUTH_FILE",
                "/DOCKER_CONFIG/config.json",
                "/XDG_RUNTIME_DIR/containers/auth.json",
                "/XDG_CONFIG_HOME/containers/auth.json",
            ]
        );
        let home = LoginFiles::by(|name| (name == "HOME").then(|| "/home/me".to_owned()));
        let paths: Vec<_> = home.0.iter().map(|path| path.as_str().replace('\\', "/")).collect();
        assert_eq!(
            paths,
            ["/home/me/.docker/config.json", "/home/me/.config/containers/auth.json"]
        );
        assert_eq!(LoginFiles::by(|_| None), LoginFiles::default());
    }

    #[tokio::test]
    async fn the_first_file_that_knows_the_host_decides() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            file(&folder, "empty.json", ""),
            file(
                &folder,
                "other.json",
                r#"{"auths":{"b.test":{"username":"x","password":"y"}}}"#,
            ),
            file(&folder, "first.json", &entry("first")),
            file(&folder, "second.json", &entry("second")),
        ];
        let state = state(&files);
        let (credential, generation) = state.get("").await.unwrap();
        assert_eq!((user_of(&credential), generation), ("first", 1));
        assert!(state.describe().contains("first.json"), "{}", state.describe());
    }

    #[tokio::test]
    async fn without_any_login_one_is_anonymous_unless_a_login_is_required() {
        let folder = tempfile::tempdir().unwrap();
        let absent = Utf8PathBuf::from_path_buf(folder.path().join("none/config.json")).unwrap();
        assert_eq!(
            state(std::slice::from_ref(&absent)).get("").await.unwrap().0,
            Credential::Anonymous
        );
        let required = LoginState::new("a.test", "a.test", LoginFiles::new([absent]), true);
        let error = required.get("").await.unwrap_err();
        assert!(error.detail.contains("no login for a.test") && error.hint.unwrap().contains("docker login a.test"));
    }

    #[tokio::test]
    async fn a_rejected_login_is_read_again_and_gets_a_new_generation_only_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "config.json", &entry("old"));
        let state = state(std::slice::from_ref(&path));
        assert_eq!(state.get("").await.unwrap().1, 1);
        state.rejected(1);
        assert_eq!(state.get("").await.unwrap().1, 1);
        state.rejected(1);
        std::fs::write(&path, entry("new")).unwrap();
        let (credential, generation) = state.get("").await.unwrap();
        assert_eq!((user_of(&credential), generation), ("new", 2));
        state.rejected(1);
        assert_eq!(state.get("").await.unwrap().1, 2, "an old rejection changes nothing");
    }

    #[tokio::test]
    async fn a_missing_helper_and_a_broken_file_are_errors_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        for (text, part) in [
            (
                r#"{"credsStore":"no-such-helper-here"}"#,
                "docker-credential-no-such-helper-here cannot be started",
            ),
            (r#"{"credHelpers":{"a.test":"../evil"}}"#, "no program name"),
            ("{", "is no login file"),
            (r#"{"auths":{"a.test":{"auth":"%"}}}"#, "not base64"),
        ] {
            let path = file(&folder, "config.json", text);
            let error = state(&[path]).get("").await.unwrap_err();
            assert!(error.detail.contains(part) && error.hint.is_some(), "{error:?}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn helpers_are_asked_with_the_hosts_key_and_may_know_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let script = |name: &str, body: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path.to_str().unwrap().to_owned()
        };
        // Run by their path: the search path of this process is not ours to change.
        let good = script(
            "good",
            r#"read key; printf '{"ServerURL":"%s","Username":"<token>","Secret":"for-%s"}' "$key" "$key""#,
        );
        let none = script("none", "echo 'credentials not found in native keychain'; exit 1");
        let broken = script("broken", "echo something is wrong >&2; exit 3");
        let nonsense = script("nonsense", "echo secret-nonsense");
        let endless = script("endless", "yes");
        assert_eq!(
            helper::run(&good, "a.test").await.unwrap(),
            Some(Credential::IdentityToken(Secret::new("for-a.test")))
        );
        assert_eq!(helper::run(&none, "a.test").await.unwrap(), None);
        assert!(
            helper::run(&broken, "a.test")
                .await
                .unwrap_err()
                .detail
                .contains("something is wrong")
        );
        let error = helper::run(&nonsense, "a.test").await.unwrap_err();
        assert!(!error.detail.contains("secret-nonsense"), "{error:?}");
        assert!(helper::run(&endless, "a.test").await.is_err());
    }
}
