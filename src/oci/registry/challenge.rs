//! `WWW-Authenticate`: how a registry wants to be logged in to (RFC 9110, 11.6.1; distribution token specification).

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// Longer headers are not read.
const LENGTH_LIMIT: usize = 16 * 1024;

/// One challenge of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token from another server.
    Bearer {
        /// Where tokens come from.
        realm: String,
        /// What to ask for as `service`; may be empty.
        service: String,
        /// The scopes that the refused request needed, separated by spaces; may be empty.
        scope: String,
    },
}

/// The challenge that we can meet: bearer before basic. `None` if there is none.
pub fn challenge_of(headers: &HeaderMap) -> Option<Challenge> {
    let mut basic = false;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(text) = value.to_str() else { continue };
        if text.len() > LENGTH_LIMIT {
            continue;
        }
        for (scheme, mut parameters) in parse(text) {
            if scheme.eq_ignore_ascii_case("bearer") {
                if let Some(realm) = parameters.remove("realm") {
                    return Some(Challenge::Bearer {
                        realm,
                        service: parameters.remove("service").unwrap_or_default(),
                        scope: parameters.remove("scope").unwrap_or_default(),
                    });
                }
            } else if scheme.eq_ignore_ascii_case("basic") {
                basic = true;
            }
        }
    }
    basic.then_some(Challenge::Basic)
}

/// Schemes with their parameters. Tolerant: what cannot be read is passed over.
fn parse(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let trimmed = after.trim_start_matches([' ', '\t']);
        if let Some(value) = trimmed.strip_prefix('=') {
            let (value, after) = value_of(value.trim_start_matches([' ', '\t']));
            if let Some((_, parameters)) = found.last_mut() {
                parameters.insert(word.to_ascii_lowercase(), value);
            }
            rest = after;
        } else {
            if !word.is_empty() {
                found.push((word.to_owned(), BTreeMap::new()));
            }
            rest = trimmed;
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    found
}

/// A quoted or bare value, and what follows.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn of(values: &[&str]) -> Option<Challenge> {
        challenge_of(&values.iter().map(|v| (WWW_AUTHENTICATE, v.parse().unwrap())).collect())
    }

    #[allow(clippy::unnecessary_wraps, reason = "compared with what is optional")]
    fn bearer(realm: &str, service: &str, scope: &str) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.into(),
            service: service.into(),
            scope: scope.into(),
        })
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let cases = [
            (
                vec![hub],
                bearer(
                    "https://auth.docker.io/token",
                    "registry.docker.io",
                    "repository:a/b:pull,push",
                ),
            ),
            (vec![r#"bearer  realm = "r" , scope="a b""#], bearer("r", "", "a b")),
            (vec!["Bearer realm=r,service=s"], bearer("r", "s", "")),
            (vec![r#"Bearer realm="a\"b""#], bearer("a\"b", "", "")),
            (vec![r#"Basic realm="x""#], Some(Challenge::Basic)),
            (vec!["Basic"], Some(Challenge::Basic)),
            (
                vec![r#"Basic realm="x", Bearer realm="r",service="s""#],
                bearer("r", "s", ""),
            ),
            (vec![r#"Basic realm="x""#, r#"Bearer realm="r""#], bearer("r", "", "")),
            (vec![r#"Negotiate, Basic realm="x""#], Some(Challenge::Basic)),
        ];
        for (values, expected) in cases {
            assert_eq!(of(&values), expected, "{values:?}");
        }
    }

    #[test]
    fn what_cannot_be_met_or_read_is_none() {
        for values in [
            vec![],
            vec![""],
            vec!["Bearer"],
            vec!["Negotiate"],
            vec!["=,=,\""],
            vec!["Bearer realm"],
        ] {
            assert_eq!(of(&values), None, "{values:?}");
        }
        let long = format!("Basic realm=\"{}\"", "x".repeat(LENGTH_LIMIT));
        assert_eq!(of(&[&long]), None);
    }
}
