//! What goes with a deletion, and what came with a copy.

use std::fmt::Write as _;

use super::{columns, word};
use crate::artifact::deletion::DeletionPlan;
use crate::artifact::documents::{CopyDocument, Role};
use crate::report::{bytes, count};

/// Manifests that are listed; the others are counted.
const LISTED: usize = 200;

/// The graph that will go: the root first, what hangs on it below.
pub fn deletion(shown: &str, plan: &DeletionPlan) -> String {
    let mut text = format!(
        "{}: {} will go\n",
        word(shown),
        count(plan.going.len() as u64, "manifest")
    );
    let rows: Vec<Vec<String>> = plan
        .going
        .iter()
        .rev()
        .take(LISTED)
        .map(|going| {
            let of = going.of.as_ref().map(|of| of.short().to_owned()).unwrap_or_default();
            let role = match going.role {
                Role::Root => "named".to_owned(),
                Role::Child => format!("part of {of}"),
                Role::Referrer => format!("refers to {of}"),
            };
            let mut row = vec![format!("  {}", going.descriptor.digest), role];
            row.push(going.descriptor.artifact_type().map(word).unwrap_or_default());
            if !going.tags.is_empty() {
                row.push(format!("tagged {}", word(&going.tags.join(", "))));
            }
            row
        })
        .collect();
    text.push_str(&columns(&rows));
    if plan.going.len() > LISTED {
        let _ = writeln!(text, "  and {} more", plan.going.len() - LISTED);
    }
    for kept in plan.kept.iter().take(LISTED) {
        let _ = writeln!(text, "  {} stays: {}", kept.digest, word(&kept.because));
    }
    if plan.kept.len() > LISTED {
        let _ = writeln!(text, "  and {} more stay", plan.kept.len() - LISTED);
    }
    text
}

/// What a copy did.
pub fn copied(document: &CopyDocument) -> String {
    let mut text = String::new();
    let nothing = document.bytes_moved == 0 && document.bytes_mounted == 0;
    let _ = writeln!(
        text,
        "{} {}@{}",
        if nothing { "already there" } else { "copied to" },
        word(&document.target),
        document.digest
    );
    if document.digest != document.source_digest {
        let _ = writeln!(text, "  a new index: the source has {}", document.source_digest);
    }
    if !document.tags.is_empty() {
        let _ = writeln!(text, "  tags: {}", word(&document.tags.join(", ")));
    }
    if !document.referrers.is_empty() {
        let _ = writeln!(text, "  with {}", count(document.referrers.len() as u64, "referrer"));
        for referrer in document.referrers.iter().take(LISTED) {
            let kind = referrer
                .artifact_type
                .as_deref()
                .or(referrer.tag.as_deref())
                .unwrap_or("<unknown>");
            let _ = writeln!(text, "    {} {}", referrer.digest, word(kind));
        }
    }
    let mounted = if document.bytes_mounted > 0 {
        format!(", {} mounted", bytes(document.bytes_mounted))
    } else {
        String::new()
    };
    let _ = writeln!(
        text,
        "  {} sent{mounted}, {}",
        bytes(document.bytes_moved),
        count(document.requests, "request")
    );
    text
}
