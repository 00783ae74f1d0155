//! `auth = "auto"`: the login state of docker and Podman, then an Entra identity where that may help, then no login.
//!
//! A kept login that the registry refuses counts as none where an Entra identity may help: what `az acr login` and the
//! like leave behind is good for three hours.

use std::sync::{Mutex, PoisonError};

use super::entra::AcrLogin;
use super::{Credential, CredentialError, CredentialSource, LoginState, Missed, Obtained, Wanted};

/// Generations of the Entra identity are told from those of the login state by this bit.
const ENTRA: u64 = 1 << 63;

/// What is there, in its order.
pub struct AutoLogin {
    login: LoginState,
    entra: Option<AcrLogin>,
    /// The login state's generation that the registry refused.
    stale: Mutex<Option<u64>>,
    /// Why there is no Entra identity: looked for once.
    missed: Mutex<Option<Missed>>,
    looking: tokio::sync::Mutex<()>,
}

impl AutoLogin {
    /// The login state, which must not be required, and an Entra identity for hosts that take one.
    pub fn new(login: LoginState, entra: Option<AcrLogin>) -> Self {
        Self {
            login,
            entra,
            stale: Mutex::default(),
            missed: Mutex::default(),
            looking: tokio::sync::Mutex::new(()),
        }
    }

    fn stale(&self) -> Option<u64> {
        *self.stale.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl CredentialSource for AutoLogin {
    /// Within one run, whoever it turns out to be.
    fn principal(&self) -> String {
        match &self.entra {
            Some(entra) => format!("login:{}", entra.principal()),
            None => self.login.principal(),
        }
    }

    async fn get(&self, wanted: &Wanted<'_>) -> Result<Obtained, CredentialError> {
        let obtained = self.login.get(wanted).await?;
        let Some(entra) = &self.entra else { return Ok(obtained) };
        let stale = self.stale() == Some(obtained.generation);
        if obtained.credential != Credential::Anonymous && !stale {
            return Ok(obtained);
        }
        // Who come together look together.
        let _one_at_a_time = self.looking.lock().await;
        if self.missed().is_some() {
            return Ok(obtained);
        }
        if stale {
            (wanted.tell)(format!("{}: the {} was refused", wanted.origin, obtained.from));
        }
        match entra.login(wanted).await {
            Ok(login) => Ok(Obtained {
                generation: login.generation | ENTRA,
                ..login
            }),
            Err(missed) => {
                (wanted.tell)(format!(
                    "{}: going on without a login: {}",
                    wanted.origin, missed.detail
                ));
                *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = Some(missed);
                Ok(obtained)
            }
        }
    }

    fn rejected(&self, generation: u64) {
        match &self.entra {
            Some(entra) if generation & ENTRA != 0 => entra.rejected(generation & !ENTRA),
            _ => {
                self.login.rejected(generation);
                *self.stale.lock().unwrap_or_else(PoisonError::into_inner) = Some(generation);
            }
        }
    }

    fn remedy(&self) -> String {
        match &self.entra {
            Some(entra) => format!("{}, or {}", self.login.remedy(), entra.remedy()),
            None => self.login.remedy(),
        }
    }

    fn missed(&self) -> Option<Missed> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
