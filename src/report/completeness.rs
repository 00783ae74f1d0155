//! How complete artifact manifests are, for people: a table of a manifest, and a section of a plan.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::artifact::columns;
use super::count;
use super::diagnostic::printable as word;
use crate::azure::completeness::{CompletenessTable, Finding, HeldEntry, Level, RowEntry, Tally};

/// Findings that a plan lists of a manifest.
const LINES: usize = 20;

/// A manifest as a table: one line for each artifact that is wanted or listed.
pub fn completeness(table: &CompletenessTable) -> String {
    let mut text = columns(&[
        vec![
            "artifact manifest".to_owned(),
            format!(
                "{}/{}/{} (store {})",
                word(&table.publisher),
                word(&table.artifact_store),
                word(&table.artifact_manifest),
                word(&table.store)
            ),
        ],
        vec!["state".to_owned(), state(table)],
    ]);
    if table.artifacts.is_empty() {
        text.push_str("\nneeds and lists no artifacts\n");
        return text;
    }
    let mut rows = vec![
        ["ARTIFACT", "VERSION", "TYPE", "LISTED", "IN THE STORE", "FINDING"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(table.artifacts.iter().map(row));
    text.push('\n');
    text.push_str(&columns(&rows));
    text.push('\n');
    for why in unknown(table) {
        let _ = writeln!(text, "unknown: {why}");
    }
    let _ = writeln!(text, "{}", verdict(&table.summary));
    text
}

/// Why something could not be learnt, each reason once.
fn unknown(table: &CompletenessTable) -> BTreeSet<String> {
    table
        .artifacts
        .iter()
        .flat_map(|row| &row.findings)
        .filter(|finding| matches!(finding, Finding::StoreUnknown { .. } | Finding::ManifestUnknown { .. }))
        .map(|finding| word(&finding.words()))
        .collect()
}

fn state(table: &CompletenessTable) -> String {
    match (&table.state, table.sealed) {
        (Some(state), true) => format!("{} (sealed)", word(state)),
        (Some(state), false) => word(state),
        (None, _) => "-".to_owned(),
    }
}

fn row(row: &RowEntry) -> Vec<String> {
    let listed = match &row.listed {
        Some(listed) if listed.version == row.version => "yes".to_owned(),
        Some(listed) => format!("as {}", word(&listed.version)),
        None if row
            .findings
            .iter()
            .any(|finding| matches!(finding, Finding::ManifestUnknown { .. })) =>
        {
            "?".to_owned()
        }
        None => "no".to_owned(),
    };
    let held = match &row.held {
        Some(HeldEntry::There { digest }) => digest.short().to_owned(),
        Some(HeldEntry::SameContent { digest }) => format!("{} (same content)", digest.short()),
        Some(HeldEntry::Other { digest, .. }) => digest
            .as_ref()
            .map_or_else(|| "something else".to_owned(), |digest| digest.short().to_owned()),
        Some(HeldEntry::Absent) => "no".to_owned(),
        Some(HeldEntry::Unknown { .. }) => "?".to_owned(),
        None => "-".to_owned(),
    };
    let kind = row.kind.as_ref().or(row.listed.as_ref().map(|listed| &listed.kind));
    let findings: Vec<String> = row
        .findings
        .iter()
        .map(|finding| match finding {
            // Why is the same for many, and is said once below.
            Finding::StoreUnknown { .. } | Finding::ManifestUnknown { .. } => "unknown".to_owned(),
            finding => word(&finding.words()),
        })
        .collect();
    vec![
        word(&row.name),
        word(&row.version),
        kind.map_or_else(|| "-".to_owned(), |kind| word(kind)),
        listed,
        held,
        if findings.is_empty() {
            "ok".to_owned()
        } else {
            findings.join("; ")
        },
    ]
}

/// `complete: 12 artifacts`, or what is not as it should be.
fn verdict(tally: &Tally) -> String {
    let mut parts = Vec::new();
    if tally.gaps > 0 {
        parts.push(count(tally.gaps, "gap"));
    }
    if tally.unknown > 0 {
        parts.push(format!("{} unknown", tally.unknown));
    }
    let is_complete = parts.is_empty();
    if tally.warnings > 0 {
        parts.push(count(tally.warnings, "warning"));
    }
    let artifacts = count(tally.artifacts, "artifact");
    match (is_complete, parts.is_empty()) {
        (true, true) => format!("complete: {artifacts}"),
        (true, false) => format!("complete: {artifacts}, {}", parts.join(", ")),
        (false, _) => format!("not complete: {} in {artifacts}", parts.join(", ")),
    }
}

/// One that exists has a state, and lists something.
fn is_absent(table: &CompletenessTable) -> bool {
    table.state.is_none() && table.artifacts.iter().all(|row| row.listed.is_none())
}

/// The section of a plan: what is wrong with the manifests. What the stores lack is said by the steps above it.
pub fn manifest_lines(tables: &[CompletenessTable]) -> String {
    let mut text = String::new();
    for table in tables {
        let told: Vec<(&RowEntry, &Finding)> = table
            .artifacts
            .iter()
            .flat_map(|row| row.findings.iter().map(move |finding| (row, finding)))
            .filter(|(_, finding)| finding.is_of_manifest() && !matches!(finding, Finding::ManifestUnknown { .. }))
            .collect();
        let gaps = told.iter().filter(|(_, finding)| finding.level() == Level::Gap).count();
        let unknown = table
            .artifacts
            .iter()
            .flat_map(|row| &row.findings)
            .any(|finding| matches!(finding, Finding::ManifestUnknown { .. }));
        let (name, store) = (word(&table.artifact_manifest), word(&table.store));
        if is_absent(table) && !unknown {
            let _ = writeln!(text, "manifest {name} (store {store}): is not there");
            continue;
        }
        let standing = match (gaps, unknown) {
            (_, true) => "what it lists is not known".to_owned(),
            (0, _) => "lists what is needed".to_owned(),
            (gaps, _) => count(gaps as u64, "gap"),
        };
        let _ = writeln!(text, "manifest {name} (store {store}, {}): {standing}", state(table));
        for (row, finding) in told.iter().take(LINES) {
            let sign = if finding.level() == Level::Gap { "!" } else { "?" };
            let _ = writeln!(
                text,
                "  {sign} {}:{}: {}",
                word(&row.name),
                word(&row.version),
                word(&finding.words())
            );
        }
        if told.len() > LINES {
            let more = told.len() - LINES;
            let _ = writeln!(text, "  and {more} more: aosm-build artifact-manifest check shows all");
        }
    }
    text
}
