//! JSON pointers (RFC 6901) into an object, and patterns over them.
//!
//! A text inside a text (YAML in a `ConfigMap` value) has the pointer of the outer text, `#`, and the pointer within.

use std::fmt::Write as _;

/// One step from a node to a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'t> {
    /// A key of a mapping.
    Key(&'t str),
    /// An index of a sequence.
    Index(usize),
}

impl<'t> Step<'t> {
    /// The key, where it is one.
    pub(super) fn key(self) -> Option<&'t str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) => None,
        }
    }
}

/// The pointer of a path, `~` and `/` escaped.
pub(super) fn render(base: &str, path: &[Step<'_>]) -> String {
    let mut pointer = String::from(base);
    for step in path {
        pointer.push('/');
        match step {
            Step::Key(key) => pointer.push_str(&escape(key)),
            Step::Index(index) => {
                // Writing to a String cannot fail.
                let _ = write!(pointer, "{index}");
            }
        }
    }
    pointer
}

fn escape(key: &str) -> std::borrow::Cow<'_, str> {
    if key.contains(['~', '/']) {
        key.replace('~', "~0").replace('/', "~1").into()
    } else {
        key.into()
    }
}

/// A pointer pattern: segments as in a pointer, `*` for any one, `**` for any number of them; a `*` within a segment
/// stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    /// Reads a pattern; it starts with `/`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix('/').ok_or("a pointer pattern starts with `/`")?;
        Ok(Self(rest.split('/').map(str::to_owned).collect()))
    }

    /// Does the whole pointer match?
    pub(super) fn matches(&self, pointer: &str) -> bool {
        let Some(rest) = pointer.strip_prefix('/') else {
            return false;
        };
        let segments: Vec<&str> = rest.split('/').collect();
        // The classic greedy match with one point to come back to: linear in practice, never exponential.
        wildcard(&self.0, &segments, |p| p == "**", |p, s| segment_matches(p, s))
    }
}

fn segment_matches(pattern: &str, segment: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == segment;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let segment: Vec<char> = segment.chars().collect();
    wildcard(&pattern, &segment, |p| *p == '*', |p, s| p == s)
}

/// Matches `items` against `pattern`, in which elements for which `any` holds stand for any number of items.
fn wildcard<P, S>(pattern: &[P], items: &[S], any: impl Fn(&P) -> bool, same: impl Fn(&P, &S) -> bool) -> bool {
    let (mut p, mut s) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), items.get(s)) {
            (None, None) => return true,
            (Some(element), _) if any(element) => {
                back = Some((p + 1, s));
                p += 1;
                continue;
            }
            (Some(element), Some(item)) if same(element, item) => {
                p += 1;
                s += 1;
                continue;
            }
            _ => {}
        }
        match back {
            Some((after, taken)) if taken < items.len() => {
                back = Some((after, taken + 1));
                p = after;
                s = taken + 1;
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;

    #[test]
    fn keys_are_escaped_as_rfc_6901_has_it() {
        let path = [
            Step::Key("a/b"),
            Step::Key("m~n"),
            Step::Index(0),
            Step::Key(""),
            Step::Key("~1"),
        ];
        assert_eq!(render("", &path), "/a~1b/m~0n/0//~01");
        assert_eq!(render("/data/x#", &[Step::Key("y")]), "/data/x#/y");
        assert_eq!(render("", &[]), "");
    }

    #[test]
    fn patterns_match_whole_pointers() {
        let rows = [
            ("/spec/image", "/spec/image", true),
            ("/spec/image", "/spec/image/x", false),
            ("/spec/*/image", "/spec/0/image", true),
            ("/spec/*/image", "/spec/a/b/image", false),
            ("/**/image", "/image", true),
            ("/**/image", "/spec/a/b/image", true),
            ("/**/image", "/spec/images", false),
            ("/spec/**", "/spec", true),
            ("/spec/**", "/spec/a/b", true),
            ("/spec/**/b/**/d", "/spec/x/b/c/b/d", true),
            ("/spec/**/b/**/d", "/spec/x/c/d", false),
            ("/data/*.yaml#/**/image", "/data/app.yaml#/a/image", true),
            ("/data/*.yaml#/**/image", "/data/app.json#/a/image", false),
            ("/*Image", "/baseImage", true),
            ("/**", "", false),
            ("/a~1b", "/a~1b", true),
        ];
        for (pattern, pointer, expected) in rows {
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(pointer),
                expected,
                "{pattern} {pointer}"
            );
        }
        assert!(Pattern::parse("spec/image").is_err());
    }

    #[test]
    fn many_wildcards_stay_fast() {
        let pattern = Pattern::parse(&"/**/a".repeat(60)).unwrap();
        assert!(!pattern.matches(&"/a".repeat(59)));
        assert!(pattern.matches(&"/b/a".repeat(60)));
        assert!(
            !Pattern::parse(&format!("/{}b", "*a".repeat(200)))
                .unwrap()
                .matches(&format!("/{}", "a".repeat(5000)))
        );
    }
}
