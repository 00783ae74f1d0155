//! How long to wait before the next try: exponential, capped, with jitter from a seed, so that runs can be replayed.

use std::time::Duration;

/// An exponential back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure, before jitter.
    pub base: Duration,
    /// No wait is longer.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after failure number `failure` (from 1): between half and the whole of `base * 2^(failure - 1)`,
    /// at most `cap`.
    pub fn delay(&self, failure: u32, jitter: &mut Jitter) -> Duration {
        let doubled = self
            .base
            .saturating_mul(1_u32.checked_shl(failure.saturating_sub(1)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.cap);
        whole / 2 + jitter.up_to(whole / 2)
    }
}

/// A small pseudo-random sequence (`SplitMix64`, Steele et al. 2014): spreads tries out, no secret depends on it.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// A sequence; the same seed gives the same one.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed that differs between processes.
    pub fn process_seed() -> u64 {
        let time = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        u64::from(time.subsec_nanos()) ^ (u64::from(std::process::id()) << 32)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A duration from zero up to `most`.
    pub fn up_to(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.next_u64() % nanos.saturating_add(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        base: Duration::from_millis(100),
        cap: Duration::from_secs(5),
    };

    #[test]
    fn waits_double_within_jitter_and_never_exceed_the_cap() {
        let mut jitter = Jitter::new(7);
        for (failure, whole) in [
            (1, 100),
            (2, 200),
            (3, 400),
            (6, 3200),
            (7, 5000),
            (40, 5000),
            (u32::MAX, 5000),
        ] {
            for _ in 0..50 {
                let delay = BACKOFF.delay(failure, &mut jitter);
                assert!(delay >= Duration::from_millis(whole / 2), "{failure}: {delay:?}");
                assert!(delay <= Duration::from_millis(whole), "{failure}: {delay:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits_and_another_seed_others() {
        let waits = |seed| {
            let mut jitter = Jitter::new(seed);
            (1..8).map(|n| BACKOFF.delay(n, &mut jitter)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
