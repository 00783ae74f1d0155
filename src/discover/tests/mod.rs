//! The room as a whole: rendered text in, finds and problems out.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(
    clippy::format_push_string,
    clippy::format_collect,
    reason = "test texts are built for reading, not for speed"
)]

mod peer_table;
mod problems;
mod robustness;
mod secrets;
mod tiers;

use super::*;
use crate::project::{Candidates, DiscoveryRule};

/// `reference tier object pointer` of each find.
fn lines(found: &[Found]) -> Vec<String> {
    found
        .iter()
        .map(|f| format!("{} {:?} {} {}", f.reference, f.tier, f.object, f.pointer))
        .collect()
}

fn references(found: &[Found]) -> Vec<&str> {
    found.iter().map(|f| f.reference.as_str()).collect()
}

fn run(rendered: &str) -> Discovered {
    discover(rendered, "pkg", &Discovery::default())
}

fn run_with(rendered: &str, change: impl FnOnce(&mut Discovery)) -> Discovered {
    let mut discovery = Discovery::default();
    change(&mut discovery);
    discover(rendered, "pkg", &discovery)
}

fn rule(change: impl FnOnce(&mut DiscoveryRule)) -> DiscoveryRule {
    let mut rule = DiscoveryRule::default();
    change(&mut rule);
    rule
}

/// A Deployment whose one container has these lines besides its name.
fn deployment(container: &str) -> String {
    let lines: String = container.lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "---\n# Source: c/templates/d.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\nspec:\n  template:\n    spec:\n      containers:\n        - name: main\n{lines}"
    )
}

/// A custom resource with this spec.
fn custom(spec: &str) -> String {
    let lines: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "---\n# Source: c/templates/cr.yaml\napiVersion: acme.io/v1\nkind: Engine\nmetadata: {{name: e}}\nspec:\n{lines}"
    )
}
