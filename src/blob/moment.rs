//! Points in time as signatures write them (REST reference, "Create a service SAS", "Specifying date/time values"): UTC,
//! ISO 8601, with a date alone, with minutes, or with seconds and their fraction.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// Reads `2030-01-31`, `2030-01-31T12:00Z`, `2030-01-31T12:00:00Z` or the same with a fraction. `None`: none of these, or
/// before 1970.
pub fn parse(text: &str) -> Option<SystemTime> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, time.strip_suffix(['Z', 'z'])?),
        None => (text, "00:00:00"),
    };
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (
        number(parts.next()?, 4)?,
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
    );
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || year < 1970 {
        return None;
    }
    let mut parts = time.splitn(3, ':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next() {
        None => 0,
        Some(text) => match text.split_once('.') {
            None => number(text, 2)?,
            Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()) => {
                number(whole, 2)?
            }
            Some(_) => return None,
        },
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = (1970..year).map(days_of).sum::<u64>() + (1..month).map(|m| days_in(year, m)).sum::<u64>() + day - 1;
    UNIX_EPOCH.checked_add(Duration::from_secs(days * DAY + hour * 3600 + minute * 60 + second))
}

/// `2030-01-31T12:00:00Z`.
pub fn format(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (mut days, rest) = (seconds / DAY, seconds % DAY);
    let mut year = 1970;
    while days >= days_of(year) && year < 9999 {
        days -= days_of(year);
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

fn number(text: &str, digits: usize) -> Option<u64> {
    if text.len() != digits || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64) -> u64 {
    if leap(year) { 366 } else { 365 }
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse(text).map(|time| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    #[test]
    fn all_forms_are_read_and_others_are_not() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("2030-01-31", Some(1_896_048_000)),
            ("2030-01-31T12:00Z", Some(1_896_091_200)),
            ("2030-01-31T12:00:07Z", Some(1_896_091_207)),
            ("2030-01-31T12:00:07.1234567Z", Some(1_896_091_207)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800)),
            ("2023-02-29", None),
            ("2030-13-01", None),
            ("2030-00-01", None),
            ("2030-1-1", None),
            ("2030-01-31T12:00:00", None),
            ("2030-01-31T24:00:00Z", None),
            ("2030-01-31T12:00:00.Z", None),
            ("1969-12-31", None),
            ("99999-01-01", None),
            ("", None),
            ("tomorrow", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for time in [0, 951_782_400, 1_709_164_799, 1_709_164_800, 4_102_444_799] {
            let text = format(UNIX_EPOCH + Duration::from_secs(time));
            assert_eq!(seconds(&text), Some(time), "{text}");
        }
    }
}
