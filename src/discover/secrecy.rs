//! Which documents may hold a Secret, judged by their text alone: a broken document has no kind to ask for.

/// True when no line of this document may be repeated: it names the kind Secret anywhere, has `stringData`, or does
/// not say of which kind it is.
pub(super) fn may_hold_secret(text: &str) -> bool {
    let mut has_kind = false;
    for (at, _) in text.match_indices("kind") {
        let rest = text.get(at + "kind".len()..).unwrap_or_default();
        let rest = rest.trim_start_matches(['"', '\'', ' ', '\t']);
        let Some(value) = rest.strip_prefix(':') else { continue };
        // Properties and line breaks may stand between the colon and the value.
        let value = value.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '|' | '>' | '-'));
        has_kind |= value.starts_with(|c: char| c.is_ascii_alphabetic());
        if value.starts_with("Secret") || value.starts_with(['!', '&', '*', '\\']) {
            return true;
        }
    }
    !has_kind || text.contains("stringData")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_may_hold_a_secret_are_known_by_their_text() {
        for text in [
            "kind: Secret\n",
            "kind: 'Secret'\n",
            "\"kind\" : \"Secret\"",
            "{\"items\":[{\"kind\":\"Secret\"}],\"kind\":\"List\"}",
            "kind: !!str Secret\n",
            "kind: &k Secret\n",
            "kind: SecretList\n",
            "kind:\n  Secret\n",
            "kind: >-\n  Secret\n",
            "data:\n  password: c2VjcmV0\n",
            "stringData: {a: b}\nkind: Pod\n",
            "",
            "kind\n",
        ] {
            assert!(may_hold_secret(text), "{text:?}");
        }
        for text in [
            "kind: Deployment\n",
            "{\"kind\":\"Pod\"}",
            "apiVersion: v1\nkind: ConfigMap\nspec: [\n",
        ] {
            assert!(!may_hold_secret(text), "{text:?}");
        }
    }
}
