//! Times as services write them (RFC 3339), and how long it is until then by the service's own clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap};

/// Reads `2024-01-31T12:00:00Z`, with fractions and offsets. `None` for what is no such time or before 1970.
pub fn rfc3339(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = time.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let good = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !good {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

fn numbers(text: &str, between: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut read = [0; 3];
    for (slot, length) in read.iter_mut().zip(lengths) {
        let part = parts.next()?;
        if part.len() != length || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *slot = part.parse().ok()?;
    }
    parts.next().is_none().then_some(read)
}

/// Seconds east of Greenwich. Without a zone it is the service's, which is Greenwich's.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |part: &str| (part.len() == 2).then(|| part.parse::<i64>().ok()).flatten();
    Some(sign * (two(hours)? * 3600 + two(minutes)? * 60))
}

/// Days since 1970 in the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// What an answer's own clock says, else ours: so that clocks that differ do no harm.
pub fn now_of(headers: &HeaderMap) -> SystemTime {
    headers
        .get(DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| httpdate::parse_http_date(text).ok())
        .unwrap_or_else(SystemTime::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_fractions_and_offsets() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600)),
            ("2024-01-31T12:00:00.1234567Z", Some(1_706_702_400)),
            ("2024-01-31T12:00:00.1234567+00:00", Some(1_706_702_400)),
            ("2024-01-31T14:00:00+02:00", Some(1_706_702_400)),
            ("2024-01-31T10:30:00-01:30", Some(1_706_702_400)),
            ("2024-01-31T12:00:00", Some(1_706_702_400)),
            ("2024-01-31 12:00:00Z", Some(1_706_702_400)),
            ("2024-13-31T12:00:00Z", None),
            ("2024-01-31T25:00:00Z", None),
            ("2024-01-31", None),
            ("31/01/2024 12:00:00", None),
            ("1969-12-31T23:59:59Z", None),
            ("2024-01-31T12:00:00 noon", None),
            ("", None),
            ("é", None),
        ] {
            let read = rfc3339(text).map(|time| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
            assert_eq!(read, seconds, "{text}");
        }
    }
}
