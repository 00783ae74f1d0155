//! Who asks Resource Manager: a token that a pipeline already has, else an Entra identity.

use reqwest::header::HeaderValue;

use crate::credentials::Secret;
use crate::credentials::entra::{Claims, EntraIdentity, IdentityError, TokenIdentity as _};

/// The variable with a bearer token for Resource Manager; goes before every identity.
pub const TOKEN_VARIABLE: &str = "AOSM_ARM_TOKEN";

/// Where bearer tokens come from.
pub(super) enum ArmLogin {
    /// From [`TOKEN_VARIABLE`].
    Given(Secret),
    /// From an identity, for the cloud's scope.
    Identity {
        identity: EntraIdentity,
        scope: &'static str,
    },
}

/// Who asks Resource Manager, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFacts {
    /// Where the token comes from.
    pub from: String,
    /// The tenant it is of, where it says so.
    pub tenant: Option<String>,
}

/// Why there is no token.
pub(super) enum NoToken {
    /// What was given cannot be sent.
    Unusable(&'static str),
    /// The identities gave none; names each that was tried.
    Identity(IdentityError),
}

impl ArmLogin {
    /// The `Authorization` header. Kept and renewed by the identity.
    pub async fn header(&self) -> Result<HeaderValue, NoToken> {
        let token = match self {
            Self::Given(token) => token.clone(),
            Self::Identity { identity, scope } => identity.token(scope).await.map_err(NoToken::Identity)?.secret,
        };
        let bare = token.expose().trim();
        let bare = bare.strip_prefix("Bearer ").unwrap_or(bare).trim();
        if bare.is_empty() || bare.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(NoToken::Unusable("holds no token: a bearer token is one word"));
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {bare}"))
            .map_err(|_| NoToken::Unusable("holds no token: a bearer token is plain ASCII"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Who asks, and in which tenant, without asking Resource Manager.
    pub async fn facts(&self) -> Result<LoginFacts, NoToken> {
        match self {
            Self::Given(token) => {
                let claims = Claims::of(token.expose().trim());
                Ok(LoginFacts {
                    from: format!("the token in {TOKEN_VARIABLE}"),
                    tenant: claims.tid,
                })
            }
            Self::Identity { identity, scope } => {
                let token = identity.token(scope).await.map_err(NoToken::Identity)?;
                Ok(LoginFacts {
                    from: format!("the {} identity", token.from),
                    tenant: token.tenant,
                })
            }
        }
    }

    /// Its token was refused. True if another one may be had.
    pub fn refused(&self) -> bool {
        match self {
            Self::Given(_) => false,
            Self::Identity { identity, scope } => {
                identity.refused(scope);
                true
            }
        }
    }

    /// Who that is, for messages.
    pub fn is_given(&self) -> bool {
        matches!(self, Self::Given(_))
    }
}
