//! An identity that gives tokens, and how it fails.

use tokio::time::Instant;

use super::super::{CredentialError, Missed, Secret};

/// A token for one audience.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The bearer token.
    pub secret: Secret,
    /// Not used from then on.
    pub expires: Instant,
    /// The identity in words, to follow "the": `Azure CLI`.
    pub from: String,
    /// The tenant, where the token names one.
    pub tenant: Option<String>,
    /// Who it is, in a form that is stable and no secret: `entra:<tenant>:<object>`.
    pub who: Option<String>,
}

/// Something that gives tokens: for a registry, for Resource Manager.
#[async_trait::async_trait]
pub trait TokenIdentity: Send + Sync {
    /// A token for a scope (`https://management.azure.com/.default`): kept, renewed before it expires.
    async fn token(&self, scope: &str) -> Result<AccessToken, IdentityError>;

    /// This token was refused: the next one is another. Where there is another one already, that stays: many who were
    /// refused together get one new token together.
    fn refused(&self, scope: &str, token: &Secret);
}

/// One identity that was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// `environment`, `managed identity`, …
    pub identity: &'static str,
    /// Why it gave no token; without secrets.
    pub answer: String,
}

/// No token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityError {
    /// All that were tried, in their order.
    pub tried: Vec<Tried>,
    /// There was an identity, and it failed; else there is none.
    pub broken: bool,
    /// This identity may not have tokens for this audience; another one may do.
    pub audience: bool,
    /// What to do about it.
    pub hint: Option<String>,
}

impl std::fmt::Display for IdentityError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tried: Vec<String> = self
            .tried
            .iter()
            .map(|tried| format!("{}: {}", tried.identity, tried.answer))
            .collect();
        let head = if self.broken {
            "the Entra identity gives no token"
        } else {
            "there is no Entra identity"
        };
        write!(f, "{head} ({})", tried.join("; "))
    }
}

impl std::error::Error for IdentityError {}

impl From<IdentityError> for CredentialError {
    fn from(error: IdentityError) -> Self {
        Self {
            detail: error.to_string(),
            hint: error.hint,
        }
    }
}

impl From<IdentityError> for Missed {
    fn from(error: IdentityError) -> Self {
        Self {
            detail: error.to_string(),
            broken: error.broken,
            hint: error.hint,
        }
    }
}

/// What one kind of identity answers.
#[derive(Debug)]
pub(super) enum Answer {
    Token {
        secret: Secret,
        /// How long it is good.
        life: std::time::Duration,
        /// To follow "the".
        from: String,
    },
    /// It is not set up here: the next one may be.
    Absent(String),
    /// It is set up, and fails.
    Failed {
        why: String,
        /// It was refused for the audience, not for itself.
        audience: bool,
        hint: Option<String>,
    },
}

impl Answer {
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::Failed {
            why: why.into(),
            audience: false,
            hint: None,
        }
    }

    /// Sets the hint of a failure that has none of its own.
    #[must_use]
    pub(super) fn hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Failed {
                why,
                audience,
                hint: None,
            } => Self::Failed {
                why,
                audience,
                hint: Some(text.into()),
            },
            other => other,
        }
    }
}
