//! Cheap questions about a document's text, so that only documents that may hold a Secret are parsed. They may say yes
//! too often, never no too often.

use std::sync::LazyLock;

use regex::Regex;

/// A pattern of this file, fixed at compile time; a broken one matches nothing, which the tests would see.
pub(super) fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// Could a map in here have the kind `Secret`?
pub(super) fn may_hold_secret(document: &str) -> bool {
    // `kind` or `Secret` may be spelled with escapes, or in base64.
    let spelled = document.contains("!!binary") || document.contains("yaml.org,2002:binary") || has_escapes(document);
    if spelled {
        return true;
    }
    if !document.contains("Secret") {
        return false;
    }
    // The kind may be merged in, be the answer to a `? kind`, or its key an alias.
    if document.contains("<<") || document.lines().any(|line| line.trim_start().starts_with(['?', '*'])) {
        return true;
    }
    let lines: Vec<&str> = document.lines().collect();
    // In flow style a key, its colon and its value may each have a line.
    let flow = lines
        .iter()
        .any(|line| line.trim_start().starts_with(['{', '[']) || line.starts_with("--- "));
    lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.contains("kind"))
        .any(|(at, line)| {
            let here = line.contains("Secret") || line.contains('*');
            // The value may stand below its key; comments, tags and anchors may stand between.
            let mut below = lines.get(at + 1..).unwrap_or_default().iter().filter(|line| {
                let line = line.trim_start();
                !line.is_empty() && !line.starts_with(['#', '!', '&', ':', '|', '>'])
            });
            here || (!has_plain_value(line)
                && below
                    .by_ref()
                    .take(if flow { 3 } else { 1 })
                    .any(|line| line.contains("Secret") || line.contains('*')))
        })
}

/// Does `kind` have its value on its own line, beginning with a letter? Then that is all of it: a value that went on
/// below would have a blank in it.
fn has_plain_value(line: &str) -> bool {
    static PLAIN: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r#"kind["']?[ \t]*:[ \t]+["']?[A-Za-z]"#));
    PLAIN.as_ref().is_some_and(|plain| plain.is_match(line))
}

/// A double-quoted text with an escape that could spell a letter, or break a word over two lines.
fn has_escapes(document: &str) -> bool {
    static ESCAPES: LazyLock<Option<Regex>> =
        LazyLock::new(|| pattern(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n)"));
    document.contains('\\') && ESCAPES.as_ref().is_none_or(|escapes| escapes.is_match(document))
}

/// Could there be an anchor or an alias?
pub(super) fn may_have_anchors(document: &str) -> bool {
    static ANCHORS: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(?m)(^|[\s\[,{:\-?])[&*][^\s,\[\]{}&*]"));
    ANCHORS.as_ref().is_none_or(|anchors| anchors.is_match(document))
}
