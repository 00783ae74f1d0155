//! `[discovery]` and its rules: read, and refused where they could never match.

use super::model::{Candidates, Discovery, DiscoveryRule};
use super::view::View;
use crate::fault::{Fault, Faults, Place};

/// Bytes that a compiled regular expression may take.
const MAX_REGEX: usize = 1 << 20;

/// Reads the table; absent, the defaults hold.
pub(crate) fn read(root: &View<'_>, faults: &mut Faults) -> Discovery {
    let defaults = Discovery::default();
    let Some(view) = root.table("discovery") else {
        return defaults;
    };
    let discovery = Discovery {
        candidates: match view.text("candidates").as_ref().map(|text| text.value.as_str()) {
            Some("include") => Candidates::Include,
            Some("ignore") => Candidates::Ignore,
            _ => Candidates::Warn,
        },
        hooks: view.truth("hooks").unwrap_or(defaults.hooks),
        tests: view.truth("tests").unwrap_or(defaults.tests),
        registry_placeholders: segments(&view, "registry-placeholders", faults),
        namespaces: segments(&view, "namespaces", faults),
        ignore: view.plain_texts("ignore"),
        rules: view
            .tables("rules")
            .iter()
            .map(|(rule, place)| read_rule(rule, place, faults))
            .collect(),
    };
    for text in view.texts("ignore") {
        check_glob("discovery.ignore", &text.value, text.place, faults);
    }
    for text in view.texts("namespaces") {
        if discovery.registry_placeholders.contains(&text.value) {
            faults.push(
                Fault::invalid(format!(
                    "discovery.namespaces: `{}` is a registry placeholder too",
                    text.value
                ))
                .at_opt(text.place)
                .hint("keep it in one of the two lists: a placeholder is cut, a namespace is kept"),
            );
        }
    }
    discovery
}

/// First segments of references: one segment each.
fn segments(view: &View<'_>, key: &str, faults: &mut Faults) -> Vec<String> {
    for text in view.texts(key) {
        if text.value.contains('/') {
            faults.push(
                Fault::invalid(format!(
                    "discovery.{key}: `{}` has a slash",
                    super::check::shorten(&text.value)
                ))
                .at_opt(text.place)
                .hint("only the first segment of a reference is compared: write it alone"),
            );
        }
    }
    view.plain_texts(key)
}

fn read_rule(view: &View<'_>, place: &Place, faults: &mut Faults) -> DiscoveryRule {
    let text = |key: &str| view.text(key).map(|text| text.value);
    let rule = DiscoveryRule {
        kind: text("kind"),
        group: text("group"),
        pointer: text("pointer"),
        env: text("env"),
        arg: text("arg"),
        regex: text("regex"),
        repository: text("repository"),
        tag: text("tag"),
        registry: text("registry"),
        digest: text("digest"),
    };
    let mut refuse = |key: Option<&str>, why: &str, hint: &str| {
        let at = key.and_then(|key| view.key_place(key)).unwrap_or_else(|| place.clone());
        faults.push(Fault::invalid(format!("discovery.rules: {why}")).at(at).hint(hint));
    };
    if rule.pointer.is_none() && rule.env.is_none() && rule.arg.is_none() && rule.regex.is_none() {
        refuse(
            None,
            "the rule says nowhere to look",
            "add `pointer`, `env`, `arg` or `regex`",
        );
    }
    if rule.env.is_some() && rule.arg.is_some() {
        refuse(
            Some("arg"),
            "a value is of an environment variable or of a flag, not of both",
            "write two rules",
        );
    }
    if rule.repository.is_some() && rule.pointer.is_none() {
        refuse(
            Some("repository"),
            "a split image needs a `pointer`",
            "add the `pointer` to the map that holds the fields",
        );
    }
    for key in ["tag", "registry", "digest"] {
        if view.text(key).is_some() && rule.repository.is_none() {
            refuse(
                Some(key),
                &format!("`{key}` needs `repository`"),
                "add the field that holds the repository",
            );
        }
    }
    if rule.repository.is_some() && rule.regex.is_some() {
        refuse(
            Some("regex"),
            "a split image is no text that a `regex` could search",
            "write two rules",
        );
    }
    if rule.pointer.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
        refuse(
            Some("pointer"),
            "a JSON pointer starts with `/`",
            "write it from the object's root: `/spec/**/image`",
        );
    }
    if let Some(regex) = &rule.regex {
        match regex::RegexBuilder::new(regex).size_limit(MAX_REGEX).build() {
            Ok(compiled) if compiled.captures_len() < 2 => refuse(
                Some("regex"),
                "the regular expression has no group",
                "put what is the reference in parentheses: `image=(\\S+)`",
            ),
            Ok(_) => {}
            Err(error) => {
                let at = view.value_place("regex").unwrap_or_else(|| place.clone());
                faults.push(
                    Fault::invalid("discovery.rules: not a regular expression")
                        .at(at)
                        .because(error)
                        .hint("write backslashes twice, or put the expression between single quotes"),
                );
            }
        }
    }
    for (key, glob) in [("env", &rule.env), ("arg", &rule.arg)] {
        if let Some(glob) = glob {
            check_glob(&format!("discovery.rules.{key}"), glob, view.value_place(key), faults);
        }
    }
    rule
}

pub(super) fn check_glob(label: &str, glob: &str, place: Option<Place>, faults: &mut Faults) {
    if let Err(error) = globset::Glob::new(glob) {
        faults.push(
            Fault::invalid(format!("{label}: not a pattern"))
                .at_opt(place)
                .because(error.kind())
                .hint("`*` is any text, `?` one character, `[ab]` one of some"),
        );
    }
}
