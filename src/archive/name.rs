//! Names of archive entries: what is taken, what is refused, and why.

use std::fmt;

/// A name that is safe to join to a folder: relative, `/`-separated, without `.` and `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(String);

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadName {
    /// It begins at the root.
    Absolute,
    /// It begins with a drive letter.
    Drive,
    /// It climbs with `..`.
    Climbs,
    /// It holds a NUL byte.
    Nul,
    /// It is not UTF-8.
    NotUtf8,
    /// It is longer than the limit.
    TooLong,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "the path is absolute",
            Self::Drive => "the path begins with a drive letter",
            Self::Climbs => "the path climbs out with `..`",
            Self::Nul => "the path holds a NUL byte",
            Self::NotUtf8 => "the path is not UTF-8",
            Self::TooLong => "the path is too long",
        })
    }
}

impl EntryName {
    /// Reads a name as it stands in an archive. `None` for the root itself (`./`).
    ///
    /// A backslash separates, as Helm takes it in archives made on Windows: so `..\x` climbs on every system.
    pub fn parse(raw: &[u8], limit: usize) -> Result<Option<Self>, BadName> {
        if raw.len() > limit {
            return Err(BadName::TooLong);
        }
        if raw.contains(&0) {
            return Err(BadName::Nul);
        }
        let text = std::str::from_utf8(raw).map_err(|_| BadName::NotUtf8)?;
        if text.starts_with(['/', '\\']) {
            return Err(BadName::Absolute);
        }
        let mut bytes = text.bytes();
        if bytes.next().is_some_and(|b| b.is_ascii_alphabetic()) && bytes.next() == Some(b':') {
            return Err(BadName::Drive);
        }
        let mut parts = Vec::new();
        for part in text.split(['/', '\\']) {
            match part {
                "" | "." => {}
                ".." => return Err(BadName::Climbs),
                part => parts.push(part),
            }
        }
        if parts.is_empty() {
            Ok(None)
        } else {
            Ok(Some(Self(parts.join("/"))))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first segment and what follows it.
    pub fn split_first(&self) -> (&str, Option<&str>) {
        match self.0.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (&self.0, None),
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why Windows could not hold a name as written (reserved device names, forbidden characters, a final dot or blank:
/// "Naming Files, Paths, and Namespaces" of the Win32 documentation); `None` when it can.
pub fn windows_trouble(name: &str) -> Option<String> {
    for part in name.split('/') {
        if let Some(bad) = part
            .chars()
            .find(|c| matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*') || *c < ' ')
        {
            return Some(format!("{part:?} holds {bad:?}"));
        }
        if part.ends_with(['.', ' ']) {
            return Some(format!("{part:?} ends in a dot or a blank"));
        }
        let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
        let numbered = |prefix: &str| {
            stem.strip_prefix(prefix)
                .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
        };
        if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT") {
            return Some(format!("{part:?} is the name of a device"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &[u8]) -> Result<Option<String>, BadName> {
        Ok(EntryName::parse(raw, 64)?.map(|name| name.0))
    }

    #[test]
    fn good_names_are_cleaned() {
        for (raw, clean) in [
            ("c/Chart.yaml", Some("c/Chart.yaml")),
            ("./c//templates/./a.yaml", Some("c/templates/a.yaml")),
            ("c\\templates\\a.yaml", Some("c/templates/a.yaml")),
            ("c/", Some("c")),
            ("c/..a/b..", Some("c/..a/b..")),
            ("./", None),
            ("", None),
        ] {
            assert_eq!(parse(raw.as_bytes()), Ok(clean.map(str::to_owned)), "{raw}");
        }
    }

    #[test]
    fn bad_names_are_refused_with_their_reason() {
        for (raw, reason) in [
            (&b"../x"[..], BadName::Climbs),
            (b"c/../../x", BadName::Climbs),
            (b"c\\..\\x", BadName::Climbs),
            (b"/etc/passwd", BadName::Absolute),
            (b"\\\\host\\share", BadName::Absolute),
            (b"C:/x", BadName::Drive),
            (b"c:x", BadName::Drive),
            (b"c/a\0b", BadName::Nul),
            (b"c/\xff", BadName::NotUtf8),
            (&[b'a'; 65], BadName::TooLong),
        ] {
            assert_eq!(parse(raw), Err(reason), "{raw:?}");
        }
    }

    #[test]
    fn names_that_windows_cannot_hold_are_known() {
        for bad in ["c/aux.yaml", "NUL", "c/com1.txt", "c/a:b", "c/a. ", "c/x?", "c/a\u{1}"] {
            assert!(windows_trouble(bad).is_some(), "{bad}");
        }
        for good in [
            "c/auxiliary.yaml",
            "c/com10",
            "templates/_helpers.tpl",
            ".helmignore",
            "common",
        ] {
            assert_eq!(windows_trouble(good), None, "{good}");
        }
    }
}
