//! The one tree that both file formats are read into: every key and value with its byte span.
//!
//! Entries stand in the order written. A table never holds one key twice: parsers report duplicates and keep the last.

use crate::fault::Span;

/// A value and where it stands.
#[derive(Clone)]
pub(crate) struct Node {
    /// The value.
    pub(crate) value: Value,
    /// Its bytes in the source text.
    pub(crate) span: Span,
}

/// A value of either format.
#[derive(Clone)]
pub(crate) enum Value {
    /// JSON's `null`: treated as if the key were not there.
    Null,
    /// Text.
    Text(String),
    /// A whole number that fits.
    Integer(i64),
    /// Any other number, as written.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// TOML's dates and times, as written.
    Moment(String),
    /// A list.
    List(Vec<Node>),
    /// A table or object.
    Table(Table),
}

impl Value {
    /// The value's type in words for messages.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Text(_) => "text",
            Self::Integer(_) | Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Moment(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// A table: keys and values in the order written.
#[derive(Clone, Default)]
pub(crate) struct Table {
    /// The entries; keys are unique.
    pub(crate) entries: Vec<Entry>,
}

/// One key with its value.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The key, decoded.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) key_span: Span,
    /// The value.
    pub(crate) node: Node,
}

impl Table {
    /// The entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}
