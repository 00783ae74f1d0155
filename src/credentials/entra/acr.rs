//! Azure Container Registry: an Entra token is exchanged for a refresh token of the registry, which is shown as an
//! identity token from then on (ACR, "Authentication Overview": `/oauth2/exchange`).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::super::helper::one_line;
use super::super::{Credential, CredentialError, CredentialSource, Missed, Obtained, Secret, Wanted};
use super::REGISTRY_SCOPE;
use super::claims::Claims;
use super::identities::{EntraIdentity, Which};
use super::identity::{AccessToken, IdentityError, TokenIdentity as _};
use super::wire::Question;

/// The user name under which a registry takes a refresh token as a password.
pub const ACR_USER: &str = "00000000-0000-0000-0000-000000000000";
/// A registry's refresh tokens live for three hours.
const LIFE: Duration = Duration::from_secs(3 * 3600);
/// They are renewed so long before.
const EARLY: Duration = Duration::from_secs(600);
/// One that is refused so soon after it was given would be refused again.
const FRESH: Duration = Duration::from_secs(60);

/// Is this the name of an Azure registry? A port, where one is written, does not count.
pub fn is_azure_registry(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    [".azurecr.io", ".azurecr.us", ".azurecr.cn"].iter().any(|suffix| {
        name.strip_suffix(suffix).is_some_and(|registry| {
            // Data endpoints (`name.region.data`) serve blobs by links that need no login.
            !registry.is_empty() && registry.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
    })
}

struct Exchanged {
    refresh: Secret,
    generation: u64,
    from: String,
    made: Instant,
    until: Instant,
    rejected: bool,
}

/// Why there is no refresh token.
enum Failure {
    Identity(IdentityError),
    /// The identity is good, but not here.
    Refused(CredentialError),
}

/// An Entra identity at one registry.
pub struct AcrLogin {
    host: String,
    identity: EntraIdentity,
    held: Mutex<Option<Exchanged>>,
    exchanging: tokio::sync::Mutex<()>,
}

impl AcrLogin {
    /// This identity at this registry.
    pub fn new(host: impl Into<String>, identity: EntraIdentity) -> Self {
        Self {
            host: host.into(),
            identity,
            held: Mutex::default(),
            exchanging: tokio::sync::Mutex::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Exchanged>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Option<Obtained> {
        self.lock()
            .as_ref()
            .filter(|held| !held.rejected && held.until > Instant::now())
            .map(Exchanged::obtained)
    }

    /// The login, or what to tell when one goes on without.
    pub(crate) async fn login(&self, wanted: &Wanted<'_>) -> Result<Obtained, Missed> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let _one_at_a_time = self.exchanging.lock().await;
        if let Some(known) = self.known() {
            return Ok(known);
        }
        match self.renew(wanted).await {
            Ok(obtained) => Ok(obtained),
            Err(Failure::Identity(error)) => Err(Missed::from(error)),
            Err(Failure::Refused(error)) => Err(Missed {
                detail: error.detail,
                hint: error.hint,
                broken: true,
            }),
        }
    }

    async fn renew(&self, wanted: &Wanted<'_>) -> Result<Obtained, Failure> {
        let (token, refresh) = match self.exchange(REGISTRY_SCOPE, wanted).await {
            // A token for Resource Manager lets its bearer manage what the identity manages: shown to Azure's own only.
            Err(failure) if failure.may_be_the_audience() && is_azure_registry(&self.host) => {
                let arm = self.identity.cloud().arm_scope();
                // The first answer is the one that says what is wrong.
                self.exchange(arm, wanted).await.map_err(|_| failure)?
            }
            other => other?,
        };
        let life = Claims::of(refresh.expose()).life().filter(|life| !life.is_zero());
        let life = life.unwrap_or(LIFE).min(LIFE);
        let who = token.who.map(|who| format!(" ({who})")).unwrap_or_default();
        (wanted.tell)(format!("{}: logged in by the {}{who}", self.host, token.from));
        let mut held = self.lock();
        let now = Instant::now();
        let exchanged = Exchanged {
            refresh,
            generation: held.as_ref().map_or(1, |held| held.generation + 1),
            from: format!("Entra identity of the {}", token.from),
            made: now,
            until: now + life - EARLY.min(life / 2),
            rejected: false,
        };
        let obtained = exchanged.obtained();
        *held = Some(exchanged);
        Ok(obtained)
    }

    async fn exchange(&self, scope: &str, wanted: &Wanted<'_>) -> Result<(AccessToken, Secret), Failure> {
        let token = self.identity.token(scope).await.map_err(Failure::Identity)?;
        let refused = |why: String, hint: Option<String>| {
            Failure::Refused(CredentialError {
                detail: format!(
                    "{} does not take the Entra identity of the {}: {why}",
                    self.host, token.from
                ),
                hint,
            })
        };
        let url = url::Url::parse(&format!("{}/oauth2/exchange", wanted.origin))
            .map_err(|error| refused(error.to_string(), None))?;
        let service = if wanted.service.is_empty() {
            self.host.as_str()
        } else {
            wanted.service
        };
        let mut form = vec![
            ("grant_type", Secret::new("access_token")),
            ("service", Secret::new(service)),
        ];
        if let Some(tenant) = token.tenant.as_deref().or(self.identity.tenant()) {
            form.push(("tenant", Secret::new(tenant)));
        }
        form.push(("access_token", token.secret.clone()));
        let wire = self.identity.entra().wire();
        let reply = wire
            .ask(Question::post(url, form))
            .await
            .map_err(|why| refused(why, None))?;
        match (reply.status, refresh_token(&reply.body)) {
            (200, Some(refresh)) => Ok((token, refresh)),
            (200, None) => Err(refused("the answer holds no refresh token".to_owned(), None)),
            (404 | 405, _) => Err(refused(
                format!("{} from /oauth2/exchange, so it is no Azure registry", reply.status),
                Some(format!(
                    "choose another way to log in to {}: auth = \"auto\"",
                    self.host
                )),
            )),
            (status, _) => {
                if status == 401 {
                    self.identity.refused(scope, &token.secret);
                }
                let who = token.who.as_deref().map(|who| format!(" ({who})")).unwrap_or_default();
                Err(refused(
                    format!("{status} {}", words(&reply.body)).trim_end().to_owned(),
                    Some(format!(
                        "give this identity{who} the role AcrPull or AcrPush on the registry, or name the registry's \
                         tenant with tenant = \"…\""
                    )),
                ))
            }
        }
    }
}

impl Failure {
    /// Could a token for another audience do?
    fn may_be_the_audience(&self) -> bool {
        match self {
            Self::Identity(error) => error.audience,
            Self::Refused(error) => error.detail.contains(": 401") || error.detail.contains(": 400"),
        }
    }
}

impl Exchanged {
    fn obtained(&self) -> Obtained {
        Obtained {
            credential: Credential::IdentityToken(self.refresh.clone()),
            generation: self.generation,
            from: self.from.clone(),
        }
    }
}

fn refresh_token(body: &[u8]) -> Option<Secret> {
    #[derive(Deserialize)]
    struct Answer {
        refresh_token: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let good = !answer.refresh_token.is_empty() && !answer.refresh_token.chars().any(char::is_control);
    good.then(|| Secret::new(answer.refresh_token))
}

/// The registry's own words.
fn words(body: &[u8]) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = parsed
        .as_ref()
        .and_then(|value| value.pointer("/errors/0/message"))
        .and_then(serde_json::Value::as_str)
        .map(one_line);
    message.map(|message| format!("({message})")).unwrap_or_default()
}

#[async_trait::async_trait]
impl CredentialSource for AcrLogin {
    fn principal(&self) -> String {
        let way = match self.identity.which() {
            Which::Any => "entra",
            Which::Environment => "entra-environment",
            Which::AzureCli => "azure-cli",
        };
        format!("{way}:{}", self.identity.tenant().unwrap_or_default())
    }

    async fn get(&self, wanted: &Wanted<'_>) -> Result<Obtained, CredentialError> {
        self.login(wanted).await.map_err(|missed| CredentialError {
            detail: missed.detail,
            hint: missed.hint,
        })
    }

    fn rejected(&self, generation: u64) {
        if let Some(held) = self.lock().as_mut().filter(|held| held.generation == generation) {
            held.rejected = held.made.elapsed() > FRESH;
        }
    }

    fn remedy(&self) -> String {
        let tenant = self.identity.tenant().map(|tenant| format!(" --tenant {tenant}"));
        format!(
            "give the identity a role on the registry, or log in as another one: az login{}",
            tenant.unwrap_or_default()
        )
    }
}
