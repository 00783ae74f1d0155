//! Names under which pulled files are written: made from titles that nobody vouches for.
//!
//! A name that leaves here is relative, `/`-separated, without `.`, `..`, drive letters, NUL and control characters. Two
//! titles never lead to one file, not even on a disk that does not tell upper case from lower case.

use std::collections::BTreeMap;

use crate::archive::{EntryName, windows_trouble};

/// Longest name, in bytes (`PATH_MAX` of Linux).
pub(super) const LENGTH: usize = 4096;

/// The path of a title below the output folder; `None` for the folder itself (`.`). Fails in words.
pub(super) fn path_of_title(title: &str, windows: bool) -> Result<Option<String>, String> {
    if title.chars().any(char::is_control) {
        return Err("the name holds a control character".to_owned());
    }
    let name = EntryName::parse(title.as_bytes(), LENGTH).map_err(|why| why.to_string())?;
    match name {
        Some(name) if windows => match windows_trouble(name.as_str()) {
            Some(trouble) => Err(format!("Windows cannot hold {trouble}")),
            None => Ok(Some(name.to_string())),
        },
        Some(name) => Ok(Some(name.to_string())),
        None => Ok(None),
    }
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// A file (or link), to which nothing else may lead.
    File,
    /// A folder, which others may share.
    Folder,
}

/// Who gets which path.
#[derive(Debug, Default)]
pub(super) struct Claims {
    taken: BTreeMap<String, (String, Claim)>,
    /// Names that differ in case only are one.
    fold: bool,
}

impl Claims {
    /// `fold`: names that differ in case only are taken for one.
    pub fn new(fold: bool) -> Self {
        Self {
            taken: BTreeMap::new(),
            fold,
        }
    }

    /// Claims a path and the folders above it; else the path that stands in the way.
    pub fn claim(&mut self, path: &str, what: Claim) -> Result<(), String> {
        for (at, _) in path.match_indices('/') {
            self.one(path.get(..at).unwrap_or_default(), Claim::Folder)?;
        }
        self.one(path, what)
    }

    fn one(&mut self, path: &str, what: Claim) -> Result<(), String> {
        let key = if self.fold {
            path.to_lowercase()
        } else {
            path.to_owned()
        };
        match self.taken.get(&key) {
            Some((_, Claim::Folder)) if what == Claim::Folder => Ok(()),
            Some((other, _)) => Err(other.clone()),
            None => {
                self.taken.insert(key, (path.to_owned(), what));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn good_titles_are_cleaned() {
        for (title, path) in [
            ("a.txt", Some("a.txt")),
            ("./x//y/a.txt", Some("x/y/a.txt")),
            ("x\\y\\a.txt", Some("x/y/a.txt")),
            ("..a/b..c", Some("..a/b..c")),
            ("~/a", Some("~/a")),
            ("$HOME/a", Some("$HOME/a")),
            (".", None),
            ("./", None),
        ] {
            assert_eq!(path_of_title(title, true), Ok(path.map(str::to_owned)), "{title}");
        }
    }

    #[test]
    fn titles_that_climb_or_lead_elsewhere_are_refused() {
        for title in [
            "../a",
            "x/../../a",
            "..\\a",
            "x\\..\\..\\a",
            "/etc/passwd",
            "\\a",
            "\\\\host\\share\\a",
            "//host/share",
            "C:\\a",
            "c:a",
            "C:/a",
            "a\0b",
            "a\nb",
            "\u{1b}[2Ja",
            "\u{9b}2Ja",
            &"a".repeat(LENGTH + 1),
        ] {
            assert!(path_of_title(title, false).is_err(), "{title:?}");
        }
    }

    #[test]
    fn names_that_windows_bends_are_refused_there() {
        for title in [
            "NUL",
            "x/con.txt",
            "a.",
            "a ",
            "x /a",
            "ab:stream",
            "lpt1",
            "a?",
            "COM1.log",
        ] {
            assert!(path_of_title(title, true).is_err(), "{title}");
            assert!(
                path_of_title(title, false).is_ok(),
                "{title}: elsewhere a name as any other"
            );
        }
    }

    #[test]
    fn two_claims_on_one_path_collide() {
        let mut claims = Claims::new(true);
        claims.claim("x/a.txt", Claim::File).unwrap();
        claims.claim("x/b.txt", Claim::File).unwrap();
        claims.claim("x", Claim::Folder).unwrap();
        for (path, what, other) in [
            ("x/a.txt", Claim::File, "x/a.txt"),
            ("X/A.TXT", Claim::File, "x/a.txt"),
            ("x", Claim::File, "x"),
            ("x/a.txt/c", Claim::File, "x/a.txt"),
            ("x/a.txt", Claim::Folder, "x/a.txt"),
        ] {
            assert_eq!(claims.claim(path, what), Err(other.to_owned()), "{path}");
        }
        let mut exact = Claims::new(false);
        exact.claim("README", Claim::File).unwrap();
        exact.claim("readme", Claim::File).unwrap();
    }
}
