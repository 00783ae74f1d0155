//! After a power cut at any instant the next run converges, and nothing half-written is taken for whole.
//!
//! A run is recorded: every durable operation with its content. Every prefix of the recording is replayed with what was not
//! synced lost, in several ways, and the binary runs on what is left.

use std::collections::BTreeSet;

use crate::support::disk::{Disk, Loss, Outcome, read_recording};
use crate::support::small::{Small, in_parallel};
use crate::support::*;

/// The project as it is after a power cut.
fn project_after(small: &Small, outcome: &Outcome) -> Project {
    let project = Project::new();
    small.write_local(&project);
    outcome.write(&project.folder());
    project
}

/// A project that was applied and then changed: one more image, and so another chart under the same version.
fn changed_project() -> (Project, Small) {
    let (old, new) = (Small::new(2), Small::new(3));
    let project = Project::new();
    old.write_local(&project);
    project.run(&["apply"]).ok();
    new.write_local(&project);
    (project, new)
}

/// Records a first `apply` of the small project: the operations on its folder, in their order.
fn record(small: &Small) -> Vec<disk::Operation> {
    let project = Project::new();
    small.write_local(&project);
    let recording = temp_dir();
    project
        .aosm(&["apply"])
        .env("AOSM_RECORD_DURABLE", recording.path())
        .run()
        .ok();
    small.assert_complete(&project);
    let operations = read_recording(recording.path(), &project.folder());
    // The recording is whole: replaying all of it gives what is there, save the locks, which hold nothing.
    let mut replayed = Disk::new();
    operations.iter().for_each(|operation| replayed.replay(operation));
    let again = temp_dir();
    replayed.crash(Loss::Nothing).write(again.path());
    let (made, replayed) = (
        Snapshot::of(&project.path(".aosm")),
        Snapshot::of(&again.path().join(".aosm")),
    );
    let mut differ = replayed.changed(&made);
    differ.retain(|name| {
        !["cache/lock", "state/lock", "store/.tmp/in-use", "store/.tmp/index-lock"].contains(&name.as_str())
    });
    assert!(differ.is_empty(), "not recorded: {differ:?}");
    operations
}

/// Everything that may be left after a power cut within these operations, each once.
fn outcomes(mut disk: Disk, operations: &[disk::Operation]) -> Vec<(usize, Loss, Outcome)> {
    let mut seen: BTreeSet<Outcome> = BTreeSet::new();
    let mut outcomes = Vec::new();
    for prefix in 0..=operations.len() {
        if let Some(operation) = prefix.checked_sub(1).map(|at| &operations[at]) {
            disk.replay(operation);
        }
        // Half lost is lost in many ways: they take turns.
        let third = match prefix % 3 {
            0 => Loss::Chance(prefix as u64),
            1 => Loss::Zeroed,
            _ => Loss::Halved,
        };
        for loss in [Loss::Everything, Loss::Emptied, third] {
            let outcome = disk.crash(loss);
            if seen.insert(outcome.clone()) {
                outcomes.push((prefix, loss, outcome));
            }
        }
    }
    assert!(outcomes.len() > operations.len(), "{} outcomes", outcomes.len());
    outcomes
}

/// Runs `apply` on each outcome, laid out by `project_after`.
fn sweep(
    small: &Small,
    outcomes: &[(usize, Loss, Outcome)],
    project_after: impl Fn(&Outcome) -> Project + std::marker::Sync,
) {
    let numbers: Vec<usize> = (0..outcomes.len()).collect();
    in_parallel(&numbers, |number| {
        let (prefix, loss, outcome) = &outcomes[number];
        let context = format!("a power cut after {prefix} operations, {loss:?}");
        let project = project_after(outcome);
        // An index that is there was synced after everything below it: every tag is whole, without our help.
        small.whole_tags(&project);
        let applied = project.run(&["apply"]);
        assert_eq!(applied.code(), 0, "{context}: {applied}");
        assert!(!applied.stderr.contains("error"), "{context}: {applied}");
        small.assert_complete(&project);
        let plan = project.run(&["plan", "--detailed-exitcode"]);
        assert_eq!(plan.code(), 0, "{context}: {plan}");
    });
}

#[test]
fn every_prefix_of_a_run_with_unsynced_writes_lost_converges() {
    let small = Small::new(2);
    let operations = record(&small);
    sweep(&small, &outcomes(Disk::new(), &operations), |outcome| {
        project_after(&small, outcome)
    });
}

#[test]
fn every_prefix_of_a_run_that_changes_a_store_with_unsynced_writes_lost_converges() {
    let (project, new) = changed_project();
    let before = temp_dir();
    aosm::copy_folder(&project.folder(), before.path());
    let recording = temp_dir();
    project
        .aosm(&["apply"])
        .env("AOSM_RECORD_DURABLE", recording.path())
        .run()
        .ok();
    let operations = read_recording(recording.path(), &project.folder());
    sweep(&new, &outcomes(Disk::in_use(), &operations), |outcome| {
        let project = Project::new();
        aosm::copy_folder(before.path(), &project.folder());
        outcome.write(&project.folder());
        project
    });
}

#[test]
fn what_a_finished_run_reported_survives_a_power_cut() {
    let small = Small::new(3);
    let operations = record(&small);
    let mut disk = Disk::new();
    operations.iter().for_each(|operation| disk.replay(operation));
    let project = project_after(&small, &disk.crash(Loss::Everything));
    small.assert_complete(&project);
    assert!(project.path("aosm.lock").is_file(), "the lock is synced");
    // Cache and history were not synced, and nobody needs them.
    let plan = project.run(&["plan", "--json", "--detailed-exitcode"]).ok().json();
    assert_eq!(plan["summary"]["run"], 0, "{plan:#}");
}

#[test]
fn a_store_is_synced_before_its_index_names_anything_new() {
    let small = Small::new(2);
    let operations = record(&small);
    let mut disk = Disk::new();
    let mut tagged = 0;
    for operation in &operations {
        disk.replay(operation);
        for loss in [Loss::Everything, Loss::Emptied, Loss::Zeroed] {
            let folder = temp_dir();
            disk.crash(loss).write(folder.path());
            let store = folder.path().join(".aosm/store");
            for name in layout::names(&store) {
                layout::read(&store, &name).expect("a tag that is listed");
                tagged += 1;
            }
        }
    }
    assert!(tagged > 0, "some states have tags");
}
