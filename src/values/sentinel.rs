//! Values that can be told again: a text of the same shape as the one it stands for, with a mark that names its leaf.
//!
//! The shape is kept because charts look at values: they split names at slashes, compare versions, want digests to be
//! digests. So each word of a text is replaced by a word of its kind, and what stands between them stays, templates in
//! a value (`{{ … }}`) included. A version keeps its first two numbers, for `semverCompare`. A registry becomes a host
//! as AOSM will set one; it is never asked for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::hint::Hint;
use super::leaf::{Leaf, LeafId};

/// Largest number that fits into a mark.
pub(super) const MAX_ID: LeafId = 9_999;

/// The rest of a digest behind its mark: 64 hex digits in all.
const HEX_REST: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796";

/// A word: valid in a host, in a repository's path, in a tag and in an object's name.
pub(super) fn word(id: LeafId) -> String {
    format!("zq{id:04}x")
}

/// A registry's host.
pub(super) fn host(id: LeafId) -> String {
    format!("{}.azurecr.io", word(id))
}

/// Does the host of any leaf stand in a text?
pub(super) fn has_host(text: &str) -> bool {
    marks(text).into_iter().any(|id| text.contains(&host(id)))
}

/// A number of six digits: as a float it is still printed with all of them.
fn number(id: LeafId) -> String {
    format!("9{id:04}7")
}

fn hex(id: LeafId) -> String {
    format!("a05e{id:08}{HEX_REST}")
}

/// The leaves whose marks stand in a text.
pub(super) fn marks(text: &str) -> BTreeSet<LeafId> {
    let digits = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse::<LeafId>().ok())
            .flatten()
    };
    let mut found: BTreeSet<LeafId> = BTreeSet::new();
    for (at, _) in text.match_indices("zq") {
        if text.get(at + 6..=at + 6) == Some("x") {
            found.extend(text.get(at + 2..at + 6).and_then(digits));
        }
    }
    for (at, _) in text.match_indices("a05e") {
        if text.get(at + 12..).is_some_and(|rest| rest.starts_with(HEX_REST)) {
            found.extend(text.get(at + 4..at + 12).and_then(digits));
        }
    }
    // Not within a longer number, nor within hex digits.
    for run in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let run = run.trim_start_matches(['v', 'V']);
        if run.len() == 6 && run.starts_with('9') && run.ends_with('7') {
            found.extend(run.get(1..5).and_then(digits));
        }
    }
    found
}

/// Values that stand in for a leaf's, likeliest first. None when the leaf is all template, so that there is nothing
/// of its own to replace.
pub(super) fn shapes(leaf: &Leaf, id: LeafId, app_version: Option<&str>) -> Vec<Value> {
    let text = leaf.text();
    let mut shapes: Vec<Value> = match leaf.hint {
        Hint::PullSecret => return secrets(leaf, id),
        _ if text.is_empty() => empty(leaf, id, app_version),
        _ => vec![json!(replaced(&text, leaf.hint, id))],
    };
    if leaf.value.is_number() {
        // A schema may insist on a number.
        if let Ok(number) = number(id).parse::<u64>() {
            shapes.push(json!(number));
        }
    }
    shapes.retain(|shape| shape.as_str() != Some(text.as_str()));
    shapes
}

fn secrets(leaf: &Leaf, id: LeafId) -> Vec<Value> {
    let maps = json!([{ "name": word(id) }]);
    let texts = json!([word(id)]);
    match &leaf.value {
        Value::Array(items) if items.first().is_some_and(Value::is_string) => vec![texts, maps],
        // AOSM sets `PATH[0].name`, so maps are asked for first.
        Value::Array(_) => vec![maps, texts],
        Value::Null if leaf.path.last_key().ends_with('s') => vec![maps, texts],
        _ => vec![json!(word(id))],
    }
}

fn empty(leaf: &Leaf, id: LeafId, app_version: Option<&str>) -> Vec<Value> {
    match leaf.hint {
        Hint::Registry => vec![json!(host(id))],
        Hint::Tag => vec![json!(tag(app_version.unwrap_or("1.0"), id)), json!(word(id))],
        Hint::Digest => {
            let (whole, bare) = (json!(format!("sha256:{}", hex(id))), json!(hex(id)));
            if leaf.path.last_key().to_lowercase().contains("sha") {
                vec![bare, whole]
            } else {
                vec![whole, bare]
            }
        }
        Hint::Repository | Hint::PullSecret => {
            vec![
                json!(word(id)),
                json!(format!("{}/{}:{}", host(id), word(id), tag("1.0", id))),
            ]
        }
    }
}

/// A text with each word replaced.
fn replaced(text: &str, hint: Hint, id: LeafId) -> String {
    let mut made = String::new();
    let mut rest = text;
    loop {
        let (literal, after) = rest.split_once("{{").map_or((rest, None), |(a, b)| (a, Some(b)));
        let is_first = made.is_empty();
        let is_last = after.is_none_or(|after| !after.contains('/'));
        literal_replaced(&mut made, literal, hint, id, is_first, is_last);
        let Some((action, after)) = after.and_then(|after| after.split_once("}}")) else {
            return made;
        };
        made.extend(["{{", action, "}}"]);
        rest = after;
    }
}

/// One piece outside templates. `is_first`: nothing stands before it; `is_last`: no `/` comes after it.
fn literal_replaced(made: &mut String, literal: &str, hint: Hint, id: LeafId, is_first: bool, is_last: bool) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut rest = literal;
    let mut before = None;
    let mut first = is_first;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        if !piece.is_empty() {
            let swallowed = port(after);
            if first && is_host(piece, after, hint) {
                made.push_str(&host(id));
                rest = after.get(swallowed..).unwrap_or_default();
                first = false;
                before = None;
                continue;
            }
            let is_tag = before == Some(':') && !after.contains('/') && is_last;
            let is_whole_tag = hint == Hint::Tag && before.is_none() && is_first;
            if is_hex(piece) {
                made.push_str(&hex(id));
            } else if matches!(piece, "sha256" | "sha512") && after.starts_with(':') {
                // The hex digits behind it are replaced by those of SHA-256, whichever it was.
                made.push_str("sha256");
            } else if is_tag || is_whole_tag {
                made.push_str(&tag(piece, id));
            } else if piece.chars().any(|c| c.is_ascii_alphanumeric()) {
                // A dash between two templates is kept; a word is not.
                let edges = |c: char| !c.is_ascii_alphanumeric();
                let head = piece.len() - piece.trim_start_matches(edges).len();
                let tail = piece.trim_end_matches(edges).len();
                made.push_str(piece.get(..head).unwrap_or_default());
                made.push_str(&word(id));
                made.push_str(piece.get(tail..).unwrap_or_default());
            } else {
                made.push_str(piece);
            }
            first = false;
        }
        let mut between = after.chars();
        before = between.next();
        made.extend(before);
        if piece.is_empty() && before == Some('/') {
            first = false;
        }
        rest = between.as_str();
    }
}

/// Is the first word of a text a registry's host? By the rule of references, or because the value is called so.
fn is_host(piece: &str, after: &str, hint: Hint) -> bool {
    if hint == Hint::Registry {
        return true;
    }
    let looks = piece.contains('.') || piece == "localhost" || port(after) > 0;
    looks && after.get(port(after)..).unwrap_or_default().starts_with('/')
}

/// Length of a port and its colon; the end or a `/` must follow.
fn port(after: &str) -> usize {
    let Some(digits) = after.strip_prefix(':') else {
        return 0;
    };
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let rest = digits.get(length..).unwrap_or_default();
    if length > 0 && length <= 5 && (rest.is_empty() || rest.starts_with('/')) {
        length + 1
    } else {
        0
    }
}

fn is_hex(piece: &str) -> bool {
    matches!(piece.len(), 64 | 128) && piece.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A tag: a version keeps its first two numbers and what follows the third; anything else becomes a word.
fn tag(piece: &str, id: LeafId) -> String {
    let v = usize::from(piece.starts_with(['v', 'V']));
    let (prefix, rest) = piece.split_at(v);
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let (numbers, suffix) = rest.split_at(end);
    let parts: Vec<&str> = numbers.split('.').filter(|part| !part.is_empty()).collect();
    let suffix = if suffix.starts_with(['-', '_']) { suffix } else { "" };
    let number = number(id);
    match parts.as_slice() {
        [] => word(id),
        [major] => format!("{prefix}{major}.0.{number}{suffix}"),
        [major, minor, ..] => format!("{prefix}{major}.{minor}.{number}{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::path::{Step, ValuesPath};
    use super::*;

    fn is_in(id: LeafId, text: &str) -> bool {
        marks(text).contains(&id)
    }

    fn leaf(key: &str, value: Value, hint: Hint) -> Leaf {
        Leaf {
            path: ValuesPath(vec![Step::Key(key.to_owned())]),
            value,
            hint,
            is_named: true,
        }
    }

    #[test]
    fn a_sentinel_has_the_shape_of_what_it_stands_for() {
        let digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
        let marked = format!("sha256:{}", hex(7));
        let rows = [
            (
                Hint::Repository,
                "docker.io/library/nginx:1.25.3-alpine",
                "zq0007x.azurecr.io/zq0007x/zq0007x:1.25.900077-alpine".to_owned(),
            ),
            (
                Hint::Repository,
                "localhost:5000/app",
                "zq0007x.azurecr.io/zq0007x".to_owned(),
            ),
            (Hint::Repository, "team/app", "zq0007x/zq0007x".to_owned()),
            (Hint::Repository, "app:v1", "zq0007x:v1.0.900077".to_owned()),
            (
                Hint::Repository,
                "reg.dev:8443/a_b/c",
                "zq0007x.azurecr.io/zq0007x/zq0007x".to_owned(),
            ),
            (
                Hint::Repository,
                &format!("a/b:1.0@{digest}"),
                format!("zq0007x/zq0007x:1.0.900077@{marked}"),
            ),
            (
                Hint::Repository,
                "{{ .Values.registry }}/courier/main:{{ .Chart.AppVersion }}",
                "{{ .Values.registry }}/zq0007x/zq0007x:{{ .Chart.AppVersion }}".to_owned(),
            ),
            (Hint::Repository, "{{ .a }}-debug", "{{ .a }}-zq0007x".to_owned()),
            (Hint::Registry, "docker.io", "zq0007x.azurecr.io".to_owned()),
            (Hint::Registry, "docker.io/", "zq0007x.azurecr.io/".to_owned()),
            (Hint::Registry, "repository", "zq0007x.azurecr.io".to_owned()),
            (Hint::Registry, "ghcr.io/org", "zq0007x.azurecr.io/zq0007x".to_owned()),
            (Hint::Tag, "1.25", "1.25.900077".to_owned()),
            (Hint::Tag, "v3.4.1-2", "v3.4.900077-2".to_owned()),
            (Hint::Tag, "latest", "zq0007x".to_owned()),
            (Hint::Tag, "12", "12.0.900077".to_owned()),
            (Hint::Digest, digest, marked.clone()),
            (Hint::Digest, &digest[7..], hex(7)),
        ];
        for (hint, text, wanted) in rows {
            let shape = shapes(&leaf("k", json!(text), hint), 7, None);
            assert_eq!(shape.first(), Some(&json!(wanted)), "{text}");
            assert!(is_in(7, &wanted) && !is_in(8, &wanted), "{wanted}");
        }
    }

    #[test]
    fn a_value_that_is_all_template_has_none() {
        let leaf = leaf("registry", json!("{{ .Values.global.registry }}"), Hint::Registry);
        assert_eq!(shapes(&leaf, 7, None), Vec::<Value>::new());
    }

    #[test]
    fn empty_values_get_the_shape_of_their_name() {
        let of = |key: &str, hint| shapes(&leaf(key, Value::Null, hint), 7, Some("2.7.0"));
        assert_eq!(of("registry", Hint::Registry), [json!("zq0007x.azurecr.io")]);
        assert_eq!(of("tag", Hint::Tag), [json!("2.7.900077"), json!("zq0007x")]);
        assert_eq!(of("digest", Hint::Digest)[0], json!(format!("sha256:{}", hex(7))));
        assert_eq!(of("sha", Hint::Digest)[0], json!(hex(7)));
        assert_eq!(of("pullSecrets", Hint::PullSecret)[0], json!([{"name": "zq0007x"}]));
    }

    #[test]
    fn numbers_have_a_number_as_their_second_shape() {
        let shapes = shapes(&leaf("tag", json!(1.21), Hint::Tag), 7, None);
        assert_eq!(shapes, [json!("1.21.900077"), json!(900_077)]);
    }

    #[test]
    fn a_mark_within_a_longer_number_is_none() {
        assert!(!is_in(7, "1.0.1900077") && !is_in(7, "1.0.9000771"));
        assert!(is_in(7, "v900077-x"));
    }
}
