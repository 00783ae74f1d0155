//! The identities in their order: environment, workload identity, GitHub Actions, Azure Pipelines, managed identity,
//! Azure CLI.
//!
//! Invariants:
//! - an identity that is set up and fails ends the search: going on as somebody else would surprise;
//! - which identity answered for a tenant is remembered for the run, and so is that none is there;
//! - one request at a time for each token, which the others wait for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::Instant;

use super::super::{Secret, Variables};
use super::claims::Claims;
use super::cloud::Cloud;
use super::identity::{AccessToken, Answer, IdentityError, TokenIdentity, Tried};
use super::principal::{Asked, environment, workload};
use super::wire::IdentityWire;
use super::{azure_cli, github, managed, pipelines};

/// Tokens are renewed so long before they expire, or at half of their life if that is shorter.
const EARLY: Duration = Duration::from_secs(300);

/// Which identities may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    /// All of them, in their order.
    Any,
    /// Only those that variables of the environment make: service principals, workload identities, jobs of pipelines.
    Environment,
    /// Only the Azure CLI's.
    AzureCli,
}

/// Where identities are looked for.
#[derive(Debug, Clone)]
pub struct EntraSettings {
    /// `AZURE_…`, `IDENTITY_…`, and those of pipelines.
    pub variables: Variables,
    /// The Azure CLI: a name on the search path, or a path.
    pub azure_cli: String,
}

impl Default for EntraSettings {
    fn default() -> Self {
        Self {
            variables: Variables::from_env(),
            azure_cli: azure_cli::PROGRAM.to_owned(),
        }
    }
}

/// Whose token, and for what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    whose: Whose,
    cloud: Cloud,
    scope: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Whose {
    which: Which,
    tenant: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Environment,
    Workload,
    GitHub,
    Pipelines,
    Managed,
    AzureCli,
}

/// Those that the environment names, in their order.
const NAMED: [Kind; 4] = [Kind::Environment, Kind::Workload, Kind::GitHub, Kind::Pipelines];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Workload => "workload identity",
            Self::GitHub => "GitHub Actions",
            Self::Pipelines => "Azure Pipelines",
            Self::Managed => "managed identity",
            Self::AzureCli => "Azure CLI",
        }
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<AccessToken>>>;

#[derive(Default)]
struct Known {
    tokens: BTreeMap<Key, Slot>,
    chosen: BTreeMap<Whose, Kind>,
    /// There is none: not looked for again.
    none: BTreeMap<Whose, IdentityError>,
}

impl Known {
    fn chosen(&self, whose: &Whose) -> Option<Kind> {
        self.chosen.get(whose).copied()
    }
}

/// All identities of a run.
pub struct Entra {
    wire: Arc<dyn IdentityWire>,
    settings: EntraSettings,
    known: Mutex<Known>,
    /// `az` writes its own files and does not take kindly to company.
    one_az: tokio::sync::Mutex<()>,
}

impl Entra {
    /// Nothing is asked yet.
    pub fn new(wire: Arc<dyn IdentityWire>, settings: EntraSettings) -> Arc<Self> {
        Arc::new(Self {
            wire,
            settings,
            known: Mutex::default(),
            one_az: tokio::sync::Mutex::new(()),
        })
    }

    /// The identity of a tenant (`None`: its own) in a cloud.
    pub fn identity(self: &Arc<Self>, which: Which, tenant: Option<String>, cloud: Cloud) -> EntraIdentity {
        EntraIdentity {
            entra: Arc::clone(self),
            whose: Whose { which, tenant },
            cloud,
        }
    }

    /// What sends its requests.
    pub fn wire(&self) -> &dyn IdentityWire {
        &*self.wire
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn token(&self, key: &Key) -> Result<AccessToken, IdentityError> {
        let slot = Arc::clone(self.lock().tokens.entry(key.clone()).or_default());
        // Held while the token is fetched: the others wait here and find it.
        let mut slot = slot.lock().await;
        if let Some(token) = slot.as_ref().filter(|token| token.expires > Instant::now()) {
            return Ok(token.clone());
        }
        let known = self.lock().none.get(&key.whose).cloned();
        if let Some(error) = known {
            return Err(error);
        }
        let token = self.search(key).await?;
        *slot = Some(token.clone());
        Ok(token)
    }

    async fn search(&self, key: &Key) -> Result<AccessToken, IdentityError> {
        let chosen = self.lock().chosen(&key.whose);
        let candidates = match (chosen, key.whose.which) {
            (Some(kind), _) => vec![kind],
            (None, Which::AzureCli) => vec![Kind::AzureCli],
            (None, Which::Any | Which::Environment) => NAMED.to_vec(),
        };
        let mut tried = Vec::new();
        for kind in candidates {
            let answer = self.ask(kind, key).await;
            if let Some(ended) = self.judge(kind, key, answer, &mut tried) {
                return ended;
            }
        }
        if chosen.is_none() && key.whose.which == Which::Any {
            for (kind, answer) in self.managed_and_cli(key).await {
                if let Some(ended) = self.judge(kind, key, answer, &mut tried) {
                    return ended;
                }
            }
        }
        let error = IdentityError {
            tried,
            broken: false,
            audience: false,
            hint: Some(self.way_in(key.whose.which).to_owned()),
        };
        self.lock().none.insert(key.whose.clone(), error.clone());
        Err(error)
    }

    /// What to do where there is no identity: in a pipeline nobody can log in by hand.
    fn way_in(&self, which: Which) -> &'static str {
        let is_set = |name: &str| self.settings.variables.get(name).is_some();
        match which {
            Which::AzureCli => "log in with: az login",
            _ if is_set("GITHUB_ACTIONS") => {
                "give the job `permissions: id-token: write`, and set AZURE_CLIENT_ID and AZURE_TENANT_ID"
            }
            _ if is_set("TF_BUILD") => {
                "run this in an AzureCLI@2 task, with env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)"
            }
            Which::Environment => "set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET",
            Which::Any => "log in with: az login",
        }
    }

    /// Both take a moment to say that they are not there, so they are asked together; what the first says counts first.
    async fn managed_and_cli(&self, key: &Key) -> Vec<(Kind, Answer)> {
        let managed = Box::pin(self.ask(Kind::Managed, key));
        let cli = Box::pin(self.ask(Kind::AzureCli, key));
        let managed = match select(managed, cli).await {
            Either::Left((absent @ Answer::Absent(_), cli)) => {
                return vec![(Kind::Managed, absent), (Kind::AzureCli, cli.await)];
            }
            // Its child ends with it.
            Either::Left((answer, _cli)) => answer,
            Either::Right((cli, managed)) => {
                return vec![(Kind::Managed, managed.await), (Kind::AzureCli, cli)];
            }
        };
        vec![(Kind::Managed, managed)]
    }

    async fn ask(&self, kind: Kind, key: &Key) -> Answer {
        let tenant = key.whose.tenant.as_deref();
        let asked = Asked {
            wire: &*self.wire,
            variables: &self.settings.variables,
            cloud: key.cloud,
            tenant,
            scope: &key.scope,
        };
        match kind {
            Kind::Environment => environment(&asked).await,
            Kind::Workload => workload(&asked).await,
            Kind::GitHub => github::ask(&asked).await,
            Kind::Pipelines => pipelines::ask(&asked).await,
            Kind::Managed => managed::ask(&*self.wire, &self.settings.variables, &key.scope).await,
            Kind::AzureCli => {
                let _alone = self.one_az.lock().await;
                azure_cli::ask(&self.settings.azure_cli, tenant, key.cloud, &key.scope).await
            }
        }
    }

    /// What an answer amounts to; `None` when the search goes on.
    fn judge(
        &self,
        kind: Kind,
        key: &Key,
        answer: Answer,
        tried: &mut Vec<Tried>,
    ) -> Option<Result<AccessToken, IdentityError>> {
        let mut failed = |answer: String| {
            tried.push(Tried {
                identity: kind.name(),
                answer,
            });
        };
        match answer {
            Answer::Absent(why) => {
                failed(why);
                None
            }
            Answer::Failed { why, audience, hint } => {
                failed(why);
                Some(Err(IdentityError {
                    tried: std::mem::take(tried),
                    broken: true,
                    audience,
                    hint,
                }))
            }
            Answer::Token { secret, life, from } => {
                let claims = Claims::of(secret.expose());
                if let Some(other) = another_tenant(key.whose.tenant.as_deref(), &claims) {
                    failed(format!("it belongs to tenant {other}"));
                    return None;
                }
                self.lock().chosen.insert(key.whose.clone(), kind);
                Some(Ok(access(secret, life, from, claims)))
            }
        }
    }
}

/// The tenant of a token that is not of the tenant asked for, as far as that can be told: domains cannot be compared.
fn another_tenant(wanted: Option<&str>, claims: &Claims) -> Option<String> {
    let is_id = |text: &str| text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let wanted = wanted.filter(|wanted| is_id(wanted))?;
    let tenant = claims.tid.as_deref()?;
    (!tenant.eq_ignore_ascii_case(wanted)).then(|| tenant.to_owned())
}

fn access(secret: Secret, life: Duration, from: String, claims: Claims) -> AccessToken {
    AccessToken {
        expires: Instant::now() + life - EARLY.min(life / 2),
        who: claims.who(),
        tenant: claims.tid,
        secret,
        from,
    }
}

/// The identity of one tenant and cloud.
#[derive(Clone)]
pub struct EntraIdentity {
    entra: Arc<Entra>,
    whose: Whose,
    cloud: Cloud,
}

impl EntraIdentity {
    /// All identities that this one is of.
    pub fn entra(&self) -> &Arc<Entra> {
        &self.entra
    }

    /// The tenant that was asked for.
    pub fn tenant(&self) -> Option<&str> {
        self.whose.tenant.as_deref()
    }

    /// Which identities it may be.
    pub fn which(&self) -> Which {
        self.whose.which
    }

    /// Its cloud.
    pub fn cloud(&self) -> Cloud {
        self.cloud
    }

    fn key(&self, scope: &str) -> Key {
        Key {
            whose: self.whose.clone(),
            cloud: self.cloud,
            scope: scope.to_owned(),
        }
    }
}

#[async_trait::async_trait]
impl TokenIdentity for EntraIdentity {
    async fn token(&self, scope: &str) -> Result<AccessToken, IdentityError> {
        self.entra.token(&self.key(scope)).await
    }

    fn refused(&self, scope: &str, token: &Secret) {
        let slot = self.entra.lock().tokens.get(&self.key(scope)).map(Arc::clone);
        // One that is locked is being filled with another token.
        if let Some(mut held) = slot.as_ref().and_then(|slot| slot.try_lock().ok())
            && held.as_ref().is_some_and(|held| held.secret == *token)
        {
            *held = None;
        }
    }
}
