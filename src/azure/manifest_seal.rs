//! Sealing a manifest: asked for once, then followed by the manifest's own state to its end.
//!
//! What `updateState` asks for is a state, so asking twice does no harm; still, one that is under way is followed and not
//! asked for again, as the service refuses a second operation on a manifest that it is working on (409).

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::arm::{Arm, ArmError, ArmErrorKind};
use super::manifest::ArtifactManifest;
use super::name::ManifestId;
use super::state::ManifestState;
use crate::event::Event;
use crate::oci::Job;

/// The first wait between two looks; it grows to the last.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long the service may take to show that it began, once it was asked.
const MAY_HESITATE: Duration = Duration::from_secs(60);
/// How long one that was asked for by an earlier run is watched before it is asked for again.
const WAS_ASKED: Duration = Duration::from_secs(3);

/// How sealing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealed {
    /// It is sealed.
    Yes,
    /// It was before anybody asked.
    Already,
    /// The service found it wanting; its reasons, where it gives any.
    Failed(Vec<String>),
}

/// Seals a manifest and waits for the end. `begun`: an earlier run asked for it and did not see the end; then what is
/// under way is waited for before it is asked for again.
pub async fn seal(arm: &Arm, id: &ManifestId, begun: bool, job: &Job) -> Result<Sealed, ArmError> {
    let (manifest, _) = ArtifactManifest::get_whole(arm, id, job).await?;
    match &manifest.state {
        Some(state) if state.is_sealed() => return Ok(Sealed::Already),
        Some(ManifestState::Validating) => return follow(arm, id, Watch::ToTheEnd, job).await,
        None => return Err(no_state(id)),
        _ => {}
    }
    if begun && manifest.state == Some(ManifestState::Uploading) {
        job.events.emit(Event::Detail(format!(
            "{id}: an earlier run asked for it to be sealed: waiting"
        )));
        match follow(arm, id, Watch::AWhile, job).await {
            // Nothing moved: that run was stopped before the service took it.
            Err(error) if error.kind == ArmErrorKind::Unfinished => {}
            other => return other,
        }
    }
    match ArtifactManifest::seal(arm, id, job).await {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {
            job.events.emit(Event::Detail(format!("{error}: waiting for its end")));
            return match follow(arm, id, Watch::ToTheEnd, job).await {
                // Nothing was under way: the refusal says why.
                Err(other) if other.kind == ArmErrorKind::Unfinished => Err(error),
                end => end,
            };
        }
        // What was found wanting may be told by the operation itself, too.
        Err(error) if error.kind == ArmErrorKind::Failed => {
            return match follow(arm, id, Watch::AWhile, job).await {
                Ok(Sealed::Failed(reasons)) => Ok(Sealed::Failed(with(error, reasons))),
                Ok(end) => Ok(end),
                Err(_) => Err(error),
            };
        }
        Err(error) => return Err(error),
    }
    follow(arm, id, Watch::ToTheEnd, job).await
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// Until an end is reached, as long as operations may take.
    ToTheEnd,
    /// Until it is plain that nothing is under way.
    AWhile,
}

async fn follow(arm: &Arm, id: &ManifestId, watch: Watch, job: &Job) -> Result<Sealed, ArmError> {
    let began = Instant::now();
    let mut wait = FIRST_WAIT;
    let mut told = String::new();
    loop {
        let (manifest, value) = ArtifactManifest::get_whole(arm, id, job).await?;
        let state = manifest.state.ok_or_else(|| no_state(id))?;
        let may_take = match (&state, watch) {
            (state, _) if state.is_sealed() => return Ok(Sealed::Yes),
            (ManifestState::ValidationFailed, _) => return Ok(Sealed::Failed(reasons(&value))),
            (ManifestState::Uploading, Watch::AWhile) => WAS_ASKED,
            (ManifestState::Uploading, Watch::ToTheEnd) => MAY_HESITATE.min(arm.operation_limit()),
            _ => arm.operation_limit(),
        };
        if told != state.as_str() {
            state.as_str().clone_into(&mut told);
            job.events.emit(Event::Detail(format!("{id}: {state}")));
        }
        if began.elapsed() + wait > may_take {
            return Err(unfinished(id, &state, may_take));
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = job.cancel.cancelled() => return Err(error(id, ArmErrorKind::Cancelled, "stopped")),
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Is it refused because it is being done?
fn is_under_way(error: &ArmError) -> bool {
    let code = error.service.code.as_deref().unwrap_or("conflict").to_ascii_lowercase();
    error.kind == ArmErrorKind::Refused
        && error.detail.starts_with("409")
        && ["conflict", "inprogress", "anotheroperation", "notready"]
            .iter()
            .any(|word| code.contains(word))
}

/// Why validation failed, as far as the manifest says it: the service has no field of its own for it, so errors are looked
/// for where Resource Manager puts them.
fn reasons(value: &Value) -> Vec<String> {
    let places = [
        "/properties/error",
        "/properties/validationErrors",
        "/properties/artifactManifestStateDetails",
        "/error",
    ];
    let mut found = Vec::new();
    for place in places {
        match value.pointer(place) {
            Some(Value::Array(list)) => found.extend(list.iter().filter_map(reason)),
            Some(one) => found.extend(reason(one)),
            None => {}
        }
    }
    found
}

/// One reason, on one line and not without end.
fn reason(value: &Value) -> Option<String> {
    const LONGEST: usize = 400;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(_) => {
            let of = |name: &str| value.get(name).and_then(Value::as_str);
            match (of("code"), of("message")) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (None, Some(message)) => message.to_owned(),
                (Some(code), None) => code.to_owned(),
                (None, None) => return None,
            }
        }
        _ => return None,
    };
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(text.chars().take(LONGEST).collect()).filter(|text: &String| !text.is_empty())
}

/// What the operation said, then what the manifest says.
fn with(error: ArmError, reasons: Vec<String>) -> Vec<String> {
    let mut all = vec![error.detail];
    all.extend(error.service.lines);
    all.extend(reasons);
    all
}

fn no_state(id: &ManifestId) -> ArmError {
    error(id, ArmErrorKind::Mismatch, "it has no state to be sealed from")
        .hint("manifests of storage accounts are never sealed; only those of registries are")
}

fn unfinished(id: &ManifestId, state: &ManifestState, limit: Duration) -> ArmError {
    error(
        id,
        ArmErrorKind::Unfinished,
        &format!("it is still {state} after {} s", limit.as_secs()),
    )
    .hint("it may go on without us: run again, it is followed and not begun anew; --operation-limit waits longer")
}

fn error(id: &ManifestId, kind: ArmErrorKind, detail: &str) -> ArmError {
    ArmError::new(kind, "seal artifact manifest", id.to_string(), detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;
    use crate::azure::testing::{Reply, Script, arm, job, manifest_id, reply};

    fn in_state(state: &str) -> Reply {
        reply(
            200,
            format!(
                r#"{{"id":"/m","name":"m","location":"westeurope","properties":{{"artifacts":[],"artifactManifestState":"{state}"}}}}"#
            ),
        )
    }

    async fn sealing(begun: bool, answers: Vec<Reply>) -> (Result<Sealed, ArmError>, usize) {
        let script = Script::new(answers);
        let end = seal(&arm(&script), &manifest_id(), begun, &job()).await;
        let asked = script
            .seen()
            .iter()
            .filter(|(line, _)| line.starts_with("POST") && line.contains("/updateState?"))
            .count();
        (end, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_asked_for_once_and_followed_to_its_end() {
        let states = ["Uploading", "Uploading", "Validating", "Uploaded"];
        let mut answers: Vec<Reply> = states.iter().map(|state| in_state(state)).collect();
        answers.insert(1, reply(200, ""));
        assert_eq!(sealing(false, answers).await, (Ok(Sealed::Yes), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sealed_is_not_asked_for() {
        for state in ["Uploaded", "Succeeded"] {
            assert_eq!(sealing(false, vec![in_state(state)]).await, (Ok(Sealed::Already), 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_under_way_is_followed_and_not_begun_again() {
        let validating = vec![in_state("Validating"), in_state("Validating"), in_state("Uploaded")];
        assert_eq!(sealing(false, validating).await, (Ok(Sealed::Yes), 0));
        // An earlier run asked; the service shows it later.
        let begun = vec![in_state("Uploading"), in_state("Uploading"), in_state("Uploaded")];
        assert_eq!(sealing(true, begun).await, (Ok(Sealed::Yes), 0));
        // Another asked a moment before.
        let conflict = reply(
            409,
            r#"{"error":{"code":"AnotherOperationInProgress","message":"busy"}}"#,
        );
        let refused = vec![
            in_state("Uploading"),
            conflict,
            in_state("Validating"),
            in_state("Uploaded"),
        ];
        assert_eq!(sealing(false, refused).await, (Ok(Sealed::Yes), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_run_that_came_to_nothing_is_asked_for_again() {
        let mut answers = vec![in_state("Uploading"); 4];
        answers.extend([reply(200, ""), in_state("Uploaded")]);
        assert_eq!(sealing(true, answers).await, (Ok(Sealed::Yes), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_validation_tells_its_reasons() {
        let failed = reply(
            200,
            r#"{"id":"/m","name":"m","location":"westeurope","properties":{"artifactManifestState":"ValidationFailed",
                "validationErrors":[{"code":"ArtifactNotFound","message":"nginx:1.0.0\n is not there"},"and more"]}}"#,
        );
        let answers = vec![in_state("Uploading"), reply(200, ""), failed];
        let reasons = vec![
            "ArtifactNotFound: nginx:1.0.0 is not there".to_owned(),
            "and more".to_owned(),
        ];
        assert_eq!(sealing(false, answers).await, (Ok(Sealed::Failed(reasons)), 1));
        // It may be asked for again once what was wrong is mended.
        let again = vec![in_state("ValidationFailed"), reply(200, ""), in_state("Uploaded")];
        assert_eq!(sealing(true, again).await, (Ok(Sealed::Yes), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_end_is_an_error_that_says_how_to_go_on() {
        let script = Script::endless(in_state("Validating"), in_state("Validating"));
        let error = seal(&arm(&script), &manifest_id(), false, &job()).await.unwrap_err();
        assert_eq!(error.kind, ArmErrorKind::Unfinished);
        assert!(error.detail.contains("still Validating after 1800 s"), "{error}");
        // A refusal without anything under way is told as it is.
        let refusal = Script::endless(
            in_state("Uploading"),
            reply(409, r#"{"error":{"code":"Locked","message":"a lock is on it"}}"#),
        );
        let error = seal(&arm(&refusal), &manifest_id(), false, &job()).await.unwrap_err();
        assert!(error.detail.contains("a lock is on it"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_manifest_without_a_state_cannot_be_sealed() {
        let bare = reply(200, r#"{"id":"/m","name":"m","location":"westeurope","properties":{}}"#);
        let (end, asked) = sealing(false, vec![bare]).await;
        assert_eq!((end.unwrap_err().kind, asked), (ArmErrorKind::Mismatch, 0));
    }
}
