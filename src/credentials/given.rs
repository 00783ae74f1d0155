//! What somebody gave for one host, on the command line or in a prompt.

use super::{Credential, CredentialError, CredentialSource, Obtained, Secret, Wanted};

/// A user and password that go before everything else.
#[derive(Debug, Clone)]
pub struct GivenLogin {
    username: String,
    password: Secret,
}

impl GivenLogin {
    /// This user and password.
    pub fn new(username: impl Into<String>, password: Secret) -> Self {
        Self {
            username: username.into(),
            password,
        }
    }
}

#[async_trait::async_trait]
impl CredentialSource for GivenLogin {
    fn principal(&self) -> String {
        format!("given:{}", self.username)
    }

    async fn get(&self, _wanted: &Wanted<'_>) -> Result<Obtained, CredentialError> {
        Ok(Obtained {
            credential: Credential::Basic {
                username: self.username.clone(),
                password: self.password.clone(),
            },
            generation: 1,
            from: format!("command line (user {})", self.username),
        })
    }

    /// There is no other.
    fn rejected(&self, _generation: u64) {}

    fn remedy(&self) -> String {
        "give another user name and password".to_owned()
    }
}
