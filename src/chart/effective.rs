//! The values that a chart is rendered with, before any template looks at them: its own, those of its subcharts under
//! their names or aliases, values files, `set`.
//!
//! Helm computes the same (Helm, `pkg/chartutil`: `CoalesceValues`) and does not show it. What is computed here names
//! the paths that can be set; it never decides what is rendered. So where the two differ in a corner (imported values,
//! a null that removes a key), a path is asked for in vain, or not asked for: no image is ever taken from it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::overlay::merge;
use super::pack::contents;
use super::set_values::{Assign, Step, parse};
use super::tree::ChartTree;
use super::yaml::{self, At, Node};
use crate::archive::{Limits, read_all};
use crate::fault::{Fault, Place};
use crate::project::ChartPackage;

/// Nested subcharts beyond this are not followed. The deepest public umbrella charts have four levels.
const MAX_LEVELS: usize = 12;
/// Largest values file that is read, in bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most values in one file.
const MAX_NODES: usize = 250_000;

/// The values of a package.
#[derive(Clone, PartialEq)]
pub struct EffectiveValues {
    /// All of them: a map. A subchart's own `global` is found under the `global` of the whole chart, which is where
    /// it can be set for all.
    pub values: Value,
    /// Paths that `set` gives, in `--set` syntax. What stands there may be a secret.
    pub set: BTreeSet<String>,
    /// `appVersion` of the chart and of every subchart.
    pub app_versions: BTreeSet<String>,
}

impl std::fmt::Debug for EffectiveValues {
    /// Everything but the values: some come from `set`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EffectiveValues")
            .field("set (paths only)", &self.set)
            .field("app_versions", &self.app_versions)
            .finish_non_exhaustive()
    }
}

/// Gathers a package's values. Ready-made manifests have none. Files are read, so it is work for a CPU thread.
pub fn effective_values(package: &ChartPackage, tree: &ChartTree) -> Result<EffectiveValues, Fault> {
    let mut found = EffectiveValues {
        values: Value::Object(Map::new()),
        set: BTreeSet::new(),
        app_versions: BTreeSet::new(),
    };
    if !tree.is_chart() {
        return Ok(found);
    }
    let files: BTreeMap<String, Vec<u8>> = contents(tree)?.into_iter().collect();
    let label = super::shown(tree.path());
    let (chart, global) = Chart::read(files, label.as_str(), 0, &mut found.app_versions)?;
    found.values = chart.values;
    lift_global(&mut found.values, &global);
    for file in &package.values {
        let shown = super::shown(&file.value);
        let bytes = std::fs::read(&file.value).map_err(|e| {
            Fault::invalid(format!("{shown}: values file cannot be read"))
                .at_opt(file.place.clone())
                .because(e)
                .hint("relative paths start at the file that names them")
        })?;
        merge(&mut found.values, &read_values(&bytes, shown.as_str())?);
    }
    for (key, value) in &package.set {
        // What cannot be read was refused when the package was rendered.
        for assign in parse(&format!("{}={value}", key.value)).unwrap_or_default() {
            found.set.insert(assign.path_text());
            assign_to(&mut found.values, &assign);
        }
    }
    Ok(found)
}

/// One chart with the values of all below it.
struct Chart {
    name: String,
    values: Value,
}

impl Chart {
    /// Reads a chart's files; gives it and the globals of all its subcharts.
    fn read(
        files: BTreeMap<String, Vec<u8>>,
        label: &str,
        level: usize,
        app_versions: &mut BTreeSet<String>,
    ) -> Result<(Self, Value), Fault> {
        let about = |name: &str| {
            files
                .get(name)
                .and_then(|bytes| yaml::parse(&String::from_utf8_lossy(bytes)).ok())
        };
        let metadata = about("Chart.yaml");
        let text = |key: &str| metadata.as_ref().and_then(|at| at.get(key)?.node.text());
        let name = text("name").unwrap_or_default();
        app_versions.extend(text("appVersion").filter(|version| !version.is_empty()));
        let requirements = about("requirements.yaml");
        let names: Vec<(String, String)> = metadata
            .iter()
            .chain(&requirements)
            .flat_map(dependency_names)
            .collect();
        let mut values = match files.get("values.yaml") {
            Some(bytes) => read_values(bytes, &format!("{label}/values.yaml"))?,
            None => Value::Object(Map::new()),
        };
        let mut globals = Value::Object(Map::new());
        if level < MAX_LEVELS {
            for (folder, files) in subcharts(files, label)? {
                let below = format!("{label}/charts/{folder}");
                let (chart, global) = Self::read(files, &below, level + 1, app_versions)?;
                place_below(&mut values, chart, &names, &mut globals);
                lift(&mut globals, &global);
            }
        }
        Ok((Self { name, values }, globals))
    }
}

/// Puts a subchart's values under each name that it goes by; what the chart above says about them wins.
fn place_below(values: &mut Value, chart: Chart, names: &[(String, String)], globals: &mut Value) {
    let Chart {
        name,
        values: mut below,
    } = chart;
    if let Some(global) = below.as_object_mut().and_then(|map| map.remove("global")) {
        lift(globals, &global);
    }
    let mut called: Vec<&str> = names
        .iter()
        .filter(|(of, _)| *of == name)
        .map(|(_, called)| called.as_str())
        .collect();
    if called.is_empty() {
        called.push(&name);
    }
    let Some(map) = values.as_object_mut() else { return };
    for key in called {
        let mut own = below.clone();
        if let Some(above) = map.get(key) {
            // `redis: false` above a subchart `redis` is no map; Helm warns and goes on without.
            if above.is_object() {
                merge(&mut own, above);
            }
        }
        if let Some(global) = own.as_object_mut().and_then(|map| map.remove("global")) {
            lift(globals, &global);
        }
        map.insert(key.to_owned(), own);
    }
}

/// Merges below what is there already: who comes first, wins.
fn lift(globals: &mut Value, below: &Value) {
    if below.is_object() {
        let mut merged = below.clone();
        merge(&mut merged, globals);
        *globals = merged;
    }
}

fn lift_global(values: &mut Value, globals: &Value) {
    let is_empty = globals.as_object().is_none_or(Map::is_empty);
    let Some(map) = values.as_object_mut().filter(|_| !is_empty) else {
        return;
    };
    let mut merged = globals.clone();
    if let Some(own) = map.get("global").filter(|own| own.is_object()) {
        merge(&mut merged, own);
    }
    map.insert("global".to_owned(), merged);
}

/// Name and name-in-this-chart of each dependency.
fn dependency_names(at: &At) -> Vec<(String, String)> {
    let Some(Node::List(items)) = at.get("dependencies").map(|at| &at.node) else {
        return Vec::new();
    };
    let text = |item: &At, key: &str| item.get(key).and_then(|at| at.node.text()).filter(|t| !t.is_empty());
    let named = |item: &At| {
        let name = text(item, "name")?;
        Some((name.clone(), text(item, "alias").unwrap_or(name)))
    };
    items.iter().filter_map(named).collect()
}

/// The charts in `charts/`: the folder's or archive's name, and the files of each.
fn subcharts(
    files: BTreeMap<String, Vec<u8>>,
    label: &str,
) -> Result<BTreeMap<String, BTreeMap<String, Vec<u8>>>, Fault> {
    let mut found: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for (name, bytes) in files {
        let Some(inner) = name.strip_prefix("charts/") else {
            continue;
        };
        // Helm passes over these, too.
        if inner.starts_with(['_', '.']) {
            continue;
        }
        if let Some((folder, file)) = inner.split_once('/') {
            found
                .entry(folder.to_owned())
                .or_default()
                .insert(file.to_owned(), bytes);
        } else if super::load::is_packed(inner) {
            let label = format!("{label}/charts/{inner}");
            for (name, content) in read_all(&bytes[..], camino::Utf8Path::new(&label), &Limits::CHART)? {
                if let (_, Some(file)) = name.split_first() {
                    found
                        .entry(inner.to_owned())
                        .or_default()
                        .insert(file.to_owned(), content);
                }
            }
        }
    }
    Ok(found)
}

/// One values file: a map, or nothing.
fn read_values(bytes: &[u8], label: &str) -> Result<Value, Fault> {
    let refused = |why: &str| {
        Fault::invalid(format!("{label}: {why}"))
            .at(Place::file_only(label))
            .hint("values are one YAML map of moderate size; move bulk content into files that templates read")
    };
    if bytes.len() > MAX_BYTES {
        return Err(refused("values of more than 16 MiB are not searched"));
    }
    let text = String::from_utf8_lossy(bytes);
    let at =
        yaml::parse_within(&text, MAX_NODES).map_err(|bad| refused("cannot be read as YAML").because(bad.message))?;
    match at.node {
        Node::Map(_) => Ok(at.to_json()),
        Node::Null => Ok(Value::Object(Map::new())),
        _ => Err(refused("values that are no map")),
    }
}

/// Carries out an assignment of `set`. What does not fit was refused when the package was rendered.
fn assign_to(values: &mut Value, assign: &Assign) {
    let mut here = values;
    for step in &assign.path {
        here = match step {
            Step::Key(key) => {
                if !here.is_object() {
                    *here = Value::Object(Map::new());
                }
                let Some(map) = here.as_object_mut() else { return };
                map.entry(key.clone()).or_insert(Value::Null)
            }
            Step::Index(index) => {
                if !here.is_array() {
                    *here = Value::Array(Vec::new());
                }
                let Some(list) = here.as_array_mut() else { return };
                if list.len() <= *index {
                    list.resize(index.saturating_add(1), Value::Null);
                }
                let Some(item) = list.get_mut(*index) else { return };
                item
            }
        };
    }
    *here = assign.value.to_json();
}
