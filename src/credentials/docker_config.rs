//! Docker's `config.json` and Podman's `auth.json`: the parts that hold logins (docker/cli, `configfile`;
//! containers-auth.json(5)).

use std::collections::BTreeMap;

use base64::Engine as _;
use serde::Deserialize;

use super::{Credential, Secret};

/// Login files are small; a larger one is none.
pub(super) const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// The logins in one file.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DockerConfig {
    auths: Option<BTreeMap<String, Entry>>,
    creds_store: Option<String>,
    cred_helpers: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl DockerConfig {
    /// Reads a file's text. The error does not repeat any of it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|error| {
            format!(
                "is no login file: line {} column {} is not what it should be",
                error.line(),
                error.column()
            )
        })
    }

    /// How many hosts and namespaces have an entry.
    pub(super) fn entries(&self) -> usize {
        self.auths.as_ref().map_or(0, BTreeMap::len)
    }

    /// The program of the credential helper for all hosts.
    pub(super) fn store(&self) -> Option<String> {
        let name = self.creds_store.as_deref().filter(|name| !name.is_empty())?;
        Some(format!("docker-credential-{name}"))
    }

    /// The programs of the credential helpers for single hosts, sorted.
    pub(super) fn helpers(&self) -> Vec<String> {
        let named = self.cred_helpers.iter().flat_map(BTreeMap::values);
        let mut programs: Vec<String> = named
            .filter(|name| !name.is_empty())
            .map(|name| format!("docker-credential-{name}"))
            .collect();
        programs.sort();
        programs.dedup();
        programs
    }

    /// The credential helper for a host: its own before the one for all.
    pub(super) fn helper(&self, key: &str) -> Option<&str> {
        let own = self.cred_helpers.as_ref().and_then(|helpers| {
            helpers
                .iter()
                .find(|(written, _)| same_host(written, key))
                .map(|(_, helper)| helper.as_str())
        });
        own.or(self.creds_store.as_deref()).filter(|helper| !helper.is_empty())
    }

    /// The login written in the file itself for a host, or for the longest namespace of it that this repository is in
    /// (containers-auth.json(5)). `Err` says, without secrets, why an entry is of no use.
    pub(super) fn written(&self, key: &str, repository: Option<&str>) -> Result<Option<Credential>, String> {
        let found = self.namespace(key, repository).or_else(|| self.host(key));
        found.map_or(Ok(None), |(written, entry)| {
            let shown = if written.contains('/') && host_of(written).contains('/') {
                written
            } else {
                key
            };
            entry.credential().map_err(|why| format!("the login for {shown} {why}"))
        })
    }

    /// Is there a login for a namespace that this repository is in?
    pub(super) fn has_namespace(&self, key: &str, repository: Option<&str>) -> bool {
        self.namespace(key, repository).is_some()
    }

    /// The namespaces of a host that have logins of their own.
    pub(super) fn namespaces(&self, key: &str) -> Vec<String> {
        let of_host = |written: &String| {
            let (host, namespace) = split(written)?;
            host.eq_ignore_ascii_case(host_of(key)).then(|| namespace.to_owned())
        };
        self.auths.iter().flat_map(BTreeMap::keys).filter_map(of_host).collect()
    }

    fn host(&self, key: &str) -> Option<(&str, &Entry)> {
        let auths = self.auths.as_ref()?;
        // The exact key first: a file may hold both `host` and `https://host`.
        let exact = auths.get_key_value(key);
        let entry = exact.or_else(|| auths.iter().find(|(written, _)| same_host(written, key)));
        entry.map(|(written, entry)| (written.as_str(), entry))
    }

    fn namespace(&self, key: &str, repository: Option<&str>) -> Option<(&str, &Entry)> {
        let repository = repository?;
        let entries = self.auths.as_ref()?.iter().filter_map(|(written, entry)| {
            let (host, namespace) = split(written)?;
            (host.eq_ignore_ascii_case(host_of(key)) && covers(namespace, repository)).then_some((
                namespace.len(),
                written.as_str(),
                entry,
            ))
        });
        entries
            .max_by_key(|(length, _, _)| *length)
            .map(|(_, written, entry)| (written, entry))
    }
}

/// Is this repository the namespace itself, or below it?
pub(super) fn covers(namespace: &str, repository: &str) -> bool {
    repository
        .strip_prefix(namespace)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Host and namespace of a key that has one.
fn split(written: &str) -> Option<(&str, &str)> {
    let (host, namespace) = host_of(written).split_once('/')?;
    let namespace = namespace.trim_end_matches('/');
    let host = if is_hub(host) { "index.docker.io" } else { host };
    (!namespace.is_empty()).then_some((host, namespace))
}

impl Entry {
    fn credential(&self) -> Result<Option<Credential>, String> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.identitytoken) {
            return Ok(Some(Credential::IdentityToken(Secret::new(token))));
        }
        if let Some(auth) = given(&self.auth) {
            let decoded = base64::engine::general_purpose::STANDARD
                .decode(auth.trim())
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or("is not base64")?;
            let (username, password) = decoded
                .split_once(':')
                .ok_or("has no colon between user and password")?;
            // Old docker versions padded with zero bytes.
            return Ok(Some(login(username, password.trim_end_matches('\0'))));
        }
        match (given(&self.username), given(&self.password)) {
            (Some(username), Some(password)) => Ok(Some(login(&username, &password))),
            _ => Ok(None),
        }
    }
}

/// User and password; the user name `<token>` marks an identity token (docker-credential-helpers).
pub(super) fn login(username: &str, password: &str) -> Credential {
    if username == "<token>" {
        Credential::IdentityToken(Secret::new(password))
    } else {
        Credential::Basic {
            username: username.to_owned(),
            password: Secret::new(password),
        }
    }
}

/// Keys are written with and without scheme and path (`https://host/v1/`).
pub(super) fn same_host(written: &str, key: &str) -> bool {
    host_of(written).eq_ignore_ascii_case(host_of(key))
}

fn host_of(key: &str) -> &str {
    let bare = key.trim_start_matches("https://").trim_start_matches("http://");
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    // Anything but an API version behind the host is a namespace (Podman), which is another key.
    let host = if matches!(path.trim_end_matches('/'), "" | "v1" | "v2") {
        host
    } else {
        bare
    };
    if is_hub(host) { "index.docker.io" } else { host }
}

fn is_hub(host: &str) -> bool {
    matches!(host, "docker.io" | "registry-1.docker.io")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "compared with what is optional")]
    fn basic(username: &str, password: &str) -> Option<Credential> {
        Some(Credential::Basic {
            username: username.into(),
            password: Secret::new(password),
        })
    }

    #[test]
    fn logins_are_found_under_all_spellings_of_their_host() {
        // "user:pass:word"
        let auth = "dXNlcjpwYXNzOndvcmQ=";
        for (written, key) in [
            ("a.test", "a.test"),
            ("https://a.test", "a.test"),
            ("https://a.test/v2/", "a.test"),
            ("http://a.test:5000/v1", "a.test:5000"),
            ("https://index.docker.io/v1/", "https://index.docker.io/v1/"),
            ("docker.io", "https://index.docker.io/v1/"),
            ("A.test", "a.test"),
        ] {
            let text = format!(r#"{{"auths":{{"other.test":{{}},"{written}":{{"auth":"{auth}"}}}},"x":1}}"#);
            let config = DockerConfig::parse(text.as_bytes()).unwrap();
            assert_eq!(
                config.written(key, None).unwrap(),
                basic("user", "pass:word"),
                "{written}"
            );
        }
        let config =
            DockerConfig::parse(format!(r#"{{"auths":{{"a.test/team":{{"auth":"{auth}"}}}}}}"#).as_bytes()).unwrap();
        assert_eq!(
            config.written("a.test", None).unwrap(),
            None,
            "a namespace's login is not the host's"
        );
    }

    #[test]
    fn a_namespaces_login_is_for_repositories_below_it_and_the_longest_decides() {
        let entry = |user: &str| format!(r#"{{"username":"{user}","password":"p"}}"#);
        let text = format!(
            r#"{{"auths":{{"a.test":{},"a.test/team":{},"https://a.test/team/inner/":{},"docker.io/acme":{},"b.test/x":{}}}}}"#,
            entry("host"),
            entry("team"),
            entry("inner"),
            entry("acme"),
            entry("b")
        );
        let config = DockerConfig::parse(text.as_bytes()).unwrap();
        for (key, repository, user) in [
            ("a.test", None, Some("host")),
            ("a.test", Some("other/app"), Some("host")),
            ("a.test", Some("teams/app"), Some("host")),
            ("a.test", Some("team/app"), Some("team")),
            ("a.test", Some("team"), Some("team")),
            ("A.test", Some("team/inner/app"), Some("inner")),
            ("https://index.docker.io/v1/", Some("acme/app"), Some("acme")),
            ("https://index.docker.io/v1/", Some("library/app"), None),
            ("b.test", Some("y"), None),
        ] {
            let found = config.written(key, repository).unwrap();
            assert_eq!(found, user.and_then(|user| basic(user, "p")), "{key} {repository:?}");
        }
        let mut namespaces = config.namespaces("a.test");
        namespaces.sort();
        assert_eq!(namespaces, ["team", "team/inner"]);
    }

    #[test]
    fn every_form_of_a_login_is_read() {
        let of = |entry: &str| {
            DockerConfig::parse(format!(r#"{{"auths":{{"h":{entry}}}}}"#).as_bytes())
                .unwrap()
                .written("h", None)
        };
        assert_eq!(of(r#"{"username":"u","password":"p"}"#).unwrap(), basic("u", "p"));
        assert_eq!(
            of(r#"{"auth":"MDAwOg==","identitytoken":"t"}"#).unwrap(),
            Some(Credential::IdentityToken(Secret::new("t")))
        );
        assert_eq!(
            of(r#"{"username":"<token>","password":"t"}"#).unwrap(),
            Some(Credential::IdentityToken(Secret::new("t")))
        );
        assert_eq!(of("{}").unwrap(), None);
        assert_eq!(of(r#"{"auth":""}"#).unwrap(), None);
        assert!(of(r#"{"auth":"!!!"}"#).unwrap_err().contains("base64"));
        assert!(of(r#"{"auth":"bm9jb2xvbg=="}"#).unwrap_err().contains("colon"));
    }

    #[test]
    fn a_hosts_own_helper_goes_before_the_one_for_all() {
        let config = DockerConfig::parse(br#"{"credsStore":"all","credHelpers":{"a.test":"own"}}"#).unwrap();
        assert_eq!(
            (config.helper("a.test"), config.helper("b.test")),
            (Some("own"), Some("all"))
        );
        assert_eq!(DockerConfig::parse(br#"{"credsStore":""}"#).unwrap().helper("a"), None);
        assert_eq!(DockerConfig::parse(b"{}").unwrap().helper("a"), None);
    }

    #[test]
    fn a_broken_file_is_told_without_its_text() {
        let error = DockerConfig::parse(br#"{"auths":{"h":{"auth":"c2VjcmV0"} oops"#)
            .err()
            .unwrap();
        assert!(error.contains("line 1") && !error.contains("c2VjcmV0"), "{error}");
    }
}
