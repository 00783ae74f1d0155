//! What makes a text an ARM template: strict JSON, an object, with `$schema`, `contentVersion` and `resources`
//! (Azure Resource Manager, "Understand the structure and syntax of ARM templates").
//!
//! Nothing here reads a file. The tree is walked by recursion, which the bound on nesting keeps shallow.

use serde::de::IgnoredAny;

use super::arm_template_resources;
use super::depth::{self, Format};
use super::jsonc_tree;
use super::node::{Node, Table, Value};
use crate::fault::{Span, offset_of};

/// One thing that is to be said about a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Could it not be deployed?
    pub(crate) is_error: bool,
    /// Where; the first is the main place.
    pub(crate) spans: Vec<Span>,
    /// What, in words that follow `template x.json: `.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
}

impl Finding {
    /// An error.
    pub(crate) fn error(span: Span, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            is_error: true,
            spans: vec![span],
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// A warning.
    pub(crate) fn warning(span: Span, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            is_error: false,
            ..Self::error(span, message, hint)
        }
    }
}

/// The deepest nesting of brackets: each nested deployment takes four levels. Parsers here stop at 128 by themselves.
const MAX_DEPTH: usize = 100;

/// How many errors of one template are told: a file of another kind may have thousands.
const MAX_FINDINGS: usize = 20;

const BUILD: &str = "a template is a JSON file that Azure Resource Manager can deploy; `az bicep build` writes one";

/// Everything about a template, and its tree where it has one. `network_function`: its resources are limited.
pub(crate) fn findings(text: &str, network_function: bool) -> (Option<Node>, Vec<Finding>) {
    if let Some(finding) = no_json(text) {
        return (None, vec![finding]);
    }
    let (root, errors) = jsonc_tree::parse(text);
    if let Some(error) = errors.iter().find(|error| !error.duplicate) {
        // One parser takes it and the other does not: what cannot be looked into is not passed on.
        let message = format!("is not JSON: {}", error.message);
        return (None, vec![Finding::error(error.span.clone(), message, BUILD)]);
    }
    let Value::Table(table) = &root.value else {
        let message = format!("is no template: expected an object, found {}", root.value.word());
        let finding = Finding::error(root.span.start..root.span.start, message, BUILD);
        return (Some(root), vec![finding]);
    };
    let mut found = Vec::new();
    template(table, &root.span, &mut found);
    if network_function {
        found.extend(arm_template_resources::unusual(table));
    }
    if found.len() > MAX_FINDINGS {
        let rest = found.split_off(MAX_FINDINGS);
        let message = format!("{} more of this sort", rest.len());
        found.push(Finding {
            is_error: rest.iter().any(|finding| finding.is_error),
            ..Finding::error(0..0, message, BUILD)
        });
    }
    (Some(root), found)
}

/// Why a text is no JSON that may be looked into. Comments and trailing commas are none: what reads templates later may be strict.
fn no_json(text: &str) -> Option<Finding> {
    if text.starts_with('\u{feff}') {
        let message = "begins with a byte order mark, which JSON does not allow";
        return Some(Finding::error(0..0, message, "save it as UTF-8 without one"));
    }
    if let Some(span) = depth::deeper_than(MAX_DEPTH, text, Format::Jsonc) {
        let message = format!("nested deeper than {MAX_DEPTH} levels");
        return Some(Finding::error(
            span,
            message,
            "split it: nested deployments can be templates of their own",
        ));
    }
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    let at = offset_of(text, error.line(), error.column());
    Some(Finding::error(
        at..(at + 1).min(text.len()),
        format!("is not JSON: {}", cause(&error)),
        "comments and trailing commas are no JSON either; `az bicep build` writes JSON",
    ))
}

/// The parser's words without its own line and column.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// A template's own keys, then its resources; the same for the templates of nested deployments.
pub(crate) fn template(table: &Table, span: &Span, found: &mut Vec<Finding>) {
    const NEEDED: [&str; 3] = ["$schema", "contentVersion", "resources"];
    let missing: Vec<&str> = NEEDED.into_iter().filter(|key| table.get(key).is_none()).collect();
    if let Some(first) = missing.first() {
        let list: Vec<String> = missing.iter().map(|key| format!("`{key}`")).collect();
        found.push(Finding::error(
            span.start..(span.start + 1).min(span.end),
            format!("is no template: it has no {}", list.join(", no ")),
            if missing.len() == NEEDED.len() {
                BUILD
            } else {
                example(first)
            },
        ));
    }
    if let Some(entry) = table.get("$schema") {
        schema(&entry.node, found);
    }
    if let Some(entry) = table.get("contentVersion") {
        let is_text = matches!(&entry.node.value, Value::Text(text) if !text.trim().is_empty());
        if !is_text {
            found.push(Finding::error(
                entry.node.span.clone(),
                format!("`contentVersion` should be text, not {}", word(&entry.node.value)),
                example("contentVersion"),
            ));
        }
    }
    if let Some(entry) = table.get("resources") {
        arm_template_resources::walk(table, &entry.node, found);
    }
}

fn example(key: &str) -> &'static str {
    match key {
        "$schema" => {
            "Azure Resource Manager asks for it: \
             `\"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\"`"
        }
        "contentVersion" => "Azure Resource Manager asks for it: `\"contentVersion\": \"1.0.0.0\"`",
        _ => "Azure Resource Manager asks for it: `\"resources\": []` for none",
    }
}

/// Words of schemas by what they describe; a deployment's scope changes the beginning.
fn schema(node: &Node, found: &mut Vec<Finding>) {
    let text = match &node.value {
        Value::Text(text) if !text.trim().is_empty() => text.to_ascii_lowercase(),
        other => {
            let message = format!("`$schema` should be text, not {}", word(other));
            found.push(Finding::error(node.span.clone(), message, BUILD));
            return;
        }
    };
    let name = text.trim_end_matches('#').rsplit('/').next().unwrap_or_default();
    if name.ends_with("deploymenttemplate.json") {
        return;
    }
    if name.ends_with("deploymentparameters.json") {
        found.push(Finding::error(
            node.span.clone(),
            "is a parameter file, not a template",
            "name the template that these parameters are for",
        ));
    } else {
        found.push(Finding::warning(
            node.span.clone(),
            "`$schema` is not that of a deployment's template",
            "usual is `https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#`",
        ));
    }
}

/// The type in words; an empty text is said to be one.
pub(crate) fn word(value: &Value) -> &'static str {
    match value {
        Value::Text(text) if text.trim().is_empty() => "an empty text",
        other => other.word(),
    }
}
