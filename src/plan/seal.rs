//! The step that closes an artifact manifest for good: only where it was asked for, after everything else of its store.
//!
//! The decision is pure. A manifest is sealed only if it lists exactly what is wanted; whether the store holds that is seen
//! again right before it is sealed, so that no receipt and no earlier look ever seals anything.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::completeness::StoreCompleteness;
use super::decide::{Decision, decision};
use super::{Action, Depth, Desired, Effect, PlanOptions, PlanStep, Reason, Session, Target, World};
use crate::azure::completeness::{Completeness, Finding, Level, Row};
use crate::azure::{ManifestState, manifest_name};
use crate::digest::Digest;
use crate::fault::{Fault, Faults, Place};
use crate::graph::{StepId, StepKind};
use crate::project::{Project, StoreKind};
use crate::state::SealNote;
use crate::store::ArtifactName;

/// What a seal step needs when it runs.
#[derive(Debug, Clone)]
pub struct SealTarget {
    /// What was seen when the plan was made.
    pub seen: StoreCompleteness,
    /// An earlier run asked for it and did not see the end.
    pub begun: bool,
}

/// What is known beside the table when a seal is decided about.
#[derive(Debug, Clone, Copy)]
pub(super) struct SealFacts<'a> {
    /// Is the store backed by a storage account?
    pub for_disks: bool,
    /// Why the store cannot be used, where it cannot.
    pub problem: Option<&'a str>,
    /// Did an earlier run ask for it?
    pub begun: bool,
}

/// Decides about one manifest.
pub(super) fn decide_seal(table: &Completeness, facts: SealFacts<'_>) -> Decision {
    let unknown = |why: &str| {
        decision(
            Action::Unknown,
            Effect::None,
            Reason::StoreUnreadable { why: why.to_owned() },
        )
    };
    if facts.for_disks {
        return decision(Action::Fresh, Effect::None, Reason::NeverSealed);
    }
    let gaps = manifest_gaps(table);
    if !gaps.is_empty() {
        return decision(Action::Invalid, Effect::None, Reason::ManifestGaps { gaps });
    }
    if table.exists.is_none() {
        return unknown(facts.problem.unwrap_or("nobody could be asked"));
    }
    if table.is_sealed() {
        return Decision {
            action: Action::Fresh,
            effect: Effect::None,
            reasons: Vec::new(),
        };
    }
    if let Some(why) = facts.problem {
        return unknown(why);
    }
    let mut reasons = vec![Reason::Seals {
        artifacts: table.rows.len(),
    }];
    if facts.begun || table.state == Some(ManifestState::Validating) {
        reasons.push(Reason::SealUnderWay);
    }
    Decision {
        action: Action::Run,
        effect: Effect::Seal,
        reasons,
    }
}

/// What is wrong with the manifest, a line each. What the store lacks is no part of it: the other steps see to that.
fn manifest_gaps(table: &Completeness) -> Vec<String> {
    table.manifest_gaps().map(|(row, finding)| line(row, finding)).collect()
}

/// A finding with the artifact that it is about.
pub fn line(row: &Row, finding: &Finding) -> String {
    format!("{}:{}: {}", row.name, row.version, finding.words())
}

/// All that keeps a manifest from being sealed now: each gap a line, then each reason why something is not known, once.
pub fn obstacles(table: &Completeness) -> Vec<String> {
    let mut lines: Vec<String> = table
        .findings(Level::Gap)
        .map(|(row, finding)| line(row, finding))
        .collect();
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    for (_, finding) in table.findings(Level::Unknown) {
        *unknown.entry(finding.words()).or_default() += 1;
    }
    lines.extend(unknown.into_iter().map(|(why, times)| match times {
        1 => format!("not known of 1 artifact: {why}"),
        many => format!("not known of {many} artifacts: {why}"),
    }));
    lines
}

/// What to do about gaps: entries are made with a manifest and never change.
pub fn what_to_do(seen: &StoreCompleteness) -> String {
    let table = &seen.table;
    let name = &seen.id.manifest;
    let store = &seen.name;
    if table.manifest_gaps().next().is_none() {
        return format!("put what is missing into the store first: aosm-build apply --seal (store {store})");
    }
    if table.exists == Some(false) {
        return format!("make it: aosm-build artifact-manifest create --store {store}");
    }
    let create = format!("aosm-build artifact-manifest create --store {store} --artifact-manifest");
    let next = match manifest_name::next_version(name) {
        Some(next) => format!("make the next version: {create} {next}"),
        None => format!("make another manifest: {create} NAME"),
    };
    if table.is_sealed() {
        return format!("nothing in it changes any more: {next}");
    }
    format!(
        "entries never change: {next}; or list what is missing in a second one ({}); or make this one anew (create --recreate)",
        manifest_name::second(name)
    )
}

/// Adds a step for each manifest that is to be sealed, to targets and steps alike, in their order. What each needs when it
/// runs comes back by its id.
pub(super) fn add(
    session: &Session,
    options: &PlanOptions,
    world: &World,
    tables: &[StoreCompleteness],
    targets: &mut Vec<Target>,
    steps: &mut Vec<PlanStep>,
) -> (BTreeMap<StepId, SealTarget>, Faults) {
    let mut seals = BTreeMap::new();
    let mut faults = Faults::new();
    for seen in tables {
        let Some(site) = world.sites.get(&seen.store) else {
            continue;
        };
        if !options.seal && !site.config.seal {
            continue;
        }
        let begun = SealNote::of(&session.state, &seen.id.id()).is_there();
        let decision = decide_seal(
            &seen.table,
            SealFacts {
                for_disks: matches!(
                    session.project.stores.get(seen.store).map(|store| &store.kind),
                    Some(StoreKind::StorageAccount(_))
                ),
                problem: site.problem.as_ref().map(Fault::message),
                begun,
            },
        );
        let (target, step) = step(&session.project, seen, decision, site.place.clone(), steps);
        faults.extend(refusal(&step, seen, site.place.clone()));
        let seen = seen.clone();
        seals.insert(target.id.clone(), SealTarget { seen, begun });
        let at = targets.partition_point(|other| other.id < target.id);
        targets.insert(at, target);
        steps.insert(at, step);
    }
    faults.extend(nothing_to_seal(options, tables));
    (seals, faults)
}

/// `--seal` where it can do nothing must not look as if it had been heard.
fn nothing_to_seal(options: &PlanOptions, tables: &[StoreCompleteness]) -> Option<Fault> {
    let asked = options.seal && options.depth == Depth::Stores;
    if asked && !options.only.is_empty() {
        let fault = Fault::warning("--seal: nothing is sealed where --only leaves something out");
        return Some(fault.hint("run it once more without --only"));
    }
    (asked && tables.is_empty()).then(|| {
        Fault::invalid("--seal: no store of this project has an artifact manifest")
            .hint("add a store with `kind = \"acr\"` that names one")
    })
}

/// The step of a store, and what it needs when it runs.
fn step(
    project: &Project,
    seen: &StoreCompleteness,
    decision: Decision,
    place: Option<Place>,
    others: &[PlanStep],
) -> (Target, PlanStep) {
    let store_name = project
        .stores
        .get(seen.store)
        .map_or_else(String::new, |store| store.name.value.clone());
    let title = seen.id.manifest.clone();
    let id = StepId::effect(StepKind::Seal, &store_name, &title);
    let needs: Vec<StepId> = others
        .iter()
        .filter(|step| step.store == store_name)
        .map(|step| step.id.clone())
        .collect();
    let desired = whole_digest(&seen.table);
    let step = PlanStep {
        id: id.clone(),
        kind: StepKind::Seal,
        store: store_name.clone(),
        action: decision.action,
        effect: decision.effect,
        observed: desired.clone().filter(|_| seen.table.is_sealed()),
        desired,
        transfer: None,
        transfer_why: None,
        bytes: 0,
        reasons: decision.reasons,
        deps: needs.clone(),
        disk: None,
        title: title.clone(),
        from: String::new(),
    };
    let target = Target {
        id,
        kind: StepKind::Seal,
        store: seen.store,
        store_name,
        name: ArtifactName {
            repository: title.clone(),
            tag: String::new(),
        },
        title,
        desired: Desired::NotAsked,
        from: String::new(),
        place,
        needs: needs.clone(),
        needs_effects: needs,
        chart: None,
        pack: None,
        subject: None,
        local: Vec::new(),
        along: Vec::new(),
        guards: BTreeMap::new(),
        image: None,
        disk: None,
    };
    (target, step)
}

/// One digest over all that the manifest is to list, with what each should be; `None` where something is not known.
fn whole_digest(table: &Completeness) -> Option<Digest> {
    let mut text = String::new();
    for row in &table.rows {
        let Some(wanted) = &row.wanted else { continue };
        let digest = wanted.digest.as_ref()?;
        let _ = writeln!(text, "{} {} {} {digest}", row.name, row.version, wanted.kind);
    }
    Some(Digest::of(text.as_bytes()))
}

/// The error of a seal that cannot be, with its place.
fn refusal(step: &PlanStep, seen: &StoreCompleteness, place: Option<Place>) -> Option<Fault> {
    let gaps = step.reasons.iter().find_map(|reason| match reason {
        Reason::ManifestGaps { gaps } => Some(gaps),
        _ => None,
    })?;
    Some(incomplete(seen, gaps).at_opt(place))
}

/// The error of a manifest with gaps: each a line.
pub fn incomplete(seen: &StoreCompleteness, gaps: &[String]) -> Fault {
    /// Lines that an error has at most; the table has them all.
    const LINES: usize = 20;
    let mut fault = Fault::invalid(format!(
        "artifact manifest {}: it cannot be sealed as it is",
        seen.id.manifest
    ));
    for gap in gaps.iter().take(LINES) {
        fault = fault.because(gap);
    }
    if gaps.len() > LINES {
        fault = fault.because(format!("and {} more", gaps.len() - LINES));
    }
    fault.hint(what_to_do(seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::ArtifactManifest;
    use crate::azure::completeness::{ManifestSide, join};

    fn table(state: &str, entries: usize) -> Completeness {
        let artifacts = (0..entries)
            .map(|number| crate::azure::ManifestEntry {
                name: format!("extra-{number}"),
                artifact_type: "OCIArtifact".to_owned(),
                version: "1.0.0".to_owned(),
            })
            .collect();
        let manifest = ArtifactManifest {
            id: "/m".to_owned(),
            name: "m".to_owned(),
            location: "westeurope".to_owned(),
            state: Some(ManifestState::read(state)),
            provisioning_state: None,
            artifacts,
        };
        join(&[], ManifestSide::Read(&manifest), &BTreeMap::new())
    }

    #[test]
    fn every_standing_of_a_manifest_has_its_decision() {
        let facts = SealFacts {
            for_disks: false,
            problem: None,
            begun: false,
        };
        let troubled = SealFacts {
            problem: Some("no right"),
            ..facts
        };
        let disks = SealFacts {
            for_disks: true,
            ..troubled
        };
        let unknown = join(&[], ManifestSide::Unknown("down"), &BTreeMap::new());
        let rows = [
            (table("Uploading", 0), facts, Action::Run, Effect::Seal),
            (table("ValidationFailed", 0), facts, Action::Run, Effect::Seal),
            (table("Validating", 0), facts, Action::Run, Effect::Seal),
            (table("Uploaded", 0), facts, Action::Fresh, Effect::None),
            // Nothing has to be asked of one that is closed.
            (table("Uploaded", 0), troubled, Action::Fresh, Effect::None),
            (table("Uploading", 0), troubled, Action::Unknown, Effect::None),
            (table("Uploading", 1), facts, Action::Invalid, Effect::None),
            (table("Uploaded", 1), facts, Action::Invalid, Effect::None),
            (unknown, facts, Action::Unknown, Effect::None),
            (table("Uploading", 1), disks, Action::Fresh, Effect::None),
        ];
        for (table, facts, action, effect) in rows {
            let decision = decide_seal(&table, facts);
            assert_eq!(
                (decision.action, decision.effect),
                (action, effect),
                "{table:?} {facts:?}"
            );
        }
        let begun = SealFacts { begun: true, ..facts };
        for (state, facts) in [("Validating", facts), ("Uploading", begun)] {
            let decision = decide_seal(&table(state, 0), facts);
            assert!(decision.reasons.contains(&Reason::SealUnderWay), "{decision:?}");
        }
    }
}
