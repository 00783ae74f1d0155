//! A token that is good for the repositories of one manifest in the registry behind a store.

use reqwest::Url;
use serde_json::Value;

use super::grant::time;
use crate::azure::arm::{ApiVersion, ArmError, ArmErrorKind};
use crate::azure::fields::Fields;
use crate::azure::layout::{covers, granted_repository};
use crate::credentials::Secret;
use crate::fault::some_of;
use crate::oci::registry::is_loopback;

/// `AzureContainerRegistryScopedToken`: pull and push in the repositories that it lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryGrant {
    /// The registry: host and port, without scheme.
    pub host: String,
    /// It is on this machine and said to be reached without TLS.
    pub plain_http: bool,
    /// User name: the manifest's name.
    pub username: String,
    /// The token, used as a password.
    pub token: Secret,
    /// The repositories that it opens, in the service's order.
    pub repositories: Vec<String>,
    /// Until when it is good, as the service writes it.
    pub expiry: String,
}

impl RegistryGrant {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, String> {
        let (host, plain_http) = server(&fields.text("acrServerUrl")?)?;
        let repositories = fields
            .maybe_list("repositories")?
            .iter()
            .map(|name| Value::as_str(name).map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| "repositories holds what is no text".to_owned())?;
        Ok(Self {
            host,
            plain_http,
            username: fields.text("username")?,
            token: Secret::new(fields.text("acrToken")?),
            repositories,
            expiry: time(fields, "expiry")?,
        })
    }

    /// Is the repository among those that it opens?
    pub fn opens(&self, repository: &str) -> bool {
        covers(&self.repositories, repository)
    }

    /// The repository that an artifact goes to. An artifact that the grant does not cover is refused here, before
    /// anything is sent.
    pub fn repository(&self, manifest: &str, artifact: &str, api: ApiVersion) -> Result<String, ArmError> {
        granted_repository(manifest, artifact, &self.repositories, api).ok_or_else(|| {
            let names: Vec<&str> = self.repositories.iter().map(String::as_str).collect();
            let covers = if names.is_empty() {
                "it covers nothing".to_owned()
            } else {
                format!("it covers {}", some_of(&names))
            };
            ArmError::new(
                ArmErrorKind::Mismatch,
                "push",
                artifact,
                format!("the credential of the artifact manifest {manifest} does not cover it: {covers}"),
            )
            .hint("list it in the artifact manifest, or name the manifest that lists it")
        })
    }
}

/// Host and port of `https://x.azurecr.io`, `x.azurecr.io`, `http://127.0.0.1:5000`; whether it has no TLS.
fn server(text: &str) -> Result<(String, bool), String> {
    let text = text.trim();
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let wrong = || "acrServerUrl is no registry's address".to_owned();
    let url = Url::parse(&with_scheme).map_err(|_| wrong())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && matches!(url.path(), "" | "/");
    let plain = match url.scheme() {
        "https" => false,
        "http" if is_loopback(host) => true,
        "http" => return Err("acrServerUrl has no TLS".to_owned()),
        _ => return Err(wrong()),
    };
    if !bare {
        return Err(wrong());
    }
    Ok(match url.port() {
        Some(port) => (format!("{host}:{port}"), plain),
        None => (host.to_owned(), plain),
    })
}
