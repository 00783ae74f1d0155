//! The plan document: `aosm-plan/1`. The same inputs give the same bytes, on any machine and from any folder.

use schemars::JsonSchema;
use serde::Serialize;

use super::aosm::PrivateLinkStep;
use super::{Action, Effect, Reason};
use crate::digest::Digest;
use crate::graph::{StepId, StepKind};
use crate::lock::LockChange;

/// How content gets to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transfer {
    /// Through this machine.
    Stream,
    /// The registry takes it from another of its repositories.
    Mount,
    /// The service copies it from a URL.
    ServerSide,
}

/// One effect step of a plan.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlanStep {
    /// Its id.
    pub id: StepId,
    /// Copy, push, upload or attach.
    pub kind: StepKind,
    /// The store it changes.
    pub store: String,
    /// What happens.
    pub action: Action,
    /// What that changes.
    pub effect: Effect,
    /// The digest that should be there.
    pub desired: Option<Digest>,
    /// The digest that is there.
    pub observed: Option<Digest>,
    /// How it gets there; `None` when nothing moves.
    pub transfer: Option<Transfer>,
    /// At most this many bytes move; each blob is counted once a registry.
    pub bytes: u64,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Effect steps that must end first.
    pub deps: Vec<StepId>,
    /// Of disk images: how large they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskSize>,
    /// The name in the store, and of an attachment what kind it is.
    #[serde(skip)]
    pub title: String,
    /// Where it comes from, in words (`myregistry.azurecr.io/release/a:1.0.0`, `charts/contoso`).
    #[serde(skip)]
    pub from: String,
}

/// How large a disk image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiskSize {
    /// Bytes, zeros included.
    pub size: u64,
    /// Bytes that are zero, and need not be sent.
    pub zero: u64,
}

/// How many steps there are of each action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// Steps that run.
    pub run: u64,
    /// Steps with nothing to do.
    pub fresh: u64,
    /// Steps that wait for something invalid or unknown.
    pub blocked: u64,
    /// Steps that cannot run.
    pub invalid: u64,
    /// Steps nobody can tell about.
    pub unknown: u64,
    /// Bytes that move at most.
    pub bytes: u64,
}

/// A name that a store holds and the project does not want.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Unwanted {
    /// The store.
    pub store: String,
    /// The name in it.
    pub name: String,
}

/// A whole plan.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// `aosm-plan/1`.
    pub format: &'static str,
    /// This program and its version.
    pub tool: String,
    /// Helm's version; `None` when nothing is rendered.
    pub helm: Option<String>,
    /// SHA-256 of the canonical body without this field.
    pub plan_digest: Option<Digest>,
    /// Effect steps, in order of their ids.
    pub steps: Vec<PlanStep>,
    /// What the lock would gain, lose or change.
    pub lock_changes: Vec<LockChange>,
    /// Tags that name something else in the source than the lock says.
    pub drift: Vec<LockChange>,
    /// What stores hold and nobody wants; never deleted.
    pub unwanted: Vec<Unwanted>,
    /// What `apply` lets in at stores of AOSM before anything moves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private_links: Vec<PrivateLinkStep>,
    /// Counts.
    pub summary: Summary,
}

impl Plan {
    /// Makes a plan: sorts, counts, and seals it with its digest.
    pub fn new(
        helm: Option<String>,
        mut steps: Vec<PlanStep>,
        lock_changes: Vec<LockChange>,
        drift: Vec<LockChange>,
        mut unwanted: Vec<Unwanted>,
    ) -> Self {
        steps.sort_by(|a, b| a.id.cmp(&b.id));
        unwanted.sort();
        let mut summary = Summary::default();
        for step in &steps {
            match step.action {
                Action::Run => {
                    summary.run += 1;
                    summary.bytes = summary.bytes.saturating_add(step.bytes);
                }
                Action::Fresh => summary.fresh += 1,
                Action::Blocked => summary.blocked += 1,
                Action::Invalid => summary.invalid += 1,
                Action::Unknown => summary.unknown += 1,
            }
        }
        let mut plan = Self {
            format: "aosm-plan/1",
            tool: concat!("aosm-build ", env!("CARGO_PKG_VERSION")).to_owned(),
            helm,
            plan_digest: None,
            steps,
            lock_changes,
            drift,
            unwanted,
            private_links: Vec::new(),
            summary,
        };
        plan.seal();
        plan
    }

    /// The same with what has to be let in first.
    #[must_use]
    pub fn with_private_links(mut self, links: Vec<PrivateLinkStep>) -> Self {
        self.private_links = links;
        self.seal();
        self
    }

    fn seal(&mut self) {
        self.plan_digest = None;
        // Structs of plain values always serialise.
        self.plan_digest = serde_json::to_vec(self).ok().map(|bytes| Digest::of(&bytes));
    }

    /// Would `apply` change anything, or fail?
    pub fn has_changes(&self) -> bool {
        self.summary.run + self.summary.blocked + self.summary.invalid + self.summary.unknown > 0
            || !self.lock_changes.is_empty()
    }
}
