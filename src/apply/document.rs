//! The apply document: `aosm-apply/1`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::graph::{StepId, StepKind};

/// How a step ended, as JSON has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// Its effect is in place and verified.
    Done,
    /// Nothing was to be done.
    Fresh,
    /// It failed, or could not run as things are.
    Failed,
    /// Something it needs failed, or the run was stopped before it.
    Blocked,
}

/// One effect step of a run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StepReport {
    /// Its id.
    pub id: StepId,
    /// Copy, push or attach.
    pub kind: StepKind,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Bytes sent to the store.
    pub bytes_moved: u64,
    /// Bytes the store took from another of its repositories.
    pub bytes_mounted: u64,
    /// Requests made, all sides.
    pub requests: u64,
    /// Why it failed; `null` otherwise.
    pub error: Option<String>,
}

/// Counts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ApplySummary {
    /// Steps that ran well.
    pub done: u64,
    /// Steps with nothing to do.
    pub fresh: u64,
    /// Steps that failed.
    pub failed: u64,
    /// Steps that never ran.
    pub blocked: u64,
    /// Bytes sent.
    pub bytes_moved: u64,
    /// Bytes mounted.
    pub bytes_mounted: u64,
    /// Requests made by steps.
    pub requests: u64,
}

/// A whole run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ApplyDocument {
    /// `aosm-apply/1`.
    pub format: &'static str,
    /// Effect steps, in order of their ids.
    pub steps: Vec<StepReport>,
    /// Counts.
    pub summary: ApplySummary,
}

impl ApplyDocument {
    /// Sorts and counts.
    pub fn new(mut steps: Vec<StepReport>) -> Self {
        steps.sort_by(|a, b| a.id.cmp(&b.id));
        let mut summary = ApplySummary::default();
        for step in &steps {
            match step.outcome {
                StepOutcome::Done => summary.done += 1,
                StepOutcome::Fresh => summary.fresh += 1,
                StepOutcome::Failed => summary.failed += 1,
                StepOutcome::Blocked => summary.blocked += 1,
            }
            summary.bytes_moved += step.bytes_moved;
            summary.bytes_mounted += step.bytes_mounted;
            summary.requests += step.requests;
        }
        Self {
            format: "aosm-apply/1",
            steps,
            summary,
        }
    }
}
