//! Referrers, as `oras discover` draws them.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{columns, word};
use crate::artifact::documents::{DiscoverDocument, ReferrerNode};
use crate::artifact::tree::by_type;
use crate::report::count;

const TYPE: Style = AnsiColor::BrightYellow.on_default();
const DIGEST: Style = AnsiColor::BrightGreen.on_default();
const NOTES: Style = AnsiColor::BrightCyan.on_default();

/// The tree: below each manifest the types of its referrers, below each type the referrers with their annotations.
pub fn discover_tree(place: &str, document: &DiscoverDocument, color: bool) -> String {
    let mut text = String::new();
    let root = format!("{}@{}", word(place), document.digest);
    let _ = writeln!(text, "{}", paint(DIGEST, &root, color));
    level(&mut text, &document.referrers, "", color);
    text
}

fn level(text: &mut String, referrers: &[ReferrerNode], indent: &str, color: bool) {
    let groups = by_type(referrers);
    let last_group = groups.len();
    for (at, (kind, group)) in groups.into_iter().enumerate() {
        let (edge, below) = edges(at + 1 == last_group);
        let _ = writeln!(text, "{indent}{edge}{}", paint(TYPE, &word(kind), color));
        let indent = format!("{indent}{below}");
        let last = group.len();
        for (at, referrer) in group.into_iter().enumerate() {
            let (edge, below) = edges(at + 1 == last);
            let _ = writeln!(text, "{indent}{edge}{}", paint(DIGEST, &referrer.digest, color));
            let indent = format!("{indent}{below}");
            annotations(text, referrer, &indent, color);
            level(text, &referrer.referrers, &indent, color);
        }
    }
}

fn annotations(text: &mut String, referrer: &ReferrerNode, indent: &str, color: bool) {
    if referrer.annotations.is_empty() {
        return;
    }
    let (edge, below) = edges(referrer.referrers.is_empty());
    let _ = writeln!(text, "{indent}{edge}{}", paint(NOTES, "[annotations]", color));
    let last = referrer.annotations.len();
    for (at, (key, value)) in referrer.annotations.iter().enumerate() {
        let (edge, _) = edges(at + 1 == last);
        let _ = writeln!(text, "{indent}{below}{edge}{}: {}", scalar(key), scalar(value));
    }
}

fn edges(last: bool) -> (&'static str, &'static str) {
    if last {
        ("└── ", "    ")
    } else {
        ("├── ", "│   ")
    }
}

/// A text as a YAML scalar on one line: plain where that cannot be read as anything else.
fn scalar(text: &str) -> String {
    let plain = !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !text.ends_with([':', ' '])
        && !text.contains(": ")
        && !text.contains(" #")
        && text
            .chars()
            .all(|c| c == ' ' || c.is_alphanumeric() || "._-/+:@#(),=~%$;*<>".contains(c))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
        );
    if plain {
        return word(text);
    }
    word(&serde_json::Value::from(text).to_string())
}

/// Direct referrers, a line each.
pub fn discover_table(shown: &str, document: &DiscoverDocument) -> String {
    let found = count(document.referrers.len() as u64, "artifact");
    let mut text = format!(
        "Discovered {found} referencing {}\nDigest: {}\n",
        word(shown),
        document.digest
    );
    if document.referrers.is_empty() {
        return text;
    }
    let mut rows = vec![vec!["Artifact Type".to_owned(), "Digest".to_owned()]];
    for referrer in &document.referrers {
        let kind = referrer.artifact_type.as_deref().unwrap_or("<unknown>");
        rows.push(vec![word(kind), referrer.digest.clone()]);
    }
    text.push('\n');
    text.push_str(&columns(&rows));
    text
}

fn paint(style: Style, text: &str, color: bool) -> String {
    if color {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn node(digest: &str, kind: Option<&str>, notes: &[(&str, &str)], referrers: Vec<ReferrerNode>) -> ReferrerNode {
        ReferrerNode {
            digest: digest.to_owned(),
            artifact_type: kind.map(str::to_owned),
            media_type: "m".to_owned(),
            size: 1,
            annotations: notes
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            referrers,
        }
    }

    #[test]
    fn the_tree_groups_referrers_by_type_and_nests_annotations_before_referrers() {
        let signature = node("sha256:dd", Some("signature/example"), &[], Vec::new());
        let document = DiscoverDocument {
            format: "aosm-discover/1",
            reference: "a.test/x:1".into(),
            digest: "sha256:00".into(),
            referrers: vec![
                node(
                    "sha256:aa",
                    Some("sbom/example"),
                    &[("k", "v"), ("when", "2024-01-01T00:00:00Z")],
                    vec![signature],
                ),
                node("sha256:bb", Some("signature/example"), &[], Vec::new()),
                node("sha256:cc", Some("sbom/example"), &[("b", "x")], Vec::new()),
                node("sha256:ee", None, &[], Vec::new()),
            ],
        };
        let want = "\
a.test/x@sha256:00
├── sbom/example
│   ├── sha256:aa
│   │   ├── [annotations]
│   │   │   ├── k: v
│   │   │   └── when: \"2024-01-01T00:00:00Z\"
│   │   └── signature/example
│   │       └── sha256:dd
│   └── sha256:cc
│       └── [annotations]
│           └── b: x
├── signature/example
│   └── sha256:bb
└── <unknown>
    └── sha256:ee
";
        assert_eq!(discover_tree("a.test/x", &document, false), want);
    }

    #[test]
    fn annotations_are_plain_or_quoted_yaml_on_one_line() {
        for (text, want) in [
            ("plain text", "plain text"),
            ("v1.2", "v1.2"),
            ("", "\"\""),
            ("true", "\"true\""),
            ("12", "\"12\""),
            ("a: b", "\"a: b\""),
            ("a\nb", "\"a\\nb\""),
            ("- x", "\"- x\""),
            ("it's", "\"it's\""),
        ] {
            assert_eq!(scalar(text), want, "{text:?}");
        }
    }
}
