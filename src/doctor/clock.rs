//! This machine's clock against those of the servers that answered: tokens and signed addresses fail on a clock that is wrong.

use std::time::SystemTime;

use super::check::{Check, CheckKind, State};

/// More than this is an error: Entra's tokens and shared access signatures allow for about five minutes.
const MOST: i64 = 300;

/// One server's word: its host, what time it was there, and what time it was here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) host: String,
    pub(super) there: SystemTime,
    pub(super) here: SystemTime,
}

impl Reading {
    /// Seconds that the server is ahead of us.
    fn ahead(&self) -> i64 {
        let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        match self.there.duration_since(self.here) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        }
    }
}

/// One line for the clock. Where servers contradict each other it is not this machine that is wrong about all of them.
pub(super) fn judged(readings: &[Reading], nobody_asked: bool) -> Check {
    let Some(worst) = readings.iter().max_by_key(|reading| reading.ahead().unsigned_abs()) else {
        let why = if nobody_asked {
            "not compared: --offline forbids asking anybody"
        } else {
            "not compared: no server told the time"
        };
        return Check::new(CheckKind::Clock, State::Skipped, why);
    };
    let ahead = worst.ahead();
    let off = ahead.unsigned_abs();
    if off <= MOST.unsigned_abs() {
        let within = if off < 2 {
            "agrees with".to_owned()
        } else {
            format!("is {off} s off from")
        };
        return Check::new(CheckKind::Clock, State::Ok, format!("{within} {}", worst.host));
    }
    let (way, by) = if ahead > 0 { ("behind", off) } else { ("ahead of", off) };
    let others = readings
        .iter()
        .any(|reading| reading.ahead().unsigned_abs() <= MOST.unsigned_abs());
    let detail = format!("this machine is {} {way} {}", span(by), worst.host);
    let check = Check::new(CheckKind::Clock, State::Missing, detail);
    if others {
        check.hint(format!(
            "other servers agree with this machine: tell who runs {} that its clock is wrong",
            worst.host
        ))
    } else {
        check.hint("set the clock, best by NTP: tokens and signed addresses fail when it is more than 5 minutes wrong")
    }
}

/// `7 min`, `3 h`, `2 d`.
fn span(seconds: u64) -> String {
    match seconds {
        0..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn reading(host: &str, ahead: i64) -> Reading {
        let here = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let there = if ahead >= 0 {
            here + Duration::from_secs(ahead.unsigned_abs())
        } else {
            here - Duration::from_secs(ahead.unsigned_abs())
        };
        Reading {
            host: host.to_owned(),
            there,
            here,
        }
    }

    #[test]
    fn more_than_five_minutes_in_either_direction_are_an_error() {
        let table: &[(&[i64], State, &str)] = &[
            (&[], State::Skipped, "no server told"),
            (&[0], State::Ok, "agrees with h0"),
            (&[-1, 1], State::Ok, "agrees"),
            (&[30, 2], State::Ok, "30 s off from h0"),
            (&[300], State::Ok, "300 s off"),
            (&[301], State::Missing, "this machine is 5 min behind h0"),
            (&[-301], State::Missing, "this machine is 5 min ahead of h0"),
            (&[0, -10_000], State::Missing, "2 h ahead of h1"),
            (&[900_000], State::Missing, "10 d behind h0"),
        ];
        for (offsets, state, words) in table {
            let readings: Vec<Reading> = offsets
                .iter()
                .enumerate()
                .map(|(index, ahead)| reading(&format!("h{index}"), *ahead))
                .collect();
            let check = judged(&readings, false);
            assert_eq!(check.state, *state, "{offsets:?}: {check:?}");
            assert!(check.detail.contains(words), "{offsets:?}: {check:?}");
            assert_eq!(check.hint.is_some(), *state == State::Missing, "{check:?}");
        }
        assert!(judged(&[], true).detail.contains("--offline"));
    }

    #[test]
    fn a_server_that_others_contradict_is_blamed_itself() {
        let alone = judged(&[reading("a", 4_000), reading("b", 4_001)], false);
        assert!(alone.hint.unwrap_or_default().contains("NTP"));
        let contradicted = judged(&[reading("a", 4_000), reading("b", 0)], false);
        assert!(contradicted.hint.unwrap_or_default().contains("who runs a"));
    }
}
