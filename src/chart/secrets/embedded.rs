//! Manifests of Secrets inside of texts (a `ConfigMap` that carries YAML or JSON): found line by line, as such texts need
//! not be whole documents.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::line_ending;
use super::mention::pattern;

/// A line that says `kind: Secret`, its indentation and dashes in front.
static KIND: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"^([ \t]*(?:-[ \t]+)*)["']?kind["']?[ \t]*:[ \t]*["']?Secret["']?[ \t,]*(#.*)?$"#));
/// A key that holds values, whatever follows it.
static DATA: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"^[ \t]*(?:-[ \t]+)*["']?(?:data|stringData)["']?[ \t]*:"#));
/// JSON on one line, perhaps with escaped quotes.
static JSON_KIND: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r#"\\*["']?kind\\*["']?\s*:\s*\\*["']?Secret\b"#));
static JSON_DATA: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r#"(?:data|stringData)\\*["']?\s*:\s*\S"#));
/// A key with a value on its line.
static KEYED: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"^[ \t]*(?:-[ \t]+)*["']?[\w./\-]+["']?[ \t]*:[ \t]+"#));

/// Blanks them; every line keeps its number.
pub(super) fn blank(text: &str) -> Cow<'_, str> {
    if !text.contains("Secret") {
        return Cow::Borrowed(text);
    }
    let (Some(kind), Some(data), Some(json_kind), Some(json_data), Some(keyed)) =
        (&*KIND, &*DATA, &*JSON_KIND, &*JSON_DATA, &*KEYED)
    else {
        return Cow::Owned(String::new());
    };
    let mut lines: Vec<Cow<'_, str>> = text.split_inclusive('\n').map(Cow::Borrowed).collect();
    let mut changed = false;
    for at in 0..lines.len() {
        let Some(line) = lines.get(at).map(|line| line.trim_end_matches(['\n', '\r']).to_owned()) else {
            continue;
        };
        if let Some(column) = kind.captures(&line).and_then(|found| found.get(1)).map(|m| m.end()) {
            changed |= blank_siblings(&mut lines, at, column, data);
        } else if json_kind.is_match(&line) && json_data.is_match(&line) {
            let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
            let kept = keyed.find(&line).map_or(indent, |m| format!("{}\"\"", m.as_str()));
            changed |= set(&mut lines, at, &kept);
        }
    }
    if changed {
        Cow::Owned(lines.concat())
    } else {
        Cow::Borrowed(text)
    }
}

/// The column where a line's content begins after its dashes, and where its first character stands; `None` when empty.
fn columns(line: &str) -> Option<(usize, usize)> {
    let line = line.trim_end();
    let first = line.len() - line.trim_start().len();
    let mut content = first;
    while let Some(rest) = line.get(content..).and_then(|rest| rest.strip_prefix('-')) {
        let inner = rest.trim_start();
        if inner.len() == rest.len() {
            break;
        }
        content = line.len() - inner.len();
    }
    (!line.is_empty()).then_some((content, first))
}

fn blank_siblings(lines: &mut [Cow<'_, str>], at: usize, column: usize, data: &Regex) -> bool {
    let mut first = at;
    // Upwards to the line that opens this map: one with a dash before the same column, or the last inside of it.
    while first > 0 && columns(lines.get(first).map_or("", |l| l)).is_none_or(|(_, start)| start >= column) {
        match columns(lines.get(first - 1).map_or("", |l| l)) {
            Some((content, start)) if start < column => {
                if content == column {
                    first -= 1;
                }
                break;
            }
            _ => first -= 1,
        }
    }
    let mut changed = false;
    let mut inside = false;
    for number in first..lines.len() {
        let Some(line) = lines
            .get(number)
            .map(|line| line.trim_end_matches(['\n', '\r']).to_owned())
        else {
            break;
        };
        let Some((content, start)) = columns(&line) else {
            continue;
        };
        if number > at && start < column {
            break;
        }
        if content == column || start == column {
            // `- item` at the column of its key belongs to the key above.
            let continues = inside && start == column && line.trim_start().starts_with("- ");
            let key = data.find(&line).filter(|_| !continues);
            if let Some(key) = key {
                changed |= set(lines, number, key.as_str());
                inside = true;
                continue;
            }
            inside = continues;
        }
        if inside {
            changed |= set(lines, number, "");
        }
    }
    changed
}

fn set(lines: &mut [Cow<'_, str>], at: usize, text: &str) -> bool {
    let Some(line) = lines.get_mut(at) else { return false };
    let new = format!("{text}{}", line_ending(line));
    if *line == new {
        return false;
    }
    *line = Cow::Owned(new);
    true
}
