//! Registry hosts: the name people use, where requests go, and whether TLS is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Url;

use crate::oci::{ErrorKind, OciError};

/// Where Docker Hub's requests go.
const HUB_AUTHORITY: &str = "registry-1.docker.io";
/// The key under which docker keeps Docker Hub's login.
pub const HUB_CREDENTIAL_KEY: &str = "https://index.docker.io/v1/";

/// One registry host. Clones share what was learnt about it.
#[derive(Debug, Clone)]
pub struct Host {
    /// As people name it, lower case; Docker Hub's several names become `docker.io`.
    pub name: String,
    /// Where requests go: host and port.
    authority: String,
    plain: bool,
    /// Plain only because it is on this machine: nobody said so.
    assumed: bool,
    speaks_tls: Arc<AtomicBool>,
}

/// Is this one of Docker Hub's names?
pub fn is_docker_hub(host: &str) -> bool {
    matches!(
        host.to_ascii_lowercase().as_str(),
        "docker.io" | "index.docker.io" | HUB_AUTHORITY
    )
}

/// Does a host (without port; IPv6 with or without brackets) name this machine?
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.to_ascii_lowercase().ends_with(".localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Is this an address that no router passes on (RFC 3927), such as that of a cloud's metadata service?
pub fn is_link_local(host: &str) -> bool {
    host.parse::<std::net::Ipv4Addr>()
        .is_ok_and(|address| address.is_link_local())
}

/// Hosts that are reached without TLS: this machine, and those that the project lists.
#[derive(Debug, Clone, Default)]
pub struct PlainHttp(Vec<String>);

impl PlainHttp {
    /// Loopback and these, each `host` (any port) or `host:port`.
    pub fn new(listed: impl IntoIterator<Item = String>) -> Self {
        Self(listed.into_iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// May this URL be fetched without TLS?
    pub fn allows(&self, url: &Url) -> bool {
        is_loopback(url.host_str().unwrap_or_default()) || self.lists(url)
    }

    /// Does the project list this URL's host?
    fn lists(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        self.0.iter().any(|listed| *listed == host || *listed == with_port)
    }
}

impl Host {
    /// Reads `host[:port]`; IPv6 in brackets.
    pub fn parse(text: &str, plain_http: &PlainHttp) -> Result<Self, OciError> {
        let name = text.to_ascii_lowercase();
        if is_docker_hub(&name) {
            return Ok(Self {
                name: "docker.io".to_owned(),
                authority: HUB_AUTHORITY.to_owned(),
                plain: false,
                assumed: false,
                speaks_tls: Arc::default(),
            });
        }
        let bad = |why: &str| {
            OciError::new(ErrorKind::Protocol, "reach registry", text, why)
                .hint("a registry is written host or host:port, without scheme and path")
        };
        if name.is_empty() || name.contains(['/', '@', '?', '#', '\\']) || name.chars().any(char::is_whitespace) {
            return Err(bad("is no registry host"));
        }
        let url = Url::parse(&format!("http://{name}/")).map_err(|e| bad(&format!("is no registry host: {e}")))?;
        let plain = plain_http.allows(&url)
            // A listed `host:443` or a bare host is compared with the port that TLS would use, too.
            || Url::parse(&format!("https://{name}/")).is_ok_and(|tls| plain_http.allows(&tls));
        Ok(Self {
            authority: name.clone(),
            name,
            plain,
            assumed: plain && !plain_http.lists(&url),
            speaks_tls: Arc::default(),
        })
    }

    /// The same where somebody said with which scheme the host is reached: nothing is assumed.
    pub fn exactly(text: &str, plain: bool) -> Result<Self, OciError> {
        let host = Self::parse(text, &PlainHttp::default())?;
        Ok(Self {
            plain: plain && host.plain,
            assumed: false,
            ..host
        })
    }

    /// An answer to a plain request that only a TLS server gives: 400, and nothing that a registry would say. Hosts
    /// on this machine are tried without TLS first, as most have none; from now on this one is reached with TLS.
    /// True if the request at `url` was sent without and should be sent again; it is put right. `new`: the host has
    /// not given a sensible answer yet.
    pub fn learn_tls(&self, new: bool, url: &mut Url) -> bool {
        let known = self.speaks_tls.load(Ordering::Relaxed);
        if !self.assumed || url.scheme() != "http" || !(new || known) {
            return false;
        }
        self.speaks_tls.store(true, Ordering::Relaxed);
        url.set_scheme("https").is_ok()
    }

    /// The key under which docker's configuration keeps this host's login.
    pub fn credential_key(&self) -> &str {
        if self.name == "docker.io" {
            HUB_CREDENTIAL_KEY
        } else {
            &self.name
        }
    }

    /// A repository's name as the host knows it: Docker Hub keeps one-segment names under `library/`.
    pub fn repository(&self, name: &str) -> String {
        if self.name == "docker.io" && !name.contains('/') {
            return format!("library/{name}");
        }
        name.to_owned()
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn origin(&self) -> String {
        let plain = self.plain && !self.speaks_tls.load(Ordering::Relaxed);
        let scheme = if plain { "http" } else { "https" };
        format!("{scheme}://{}", self.authority)
    }

    /// The URL of a path below `/v2/`. `repository` must be checked already: see [`check_repository`].
    pub fn url(&self, repository: &str, rest: &str) -> Result<Url, OciError> {
        self.at(&format!("/v2/{repository}/{rest}"))
    }

    /// The URL of a path that starts with `/`. Everything in it must be checked already.
    pub fn at(&self, path: &str) -> Result<Url, OciError> {
        let text = format!("{}{path}", self.origin());
        Url::parse(&text).map_err(|e| {
            OciError::new(
                ErrorKind::Protocol,
                "reach registry",
                &self.name,
                format!("{text}: {e}"),
            )
        })
    }
}

/// Refuses what could lead a request anywhere else than to one repository (distribution-spec, "Pull", `<name>`;
/// upper case is left to the registry to refuse).
pub fn check_repository(host: &Host, repository: &str) -> Result<(), OciError> {
    let good = !repository.is_empty()
        && repository.len() <= 255
        && repository.split('/').all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        });
    if good {
        return Ok(());
    }
    Err(OciError::new(
        ErrorKind::Protocol,
        "reach repository",
        format!("{}/{}", host.name, repository.chars().take(255).collect::<String>()),
        "is no repository name: letters, digits and . _ - in parts separated by / are allowed",
    ))
}

/// Refuses what is no tag (distribution-spec, "Pull", `<reference>`).
pub fn check_tag(subject: &str, tag: &str) -> Result<(), OciError> {
    let good = (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if good {
        return Ok(());
    }
    Err(OciError::new(
        ErrorKind::Protocol,
        "use tag",
        format!("{subject}:{}", tag.chars().take(128).collect::<String>()),
        "is no tag: 1 to 128 letters, digits and . _ - are allowed, not starting with . or -",
    ))
}

/// Do two URLs have scheme, host and port in common? Credentials travel only then.
pub fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn plain_http_is_for_loopback_and_listed_hosts_only() {
        let plain = PlainHttp::new(["Registry.Test:5000".to_owned(), "any.test".to_owned()]);
        let cases = [
            ("localhost:5000", "http://localhost:5000/v2/a/x"),
            ("LOCALHOST", "http://localhost/v2/a/x"),
            ("127.0.0.1:1", "http://127.0.0.1:1/v2/a/x"),
            ("127.9.9.9", "http://127.9.9.9/v2/a/x"),
            ("[::1]:5000", "http://[::1]:5000/v2/a/x"),
            ("a.localhost", "http://a.localhost/v2/a/x"),
            ("registry.test:5000", "http://registry.test:5000/v2/a/x"),
            ("registry.test:5001", "https://registry.test:5001/v2/a/x"),
            ("registry.test", "https://registry.test/v2/a/x"),
            ("any.test:99", "http://any.test:99/v2/a/x"),
            ("localhost.evil.test", "https://localhost.evil.test/v2/a/x"),
            ("127.0.0.1.evil.test", "https://127.0.0.1.evil.test/v2/a/x"),
            ("[2001:db8::1]:5000", "https://[2001:db8::1]:5000/v2/a/x"),
            ("myregistry.azurecr.io", "https://myregistry.azurecr.io/v2/a/x"),
        ];
        for (text, url) in cases {
            assert_eq!(
                Host::parse(text, &plain).unwrap().url("a", "x").unwrap().as_str(),
                url,
                "{text}"
            );
        }
    }

    #[test]
    fn docker_hub_is_one_host_by_all_its_names() {
        for name in ["docker.io", "index.docker.io", "Registry-1.docker.io"] {
            let host = Host::parse(name, &PlainHttp::default()).unwrap();
            assert_eq!(host.name, "docker.io");
            assert_eq!(host.credential_key(), "https://index.docker.io/v1/");
            assert_eq!(
                host.url("library/redis", "tags/list").unwrap().host_str(),
                Some("registry-1.docker.io")
            );
        }
    }

    #[test]
    fn only_an_unlisted_host_of_this_machine_may_turn_out_to_have_tls() {
        let plain = PlainHttp::new(["localhost:5000".to_owned(), "a.test".to_owned()]);
        for (text, new, learns) in [
            ("localhost:5001", true, true),
            ("localhost:5001", false, false),
            ("localhost:5000", true, false),
            ("a.test", true, false),
            ("b.test", true, false),
        ] {
            let host = Host::parse(text, &plain).unwrap();
            let mut url = host.url("a", "x").unwrap();
            assert_eq!(host.learn_tls(new, &mut url), learns, "{text}");
            assert_eq!(host.clone().url("a", "x").unwrap(), url, "{text}: clones know it, too");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "https://a.test",
            "a.test/b",
            "u@a.test",
            "a b",
            "a.test:port",
            "a.test?x",
            "[::1",
            "a\\b",
        ] {
            assert!(Host::parse(text, &PlainHttp::default()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_repository_cannot_lead_elsewhere() {
        let host = Host::parse("a.test", &PlainHttp::default()).unwrap();
        for good in ["a", "library/redis", "a__b/c-d/e.f", "UPPER/case"] {
            assert!(check_repository(&host, good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            "a/.",
            "a?b",
            "a#b",
            "a%2e",
            "a b",
            "a@b",
            &"x".repeat(256),
        ] {
            assert!(check_repository(&host, bad).is_err(), "{bad}");
        }
        for bad in ["", ".a", "-a", "a/b", "a:b", &"x".repeat(129)] {
            assert!(check_tag("a.test/a", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn another_scheme_host_or_port_is_another_origin() {
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(same_origin(&url("https://a.test/x"), &url("https://a.test:443/y")));
        for other in ["http://a.test/x", "https://b.test/x", "https://a.test:444/x"] {
            assert!(!same_origin(&url("https://a.test/x"), &url(other)), "{other}");
        }
    }
}
