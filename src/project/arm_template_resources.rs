//! The resources of an ARM template: a list, or an object of symbolic names, with the resources nested in them and the
//! templates of nested deployments.

use super::arm_template_shape::{Finding, template, word};
use super::node::{Node, Table, Value};
use crate::fault::{Span, some_of};

/// Providers whose resources a template of a network function may have (Azure Operator Service Manager, "Best practices to
/// onboard and deploy VNFs"); the Azure CLI extension refuses others when it builds.
const PROVIDERS: [&str; 7] = [
    "Microsoft.Compute",
    "Microsoft.Network",
    "Microsoft.NetworkCloud",
    "Microsoft.Storage",
    "Microsoft.NetworkFabric",
    "Microsoft.Authorization",
    "Microsoft.ManagedIdentity",
];

/// The type of a nested or linked deployment.
const DEPLOYMENT: &str = "Microsoft.Resources/deployments";

/// How many places of unusual types are shown.
const MAX_PLACES: usize = 3;

/// Checks `resources` of a template, and what is nested in it.
pub(crate) fn walk(of: &Table, resources: &Node, found: &mut Vec<Finding>) {
    match &resources.value {
        Value::List(_) => {}
        // "Use symbolic name in templates": such names need language version 2.0.
        Value::Table(_) if has_symbolic_names(of) => {}
        Value::Table(_) => found.push(Finding::error(
            resources.span.start..resources.span.start + 1,
            "`resources` is an object, which only templates of language version 2.0 may have",
            "add `\"languageVersion\": \"2.0\"`, or write a list",
        )),
        other => {
            found.push(Finding::error(
                resources.span.clone(),
                format!("`resources` should be a list, not {}", word(other)),
                "write `\"resources\": []` for none",
            ));
            return;
        }
    }
    for node in items(resources) {
        resource(node, found);
    }
}

fn has_symbolic_names(template: &Table) -> bool {
    let version = template.get("languageVersion").map(|entry| &entry.node.value);
    matches!(version, Some(Value::Text(version)) if version.trim().starts_with("2."))
}

/// The resources of a list or of an object of symbolic names.
fn items(resources: &Node) -> Vec<&Node> {
    match &resources.value {
        Value::List(items) => items.iter().collect(),
        Value::Table(table) => table.entries.iter().map(|entry| &entry.node).collect(),
        _ => Vec::new(),
    }
}

fn resource(node: &Node, found: &mut Vec<Finding>) {
    let Value::Table(table) = &node.value else {
        found.push(Finding::error(
            node.span.clone(),
            format!("a resource should be an object, not {}", word(&node.value)),
            "write `{ \"type\": …, \"apiVersion\": …, \"name\": … }`",
        ));
        return;
    };
    match table.get("type").map(|entry| &entry.node) {
        Some(Node {
            value: Value::Text(kind),
            ..
        }) if !kind.trim().is_empty() => {
            if kind.eq_ignore_ascii_case(DEPLOYMENT) {
                deployment(table, node, found);
            }
        }
        Some(kind) => found.push(Finding::error(
            kind.span.clone(),
            format!("a resource's `type` should be text, not {}", word(&kind.value)),
            "write it like `\"type\": \"Microsoft.Compute/virtualMachines\"`",
        )),
        None => found.push(Finding::error(
            node.span.start..node.span.start + 1,
            "a resource has no `type`",
            "write it like `\"type\": \"Microsoft.Compute/virtualMachines\"`",
        )),
    }
    if let Some(entry) = table.get("resources") {
        for child in items(&entry.node) {
            resource(child, found);
        }
    }
}

/// What a deployment deploys: a template in it, or one elsewhere.
fn deployment(table: &Table, node: &Node, found: &mut Vec<Finding>) {
    let properties = table.get("properties").map(|entry| &entry.node.value);
    let get = |key: &str| match properties {
        Some(Value::Table(properties)) => properties.get(key),
        _ => None,
    };
    if let Some(entry) = get("templateLink") {
        found.push(Finding::warning(
            entry.key_span.clone(),
            "links to another template, which is no part of the artifact",
            "write that template into `properties.template`, or make sure that it can be reached when this one is deployed",
        ));
    }
    match get("template").map(|entry| &entry.node) {
        Some(Node {
            value: Value::Table(nested),
            span,
        }) => template(nested, span, found),
        // An expression: only the deployment knows what it comes to.
        Some(Node {
            value: Value::Text(_), ..
        }) => {}
        Some(other) => found.push(Finding::error(
            other.span.clone(),
            format!(
                "the template of a nested deployment should be an object, not {}",
                word(&other.value)
            ),
            "write the template as an object",
        )),
        None if get("templateLink").is_some() => {}
        // Properties that are an expression or missing are told by the missing template.
        None => found.push(Finding::error(
            node.span.start..node.span.start + 1,
            "a nested deployment has neither `properties.template` nor `properties.templateLink`",
            "write the template into `properties.template`",
        )),
    }
}

/// Types that network functions may not have: one warning for all, the nested ones too.
pub(crate) fn unusual(template: &Table) -> Option<Finding> {
    let mut others: Vec<(&str, Span)> = Vec::new();
    if let Some(entry) = template.get("resources") {
        collect(&entry.node, &mut others);
    }
    // By type, each once, at its first place.
    others.sort_by(|a, b| a.0.cmp(b.0).then(a.1.start.cmp(&b.1.start)));
    others.dedup_by(|a, b| a.0 == b.0);
    let names: Vec<&str> = others.iter().map(|(kind, _)| *kind).collect();
    let spans: Vec<Span> = others.iter().take(MAX_PLACES).map(|(_, span)| span.clone()).collect();
    let main = spans.first()?.clone();
    Some(Finding {
        spans,
        ..Finding::warning(
            main,
            format!("resources that network functions may not have: {}", some_of(&names)),
            format!(
                "the Azure CLI extension refuses all but these: {}",
                PROVIDERS.join(", ")
            ),
        )
    })
}

fn collect<'a>(resources: &'a Node, others: &mut Vec<(&'a str, Span)>) {
    for node in items(resources) {
        let Value::Table(table) = &node.value else { continue };
        if let Some(entry) = table.get("type")
            && let Value::Text(kind) = &entry.node.value
            && is_unusual(kind)
        {
            others.push((kind, entry.node.span.clone()));
        }
        if let Some(children) = table.get("resources") {
            collect(&children.node, others);
        }
        let nested = table.get("properties").and_then(|entry| match &entry.node.value {
            Value::Table(properties) => properties.get("template"),
            _ => None,
        });
        if let Some(Value::Table(nested)) = nested.map(|entry| &entry.node.value)
            && let Some(inner) = nested.get("resources")
        {
            collect(&inner.node, others);
        }
    }
}

/// Expressions cannot be judged; a child's type without a provider is its parent's.
fn is_unusual(kind: &str) -> bool {
    let provider = kind.split('/').next().unwrap_or_default();
    !kind.starts_with('[')
        && provider.contains('.')
        && !PROVIDERS.iter().any(|known| known.eq_ignore_ascii_case(provider))
}
