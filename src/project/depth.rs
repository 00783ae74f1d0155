//! Nesting is bounded before any parser sees a text, so that no parser's own recursion is ever put to the test.
//!
//! The scan knows strings and comments of its format just well enough to count brackets outside them. On a malformed
//! text it may count wrongly; the parsers have limits of their own behind it.

use crate::fault::Span;

/// The deepest nesting that any file of a project may have; real ones need six.
pub(crate) const MAX_DEPTH: usize = 64;

/// Which format's strings and comments to skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// TOML 1.0.
    Toml,
    /// JSON with comments and trailing commas.
    Jsonc,
}

/// The place of the first bracket that is nested too deeply for a file of a project.
pub(crate) fn too_deep(text: &str, format: Format) -> Option<Span> {
    deeper_than(MAX_DEPTH, text, format)
}

/// The place of the first bracket that is nested deeper than a limit.
pub(crate) fn deeper_than(limit: usize, text: &str, format: Format) -> Option<Span> {
    let mut rest = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    let mut depth = 0_usize;
    while let Some(byte) = rest.next() {
        match (byte, format) {
            (b'[' | b'{', _) => {
                depth += 1;
                if depth > limit {
                    return Some(rest.at - 1..rest.at);
                }
            }
            (b']' | b'}', _) => depth = depth.saturating_sub(1),
            (b'/', Format::Jsonc) if rest.looking_at(b"/") => rest.skip_line(),
            (b'/', Format::Jsonc) if rest.looking_at(b"*") => rest.skip_past(b"*/"),
            (b'#', Format::Toml) => rest.skip_line(),
            (b'"', Format::Toml) if rest.looking_at(b"\"\"") => rest.skip_long_string(b"\"\"\"", true),
            (b'\'', Format::Toml) if rest.looking_at(b"''") => rest.skip_long_string(b"'''", false),
            (b'"', _) => rest.skip_string(b'"', true),
            (b'\'', Format::Toml) => rest.skip_string(b'\'', false),
            _ => {}
        }
    }
    None
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn looking_at(&self, text: &[u8]) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text))
    }

    fn skip_line(&mut self) {
        while self.next().is_some_and(|byte| byte != b'\n') {}
    }

    fn skip_past(&mut self, end: &[u8]) {
        while !self.looking_at(end) && self.next().is_some() {}
        self.at = (self.at + end.len()).min(self.bytes.len());
    }

    /// A string on one line: an unclosed one ends with its line, so that what follows is counted again.
    fn skip_string(&mut self, quote: u8, escapes: bool) {
        while let Some(byte) = self.next() {
            match byte {
                b'\\' if escapes => {
                    self.next();
                }
                b'\n' => return,
                _ if byte == quote => return,
                _ => {}
            }
        }
    }

    fn skip_long_string(&mut self, quotes: &[u8], escapes: bool) {
        self.at += 2;
        while !self.looking_at(quotes) {
            match self.next() {
                Some(b'\\') if escapes => {
                    self.next();
                }
                Some(_) => {}
                None => return,
            }
        }
        self.at += 3;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let many = "[".repeat(1000);
        let cases = [
            (Format::Toml, format!("a = \"{many}\"")),
            (Format::Toml, format!("a = '{many}'")),
            (Format::Toml, format!("a = \"\\\"{many}\"")),
            (Format::Toml, format!("a = \"\"\"\n\"{many}\n\"\"\"\nb = [1]")),
            (Format::Toml, format!("a = '''\n'{many}\n'''")),
            (Format::Toml, format!("# {many}\na = 1")),
            (Format::Jsonc, format!("{{\"a\": \"{many}\"}}")),
            (Format::Jsonc, format!("{{\"a\": \"\\\"{many}\"}}")),
            (Format::Jsonc, format!("// {many}\n{{}}")),
            (Format::Jsonc, format!("/* {many}\n{many} */{{}}")),
        ];
        for (format, text) in cases {
            assert_eq!(too_deep(&text, format), None, "{format:?} {}", &text[..20]);
        }
    }

    #[test]
    fn the_first_bracket_beyond_the_limit_is_named() {
        for format in [Format::Toml, Format::Jsonc] {
            let text = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
            assert_eq!(too_deep(&text, format), Some(MAX_DEPTH..MAX_DEPTH + 1));
        }
    }

    #[test]
    fn brackets_after_a_closed_string_or_comment_count() {
        let many = "[".repeat(MAX_DEPTH + 1);
        for (format, start) in [
            (Format::Toml, "a = \"x\" "),
            (Format::Toml, "a = '''x''' "),
            (Format::Toml, "# x\n"),
            (Format::Toml, "a = \"not closed\n"),
            (Format::Jsonc, "/* x */"),
            (Format::Jsonc, "// x\n"),
            (Format::Jsonc, "\"x\" "),
        ] {
            assert!(too_deep(&format!("{start}{many}"), format).is_some(), "{start}");
        }
    }

    #[test]
    fn depth_falls_when_brackets_close() {
        let text = "[]".repeat(10_000);
        assert_eq!(too_deep(&text, Format::Jsonc), None);
    }
}
