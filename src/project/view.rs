//! A typed view of a table. Getters are silent about wrong types: [`super::check`] has told them already.

use super::document::Document;
use super::keys::Key;
use super::model::Spanned;
use super::node::{Entry, Node, Table, Value};
use crate::fault::Place;

/// A table of a document together with the keys it may hold.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The document.
    pub(crate) document: &'a Document,
    /// The table.
    pub(crate) table: &'a Table,
    /// What it may hold.
    pub(crate) keys: &'static [Key],
}

impl<'a> View<'a> {
    /// The whole document.
    pub(crate) fn root(document: &'a Document, keys: &'static [Key]) -> Self {
        Self {
            document,
            table: &document.root,
            keys,
        }
    }

    /// The entry of a key that has an effect; `null` counts as absent.
    pub(crate) fn entry(&self, name: &str) -> Option<&'a Entry> {
        debug_assert!(
            self.keys.iter().any(|key| key.name == name && key.is_live()),
            "`{name}` is read but not described among the keys"
        );
        self.table
            .get(name)
            .filter(|entry| !matches!(entry.node.value, Value::Null))
    }

    /// Where a key stands.
    pub(crate) fn key_place(&self, name: &str) -> Option<Place> {
        self.entry(name).map(|entry| self.document.place(&entry.key_span))
    }

    /// Where a value stands.
    pub(crate) fn value_place(&self, name: &str) -> Option<Place> {
        self.entry(name).map(|entry| self.document.place(&entry.node.span))
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<Spanned<String>> {
        self.entry(name).and_then(|entry| self.text_node(&entry.node))
    }

    fn text_node(&self, node: &Node) -> Option<Spanned<String>> {
        match &node.value {
            Value::Text(text) if !text.trim().is_empty() => {
                Some(Spanned::new(text.clone(), self.document.place(&node.span)))
            }
            _ => None,
        }
    }

    /// `true` or `false`.
    pub(crate) fn truth(&self, name: &str) -> Option<bool> {
        match self.entry(name)?.node.value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        match self.entry(name)?.node.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    /// The texts of a list, without empty ones; an absent key is an empty list.
    pub(crate) fn texts(&self, name: &str) -> Vec<Spanned<String>> {
        match self.entry(name).map(|entry| &entry.node.value) {
            Some(Value::List(items)) => items.iter().filter_map(|item| self.text_node(item)).collect(),
            _ => Vec::new(),
        }
    }

    /// The same without places.
    pub(crate) fn plain_texts(&self, name: &str) -> Vec<String> {
        self.texts(name).into_iter().map(|text| text.value).collect()
    }

    /// The table under a key.
    pub(crate) fn table(&self, name: &str) -> Option<View<'a>> {
        match &self.entry(name)?.node.value {
            Value::Table(table) => Some(self.within(name, table)),
            _ => None,
        }
    }

    /// The tables of a list, each with its place; one table that may stand for a list is a list of one.
    pub(crate) fn tables(&self, name: &str) -> Vec<(View<'a>, Place)> {
        match self.entry(name).map(|entry| &entry.node.value) {
            Some(Value::Table(_)) => self.table(name).zip(self.value_place(name)).into_iter().collect(),
            Some(Value::List(items)) => items
                .iter()
                .filter_map(|item| match &item.value {
                    Value::Table(table) => Some((self.within(name, table), self.document.place(&item.span))),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The tables under names of the user's choice, each with its name.
    pub(crate) fn named(&self, name: &str) -> Vec<(Spanned<String>, View<'a>)> {
        match self.entry(name).map(|entry| &entry.node.value) {
            Some(Value::Table(table)) => table
                .entries
                .iter()
                .filter_map(|entry| match &entry.node.value {
                    Value::Table(inner) => {
                        let name_place = self.document.place(&entry.key_span);
                        Some((Spanned::new(entry.key.clone(), name_place), self.within(name, inner)))
                    }
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn within(&self, name: &str, table: &'a Table) -> View<'a> {
        let keys = self
            .keys
            .iter()
            .find(|key| key.name == name)
            .map_or(&[][..], Key::inner);
        View {
            document: self.document,
            table,
            keys,
        }
    }
}
