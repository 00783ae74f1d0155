//! The graph as text: Graphviz dot, Mermaid, and `aosm-graph/1` JSON. Same graph, same bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Graph, StepId, StepKind};

/// Graphviz dot, left to right.
pub fn dot(graph: &Graph) -> String {
    let mut text = String::from("digraph aosm {\n  rankdir=LR;\n  node [shape=box];\n");
    for step in graph.steps() {
        let _ = writeln!(text, "  {:?};", step.id.as_str());
    }
    for step in graph.steps() {
        for need in &step.needs {
            let _ = writeln!(text, "  {:?} -> {:?};", need.as_str(), step.id.as_str());
        }
    }
    text.push_str("}\n");
    text
}

/// A Mermaid flowchart.
pub fn mermaid(graph: &Graph) -> String {
    let numbers: BTreeMap<&StepId, usize> = graph.steps().enumerate().map(|(n, step)| (&step.id, n)).collect();
    let mut text = String::from("flowchart LR\n");
    for (id, number) in &numbers {
        let label = id.as_str().replace('"', "#quot;");
        let _ = writeln!(text, "  n{number}[\"{label}\"]");
    }
    for step in graph.steps() {
        for need in &step.needs {
            if let (Some(from), Some(to)) = (numbers.get(need), numbers.get(&step.id)) {
                let _ = writeln!(text, "  n{from} --> n{to}");
            }
        }
    }
    text
}

/// One step of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct GraphStep {
    /// Its id.
    pub id: StepId,
    /// What it does.
    pub kind: StepKind,
    /// Name of its store; `null` for local steps.
    pub store: Option<String>,
    /// Ids of the steps it needs.
    pub deps: Vec<StepId>,
}

/// All steps, local ones included: `aosm-graph/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct GraphDocument {
    /// `aosm-graph/1`.
    pub format: &'static str,
    /// Sorted by id.
    pub steps: Vec<GraphStep>,
}

impl GraphDocument {
    /// The document of a graph.
    pub fn new(graph: &Graph) -> Self {
        let steps = graph.steps().map(|step| GraphStep {
            id: step.id.clone(),
            kind: step.kind,
            store: step.store.clone(),
            deps: step.needs.clone(),
        });
        Self {
            format: "aosm-graph/1",
            steps: steps.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::super::{Step, StepKind};
    use super::*;

    fn graph() -> Graph {
        let render = StepId::local(StepKind::Render, "a");
        Graph::freeze([
            Step {
                id: render.clone(),
                kind: StepKind::Render,
                store: None,
                needs: vec![],
            },
            Step {
                id: StepId::effect(StepKind::Push, "images", &"a:1.0.0"),
                kind: StepKind::Push,
                store: Some("images".into()),
                needs: vec![render],
            },
        ])
        .unwrap()
    }

    #[test]
    fn dot_quotes_ids_and_draws_edges_from_need_to_step() {
        let text = dot(&graph());
        assert!(text.contains("\"render:a\" -> \"push:images/a:1.0.0\";"), "{text}");
    }

    #[test]
    fn mermaid_numbers_its_nodes() {
        let text = mermaid(&graph());
        assert!(text.contains("n0[\"push:images/a:1.0.0\"]"), "{text}");
        assert!(text.contains("n1 --> n0"), "{text}");
    }

    #[test]
    fn json_carries_kind_store_and_needs() {
        let value = serde_json::to_value(GraphDocument::new(&graph())).unwrap();
        assert_eq!(value["format"], "aosm-graph/1");
        assert_eq!(value["steps"][0]["store"], "images");
        assert_eq!(value["steps"][0]["deps"][0], "render:a");
    }
}
