//! `.helmignore`: which files of a chart folder Helm does not see.
//!
//! The rules look like `.gitignore` and are not (Helm, `pkg/ignore`; measured with `helm package`): no `**`; a pattern
//! with a `/` matches the whole path, one without matches the last segment; the first match ends the search; and a
//! negated pattern ignores everything that it does *not* match. `templates/.?*` is always ignored.

/// The rules of one chart, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    pattern: String,
    negated: bool,
    folders_only: bool,
    whole_path: bool,
}

/// Why a line is no rule: the line, from 1, and the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRule {
    pub line: usize,
    pub reason: &'static str,
}

impl Rules {
    /// Reads the text of a `.helmignore` (empty when there is none) and adds Helm's own rule.
    pub fn parse(text: &str) -> Result<Self, BadRule> {
        let mut rules = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (at, line) in text.lines().enumerate() {
            rules.add(line).map_err(|reason| BadRule { line: at + 1, reason })?;
        }
        rules
            .add("templates/.?*")
            .map_err(|reason| BadRule { line: 0, reason })?;
        Ok(rules)
    }

    fn add(&mut self, line: &str) -> Result<(), &'static str> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.contains("**") {
            return Err("Helm knows no `**`");
        }
        check(line)?;
        let (negated, rest) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (folders_only, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
        let (whole_path, pattern) = match rest.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (rest.contains('/'), rest),
        };
        self.0.push(Rule {
            pattern: pattern.to_owned(),
            negated,
            folders_only,
            whole_path,
        });
        Ok(())
    }

    /// Is this path (relative to the chart, `/`-separated) ignored?
    pub fn ignores(&self, path: &str, is_folder: bool) -> bool {
        for rule in &self.0 {
            let subject = if rule.whole_path {
                path
            } else {
                path.rsplit('/').next().unwrap_or(path)
            };
            if rule.negated {
                if (rule.folders_only && !is_folder) || !matches(&rule.pattern, subject) {
                    return true;
                }
            } else if (!rule.folders_only || is_folder) && matches(&rule.pattern, subject) {
                return true;
            }
        }
        false
    }
}

const BAD: &str = "the pattern is broken (an open `[`, an empty range, or a final `\\`)";

/// Is a pattern well-formed by the rules of Go's `filepath.Match`?
fn check(pattern: &str) -> Result<(), &'static str> {
    let mut rest: &[char] = &pattern.chars().collect::<Vec<_>>();
    while let Some((first, tail)) = rest.split_first() {
        rest = match first {
            '\\' => tail.split_first().ok_or(BAD)?.1,
            '[' => class(tail, '\0').ok_or(BAD)?.1,
            _ => tail,
        };
    }
    Ok(())
}

/// Does a pattern match all of a text (Go's `filepath.Match` on Unix)? A broken pattern matches nothing.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Stars never cross a `/`, so going back to the last star is enough, and the work is bounded by the product.
    let (mut p, mut t) = (&pattern[..], &text[..]);
    let mut star: Option<(&[char], &[char])> = None;
    loop {
        if let Some(('*', after)) = p.split_first().map(|(c, rest)| (*c, rest)) {
            star = Some((after, t));
            p = after;
            continue;
        }
        if p.is_empty() && t.is_empty() {
            return true;
        }
        if let Some((next_p, next_t)) = one(p, t) {
            (p, t) = (next_p, next_t);
            continue;
        }
        match star {
            Some((after, from)) => match from.split_first() {
                Some((c, rest)) if *c != '/' => {
                    star = Some((after, rest));
                    (p, t) = (after, rest);
                }
                _ => return false,
            },
            None => return false,
        }
    }
}

/// Matches one character of the text; `None` when it does not match or the pattern is at its end.
fn one<'p, 't>(pattern: &'p [char], text: &'t [char]) -> Option<(&'p [char], &'t [char])> {
    let (first, after) = pattern.split_first()?;
    let (c, rest) = text.split_first()?;
    match first {
        '?' => (*c != '/').then_some((after, rest)),
        '[' => {
            let (matched, after) = class(after, *c)?;
            matched.then_some((after, rest))
        }
        '\\' => {
            let (literal, after) = after.split_first()?;
            (literal == c).then_some((after, rest))
        }
        literal => (literal == c).then_some((after, rest)),
    }
}

/// A character class after its `[`: whether `c` is in it, and what follows the `]`. `None` when broken.
fn class(pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let (negated, mut rest) = match pattern.split_first() {
        Some(('^', rest)) => (true, rest),
        _ => (false, pattern),
    };
    let mut matched = false;
    let mut ranges = 0;
    loop {
        if let Some((']', after)) = rest.split_first().map(|(c, r)| (*c, r))
            && ranges > 0
        {
            return Some((matched != negated, after));
        }
        let (low, after) = bound(rest)?;
        let (high, after) = match after.split_first() {
            Some(('-', after)) => bound(after)?,
            _ => (low, after),
        };
        matched |= (low..=high).contains(&c);
        ranges += 1;
        rest = after;
    }
}

/// One end of a range, perhaps escaped; something must follow it.
fn bound(pattern: &[char]) -> Option<(char, &[char])> {
    let (first, rest) = pattern.split_first()?;
    let (c, rest) = match first {
        '-' | ']' => return None,
        '\\' => rest.split_first().map(|(c, rest)| (*c, rest))?,
        c => (*c, rest),
    };
    if rest.is_empty() { None } else { Some((c, rest)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
    use super::*;

    fn ignored(rules: &str, path: &str) -> bool {
        Rules::parse(rules).unwrap().ignores(path, false)
    }

    #[test]
    fn patterns_match_as_helm_matches_them() {
        for (rules, path, expected) in [
            ("*.md", "a/b/f.md", true),
            ("/*.md", "a/f.md", false),
            ("/*.md", "f.md", true),
            ("docs/*.md", "docs/d.md", true),
            ("docs/*.md", "docs/sub/e.md", false),
            ("*/*", "a/b", true),
            ("a/?", "a/b", true),
            ("[[]x].md", "[x].md", true),
            ("\\[x\\].md", "[x].md", true),
            ("[!t]*.md", "top.md", true),
            ("[^t]*.md", "top.md", false),
            ("[^t]*.md", "d.md", true),
            ("T*", "top.md", false),
            ("{top,x}.md", "top.md", false),
            ("# top.md", "top.md", false),
            ("  top.md  ", "top.md", true),
            ("!top.md", "values.yaml", true),
            ("!top.md", "top.md", false),
            ("*.md\n!top.md", "top.md", true),
            ("", "templates/.dot", true),
            ("", "templates/a.yaml", false),
            ("", "templates/sub/.dot", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("docs/", "docs", false),
        ] {
            assert_eq!(ignored(rules, path), expected, "{rules:?} on {path:?}");
        }
        assert!(Rules::parse("docs/").unwrap().ignores("docs", true));
    }

    #[test]
    fn broken_patterns_name_their_line() {
        for (rules, line) in [("a/**/b", 1), ("ok\n[", 2), ("[]", 1), ("[a-]", 1), ("x\\", 1)] {
            assert_eq!(Rules::parse(rules).unwrap_err().line, line, "{rules:?}");
        }
    }
}
