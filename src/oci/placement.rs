//! Which blobs a registry holds where, as far as this run knows; single flight.
//!
//! One map per registry and principal. A blob is `Absent` (not in the map), `InFlight` (somebody moves it), or
//! `Present` in some repositories. Who claims a blob becomes its owner or waits; a waiter is told where it can be
//! mounted from. When an owner fails or is dropped, one waiter becomes owner. Nobody holds a permit while waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::digest::Digest;

enum State {
    InFlight(Arc<Notify>),
    Present(Vec<Arc<str>>),
}

/// The placements of one registry and principal.
#[derive(Default)]
pub struct Placements {
    states: Mutex<HashMap<Digest, State>>,
}

/// What a claim brought.
pub enum Claim {
    /// Nobody else has it or moves it: the claimer must move it, then call [`Ticket::done`].
    Owner(Ticket),
    /// It is in the very repository that was asked for.
    Here,
    /// It is in this other repository.
    Elsewhere(Arc<str>),
}

/// Ownership of one blob in flight. Dropping it without [`Self::done`] wakes the waiters, one of which becomes owner.
pub struct Ticket {
    placements: Arc<Placements>,
    digest: Digest,
    finished: bool,
}

impl Placements {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, State>> {
        // No code panics while holding the lock in a state that matters: every write is one insertion.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims a blob for a repository; waits while somebody else moves it.
    pub async fn claim(self: &Arc<Self>, digest: &Digest, repository: &str) -> Claim {
        loop {
            let notify = {
                let mut states = self.lock();
                match states.get(digest) {
                    None => {
                        states.insert(digest.clone(), State::InFlight(Arc::new(Notify::new())));
                        return Claim::Owner(Ticket {
                            placements: Arc::clone(self),
                            digest: digest.clone(),
                            finished: false,
                        });
                    }
                    Some(State::Present(repositories)) => {
                        if repositories.iter().any(|held| &**held == repository) {
                            return Claim::Here;
                        }
                        if let Some(first) = repositories.first() {
                            return Claim::Elsewhere(Arc::clone(first));
                        }
                        states.remove(digest);
                        continue;
                    }
                    Some(State::InFlight(notify)) => {
                        // Registered while the map is locked, so that the owner's wake-up cannot be missed.
                        let mut notified = Box::pin(Arc::clone(notify).notified_owned());
                        notified.as_mut().enable();
                        notified
                    }
                }
            };
            notify.await;
        }
    }

    /// A blob was found, or mounted, in one more repository.
    pub fn found(&self, digest: &Digest, repository: &str) {
        match self.lock().get_mut(digest) {
            Some(State::Present(repositories)) => {
                if !repositories.iter().any(|held| &**held == repository) {
                    repositories.push(repository.into());
                }
            }
            // An owner will say so itself.
            Some(State::InFlight(_)) | None => {}
        }
    }

    /// A repository turned out not to hold a blob after all (deleted meanwhile, or its mount was refused as
    /// unknown).
    pub fn lost(&self, digest: &Digest, repository: &str) {
        let mut states = self.lock();
        if let Some(State::Present(repositories)) = states.get_mut(digest) {
            repositories.retain(|held| &**held != repository);
            if repositories.is_empty() {
                states.remove(digest);
            }
        }
    }
}

impl Ticket {
    /// The blob is in this repository, whole.
    pub fn done(mut self, repository: &str) {
        self.finished = true;
        self.settle(Some(State::Present(vec![repository.into()])));
    }

    fn settle(&self, state: Option<State>) {
        let mut states = self.placements.lock();
        let before = match state {
            Some(state) => states.insert(self.digest.clone(), state),
            None => states.remove(&self.digest),
        };
        drop(states);
        if let Some(State::InFlight(notify)) = before {
            notify.notify_waiters();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.finished {
            self.settle(None);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests")]

    use std::time::Duration;

    use super::*;

    fn owner(claim: Claim) -> Ticket {
        match claim {
            Claim::Owner(ticket) => ticket,
            Claim::Here => panic!("already here"),
            Claim::Elsewhere(at) => panic!("already in {at}"),
        }
    }

    #[tokio::test]
    async fn waiters_are_told_where_to_mount_from() {
        let placements = Arc::new(Placements::default());
        let digest = Digest::of(b"x");
        let ticket = owner(placements.claim(&digest, "a").await);
        let waiters: Vec<_> = ["a", "b"]
            .map(|repository| {
                let (placements, digest) = (Arc::clone(&placements), digest.clone());
                tokio::spawn(async move { placements.claim(&digest, repository).await })
            })
            .into_iter()
            .collect();
        tokio::task::yield_now().await;
        assert!(waiters.iter().all(|w| !w.is_finished()));
        ticket.done("a");
        let mut claims = Vec::new();
        for waiter in waiters {
            claims.push(waiter.await.unwrap_or(Claim::Here));
        }
        assert!(matches!(claims.first(), Some(Claim::Here)));
        assert!(matches!(claims.get(1), Some(Claim::Elsewhere(at)) if &**at == "a"));
    }

    #[tokio::test(start_paused = true)]
    async fn when_owners_fail_each_waiter_becomes_owner_in_turn_and_nobody_hangs() {
        let placements = Arc::new(Placements::default());
        let digest = Digest::of(b"x");
        let tries = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                let (placements, digest, tries) = (Arc::clone(&placements), digest.clone(), Arc::clone(&tries));
                tokio::spawn(async move {
                    match placements.claim(&digest, &format!("r{n}")).await {
                        Claim::Owner(ticket) => {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                            if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 7 {
                                ticket.done("good");
                            }
                            false
                        }
                        Claim::Elsewhere(at) => &*at == "good",
                        Claim::Here => false,
                    }
                })
            })
            .collect();
        let mut told = 0;
        for task in tasks {
            told += u32::from(task.await.unwrap_or(false));
        }
        assert_eq!((tries.load(std::sync::atomic::Ordering::SeqCst), told), (8, 12));
    }

    #[tokio::test]
    async fn a_place_that_was_lost_is_forgotten() {
        let placements = Arc::new(Placements::default());
        let digest = Digest::of(b"x");
        owner(placements.claim(&digest, "a").await).done("a");
        placements.found(&digest, "b");
        placements.lost(&digest, "a");
        assert!(matches!(placements.claim(&digest, "c").await, Claim::Elsewhere(at) if &*at == "b"));
        placements.lost(&digest, "b");
        drop(owner(placements.claim(&digest, "c").await));
    }
}
