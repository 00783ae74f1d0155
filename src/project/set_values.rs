//! `set = { … }`: nested tables and lists into the paths that Helm's `--set` takes.
//!
//! `set.image.tag = "1.0"`, `set = { "image.tag" = "1.0" }` and `set = { image = { tag = "1.0" } }` are one and the same.
//! A text stands for itself except where `--set` gives it a meaning: `{a,b}` is a list, `true` and `5` are no texts, a
//! comma needs a backslash. Messages name keys, never values.

use super::document::Document;
use super::model::Spanned;
use super::node::{Node, Value};
use crate::fault::{Fault, Faults};

/// All leaves, in the order written, with the paths to them.
pub(crate) fn flatten(node: &Node, document: &Document, faults: &mut Faults) -> Vec<(Spanned<String>, String)> {
    let mut leaves = Vec::new();
    walk(
        node,
        &Spanned::default_value(String::new()),
        document,
        &mut leaves,
        faults,
    );
    leaves
}

fn walk(
    node: &Node,
    path: &Spanned<String>,
    document: &Document,
    leaves: &mut Vec<(Spanned<String>, String)>,
    faults: &mut Faults,
) {
    let leaf = match &node.value {
        Value::List(items) if !items.is_empty() && items.iter().all(|item| scalar(&item.value).is_some()) => {
            // A list as a whole: it takes the place of what values files gave.
            let items: Vec<String> = items
                .iter()
                .filter_map(|item| scalar(&item.value))
                .map(|item| escape(&item))
                .collect();
            format!("{{{}}}", items.join(","))
        }
        Value::List(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                let inner = Spanned {
                    value: format!("{}[{at}]", path.value),
                    place: path.place.clone(),
                };
                walk(item, &inner, document, leaves, faults);
            }
            return;
        }
        Value::Table(table) if !table.entries.is_empty() || path.value.is_empty() => {
            for entry in &table.entries {
                let place = document.place(&entry.key_span);
                if entry.key.trim().is_empty() {
                    faults.push(
                        Fault::invalid("charts.set: a key is empty")
                            .at(place)
                            .hint("name the value"),
                    );
                    continue;
                }
                let value = if path.value.is_empty() {
                    entry.key.clone()
                } else {
                    format!("{}.{}", path.value, entry.key)
                };
                walk(&entry.node, &Spanned::new(value, place), document, leaves, faults);
            }
            return;
        }
        Value::List(_) | Value::Table(_) => {
            faults.push(
                Fault::invalid(format!(
                    "charts.set.{}: an empty list or table cannot be set so",
                    path.value
                ))
                .at_opt(path.place.clone())
                .hint("put it in a values file"),
            );
            return;
        }
        other => match scalar(other) {
            Some(text) => text,
            None => return,
        },
    };
    leaves.push((path.clone(), leaf));
}

/// The text of a value that is neither list nor table.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Number(text) | Value::Moment(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null => Some("null".to_owned()),
        Value::List(_) | Value::Table(_) => None,
    }
}

/// An item of a list is told from its neighbours by the file already, so what would part them in `--set` is escaped.
fn escape(item: &str) -> String {
    let mut out = String::with_capacity(item.len());
    for c in item.chars() {
        if matches!(c, '\\' | ',' | '{' | '}') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
