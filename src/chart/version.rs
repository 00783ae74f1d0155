//! Chart versions and version ranges, by the rules of the library that Helm uses (Masterminds/semver 3).

use semver::{Comparator, Op, VersionReq};

/// Would Helm take this as a chart's version? A leading `v` and missing parts are tolerated (`chart.metadata.version`
/// is checked with `semver.NewVersion`).
pub(super) fn is_version(text: &str) -> bool {
    parse(text).is_some()
}

fn parse(text: &str) -> Option<semver::Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = text
        .split_once('+')
        .map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = text
        .split_once('-')
        .map_or((text, None), |(core, pre)| (core, Some(pre)));
    let mut numbers = [0_u64; 3];
    let mut parts = core.split('.');
    for (at, number) in numbers.iter_mut().enumerate() {
        match parts.next() {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                *number = digits.parse().ok()?;
            }
            None if at > 0 => {}
            _ => return None,
        }
    }
    if parts.next().is_some() {
        return None;
    }
    let [major, minor, patch] = numbers;
    let pre = match pre {
        Some(pre) if !pre.is_empty() => semver::Prerelease::new(pre).ok()?,
        Some(_) => return None,
        None => semver::Prerelease::EMPTY,
    };
    let build = match build {
        Some(build) if !build.is_empty() => semver::BuildMetadata::new(build).ok()?,
        Some(_) => return None,
        None => semver::BuildMetadata::EMPTY,
    };
    Some(semver::Version {
        major,
        minor,
        patch,
        pre,
        build,
    })
}

/// Does a version satisfy a range as written in `dependencies`? `None` when the range uses forms that are not
/// understood here (hyphen ranges, `!=`): the caller must then not rely on it.
pub(super) fn satisfies(version: &str, range: &str) -> Option<bool> {
    let version = parse(version)?;
    if range.contains(" - ") || range.contains('!') {
        return None;
    }
    let mut any = false;
    for group in range.split("||") {
        any |= group_matches(&version, group)?;
    }
    Some(any)
}

fn group_matches(version: &semver::Version, group: &str) -> Option<bool> {
    // `>= 1.2` and `>=1.2, <2` and `>=1.2 <2` mean the same: operators are glued to their version first.
    let mut glued = String::new();
    for c in group.chars() {
        match c {
            ',' => glued.push(' '),
            c if c.is_whitespace() && glued.ends_with(['<', '>', '=', '~', '^']) => {}
            c => glued.push(c),
        }
    }
    let words: Vec<&str> = glued.split_whitespace().collect();
    if words.is_empty() {
        return Some(true);
    }
    words
        .iter()
        .try_fold(true, |all, word| Some(all && comparator(word)?.matches(version)))
}

fn comparator(word: &str) -> Option<VersionReq> {
    let bare = word.trim_start_matches(['<', '>', '=', '~', '^']);
    let operator = word.strip_suffix(bare)?;
    let bare = bare.strip_prefix('v').unwrap_or(bare);
    if matches!(bare, "*" | "x" | "X" | "") {
        return Some(VersionReq::STAR);
    }
    let operator = match operator {
        "" | "=" | "==" => "=",
        "=>" | ">=" => ">=",
        "=<" | "<=" => "<=",
        "~" | "~>" => "~",
        other => other,
    };
    // A bare full version means exactly this one; `1.2` and `1.2.x` mean any patch (`=1.2` for the semver crate).
    let mut request = VersionReq::parse(&format!("{operator}{bare}")).ok()?;
    if let [
        Comparator {
            op: op @ Op::Wildcard, ..
        },
    ] = request.comparators.as_mut_slice()
    {
        if operator != "=" {
            return None;
        }
        *op = Op::Wildcard;
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn versions_are_taken_and_refused_as_helm_does() {
        for good in [
            "1.2.3",
            "1",
            "1.2",
            "v1.2.3",
            "01.2.3",
            "1.2.3-rc.1",
            "1.2.3+b.c-d",
            "20240101",
            "1.2.3-a+b",
        ] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "",
            "x1",
            "true",
            "1.2.3.4",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a_b",
            "1.2.3+b_c",
            "1..2",
            "1.2.x",
            " 1",
            "1+",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn ranges_are_understood_or_admitted_not_to_be() {
        for (version, range, expected) in [
            ("1.2.3", "1.2.3", Some(true)),
            ("1.2.4", "1.2.3", Some(false)),
            ("1.2.4", "1.2", Some(true)),
            ("1.2.4", "1.2.x", Some(true)),
            ("1.3.0", "~1.2", Some(false)),
            ("1.9.0", "^1.2.0", Some(true)),
            ("2.0.0", "^1.2.0", Some(false)),
            ("1.5.0", ">=1.2, <2", Some(true)),
            ("1.5.0", ">= 1.2 < 1.5", Some(false)),
            ("3.0.0", "1.x || 3.x", Some(true)),
            ("3.0.0", "*", Some(true)),
            ("3.0.0", "", Some(true)),
            ("3.0.0", "1 - 4", None),
            ("3.0.0", "!=1", None),
            ("what", "*", None),
        ] {
            assert_eq!(satisfies(version, range), expected, "{version} in {range:?}");
        }
    }
}
