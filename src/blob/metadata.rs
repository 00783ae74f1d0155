//! Metadata as the service takes it (REST reference, "Naming and referencing containers, blobs, and metadata"): names are C#
//! identifiers, values ASCII, and the whole is small.

use std::collections::{BTreeMap, HashMap};

/// At most so many bytes of names and values.
const LIMIT: usize = 8 * 1024;

/// Metadata for the client; an error says what is wrong with it.
pub(super) fn checked(metadata: &BTreeMap<String, String>) -> Result<HashMap<String, String>, String> {
    let mut size = 0;
    for (name, value) in metadata {
        if !is_identifier(name) {
            return Err(format!(
                "the metadata name {name:?} is no identifier: letters, digits and _, no digit first"
            ));
        }
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) || value.trim() != value {
            return Err(format!(
                "the metadata {name} is not plain ASCII, or has a blank at an end"
            ));
        }
        size += name.len() + value.len();
    }
    if size > LIMIT {
        return Err(format!(
            "the metadata has {size} bytes, more than the {LIMIT} that are allowed"
        ));
    }
    Ok(metadata.clone().into_iter().collect())
}

fn is_identifier(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// The same, whatever the case of the names: the service does not tell it apart.
pub(super) fn same(held: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    let lower = |map: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        map.iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect()
    };
    lower(held) == lower(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_that_no_service_takes_are_told() {
        for (name, value, good) in [
            ("aosm_digest", "sha256:00", true),
            ("_a1", "", true),
            ("A", "two words", true),
            ("aosm-digest", "x", false),
            ("1a", "x", false),
            ("", "x", false),
            ("größe", "x", false),
            ("a", "größe", false),
            ("a", "x\r\ny: z", false),
            ("a", " x", false),
        ] {
            let metadata = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            assert_eq!(checked(&metadata).is_ok(), good, "{name}: {value}");
        }
        let long = BTreeMap::from([("a".to_owned(), "x".repeat(LIMIT))]);
        assert!(checked(&long).is_err());
    }
}
