//! How public registries answer for a repository that is not there: seldom with 404.
//!
//! Each guise plays the registry's token service as well, at `/token` of the proxy. A login other than the given one is
//! refused there, so that "denied" and "bad login" can be told apart.

use super::client::Client;
use super::http::{RequestHead, Response};
use super::tokens;
use super::traffic::{Entry, What};

/// The manner of a registry.
#[derive(Debug, Clone)]
pub enum Guise {
    /// Docker Hub: anyone gets a token; with it, 401 `insufficient_scope` for what is absent or private.
    DockerHub {
        /// The one login that is good; `None`: only anonymous.
        login: Option<(String, String)>,
    },
    /// GHCR: strangers do not even get a token for what is absent or private: the token service says 403.
    Ghcr,
    /// Artifactory, and GHCR for those with a login: a token for anything, then 403 for what is absent.
    Denied {
        /// The one login that is good; `None`: only anonymous.
        login: Option<(String, String)>,
    },
}

const TOKEN: &str = "token-of-the-guise";
const SERVICE: &str = "guise.test";

impl Guise {
    /// The answer, where it differs from what the registry behind would say.
    pub fn answer(&self, entry: &Entry, head: &RequestHead, upstream: &str) -> Option<Response> {
        let host = head.headers.get("Host").unwrap_or_default();
        if entry.path == "/token" {
            return Some(self.token(entry, upstream));
        }
        if entry.authorization.as_deref() != Some(&format!("Bearer {TOKEN}")) {
            return Some(challenge(host, entry, None));
        }
        if entry.repository.is_empty() || exists(upstream, &entry.repository) || entry.what == What::Upload {
            return None;
        }
        Some(match self {
            Self::DockerHub { .. } => challenge(host, entry, Some("insufficient_scope")),
            Self::Ghcr | Self::Denied { .. } => {
                Response::error(403, "DENIED", "requested access to the resource is denied")
            }
        })
    }

    fn token(&self, entry: &Entry, upstream: &str) -> Response {
        let given = entry.authorization.as_deref().and_then(tokens::basic);
        let good = match self {
            Self::DockerHub { login } | Self::Denied { login } => login.as_ref(),
            Self::Ghcr => None,
        };
        if given.is_some() && given.as_ref() != good {
            return Response::error(401, "UNAUTHORIZED", "incorrect username or password");
        }
        if matches!(self, Self::Ghcr) {
            let fields = tokens::form(&entry.query);
            let repositories = fields
                .iter()
                .filter(|(name, _)| name == "scope")
                .filter_map(|(_, scope)| {
                    scope
                        .strip_prefix("repository:")
                        .and_then(|rest| rest.rsplit_once(':'))
                        .map(|(name, _)| name)
                });
            for repository in repositories {
                if !exists(upstream, repository) {
                    return Response::error(403, "DENIED", "requested access to the resource is denied");
                }
            }
        }
        let body = serde_json::json!({"token": TOKEN, "expires_in": 300});
        Response::new(200, body.to_string()).with("Content-Type", "application/json")
    }
}

fn challenge(host: &str, entry: &Entry, error: Option<&str>) -> Response {
    let mut text = format!("Bearer realm=\"http://{host}/token\",service=\"{SERVICE}\"");
    if !entry.repository.is_empty() {
        text += &format!(",scope=\"repository:{}:pull\"", entry.repository);
    }
    if let Some(error) = error {
        text += &format!(",error=\"{error}\"");
    }
    Response::error(401, "UNAUTHORIZED", "authentication required").with("Www-Authenticate", &text)
}

fn exists(upstream: &str, repository: &str) -> bool {
    Client::plain(upstream)
        .try_request("GET", &format!("/v2/{repository}/tags/list"), &[], b"")
        .is_ok_and(|answer| answer.status == 200)
}
