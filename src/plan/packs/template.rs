//! What AOSM takes as a template: a JSON object.

use std::io::Read as _;

use camino::Utf8Path;
use serde::de::IgnoredAny;

use crate::fault::{Fault, Place, SourceFile};

/// Resource Manager takes templates of at most 4 MiB; what is far above is not read.
const LIMIT: u64 = 16 * 1024 * 1024;

const BICEP: &str = "`az bicep build --file FILE` writes a template as JSON";

/// Reads and checks a template.
pub(super) fn check(path: &Utf8Path) -> Result<(), Fault> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|e| {
            Fault::infrastructure("the template cannot be read")
                .at(Place::file_only(path))
                .because(e)
                .hint("check its permissions")
        })?;
    if bytes.len() as u64 > LIMIT {
        return Err(
            Fault::invalid(format!("the template is larger than {} MiB", LIMIT >> 20))
                .at(Place::file_only(path))
                .hint("Resource Manager takes at most 4 MiB: is this the right file?"),
        );
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        Fault::invalid("the template is not UTF-8")
            .at(Place::file_only(path))
            .because(e.utf8_error())
            .hint(BICEP)
    })?;
    match trouble(&text) {
        None => Ok(()),
        Some((why, at, hint)) => Err(Fault::invalid(why)
            .at(Place::new(SourceFile::new(path, text), at..at + 1))
            .hint(hint)),
    }
}

/// What is wrong with it, at which byte, and what to do.
fn trouble(text: &str) -> Option<(String, usize, &'static str)> {
    if text.starts_with('\u{feff}') {
        let why = "the template begins with a byte order mark, which JSON does not allow".to_owned();
        return Some((why, 0, "save it as UTF-8 without one"));
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let why = format!("the template is no JSON: {}", cause(&error));
        return Some((
            why,
            offset(text, error.line(), error.column()),
            "comments and trailing commas are no JSON either; `az bicep build` writes JSON",
        ));
    }
    let first = text.find(|c: char| !c.is_ascii_whitespace()).unwrap_or(0);
    if !text.get(first..).is_some_and(|rest| rest.starts_with('{')) {
        let why = "the template is no JSON object".to_owned();
        return Some((why, first, BICEP));
    }
    None
}

/// The parser's words without its own line and column.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// The byte at a line and column, both from 1; the parser counts bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len().saturating_sub(1));
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    #[test]
    fn a_template_is_a_json_object_and_all_else_is_told_with_its_line() {
        for good in ["{}", " \n{\"a\": [1, {\"b\": null}]}\n"] {
            assert_eq!(trouble(good), None, "{good}");
        }
        let deep = "[".repeat(100_000);
        let table = [
            ("", 0, "no JSON"),
            ("[]", 0, "no JSON object"),
            ("\n 5", 2, "no JSON object"),
            ("{\n  \"a\": 1,\n}", 12, "no JSON"),
            ("{\n  // note\n}", 4, "no JSON"),
            ("{} x", 3, "no JSON"),
            ("{\"ä\": ä}", 7, "no JSON"),
            ("\u{feff}{}", 0, "byte order mark"),
            (&deep, 99_999, "no JSON"),
        ];
        for (text, at, why) in table {
            let found = trouble(text).unwrap();
            assert!(found.0.contains(why), "{found:?}");
            assert_eq!(found.1, at, "{} {found:?}", text.get(..10).unwrap_or(text));
        }
    }
}
