//! This machine's clock against that of a server that refused a login: tokens and assertions are good for a time.

use std::time::{Duration, SystemTime};

/// Entra and Resource Manager allow for about five minutes.
const ALLOWED: Duration = Duration::from_secs(300);

/// What to tell of a server's time (the `Date` of its answer) where it is too far from ours; `None` where it is not.
pub fn clock_words(there: SystemTime, here: SystemTime, server: &str) -> Option<String> {
    let (off, way) = match there.duration_since(here) {
        Ok(behind) => (behind, "behind"),
        Err(ahead) => (ahead.duration(), "ahead of"),
    };
    let seconds = off.as_secs();
    let span = match seconds {
        172_800.. => format!("{} days", seconds / 86_400),
        7200.. => format!("{} h", seconds / 3600),
        _ => format!("{} min", seconds / 60),
    };
    (off > ALLOWED).then(|| format!("this machine's clock is {span} {way} that of {server}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_of_only_where_it_is_far_off() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        for (seconds, words) in [
            (0, None),
            (300, None),
            (360, Some("6 min")),
            (3 * 3600, Some("3 h")),
            (3 * 86_400, Some("3 days")),
        ] {
            let off = Duration::from_secs(seconds);
            for (there, way) in [(now + off, "behind that of x"), (now - off, "ahead of that of x")] {
                let told = clock_words(there, now, "x");
                match words {
                    Some(span) => {
                        let told = told.unwrap_or_default();
                        assert!(told.contains(span) && told.ends_with(way), "{told}");
                    }
                    None => assert_eq!(told, None),
                }
            }
        }
    }
}
