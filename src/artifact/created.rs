//! Times of creation: written from `SOURCE_DATE_EPOCH`, checked where people write them.

use crate::fault::Fault;

/// The annotation that holds it (image-spec, annotations.md).
pub const ANNOTATION: &str = "org.opencontainers.image.created";

/// 9999-12-31T23:59:59Z: RFC 3339 has no place for later years.
const LAST: u64 = 253_402_300_799;
const DAY: u64 = 86_400;

/// `SOURCE_DATE_EPOCH` of the environment, in seconds since 1970 (reproducible-builds.org). Fails when it is no number.
pub fn source_date_epoch() -> Result<Option<u64>, Fault> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let text = text.to_string_lossy();
    match text.trim() {
        "" => Ok(None),
        number => match number.parse() {
            Ok(seconds) if seconds <= LAST => Ok(Some(seconds)),
            _ => Err(
                Fault::invalid(format!("SOURCE_DATE_EPOCH is {number:?}, which is no time"))
                    .hint("set it to seconds since 1970, as in `git log -1 --format=%ct`, or unset it"),
            ),
        },
    }
}

/// `2024-01-31T23:59:59Z`.
pub fn rfc3339(seconds: u64) -> String {
    let seconds = seconds.min(LAST);
    let (year, month, day) = civil(seconds / DAY);
    let second = seconds % DAY;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month and day of a day since 1970, in the Gregorian calendar. Years are counted from March, so that the leap
/// day is the last of its year; 400 of them have 146,097 days.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    // 719,468 days lie between the first of March of the year 0 and 1970.
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, five months have 153 days.
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let (month, carry) = if march_month < 10 {
        (march_month + 3, 0)
    } else {
        (march_month - 9, 1)
    };
    (era * 400 + year_of_era + carry, month, day)
}

/// Is this a date and time of RFC 3339 as oras takes it: upper-case `T` and `Z`, a day that its month has?
pub fn is_rfc3339(text: &str) -> bool {
    let number = |from: usize, to: usize| {
        text.get(from..to)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u64>().ok())
    };
    let fixed = [(4, '-'), (7, '-'), (10, 'T'), (13, ':'), (16, ':')]
        .iter()
        .all(|(at, c)| text.get(*at..).is_some_and(|rest| rest.starts_with(*c)));
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else {
        return false;
    };
    let (Some(hour), Some(minute), Some(second)) = (number(11, 13), number(14, 16), number(17, 19)) else {
        return false;
    };
    let zone = text.get(19..).unwrap_or_default();
    let zone = match zone.strip_prefix('.') {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if rest.len() == fraction.len() {
                return false;
            }
            rest
        }
        None => zone,
    };
    fixed
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && is_zone(zone)
}

fn days_in(year: u64, month: u64) -> u64 {
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `Z`, or `+hh:mm` or `-hh:mm`.
fn is_zone(zone: &str) -> bool {
    if zone == "Z" {
        return true;
    }
    let Some((hours, minutes)) = zone.strip_prefix(['+', '-']).and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let below = |digits: &str, limit: u32| {
        digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse().is_ok_and(|n: u32| n < limit)
    };
    below(hours, 24) && below(minutes, 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (86_399, "1970-01-01T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
            assert!(is_rfc3339(text), "{text}");
        }
    }

    #[test]
    fn only_dates_and_times_of_rfc_3339_are_taken() {
        for good in [
            "2024-02-29T12:00:00Z",
            "2024-01-31T23:59:59.123456789+05:30",
            "2024-01-31T23:59:59-00:00",
        ] {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in [
            "",
            "2024-01-31",
            "2024-01-31 23:59:59Z",
            "2024-01-31T23:59:59",
            "2024-01-31t23:59:59z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-31T24:00:00Z",
            "2024-01-31T23:59:59.Z",
            "2024-01-31T23:59:59+5:30",
            "2024-01-31T23:59:59+24:00",
            "+024-01-31T23:59:59Z",
            "é024-01-31T23:59:59Z",
        ] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
    }
}
