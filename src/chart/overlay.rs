//! How `set` values reach Helm without standing in the process list: as one more values file, on standard input.
//!
//! `--set` works on what the values files gave; a values file is merged over it. For maps and whole lists that is the
//! same. An index into a list that a values file may give is not: such texts go through `--set-file`, which follows the
//! same paths, from private files. What neither can express is an error with its place.

use std::collections::{BTreeMap, BTreeSet};

use super::set_values::{Assign, Value, apply, parse};
use super::yaml::{self, Node};
use crate::fault::{Fault, Faults, Place};
use crate::project::ChartPackage;

/// What Helm is given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overlay {
    /// A values file (JSON, hence YAML), when there is anything in it.
    pub json: Option<String>,
    /// Paths in `--set` syntax and the text for each, in order.
    pub files: Vec<(String, String)>,
}

impl Overlay {
    /// The same with more values over it: a JSON map, merged as Helm merges values files. A list of which `set`
    /// changes one item is taken whole from the effective values, since `--set-file` would go over the new values.
    pub fn under(mut self, effective: &serde_json::Value, over: &serde_json::Value) -> Result<Self, Fault> {
        let mut values: serde_json::Value = match &self.json {
            Some(text) => serde_json::from_str(text).map_err(|e| Fault::bug("`set` values are no JSON").because(e))?,
            None => serde_json::Value::Object(serde_json::Map::new()),
        };
        for (path, _) in std::mem::take(&mut self.files) {
            // `parse` wrote the path, so it reads it.
            let assigns = parse(&format!("{path}=")).unwrap_or_default();
            for assign in &assigns {
                if let (Some(map), Some(whole)) = (values.as_object_mut(), effective.get(assign.top())) {
                    map.insert(assign.top().to_owned(), whole.clone());
                }
            }
        }
        merge(&mut values, over);
        self.json = Some(values.to_string());
        Ok(self)
    }
}

/// Merges as Helm merges values files: maps into maps, everything else replaces.
pub(super) fn merge(under: &mut serde_json::Value, over: &serde_json::Value) {
    match (under, over) {
        (serde_json::Value::Object(under), serde_json::Value::Object(over)) => {
            for (key, value) in over {
                match under.get_mut(key) {
                    Some(there) => merge(there, value),
                    None => drop(under.insert(key.clone(), value.clone())),
                }
            }
        }
        (under, over) => *under = over.clone(),
    }
}

/// Splits a package's `set` values. Errors never quote a value.
pub(super) fn overlay(package: &ChartPackage) -> Result<Overlay, Faults> {
    let mut faults = Faults::new();
    let mut assigns: Vec<(Option<Place>, Assign)> = Vec::new();
    for (key, value) in &package.set {
        match parse(&format!("{}={value}", key.value)) {
            Ok(list) => assigns.extend(list.into_iter().map(|assign| (key.place.clone(), assign))),
            Err(why) => faults.push(
                Fault::invalid(format!("set {:?}: {why}", key.value))
                    .at_opt(key.place.clone())
                    .hint(
                        "the syntax is that of Helm's `--set`: `a.b`, `list[0]`, `{one,two}`, a backslash before `,`",
                    ),
            ),
        }
    }
    let indexed: BTreeSet<&str> = assigns
        .iter()
        .filter(|(_, a)| a.is_indexed())
        .map(|(_, a)| a.top())
        .collect();
    let given = if indexed.is_empty() {
        Given::default()
    } else {
        Given::read(package)
    };

    let mut overlay = Overlay::default();
    let mut values = BTreeMap::new();
    for (place, assign) in &assigns {
        if indexed.contains(assign.top()) && given.has(assign.top()) {
            match &assign.value {
                Value::Text(text) => overlay.files.push((assign.path_text(), text.clone())),
                _ => faults.push(
                    Fault::invalid(format!(
                        "set {:?}: changes one item of what a values file gives, and is not a text",
                        assign.path_text()
                    ))
                    .at_opt(place.clone())
                    .hint("write it in a values file, where the whole list is given"),
                ),
            }
            continue;
        }
        if assign.value.unexpressible() {
            faults.push(
                Fault::invalid(format!(
                    "set {:?}: a whole number of a million or more would lose its digits on the way to Helm",
                    assign.path_text()
                ))
                .at_opt(place.clone())
                .hint("write it in a values file, in quotes"),
            );
        } else if let Err(why) = apply(&mut values, assign) {
            faults.push(
                Fault::invalid(format!("set {:?}: {why}", assign.path_text()))
                    .at_opt(place.clone())
                    .hint("write it as Helm's --set takes it, or put it in a values file"),
            );
        }
    }
    if !values.is_empty() {
        overlay.json = Some(Value::Map(values).to_json().to_string());
    }
    faults.into_result(overlay).map(|(overlay, _)| overlay)
}

/// The keys at the root of a package's values files.
#[derive(Default)]
struct Given {
    keys: BTreeSet<String>,
    /// A file could not be read as one YAML document: any key may be in it.
    unknown: bool,
}

impl Given {
    fn read(package: &ChartPackage) -> Self {
        let mut given = Self::default();
        for file in &package.values {
            let text = std::fs::read_to_string(&file.value);
            match text.ok().and_then(|text| yaml::parse(&text).ok()).map(|at| at.node) {
                Some(Node::Map(entries)) => given.keys.extend(entries.into_iter().map(|(key, _)| key)),
                Some(Node::Null) => {}
                _ => given.unknown = true,
            }
        }
        given
    }

    fn has(&self, key: &str) -> bool {
        self.unknown || self.keys.contains(key)
    }
}
