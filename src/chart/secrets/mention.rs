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
    // The kind may be merged in, or be the answer to a `? kind`.
    if document.contains("<<") || document.lines().any(|line| line.trim_start().starts_with("? ")) {
        return true;
    }
    let lines: Vec<&str> = document.lines().collect();
    lines.iter().enumerate().any(|(at, line)| {
        line.contains("kind") && {
            // The value may stand below its key, or be an alias of an anchor elsewhere.
            let window = lines.get(at..lines.len().min(at + 4)).unwrap_or_default();
            window.iter().any(|line| line.contains("Secret") || line.contains('*'))
        }
    })
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
