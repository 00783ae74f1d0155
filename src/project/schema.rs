//! JSON schemas, made from the description of the keys: editors complete and check project files with them.

use serde_json::{Map, Value, json};

use super::keys::{Choice, Key, Shape, Standing};
use super::{input_keys, nexus_input_keys, nsd_input_keys, toml_keys, vnf_input_keys};

/// All schemas: file name and text.
pub fn schemas() -> Vec<(&'static str, String)> {
    [
        (
            "aosm.schema.json",
            "aosm.toml",
            "The project file of aosm-build.",
            toml_keys::ROOT,
        ),
        (
            "cnf-input.schema.json",
            "cnf-input.jsonc",
            "The input file of the Azure CLI extension `aosm` for containerised network functions, in all its forms.",
            input_keys::ROOT,
        ),
        (
            "vnf-input.schema.json",
            "vnf-input.jsonc",
            "The input file of the Azure CLI extension `aosm` for virtualised network functions with a VHD, in all its forms.",
            vnf_input_keys::ROOT,
        ),
        (
            "vnf-nexus-input.schema.json",
            "vnf-input.jsonc",
            "The input file of the Azure CLI extension `aosm` for virtualised network functions on Azure Operator Nexus, in all its forms.",
            nexus_input_keys::ROOT,
        ),
        (
            "nsd-input.schema.json",
            "nsd-input.jsonc",
            "The input file of the Azure CLI extension `aosm` for network service designs, in all its forms.",
            nsd_input_keys::ROOT,
        ),
    ]
    .into_iter()
    .map(|(file, title, description, keys)| {
        let mut schema = Map::new();
        schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".into(), json!(title));
        schema.insert("description".into(), json!(description));
        schema.extend(table(keys));
        let mut text = serde_json::to_string_pretty(&Value::Object(schema)).unwrap_or_default();
        text.push('\n');
        (file, text)
    })
    .collect()
}

fn table(keys: &[Key]) -> Map<String, Value> {
    let mut properties = Map::new();
    // Some keys are only known to be errors: a schema does not offer them.
    for key in keys.iter().filter(|key| !key.is_refused()) {
        properties.insert(key.name.to_owned(), property(key));
    }
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = Map::new();
    schema.insert("type".into(), json!("object"));
    schema.insert("additionalProperties".into(), json!(false));
    schema.insert("properties".into(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = shape(key.shape);
    let description = match (key.standing, key.default) {
        (Standing::Old(why), _) => format!("Has no effect: {why}."),
        (_, "") => key.doc.to_owned(),
        (_, default) => format!("{} Default: {default}.", key.doc),
    };
    schema.insert("description".into(), json!(description));
    if matches!(key.standing, Standing::Old(_)) {
        schema.insert("deprecated".into(), json!(true));
    }
    Value::Object(schema)
}

fn shape(shape: Shape) -> Map<String, Value> {
    let value = match shape {
        Shape::Text => json!({ "type": "string", "pattern": "\\S" }),
        Shape::MaybeText => json!({ "type": "string" }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Choice(choices) => return one_of(choices),
        Shape::Texts => json!({ "type": "array", "items": { "type": "string", "pattern": "\\S" } }),
        Shape::Table(keys) => return table(keys),
        Shape::Named(keys) => json!({ "type": "object", "additionalProperties": table(keys) }),
        Shape::Tables(keys) => json!({ "type": "array", "items": table(keys) }),
        Shape::TableOrTables(keys) => {
            json!({ "anyOf": [table(keys), { "type": "array", "items": table(keys) }] })
        }
        Shape::TextsByName => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::ChoiceOrTexts(choices) => {
            json!({ "anyOf": [one_of(choices), { "type": "array", "items": { "type": "string", "pattern": "\\S" } }] })
        }
        Shape::Values => json!({ "type": "object" }),
        Shape::Anything => json!({}),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Each word with its meaning, which editors show beside it.
fn one_of(choices: &[Choice]) -> Map<String, Value> {
    let words: Vec<Value> = choices
        .iter()
        .map(|choice| json!({ "const": choice.word, "description": choice.doc }))
        .collect();
    let mut schema = Map::new();
    schema.insert("type".into(), json!("string"));
    schema.insert("oneOf".into(), json!(words));
    schema
}

/// The reference of one file's keys in Markdown, for the documentation.
#[cfg(test)]
pub(crate) fn reference(keys: &[Key]) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    let _ = write!(out, "| key | value | meaning |\n|---|---|---|\n");
    rows(keys, "", &mut out);
    out
}

#[cfg(test)]
fn rows(keys: &[Key], path: &str, out: &mut String) {
    use std::fmt::Write as _;
    for key in keys.iter().filter(|key| !key.is_refused()) {
        let full = format!("{path}{}", key.name);
        let value = match key.shape {
            Shape::Text | Shape::MaybeText => "text".to_owned(),
            Shape::Bool => "`true`, `false`".to_owned(),
            Shape::Integer(least, most) => format!("{least} to {most}"),
            Shape::Choice(choices) | Shape::ChoiceOrTexts(choices) => {
                let mut words: Vec<String> = choices
                    .iter()
                    .map(|choice| format!("`\"{}\"` ({})", choice.word, choice.doc))
                    .collect();
                if matches!(key.shape, Shape::ChoiceOrTexts(_)) {
                    words.push("or a list of texts".to_owned());
                }
                words.join(", ")
            }
            Shape::Texts => "list of texts".to_owned(),
            Shape::Table(_) | Shape::Values => "table".to_owned(),
            Shape::TextsByName => "table of texts".to_owned(),
            Shape::Named(_) => "tables by name".to_owned(),
            Shape::Tables(_) => "list of tables".to_owned(),
            Shape::TableOrTables(_) => "table, or list of tables".to_owned(),
            Shape::Anything => "anything".to_owned(),
        };
        let mut meaning = match key.standing {
            Standing::Old(why) => format!("No effect, with a warning: {why}."),
            _ => key.doc.to_owned(),
        };
        if key.required {
            meaning.push_str(" **Needed.**");
        }
        if !key.default.is_empty() {
            let quoted = if key.default.contains('`') || key.default.contains(' ') {
                key.default.to_owned()
            } else {
                format!("`{}`", key.default)
            };
            let _ = write!(meaning, " Default: {quoted}.");
        }
        let _ = writeln!(out, "| `{full}` | {value} | {meaning} |");
        let inner = match key.shape {
            Shape::Table(_) => format!("{full}."),
            Shape::Named(_) => format!("{full}.NAME."),
            Shape::Tables(_) | Shape::TableOrTables(_) => format!("{full}[]."),
            _ => continue,
        };
        // The stores of environments are the stores again.
        if full != "environments.NAME.stores" {
            rows(key.inner(), &inner, out);
        }
    }
}
