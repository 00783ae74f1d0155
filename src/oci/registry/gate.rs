//! How much one host is asked at a time: permits, a shared back-off, requests per second.
//!
//! Three classes: small requests, uploads, downloads. One slot is kept for small requests. An upload may wait for a
//! download slot, of any host, while it holds its own; nobody waits for an upload slot while holding a slot. With
//! that one order for all hosts, copies that cross each other cannot block each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The smallest limit: one large and one small request.
const FLOOR: usize = 2;

/// What a permit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A request whose answer is small.
    Small,
    /// A blob on its way to the host; held for the whole blob.
    Upload,
    /// A blob on its way from the host; held for the whole blob.
    Download,
}

struct State {
    limit: usize,
    small: usize,
    uploads: usize,
    downloads: usize,
    /// Good answers since the limit was last raised or lowered.
    good: usize,
    /// Nothing is sent before.
    not_before: Option<Instant>,
    /// When the next request may go, by requests per second.
    next: Option<Instant>,
}

enum Turn {
    Now,
    At(Instant),
    AskAgain(Instant),
}

/// One host's gate.
pub struct Gate {
    most: usize,
    interval: Option<Duration>,
    state: Mutex<State>,
    changed: Notify,
}

/// A place among the requests of one host; given back when dropped.
pub struct Permit {
    gate: Arc<Gate>,
    class: Class,
}

impl State {
    fn admits(&self, class: Class) -> bool {
        match class {
            Class::Small => self.small + self.uploads.max(self.downloads) < self.limit,
            Class::Upload => self.uploads + 1 < self.limit && self.uploads + self.small < self.limit,
            Class::Download => self.downloads + 1 < self.limit && self.downloads + self.small < self.limit,
        }
    }

    fn count(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Small => &mut self.small,
            Class::Upload => &mut self.uploads,
            Class::Download => &mut self.downloads,
        }
    }
}

impl Gate {
    /// A gate for `most` requests at a time, at most `per_second` new ones a second.
    pub fn new(most: usize, per_second: Option<u32>) -> Self {
        let most = most.max(FLOOR);
        Self {
            most,
            interval: per_second
                .filter(|rate| *rate > 0)
                .map(|rate| Duration::from_secs(1) / rate),
            state: Mutex::new(State {
                limit: most,
                small: 0,
                uploads: 0,
                downloads: 0,
                good: 0,
                not_before: None,
                next: None,
            }),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place.
    pub async fn enter(self: &Arc<Self>, class: Class) -> Permit {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let mut state = self.lock();
                if state.admits(class) {
                    *state.count(class) += 1;
                    return Permit {
                        gate: Arc::clone(self),
                        class,
                    };
                }
            }
            changed.await;
        }
    }

    /// Waits until the host may be sent the next request.
    pub async fn pause(&self) {
        loop {
            match self.turn() {
                Turn::Now => return,
                Turn::At(turn) => {
                    tokio::time::sleep_until(turn).await;
                    // The host may have said "too many" meanwhile: this turn is over then.
                    if !self.is_paused() {
                        return;
                    }
                }
                // The back-off may have been prolonged meanwhile.
                Turn::AskAgain(until) => tokio::time::sleep_until(until).await,
            }
        }
    }

    fn is_paused(&self) -> bool {
        let now = Instant::now();
        self.lock().not_before.is_some_and(|until| until > now)
    }

    fn turn(&self) -> Turn {
        let now = Instant::now();
        let mut state = self.lock();
        if let Some(until) = state.not_before.filter(|until| *until > now) {
            return Turn::AskAgain(until);
        }
        state.not_before = None;
        let Some(interval) = self.interval else {
            return Turn::Now;
        };
        let turn = state.next.filter(|next| *next > now).unwrap_or(now);
        state.next = Some(turn + interval);
        Turn::At(turn)
    }

    /// The host said "too many": nothing is sent for a while, and fewer at a time afterwards. Answers to requests
    /// that were on their way already lower the limit only once.
    pub fn throttled(&self, wait: Duration) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.not_before.is_none_or(|until| until <= now) {
            state.limit = (state.limit / 2).max(FLOOR);
            state.good = 0;
        }
        let until = now + wait;
        if state.not_before.is_none_or(|before| before < until) {
            state.not_before = Some(until);
        }
    }

    /// A good answer: after twice as many as the limit, the limit goes up by one again.
    pub fn answered(&self) {
        let mut state = self.lock();
        if state.limit >= self.most {
            return;
        }
        state.good += 1;
        if state.good >= state.limit * 2 {
            state.good = 0;
            state.limit += 1;
            drop(state);
            self.changed.notify_waiters();
        }
    }

    /// How many places are taken.
    #[cfg(test)]
    pub fn busy(&self) -> usize {
        let state = self.lock();
        state.small + state.uploads + state.downloads
    }

    /// How many requests are sent at a time now.
    pub fn limit(&self) -> usize {
        self.lock().limit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut state = self.gate.lock();
            let count = state.count(self.class);
            *count = count.saturating_sub(1);
        }
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn soon<T>(future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(1), future).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn one_slot_is_kept_for_small_requests() {
        let gate = Arc::new(Gate::new(4, None));
        let mut held = Vec::new();
        for _ in 0..3 {
            held.extend(soon(gate.enter(Class::Upload)).await);
        }
        assert_eq!(held.len(), 3);
        assert!(soon(gate.enter(Class::Upload)).await.is_none());
        let small = soon(gate.enter(Class::Small)).await;
        assert!(small.is_some());
        assert!(soon(gate.enter(Class::Small)).await.is_none());
        held.pop();
        assert!(soon(gate.enter(Class::Small)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_and_downloads_of_one_host_do_not_wait_for_each_other() {
        let gate = Arc::new(Gate::new(4, None));
        let mut held = Vec::new();
        for class in [
            Class::Upload,
            Class::Upload,
            Class::Upload,
            Class::Download,
            Class::Download,
            Class::Download,
        ] {
            held.extend(soon(gate.enter(class)).await);
        }
        assert_eq!(held.len(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_limit_once_per_storm_and_good_answers_raise_it_again() {
        let gate = Gate::new(16, None);
        for _ in 0..16 {
            gate.throttled(Duration::from_secs(1));
        }
        assert_eq!(gate.limit(), 8);
        let start = Instant::now();
        gate.pause().await;
        assert_eq!(start.elapsed().as_secs(), 1);
        gate.throttled(Duration::from_secs(1));
        assert_eq!(gate.limit(), 4);
        for _ in 0..1000 {
            gate.answered();
        }
        assert_eq!(gate.limit(), 16);
        for _ in 0..20 {
            gate.pause().await;
            gate.throttled(Duration::from_secs(1));
        }
        assert_eq!(gate.limit(), FLOOR);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_its_turn_when_the_host_says_too_many_waits_for_that_as_well() {
        let gate = Arc::new(Gate::new(16, Some(1)));
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move { gate.pause().await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
        gate.throttled(Duration::from_secs(60));
        let start = Instant::now();
        let mut ended = Vec::new();
        for waiter in waiting.into_iter().skip(1) {
            let _ = waiter.await;
            ended.push(start.elapsed().as_secs());
        }
        assert!(ended.iter().all(|second| *second >= 60), "{ended:?}");
        ended.dedup();
        assert_eq!(ended.len(), 3, "and then they go one a second again");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_per_second_are_spread_out() {
        let gate = Gate::new(16, Some(10));
        let start = Instant::now();
        for _ in 0..21 {
            gate.pause().await;
        }
        assert_eq!(start.elapsed().as_millis() / 100, 20);
    }
}
