//! What one check found, and all of them as a document: `aosm-doctor/1`.

use schemars::JsonSchema;
use serde::Serialize;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// The project's files.
    Project,
    /// The Helm executable.
    Helm,
    /// A file with logins.
    Logins,
    /// The proxy.
    Proxy,
    /// Certificate authorities and the client certificate.
    Certificates,
    /// The cache folder.
    Cache,
    /// The state folder.
    State,
    /// `aosm.lock`.
    Lock,
    /// The login for Azure Resource Manager.
    Azure,
    /// A source of images.
    Source,
    /// A store.
    Store,
    /// This machine's clock.
    Clock,
}

impl CheckKind {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Helm => "helm",
            Self::Logins => "logins",
            Self::Proxy => "proxy",
            Self::Certificates => "certificates",
            Self::Cache => "cache",
            Self::State => "state",
            Self::Lock => "lock",
            Self::Azure => "azure",
            Self::Source => "source",
            Self::Store => "store",
            Self::Clock => "clock",
        }
    }
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Runs will go on; somebody should know.
    Warning,
    /// Something that a run needs is missing or does not work.
    Missing,
    /// Not looked at: nobody needs it, or it may not be asked.
    Skipped,
}

impl State {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Missing => "missing",
            Self::Skipped => "skipped",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// What was looked at.
    pub check: CheckKind,
    /// Which one, where there may be several: a store's name, a source as written, a file.
    pub subject: Option<String>,
    /// How it is.
    pub state: State,
    /// What was found; without secrets.
    pub detail: String,
    /// What to do about it; null where there is nothing to do.
    pub hint: Option<String>,
}

impl Check {
    /// A check of this outcome.
    pub(super) fn new(check: CheckKind, state: State, detail: impl Into<String>) -> Self {
        Self {
            check,
            subject: None,
            state,
            detail: detail.into(),
            hint: None,
        }
    }

    /// Of which of several.
    pub(super) fn of(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// With what to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// How many checks there are of each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DoctorSummary {
    /// As they should be.
    pub ok: u64,
    /// Warnings.
    pub warning: u64,
    /// What is missing or does not work.
    pub missing: u64,
    /// Not looked at.
    pub skipped: u64,
}

/// All checks: `aosm-doctor/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DoctorDocument {
    /// `aosm-doctor/1`.
    pub format: &'static str,
    /// The checks, in a fixed order.
    pub checks: Vec<Check>,
    /// Counts.
    pub summary: DoctorSummary,
}

impl DoctorDocument {
    /// Counts.
    pub fn new(checks: Vec<Check>) -> Self {
        let mut summary = DoctorSummary::default();
        for check in &checks {
            *match check.state {
                State::Ok => &mut summary.ok,
                State::Warning => &mut summary.warning,
                State::Missing => &mut summary.missing,
                State::Skipped => &mut summary.skipped,
            } += 1;
        }
        Self {
            format: "aosm-doctor/1",
            checks,
            summary,
        }
    }
}
