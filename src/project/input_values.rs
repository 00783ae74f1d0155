//! Reading values that another tool's template left behind, and saying what is missing.

use super::model::Spanned;
use super::node::Value;
use super::view::View;
use crate::fault::{Fault, Faults, Place};

/// What the first versions of the extension wrote as values of keys that need none.
pub(crate) const LEFT_OVER: &str = "Optional. ";

/// A text, unless it is what the extension's own template says there.
pub(crate) fn filled(view: &View<'_>, table: &str, key: &str, faults: &mut Faults) -> Option<Spanned<String>> {
    let text = view.text(key)?;
    if !text.value.starts_with(LEFT_OVER) {
        return Some(text);
    }
    faults.push(
        Fault::warning(format!("{table}.{key}: still has the words of the template"))
            .at_opt(text.place)
            .hint("it counts as left out: remove it"),
    );
    None
}

/// The error of a key that the extension asks for.
pub(crate) fn missing(table: &str, key: &str, place: &Place, hint: &str) -> Fault {
    Fault::invalid(format!("{table}: `{key}` is missing"))
        .at(place.clone())
        .hint(hint.to_owned())
}

/// The place that stands for a file as a whole.
pub(crate) fn whole_file(root: &View<'_>) -> Place {
    root.document.place(&(0..0))
}

/// Is a key there with something of its type, or told already to be none?
pub(crate) fn is_written(root: &View<'_>, key: &str) -> bool {
    root.entry(key)
        .is_some_and(|entry| !matches!(&entry.node.value, Value::List(items) if items.is_empty()))
}

/// Is a value there that is no text? That was told already.
pub(crate) fn is_wrong(view: &View<'_>, key: &str) -> bool {
    view.entry(key)
        .is_some_and(|entry| !matches!(entry.node.value, Value::Text(_)))
}
