//! When a request is tried again, and when not: the only place that decides it.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::transport::{TransportError, TransportFailure};
use crate::oci::ErrorKind;
use crate::oci::backoff::{Backoff, Jitter};

/// How often and how patiently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all when no connection can be made.
    pub connect_tries: u32,
    /// Tries in all when the connection breaks or the server fails.
    pub tries: u32,
    /// Tries in all when the server says "too many".
    pub throttle_tries: u32,
    /// The wait between tries, where the server names none.
    pub backoff: Backoff,
    /// The longest `Retry-After` that is waited for; a longer one ends the tries.
    pub longest_wait: Duration,
    /// No answer, or no byte of it, for this long: the connection counts as broken.
    pub idle: Duration,
    /// After the last byte of an upload the registry may compute this long before it answers.
    pub idle_upload: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            connect_tries: 4,
            tries: 6,
            throttle_tries: 10,
            backoff: Backoff {
                base: Duration::from_millis(300),
                cap: Duration::from_secs(20),
            },
            longest_wait: Duration::from_secs(300),
            idle: Duration::from_secs(60),
            idle_upload: Duration::from_secs(300),
        }
    }
}

/// What made a try fail.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// What it amounts to if it stays.
    pub kind: ErrorKind,
    /// In words.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// May it be tried again?
    pub again: Again,
}

/// May a failed try be repeated?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It would fail again.
    No,
    /// No connection.
    Connect,
    /// A passing trouble of connection or server.
    Passing,
    /// The server asks for patience (429, or `Retry-After` with another passing trouble), for so long if it says so.
    Throttled(Option<Duration>),
}

impl Trouble {
    /// The trouble of a request without an answer.
    pub fn of_transport(error: &TransportError) -> Self {
        let (kind, again, hint) = match error.failure {
            TransportFailure::Connect => (ErrorKind::Unreachable, Again::Connect, None),
            TransportFailure::Broken => (ErrorKind::Unreachable, Again::Passing, None),
            TransportFailure::Certificate => (
                ErrorKind::Unreachable,
                Again::No,
                Some("if the registry has a certificate of its own, name its authority as ca-file in [network]"),
            ),
            TransportFailure::Setup => (
                ErrorKind::Unreachable,
                Again::No,
                Some(
                    "install the system's certificate authorities (package ca-certificates), or check [network] in aosm.toml",
                ),
            ),
        };
        Self {
            kind,
            detail: error.detail.clone(),
            hint: hint.map(str::to_owned),
            again,
        }
    }

    /// A request that got no answer in time.
    pub fn timed_out(idle: Duration) -> Self {
        Self {
            kind: ErrorKind::Unreachable,
            detail: format!("no answer for {} s", idle.as_secs()),
            hint: None,
            again: Again::Passing,
        }
    }
}

/// Which statuses are worth another try.
pub fn again(status: StatusCode, headers: &HeaderMap) -> Again {
    let wait = retry_after(headers, SystemTime::now());
    match status {
        StatusCode::TOO_MANY_REQUESTS => Again::Throttled(wait),
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => Again::No,
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            wait.map_or(Again::Passing, |wait| Again::Throttled(Some(wait)))
        }
        _ => Again::No,
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date, which is compared with the answer's own `Date` so that
/// clocks that differ do no harm.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit mean "very long".
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let now = headers
        .get(DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| httpdate::parse_http_date(text).ok())
        .unwrap_or(now);
    Some(date.duration_since(now).unwrap_or_default())
}

/// The tries of one request, counted for each kind of trouble: who was told to be patient several times has not used up the
/// tries for a connection that breaks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tries {
    connecting: u32,
    passing: u32,
    throttled: u32,
}

impl Tries {
    /// How many have failed.
    pub fn failed(&self) -> u32 {
        self.connecting + self.passing + self.throttled
    }

    /// Counts a failed try. How long to wait before the next, or `None` to give up.
    pub fn next(&mut self, again: Again, policy: &RetryPolicy, jitter: &mut Jitter) -> Option<Duration> {
        let (failed, most, asked) = match again {
            Again::No => return None,
            Again::Connect => (&mut self.connecting, policy.connect_tries, None),
            Again::Passing => (&mut self.passing, policy.tries, None),
            Again::Throttled(asked) => (&mut self.throttled, policy.throttle_tries, asked),
        };
        *failed += 1;
        if *failed >= most || asked.is_some_and(|asked| asked > policy.longest_wait) {
            return None;
        }
        let own = policy.backoff.delay(*failed, jitter);
        // In full, and a little more, so that not everybody comes back at the same instant.
        Some(asked.map_or(own, |asked| asked + own / 4))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let cases = [
            (&[("retry-after", "7")][..], Some(7)),
            (&[("retry-after", "0")], Some(0)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")], Some(10)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], Some(0)),
            // The server's clock is an hour ahead of ours: only the difference counts.
            (
                &[
                    ("retry-after", "Sun, 06 Nov 1994 09:50:07 GMT"),
                    ("date", "Sun, 06 Nov 1994 09:49:37 GMT"),
                ],
                Some(30),
            ),
            (&[("retry-after", "99999999999999999999")], Some(u64::from(u32::MAX))),
            (&[("retry-after", "-3")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "")], None),
            (&[], None),
        ];
        for (pairs, seconds) in cases {
            assert_eq!(
                retry_after(&headers(pairs), now).map(|d| d.as_secs()),
                seconds,
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn which_statuses_are_tried_again() {
        let none = HeaderMap::new();
        let after = headers(&[("retry-after", "1")]);
        for (status, headers, expected) in [
            (408, &none, Again::Passing),
            (429, &none, Again::Throttled(None)),
            (429, &after, Again::Throttled(Some(Duration::from_secs(1)))),
            (500, &none, Again::Passing),
            (408, &after, Again::Throttled(Some(Duration::from_secs(1)))),
            (502, &after, Again::Throttled(Some(Duration::from_secs(1)))),
            (502, &none, Again::Passing),
            (501, &after, Again::No),
            (503, &after, Again::Throttled(Some(Duration::from_secs(1)))),
            (503, &none, Again::Passing),
            (504, &none, Again::Passing),
            (501, &none, Again::No),
            (400, &after, Again::No),
            (401, &none, Again::No),
            (403, &none, Again::No),
            (404, &after, Again::No),
            (413, &none, Again::No),
        ] {
            assert_eq!(
                again(StatusCode::from_u16(status).unwrap(), headers),
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn a_wait_that_the_server_asks_for_is_kept_in_full_up_to_the_limit() {
        let policy = RetryPolicy::default();
        let mut jitter = Jitter::new(1);
        let asked = |seconds| Again::Throttled(Some(Duration::from_secs(seconds)));
        let wait = Tries::default().next(asked(30), &policy, &mut jitter).unwrap();
        assert!(
            wait >= Duration::from_secs(30) && wait < Duration::from_secs(31),
            "{wait:?}"
        );
        assert!(Tries::default().next(asked(300), &policy, &mut jitter).is_some());
        assert_eq!(Tries::default().next(asked(301), &policy, &mut jitter), None);
    }

    #[test]
    fn tries_end() {
        let policy = RetryPolicy::default();
        for (again, most) in [
            (Again::No, 0),
            (Again::Connect, policy.connect_tries),
            (Again::Passing, policy.tries),
            (Again::Throttled(None), policy.throttle_tries),
        ] {
            let mut tries = Tries::default();
            let mut jitter = Jitter::new(1);
            while tries.next(again, &policy, &mut jitter).is_some() {}
            assert_eq!(tries.failed(), most, "{again:?}");
        }
    }

    #[test]
    fn patience_that_was_asked_for_does_not_use_up_the_tries_for_broken_connections() {
        let policy = RetryPolicy::default();
        let (mut tries, mut jitter) = (Tries::default(), Jitter::new(1));
        for _ in 1..policy.throttle_tries {
            assert!(tries.next(Again::Throttled(None), &policy, &mut jitter).is_some());
        }
        for again in [Again::Connect, Again::Passing] {
            assert!(tries.next(again, &policy, &mut jitter).is_some(), "{again:?}");
        }
        assert_eq!(tries.next(Again::Throttled(None), &policy, &mut jitter), None);
    }
}
