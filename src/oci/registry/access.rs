//! How one registry is logged in to: the project's `auth` and `tenant`, and what the command line gives.

use crate::credentials::Secret;
use crate::project::Auth;

/// A user and password that somebody gave for one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// User name.
    pub username: String,
    /// Password, or a token used as one.
    pub password: Secret,
}

/// How a registry is logged in to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Where credentials are looked for.
    pub auth: Auth,
    /// The Entra tenant whose identity is used, by id or domain; `None` for the identity's own.
    pub tenant: Option<String>,
    /// What the command line gives: goes before everything else.
    pub given: Option<Given>,
}

impl From<Auth> for Access {
    fn from(auth: Auth) -> Self {
        Self {
            auth,
            ..Self::default()
        }
    }
}

impl Access {
    /// The same in this tenant.
    #[must_use]
    pub fn in_tenant(mut self, tenant: Option<String>) -> Self {
        self.tenant = tenant;
        self
    }
}
