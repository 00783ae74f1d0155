//! Blanking Secrets in rendered text before it is stored anywhere.
//!
//! Every line keeps its number. A document that holds no Secret stays as it is, byte for byte. A Secret is written
//! anew from what was parsed, as JSON (hence YAML) on its first line, with its values blank: nothing of its text is
//! copied, so no byte of a value can survive by way of a quoting style, a comment or an indentation that was not
//! thought of. In a block-style `List` only the Secrets among the items are replaced; what comes out is parsed again
//! and must say exactly what was meant, else the whole document is written anew. A document that cannot be parsed and
//! may hold a Secret is emptied, and left unreadable, so that whoever reads the text still reports it.

mod embedded;
mod mention;
mod tree;

use std::borrow::Cow;

use super::yaml::{At, Node, parse_within};

/// Nodes of one document: the largest custom resource definitions have some tens of thousands.
const MAX_NODES: usize = 5_000_000;

/// May a document hold a Secret? Says yes too often, never no too often.
pub(super) fn may_hold_secret(document: &str) -> bool {
    mention::may_hold_secret(document)
}

/// Blanks the values of `data` and `stringData` of every Secret.
pub fn blank_secrets(rendered: &str) -> String {
    let mut out = String::with_capacity(rendered.len());
    for document in documents(rendered) {
        out.push_str(&blank_document(document));
    }
    out
}

/// Splits at the lines that begin or end documents; every piece begins with such a line, perhaps except the first.
pub(super) fn documents(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if is_marker(line) && at > start {
            pieces.extend(text.get(start..at));
            start = at;
        }
        at += line.len();
    }
    pieces.extend(text.get(start..));
    pieces
}

fn is_marker(line: &str) -> bool {
    let line = line
        .strip_prefix('\u{feff}')
        .unwrap_or(line)
        .trim_end_matches(['\n', '\r']);
    ["---", "..."].iter().any(|mark| {
        line.strip_prefix(mark)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    })
}

fn blank_document(document: &str) -> Cow<'_, str> {
    if !mention::may_hold_secret(document) {
        return Cow::Borrowed(document);
    }
    let Ok(root) = parse_within(body(document), MAX_NODES) else {
        return Cow::Owned(emptied(document));
    };
    let mut blanked = root.clone();
    let values = tree::blank(&mut blanked);
    if values.is_none() {
        // No Secret of its own; perhaps one in a text, such as a ConfigMap that carries manifests.
        let text = embedded::blank(document);
        return match &text {
            Cow::Owned(new) if parse_within(body(new), MAX_NODES).is_err() => Cow::Owned(emptied(document)),
            _ => text,
        };
    }
    if !mention::may_have_anchors(document)
        && let Some(text) = items_in_place(document, &root, &blanked)
    {
        // An item with manifests in its texts makes this fail, and the whole document is written anew.
        if parse_within(body(&text), MAX_NODES).is_ok_and(|new| new.says(&blanked)) {
            return Cow::Owned(text);
        }
    }
    // With anchors, a value may stand anywhere in the document: where it does, it goes too.
    tree::blank_equal(&mut blanked, &values.unwrap_or_default());
    Cow::Owned(written_anew(document, &blanked))
}

/// The document without an end mark before it, which the parser would take for a document of its own.
fn body(document: &str) -> &str {
    if document.starts_with("...") {
        return document.split_once('\n').map_or("", |(_, rest)| rest);
    }
    document
}

/// Replaces the Secrets among the items of a block-style list, each on its first line.
fn items_in_place(document: &str, root: &At, blanked: &At) -> Option<String> {
    let offset = document.len() - body(document).len();
    let text = body(document);
    let (Node::List(before), Node::List(after)) = (&root.get("items")?.node, &blanked.get("items")?.node) else {
        return None;
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    // The line of each item, and the column of its dash.
    let mut starts = Vec::with_capacity(before.len());
    for item in before {
        let head = text.get(..item.span.start)?;
        let number = head.bytes().filter(|b| *b == b'\n').count();
        let lead = head.rsplit('\n').next()?;
        let dash = lead.trim_end().strip_suffix('-')?;
        if !dash.bytes().all(|b| b == b' ') {
            return None;
        }
        starts.push((number, dash.len()));
    }
    let mut out: Vec<Cow<'_, str>> = lines.iter().map(|line| Cow::Borrowed(*line)).collect();
    for (at, (old, new)) in before.iter().zip(after).enumerate() {
        if old.says(new) {
            continue;
        }
        let (first, dash) = *starts.get(at)?;
        let next = starts.get(at + 1).map(|(line, _)| *line);
        let end = next.unwrap_or_else(|| first + 1 + inner_lines(lines.get(first + 1..).unwrap_or_default(), dash));
        for (number, line) in out.iter_mut().enumerate().take(end).skip(first) {
            let ending = line_ending(line).to_owned();
            *line = Cow::Owned(if number == first {
                format!("{}- {}{ending}", " ".repeat(dash), new.to_json())
            } else {
                ending
            });
        }
    }
    let mut whole = document.get(..offset)?.to_owned();
    whole.extend(out);
    Some(whole)
}

/// How many lines belong to an item whose dash stands in a column.
fn inner_lines(lines: &[&str], dash: usize) -> usize {
    lines
        .iter()
        .take_while(|line| {
            let indent = line.len() - line.trim_start_matches(' ').len();
            line.trim().is_empty() || indent > dash
        })
        .count()
}

fn line_ending(line: &str) -> &str {
    if line.ends_with("\r\n") {
        "\r\n"
    } else if line.ends_with('\n') {
        "\n"
    } else {
        ""
    }
}

/// The document as JSON on the line where its content begins, all other lines empty but for `# Source:`.
fn written_anew(document: &str, tree: &At) -> String {
    replaced(document, &tree.to_json().to_string())
}

/// A document that nobody can read, in place of one that nobody could read.
fn emptied(document: &str) -> String {
    replaced(document, "{ blanked: not readable as YAML and it may hold a Secret")
}

fn replaced(document: &str, content: &str) -> String {
    let mut out = String::new();
    let mut written = false;
    for line in document.split_inclusive('\n') {
        let ending = line_ending(line);
        let bare = line.trim();
        if is_marker(line) {
            let mark: String = line.trim_start_matches('\u{feff}').chars().take(3).collect();
            out.push_str(&mark);
            let rest = bare
                .trim_start_matches('\u{feff}')
                .get(3..)
                .unwrap_or_default()
                .trim_start();
            if mark == "---" && !rest.is_empty() && !rest.starts_with('#') && !written {
                out.push(' ');
                out.push_str(content);
                written = true;
            }
        } else if line.starts_with("# Source: ") {
            out.push_str(line.trim_end_matches(['\n', '\r']));
        } else if !written && !bare.is_empty() && !bare.starts_with(['#', '%']) {
            out.push_str(content);
            written = true;
        }
        out.push_str(ending);
    }
    out
}

#[cfg(test)]
mod tests;
