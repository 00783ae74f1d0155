//! The fields of one JSON object: what is missing or of another type is told, all of it, each with its place.

use crate::credentials::Secret;
use crate::fault::{Fault, Faults, Place};
use crate::project::node::{Node, Table, Value};
use crate::project::{JsonFile, Spanned, mask, shorten, suggest};

/// An object, and how it is called in messages.
pub(super) struct Fields<'a> {
    file: &'a JsonFile,
    table: &'a Table,
    /// Where the object stands.
    pub(super) place: Place,
    what: String,
}

impl<'a> Fields<'a> {
    /// A node that must be an object.
    pub(super) fn of(file: &'a JsonFile, node: &'a Node, what: &str, faults: &mut Faults) -> Option<Self> {
        let place = file.place(&node.span);
        match &node.value {
            Value::Table(table) => Some(Self {
                file,
                table,
                place,
                what: what.to_owned(),
            }),
            other => {
                faults.push(
                    Fault::invalid(format!("{what}: expected an object, found {}", other.word()))
                        .at(place)
                        .hint("the Azure CLI extension writes `{ … }` there: build the folder again"),
                );
                None
            }
        }
    }

    /// Calls the object something else from here on.
    pub(super) fn named(mut self, what: String) -> Self {
        self.what = what;
        self
    }

    /// The value of a field, without a word when it is absent or `null`.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        let entry = self.table.get(key)?;
        (!matches!(entry.node.value, Value::Null)).then_some(&entry.node)
    }

    /// A text that must be there; it may be empty. One with a signature does not belong there, and is not repeated.
    pub(super) fn text(&self, key: &str, faults: &mut Faults) -> Option<Spanned<String>> {
        let text = self.any_text(key, faults)?;
        if !mask::has_signature(&text.value) {
            return Some(text);
        }
        faults.push(
            Fault::invalid(format!("{}: `{key}` holds a signature", self.what))
                .at_opt(text.place)
                .hint(
                    "a URL with a signature is the `blob_sas_uri` of a `StorageAccountFromBlob`, and of nothing else",
                ),
        );
        None
    }

    /// A text that may be a secret.
    pub(super) fn secret(&self, key: &str, faults: &mut Faults) -> Option<Spanned<Secret>> {
        let text = self.any_text(key, faults)?;
        Some(Spanned {
            value: Secret::new(text.value.trim()),
            place: text.place,
        })
    }

    fn any_text(&self, key: &str, faults: &mut Faults) -> Option<Spanned<String>> {
        let Some(node) = self.get(key) else {
            self.missing(key, faults);
            return None;
        };
        match &node.value {
            Value::Text(text) => Some(Spanned::new(text.clone(), self.file.place(&node.span))),
            other => {
                self.wrong(key, node, "text", other.word(), faults);
                None
            }
        }
    }

    /// A text that must be there and says something.
    pub(super) fn filled(&self, key: &str, faults: &mut Faults) -> Option<Spanned<String>> {
        let text = self.text(key, faults)?;
        if !text.value.trim().is_empty() {
            return Some(text);
        }
        faults.push(
            Fault::invalid(format!("{}: `{key}` is empty", self.what))
                .at_opt(text.place)
                .hint("the Azure CLI extension needs it as well: fill it in, or build the folder again"),
        );
        None
    }

    /// `true` or `false`; absent is `false`.
    pub(super) fn truth(&self, key: &str, faults: &mut Faults) -> bool {
        match self.get(key).map(|node| (&node.value, node)) {
            None => false,
            Some((Value::Bool(truth), _)) => *truth,
            Some((other, node)) => {
                self.wrong(key, node, "true or false", other.word(), faults);
                false
            }
        }
    }

    /// An object that must be there.
    pub(super) fn object(&self, key: &str, faults: &mut Faults) -> Option<Fields<'a>> {
        let Some(node) = self.get(key) else {
            self.missing(key, faults);
            return None;
        };
        Fields::of(self.file, node, &format!("{}: `{key}`", self.what), faults)
    }

    /// A word about fields that have no effect here, so that nothing is skipped in silence.
    pub(super) fn only(&self, known: &[&str], faults: &mut Faults) {
        for entry in self
            .table
            .entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
        {
            faults.push(
                Fault::warning(format!("{}: `{}` is not known here", self.what, shorten(&entry.key)))
                    .at(self.file.place(&entry.key_span))
                    .hint(suggest::hint(&entry.key, known, "known fields")),
            );
        }
    }

    fn missing(&self, key: &str, faults: &mut Faults) {
        faults.push(
            Fault::invalid(format!("{}: `{key}` is missing", self.what))
                .at(self.place.clone())
                .hint(match self.slip(key) {
                    Some(near) => format!("did you mean `{key}` where it says `{}`?", shorten(near)),
                    None => "the Azure CLI extension needs it as well: add it, or build the folder again".to_owned(),
                }),
        );
    }

    /// A field that was nearly called so. Real ones are more than a letter or two apart.
    fn slip(&self, key: &str) -> Option<&str> {
        let near = |written: &&str| strsim::damerau_levenshtein(&written.to_lowercase(), key) <= 2;
        self.table.entries.iter().map(|entry| entry.key.as_str()).find(near)
    }

    fn wrong(&self, key: &str, node: &Node, wanted: &str, found: &str, faults: &mut Faults) {
        faults.push(
            Fault::invalid(format!("{}: `{key}` is {wanted}, found {found}", self.what))
                .at(self.file.place(&node.span))
                .hint("correct it, or build the folder again"),
        );
    }
}

/// The items of a file that must be a list.
pub(super) fn items<'a>(file: &'a JsonFile, faults: &mut Faults) -> &'a [Node] {
    match &file.root.value {
        Value::List(items) => items,
        other => {
            faults.push(
                Fault::invalid(format!("{}: expected a list, found {}", file.source.path, other.word()))
                    .at(file.place(&file.root.span))
                    .hint("the Azure CLI extension writes `[ … ]`: build the folder again"),
            );
            &[]
        }
    }
}
