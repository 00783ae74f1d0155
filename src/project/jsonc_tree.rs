//! JSON with comments and trailing commas into the spanned tree.
//!
//! Only those two liberties are taken: quotes stay double, keys stay quoted, commas stay between values, as the tools
//! that share these files would refuse anything else.

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};

use super::node::{Entry, Node, Table, Value};
use super::toml_tree::SyntaxError;

/// Parses; nothing can be recovered after a syntax error, so there is at most one besides duplicate keys.
pub(crate) fn parse(text: &str) -> (Node, Vec<SyntaxError>) {
    let empty = Node {
        value: Value::Table(Table::default()),
        span: 0..text.len(),
    };
    let collect = CollectOptions {
        comments: CommentCollectionStrategy::Off,
        tokens: false,
    };
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    match parse_to_ast(text, &collect, &options) {
        Ok(result) => match result.value {
            Some(value) => {
                let mut errors = Vec::new();
                let node = convert(value, &mut errors);
                (node, errors)
            }
            None => (
                empty,
                vec![SyntaxError {
                    message: "the file holds no JSON".into(),
                    span: 0..text.len().min(1),
                    first: None,
                }],
            ),
        },
        Err(error) => {
            let range = error.range();
            let message = error.kind().to_string();
            let mut letters = message.chars();
            let message = match letters.next() {
                Some(first) => first.to_lowercase().chain(letters).collect(),
                None => message,
            };
            (
                empty,
                vec![SyntaxError {
                    message,
                    span: range.start..range.end,
                    first: None,
                }],
            )
        }
    }
}

fn convert(value: ast::Value<'_>, errors: &mut Vec<SyntaxError>) -> Node {
    let range = value.range();
    let value = match value {
        ast::Value::StringLit(text) => Value::Text(text.value.into_owned()),
        ast::Value::NumberLit(number) => match number.value.parse() {
            Ok(whole) => Value::Integer(whole),
            Err(_) => Value::Number(number.value.to_owned()),
        },
        ast::Value::BooleanLit(truth) => Value::Bool(truth.value),
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::Array(list) => Value::List(list.elements.into_iter().map(|item| convert(item, errors)).collect()),
        ast::Value::Object(object) => Value::Table(table(object, errors)),
    };
    Node {
        value,
        span: range.start..range.end,
    }
}

fn table(object: ast::Object<'_>, errors: &mut Vec<SyntaxError>) -> Table {
    let mut table = Table::default();
    // Positions by key: an object may hold very many keys, and a search of the list for each would be quadratic.
    let mut seen = std::collections::HashMap::new();
    for property in object.properties {
        let range = property.name.range();
        let entry = Entry {
            key: property.name.into_string(),
            key_span: range.start..range.end,
            node: convert(property.value, errors),
        };
        match seen.get(&entry.key).and_then(|at: &usize| table.entries.get_mut(*at)) {
            Some(earlier) => {
                errors.push(SyntaxError {
                    message: format!("`{}` stands twice in one object", entry.key),
                    span: entry.key_span.clone(),
                    first: Some(earlier.key_span.clone()),
                });
                *earlier = entry;
            }
            None => {
                seen.insert(entry.key.clone(), table.entries.len());
                table.entries.push(entry);
            }
        }
    }
    table
}
