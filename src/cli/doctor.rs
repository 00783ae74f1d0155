//! `doctor`: is everything there that a run needs?

use std::sync::Arc;

use super::Ended;
use super::context::Context;
use crate::doctor::{Check, CheckKind, DoctorDocument, Patient, State, examine};
use crate::fault::{Fault, Faults, Kind};
use crate::project::Project;
use crate::report::doctor_lines;

pub async fn run(context: &Context) -> Ended {
    let (project, broken) = project(context)?;
    let patient = Patient {
        project: project.map(Arc::new),
        helm: context.global.helm.clone(),
        offline: context.global.offline,
        events: context.screen.events(),
        cancel: context.cancel.clone(),
    };
    let mut document = tokio::select! {
        document = examine(&patient) => document,
        () = context.cancel.cancelled() => {
            return Err(Fault::new(Kind::Interrupted, "doctor: stopped").into());
        }
    };
    if let Some(check) = about_project(context, &patient, broken.as_ref()) {
        document.checks.insert(0, check);
        document = DoctorDocument::new(document.checks);
    }
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        let lines = doctor_lines(&document);
        context.screen.result(&context.screen.seen_from_here(&lines));
    }
    // What is wrong with the project's own files is told as every command tells it.
    let own = broken.as_ref().and_then(Faults::worst);
    if let Some(faults) = &broken {
        context.screen.faults(faults);
    }
    Ok(match (own, document.summary.missing) {
        (Some(kind), _) => kind.exit_code(),
        (None, 0) => 0,
        (None, _) => Kind::Infrastructure.exit_code(),
    })
}

/// The project, if there is one; or what is wrong with it, which is no reason not to look at the machine.
fn project(context: &Context) -> Result<(Option<Project>, Option<Faults>), Faults> {
    match context.stores_if_any() {
        Ok(project) => Ok((project, None)),
        // A folder or file that the command line names and that is not there: nothing was asked that can be answered.
        Err(faults) if faults.worst() == Some(Kind::Usage) => Err(faults),
        Err(faults) => Ok((None, Some(faults))),
    }
}

fn about_project(context: &Context, patient: &Patient, broken: Option<&Faults>) -> Option<Check> {
    let folder = context.folder().ok()?;
    let check = |state, detail: String, hint: Option<&str>| Check {
        check: CheckKind::Project,
        subject: None,
        state,
        detail,
        hint: hint.map(str::to_owned),
    };
    Some(match (&patient.project, broken) {
        (Some(project), _) => check(State::Ok, project.name.clone(), None),
        (None, Some(faults)) => {
            let errors = faults.iter().filter(|fault| fault.is_error()).count();
            let words = crate::report::count(errors as u64, "error");
            let hint = "correct what is told below, then run again: sources and stores were not looked at";
            check(State::Missing, words, Some(hint))
        }
        (None, None) => {
            let detail = format!(
                "none in {}: only this machine was looked at",
                context.screen.seen_from_here(folder.as_str())
            );
            check(State::Skipped, detail, None)
        }
    })
}
