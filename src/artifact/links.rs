//! Symbolic links within a folder: which ones may be packed and unpacked.
//!
//! A link is taken when its target climbs at its beginning only, and not above the folder's root. Links lie in real
//! folders, never below other links; so by induction following one never leaves the root, whatever other links of this
//! kind stand on its way. (Judging targets by removing `x/..` from their text is what can be deceived: `x` may itself be
//! a link that leads up. That was oras's GHSA-m37j-52j7-pjw7.)

/// Why a link is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadLink {
    Absolute,
    Leaves,
    ClimbsInside,
    Text,
}

impl std::fmt::Display for BadLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Absolute => "it is a link to an absolute path",
            Self::Leaves => "it is a link that leads out of the folder",
            Self::ClimbsInside => "it is a link whose target has `..` after a name",
            Self::Text => "it is a link to what is no path",
        })
    }
}

/// Checks the target of a link that lies `depth` folders below the root (0: in the root itself), and gives it cleaned.
pub(super) fn check_link(target: &str, depth: usize) -> Result<String, BadLink> {
    if target.is_empty() || target.contains('\0') {
        return Err(BadLink::Text);
    }
    let mut letters = target.chars();
    let drive = letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.next() == Some(':');
    if target.starts_with(['/', '\\']) || drive {
        return Err(BadLink::Absolute);
    }
    // A backslash separates on Windows; what it means must not depend on who unpacks.
    let mut parts: Vec<&str> = Vec::new();
    let mut climbs = 0;
    for part in target.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if parts.len() == climbs => {
                climbs += 1;
                parts.push("..");
            }
            ".." => return Err(BadLink::ClimbsInside),
            part => parts.push(part),
        }
    }
    if climbs > depth {
        return Err(BadLink::Leaves);
    }
    Ok(if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_stay_inside_are_cleaned() {
        for (target, depth, clean) in [
            ("a", 0, "a"),
            ("./a//b/", 0, "a/b"),
            ("../a", 1, "../a"),
            ("../../a/b", 2, "../../a/b"),
            ("..", 1, ".."),
            (".", 0, "."),
            ("a\\b", 0, "a/b"),
            ("..a", 0, "..a"),
        ] {
            assert_eq!(check_link(target, depth), Ok(clean.to_owned()), "{target}");
        }
    }

    #[test]
    fn links_that_leave_are_refused() {
        for (target, depth, why) in [
            ("..", 0, BadLink::Leaves),
            ("../../a", 1, BadLink::Leaves),
            ("..\\..\\a", 1, BadLink::Leaves),
            ("a/../../b", 0, BadLink::ClimbsInside),
            ("a/..", 5, BadLink::ClimbsInside),
            ("/etc/passwd", 3, BadLink::Absolute),
            ("\\\\host\\share", 3, BadLink::Absolute),
            ("C:x", 3, BadLink::Absolute),
            ("", 3, BadLink::Text),
            ("a\0", 3, BadLink::Text),
        ] {
            assert_eq!(check_link(target, depth), Err(why), "{target}");
        }
    }
}
