//! The frozen graph: a petgraph DAG whose node order is the order of step ids.

use std::collections::BTreeMap;

use petgraph::Direction;
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Step, StepId};
use crate::fault::Fault;

/// All steps of a project. Node `i` is the `i`-th step in order of ids, so anything derived from it is stable.
#[derive(Debug)]
pub struct Graph {
    /// Edges point from a step to those that need it.
    dag: DiGraph<Step, ()>,
    index: BTreeMap<StepId, NodeIndex<u32>>,
}

impl Graph {
    /// Freezes steps. Steps of one id are one step: what each of them needs is joined.
    pub fn freeze(steps: impl IntoIterator<Item = Step>) -> Result<Self, Fault> {
        let mut by_id: BTreeMap<StepId, Step> = BTreeMap::new();
        for step in steps {
            match by_id.get_mut(&step.id) {
                Some(known) => known.needs.extend(step.needs),
                None => {
                    by_id.insert(step.id.clone(), step);
                }
            }
        }
        let mut dag = DiGraph::new();
        let mut index = BTreeMap::new();
        for (id, step) in by_id {
            index.insert(id, dag.add_node(step));
        }
        for node in dag.node_indices().collect::<Vec<_>>() {
            let Some(step) = dag.node_weight_mut(node) else {
                continue;
            };
            step.needs.sort();
            step.needs.dedup();
            for need in step.needs.clone() {
                let Some(from) = index.get(&need) else {
                    return Err(Fault::bug(format!("a step needs `{need}`, which is not in the graph")));
                };
                dag.add_edge(*from, node, ());
            }
        }
        if let Err(cycle) = toposort(&dag, None) {
            let name = dag
                .node_weight(cycle.node_id())
                .map_or_else(String::new, |step| step.id.to_string());
            return Err(Fault::bug(format!("the step `{name}` needs itself")));
        }
        Ok(Self { dag, index })
    }

    /// All steps, in order of their ids.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.dag.node_weights()
    }

    /// A step by id.
    pub fn get(&self, id: &StepId) -> Option<&Step> {
        self.dag.node_weight(*self.index.get(id)?)
    }

    /// The steps that need `id`, directly, in order of their ids.
    pub fn dependents(&self, id: &StepId) -> Vec<&Step> {
        let Some(node) = self.index.get(id) else {
            return Vec::new();
        };
        let mut steps: Vec<&Step> = self
            .dag
            .neighbors_directed(*node, Direction::Outgoing)
            .filter_map(|n| self.dag.node_weight(n))
            .collect();
        steps.sort_by(|a, b| a.id.cmp(&b.id));
        steps
    }

    /// Everything `id` needs, directly or not, in order of ids.
    pub fn ancestors(&self, id: &StepId) -> Vec<&Step> {
        let mut found: BTreeMap<StepId, &Step> = BTreeMap::new();
        let mut open: Vec<StepId> = vec![id.clone()];
        while let Some(next) = open.pop() {
            for need in self.get(&next).map(|step| step.needs.as_slice()).unwrap_or_default() {
                if let Some(step) = self.get(need)
                    && found.insert(need.clone(), step).is_none()
                {
                    open.push(need.clone());
                }
            }
        }
        found.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::super::StepKind;
    use super::*;

    fn step(name: &str, needs: &[&str]) -> Step {
        Step {
            id: StepId::local(StepKind::Render, name),
            kind: StepKind::Render,
            store: None,
            needs: needs.iter().map(|need| StepId::local(StepKind::Render, need)).collect(),
        }
    }

    #[test]
    fn steps_come_out_in_order_of_their_ids_whatever_the_order_in() {
        let graph = Graph::freeze([step("b", &["a"]), step("c", &["a", "b"]), step("a", &[])]).unwrap();
        let ids: Vec<_> = graph.steps().map(|step| step.id.as_str()).collect();
        assert_eq!(ids, ["render:a", "render:b", "render:c"]);
    }

    #[test]
    fn a_step_named_twice_is_one_step_with_all_its_needs() {
        let graph = Graph::freeze([step("x", &["a"]), step("x", &["b"]), step("a", &[]), step("b", &[])]).unwrap();
        let step = graph.get(&StepId::local(StepKind::Render, "x")).unwrap();
        assert_eq!(step.needs.len(), 2);
    }

    #[test]
    fn a_cycle_and_an_unknown_need_are_refused() {
        assert!(Graph::freeze([step("a", &["b"]), step("b", &["a"])]).is_err());
        assert!(Graph::freeze([step("a", &["nowhere"])]).is_err());
    }

    #[test]
    fn ancestors_and_dependents_follow_the_edges() {
        let graph = Graph::freeze([step("a", &[]), step("b", &["a"]), step("c", &["b"])]).unwrap();
        let c = StepId::local(StepKind::Render, "c");
        let a = StepId::local(StepKind::Render, "a");
        assert_eq!(graph.ancestors(&c).len(), 2);
        assert_eq!(graph.dependents(&a).len(), 1);
        assert!(graph.ancestors(&a).is_empty());
    }
}
