//! Credentials: secrets that cannot be printed, and where they come from.

mod docker_config;
mod helper;
mod login;
mod secret;

pub use login::{AnonymousLogin, LoginFiles, LoginState};
pub use secret::Secret;

/// What to show a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// No login.
    Anonymous,
    /// User and password (or token used as one).
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// An identity token: exchanged by the refresh-token grant (distribution spec, token authentication).
    IdentityToken(Secret),
}

/// Why no credential could be had; without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialError {
    /// What failed.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl std::fmt::Display for CredentialError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for CredentialError {}

/// A source of credentials for one registry or store.
#[async_trait::async_trait]
pub trait CredentialSource: Send + Sync {
    /// Who this is, for token keys and placement: never a secret. `anonymous` without login.
    fn principal(&self) -> String;

    /// Where it comes from, in words for messages: `docker login state (~/.docker/config.json)`.
    fn describe(&self) -> String;

    /// The credential that is good for a scope, with its generation. Asked again after [`Self::rejected`].
    async fn get(&self, scope: &str) -> Result<(Credential, u64), CredentialError>;

    /// The server refused the credential of this generation; the next [`Self::get`] may bring another.
    fn rejected(&self, generation: u64);
}
