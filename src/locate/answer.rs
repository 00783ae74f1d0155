//! What one place answered about one image.

use crate::oci::{ErrorKind, OciError};

/// The class of an answer, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is there.
    Found,
    /// It is not there: the next place is asked.
    Absent,
    /// Denied although the login is good. Docker Hub (401), GHCR and Artifactory (403) answer so for what does not
    /// exist: the next place is asked, with a warning should a later source have it.
    Denied,
    /// The source could not be asked, but is optional: the next source is asked.
    Skipped,
    /// The source could not be asked, so that the order cannot be honoured: an error.
    Failed,
    /// The lock knows: nobody was asked.
    Locked,
}

impl Verdict {
    /// The class of an error from a place.
    pub(super) fn of(kind: ErrorKind, optional: bool) -> Self {
        match kind {
            ErrorKind::Absent => Self::Absent,
            ErrorKind::Denied => Self::Denied,
            // Nobody could tell whether the source has it.
            ErrorKind::BadCredentials
            | ErrorKind::Throttled
            | ErrorKind::Server
            | ErrorKind::Unreachable
            | ErrorKind::Protocol
                if optional =>
            {
                Self::Skipped
            }
            // Damage, contradictions, our own disk and Ctrl-C concern optional sources as well.
            _ => Self::Failed,
        }
    }

    /// The word for people and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Absent => "absent",
            Self::Denied => "absent or denied",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Locked => "locked",
        }
    }
}

/// One place that was asked, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Host, repository and tag or digest: `myregistry.azurecr.io/release/a:1.0.0`.
    pub place: String,
    /// The class.
    pub verdict: Verdict,
    /// A digest, or what was said; may be empty.
    pub detail: String,
}

impl Answer {
    pub(super) fn failed(place: &str, verdict: Verdict, error: &OciError) -> Self {
        // "absent" says it all; the others deserve the server's own words.
        let detail = if verdict == Verdict::Absent {
            String::new()
        } else {
            error.detail.clone()
        };
        Self {
            place: place.to_owned(),
            verdict,
            detail,
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.verdict.as_str())?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}
