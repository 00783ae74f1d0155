//! Changing docker's `config.json` without touching what is not ours: the entries of `auths` are edited in the order
//! they stand in, and the text of everything else is kept as it is.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::docker_config::same_host;

/// A JSON object in its order, with its values as they are written.
struct Ordered(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl Ordered {
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(Vec::new()));
        }
        serde_json::from_str(text).map_err(|error| {
            format!(
                "is no login file: line {} column {} is not what it should be",
                error.line(),
                error.column()
            )
        })
    }

    /// As docker writes it: one entry a line, indented by a tab a level.
    fn print(&self, level: usize) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        let tabs = "\t".repeat(level);
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|(key, value)| format!("{tabs}\t{}: {}", quoted(key), value.get()))
            .collect();
        format!("{{\n{}\n{tabs}}}", lines.join(",\n"))
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), String> {
        let value = RawValue::from_string(value).map_err(|error| error.to_string())?;
        match self.0.iter_mut().find(|(written, _)| written == key) {
            Some(entry) => entry.1 = value,
            None => self.0.push((key.to_owned(), value)),
        }
        Ok(())
    }
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A login in the form of an entry of `auths`.
pub(super) fn entry(username: &str, password: &str) -> String {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    format!("{{\n\t\t\t\"auth\": {}\n\t\t}}", quoted(&auth))
}

/// The file's text with this login; `entry` is JSON. Other spellings of the host are taken out, as they would go on
/// to be found by other tools.
pub(super) fn with_login(text: &str, key: &str, entry: &str) -> Result<String, String> {
    let mut file = Ordered::parse(text)?;
    let mut auths = auths(&file)?;
    auths
        .0
        .retain(|(written, _)| written == key || !same_host(written, key));
    auths.set(key, entry.to_owned())?;
    file.set("auths", auths.print(1))?;
    Ok(file.print(0) + "\n")
}

/// The file's text without the logins of this host, if it has any.
pub(super) fn without_login(text: &str, key: &str) -> Result<Option<String>, String> {
    let mut file = Ordered::parse(text)?;
    let mut auths = auths(&file)?;
    let before = auths.0.len();
    auths.0.retain(|(written, _)| !same_host(written, key));
    if auths.0.len() == before {
        return Ok(None);
    }
    file.set("auths", auths.print(1))?;
    Ok(Some(file.print(0) + "\n"))
}

fn auths(file: &Ordered) -> Result<Ordered, String> {
    match file.0.iter().find(|(key, _)| key == "auths") {
        Some((_, value)) if value.get() != "null" => {
            serde_json::from_str(value.get()).map_err(|_| "is no login file: \"auths\" is no object".to_owned())
        }
        _ => Ok(Ordered(Vec::new())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const FILE: &str = "{\n\t\"zeta\": {\"b\": 1.50, \"a\": [ ]},\n\t\"auths\": {\n\t\t\"z.test\": {\"auth\": \"eA==\", \"x\": 1},\n\t\t\
        \"https://a.test/v2/\": {}\n\t},\n\t\"alpha\": 12345678901234567890123\n}\n";

    #[test]
    fn a_login_is_added_and_everything_else_stays_as_it_is_written() {
        let text = with_login(FILE, "a.test", &entry("u", "p:q")).unwrap();
        assert_eq!(
            text,
            "{\n\t\"zeta\": {\"b\": 1.50, \"a\": [ ]},\n\t\"auths\": {\n\t\t\"z.test\": {\"auth\": \"eA==\", \"x\": 1},\n\t\t\
             \"a.test\": {\n\t\t\t\"auth\": \"dTpwOnE=\"\n\t\t}\n\t},\n\t\"alpha\": 12345678901234567890123\n}\n"
        );
        assert_eq!(
            with_login(&text, "a.test", &entry("u", "p:q")).unwrap(),
            text,
            "twice is once"
        );
        let without = without_login(&text, "a.test").unwrap().unwrap();
        assert!(!without.contains("a.test") && without.contains("z.test"), "{without}");
        assert_eq!(without_login(&without, "a.test").unwrap(), None);
    }

    #[test]
    fn a_file_that_is_absent_empty_or_without_logins_gets_its_first() {
        for text in ["", " \n", "{}", r#"{"auths":null}"#, r#"{"auths":{}}"#] {
            let text = with_login(text, "https://index.docker.io/v1/", &entry("u", "p")).unwrap();
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["auths"]["https://index.docker.io/v1/"]["auth"], "dTpw", "{text}");
        }
    }

    #[test]
    fn a_namespaces_login_is_another_hosts_business() {
        let text = r#"{"auths":{"a.test/team":{"auth":"eA=="}}}"#;
        assert_eq!(without_login(text, "a.test").unwrap(), None);
        assert!(with_login(text, "a.test", "{}").unwrap().contains("a.test/team"));
    }

    #[test]
    fn what_is_no_login_file_is_not_changed_and_not_repeated() {
        for text in [
            "[]",
            "{",
            r#"{"auths":[]}"#,
            r#"{"auths":{"h":{"auth":"c2VjcmV0"} oops"#,
            "{} {}",
        ] {
            let error = with_login(text, "a.test", "{}").unwrap_err();
            assert!(
                error.contains("no login file") && !error.contains("c2VjcmV0"),
                "{text}: {error}"
            );
        }
    }
}
