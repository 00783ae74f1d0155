//! Sizes and ages as people type them.

use std::num::NonZeroUsize;
use std::time::Duration;

pub use crate::project::parse_size as size;

/// A number of things that must be done by somebody.
pub fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| format!("{text:?} is no number from 1 on"))
}

/// `30d`, `12h`, `90m`, `10s`.
pub fn age(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is no age: write 30d, 12h, 90m or 10s");
    let unit = text.chars().last().ok_or_else(bad)?;
    let factor: u64 = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(bad()),
    };
    let number: u64 = text
        .strip_suffix(unit)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(bad)?;
    number.checked_mul(factor).map(Duration::from_secs).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_binary_units() {
        let table = [
            ("0", 0),
            ("1024", 1024),
            ("1k", 1024),
            ("2KiB", 2048),
            ("5GiB", 5 << 30),
            ("1M", 1 << 20),
            ("1mb", 1 << 20),
        ];
        for (text, bytes) in table {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "x", "5X", "-1", "99999999999999T"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_take_one_unit() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(age("10s"), Ok(Duration::from_secs(10)));
        for text in ["", "d", "3", "3x", "é"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
