//! Credentials: secrets that cannot be printed, and where they come from.
//!
//! A [`CredentialSource`] answers for one host: what somebody gave, the login state of docker and Podman, variables of
//! the environment, or an Entra identity exchanged at an Azure registry ([`entra`]). Sources are asked when a server
//! wants a login, never before. This room sends nothing by itself: who owns the sockets lends it a
//! [`entra::IdentityWire`].

mod auto;
mod config_text;
mod docker_config;
pub mod entra;
mod environment;
mod given;
mod helper;
pub mod jwt;
mod keeping;
mod login;
mod secret;
mod survey;
mod variables;

pub use auto::AutoLogin;
pub use environment::EnvironmentLogin;
pub use given::GivenLogin;
pub use keeping::{Kept, LoginKeeper};
pub use login::{AnonymousLogin, LoginFiles, LoginState};
pub use secret::Secret;
pub use survey::{LoginFile, LoginFileContent};
pub use variables::Variables;

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

/// What a login is needed for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The repository, where there is one: some logins are good for a namespace only.
    pub repository: Option<&'a str>,
    /// Scheme, host and port that the server was reached at, without a slash at the end.
    pub origin: &'a str,
    /// The `service` of the server's bearer challenge; empty where it has none.
    pub service: &'a str,
    /// Takes details that only `-v` shows; never secrets.
    pub tell: &'a (dyn Fn(String) + Send + Sync),
}

/// A credential, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obtained {
    /// What to show the server.
    pub credential: Credential,
    /// Grows when the source has another one: the same number is the same credential.
    pub generation: u64,
    /// In words for messages, to follow "the": `login state in ~/.docker/config.json`.
    pub from: String,
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

/// What a source tried in vain before it went on without a login. Told when the server then denies something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// What was tried, and what came of it.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// There was an identity and it failed: a denial after that says nothing about what is there.
    pub broken: bool,
}

/// A source of credentials for one registry or store.
#[async_trait::async_trait]
pub trait CredentialSource: Send + Sync {
    /// Who this is, for token keys and placement: never a secret, the same for a whole run. `anonymous` without login.
    fn principal(&self) -> String;

    /// The credential for what is wanted. Asked again after [`Self::rejected`].
    async fn get(&self, wanted: &Wanted<'_>) -> Result<Obtained, CredentialError>;

    /// The server refused the credential of this generation; the next [`Self::get`] may bring another.
    fn rejected(&self, generation: u64);

    /// What to do when a credential is missing or refused, as a hint.
    fn remedy(&self) -> String;

    /// What was tried before going on without a login.
    fn missed(&self) -> Option<Missed> {
        None
    }

    /// The server took the credential of this generation.
    fn accepted(&self, _generation: u64) {}

    /// Was the credential made so recently that its server may not know it yet? Refusals are no verdict then: after
    /// [`Self::rejected`], [`Self::get`] waits and brings it again, for as long as that makes sense.
    fn is_settling(&self) -> bool {
        false
    }

    /// Does the credential open this repository? `None`: only the server can tell.
    fn opens(&self, _repository: &str) -> Option<bool> {
        None
    }
}

/// How to log in to a host by hand, as a hint.
pub(crate) fn log_in(host: &str) -> String {
    format!("log in with: aosm-build login {host} (docker login {host} does as well)")
}
