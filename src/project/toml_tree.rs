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
    /// A second place: where a duplicate key stood first.
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
        .map(|error| SyntaxError {
            message: error.message().to_owned(),
            span: error.span().unwrap_or(text.len()..text.len()),
            first: None,
        })
        .collect();
    (node, errors)
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
