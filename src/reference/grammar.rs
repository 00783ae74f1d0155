//! The grammar of the parts of a reference: hosts, path segments, tags.
//!
//! Hand-written byte checks rather than regular expressions: each failure must say what is wrong, not only that
//! something is.

use super::ReferenceError;

/// Longest repository path (distribution's `RepositoryNameTotalLengthMax`).
const PATH_MAX: usize = 255;
/// Longest tag (OCI distribution specification, "Pulling manifests").
const TAG_MAX: usize = 128;

/// True when a first segment can only be a registry: it has a dot, a port or an upper-case letter, or is
/// `localhost`, or an IPv6 address in brackets.
pub(super) fn looks_like_registry(segment: &str) -> bool {
    segment == "localhost"
        || segment
            .bytes()
            .any(|b| matches!(b, b'.' | b':' | b'[') || b.is_ascii_uppercase())
}

/// Checks `host[:port]`: names of letters, digits and inner hyphens joined by dots, or an IPv6 address in brackets.
pub(super) fn check_host(text: &str) -> Result<(), ReferenceError> {
    let bad = || ReferenceError::BadHost(excerpt(text));
    let (good, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or_else(bad)?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return Err(bad()),
        };
        (address.parse::<std::net::Ipv6Addr>().is_ok(), port)
    } else {
        match text.split_once(':') {
            Some((name, port)) => (is_host_name(name), Some(port)),
            None => (is_host_name(text), None),
        }
    };
    if good && port.is_none_or(is_port) {
        Ok(())
    } else {
        Err(bad())
    }
}

fn is_host_name(name: &str) -> bool {
    name.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

/// Checks a repository path: segments of the distribution grammar joined by `/`, 255 characters at most.
pub(super) fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.len() > PATH_MAX {
        return Err(ReferenceError::PathTooLong(path.chars().count()));
    }
    path.split('/').try_for_each(check_segment)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn check_segment(segment: &str) -> Result<(), ReferenceError> {
    if segment.is_empty() {
        return Err(ReferenceError::EmptySegment);
    }
    if segment.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(ReferenceError::UpperCase(excerpt(segment)));
    }
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut separator = String::new();
    let mut after_word = false;
    for c in segment.chars() {
        if u8::try_from(c).is_ok_and(is_word) {
            let joined = separator.is_empty()
                || matches!(separator.as_str(), "." | "_" | "__")
                || separator.bytes().all(|b| b == b'-');
            if !joined || (!after_word && !separator.is_empty()) {
                return Err(ReferenceError::BadSegment(excerpt(segment)));
            }
            separator.clear();
            after_word = true;
        } else if matches!(c, '.' | '_' | '-') {
            separator.push(c);
        } else {
            return Err(ReferenceError::BadSegment(excerpt(segment)));
        }
    }
    if separator.is_empty() {
        Ok(())
    } else {
        Err(ReferenceError::BadSegment(excerpt(segment)))
    }
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(super) fn check_tag(tag: &str) -> Result<(), ReferenceError> {
    if tag.is_empty() {
        return Err(ReferenceError::EmptyTag);
    }
    if tag.len() > TAG_MAX {
        return Err(ReferenceError::TagTooLong(tag.chars().count()));
    }
    let good = tag
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        && !tag.starts_with(['.', '-']);
    if good {
        Ok(())
    } else {
        Err(ReferenceError::BadTag(excerpt(tag)))
    }
}

/// A text short enough for a message.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 80;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(SHOWN).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;

    #[test]
    fn hosts_follow_the_distribution_grammar_with_ports_and_ipv6() {
        for good in [
            "reg.io",
            "REG.io",
            "localhost",
            "localhost:5000",
            "a-b.c",
            "10.0.0.1:80",
            "[::1]",
            "[fe80::1]:443",
        ] {
            assert_eq!(check_host(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-a.b",
            "a-.b",
            "a..b",
            ".a",
            "a.",
            "a_b.c",
            "reg.io:",
            "reg.io:0",
            "reg.io:65536",
            "reg.io:+5",
            "reg.io:5a",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[zz]",
            "[]",
            "a:1:2",
            "münchen.de",
        ] {
            assert!(check_host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn path_segments_follow_the_distribution_grammar() {
        for good in ["a", "0", "a.b", "a_b", "a__b", "a-b", "a---b", "a/b/c", "a.b_c-d"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in [
            "-a", "a-", ".a", "a.", "_a", "a_", "a..b", "a___b", "a._b", "a-_b", "ä", "a b", "a+b", "a%b",
        ] {
            assert_eq!(
                check_path(bad),
                Err(ReferenceError::BadSegment(bad.to_owned())),
                "{bad}"
            );
        }
        assert_eq!(check_path("a//b"), Err(ReferenceError::EmptySegment));
        assert_eq!(check_path("a/"), Err(ReferenceError::EmptySegment));
        assert_eq!(check_path("a/Bc"), Err(ReferenceError::UpperCase("Bc".to_owned())));
        assert_eq!(check_path(&"a".repeat(255)), Ok(()));
        assert_eq!(check_path(&"a".repeat(256)), Err(ReferenceError::PathTooLong(256)));
    }

    #[test]
    fn tags_have_up_to_128_characters_of_their_alphabet() {
        for good in ["1", "_", "v1.0-rc_1", "LATEST", "1.0.0"] {
            assert_eq!(check_tag(good), Ok(()), "{good}");
        }
        for bad in [".1", "-1", "a+b", "a b", "1.0.0'", "ä", "a/b"] {
            assert_eq!(check_tag(bad), Err(ReferenceError::BadTag(bad.to_owned())), "{bad}");
        }
        assert_eq!(check_tag(""), Err(ReferenceError::EmptyTag));
        assert_eq!(check_tag(&"a".repeat(128)), Ok(()));
        assert_eq!(check_tag(&"a".repeat(129)), Err(ReferenceError::TagTooLong(129)));
    }
}
