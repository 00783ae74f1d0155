//! Names for the manifest after this one: entries are create-only, so what is missing goes into another.

/// Manifests have names of at most so many characters.
const NAME_LIMIT: usize = 64;

/// The name of the next version: the last number of the name counted up. `None` where it does not end in a number, or the
/// new name would be too long.
pub fn next_version(name: &str) -> Option<String> {
    let digits = name.chars().rev().take_while(char::is_ascii_digit).count();
    let (stem, number) = name.split_at_checked(name.len().checked_sub(digits)?)?;
    let next = number.parse::<u64>().ok()?.checked_add(1)?.to_string();
    // `v07` is followed by `v08`.
    let next = format!("{next:0>digits$}");
    Some(format!("{stem}{next}")).filter(|name| name.chars().count() <= NAME_LIMIT)
}

/// A name for a second manifest beside this one.
pub fn second(name: &str) -> String {
    let ending = "-more";
    let room = NAME_LIMIT.saturating_sub(ending.len());
    let stem: String = name.chars().take(room).collect();
    format!("{stem}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_is_counted_up() {
        for (name, next) in [
            ("contoso-acr-manifest-1-0-0", Some("contoso-acr-manifest-1-0-1")),
            ("contoso-acr-manifest-1-0-9", Some("contoso-acr-manifest-1-0-10")),
            ("v07", Some("v08")),
            ("v099", Some("v100")),
            ("7", Some("8")),
            ("contoso", None),
            ("", None),
            ("m-99999999999999999999", None),
            ("m-18446744073709551615", None),
            ("äöü-1", Some("äöü-2")),
        ] {
            assert_eq!(next_version(name).as_deref(), next, "{name}");
        }
        assert_eq!(next_version(&format!("{}9", "m".repeat(63))), None);
    }

    #[test]
    fn a_second_manifest_is_named_within_the_limit() {
        assert_eq!(second("m-1-0-0"), "m-1-0-0-more");
        assert_eq!(second(&"ä".repeat(64)).chars().count(), 64);
    }
}
