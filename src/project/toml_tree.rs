//! TOML text into the spanned tree; errors are collected, and what could be read is kept.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::node::{Entry, Node, Table, Value};

/// One syntax error.
pub(crate) struct SyntaxError {
    /// What is wrong.
    pub(crate) message: String,
    /// Where.
    pub(crate) span: Range<usize>,
    /// A key or table stands twice; the tree is whole, with one of the two.
    pub(crate) duplicate: bool,
    /// Where a duplicate stood first, if that can be said.
    pub(crate) first: Option<Range<usize>>,
}

/// Parses; the tree holds what could be recovered.
pub(crate) fn parse(text: &str) -> (Node, Vec<SyntaxError>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let span = root.span();
    let node = Node {
        value: Value::Table(table(root.into_inner())),
        span,
    };
    let errors = errors
        .iter()
        .map(|error| {
            let span = error.span().unwrap_or(text.len()..text.len());
            if error.message() != DUPLICATE {
                return SyntaxError {
                    message: error.message().to_owned(),
                    span,
                    duplicate: false,
                    first: None,
                };
            }
            let key = text.get(span.clone()).unwrap_or_default().trim_matches(['"', '\'']);
            let first = first_of(&node, key, span.start, text);
            let message = format!("`{}` stands twice in one table", super::check::shorten(key));
            SyntaxError {
                message,
                span,
                duplicate: true,
                first,
            }
        })
        .collect();
    (node, errors)
}

/// What the parser says about a key or table that stands twice.
const DUPLICATE: &str = "duplicate key";

/// The nearest earlier key of the same name. A table's keys stand together, so it is the one meant, unless an inline
/// table stands between, which is why those are not entered.
fn first_of(node: &Node, key: &str, before: usize, text: &str) -> Option<Range<usize>> {
    let inline = text.get(node.span.clone()).is_some_and(|text| text.starts_with('{'));
    match &node.value {
        Value::Table(table) if !inline => table
            .entries
            .iter()
            .flat_map(|entry| {
                let own = (entry.key == key && entry.key_span.start < before).then(|| entry.key_span.clone());
                [own, first_of(&entry.node, key, before, text)]
            })
            .flatten()
            .max_by_key(|span| span.start),
        Value::List(items) => items
            .iter()
            .filter_map(|item| first_of(item, key, before, text))
            .max_by_key(|span| span.start),
        _ => None,
    }
}

fn table(table: DeTable<'_>) -> Table {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            key_span: key.span(),
            key: key.into_inner().into_owned(),
            node: Node {
                span: value.span(),
                value: convert(value.into_inner()),
            },
        })
        .collect();
    // The parser's map is sorted by key; people expect the order written.
    entries.sort_by_key(|entry| entry.key_span.start);
    Table { entries }
}

fn convert(value: DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(whole) => Value::Integer(whole),
            Err(_) => Value::Number(number.to_string()),
        },
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(truth) => Value::Bool(truth),
        DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| Node {
                    span: item.span(),
                    value: convert(item.into_inner()),
                })
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner)),
    }
}
