//! Imports against a script of answers, under virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "tests may fail loudly"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use super::*;
use crate::azure::arm::ArmSettings;
use crate::azure::testing::{Script, arm_with, job, reply};
use crate::credentials::Secret;
use crate::digest::Digest;
use crate::fault::{Fault, Kind};
use crate::oci::OciError;
use crate::oci::registry::Lent;

const REGISTRY: &str =
    "/subscriptions/s-1/resourceGroups/managed/providers/Microsoft.ContainerRegistry/registries/contoso1";
const OPERATION: &str = "https://management.azure.com/operations/7?api-version=2023-07-01&t=1&s=planted-signature";

/// What the tag names, look by look; the last for ever after.
struct Tag(Mutex<VecDeque<Option<Digest>>>);

impl Tag {
    fn new(held: impl IntoIterator<Item = Option<Digest>>) -> Self {
        Self(Mutex::new(held.into_iter().collect()))
    }
}

#[async_trait::async_trait]
impl TargetTag for Tag {
    async fn held(&self) -> Result<Option<Digest>, OciError> {
        let mut held = self.0.lock().unwrap();
        let first = held.front().cloned().unwrap();
        if held.len() > 1 {
            held.pop_front();
        }
        Ok(first)
    }
}

fn wanted() -> Digest {
    Digest::of(b"image")
}

fn import() -> Import {
    Import {
        registry: RegistryId::parse(REGISTRY).unwrap(),
        source: SourceImage {
            registry: "source.azurecr.io".into(),
            repository: "test/release/a".into(),
            login: Some(Lent {
                username: "user".into(),
                password: Secret::new("planted-password"),
            }),
        },
        repository: "release/a".into(),
        tag: "1.0.0".into(),
        digest: wanted(),
    }
}

struct Fixture {
    folder: tempfile::TempDir,
    script: Script,
}

impl Fixture {
    fn new(script: Script) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            script,
        }
    }

    fn state(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().to_owned()
    }

    fn file(&self) -> IntentFile {
        IntentFile::new(&self.state(), &import())
    }

    async fn run(&self, tag: &Tag) -> Result<Imported, ImportError> {
        let arm = arm_with(&self.script, settings());
        let all = Imports::new(self.state());
        all.import(&arm, &import(), tag, &job()).await
    }

    fn posts(&self) -> usize {
        self.script
            .seen()
            .iter()
            .filter(|(line, _)| line.starts_with("POST"))
            .count()
    }

    /// Everything that was written down.
    fn notes(&self) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(self.folder.path().join("imports")).unwrap() {
            text += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
        }
        text
    }
}

fn settings() -> ArmSettings {
    ArmSettings {
        operation_limit: Duration::from_secs(600),
        ..ArmSettings::default()
    }
}

fn accepted() -> crate::azure::testing::Reply {
    reply(202, "").with("location", OPERATION)
}

fn service_error(code: &str, message: &str) -> String {
    json!({"error": {"code": code, "message": message}}).to_string()
}

#[tokio::test(start_paused = true)]
async fn an_import_asks_for_the_digest_never_forces_and_is_proven_by_the_tag() {
    let fixture = Fixture::new(Script::new([reply(200, "")]));
    let tag = Tag::new([Some(wanted())]);
    assert_eq!(fixture.run(&tag).await.unwrap(), Imported::Asked);
    let (line, body) = fixture.script.seen().remove(0);
    assert_eq!(
        line,
        format!("POST https://management.azure.com{REGISTRY}/importImage?api-version=2023-07-01")
    );
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({
            "source": {
                "registryUri": "source.azurecr.io",
                "sourceImage": format!("test/release/a@{}", wanted()),
                "credentials": {"username": "user", "password": "planted-password"},
            },
            "targetTags": ["release/a:1.0.0"],
            "mode": "NoForce",
        })
    );
    assert_eq!(fixture.file().load(), None, "nothing is under way any more");
}

#[tokio::test(start_paused = true)]
async fn an_import_that_takes_time_is_noted_without_secrets_and_polled_to_its_end() {
    let fixture = Fixture::new(Script::endless(accepted(), reply(202, "")));
    let arm = arm_with(&fixture.script, settings());
    let all = Imports::new(fixture.state());
    let (import, tag, job) = (import(), Tag::new([None]), job());
    let running = all.import(&arm, &import, &tag, &job);
    let stop = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        job.cancel.cancel();
    };
    let (ended, ()) = tokio::join!(running, stop);
    assert_eq!(Fault::from(ended.unwrap_err()).kind(), Kind::Interrupted);
    let notes = fixture.notes();
    assert!(notes.contains("operations/7?api-version=2023-07-01"), "{notes}");
    assert!(!notes.contains("planted"), "{notes}");

    // The next run waits for the same operation, and asks for nothing.
    let again = Fixture {
        script: Script::new([reply(202, ""), reply(202, ""), reply(200, "")]),
        ..fixture
    };
    let tag = Tag::new([Some(wanted())]);
    assert_eq!(again.run(&tag).await.unwrap(), Imported::Found);
    assert_eq!(again.posts(), 0);
    assert_eq!(again.file().load(), None);
}

#[tokio::test(start_paused = true)]
async fn a_failed_import_is_a_failure_with_its_reason_and_without_the_password_it_repeats() {
    let reason = "UNAUTHORIZED: planted-password is not allowed to pull";
    let failed = |status| json!({"status": status, "error": {"code": "ImportFailed", "message": reason}}).to_string();
    for (answers, word) in [
        (vec![accepted(), reply(200, failed("Failed"))], "ImportFailed"),
        (
            vec![accepted(), reply(202, ""), reply(200, failed("Canceled"))],
            "canceled",
        ),
        (
            vec![accepted(), reply(400, service_error("ImportFailed", reason))],
            "ImportFailed",
        ),
        (
            vec![reply(400, service_error("InvalidParameters", reason))],
            "InvalidParameters",
        ),
    ] {
        let fixture = Fixture::new(Script::new(answers));
        let error = fixture.run(&Tag::new([None])).await.unwrap_err();
        assert!(matches!(error, ImportError::Service(_)), "{error:?}");
        assert!(!format!("{error:?}").contains("planted"), "{error:?}");
        let fault = Fault::from(error);
        let told = fault.to_string();
        assert!(told.contains(word) && told.contains("is not allowed to pull"), "{told}");
        assert!(fault.hint_text().unwrap().contains("copy = \"stream\""));
        assert_eq!(fixture.file().load(), None, "{word}: asked anew by the next run");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_there_already_is_compared() {
    let conflict = || reply(409, service_error("Conflict", "The tag 1.0.0 already exists."));
    let late = || {
        let body = json!({"status": "Failed", "error": {"code": "Conflict", "message": "exists"}});
        reply(200, body.to_string())
    };
    for answers in [vec![conflict()], vec![accepted(), late()]] {
        let fixture = Fixture::new(Script::new(answers.clone()));
        let same = fixture.run(&Tag::new([Some(wanted())])).await.unwrap();
        assert_eq!(same, Imported::WasThere);
        let fixture = Fixture::new(Script::new(answers));
        let other = Digest::of(b"other");
        let error = fixture.run(&Tag::new([Some(other.clone())])).await.unwrap_err();
        let told = Fault::from(error);
        assert_eq!(told.kind(), Kind::StepsFailed);
        assert!(told.to_string().contains(other.as_str()), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_we_may_not_ask_is_told_apart_with_the_right_that_it_takes() {
    let unseen = Fixture::new(Script::new([reply(404, service_error("ResourceNotFound", "no"))]));
    let error = unseen.run(&Tag::new([None])).await.unwrap_err();
    assert!(matches!(error, ImportError::Denied(_)), "{error:?}");
    let fixture = Fixture::new(Script::new([reply(403, service_error("AuthorizationFailed", "no"))]));
    let error = fixture.run(&Tag::new([None])).await.unwrap_err();
    let ImportError::Denied(error) = error else {
        panic!("{error:?}")
    };
    assert!(error.hint.as_ref().unwrap().contains("registries/importImage/action"));
    assert_eq!(fixture.file().load(), None);
    let all = Imports::new(fixture.state());
    let id = RegistryId::parse(REGISTRY).unwrap();
    assert_eq!(all.denied(&id), None);
    assert!(all.deny(&id, &error) && !all.deny(&id, &error), "told once");
    assert_eq!(all.denied(&id), Some(error));
}

#[tokio::test(start_paused = true)]
async fn an_import_of_an_earlier_run_that_is_forgotten_or_failed_is_asked_for_anew() {
    for answer in [
        reply(404, service_error("NotFound", "no such operation")),
        reply(200, json!({"status": "Failed", "error": {"code": "X"}}).to_string()),
    ] {
        let fixture = Fixture::new(Script::new([answer, reply(200, "")]));
        let mut intent = Intent::new(&import());
        intent.operation = Some(OPERATION.into());
        fixture.file().save(&intent).await.unwrap();
        let tag = Tag::new([None, Some(wanted())]);
        assert_eq!(fixture.run(&tag).await.unwrap(), Imported::Asked);
        assert_eq!(fixture.posts(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_knows_whether_it_was_asked_for_the_tag_is_watched_before_it_is_asked_again() {
    let fixture = Fixture::new(Script::new([]));
    fixture.file().save(&Intent::new(&import())).await.unwrap();
    let tag = Tag::new([None, None, Some(wanted())]);
    assert_eq!(fixture.run(&tag).await.unwrap(), Imported::Found);
    assert_eq!(fixture.posts(), 0);

    let fixture = Fixture::new(Script::new([reply(200, "")]));
    fixture.file().save(&Intent::new(&import())).await.unwrap();
    let tag = Tag::new([None, None, None, None, None, Some(wanted())]);
    assert_eq!(fixture.run(&tag).await.unwrap(), Imported::Asked);
    assert_eq!(fixture.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_note_that_leads_to_another_host_is_not_followed() {
    let fixture = Fixture::new(Script::new([reply(200, "")]));
    let mut intent = Intent::new(&import());
    intent.operation = Some("https://evil.example/operations/7".into());
    fixture.file().save(&intent).await.unwrap();
    let tag = Tag::new([None, Some(wanted())]);
    assert_eq!(fixture.run(&tag).await.unwrap(), Imported::Asked);
    assert!(fixture.script.seen().iter().all(|(line, _)| !line.contains("evil")));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_says_done_while_the_tag_says_otherwise_is_not_believed() {
    for held in [None, Some(Digest::of(b"other"))] {
        let fixture = Fixture::new(Script::new([reply(200, "")]));
        let error = fixture.run(&Tag::new([held.clone()])).await.unwrap_err();
        assert!(
            matches!(&error, ImportError::Conflict { held: found, .. } if *found == held),
            "{error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_without_end_is_left_alone_and_found_by_the_next_run() {
    let fixture = Fixture::new(Script::endless(accepted(), reply(202, "")));
    let error = fixture.run(&Tag::new([None])).await.unwrap_err();
    let fault = Fault::from(error);
    assert!(fault.to_string().contains("did not end within 600 s"), "{fault}");
    assert!(fault.hint_text().unwrap().contains("the next run waits for it"));
    assert!(fixture.file().load().unwrap().operation.is_some());
    let broken = Fixture::new(Script::endless(reply(503, ""), reply(503, "")));
    assert!(broken.run(&Tag::new([None])).await.is_err());
    assert!(broken.file().load().is_some(), "it may have been asked for");
}

#[tokio::test]
async fn an_intent_is_about_one_tag_and_content_and_damage_is_none() {
    let fixture = Fixture::new(Script::new([]));
    let file = fixture.file();
    assert_eq!(file.load(), None);
    let mut intent = Intent::new(&import());
    intent.operation = Some(OPERATION.into());
    file.save(&intent).await.unwrap();
    assert_eq!(file.load(), Some(intent));
    for other in [
        Import {
            digest: Digest::of(b"other"),
            ..import()
        },
        Import {
            tag: "2".into(),
            ..import()
        },
    ] {
        assert_eq!(IntentFile::new(&fixture.state(), &other).load(), None);
    }
    let path = std::fs::read_dir(fixture.folder.path().join("imports"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    std::fs::write(path.path(), "damaged").unwrap();
    assert_eq!(file.load(), None);
    file.remove();
    assert!(!path.path().exists());
}

#[tokio::test(start_paused = true)]
async fn no_more_than_some_are_under_way_at_a_time() {
    // Never ends: whoever has a turn keeps it.
    let fixture = Fixture::new(Script::endless(accepted(), accepted()));
    let arm = arm_with(&fixture.script, settings());
    let all = Imports::new(fixture.state());
    let job = job();
    let tasks: Vec<_> = (0..10)
        .map(|number| {
            let (arm, all, job) = (Arc::clone(&arm), Arc::clone(&all), job.clone());
            tokio::spawn(async move {
                let one = Import {
                    tag: number.to_string(),
                    ..import()
                };
                all.import(&arm, &one, &Tag::new([None]), &job).await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(fixture.posts(), IMPORTS_AT_ONCE);
    job.cancel.cancel();
    for task in tasks {
        assert!(task.await.unwrap().is_err());
    }
    assert_eq!(fixture.posts(), IMPORTS_AT_ONCE);
}
