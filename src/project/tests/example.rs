//! `aosm.example.toml` shows every key, and loads.

use super::*;
use crate::project::keys::{Key, Shape};
use crate::project::toml_keys;

fn example() -> String {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("aosm.example.toml");
    std::fs::read_to_string(path).unwrap()
}

/// The files that the example names.
fn with_files() -> Folder {
    Folder::new()
        .with_chart("charts/contoso")
        .with("values/lab.yaml", "")
        .with("rendered/a.yaml", "")
        .with("templates/vm.json", TEMPLATE)
        .with("images/ubuntu.vhd", "")
        .with("docs/readme.md", "")
        .with("docs/sbom.spdx.json", "{}")
        .with("certificates/ca.pem", "")
        .with("certificates/client.pem", "")
        .with(
            "cnf-input.jsonc",
            r#"{"helm_packages": [{"name": "contoso", "path_to_chart": "charts/contoso"}]}"#,
        )
        .with("aosm.example.toml", example())
}

#[test]
fn the_example_loads_without_a_word() {
    let folder = with_files();
    for environment in [None, Some("production".to_owned())] {
        let options = LoadOptions {
            project_file: Some("aosm.example.toml".into()),
            environment,
            ..folder.options()
        };
        let (project, warnings) = load(&options).unwrap_or_else(|faults| panic!("{}", lines(&faults)));
        assert!(warnings.is_empty(), "{}", lines(&warnings));
        assert_eq!(project.charts.len(), 2);
    }
}

#[test]
fn the_example_shows_every_key_with_a_comment() {
    let text = example();
    let value: toml::Table = toml::from_str(&text).unwrap();
    let mut missing = Vec::new();
    walk(toml_keys::ROOT, &[&toml::Value::Table(value)], "", &mut missing);
    assert!(missing.is_empty(), "the example lacks {missing:?}");
    for (number, line) in text.lines().enumerate() {
        // A key's comment stands on its line or above it; tables are commented above.
        if line.contains(" = ") && !line.starts_with('#') {
            let above = number
                .checked_sub(1)
                .and_then(|at| text.lines().nth(at))
                .unwrap_or_default();
            assert!(
                line.contains(" # ") || above.starts_with('#'),
                "line {} has no comment: {line}",
                number + 1
            );
        }
    }
}

/// Every live key must stand in at least one of the tables that may hold it.
fn walk(keys: &[Key], tables: &[&toml::Value], path: &str, missing: &mut Vec<String>) {
    for key in keys.iter().filter(|key| key.is_live()) {
        let full = format!("{path}{}", key.name);
        let found: Vec<&toml::Value> = tables.iter().filter_map(|table| table.get(key.name)).collect();
        if found.is_empty() {
            missing.push(full);
            continue;
        }
        let inner: Vec<&toml::Value> = match key.shape {
            Shape::Table(_) => found,
            Shape::Tables(_) => found.iter().filter_map(|list| list.as_array()).flatten().collect(),
            // Stores of environments are stores: shown once.
            Shape::Named(_) if full == "environments.stores" => continue,
            Shape::Named(_) => found
                .iter()
                .filter_map(|table| table.as_table())
                .flat_map(|table| table.values())
                .collect(),
            _ => continue,
        };
        walk(key.inner(), &inner, &format!("{full}."), missing);
    }
}
