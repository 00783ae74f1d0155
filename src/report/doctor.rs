//! What `doctor` found, one line a check.

use std::fmt::Write as _;

use super::count;
use super::diagnostic::printable;
use crate::doctor::{Check, DoctorDocument};

/// All checks as lines: outcome, what was looked at, what was found, what to do.
pub fn doctor_lines(document: &DoctorDocument) -> String {
    let mut text = String::new();
    for check in &document.checks {
        let _ = writeln!(text, "{}", line(check));
    }
    let summary = &document.summary;
    let mut parts = vec![match summary.missing {
        0 => "nothing is missing".to_owned(),
        n => format!("{n} missing"),
    }];
    if summary.warning > 0 {
        parts.push(count(summary.warning, "warning"));
    }
    let _ = writeln!(text, "{}", parts.join(", "));
    text
}

fn line(check: &Check) -> String {
    let mut line = format!("{:<8} {}", check.state.as_str(), check.check.as_str());
    if let Some(subject) = &check.subject {
        let _ = write!(line, " {subject}");
    }
    let _ = write!(line, ": {}", check.detail);
    if let Some(hint) = &check.hint {
        let _ = write!(line, " → {hint}");
    }
    printable(&line)
}
