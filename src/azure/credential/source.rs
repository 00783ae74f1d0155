//! The credential of a manifest as a source: one fetch for all who want it, renewed before it expires and when its server
//! refuses it.
//!
//! Invariants:
//! - one `listCredential` at a time for a manifest, which the others wait for;
//! - a generation is never handed out again after it was refused: the same secret, shown again, has a new number;
//! - it is in memory only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::grant::Grant;
use super::rejection::{PATIENCE, Refused, Verdict, judge};
use crate::azure::arm::{Arm, ArmError, ArmErrorKind};
use crate::azure::manifest::ArtifactManifest;
use crate::azure::name::ManifestId;
use crate::azure::state::StoreType;
use crate::azure::store::lacking;
use crate::azure::time::now_of;
use crate::event::Event;
use crate::oci::Job;

/// Renewed so long before it expires, or at half of its life if that is shorter.
const EARLY: Duration = Duration::from_secs(15 * 60);
/// Nobody believes that a credential is good for longer.
const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Without a refusal for so long, what was shown was taken: the next refusal begins a new streak.
const FORGOTTEN: Duration = Duration::from_secs(120);
/// A wait that begins so soon after the first refusal is the first one.
const SAME_MOMENT: Duration = Duration::from_millis(500);
/// A renewal that failed while the old one is still good is tried again after this.
const AGAIN: Duration = Duration::from_secs(30);

/// A credential, and which one of its source it is.
#[derive(Debug, Clone)]
pub struct Granted {
    /// What was granted.
    pub grant: Arc<Grant>,
    /// Grows whenever another one is handed out.
    pub generation: u64,
}

struct Held {
    granted: Granted,
    made: Instant,
    renew: Instant,
    expires: Instant,
    accepted: bool,
    rejected: bool,
}

/// Refusals that nothing good came between.
#[derive(Default)]
struct Streak {
    first: Option<Instant>,
    last: Option<Instant>,
    times: u32,
    credentials: u32,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    streak: Streak,
    fetched: u64,
}

/// The credential of one manifest.
pub struct ScopedCredential {
    arm: Arc<Arm>,
    manifest: ManifestId,
    state: Mutex<State>,
    fetching: tokio::sync::Mutex<()>,
}

impl ScopedCredential {
    /// Nothing is asked yet.
    pub fn new(arm: Arc<Arm>, manifest: ManifestId) -> Arc<Self> {
        Arc::new(Self {
            arm,
            manifest,
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::new(()),
        })
    }

    /// Whose it is.
    pub fn manifest(&self) -> &ManifestId {
        &self.manifest
    }

    /// How often Resource Manager was asked for it.
    pub fn fetches(&self) -> u64 {
        self.lock().fetched
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The credential: the one that is held while it is good, else another.
    pub async fn get(&self, job: &Job) -> Result<Granted, ArmError> {
        if let Some(good) = self.good() {
            return Ok(good);
        }
        // Held while it is fetched: the others wait here and find it.
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(good) = self.good() {
            return Ok(good);
        }
        match self.verdict() {
            Some(Verdict::Wait(wait)) => self.shown_again(wait, job).await,
            Some(Verdict::GiveUp) => Err(self.given_up()),
            Some(Verdict::Renew) => self.fetch(job).await,
            None => match self.fetch(job).await {
                Err(error) if error.kind != ArmErrorKind::Cancelled => self.still_good(job, error),
                other => other,
            },
        }
    }

    /// What is held now, good or not; nobody is asked.
    pub fn held(&self) -> Option<Granted> {
        self.lock().held.as_ref().map(|held| held.granted.clone())
    }

    /// Was it made so recently that its registry may not know it yet?
    pub fn is_settling(&self) -> bool {
        self.lock().held.as_ref().is_some_and(|held| {
            held.granted.grant.store_type() == StoreType::Registry && held.made.elapsed() < PATIENCE
        })
    }

    /// Would [`Self::get`] bring another one, or the same after a wait? False when it was refused and neither would help.
    pub fn may_come(&self) -> bool {
        self.verdict() != Some(Verdict::GiveUp)
    }

    /// The server took the credential of this generation.
    pub fn accepted(&self, generation: u64) {
        let mut state = self.lock();
        if let Some(held) = state.held.as_mut().filter(|held| held.granted.generation == generation) {
            held.accepted = true;
            if !held.rejected {
                state.streak = Streak::default();
            }
        }
    }

    /// The server refused the credential of this generation (401, or 403 for a signature): the next [`Self::get`] brings
    /// another, or the same one after a wait, or says that there is no use. Who was refused with an older one says
    /// nothing new.
    pub fn rejected(&self, generation: u64) {
        let mut state = self.lock();
        let Some(held) = state.held.as_mut().filter(|held| held.granted.generation == generation) else {
            return;
        };
        if std::mem::replace(&mut held.rejected, true) {
            return;
        }
        let now = Instant::now();
        let streak = &mut state.streak;
        if streak.last.is_some_and(|last| now.duration_since(last) > FORGOTTEN) {
            *streak = Streak::default();
        }
        streak.first.get_or_insert(now);
        streak.last = Some(now);
        streak.times = streak.times.saturating_add(1);
        streak.credentials = streak.credentials.max(1);
    }

    fn good(&self) -> Option<Granted> {
        let state = self.lock();
        let held = state.held.as_ref()?;
        (!held.rejected && held.renew > Instant::now()).then(|| held.granted.clone())
    }

    /// What to do with a refused one; `None` where none was refused.
    fn verdict(&self) -> Option<Verdict> {
        let state = self.lock();
        let held = state.held.as_ref().filter(|held| held.rejected)?;
        // Due anyway.
        if held.renew <= Instant::now() {
            return Some(Verdict::Renew);
        }
        let refused = Refused {
            accepted: held.accepted,
            age: held.made.elapsed(),
            since_first: state.streak.first.map(|first| first.elapsed()).unwrap_or_default(),
            times: state.streak.times,
            credentials: state.streak.credentials,
        };
        Some(judge(&held.granted.grant.store_type(), &refused))
    }

    async fn shown_again(&self, wait: Duration, job: &Job) -> Result<Granted, ArmError> {
        let first = self.lock().streak.first;
        job.events.emit(Event::Waiting {
            what: format!(
                "waiting for the registry to accept the new token of the artifact manifest {}",
                self.manifest.manifest
            ),
            since: first
                .map(|first| first.elapsed())
                .filter(|since| *since > SAME_MOMENT)
                .unwrap_or_default(),
            delay: wait,
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = job.cancel.cancelled() => return Err(self.error(ArmErrorKind::Cancelled, "stopped")),
        }
        let mut state = self.lock();
        let Some(held) = state.held.as_mut() else {
            return Err(self.given_up());
        };
        held.rejected = false;
        held.granted.generation += 1;
        Ok(held.granted.clone())
    }

    async fn fetch(&self, job: &Job) -> Result<Granted, ArmError> {
        self.lock().fetched += 1;
        let (ask, answer) = ArtifactManifest::list_credential(&self.arm, &self.manifest, job).await?;
        let grant = Grant::read(&answer.value).map_err(|why| lacking(&ask, &why).at(answer.correlation()))?;
        let life = grant.life(now_of(&answer.headers)).min(LONGEST_LIFE);
        if life.is_zero() {
            return Err(self
                .error(
                    ArmErrorKind::Expired,
                    &format!("it was granted with an end in the past ({})", grant.expiry()),
                )
                .at(answer.correlation())
                .hint("run again; if it stays like this, open a support request with the correlation id"));
        }
        let now = Instant::now();
        let mut state = self.lock();
        let generation = state.held.as_ref().map_or(1, |held| held.granted.generation + 1);
        if state.held.as_ref().is_some_and(|held| held.rejected) {
            state.streak.credentials += 1;
        }
        let granted = Granted {
            grant: Arc::new(grant),
            generation,
        };
        state.held = Some(Held {
            granted: granted.clone(),
            made: now,
            renew: now + life - EARLY.min(life / 2),
            expires: now + life,
            accepted: false,
            rejected: false,
        });
        Ok(granted)
    }

    /// A renewal before its time failed: as long as the old one is good, that is no reason to stop.
    fn still_good(&self, job: &Job, error: ArmError) -> Result<Granted, ArmError> {
        let mut state = self.lock();
        let now = Instant::now();
        let Some(held) = state.held.as_mut().filter(|held| held.expires > now) else {
            return Err(error);
        };
        held.renew = (now + AGAIN).min(held.expires);
        let granted = held.granted.clone();
        drop(state);
        job.events.emit(Event::Detail(format!(
            "{}: its credential could not be renewed yet: {error}",
            self.manifest
        )));
        Ok(granted)
    }

    fn given_up(&self) -> ArmError {
        self.error(
            ArmErrorKind::Denied,
            "it is refused where it should be good, and so is another one",
        )
        .hint(
            "the store's registry or account refuses what Resource Manager grants: see whether a firewall, a private endpoint or a lock is in the way",
        )
    }

    fn error(&self, kind: ArmErrorKind, detail: &str) -> ArmError {
        ArmError::new(
            kind,
            "use the credential of artifact manifest",
            self.manifest.to_string(),
            detail,
        )
    }
}

/// The credentials of a run: one source a manifest, so that each is fetched once.
pub struct ScopedCredentials {
    arm: Arc<Arm>,
    known: Mutex<BTreeMap<ManifestId, Arc<ScopedCredential>>>,
}

impl ScopedCredentials {
    /// Nothing is asked yet.
    pub fn new(arm: Arc<Arm>) -> Arc<Self> {
        Arc::new(Self {
            arm,
            known: Mutex::default(),
        })
    }

    /// The credential of a manifest: the same source each time.
    pub fn of(&self, manifest: &ManifestId) -> Arc<ScopedCredential> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let source = known
            .entry(manifest.clone())
            .or_insert_with(|| ScopedCredential::new(Arc::clone(&self.arm), manifest.clone()));
        Arc::clone(source)
    }
}
