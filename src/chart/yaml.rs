//! YAML as Helm reads it in chart files: one document, later duplicates win, every node with its place.
//!
//! Helm decodes YAML by way of JSON into typed fields: where a text is wanted, a number or a boolean becomes the text
//! that Go prints for it. [`Node::text`] does the same, so that `version: 1.10` is `1.1` here as it is for Helm.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::fault::Span;

/// Nesting beyond this is refused: chart files need a handful.
const MAX_DEPTH: usize = 100;

/// A YAML value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<At>),
    Map(Vec<(String, At)>),
}

/// A YAML value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At {
    pub node: Node,
    pub span: Span,
}

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadYaml {
    pub message: String,
    pub span: Option<Span>,
}

/// Reads one document. A stream without any is null.
pub(super) fn parse(text: &str) -> Result<At, BadYaml> {
    parse_within(text, 250_000)
}

/// As [`parse`], with a limit on the number of nodes.
pub(super) fn parse_within(text: &str, nodes: usize) -> Result<At, BadYaml> {
    let mut options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
        legacy_octal_numbers: true,
    };
    if let Some(budget) = &mut options.budget {
        budget.max_depth = MAX_DEPTH;
        budget.max_nodes = nodes;
        budget.max_events = nodes.saturating_mul(4);
    }
    match serde_saphyr::from_str_with_options::<Option<Spanned<Node>>>(text, options) {
        Ok(Some(node)) => Ok(At::from(node)),
        Ok(None) => Ok(At {
            node: Node::Null,
            span: 0..0,
        }),
        Err(error) => {
            let message = error.to_string();
            let message = message.lines().next().unwrap_or_default();
            let (words, told) = told_place(message);
            let location = error.location();
            let span = match location.as_ref().map(serde_saphyr::Location::span) {
                Some(span) if span.byte_offset().is_some() => location.as_ref().map(span_of),
                _ => told.and_then(|(line, column)| span_at(text, line, column)),
            };
            Err(BadYaml {
                message: words.to_owned(),
                span,
            })
        }
    }
}

/// Splits `words at line 7, column 259`: syntax errors carry their place nowhere else.
fn told_place(message: &str) -> (&str, Option<(usize, usize)>) {
    let split = || {
        let (words, place) = message.rsplit_once(" at line ")?;
        let (line, column) = place.split_once(", column ")?;
        Some((words, (line.parse().ok()?, column.trim().parse().ok()?)))
    };
    match split() {
        Some((words, place)) => (words, Some(place)),
        None => (message, None),
    }
}

/// The character at a line and a column, both from 1.
fn span_at(text: &str, line: usize, column: usize) -> Option<Span> {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let mut rest = text.get(start..)?.char_indices().skip(column.checked_sub(1)?);
    let (skipped, length) = rest.next().map_or((0, 0), |(at, c)| (at, c.len_utf8()));
    Some(start + skipped..start + skipped + length)
}

fn span_of(place: &serde_saphyr::Location) -> Span {
    let span = place.span();
    let start = usize::try_from(span.byte_offset().unwrap_or_default()).unwrap_or_default();
    let length = usize::try_from(span.byte_len().unwrap_or_default()).unwrap_or_default();
    start..start.saturating_add(length)
}

impl From<Spanned<Node>> for At {
    fn from(spanned: Spanned<Node>) -> Self {
        Self {
            span: span_of(&spanned.referenced),
            node: spanned.value,
        }
    }
}

impl At {
    /// The value under a key, when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.node {
            Node::Map(entries) => entries.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Equal values, wherever they stand and in whatever order of keys.
    pub fn says(&self, other: &Self) -> bool {
        match (&self.node, &other.node) {
            (Node::List(a), Node::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.says(b)),
            (Node::Map(a), Node::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(key, value)| other.get(key).is_some_and(|there| value.says(there)))
            }
            (a, b) => a == b,
        }
    }

    /// As JSON, numbers as JSON numbers.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.node {
            Node::Null => Value::Null,
            Node::Bool(b) => Value::Bool(*b),
            Node::Int(i) => i64::try_from(*i).map_or_else(|_| Value::String(i.to_string()), Value::from),
            Node::Float(f) => Value::from(*f),
            Node::Text(text) => Value::String(text.clone()),
            Node::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Node::Map(entries) => entries.iter().map(|(k, v)| (k.clone(), v.to_json())).collect(),
        }
    }
}

impl Node {
    /// The text of a scalar, as Helm's decoder coerces it; `None` for lists and maps. Null is the empty text.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Bool(b) => Some(b.to_string()),
            Self::Int(i) => Some(i.to_string()),
            Self::Float(f) => Some(go_float(*f)),
            Self::Text(text) => Some(text.clone()),
            Self::List(_) | Self::Map(_) => None,
        }
    }
}

/// A float as Go's `strconv.FormatFloat(f, 'g', -1, 64)` prints it: `1e+06` for a million.
fn go_float(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            value.to_string()
        };
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Go's shortest form writes the exponent when it is below -4, or 6 and more.
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Int(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Node, E> {
        Ok(i128::try_from(value).map_or_else(|_| Node::Text(value.to_string()), Node::Int))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Node>>()? {
            list.push(At::from(item));
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Node>()? {
            let value = At::from(entries.next_value::<Spanned<Node>>()?);
            // A key that is a list or a map has no text; JSON, hence Helm, has no such keys.
            let key = key.text().ok_or_else(|| de::Error::custom("a key must be a text"))?;
            map.push((key, value));
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
    use super::*;

    fn text_at(yaml: &str, key: &str) -> (String, String) {
        let root = parse(yaml).unwrap();
        let at = root.get(key).unwrap();
        (at.node.text().unwrap(), yaml[at.span.clone()].to_owned())
    }

    #[test]
    fn scalars_become_the_text_that_go_prints() {
        for (yaml, text) in [
            ("v: 1.10", "1.1"),
            ("v: \"1.10\"", "1.10"),
            ("v: 20240101", "20240101"),
            ("v: true", "true"),
            ("v: null", ""),
            ("v:", ""),
            ("v: 1e25", "1e+25"),
            ("v: 1234567.5", "1.2345675e+06"),
            ("v: 123456.5", "123456.5"),
            ("v: 1e5", "100000"),
            ("v: 010", "8"),
            ("v: 0x10", "16"),
            ("v: yes", "true"),
            ("v: .5", "0.5"),
            ("v: 12:30", "12:30"),
            ("v: 2024-01-01", "2024-01-01"),
            ("v: 0.00001", "1e-05"),
            ("v: 1.2.3", "1.2.3"),
            ("v: 2.50", "2.5"),
        ] {
            assert_eq!(text_at(yaml, "v").0, text, "{yaml}");
        }
    }

    #[test]
    fn values_know_their_place() {
        assert_eq!(text_at("name: a\nversion: bad\n", "version").1, "bad");
        assert_eq!(text_at("# ä\nname: 'a b'\n", "name").1, "'a b'");
    }

    #[test]
    fn the_later_of_two_equal_keys_wins() {
        assert_eq!(text_at("v: 1\nv: 2\n", "v").0, "2");
    }

    #[test]
    fn bombs_are_refused() {
        assert!(parse(&"[".repeat(10_000)).is_err());
        assert!(parse(&"{a: ".repeat(10_000)).is_err());
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            let items = vec![format!("*a{}", i - 1); 10].join(",");
            bomb.extend(["a", &i.to_string(), ": &a", &i.to_string(), " [", &items, "]\n"]);
        }
        assert!(parse(&bomb).is_err());
        assert!(parse("a: [1\nb: }").is_err());
    }

    #[test]
    fn an_empty_file_is_null() {
        assert_eq!(parse("").unwrap().node, Node::Null);
        assert_eq!(parse("# nothing\n").unwrap().node, Node::Null);
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        for (yaml, at) in [
            ("x: y\n  c: d\n", 8..9),
            ("é: [b\nc: d\n", 9..10),
            (&format!("a: {}", "[".repeat(300)), 258..259),
        ] {
            let bad = parse(yaml).unwrap_err();
            let span = bad.span.unwrap();
            assert!(
                span.start.abs_diff(at.start) <= 1 && span.len() == 1,
                "{yaml:.20} {span:?} {}",
                bad.message
            );
            assert!(!bad.message.contains("line"), "{}", bad.message);
        }
    }
}
