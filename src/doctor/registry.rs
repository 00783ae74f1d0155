//! One registry: does it answer, is the login good, may we pull and push? Nothing is written.

use std::sync::Arc;

use super::check::{Check, CheckKind, State};
use super::clock::Reading;
use crate::credentials::{Credential, Obtained};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::oci::registry::{Caller, Client, PushRight, Repository};
use crate::oci::{ErrorKind, OciError, Selector};

/// What is known to be in a registry: a repository, and what it holds.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) repository: String,
    pub(super) digest: Digest,
}

/// What is asked of one registry.
pub(super) enum Asked {
    /// Reading, best of something that is known to be there.
    Pull(Option<Known>),
    /// Writing to this repository, where one is known.
    Push(Option<String>),
}

/// Checks one registry. The reading of its clock comes along.
pub(super) async fn check(
    (kind, subject): (CheckKind, String),
    client: &Arc<Client>,
    asked: Asked,
    caller: &Caller,
) -> (Check, Option<Reading>) {
    let host = client.host.name.clone();
    let greeting = client.greet(caller).await;
    let reading = greeting.clock.map(|(there, here)| Reading {
        host: host.clone(),
        there,
        here,
    });
    let check = match greeting.login {
        Err(error) => failed(kind, error, &host),
        Ok(login) => {
            let words = login_words(login.as_ref());
            match asked {
                Asked::Pull(known) => pull(kind, client, known, words, caller).await,
                Asked::Push(repository) => push(kind, client, repository, words, caller).await,
            }
        }
    };
    (check.of(subject), reading)
}

fn login_words(login: Option<&Obtained>) -> String {
    match login {
        None => "answers, and asks for no login".to_owned(),
        Some(obtained) if obtained.credential == Credential::Anonymous => "answers without a login".to_owned(),
        Some(obtained) => format!("the login from the {} is good", obtained.from),
    }
}

async fn pull(kind: CheckKind, client: &Arc<Client>, known: Option<Known>, login: String, caller: &Caller) -> Check {
    let Some(known) = known else {
        let detail = format!("{login}; no image from it is in aosm.lock, so reading was not tried");
        return Check::new(kind, State::Ok, detail);
    };
    let asked = async {
        let name = client.host.repository(&known.repository);
        let repository = Repository::reading(client, &name)?;
        repository
            .resolve(&Selector::Digest(known.digest.clone()), caller)
            .await
    };
    match asked.await {
        Ok(_) => Check::new(kind, State::Ok, format!("{login}; {} can be read", known.repository)),
        Err(error) if error.kind == ErrorKind::Absent => {
            let detail = format!("{login}; {} no longer has {}", known.repository, known.digest.short());
            Check::new(kind, State::Warning, detail).hint("locate images anew: aosm-build lock --update")
        }
        Err(error) if error.kind == ErrorKind::Denied => {
            let detail = format!("{login}, but {} is denied or gone: {}", known.repository, error.detail);
            let hint = error.hint.unwrap_or_else(|| {
                format!(
                    "ask for the right to read {} (AcrPull at an Azure registry)",
                    known.repository
                )
            });
            Check::new(kind, State::Missing, detail).hint(hint)
        }
        Err(error) => failed(kind, error, &client.host.name),
    }
}

async fn push(
    kind: CheckKind,
    client: &Arc<Client>,
    repository: Option<String>,
    login: String,
    caller: &Caller,
) -> Check {
    let Some(repository) = repository else {
        let detail = format!("{login}; nothing that would go there is known yet, so the right to write is not known");
        return Check::new(kind, State::Ok, detail);
    };
    match client.may_push(&repository, caller).await {
        Ok(PushRight::Granted) => Check::new(kind, State::Ok, format!("{login}, for writing {repository} too")),
        Ok(PushRight::Unknown(why)) => {
            let detail = format!("{login}; {why}, so only writing shows whether that is allowed");
            Check::new(kind, State::Ok, detail)
        }
        Ok(PushRight::Refused(why)) => {
            let detail = format!("{login}, but not for writing {repository}: {why}");
            Check::new(kind, State::Missing, detail).hint(format!(
                "ask for the right to push there (AcrPush at an Azure registry), or log in as somebody who may: aosm-build login {}",
                client.host.name
            ))
        }
        Err(error) => failed(kind, error, &client.host.name),
    }
}

/// An error, with what to do about it.
pub(super) fn failed(kind: CheckKind, error: OciError, host: &str) -> Check {
    let detail = error.detail.clone();
    let login = matches!(error.kind, ErrorKind::BadCredentials | ErrorKind::Denied);
    let own = error.hint.clone();
    let usual = Fault::from(error).hint_text().map(str::to_owned);
    let hint = match (own, login) {
        (Some(hint), _) => Some(hint),
        (None, true) => Some(format!("log in: aosm-build login {host}")),
        (None, false) => usual,
    };
    Check {
        hint,
        ..Check::new(kind, State::Missing, detail)
    }
}
