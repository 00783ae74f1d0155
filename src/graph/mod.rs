//! The graph of steps: stages add nodes, then it is frozen, sorted by step id, and proven to be acyclic.

mod export;
mod frozen;
mod step;

pub use export::{GraphDocument, GraphStep, dot, mermaid};
pub use frozen::Graph;
pub use step::{Step, StepId, StepKind};
