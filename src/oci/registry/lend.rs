//! Our login at a registry in the form in which another server could use it: for copies that this machine only asks for.

use std::sync::Arc;

use super::client::Client;
use super::content::stoppable;
use super::repository::Repository;
use super::scopes::Scopes;
use super::wire::Caller;
use crate::credentials::entra::ACR_USER;
use crate::credentials::{Credential, Secret};
use crate::digest::Digest;
use crate::oci::{ErrorKind, Job, OciError, Selector};

/// A user name and a password, or a token used as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lent {
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// Where a manifest is, and what it takes to read it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// The registry, as it names itself: `docker.io` for Docker Hub.
    pub registry: String,
    /// The repository's path there.
    pub repository: String,
    /// The login; `None`: everybody may read it.
    pub login: Option<Lent>,
}

impl Client {
    /// How somebody else could read a manifest of ours. It is asked for once: that it is there and may be read, and what login
    /// that takes, is known then.
    pub async fn lend(self: &Arc<Self>, repository: &str, digest: &Digest, job: &Job) -> Result<Readable, OciError> {
        let name = self.host.repository(repository);
        let reading = Repository::reading(self, &name)?;
        let caller = Caller::from(job);
        stoppable(job, "find manifest", &reading.label, async {
            reading.resolve(&Selector::Digest(digest.clone()), &caller).await?;
            let obtained = self.login_for(&Scopes::pull(&name), &caller).await?;
            let login = match obtained.map(|obtained| obtained.credential) {
                None | Some(Credential::Anonymous) => None,
                Some(Credential::Basic { username, password }) => Some(Lent { username, password }),
                Some(Credential::IdentityToken(password))
                    if crate::credentials::entra::is_azure_registry(&self.host.name) =>
                {
                    Some(Lent {
                        username: ACR_USER.to_owned(),
                        password,
                    })
                }
                Some(Credential::IdentityToken(_)) => {
                    return Err(OciError::new(
                        ErrorKind::BadCredentials,
                        "lend the login of",
                        &self.host.name,
                        "it is an identity token, which is good for this machine only",
                    )
                    .hint("log in with a user name and a password or an access token"));
                }
            };
            Ok(Readable {
                registry: self.host.name.clone(),
                repository: name.clone(),
                login,
            })
        })
        .await
    }
}
