//! The logins of one registry, as they come from their source: refused ones are remembered and not shown again, and what
//! went wrong on the way is told where it matters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::host::Host;
use super::retry::{Again, Trouble};
use super::scopes::Scopes;
use super::wire::Caller;
use crate::credentials::{CredentialError, CredentialSource, Missed, Obtained, Wanted};
use crate::oci::{ErrorKind, OciError};

#[derive(Default)]
struct State {
    /// By generation: nothing more is sent with them.
    refused: HashMap<u64, OciError>,
    /// There is no login to be had: not asked for again.
    none: Option<OciError>,
}

/// A source of credentials, and what became of them at its registry.
pub struct Logins {
    host: Host,
    source: Arc<dyn CredentialSource>,
    state: Mutex<State>,
}

impl Logins {
    /// Nothing is asked yet.
    pub fn new(host: Host, source: Arc<dyn CredentialSource>) -> Self {
        Self {
            host,
            source,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who logs in; never a secret.
    pub fn principal(&self) -> String {
        self.source.principal()
    }

    /// What to do when a login is missing or refused.
    pub fn remedy(&self) -> String {
        self.source.remedy()
    }

    /// The server took the credential of this generation.
    pub fn accepted(&self, generation: u64) {
        self.source.accepted(generation);
    }

    /// Are refusals no verdict now, as the server may not know the credential yet?
    pub fn is_settling(&self) -> bool {
        self.source.is_settling()
    }

    /// Does the credential open this repository? `None`: only the server can tell.
    pub fn opens(&self, repository: &str) -> Option<bool> {
        self.source.opens(repository)
    }

    /// What was tried before going on without a login.
    pub fn missed(&self) -> Option<Missed> {
        self.source.missed()
    }

    /// The login for these scopes; one that was refused already is told again instead of shown again.
    pub async fn get(&self, service: &str, scopes: &Scopes, caller: &Caller) -> Result<Obtained, OciError> {
        if let Some(error) = &self.lock().none {
            return Err(error.clone());
        }
        let origin = self.host.origin();
        let wanted = Wanted {
            repository: scopes.main_repository(),
            origin: &origin,
            service,
            tell: &|text| caller.detail(text),
        };
        let obtained = self
            .source
            .get(&wanted)
            .await
            .map_err(|CredentialError { detail, hint }| {
                let mut error = OciError::new(ErrorKind::BadCredentials, "log in to", &self.host.name, detail);
                error.hint = hint;
                self.lock().none = Some(error.clone());
                error
            })?;
        match self.lock().refused.get(&obtained.generation) {
            Some(error) => Err(error.clone()),
            None => Ok(obtained),
        }
    }

    /// The credential of this generation was refused. `Ok` when the source has another one by now.
    pub async fn another(
        &self,
        refused: &Obtained,
        error: OciError,
        service: &str,
        scopes: &Scopes,
        caller: &Caller,
    ) -> Result<Obtained, OciError> {
        self.source.rejected(refused.generation);
        let last = error.detail.clone();
        self.lock().refused.insert(refused.generation, error);
        self.get(service, scopes, caller).await.map_err(|mut error| {
            // Why there is no other one says nothing of what was wrong with this one.
            if error.detail != last {
                error.detail = format!("{}; the last answer was: {last}", error.detail);
            }
            error
        })
    }

    /// An error about the login itself, with the way out.
    pub fn bad(&self, detail: String) -> OciError {
        let hint = match self.source.missed() {
            Some(Missed { hint: Some(hint), .. }) => format!("{}, or {hint}", self.source.remedy()),
            _ => self.source.remedy(),
        };
        OciError::new(ErrorKind::BadCredentials, "log in to", &self.host.name, detail).hint(hint)
    }

    /// A denial, told with what is known about the login that was denied.
    pub fn denied(&self, trouble: Trouble, anonymous: bool) -> Trouble {
        if !anonymous {
            let hint = "the login is good, so the repository does not exist or the login has no right to it";
            return Trouble {
                kind: ErrorKind::Denied,
                hint: Some(hint.to_owned()),
                ..trouble
            };
        }
        match self.source.missed() {
            // Somebody was to log in and could not: whether the repository is there remains unknown.
            Some(Missed {
                detail,
                hint,
                broken: true,
            }) => Trouble {
                kind: ErrorKind::BadCredentials,
                detail: format!("{}, and {detail}", trouble.detail),
                hint,
                again: trouble.again,
            },
            missed => Trouble {
                kind: ErrorKind::Denied,
                hint: Some(self.hint_without_login(missed)),
                ..trouble
            },
        }
    }

    fn hint_without_login(&self, missed: Option<Missed>) -> String {
        let remedy = self.source.remedy();
        let missed = missed.map(|missed| format!("; {}", missed.detail)).unwrap_or_default();
        format!("no login was found: the repository does not exist, or needs one; {remedy}{missed}")
    }

    /// Somebody without a login was denied a token.
    pub fn denied_token(&self, error: OciError) -> OciError {
        let trouble = Trouble {
            kind: error.kind,
            detail: error.detail,
            hint: error.hint,
            again: Again::No,
        };
        let told = self.denied(trouble, true);
        let mut error = OciError::new(told.kind, error.operation, error.subject, told.detail);
        error.hint = told.hint;
        error
    }
}
