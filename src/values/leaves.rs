//! The candidates among a package's values.

use serde_json::Value;

use super::hint::{Hint, hint};
use super::leaf::Leaf;
use super::path::{Step, ValuesPath};
use crate::reference::ImageReference;

/// Most candidates of one package. The largest public umbrella charts have some 700.
pub(super) const MAX_LEAVES: usize = 3_000;
/// Deepest value looked at.
const MAX_DEPTH: usize = 40;
/// Longest text that may be a part of a reference: what OCI allows a name, a tag and a digest together.
const MAX_TEXT: usize = 512;

/// What was picked.
#[derive(Default)]
pub(super) struct Leaves {
    /// Candidates in the order of their paths.
    pub all: Vec<Leaf>,
    /// Values that may matter and are too many or too deep to be asked for.
    pub left_out: usize,
}

/// What values are compared with.
#[derive(Clone, Copy)]
struct About<'a> {
    references: &'a [ImageReference],
    placeholders: &'a [String],
    /// All references, one a line.
    all: &'a str,
}

/// Picks the values that may make images: by their names, or because their text stands in a reference.
pub(super) fn leaves(values: &Value, references: &[ImageReference], placeholders: &[String]) -> Leaves {
    let mut found = Leaves::default();
    // Looked at before single references, as most values stand in none.
    let all: Vec<&str> = references.iter().map(ImageReference::as_str).collect();
    let all = all.join("\n");
    let about = About {
        references,
        placeholders,
        all: &all,
    };
    let mut open: Vec<(ValuesPath, &Value)> = vec![(ValuesPath::default(), values)];
    while let Some((path, value)) = open.pop() {
        if path.0.len() > MAX_DEPTH {
            found.left_out += 1;
            continue;
        }
        if let Some(leaf) = candidate(&path, value, about) {
            if found.all.len() < MAX_LEAVES {
                found.all.push(leaf);
            } else {
                found.left_out += 1;
            }
            continue;
        }
        match value {
            Value::Object(map) => {
                open.extend(
                    map.iter()
                        .rev()
                        .map(|(key, value)| (path.below(Step::Key(key.clone())), value)),
                );
            }
            Value::Array(items) => {
                let items = items.iter().enumerate().rev();
                open.extend(items.map(|(at, value)| (path.below(Step::Index(at)), value)));
            }
            _ => {}
        }
    }
    found
}

fn candidate(path: &ValuesPath, value: &Value, about: About<'_>) -> Option<Leaf> {
    let named = hint(path);
    let leaf = |hint: Hint, is_named: bool| Leaf {
        path: path.clone(),
        value: value.clone(),
        hint,
        is_named,
    };
    match value {
        // A list of names or of maps with a name; `imagePullSecrets: {}` is no list.
        Value::Array(items) if named == Some(Hint::PullSecret) && is_secret_list(path, items) => {
            Some(leaf(Hint::PullSecret, true))
        }
        Value::Null | Value::Number(_) | Value::String(_) => {
            if let Value::String(text) = value
                && !may_be_part(text)
            {
                return None;
            }
            match named {
                Some(Hint::PullSecret) if value.is_number() => None,
                // Only what is called so can be a secret's name; `pullSecrets.enabled` and the like are something else.
                Some(Hint::PullSecret) => is_secret_name(path).then(|| leaf(Hint::PullSecret, true)),
                // What stands where the registry is, or is declared to stand for one, is a registry whatever its name.
                Some(_) if is_registry(value, about) => Some(leaf(Hint::Registry, true)),
                Some(hint) => Some(leaf(hint, true)),
                None if is_registry(value, about) => Some(leaf(Hint::Registry, false)),
                None => {
                    let leaf = leaf(Hint::Repository, false);
                    let hint = where_it_occurs(&leaf, about)?;
                    Some(Leaf { hint, ..leaf })
                }
            }
        }
        _ => None,
    }
}

fn is_registry(value: &Value, about: About<'_>) -> bool {
    let text = value.as_str().unwrap_or_default().trim_end_matches('/');
    let stands_for_one = about.placeholders.iter().any(|placeholder| placeholder == text);
    !text.is_empty()
        && (stands_for_one
            || about
                .references
                .iter()
                .any(|reference| reference.registry() == Some(text)))
}

fn is_secret_list(path: &ValuesPath, items: &[Value]) -> bool {
    path.last_key().to_lowercase().contains("secret")
        && items
            .iter()
            .all(|item| item.is_string() || item.get("name").is_some_and(Value::is_string))
}

fn is_secret_name(path: &ValuesPath) -> bool {
    let last = path.last_key().to_lowercase();
    matches!(path.0.last(), Some(Step::Key(_))) && (last == "name" || last.contains("secret"))
}

/// One line without blanks outside `{{ … }}`, of bounded length, and no URL.
fn may_be_part(text: &str) -> bool {
    if text.len() > MAX_TEXT || text.contains(['\n', '\r']) || text.contains("://") {
        return false;
    }
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        if before.contains(char::is_whitespace) {
            return false;
        }
        let Some((_, after)) = after.split_once("}}") else {
            return false;
        };
        rest = after;
    }
    !rest.contains(char::is_whitespace)
}

/// The part of a reference in which a text stands; one letter or digit says nothing.
fn where_it_occurs(leaf: &Leaf, about: About<'_>) -> Option<Hint> {
    if leaf.text().len() < 2 || !leaf.occurs_in(about.all) {
        return None;
    }
    about.references.iter().find_map(|reference| {
        let parts = [
            (Hint::Repository, reference.path()),
            (Hint::Registry, reference.registry().unwrap_or_default()),
            (Hint::Tag, reference.tag().unwrap_or_default()),
            (
                Hint::Digest,
                reference.digest().map_or("", crate::digest::Digest::as_str),
            ),
        ];
        if leaf.text() == reference.as_str() {
            return Some(Hint::Repository);
        }
        // Numbers stand in many values that have nothing to do with images: there, only all of a part counts.
        let is_number = !leaf.text().contains(|c: char| c.is_ascii_alphabetic());
        let counts = |text: &str| {
            if is_number {
                leaf.text() == text
            } else {
                leaf.occurs_in(text)
            }
        };
        parts.iter().find(|(_, text)| counts(text)).map(|(part, _)| *part)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use serde_json::json;

    use super::*;

    fn picked(values: &Value, references: &[&str]) -> Vec<(String, Hint, bool)> {
        let references: Vec<_> = references.iter().map(|r| ImageReference::parse(r).unwrap()).collect();
        let found = leaves(values, &references, &[]);
        found
            .all
            .into_iter()
            .map(|l| (l.path.to_string(), l.hint, l.is_named))
            .collect()
    }

    #[test]
    fn values_are_picked_by_name_or_because_they_stand_in_a_reference() {
        let values = json!({
            "image": {"registry": "", "repository": "team/app", "tag": null, "pullPolicy": "Always", "pullSecrets": []},
            "edition": "debian", "replicas": 12, "mode": "fast", "port": 1,
            "sidecars": [{"image": "side:1"}],
            "imagePullSecrets": [{"name": "a"}], "other": {"pullSecret": {"enabled": "x", "name": "n"}},
            "note": "a text with image in it", "url": "https://team/app",
            "block": "- image: team/app\n",
        });
        let named = |path: &str, hint| (path.to_owned(), hint, true);
        assert_eq!(
            picked(&values, &["docker.io/team/app:12-debian"]),
            [
                ("edition".to_owned(), Hint::Tag, false),
                named("image.pullSecrets", Hint::PullSecret),
                named("image.registry", Hint::Registry),
                named("image.repository", Hint::Repository),
                named("image.tag", Hint::Tag),
                named("imagePullSecrets", Hint::PullSecret),
                named("other.pullSecret.name", Hint::PullSecret),
                named("sidecars[0].image", Hint::Repository),
            ]
        );
    }

    #[test]
    fn too_many_and_too_deep_values_are_counted() {
        let many: Vec<Value> = (0..MAX_LEAVES + 5)
            .map(|n| json!({"image": format!("i:{n}")}))
            .collect();
        let found = leaves(&json!({"list": many}), &[], &[]);
        assert_eq!((found.all.len(), found.left_out), (MAX_LEAVES, 5));
        let mut deep = json!({"image": "a"});
        for _ in 0..60 {
            deep = json!({"x": deep});
        }
        assert_eq!(leaves(&deep, &[], &[]).left_out, 1);
    }
}
