//! Blanks what may be secret in a source text before any place points into it.
//!
//! Chart values given by `set`, and user and password in URLs, must never be seen in an excerpt. They are overwritten
//! with `*`, byte for byte, so that every span stays right. Line ends stay.

use std::ops::Range;

use super::node::{Node, Table, Value};

/// The text with every secret blanked. `damaged`: the text had syntax errors, so the tree may miss some of it, and a
/// rough scan of the lines blanks more rather than less.
pub(crate) fn mask(text: &str, root: &Node, damaged: bool) -> String {
    let mut spans = Vec::new();
    collect(root, text, &mut spans);
    if damaged {
        scan_lines(text, &mut spans);
    }
    let mut bytes = text.as_bytes().to_vec();
    signatures(text, &mut spans);
    for span in spans {
        for byte in bytes.get_mut(span).unwrap_or_default() {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    // Spans come from parsers and end on character boundaries; should one ever not, show nothing rather than fail.
    String::from_utf8(bytes).unwrap_or_default()
}

fn collect(node: &Node, text: &str, spans: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Table(table) => collect_table(table, text, spans),
        Value::List(items) => items.iter().for_each(|item| collect(item, text, spans)),
        // Written with escapes, so that nobody finds it in the text.
        Value::Text(value)
            if has_signature(value) && !has_signature(text.get(node.span.clone()).unwrap_or_default()) =>
        {
            spans.push(node.span.clone());
        }
        Value::Text(value) if has_user_info(value) => {
            if let Some(inner) = user_info(text.get(node.span.clone()).unwrap_or_default()) {
                spans.push(node.span.start + inner.start..node.span.start + inner.end);
            }
        }
        _ => {}
    }
}

fn collect_table(table: &Table, text: &str, spans: &mut Vec<Range<usize>>) {
    for entry in &table.entries {
        if is_sas_key(&entry.key) {
            collect_leaves(&entry.node, spans);
            continue;
        }
        // A mistyped `sett` is shown as an unknown key: its values are no less secret.
        if strsim::damerau_levenshtein(&entry.key.to_ascii_lowercase(), "set") <= 1 {
            collect_leaves(&entry.node, spans);
        } else {
            collect(&entry.node, text, spans);
        }
    }
}

fn collect_leaves(node: &Node, spans: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Table(table) => table
            .entries
            .iter()
            .for_each(|entry| collect_leaves(&entry.node, spans)),
        Value::List(items) => items.iter().for_each(|item| collect_leaves(item, spans)),
        _ => spans.push(node.span.clone()),
    }
}

/// The word before a signature in a shared access signature (SAS).
const SIGNATURE: &str = "sig=";

/// Does a text hold the signature of a SAS?
pub(crate) fn has_signature(text: &str) -> bool {
    text.to_ascii_lowercase().contains(SIGNATURE)
}

/// Signatures wherever they stand, in comments and broken lines too: from `sig=` to what cannot be part of one.
fn signatures(text: &str, spans: &mut Vec<Range<usize>>) {
    // Lower case in ASCII keeps every byte where it is.
    let lower = text.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower.get(from..).and_then(|rest| rest.find(SIGNATURE)) {
        let start = from + at + SIGNATURE.len();
        let rest = lower.get(start..).unwrap_or_default();
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '%' | '+' | '/' | '=' | '-' | '_' | '.' | '~');
        let end = start + rest.find(|c| !inside(c)).unwrap_or(rest.len());
        if end > start {
            spans.push(start..end);
        }
        from = end;
    }
}

/// The same in the values of a tree: what is said about them must not repeat a signature.
pub(crate) fn blank_signatures(node: &mut Node) {
    match &mut node.value {
        Value::Text(text) if has_signature(text) => {
            let mut spans = Vec::new();
            signatures(text, &mut spans);
            for span in spans.into_iter().rev() {
                text.replace_range(span, "***");
            }
        }
        Value::List(items) => items.iter_mut().for_each(blank_signatures),
        Value::Table(table) => {
            for entry in table.entries.iter_mut().filter(|entry| entry.key != SAS_KEY) {
                blank_signatures(&mut entry.node);
            }
        }
        _ => {}
    }
}

/// The one key of an input file whose value is a URL with its signature.
pub(crate) const SAS_KEY: &str = "blob_sas_url";

/// Is it that key, or nearly?
fn is_sas_key(key: &str) -> bool {
    strsim::damerau_levenshtein(&key.to_ascii_lowercase(), SAS_KEY) <= 2
}

/// Does a URL in this text carry a user or a password?
pub(crate) fn has_user_info(text: &str) -> bool {
    user_info(text).is_some()
}

/// The bytes between `://` and the last `@` before the host's end.
fn user_info(text: &str) -> Option<Range<usize>> {
    let start = text.find("://")? + 3;
    let rest = text.get(start..)?;
    let end = rest.find('/').unwrap_or(rest.len());
    let at = rest.get(..end)?.rfind('@').or_else(|| rest.rfind('@'))?;
    (at > 0).then_some(start..start + at)
}

/// Everything that could belong to a `set` value in a text that does not parse.
fn scan_lines(text: &str, spans: &mut Vec<Range<usize>>) {
    let mut at = 0;
    let mut in_set_table = false;
    let mut open = false;
    for line in text.split_inclusive('\n') {
        let span = at..at + line.len();
        at = span.end;
        let trimmed = line.trim_start();
        if trimmed.starts_with('[') && !(open && trimmed.trim_end() == "[") {
            in_set_table = trimmed
                .trim_matches(|c: char| !c.is_alphanumeric())
                .split('.')
                .any(|part| part.trim_matches(|c: char| !c.is_alphanumeric()) == "set");
            open = false;
            continue;
        }
        if open {
            spans.push(span);
            continue;
        }
        let Some(separator) = line.find(['=', ':']) else {
            if in_set_table {
                spans.push(span);
            }
            continue;
        };
        let (key, value) = line.split_at(separator);
        let named = key
            .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
            .any(|part| part == "set" || is_sas_key(part));
        if in_set_table || named {
            spans.push(span.start + separator + 1..span.end);
            // A value that does not end on its line hides what follows, up to the next header.
            let count = |wanted: &[char]| value.chars().filter(|c| wanted.contains(c)).count();
            open = count(&['{', '[']) > count(&['}', ']'])
                || value.contains("\"\"\"")
                || value.contains("'''")
                || value.matches('"').count() % 2 == 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{jsonc_tree, toml_tree};

    fn masked_toml(text: &str) -> String {
        let (root, errors) = toml_tree::parse(text);
        mask(text, &root, !errors.is_empty())
    }

    #[test]
    fn set_values_are_blanked_and_everything_else_stays() {
        let cases = [
            "[[charts]]\nset = { password = \"s3cret\", n = 42 }\nname = \"x\"\n",
            "[[charts]]\nname = \"x\"\n[charts.set]\npassword = \"s3cret\"\nn = 42\n",
            "[[charts]]\nname = \"x\"\nset.db.password = \"s3cret\"\nset.list = [\"s3cret\", 42]\n",
            "[[charts]]\nname = \"x\"\nset.a = \"\"\"\ns3cret\n42\"\"\"\n",
            "[[charts]]\nname = \"x\"\nsett = { a = \"s3cret\", b = 42 }\n",
        ];
        for text in cases {
            let masked = masked_toml(text);
            assert_eq!(masked.len(), text.len());
            assert_eq!(masked.matches('\n').count(), text.matches('\n').count());
            assert!(!masked.contains("s3cret") && !masked.contains("42"), "{masked}");
            assert!(masked.contains("name = \"x\""), "{masked}");
        }
    }

    #[test]
    fn set_values_are_blanked_in_a_text_that_does_not_parse() {
        let cases = [
            "[[charts]]\nset = { password = \"s3cret }\nname = \"x\"\n[broken\n",
            "[[charts]]\nset = { password = \"s3cret\",\n b = \"s3cret\n\n[[charts]]\nname = \"x\"\n",
            "[[charts]]\n[charts.set]\npassword s3cret\nb = \"s3cret\n[project]\nname = \"x\"\n",
            "oops oops\n[[charts]]\nset.password = 's3cret'\nname = \"x\"\n",
        ];
        for text in cases {
            let masked = masked_toml(text);
            assert_eq!(masked.len(), text.len());
            assert!(!masked.contains("s3cret"), "{masked}");
        }
    }

    #[test]
    fn user_and_password_of_a_url_are_blanked() {
        let masked = masked_toml("[network]\nproxy = \"http://me:s3cret@proxy:3128/x\"\n");
        assert_eq!(masked, "[network]\nproxy = \"http://*********@proxy:3128/x\"\n");
        let text = "{\"image_sources\": [\"https://me:s3c/ret@host/ns\"]}";
        let (root, _) = jsonc_tree::parse(text);
        assert!(!mask(text, &root, false).contains("s3c"));
    }

    #[test]
    fn texts_beyond_ascii_keep_their_length() {
        let text = "[[charts]]\nset.a = \"größe\"\nname = \"é\"\n";
        let masked = masked_toml(text);
        assert_eq!(masked.len(), text.len());
        assert!(masked.contains('é') && !masked.contains("größe"));
    }
}
