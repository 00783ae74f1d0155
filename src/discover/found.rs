//! What discovery finds. Cached and shown as JSON, so everything here is serialisable and deterministic.

use serde::{Deserialize, Serialize};

/// How certain it is that a text is an image (measured in the wild; see `docs/discovery.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// Item of `containers`, `initContainers`, `ephemeralContainers`, or `volumes[].image.reference`.
    T1,
    /// Image-shaped text under a key `image` in a kind outside the core workloads.
    T2,
    /// Environment value or argument.
    T3,
    /// Value of a `ConfigMap`, or YAML or JSON inside one.
    T4,
    /// A discovery rule of the project said so.
    Rule,
    /// Named in `[[images]]`.
    Named,
}

impl Tier {
    /// Candidates need the project's word before they are taken.
    pub fn is_candidate(self) -> bool {
        matches!(self, Self::T3 | Self::T4)
    }
}

/// One place where a reference was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Found {
    /// Exactly the text as rendered.
    pub reference: String,
    /// The Helm package.
    pub package: String,
    /// Template file as Helm's `# Source:` comment names it, e.g. `contoso/templates/app.yaml`; empty if unknown.
    pub template: String,
    /// `Kind/name` of the object, e.g. `Deployment/contoso-a`.
    pub object: String,
    /// JSON pointer within the object.
    pub pointer: String,
    /// Line in the rendered text, from 1.
    pub line: u64,
    /// How certain.
    pub tier: Tier,
    /// `helm.sh/hook` of the object, e.g. `pre-install`, `test`; `None` outside hooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// For texts in environment variables and arguments: `env NAME` or `--flag`, which is what a rule would match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<String>,
    /// For candidates: how sure, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
}

/// Something wrong in the rendered text: an unparsable image, broken YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// True for errors, false for warnings.
    pub error: bool,
    /// What is wrong.
    pub message: String,
    /// The Helm package.
    pub package: String,
    /// Template file; empty if unknown.
    pub template: String,
    /// Line in the rendered text, from 1; 0 if unknown.
    pub line: u64,
    /// The rendered line itself, blanked where it may be secret; empty if unknown.
    pub excerpt: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// All that one package's rendered text holds; sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Discovered {
    /// Certain images, and candidates that the project took in.
    pub images: Vec<Found>,
    /// Candidates that nobody decided about.
    pub candidates: Vec<Found>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}
