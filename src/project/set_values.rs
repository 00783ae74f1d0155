//! `set = { … }`: nested tables and lists into the paths that Helm's `--set` takes.
//!
//! `set.image.tag = "1.0"`, `set = { "image.tag" = "1.0" }` and `set = { image = { tag = "1.0" } }` are one and the same.
//! Messages name keys, never values.

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
        Value::Text(text) | Value::Number(text) | Value::Moment(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => "null".to_owned(),
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
    };
    leaves.push((path.clone(), leaf));
}
