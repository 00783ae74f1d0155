//! Login state of docker and Podman as a source of credentials.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use camino::Utf8PathBuf;

use super::docker_config::{DockerConfig, FILE_LIMIT, covers};
use super::{Credential, CredentialError, CredentialSource, Obtained, Variables, Wanted, helper, log_in};

/// No login, on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnonymousLogin;

#[async_trait::async_trait]
impl CredentialSource for AnonymousLogin {
    fn principal(&self) -> String {
        "anonymous".to_owned()
    }

    async fn get(&self, _wanted: &Wanted<'_>) -> Result<Obtained, CredentialError> {
        Ok(Obtained {
            credential: Credential::Anonymous,
            generation: 0,
            from: "project (auth = \"anonymous\")".to_owned(),
        })
    }

    fn rejected(&self, _generation: u64) {}

    fn remedy(&self) -> String {
        "allow a login: remove auth = \"anonymous\"".to_owned()
    }
}

/// The files that may hold logins, in the order they are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginFiles(Vec<Utf8PathBuf>);

impl LoginFiles {
    /// These files.
    pub fn new(files: impl IntoIterator<Item = Utf8PathBuf>) -> Self {
        Self(files.into_iter().collect())
    }

    /// The files.
    pub(super) fn paths(&self) -> &[Utf8PathBuf] {
        &self.0
    }

    /// Where docker and Podman keep logins by the environment: `REGISTRY_AUTH_FILE`, then `DOCKER_CONFIG` or
    /// `~/.docker`, then `XDG_RUNTIME_DIR/containers`, then `~/.config/containers`.
    pub fn from_env() -> Self {
        Self::by(&Variables::from_env())
    }

    /// The same by these variables.
    pub fn by(variables: &Variables) -> Self {
        let variable = |name: &str| variables.get(name);
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
    obtained: Obtained,
    rejected: bool,
}

#[derive(Default)]
struct State {
    /// By namespace; the host's own login is under the empty one.
    loaded: BTreeMap<String, Loaded>,
    /// Namespaces of the host that have logins of their own, once looked for.
    namespaces: Option<Vec<String>>,
    generations: u64,
}

impl State {
    fn known(&self, namespace: &str) -> Option<Obtained> {
        let loaded = self.loaded.get(namespace)?;
        (!loaded.rejected).then(|| loaded.obtained.clone())
    }

    /// The namespace whose login is for this repository; empty for the host's.
    fn namespace(&self, repository: Option<&str>) -> Option<String> {
        let namespaces = self.namespaces.as_ref()?;
        let mut covering: Vec<&String> = namespaces
            .iter()
            .filter(|namespace| repository.is_some_and(|repository| covers(namespace, repository)))
            .collect();
        covering.sort_by_key(|namespace| namespace.len());
        Some(
            covering
                .last()
                .map(|namespace| (*namespace).clone())
                .unwrap_or_default(),
        )
    }
}

/// The logins of one host, read when first needed, and again after they were rejected.
pub struct LoginState {
    host: String,
    key: String,
    files: LoginFiles,
    required: bool,
    state: Mutex<State>,
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
            state: Mutex::default(),
            loading: tokio::sync::Mutex::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, repository: Option<&str>) -> Option<Obtained> {
        let state = self.lock();
        state.known(&state.namespace(repository)?)
    }

    /// The first file that knows the host decides; in it a namespace's login goes before the host's.
    async fn find(&self, repository: Option<&str>) -> Result<(Credential, String), CredentialError> {
        for file in &self.files.0 {
            let Some(config) = read(file).await? else { continue };
            // Helpers know hosts only.
            if !config.has_namespace(&self.key, repository)
                && let Some(name) = config.helper(&self.key)
                && let Some(credential) = helper::ask(name, &self.key).await?
            {
                return Ok((credential, format!("credential helper {name} ({file})")));
            }
            let written = config.written(&self.key, repository).map_err(|why| CredentialError {
                detail: format!("{file}: {why}"),
                hint: Some(log_in(&self.host)),
            })?;
            if let Some(credential) = written {
                return Ok((credential, format!("login state in {file}")));
            }
        }
        if self.required {
            return Err(CredentialError {
                detail: format!("no login for {} in {}", self.host, self.places()),
                hint: Some(log_in(&self.host)),
            });
        }
        Ok((
            Credential::Anonymous,
            format!("login state of docker and Podman ({})", self.places()),
        ))
    }

    /// Of all files: an unreadable one is told when it is its turn to decide.
    async fn namespaces(&self) -> Vec<String> {
        let mut namespaces = Vec::new();
        for file in &self.files.0 {
            if let Ok(Some(config)) = read(file).await {
                namespaces.extend(config.namespaces(&self.key));
            }
        }
        namespaces
    }

    fn places(&self) -> String {
        let files: Vec<&str> = self.files.0.iter().map(|file| file.as_str()).collect();
        files.join(", ")
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

    async fn get(&self, wanted: &Wanted<'_>) -> Result<Obtained, CredentialError> {
        if let Some(known) = self.known(wanted.repository) {
            return Ok(known);
        }
        let _one_at_a_time = self.loading.lock().await;
        if let Some(known) = self.known(wanted.repository) {
            return Ok(known);
        }
        let namespaces = self.namespaces().await;
        let (credential, from) = self.find(wanted.repository).await?;
        let mut state = self.lock();
        state.namespaces = Some(namespaces);
        let namespace = state.namespace(wanted.repository).unwrap_or_default();
        let generation = match state.loaded.get(&namespace) {
            // Still the same: nothing new to try.
            Some(before) if before.obtained.credential == credential => before.obtained.generation,
            _ => {
                state.generations += 1;
                state.generations
            }
        };
        let obtained = Obtained {
            credential,
            generation,
            from,
        };
        let loaded = Loaded {
            obtained: obtained.clone(),
            rejected: false,
        };
        state.loaded.insert(namespace, loaded);
        Ok(obtained)
    }

    fn rejected(&self, generation: u64) {
        let mut state = self.lock();
        for loaded in state.loaded.values_mut() {
            if loaded.obtained.generation == generation {
                loaded.rejected = true;
            }
        }
    }

    fn remedy(&self) -> String {
        log_in(&self.host)
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

    async fn get(state: &LoginState) -> Result<Obtained, CredentialError> {
        of(state, None).await
    }

    async fn of(state: &LoginState, repository: Option<&str>) -> Result<Obtained, CredentialError> {
        let wanted = Wanted {
            repository,
            origin: "https://a.test",
            service: "",
            tell: &|_| {},
        };
        state.get(&wanted).await
    }

    fn user_of(credential: &Credential) -> &str {
        match credential {
            Credential::Basic { username, .. } => username,
            _ => "",
        }
    }

    #[test]
    fn files_are_asked_in_the_order_of_the_environment() {
        let all = LoginFiles::by(&Variables::of([
            ("REGISTRY_AUTH_FILE", "/REGISTRY_AUTH_FILE"),
            ("DOCKER_CONFIG", "/DOCKER_CONFIG"),
            ("XDG_RUNTIME_DIR", "/XDG_RUNTIME_DIR"),
            ("XDG_CONFIG_HOME", "/XDG_CONFIG_HOME"),
        ]));
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
        let home = LoginFiles::by(&Variables::of([("HOME", "/home/me")]));
        let paths: Vec<_> = home.0.iter().map(|path| path.as_str().replace('\\', "/")).collect();
        assert_eq!(
            paths,
            ["/home/me/.docker/config.json", "/home/me/.config/containers/auth.json"]
        );
        assert_eq!(LoginFiles::by(&Variables::of([])), LoginFiles::default());
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
        let obtained = get(&state).await.unwrap();
        assert_eq!((user_of(&obtained.credential), obtained.generation), ("first", 1));
        assert!(obtained.from.contains("first.json"), "{}", obtained.from);
    }

    #[tokio::test]
    async fn without_any_login_one_is_anonymous_unless_a_login_is_required() {
        let folder = tempfile::tempdir().unwrap();
        let absent = Utf8PathBuf::from_path_buf(folder.path().join("none/config.json")).unwrap();
        assert_eq!(
            get(&state(std::slice::from_ref(&absent))).await.unwrap().credential,
            Credential::Anonymous
        );
        let required = LoginState::new("a.test", "a.test", LoginFiles::new([absent]), true);
        let error = get(&required).await.unwrap_err();
        assert!(error.detail.contains("no login for a.test") && error.hint.unwrap().contains("docker login a.test"));
    }

    #[tokio::test]
    async fn a_rejected_login_is_read_again_and_gets_a_new_generation_only_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "config.json", &entry("old"));
        let state = state(std::slice::from_ref(&path));
        assert_eq!(get(&state).await.unwrap().generation, 1);
        state.rejected(1);
        assert_eq!(get(&state).await.unwrap().generation, 1);
        state.rejected(1);
        std::fs::write(&path, entry("new")).unwrap();
        let obtained = get(&state).await.unwrap();
        assert_eq!((user_of(&obtained.credential), obtained.generation), ("new", 2));
        state.rejected(1);
        assert_eq!(
            get(&state).await.unwrap().generation,
            2,
            "an old rejection changes nothing"
        );
    }

    #[tokio::test]
    async fn a_namespaces_login_is_a_credential_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let text = |team: &str| {
            format!(
                r#"{{"auths":{{"a.test":{{"username":"host","password":"p"}},"a.test/team":{{"username":"{team}","password":"p"}}}}}}"#
            )
        };
        let path = file(&folder, "auth.json", &text("team"));
        let state = state(std::slice::from_ref(&path));
        for (repository, user, generation) in [
            (Some("app"), "host", 1),
            (Some("team/app"), "team", 2),
            (None, "host", 1),
            (Some("teams/app"), "host", 1),
        ] {
            let obtained = of(&state, repository).await.unwrap();
            assert_eq!(
                (user_of(&obtained.credential), obtained.generation),
                (user, generation),
                "{repository:?}"
            );
        }
        std::fs::write(&path, text("newer")).unwrap();
        state.rejected(2);
        assert_eq!(
            user_of(&of(&state, Some("team/app")).await.unwrap().credential),
            "newer"
        );
        assert_eq!(
            of(&state, None).await.unwrap().generation,
            1,
            "the host's was not refused"
        );
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
            let error = get(&state(&[path])).await.unwrap_err();
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
            helper::ask_program(&good, "a.test").await.unwrap(),
            Some(Credential::IdentityToken(Secret::new("for-a.test")))
        );
        assert_eq!(helper::ask_program(&none, "a.test").await.unwrap(), None);
        assert!(
            helper::ask_program(&broken, "a.test")
                .await
                .unwrap_err()
                .detail
                .contains("something is wrong")
        );
        let error = helper::ask_program(&nonsense, "a.test").await.unwrap_err();
        assert!(!error.detail.contains("secret-nonsense"), "{error:?}");
        assert!(helper::ask_program(&endless, "a.test").await.is_err());
    }
}
