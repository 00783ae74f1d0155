//! Everything that can be said about a file from the description of its keys alone: unknown keys, wrong types, empty
//! and missing values, words that are no choice, keys of other versions. All of it is told in one pass.

use super::document::Document;
use super::keys::{Choice, Key, Shape, Standing};
use super::node::{Entry, Node, Table, Value};
use super::suggest;
use crate::fault::{Fault, Faults, Span};

/// Checks a whole document.
pub(crate) fn check(document: &Document, keys: &'static [Key], faults: &mut Faults) {
    let mut check = Check {
        document,
        root: keys,
        faults,
    };
    let whole = 0..0;
    check.table(&document.root, keys, "", &whole);
}

struct Check<'a> {
    document: &'a Document,
    root: &'static [Key],
    faults: &'a mut Faults,
}

impl Check<'_> {
    fn table(&mut self, table: &Table, keys: &'static [Key], path: &str, place: &Span) {
        for entry in &table.entries {
            match keys.iter().find(|key| key.name == entry.key) {
                Some(key) => self.entry(entry, key, &join(path, key.name)),
                None => self.unknown(entry, keys, path),
            }
        }
        if self.document.damaged {
            return;
        }
        for key in keys.iter().filter(|key| key.required) {
            let absent = table
                .get(key.name)
                .is_none_or(|entry| matches!(entry.node.value, Value::Null));
            if absent {
                let of = if path.is_empty() {
                    self.document.source.path.as_str()
                } else {
                    path
                };
                let fault = Fault::invalid(format!("{of}: `{}` is missing", key.name)).hint(format!(
                    "add `{}`: {}",
                    key.name,
                    plain(key.doc)
                ));
                self.faults.push(fault.at(self.document.place(place)));
            }
        }
    }

    fn entry(&mut self, entry: &Entry, key: &Key, path: &str) {
        let at = self.document.place(&entry.key_span);
        match key.standing {
            Standing::Live => self.value(&entry.node, key, path),
            // What an older tool wrote by itself and left empty says nothing.
            Standing::Old(_) | Standing::Elsewhere(_) if is_empty(&entry.node.value) => {}
            Standing::Old(why) => self.faults.push(
                Fault::warning(format!("{path}: has no effect"))
                    .at(at)
                    .hint(format!("remove it: {why}")),
            ),
            Standing::Elsewhere(file) => self.faults.push(
                Fault::invalid(format!("{path}: has no place in this file"))
                    .at(at)
                    .hint(format!("it belongs in {file}")),
            ),
        }
    }

    fn value(&mut self, node: &Node, key: &Key, path: &str) {
        match (&node.value, key.shape) {
            (Value::Null, _)
            | (_, Shape::Anything)
            | (Value::Bool(_), Shape::Bool)
            | (Value::Text(_), Shape::MaybeText)
            | (Value::Table(_), Shape::Values) => {}
            (Value::Text(text), Shape::Text) => self.not_empty(text, node, key, path),
            (Value::Text(text), Shape::Choice(choices) | Shape::ChoiceOrTexts(choices)) => {
                self.choice(text, choices, node, path);
            }
            (Value::Integer(number), Shape::Integer(least, most)) => {
                if !(least..=most).contains(number) {
                    self.push(
                        format!("{path}: {number} is out of range"),
                        node,
                        format!("from {least} to {most} is possible"),
                    );
                }
            }
            (Value::List(items), Shape::Texts | Shape::ChoiceOrTexts(_)) => {
                for item in items {
                    match &item.value {
                        Value::Text(text) => self.not_empty(text, item, key, path),
                        other => self.push(
                            format!("{path}: expected a list of texts, found {} in it", other.word()),
                            item,
                            quote_hint(other),
                        ),
                    }
                }
            }
            (Value::Table(table), Shape::TextsByName) => {
                for entry in &table.entries {
                    if !matches!(entry.node.value, Value::Text(_)) {
                        let path = join(path, &shorten(&entry.key));
                        let found = entry.node.value.word();
                        let message = format!("{path}: expected text, found {found}");
                        self.push(message, &entry.node, quote_hint(&entry.node.value));
                    }
                }
            }
            (Value::Table(table), Shape::Table(keys) | Shape::TableOrTables(keys)) => {
                self.table(table, keys, path, &node.span);
            }
            (Value::Table(table), Shape::Named(keys)) => {
                for entry in &table.entries {
                    let path = join(path, &entry.key);
                    match &entry.node.value {
                        // The header's name is shown rather than the whole table.
                        Value::Table(inner) => self.table(inner, keys, &path, &entry.key_span),
                        other => self.push(
                            format!("{path}: expected a table, found {}", other.word()),
                            &entry.node,
                            format!("write `[{path}]` and its keys below"),
                        ),
                    }
                }
            }
            (Value::List(items), Shape::Tables(keys) | Shape::TableOrTables(keys)) => {
                for item in items {
                    match &item.value {
                        Value::Table(inner) => self.table(inner, keys, path, &item.span),
                        other => self.push(
                            format!("{path}: expected a list of tables, found {} in it", other.word()),
                            item,
                            format!("known keys: {}", live_names(keys)),
                        ),
                    }
                }
            }
            // Where a header was not understood, tables end up in wrong places.
            (Value::Table(_) | Value::List(_), _) if self.document.damaged => {}
            (other, shape) => self.push(
                format!("{path}: expected {}, found {}", shape_word(shape), other.word()),
                node,
                shape_hint(shape, other, key.name),
            ),
        }
    }

    fn not_empty(&mut self, text: &str, node: &Node, key: &Key, path: &str) {
        if text.trim().is_empty() {
            let hint = format!("fill it in, or leave it out: {}", plain(key.doc));
            self.push(format!("{path}: is empty"), node, hint);
        }
    }

    fn choice(&mut self, text: &str, choices: &[Choice], node: &Node, path: &str) {
        let mut known = choices.iter().map(|choice| choice.word);
        if known.any(|word| word == text) {
            return;
        }
        let hint = match suggest::nearest(text, choices.iter().map(|choice| choice.word)) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("possible: {}", words(choices)),
        };
        self.push(
            format!("{path}: `{}` is none of the possible words", shorten(text)),
            node,
            hint,
        );
    }

    fn unknown(&mut self, entry: &Entry, keys: &'static [Key], path: &str) {
        let names = || keys.iter().filter(|key| key.is_live()).map(|key| key.name);
        let hint = match suggest::nearest(&entry.key, names()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => match home_of(&entry.key, self.root) {
                Some(home) => format!("`{}` belongs to `{home}`", entry.key),
                None => format!("known keys: {}", live_names(keys)),
            },
        };
        let fault = Fault::invalid(format!("{}: unknown key", join(path, &shorten(&entry.key))));
        self.faults
            .push(fault.at(self.document.place(&entry.key_span)).hint(hint));
    }

    fn push(&mut self, message: String, node: &Node, hint: String) {
        // A whole table or list as a place would mark many lines: its start says enough.
        let span = match node.value {
            Value::Table(_) | Value::List(_) => node.span.start..node.span.start.saturating_add(1).min(node.span.end),
            _ => node.span.clone(),
        };
        self.faults
            .push(Fault::invalid(message).at(self.document.place(&span)).hint(hint));
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// User text in messages: bounded and on one line.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Table(table) => table.entries.is_empty(),
        Value::Bool(truth) => !truth,
        _ => false,
    }
}

/// The table at the root that has a key of this name.
fn home_of(name: &str, root: &'static [Key]) -> Option<&'static str> {
    root.iter()
        .find(|key| key.inner().iter().any(|inner| inner.name == name))
        .map(|key| key.name)
}

fn live_names(keys: &[Key]) -> String {
    let names: Vec<String> = keys
        .iter()
        .filter(|key| key.is_live())
        .map(|key| format!("`{}`", key.name))
        .collect();
    names.join(", ")
}

fn words(choices: &[Choice]) -> String {
    let words: Vec<String> = choices.iter().map(|choice| format!("\"{}\"", choice.word)).collect();
    words.join(", ")
}

/// A description as part of a hint: no capital, no full stop.
fn plain(doc: &str) -> String {
    let mut letters = doc.trim_end_matches('.').chars();
    letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default()
}

fn shape_word(shape: Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::MaybeText | Shape::Choice(_) => "text",
        Shape::Bool => "true or false",
        Shape::Integer(..) => "a whole number",
        Shape::Texts => "a list of texts",
        Shape::Table(_) | Shape::Named(_) | Shape::Values | Shape::TextsByName => "a table",
        Shape::ChoiceOrTexts(_) => "text or a list of texts",
        Shape::Tables(_) => "a list of tables",
        Shape::TableOrTables(_) => "a table or a list of tables",
        Shape::Anything => "anything",
    }
}

fn quote_hint(found: &Value) -> String {
    match found {
        Value::Text(_) | Value::List(_) | Value::Table(_) | Value::Null => "every item is a text in quotes".into(),
        _ => "write it in quotes".into(),
    }
}

fn shape_hint(shape: Shape, found: &Value, name: &str) -> String {
    match (shape, found) {
        (Shape::Text | Shape::MaybeText | Shape::Choice(_), found) => match found {
            Value::List(_) | Value::Table(_) => "give one text in quotes".into(),
            _ => "write it in quotes".into(),
        },
        (Shape::Bool, Value::Text(_)) => "write `true` or `false` without quotes".into(),
        (Shape::Bool, _) => "write `true` or `false`".into(),
        (Shape::Integer(..), Value::Text(_)) => "write the number without quotes".into(),
        (Shape::Integer(least, most), _) => format!("a number from {least} to {most}"),
        (Shape::Texts, Value::Text(_)) => "put it in brackets: `[\"…\"]`".into(),
        (Shape::Texts, _) => "write `[\"…\", \"…\"]`".into(),
        (Shape::Tables(_), Value::Table(_)) => {
            format!("it is a list: `[[{name}]]` in TOML, `[{{ … }}]` in JSON")
        }
        (Shape::Tables(keys) | Shape::Table(keys) | Shape::Named(keys) | Shape::TableOrTables(keys), _) => {
            format!("its keys: {}", live_names(keys))
        }
        (Shape::Values | Shape::TextsByName, _) => "write `{ \"key\" = \"value\" }`".into(),
        (Shape::ChoiceOrTexts(choices), _) => format!("write {}, or `[\"…\", \"…\"]`", words(choices)),
        (Shape::Anything, _) => String::new(),
    }
}
