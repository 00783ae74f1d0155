//! What to do with a credential that its server refused: pure rules, one table test.
//!
//! A registry learns of a token that was just made with some delay, and answers 401 until then: such a refusal is waited
//! out. One part of it may know the token before another does, so a token that was taken somewhere and is refused elsewhere is
//! given some seconds, too, before it is replaced: another one would be new everywhere. Nothing else is waited for: a credential
//! that is old is replaced at once.

use std::time::Duration;

use crate::azure::state::StoreType;

/// A token counts as freshly made for so long, and so long its refusals are waited out.
pub const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A fresh token that was taken somewhere is shown again this often in a row: some seven seconds.
const ELSEWHERE: u32 = 3;

/// What is known about a refused credential.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// It was good at some time.
    pub accepted: bool,
    /// How long ago it was granted.
    pub age: Duration,
    /// How long ago the refusals began that nothing good came between.
    pub since_first: Duration,
    /// How many there were, this one included.
    pub times: u32,
    /// How many credentials were refused in a row, this one included.
    pub credentials: u32,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Wait so long, then show the same one again.
    Wait(Duration),
    /// Ask for another one.
    Renew,
    /// Neither would help.
    GiveUp,
}

/// What to do with a refused credential of a store of this kind.
pub fn judge(kind: &StoreType, refused: &Refused) -> Verdict {
    let fresh = refused.age < PATIENCE && (!refused.accepted || refused.times <= ELSEWHERE);
    match kind {
        StoreType::Registry if fresh && refused.since_first < PATIENCE => {
            let doubled = FIRST_WAIT.saturating_mul(1 << refused.times.saturating_sub(1).min(8));
            Verdict::Wait(doubled.min(LONGEST_WAIT))
        }
        _ if refused.credentials > 1 => Verdict::GiveUp,
        _ => Verdict::Renew,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fresh_token_of_a_registry_is_waited_for() {
        let refused = |accepted, age, since_first, times, credentials| Refused {
            accepted,
            age: Duration::from_secs(age),
            since_first: Duration::from_secs(since_first),
            times,
            credentials,
        };
        let wait = |seconds| Verdict::Wait(Duration::from_secs(seconds));
        let (registry, account) = (StoreType::Registry, StoreType::StorageAccount);
        for (kind, case, expected) in [
            (&registry, refused(false, 0, 0, 1, 1), wait(1)),
            (&registry, refused(false, 3, 3, 3, 1), wait(4)),
            (&registry, refused(false, 30, 30, 9, 1), wait(10)),
            (&registry, refused(false, 59, 59, u32::MAX, 1), wait(10)),
            // No longer fresh: replaced, once.
            (&registry, refused(false, 61, 61, 10, 1), Verdict::Renew),
            (&registry, refused(false, 2, 63, 11, 2), Verdict::GiveUp),
            // Good elsewhere: some seconds, then replaced; the new one is fresh.
            (&registry, refused(true, 2, 0, 1, 1), wait(1)),
            (&registry, refused(true, 5, 3, 3, 1), wait(4)),
            (&registry, refused(true, 9, 7, 4, 1), Verdict::Renew),
            (&registry, refused(true, 61, 0, 1, 1), Verdict::Renew),
            (&registry, refused(false, 0, 1, 2, 2), wait(2)),
            (&account, refused(false, 0, 0, 1, 1), Verdict::Renew),
            (&account, refused(true, 900, 0, 1, 1), Verdict::Renew),
            (&account, refused(false, 0, 1, 2, 2), Verdict::GiveUp),
        ] {
            assert_eq!(judge(kind, &case), expected, "{kind} {case:?}");
        }
    }
}
