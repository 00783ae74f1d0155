//! One value that may make a part of an image.

use serde_json::Value;

use super::hint::Hint;
use super::path::ValuesPath;

/// Stands for a leaf in sentinels and tables.
pub(super) type LeafId = usize;

/// A candidate. Its value may come from `set`, so it cannot be printed.
#[derive(Clone, PartialEq)]
pub(super) struct Leaf {
    pub path: ValuesPath,
    /// What the package gives.
    pub value: Value,
    pub hint: Hint,
    /// Its name speaks of images. Otherwise only its text does, by standing in a reference.
    pub is_named: bool,
}

impl Leaf {
    /// Its text as Helm prints it; empty for null and for lists.
    pub fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        }
    }

    /// Has it no value of its own, so that something else may be taken?
    pub fn is_empty(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        }
    }

    /// Does its text stand in this one, as a whole word?
    pub fn occurs_in(&self, text: &str) -> bool {
        let own = self.text();
        let own = own.trim_matches('/');
        // A template in a value occurs by the pieces that it does not compute.
        if own.contains("{{") {
            return literals(own).any(|piece| stands_in(piece, text));
        }
        stands_in(own, text)
    }
}

/// The pieces of a text outside `{{ … }}`, cut to whole words.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{")
        .enumerate()
        .map(|(at, piece)| match piece.split_once("}}") {
            Some((_, after)) if at > 0 => after,
            _ => piece,
        })
        .map(|piece| piece.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|piece| piece.len() > 1)
}

/// Does a text stand in another one as a whole word?
pub(super) fn stands_in(own: &str, text: &str) -> bool {
    if own.is_empty() {
        return false;
    }
    let is_word = |c: char| c.is_ascii_alphanumeric();
    text.match_indices(own).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + own.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_occurs_as_a_whole_word() {
        let rows = [
            (json!("app"), "team/app:1", true),
            (json!("app"), "team/apple:1", false),
            (json!("team/app"), "docker.io/team/app", true),
            (json!("app"), "app-debug", true),
            (json!(12), "12", true),
            (json!(1.21), "1.21", true),
            (json!(1), "1.21", true),
            (json!(null), "x", false),
            (json!(""), "x", false),
            (
                json!("{{ .Values.registry }}/team/app:{{ .Chart.AppVersion }}"),
                "r/team/app:1",
                true,
            ),
            (json!("{{ .Values.registry }}"), "r/team/app:1", false),
        ];
        for (value, text, wanted) in rows {
            let leaf = Leaf {
                path: ValuesPath::default(),
                value: value.clone(),
                hint: Hint::Tag,
                is_named: true,
            };
            assert_eq!(leaf.occurs_in(text), wanted, "{value} in {text}");
        }
    }
}
