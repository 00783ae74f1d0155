//! Asking for imports, and waiting for their end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camino::Utf8PathBuf;
use reqwest::Url;
use tokio::sync::Semaphore;

use super::ask::{Import, RIGHT};
use super::error::ImportError;
use super::intent::{Intent, IntentFile};
use super::registry_id::RegistryId;
use crate::azure::arm::{Arm, ArmError, ArmErrorKind, Ask};
use crate::digest::Digest;
use crate::event::Event;
use crate::oci::{ErrorKind, Job, OciError};

/// So many imports are under way at a time: a registry works them off one after another anyway, and refuses more than some.
pub const IMPORTS_AT_ONCE: usize = 4;
/// Waits between looks at a tag that nobody says is written yet.
const LOOKS: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// Looks at the tag that an import writes.
#[async_trait::async_trait]
pub trait TargetTag: Send + Sync {
    /// What it names; `None`: there is no such tag.
    async fn held(&self) -> Result<Option<Digest>, OciError>;
}

/// How an image got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It was asked for.
    Asked,
    /// An earlier run had asked for it.
    Found,
    /// The tag named it already.
    WasThere,
}

/// The imports of a run.
pub struct Imports {
    turns: Semaphore,
    state: Utf8PathBuf,
    denied: Mutex<BTreeMap<RegistryId, ArmError>>,
    told: Mutex<BTreeSet<String>>,
}

impl Imports {
    /// Intents are kept below the state folder. Nothing is asked yet.
    pub fn new(state: Utf8PathBuf) -> Arc<Self> {
        Arc::new(Self {
            turns: Semaphore::new(IMPORTS_AT_ONCE),
            state,
            denied: Mutex::default(),
            told: Mutex::default(),
        })
    }

    /// Why we may not ask this registry, where that was said in this run.
    pub fn denied(&self, registry: &RegistryId) -> Option<ArmError> {
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        denied.get(registry).cloned()
    }

    /// Remembers that we may not ask this registry. True the first time.
    pub fn deny(&self, registry: &RegistryId, why: &ArmError) -> bool {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        let first = !denied.contains_key(registry);
        if first {
            denied.insert(registry.clone(), why.clone());
        }
        first
    }

    /// For what is told once a run: true the first time that this is asked.
    pub fn is_first(&self, what: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(what.to_owned())
    }

    /// Has the registry fetch an image, or waits for an earlier run's doing so; comes back when the tag names it.
    pub async fn import(
        &self,
        arm: &Arm,
        import: &Import,
        tag: &dyn TargetTag,
        job: &Job,
    ) -> Result<Imported, ImportError> {
        let run = Run {
            arm,
            import,
            tag,
            job,
            ask: import.ask(arm),
            file: IntentFile::new(&self.state, import),
        };
        let _turn = tokio::select! {
            turn = self.turns.acquire() => turn.map_err(|_| run.stopped())?,
            () = job.cancel.cancelled() => return Err(run.stopped()),
        };
        run.to_its_end().await
    }
}

/// One import.
struct Run<'a> {
    arm: &'a Arm,
    import: &'a Import,
    tag: &'a dyn TargetTag,
    job: &'a Job,
    ask: Ask,
    file: IntentFile,
}

impl Run<'_> {
    async fn to_its_end(&self) -> Result<Imported, ImportError> {
        if let Some(intent) = self.file.load()
            && let Some(done) = self.found(&intent).await?
        {
            return Ok(done);
        }
        let mut intent = Intent::new(self.import);
        self.file.save(&intent).await.map_err(ImportError::Local)?;
        self.tell(&format!(
            "asks {} to import it from {}",
            self.import.registry.name(),
            self.import.source.registry
        ));
        let first = match self.arm.send(&self.ask, self.job).await {
            Ok(first) => first,
            Err(error) => return self.ended_badly(error, Imported::WasThere).await,
        };
        let operation = match self.arm.accepted(&self.ask, &first) {
            Ok(operation) => operation,
            Err(error) => return self.ended_badly(error, Imported::Asked).await,
        };
        if let Some(operation) = operation {
            intent.operation = operation.place().map(String::from);
            self.file.save(&intent).await.map_err(ImportError::Local)?;
            if let Err(error) = self.arm.finish(&self.ask, first, operation, self.job).await {
                return self.ended_badly(error, Imported::WasThere).await;
            }
        }
        self.proven(Imported::Asked).await
    }

    /// What became of an import that an earlier run began; `None`: nothing that can be found.
    async fn found(&self, intent: &Intent) -> Result<Option<Imported>, ImportError> {
        if let Some(place) = intent.operation.as_deref().and_then(|text| Url::parse(text).ok()) {
            self.tell("an earlier run has asked for it: waits for that");
            match self.arm.resume(&self.ask, &place, self.job).await {
                Ok(_) => return self.proven(Imported::Found).await.map(Some),
                Err(error) if goes_on(&error) => return Err(self.told(error)),
                // It failed, or is forgotten: what it left is looked at, then it is asked for anew.
                Err(error) => self.tell(&error.to_string()),
            }
            return Ok(self.arrived(0).await?.then_some(Imported::Found));
        }
        // Nobody knows whether the service was asked: it may be at it.
        Ok(self.arrived(LOOKS.len()).await?.then_some(Imported::Found))
    }

    /// Does the tag name what is wanted, now or after so many waits? Something else is an error.
    async fn arrived(&self, waits: usize) -> Result<bool, ImportError> {
        for wait in LOOKS.iter().take(waits).map(Some).chain([None]) {
            match self.tag.held().await.map_err(ImportError::Target)? {
                Some(held) if held == self.import.digest => {
                    self.file.remove();
                    return Ok(true);
                }
                Some(held) => return Err(self.conflict(Some(held))),
                None => {}
            }
            if let Some(wait) = wait {
                tokio::select! {
                    () = tokio::time::sleep(*wait) => {}
                    () = self.job.cancel.cancelled() => return Err(self.stopped()),
                }
            }
        }
        Ok(false)
    }

    /// The service says that it is done: the tag has to say so as well.
    async fn proven(&self, how: Imported) -> Result<Imported, ImportError> {
        if self.arrived(2).await? {
            Ok(how)
        } else {
            Err(self.conflict(None))
        }
    }

    /// The service refused or failed. What is there already cannot be imported again, which is a refusal like any other: so the
    /// tag is looked at. `how` it got there, where it is right.
    async fn ended_badly(&self, error: ArmError, how: Imported) -> Result<Imported, ImportError> {
        match error.kind {
            // Whether it goes on is not known: the intent stays, and the next run looks.
            _ if goes_on(&error) => Err(self.told(error)),
            ArmErrorKind::Login => {
                self.file.remove();
                Err(self.told(error))
            }
            // Who may not see a registry is told that it is not there.
            _ if error.kind == ArmErrorKind::Denied || is_unseen(&error) => {
                self.file.remove();
                Err(ImportError::Denied(self.scrubbed(error).hint(format!(
                    "the login needs the right {RIGHT} on the registry {}: Contributor on its resource group has it; or write \
                     `copy = \"stream\"` in the store",
                    self.import.registry.name()
                ))))
            }
            _ if self.arrived(0).await? => Ok(how),
            _ => {
                self.file.remove();
                Err(self.told(error))
            }
        }
    }

    fn conflict(&self, held: Option<Digest>) -> ImportError {
        self.file.remove();
        ImportError::Conflict {
            target: self.import.target(),
            held,
            wanted: self.import.digest.clone(),
        }
    }

    fn stopped(&self) -> ImportError {
        ImportError::Target(OciError::new(
            ErrorKind::Cancelled,
            "import",
            self.import.target(),
            "stopped: an import that was asked for goes on, and the next run finds it",
        ))
    }

    fn told(&self, mut error: ArmError) -> ImportError {
        if error.kind == ArmErrorKind::Unfinished {
            error.hint = Some("it goes on without us: the next run waits for it again".to_owned());
        }
        ImportError::Service(self.scrubbed(error))
    }

    /// A service may repeat what it was sent.
    fn scrubbed(&self, mut error: ArmError) -> ArmError {
        let Some(login) = &self.import.source.login else {
            return error;
        };
        let secret = login.password.expose();
        if secret.is_empty() {
            return error;
        }
        let clean = |text: &mut String| {
            if text.contains(secret) {
                *text = text.replace(secret, "***");
            }
        };
        clean(&mut error.detail);
        error.service.lines.iter_mut().for_each(clean);
        error.service.code.iter_mut().for_each(clean);
        error.hint.iter_mut().for_each(clean);
        error
    }

    fn tell(&self, what: &str) {
        let text = format!("{}: {what}", self.import.target());
        self.job.events.emit(Event::Detail(text));
    }
}

/// Is the registry itself not there for us? (Resource Manager, "Common deployment errors".)
fn is_unseen(error: &ArmError) -> bool {
    let codes = ["ResourceNotFound", "ResourceGroupNotFound", "SubscriptionNotFound"];
    let code = error.service.code.as_deref();
    error.kind == ArmErrorKind::Absent && code.is_some_and(|code| codes.contains(&code))
}

/// May the operation go on although we do not see it?
fn goes_on(error: &ArmError) -> bool {
    matches!(
        error.kind,
        ArmErrorKind::Cancelled
            | ArmErrorKind::Unfinished
            | ArmErrorKind::Unreachable
            | ArmErrorKind::Server
            | ArmErrorKind::Throttled
    )
}
