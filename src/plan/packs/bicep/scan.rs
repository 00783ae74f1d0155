//! The texts of a Bicep source: which files it may name. Knows comments, strings, their escapes and interpolations, and
//! nothing else of the language: a text too many costs a build, one too few would keep a stale template.

use std::collections::BTreeSet;

/// The longest text that may be a path.
const MAX_PATH: usize = 1024;

/// What the texts of a source say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Texts that may be paths.
    pub(super) texts: BTreeSet<String>,
    /// It reads files that no text of it names.
    pub(super) reads_others: bool,
}

/// Looks through a source.
pub(super) fn scan(source: &str) -> Scan {
    let mut scan = Scan::default();
    let mut rest = source;
    // For each interpolation that is open: how many braces are open inside it.
    let mut open: Vec<usize> = Vec::new();
    // What stands before the place, as far as it matters: the last word, and whether `(` follows it.
    let mut before = Before::default();
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("//") {
            rest = after.find('\n').and_then(|at| after.get(at..)).unwrap_or_default();
        } else if let Some(after) = rest.strip_prefix("/*") {
            rest = after.find("*/").and_then(|at| after.get(at + 2..)).unwrap_or_default();
        } else if let Some(after) = rest.strip_prefix("'''") {
            let end = after.find("'''").unwrap_or(after.len());
            scan.take(after.get(..end).unwrap_or_default());
            rest = after.get(end + 3..).unwrap_or_default();
            before = Before::default();
        } else if first == '\'' {
            rest = scan.string(rest.get(1..).unwrap_or_default(), &before, &mut open);
            before = Before::default();
        } else {
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            match (first, open.last_mut()) {
                ('{', Some(braces)) => *braces += 1,
                ('}', Some(0)) => {
                    // The interpolation ends, and its string goes on.
                    open.pop();
                    rest = scan.tail(rest, &mut open);
                }
                ('}', Some(braces)) => *braces -= 1,
                _ => {}
            }
            before.step(first);
            if before.is("loadDirectoryFileInfo") {
                scan.reads_others = true;
            }
        }
    }
    scan
}

impl Scan {
    fn take(&mut self, text: &str) {
        if !text.is_empty() && text.len() <= MAX_PATH && !text.contains(['\n', '\0']) {
            self.texts.insert(text.to_owned());
        }
    }

    /// After an opening quote: reads to the end of the string, or into its first interpolation. Returns what follows.
    fn string<'a>(&mut self, source: &'a str, before: &Before, open: &mut Vec<usize>) -> &'a str {
        let (text, rest, interpolated) = literal(source);
        if interpolated {
            // Which file is loaded is known to the compiler only.
            self.reads_others |= before.loads();
            open.push(0);
        } else {
            self.take(&text);
        }
        rest
    }

    /// After an interpolation: the rest of its string, which is no text of its own.
    #[allow(clippy::unused_self, reason = "reads beside `string`")]
    fn tail<'a>(&mut self, source: &'a str, open: &mut Vec<usize>) -> &'a str {
        let (_, rest, interpolated) = literal(source);
        if interpolated {
            open.push(0);
        }
        rest
    }
}

/// A string up to its end, its line's end, or an interpolation: its text, what follows, and whether one begins there.
fn literal(source: &str) -> (String, &str, bool) {
    let mut text = String::new();
    let mut letters = source.char_indices();
    while let Some((at, letter)) = letters.next() {
        let after = |length: usize| source.get(at + length..).unwrap_or_default();
        match letter {
            '\'' => return (text, after(1), false),
            '\n' => return (text, after(0), false),
            '$' if after(1).starts_with('{') => return (text, after(2), true),
            '\\' => {
                // Escapes besides those of quote, dollar and backslash are in no path.
                if let Some((_, escaped)) = letters.next() {
                    text.push(escaped);
                }
            }
            other => text.push(other),
        }
    }
    (text, "", false)
}

/// The last word before a place.
#[derive(Debug, Default)]
struct Before {
    word: String,
    ended: bool,
    called: bool,
}

impl Before {
    fn step(&mut self, letter: char) {
        if letter.is_alphanumeric() || letter == '_' {
            if self.ended {
                *self = Self::default();
            }
            // No function has so long a name.
            if self.word.len() < 64 {
                self.word.push(letter);
            }
        } else if letter == '(' {
            self.called = !self.word.is_empty();
            self.ended = true;
        } else if letter.is_whitespace() {
            self.ended = true;
        } else {
            *self = Self::default();
        }
    }

    fn is(&self, word: &str) -> bool {
        self.word == word
    }

    /// Is it a call of one of the functions that read files?
    fn loads(&self) -> bool {
        self.called && self.word.starts_with("load")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        scan(source).texts.into_iter().collect()
    }

    #[test]
    fn texts_are_found_wherever_the_language_allows_them() {
        let table: [(&str, &[&str]); 12] = [
            ("module a 'net/vnet.bicep' = {", &["net/vnet.bicep"]),
            ("import { x } from '../shared.bicep'", &["../shared.bicep"]),
            ("var t = loadTextContent('init.sh', 'utf-8')", &["init.sh", "utf-8"]),
            ("var t = loadTextContent(\n  '''init.sh''')", &["init.sh"]),
            ("// module a 'x.bicep'\nmodule b 'y.bicep'", &["y.bicep"]),
            ("/* 'x' \n 'y' */ var z = 'z'", &["z"]),
            ("var a = 'it\\'s' \nvar b = 'c'", &["c", "it's"]),
            ("var a = 'http://x/*y' // '\nvar b = 'c'", &["c", "http://x/*y"]),
            ("var a = '${b}/x' \nvar c = 'd'", &["d"]),
            (
                "var a = '${b ? 'in' : { k: 'deep' }['k']}-tail' \nvar c = 'd'",
                &["d", "deep", "in", "k"],
            ),
            ("var a = 'never closed\nvar b = 'c'", &["c", "never closed"]),
            ("var a = ''", &[]),
        ];
        for (source, expected) in table {
            assert_eq!(texts(source), expected, "{source}");
            assert!(!scan(source).reads_others, "{source}");
        }
    }

    #[test]
    fn files_that_only_the_compiler_can_name_are_noticed() {
        for source in [
            "var all = loadDirectoryFileInfo('scripts')",
            "var t = loadTextContent('${folder}/init.sh')",
            "var t = loadJsonContent( \n '${folder}/x.json', '$.a')",
        ] {
            assert!(scan(source).reads_others, "{source}");
        }
        for source in [
            "var t = format('${a}')",
            "var loads = '${a}'",
            "output loaded string = '${a}'",
        ] {
            assert!(!scan(source).reads_others, "{source}");
        }
    }

    #[test]
    fn hostile_texts_end() {
        for source in [
            "'".repeat(10_001),
            "'${".repeat(10_000),
            "}".repeat(10_000),
            "/*".repeat(10_000),
            "'\\".to_owned(),
        ] {
            scan(&source);
        }
    }
}
