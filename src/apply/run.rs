//! Carrying out a plan.
//!
//! Order matters: the lock is written before the first effect, so that a killed run converges even when a source tag
//! moves meanwhile; stores are made durable before anything is remembered of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{ApplyDocument, StepOutcome, StepReport};
use super::effects::Running;
use super::remember;
use crate::engine::{self, Ended};
use crate::event::{Event, Outcome, Phase};
use crate::fault::{Fault, Faults, Kind, some_of};
use crate::graph::StepKind;
use crate::plan::{Action, Planned, Reason, Session};
use crate::state::RunLock;
use crate::store::{Filled, Job};

/// How a run ended.
pub struct Applied {
    /// What happened to each step.
    pub document: ApplyDocument,
    /// Everything that went wrong.
    pub faults: Faults,
    /// The user stopped it.
    pub interrupted: bool,
}

/// Takes the run lock of a project: before planning, so that the plan is still true when it is carried out.
pub fn lock(session: &Session) -> Result<RunLock, Fault> {
    RunLock::take(&session.state.path("lock"))
}

/// Carries out a plan, `jobs` steps at a time.
pub async fn apply(session: &Arc<Session>, planned: Planned, jobs: usize) -> Result<Applied, Faults> {
    session.stopped()?;
    if !session.mode.frozen && !session.mode.locked && !planned.plan.lock_changes.is_empty() {
        planned.locations.lock.save(&session.lock_path())?;
    }
    let planned = Arc::new(planned);
    let run: Vec<usize> = positions(&planned, |action| action == Action::Run);
    let dependencies = dependencies(&planned, &run);
    let moved: BTreeMap<usize, Job> = run
        .iter()
        .filter_map(|index| Some((*index, session.job(planned.plan.steps.get(*index)?.id.as_str()))))
        .collect();
    if !run.is_empty() {
        session.events.emit(Event::PhaseStarted {
            phase: Phase::Apply,
            total: Some(run.len() as u64),
        });
    }
    let ends = engine::run(
        &dependencies,
        jobs,
        &session.cancel,
        |position| start(session, &planned, &run, &moved, position),
        |position, ended| announce(session, &planned, &run, &moved, position, ended),
    )
    .await;
    if !run.is_empty() {
        session.events.emit(Event::PhaseFinished { phase: Phase::Apply });
    }
    let mut faults = flush(&planned).await;
    let flushed: Vec<usize> = faults.iter().map(|(store, _)| *store).collect();
    let mut reports = Vec::new();
    let mut done = Vec::new();
    for (index, step) in planned.plan.steps.iter().enumerate() {
        let filled = moved.get(&index).map(Job::filled).unwrap_or_default();
        let ended = run
            .iter()
            .position(|r| *r == index)
            .and_then(|position| ends.get(position));
        let store = planned.targets.get(index).map(|target| target.store);
        let unflushed = store.is_some_and(|store| flushed.contains(&store));
        let (outcome, error) = match (step.action, ended) {
            (Action::Fresh, _) => {
                done.push(index);
                (StepOutcome::Fresh, None)
            }
            (Action::Run, Some(Ended::Done)) if unflushed => (
                StepOutcome::Failed,
                Some("the store could not be made durable".to_owned()),
            ),
            (Action::Run, Some(Ended::Done)) => {
                done.push(index);
                (StepOutcome::Done, None)
            }
            (Action::Run, Some(Ended::Failed(fault))) => (StepOutcome::Failed, Some(fault.to_string())),
            (Action::Run | Action::Blocked, _) => (StepOutcome::Blocked, None),
            (Action::Invalid | Action::Unknown, _) => {
                let words: Vec<String> = step.reasons.iter().map(Reason::words).collect();
                (StepOutcome::Failed, Some(words.join("; ")))
            }
        };
        reports.push(report(step, outcome, error, filled));
    }
    let mut all = Faults::new();
    all.extend(planned.faults.iter().cloned());
    all.extend(unasked(&planned));
    all.extend(failures(&planned, &run, &ends));
    all.extend(faults.drain(..).map(|(_, fault)| fault));
    remember::remember(session, &planned, &done);
    session.remember();
    Ok(Applied {
        document: ApplyDocument::new(reports),
        faults: all,
        interrupted: session.cancel.is_cancelled(),
    })
}

/// What failed. Steps that failed for one and the same reason (a full disk, a registry that went away) are one fault.
fn failures(planned: &Planned, run: &[usize], ends: &[Ended]) -> Vec<Fault> {
    let mut groups: Vec<(Fault, Vec<&str>)> = Vec::new();
    for (index, end) in run.iter().zip(ends) {
        let (Ended::Failed(fault), Some(step)) = (end, planned.plan.steps.get(*index)) else {
            continue;
        };
        // A manifest with gaps is input that has to be corrected, whenever it is found.
        let fault = match step.kind {
            StepKind::Seal => fault.clone(),
            _ => as_step_fault(fault.clone()),
        };
        match groups.iter_mut().find(|(known, _)| *known == fault) {
            Some((_, steps)) => steps.push(step.id.as_str()),
            None => groups.push((fault, vec![step.id.as_str()])),
        }
    }
    let told = groups.into_iter().map(|(fault, steps)| match steps.as_slice() {
        [one] => fault.context(one),
        several => fault.because(format!("{} steps failed so: {}", several.len(), some_of(several))),
    });
    told.collect()
}

/// Steps nobody can tell about because the run is offline: what `plan` may leave open, `apply` may not.
fn unasked(planned: &Planned) -> Option<Fault> {
    let open: Vec<&str> = planned
        .plan
        .steps
        .iter()
        .filter(|step| step.reasons.contains(&Reason::NotAsked))
        .map(|step| step.id.as_str())
        .collect();
    if open.is_empty() {
        return None;
    }
    let fault = Fault::infrastructure("--offline leaves open what is to be done").because(open.join(", "));
    Some(fault.hint("run once without --offline"))
}

fn positions(planned: &Planned, wanted: impl Fn(Action) -> bool) -> Vec<usize> {
    planned
        .plan
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| wanted(step.action))
        .map(|(index, _)| index)
        .collect()
}

/// For each running step, the positions of the running steps that it needs.
fn dependencies(planned: &Planned, run: &[usize]) -> Vec<Vec<usize>> {
    let position: BTreeMap<&str, usize> = run
        .iter()
        .enumerate()
        .filter_map(|(position, index)| Some((planned.plan.steps.get(*index)?.id.as_str(), position)))
        .collect();
    run.iter()
        .map(|index| {
            let deps = planned
                .plan
                .steps
                .get(*index)
                .map(|step| step.deps.as_slice())
                .unwrap_or_default();
            deps.iter()
                .filter_map(|dep| position.get(dep.as_str()).copied())
                .collect()
        })
        .collect()
}

fn start(
    session: &Arc<Session>,
    planned: &Arc<Planned>,
    run: &[usize],
    moved: &BTreeMap<usize, Job>,
    position: usize,
) -> impl Future<Output = Result<(), Fault>> + Send + 'static {
    let index = run.get(position).copied().unwrap_or(usize::MAX);
    let job = moved
        .get(&index)
        .cloned()
        .unwrap_or_else(|| session.job("unknown step"));
    if let Some(step) = planned.plan.steps.get(index) {
        session.events.emit(Event::StepStarted {
            step: step.id.shared(),
            bytes: Some(step.bytes),
        });
    }
    Running {
        session: Arc::clone(session),
        planned: Arc::clone(planned),
        index,
        job,
    }
    .run()
}

fn announce(
    session: &Session,
    planned: &Planned,
    run: &[usize],
    moved: &BTreeMap<usize, Job>,
    position: usize,
    ended: &Ended,
) {
    let Some(index) = run.get(position) else { return };
    let Some(step) = planned.plan.steps.get(*index) else {
        return;
    };
    let filled = moved.get(index).map(Job::filled).unwrap_or_default();
    session.events.emit(Event::StepFinished {
        step: step.id.shared(),
        outcome: match ended {
            Ended::Done => Outcome::Done,
            Ended::Failed(fault) => Outcome::Failed(fault.clone()),
            Ended::Blocked => Outcome::Blocked,
            Ended::Cancelled => Outcome::Cancelled,
        },
        bytes_moved: filled.bytes_moved,
        bytes_mounted: filled.bytes_mounted,
        requests: filled.requests,
    });
}

/// Makes every store durable that was filled. Each failure with the index of its store.
async fn flush(planned: &Planned) -> Vec<(usize, Fault)> {
    let mut faults = Vec::new();
    for (index, store) in &planned.world.stores {
        if let Err(e) = store.flush().await {
            faults.push((*index, Fault::from(e).context(format!("store {}", store.name()))));
        }
    }
    faults
}

/// A step that failed for reasons of its own (corrupt content, a lost race) makes the run fail with 1; network, disk and
/// the like keep their code, so that whoever called knows that trying again may help.
fn as_step_fault(fault: Fault) -> Fault {
    if fault.kind() == Kind::Invalid {
        fault.of_kind(Kind::StepsFailed)
    } else {
        fault
    }
}

fn report(step: &crate::plan::PlanStep, outcome: StepOutcome, error: Option<String>, filled: Filled) -> StepReport {
    StepReport {
        id: step.id.clone(),
        kind: step.kind,
        outcome,
        bytes_moved: filled.bytes_moved,
        bytes_mounted: filled.bytes_mounted,
        requests: filled.requests,
        error,
    }
}
