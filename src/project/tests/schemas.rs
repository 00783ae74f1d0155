//! Schemas and the reference in the documentation are what the keys say.

use super::*;
use crate::project::keys::Key;
use crate::project::{input_keys, nexus_input_keys, nsd_input_keys, schema, toml_keys, vnf_input_keys};

/// A file of the repository; rewritten when `AOSM_BLESS=1`.
fn matches_file(name: &str, expected: &str) {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("AOSM_BLESS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        found == expected,
        "{name} is out of date: run the tests with AOSM_BLESS=1 and commit the result"
    );
}

#[test]
fn the_committed_schemas_are_up_to_date() {
    for (name, text) in super::schemas() {
        matches_file(&format!("schemas/{name}"), &text);
    }
}

#[test]
fn the_reference_in_the_documentation_is_up_to_date() {
    let name = "docs/configuration.md";
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut text = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    for (file, keys) in [
        ("aosm.toml", toml_keys::ROOT),
        ("cnf-input.jsonc", input_keys::ROOT),
        ("vnf-input.jsonc", vnf_input_keys::ROOT),
        ("vnf-input.jsonc for Azure Operator Nexus", nexus_input_keys::ROOT),
        ("nsd-input.jsonc", nsd_input_keys::ROOT),
    ] {
        let (start, end) = (
            format!("<!-- keys of {file} -->\n"),
            format!("<!-- end of keys of {file} -->"),
        );
        let (before, rest) = text.split_once(&start).expect("the reference has a start mark");
        let (_, after) = rest.split_once(&end).expect("the reference has an end mark");
        text = format!("{before}{start}{}{end}{after}", schema::reference(keys));
    }
    matches_file(name, &text);
}

fn validator(file: &str) -> jsonschema::Validator {
    let (_, text) = super::schemas().into_iter().find(|(name, _)| *name == file).unwrap();
    let schema = serde_json::from_str(&text).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn schemas_take_what_loads_and_refuse_what_does_not() {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let input = validator("cnf-input.schema.json");
    assert!(input.is_valid(&json(&format!("{{{PACKAGE}}}"))));
    for bad in [
        "{}",
        "[]",
        r#"{"helm_packages": [{}]}"#,
        r#"{"helm_packages": [], "x": 1}"#,
        r#"{"helm_packages": [], "nf_name": 1}"#,
    ] {
        assert!(!input.is_valid(&json(bad)), "{bad}");
    }
    let settings = validator("aosm.schema.json");
    let as_json = |text: &str| serde_json::to_value(::toml::from_str::<::toml::Table>(text).unwrap()).unwrap();
    assert!(settings.is_valid(&as_json(APP)));
    for bad in [
        "[project]\nverison = \"1\"",
        "[stores.a]\nkind = \"acr\"\ncloud = \"germany\"",
        "[stores.a]\nkind = \"nonsense\"",
        "[[charts]]\npath = \"x\"",
        "[copy]\nconcurrency = 0",
        "[policy]\ndeny-tags = true\n",
        "[project]\nname = \" \"",
    ] {
        assert!(!settings.is_valid(&as_json(bad)), "{bad}");
    }
    let example = std::fs::read_to_string(Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("aosm.example.toml")).unwrap();
    assert!(settings.is_valid(&as_json(&example)));
}

#[test]
fn every_key_says_what_it_means_and_stands_once() {
    fn walk(keys: &[Key], path: &str) {
        for (at, key) in keys.iter().enumerate() {
            assert!(
                !key.is_live() || key.doc.ends_with(['.', ';']),
                "{path}{}: {}",
                key.name,
                key.doc
            );
            assert!(
                !keys[..at].iter().any(|other| other.name == key.name),
                "{path}{} stands twice",
                key.name
            );
            walk(key.inner(), &format!("{path}{}.", key.name));
        }
    }
    let inputs = [
        input_keys::ROOT,
        vnf_input_keys::ROOT,
        nexus_input_keys::ROOT,
        nsd_input_keys::ROOT,
    ];
    for keys in inputs.into_iter().chain([toml_keys::ROOT]) {
        walk(keys, "");
    }
}
