//! Annotations of an artifact, and the JSON file that oras reads them from:
//! `{"$manifest": {…}, "$config": {…}, "path/as/typed.txt": {…}}`.
//!
//! Untrusted: at most 1 MiB, nesting bounded by the JSON parser; every wrong shape is told with its place.

use std::collections::BTreeMap;
use std::io::Read as _;

use camino::Utf8Path;
use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};

use crate::fault::{Fault, Faults, Place, SourceFile, offset_of};

/// The annotation that names a file (image-spec, annotations.md).
pub const TITLE: &str = "org.opencontainers.image.title";

/// No annotation file is larger: all of it ends up in a manifest of at most 4 MiB.
const LIMIT: u64 = 1024 * 1024;

const SHAPE: &str =
    r#"write {"$manifest": {"key": "value"}, "$config": {…}, "file as typed": {…}}, with texts as values"#;

/// Annotations of the manifest, the config, and each file by its path as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations {
    /// Of the manifest.
    pub manifest: BTreeMap<String, String>,
    /// Of the config's descriptor.
    pub config: BTreeMap<String, String>,
    /// Of files' descriptors. A title there renames the file.
    pub files: BTreeMap<String, BTreeMap<String, String>>,
}

/// Reads an annotation file. Fails with all that is wrong in it.
pub fn read(path: &Utf8Path) -> Result<Annotations, Faults> {
    let failed = |e: std::io::Error| {
        Fault::invalid(format!("annotation file {path} cannot be read"))
            .because(e)
            .hint("name a JSON file that is there")
    };
    if path.is_dir() {
        return Err(failed(std::io::Error::other("it is a folder")).into());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(
            Fault::invalid(format!("annotation file {path} is larger than {} MiB", LIMIT >> 20))
                .at(Place::file_only(path))
                .hint("keep large texts in files of the artifact")
                .into(),
        );
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Fault::invalid(format!("annotation file {path} is not UTF-8"))
            .at(Place::file_only(path))
            .hint("save it as UTF-8")
    })?;
    parse(path, text.trim_start_matches('\u{feff}'))
}

/// As [`read`], for a text at hand.
pub fn parse(path: &Utf8Path, text: &str) -> Result<Annotations, Faults> {
    let source = SourceFile::new(path, text);
    let at = |range: std::ops::Range<usize>| Place::new(std::sync::Arc::clone(&source), range);
    // Read by a strict parser with a bounded depth first: the other one knows places, but is recursive without bound.
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        let start = offset_of(text, error.line(), error.column());
        let mut words = error.to_string();
        if let Some(cut) = words.find(" at line ") {
            words.truncate(cut);
        }
        return Err(Fault::invalid(format!("annotation file: {words}"))
            .at(at(start..start + 1))
            .hint(SHAPE)
            .into());
    }
    let collect = CollectOptions {
        comments: CommentCollectionStrategy::Off,
        tokens: false,
    };
    let value = parse_to_ast(text, &collect, &ParseOptions::default())
        .map_err(|e| {
            Fault::invalid("annotation file is no JSON")
                .because(e.kind())
                .hint(SHAPE)
        })?
        .value;
    let mut reader = Reader {
        at: &at,
        faults: Faults::new(),
    };
    let mut read = Annotations::default();
    match value {
        Some(ast::Value::Object(whole)) => {
            for (key, value) in reader.entries(whole) {
                let map = reader.texts(&key, value);
                match key.as_str() {
                    "$manifest" => read.manifest = map,
                    "$config" => read.config = map,
                    _ => drop(read.files.insert(key, map)),
                }
            }
        }
        other => reader.wrong(
            "annotation file: an object is needed",
            other.map_or(0..text.len(), |value| value.range().start..value.range().end),
        ),
    }
    reader.faults.into_result(read).map(|(read, _)| read)
}

struct Reader<'a> {
    at: &'a dyn Fn(std::ops::Range<usize>) -> Place,
    faults: Faults,
}

impl Reader<'_> {
    fn wrong(&mut self, message: impl Into<String>, range: std::ops::Range<usize>) {
        self.faults
            .push(Fault::invalid(message).at((self.at)(range)).hint(SHAPE));
    }

    /// Keys and values; a key that stands twice is an error, as which of the two counts depends on who reads it.
    fn entries<'t>(&mut self, object: ast::Object<'t>) -> Vec<(String, ast::Value<'t>)> {
        let mut seen = std::collections::HashSet::new();
        let mut entries = Vec::new();
        for property in object.properties {
            let range = property.name.range();
            let key = property.name.into_string();
            if seen.insert(key.clone()) {
                entries.push((key, property.value));
            } else {
                self.wrong(format!("annotation file: {key:?} stands twice"), range.start..range.end);
            }
        }
        entries
    }

    fn texts(&mut self, of: &str, value: ast::Value<'_>) -> BTreeMap<String, String> {
        let range = value.range();
        let mut map = BTreeMap::new();
        match value {
            ast::Value::Object(object) => {
                for (key, value) in self.entries(object) {
                    let range = value.range();
                    match value {
                        ast::Value::StringLit(text) => drop(map.insert(key, text.value.into_owned())),
                        _ => self.wrong(
                            format!("annotation file: {key:?} of {of:?} is no text"),
                            range.start..range.end,
                        ),
                    }
                }
            }
            ast::Value::NullKeyword(_) => {}
            _ => self.wrong(
                format!("annotation file: {of:?} is no object of texts"),
                range.start..range.end,
            ),
        }
        map
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        parse(Utf8Path::new("a.json"), text)
            .unwrap_err()
            .iter()
            .map(|fault| format!("{}: {}", fault.labels()[0].place, fault.message()))
            .collect()
    }

    #[test]
    fn manifest_config_and_files_are_told_apart() {
        let text = r#"{"$manifest": {"a": "1"}, "$config": {"b": "2<"}, "x/hi.txt": {"c": "3"}, "y": {}, "z": null}"#;
        let read = parse(Utf8Path::new("a.json"), text).unwrap();
        assert_eq!(read.manifest["a"], "1");
        assert_eq!(read.config["b"], "2<");
        assert_eq!(read.files["x/hi.txt"]["c"], "3");
        assert!(read.files["y"].is_empty() && read.files["z"].is_empty());
        assert_eq!(parse(Utf8Path::new("a.json"), "{}").unwrap(), Annotations::default());
    }

    #[test]
    fn every_wrong_shape_is_told_with_its_place() {
        assert_eq!(
            wrong("{\n  \"$manifest\": {\"a\": 1, \"b\": [\"x\"]},\n  \"hi.txt\": \"text\",\n  \"hi.txt\": {}\n}"),
            [
                "a.json:4:3: annotation file: \"hi.txt\" stands twice",
                "a.json:2:22: annotation file: \"a\" of \"$manifest\" is no text",
                "a.json:2:30: annotation file: \"b\" of \"$manifest\" is no text",
                "a.json:3:13: annotation file: \"hi.txt\" is no object of texts",
            ]
        );
        assert_eq!(wrong("[]"), ["a.json:1:1: annotation file: an object is needed"]);
        assert_eq!(wrong("null"), ["a.json:1:1: annotation file: an object is needed"]);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        assert_eq!(
            wrong("{\n  \"$manifest\": {\"a\" \"b\"}\n}"),
            ["a.json:2:21: annotation file: expected `:`"]
        );
        for text in ["", "{", "{\"a\": {\"b\": \"c\"},}", "// no\n{}", "{} {}", "é"] {
            assert_eq!(wrong(text).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn brackets_without_end_are_an_error_and_no_crash() {
        for open in ["[", "{\"a\":"] {
            assert_eq!(wrong(&open.repeat(200_000)).len(), 1);
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::write(folder.join("binary"), [0xff, 0xfe]).unwrap();
        std::fs::write(folder.join("huge"), vec![b' '; 1024 * 1024 + 1]).unwrap();
        for (name, said) in [
            ("absent", "cannot be read"),
            ("", "cannot be read"),
            ("binary", "is not UTF-8"),
            ("huge", "is larger than 1 MiB"),
        ] {
            let faults = read(&folder.join(name)).unwrap_err();
            let text = faults.iter().next().unwrap().to_string();
            assert!(text.contains(said), "{text}");
        }
        std::fs::write(folder.join("bom"), "\u{feff}{\"$config\": {\"a\": \"b\"}}").unwrap();
        assert_eq!(read(&folder.join("bom")).unwrap().config["a"], "b");
    }
}
