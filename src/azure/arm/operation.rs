//! Long-running operations (Resource Manager, "Track asynchronous operations"): an answer that says where progress can be
//! seen, polled until it ends or a limit is reached.
//!
//! `Azure-AsyncOperation` names a status document, `Location` an address that answers 202 until it is done; a resource
//! that was put may instead say by its own `provisioningState` that it is not ready yet.

use std::time::{Duration, SystemTime};

use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use tokio::time::Instant;

use super::answer::Answer;
use super::client::{Arm, Ask, cancelled};
use super::error::{ArmError, ArmErrorKind};
use super::error_body::{one_line, told_of};
use crate::oci::Job;
use crate::oci::registry::retry::retry_after;

/// The wait where the service names none: grows from the first to the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// No service is asked more often than this, whatever it says.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Where progress is seen.
#[derive(Debug, Clone)]
enum Monitor {
    /// A document with `status`.
    Status(Url),
    /// 202 until it is done.
    Location(Url),
    /// The resource itself.
    Resource,
}

/// An operation that was accepted and may take a while.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    monitor: Monitor,
    /// Where its result will be.
    result: Option<Url>,
}

impl Operation {
    /// Where it can be looked at, as far as that may be written down and shown; `None` where only the resource itself shows it.
    pub fn place(&self) -> Option<Url> {
        match &self.monitor {
            Monitor::Status(url) | Monitor::Location(url) => Some(shown(url)),
            Monitor::Resource => None,
        }
    }
}

/// How far it is.
enum Progress {
    Going(String),
    Done,
}

impl Arm {
    /// Sends a request and waits until what it asks for is done. The last answer: the resource after PUT, the result
    /// after POST; its value is null where there is none.
    pub(crate) async fn run(&self, ask: &Ask, job: &Job) -> Result<Answer, ArmError> {
        let first = self.send(ask, job).await?;
        match self.accepted(ask, &first)? {
            None => Ok(first),
            Some(operation) => self.finish(ask, first, operation, job).await,
        }
    }

    /// The operation that an answer speaks of; `None`: what was asked for is done already.
    pub(crate) fn accepted(&self, ask: &Ask, first: &Answer) -> Result<Option<Operation>, ArmError> {
        let location = match first.header("location") {
            Some(text)
                if first.status == StatusCode::ACCEPTED || first.headers.contains_key("azure-asyncoperation") =>
            {
                Some(self.pointed(ask, first, text, "the operation's Location")?)
            }
            _ => None,
        };
        let monitor = match first.header("azure-asyncoperation") {
            Some(text) => Monitor::Status(self.pointed(ask, first, text, "the operation's status")?),
            None => match (&location, first.status) {
                (Some(url), StatusCode::ACCEPTED) => Monitor::Location(url.clone()),
                (None, StatusCode::ACCEPTED) => {
                    return Err(error(
                        ask,
                        ArmErrorKind::Protocol,
                        "202 without saying where progress can be seen".to_owned(),
                    )
                    .at(first.correlation()));
                }
                _ if is_put(ask) && matches!(resource_progress(ask, first)?, Progress::Going(_)) => Monitor::Resource,
                _ => return Ok(None),
            },
        };
        Ok(Some(Operation {
            monitor,
            result: location,
        }))
    }

    /// Waits for the end of an operation; the last answer, as [`Self::run`] gives it.
    pub(crate) async fn finish(
        &self,
        ask: &Ask,
        first: Answer,
        operation: Operation,
        job: &Job,
    ) -> Result<Answer, ArmError> {
        let Operation { monitor, result } = operation;
        let last = self.follow(ask, first, monitor.clone(), job).await?;
        match (&monitor, result) {
            (Monitor::Resource, _) => Ok(last),
            _ if is_put(ask) => self.send(&look(ask, ask.url.clone()), job).await,
            (Monitor::Status(_), Some(url)) if ask.method == Method::POST => self.send(&look(ask, url), job).await,
            _ => Ok(last),
        }
    }

    /// Waits for the end of an operation that an earlier run began and wrote down as [`Operation::place`] says.
    pub(crate) async fn resume(&self, ask: &Ask, place: &Url, job: &Job) -> Result<Answer, ArmError> {
        let home = self.endpoint();
        if place.origin() != home.origin() || !place.username().is_empty() || place.password().is_some() {
            return Err(error(
                ask,
                ArmErrorKind::Absent,
                "it was begun at another Resource Manager".to_owned(),
            ));
        }
        let first = self.send(&look(ask, place.clone()), job).await?;
        match location_progress(ask, &first)? {
            Progress::Done => Ok(first),
            Progress::Going(_) => self.follow(ask, first, Monitor::Location(place.clone()), job).await,
        }
    }

    async fn follow(&self, ask: &Ask, first: Answer, mut monitor: Monitor, job: &Job) -> Result<Answer, ArmError> {
        let until = Instant::now() + self.operation_limit;
        let mut own_wait = FIRST_WAIT;
        let mut state = "accepted".to_owned();
        let mut answer = first;
        loop {
            let asked = retry_after(&answer.headers, SystemTime::now());
            let wait = asked.unwrap_or(own_wait).max(SHORTEST_WAIT);
            own_wait = (own_wait * 2).min(LONGEST_WAIT);
            if Instant::now() + wait > until {
                return Err(self.unfinished(ask, &monitor, &state, &answer));
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = job.cancel.cancelled() => return Err(cancelled(ask)),
            }
            let url = match &monitor {
                Monitor::Status(url) | Monitor::Location(url) => url.clone(),
                Monitor::Resource => ask.url.clone(),
            };
            answer = match self.send(&look(ask, url), job).await {
                // What is deleted may be gone together with its own operation.
                Err(gone) if gone.kind == ArmErrorKind::Absent && ask.method == Method::DELETE => return Ok(answer),
                other => other?,
            };
            let progress = match &monitor {
                Monitor::Status(_) => status_progress(ask, &answer)?,
                Monitor::Location(_) => location_progress(ask, &answer)?,
                Monitor::Resource => resource_progress(ask, &answer)?,
            };
            match progress {
                Progress::Done => return Ok(answer),
                Progress::Going(seen) => state = seen,
            }
            // It may go on elsewhere.
            if let (Monitor::Location(_), Some(text)) = (&monitor, answer.header("location")) {
                monitor = Monitor::Location(self.pointed(ask, &answer, text, "the operation's Location")?);
            }
        }
    }

    fn unfinished(&self, ask: &Ask, monitor: &Monitor, state: &str, answer: &Answer) -> ArmError {
        let place = match monitor {
            Monitor::Status(url) | Monitor::Location(url) => url,
            Monitor::Resource => &ask.url,
        };
        let limit = self.operation_limit.as_secs();
        error(
            ask,
            ArmErrorKind::Unfinished,
            format!("the operation did not end within {limit} s (last state: {state})"),
        )
        .at(answer.correlation())
        .hint(format!(
            "it goes on without us: look with `az rest --method get --url '{}'`, then run again; --operation-limit waits longer",
            shown(place)
        ))
    }
}

/// An address that may be shown: operations carry signatures in their queries.
fn shown(url: &Url) -> Url {
    let mut bare = url.clone();
    let version = url
        .query_pairs()
        .find(|(name, _)| name.eq_ignore_ascii_case("api-version"))
        .map(|(_, value)| value.into_owned());
    bare.set_query(None);
    bare.set_fragment(None);
    if let Some(version) = version {
        bare.query_pairs_mut().append_pair("api-version", &version);
    }
    bare
}

/// Only what was put is surely there to be read: not everything that can be patched can be.
fn is_put(ask: &Ask) -> bool {
    ask.method == Method::PUT
}

/// Looking is a GET without a body.
fn look(ask: &Ask, url: Url) -> Ask {
    Ask {
        method: Method::GET,
        url,
        body: None,
        ..ask.clone()
    }
}

fn error(ask: &Ask, kind: ArmErrorKind, detail: String) -> ArmError {
    ArmError::new(kind, ask.operation, &ask.subject, detail)
}

/// `status` of an operation's document: `Succeeded`, `Failed` and `Canceled` are ends, everything else is on its way.
fn status_progress(ask: &Ask, answer: &Answer) -> Result<Progress, ArmError> {
    let Some(status) = answer.value.get("status").and_then(Value::as_str) else {
        return Err(error(
            ask,
            ArmErrorKind::Protocol,
            "the operation's answer lacks status".to_owned(),
        )
        .at(answer.correlation()));
    };
    progress(ask, answer, status)
}

/// 202 until it is done; where the answer is a status document its own words count.
fn location_progress(ask: &Ask, answer: &Answer) -> Result<Progress, ArmError> {
    match answer.value.get("status").and_then(Value::as_str) {
        Some(status) => progress(ask, answer, status),
        None if answer.status == StatusCode::ACCEPTED => Ok(Progress::Going("accepted".to_owned())),
        None => Ok(Progress::Done),
    }
}

fn resource_progress(ask: &Ask, answer: &Answer) -> Result<Progress, ArmError> {
    match answer
        .value
        .pointer("/properties/provisioningState")
        .and_then(Value::as_str)
    {
        Some(state) => progress(ask, answer, state),
        // Not every resource has one.
        None => Ok(Progress::Done),
    }
}

fn progress(ask: &Ask, answer: &Answer, state: &str) -> Result<Progress, ArmError> {
    let state = one_line(state);
    match state.to_ascii_lowercase().as_str() {
        "succeeded" => Ok(Progress::Done),
        "failed" | "canceled" | "cancelled" => {
            let told = answer.value.get("error").and_then(told_of).unwrap_or_default();
            let mut detail = match &told.code {
                Some(code) => format!("the operation {}: {code}", state.to_ascii_lowercase()),
                None => format!("the operation {}", state.to_ascii_lowercase()),
            };
            if !told.message.is_empty() {
                detail = format!("{detail}: {}", told.message);
            }
            let mut failed = error(ask, ArmErrorKind::Failed, detail).at(answer.correlation());
            failed.service.lines = told.lines;
            failed.service.code = told.code;
            Err(failed)
        }
        _ => Ok(Progress::Going(state)),
    }
}
