//! Copies that take time, fail, are stopped or are found under way: in memory, under virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::pedantic,
    reason = "tests may fail loudly"
)]

use std::sync::Arc;

use bytes::Bytes;
use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::blob::SasUrl;
use crate::blob::tests::service::{CopyPlan, Fault as Wrong, Kind as Type, Rule, Storm};
use crate::blob::tests::{Fake, URL, container, containers, noise};
use crate::event::Silent;

/// A service with a source and an empty container, and a state folder.
struct World {
    fake: Fake,
    folder: tempfile::TempDir,
    content: Bytes,
}

const SOURCE: &str =
    "https://source.blob.core.windows.net/from/source.vhd?sv=2024-11-04&sr=b&sp=r&se=2100-01-01&sig=s0urce";

/// A fixed VHD of 5 MiB with a little data.
fn image(seed: u64) -> Vec<(u64, Bytes)> {
    let size = 5_u64 << 20;
    let mut footer = b"conectix".to_vec();
    footer.extend_from_slice(&2_u32.to_be_bytes());
    footer.extend_from_slice(&0x0001_0000_u32.to_be_bytes());
    footer.extend_from_slice(&u64::MAX.to_be_bytes());
    footer.resize(40, 0);
    footer.extend_from_slice(&size.to_be_bytes());
    footer.extend_from_slice(&size.to_be_bytes());
    footer.extend_from_slice(&[0; 4]);
    footer.extend_from_slice(&2_u32.to_be_bytes());
    footer.resize(512, 0);
    let sum: u32 = footer.iter().map(|byte| u32::from(*byte)).sum();
    footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
    vec![
        (512, noise(seed, 70_000 / 512 * 512)),
        ((4 << 20) + 8192, noise(seed + 1, 4096)),
        (size, footer.into()),
    ]
}

fn length() -> u64 {
    (5 << 20) + 512
}

impl World {
    fn new() -> Self {
        let fake = Fake::with_containers(&["from", "c"]);
        let content = fake
            .service()
            .plant("/from/source.vhd", length(), &image(1))
            .content
            .all();
        Self {
            fake,
            folder: tempfile::tempdir().unwrap(),
            content,
        }
    }

    fn options(&self) -> CopyOptions {
        CopyOptions {
            stream: false,
            parallel: 2,
            verify: Verify::Quick,
            replace: None,
            state: Utf8PathBuf::from_path_buf(self.folder.path().to_owned()).unwrap(),
        }
    }

    fn blob(&self) -> PageBlob {
        container(&self.fake, URL).blob("a.vhd")
    }

    fn remote(&self) -> Remote {
        let url = SasUrl::parse(SOURCE, "the variable SOURCE").unwrap();
        Remote::new(&containers(&self.fake), url, "the variable SOURCE")
    }

    async fn run(&self, options: &CopyOptions, job: &Job) -> Result<Copied, Faults> {
        copy(&self.remote(), &self.blob(), options, job).await
    }

    async fn copy(&self) -> Result<Copied, Faults> {
        self.run(&self.options(), &job()).await
    }

    fn plan(&self, plan: CopyPlan) {
        self.fake.service().copies = plan;
    }

    fn held(&self) -> Option<Bytes> {
        self.fake.service().blobs.get("/c/a.vhd").map(|blob| blob.content.all())
    }

    fn count(&self, name: &str) -> usize {
        self.fake.service().count(name)
    }

    fn intent(&self) -> Option<Intent> {
        IntentFile::new(&self.options().state, &self.blob().label()).load()
    }
}

fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

/// The only fault, in one line, with its hint.
fn only(faults: Faults) -> (Kind, String) {
    assert_eq!(faults.len(), 1, "{faults:?}");
    let fault = faults.into_iter().next().unwrap();
    (
        fault.kind(),
        format!("{fault} / {}", fault.hint_text().unwrap_or_default()),
    )
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_takes_time_is_awaited_with_growing_patience() {
    let world = World::new();
    world.plan(CopyPlan::After(20));
    let begun = tokio::time::Instant::now();
    let copied = world.copy().await.unwrap();
    assert_eq!((copied.way, copied.sent), (Way::ByService, 0));
    assert_eq!(world.held().unwrap(), world.content);
    assert_eq!(world.count("PUT copy"), 1);
    assert!(world.count("HEAD") < 26, "{} looks", world.count("HEAD"));
    assert!(begun.elapsed() > std::time::Duration::from_secs(100));
    assert_eq!(world.intent(), None, "nothing is under way any more");
}

#[tokio::test(start_paused = true)]
async fn the_services_reason_for_a_failure_is_told_and_the_next_run_begins_anew() {
    let world = World::new();
    world.plan(CopyPlan::Fails(2, "500 InternalServerError \"copy failed\"".into()));
    let (kind, words) = only(world.copy().await.unwrap_err());
    assert_eq!(kind, Kind::StepsFailed);
    assert!(
        words.contains("500 InternalServerError") && words.contains("--stream"),
        "{words}"
    );
    assert_eq!(world.intent(), None);
    world.plan(CopyPlan::AtOnce);
    // What the failed copy left is not taken for somebody else's.
    assert_eq!(world.copy().await.unwrap().way, Way::ByService);
    assert_eq!(world.held().unwrap(), world.content);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_the_service_cannot_read_has_the_hint_to_stream() {
    for (status, code) in [
        (404, "CannotVerifyCopySource"),
        (403, "CannotVerifyCopySource"),
        (409, "CopyAcrossAccountsNotSupported"),
    ] {
        let world = World::new();
        world.plan(CopyPlan::Refused(status, code.into()));
        let (kind, words) = only(world.copy().await.unwrap_err());
        assert_eq!(kind, Kind::Infrastructure);
        assert!(
            words.contains("cannot read the source") && words.contains("--stream"),
            "{words}"
        );
        assert!(words.contains(code), "{words}");
        assert_eq!(world.held(), None);
        assert_eq!(world.intent(), None);
        let stream = CopyOptions {
            stream: true,
            ..world.options()
        };
        assert_eq!(world.run(&stream, &job()).await.unwrap().way, Way::Streamed);
        assert_eq!(world.held().unwrap(), world.content);
    }
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_stops_the_copy_and_removes_what_is_left() {
    let world = World::new();
    world.plan(CopyPlan::Never);
    let job = job();
    let cancel = job.cancel.clone();
    let options = world.options();
    let (ended, ()) = tokio::join!(world.run(&options, &job), async {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert!(world.intent().unwrap().copy_id.is_some());
        cancel.cancel();
    });
    let (kind, words) = only(ended.unwrap_err());
    assert_eq!(kind, Kind::Interrupted);
    assert!(words.contains("the copy was stopped and removed"), "{words}");
    assert_eq!(world.held(), None);
    assert_eq!(world.intent(), None);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_removed_is_kept_and_the_command_that_does_it_is_told() {
    for (name, words_expected, left) in [
        (
            "DELETE",
            "az storage blob delete --auth-mode login --blob-url 'https://disks.blob.core.windows.net/c/a.vhd'",
            0,
        ),
        (
            "PUT copy",
            "az storage blob copy cancel --copy-id c0ffee00-0000-0000-0000-000000000001 --auth-mode login",
            length(),
        ),
    ] {
        let world = World::new();
        world.plan(CopyPlan::Never);
        let job = job();
        let cancel = job.cancel.clone();
        let options = world.options();
        let (ended, ()) = tokio::join!(world.run(&options, &job), async {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            let denied = Wrong::Refuse(403, "AuthorizationPermissionMismatch".into(), None);
            world.fake.service().rules.push(Rule::next(name, denied));
            cancel.cancel();
        });
        let (kind, words) = only(ended.unwrap_err());
        assert_eq!(kind, Kind::Interrupted);
        assert!(words.contains(words_expected), "{words}");
        assert_eq!(world.held().unwrap().len() as u64, left);
        // A copy that goes on is found by the next run; an empty blob is begun anew.
        world.plan(CopyPlan::AtOnce);
        if left > 0 {
            assert!(world.intent().is_some());
            finish(&world);
            assert_eq!(world.copy().await.unwrap().way, Way::Joined);
        } else {
            assert_eq!(world.copy().await.unwrap().way, Way::ByService);
        }
        assert_eq!(world.held().unwrap(), world.content);
    }
}

/// Has the copy that is under way end at the next look.
fn finish(world: &World) {
    let mut service = world.fake.service();
    let blob = service.blobs.get_mut("/c/a.vhd").unwrap();
    let copying = blob.copy.as_mut().unwrap();
    copying.let_go(CopyPlan::After(1));
}

/// A run that dies while the service copies: its future is dropped.
async fn die_while_copying(world: &World) {
    world.plan(CopyPlan::Never);
    let (options, job) = (world.options(), job());
    let run = world.run(&options, &job);
    let died = tokio::time::timeout(std::time::Duration::from_secs(10), run).await;
    assert!(died.is_err(), "{died:?}");
    finish(world);
    world.plan(CopyPlan::Refused(500, "NotAgain".into()));
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_dead_run_is_waited_for_and_not_asked_for_again() {
    let world = World::new();
    die_while_copying(&world).await;
    let copied = world.copy().await.unwrap();
    assert_eq!(copied.way, Way::Joined);
    assert_eq!(world.held().unwrap(), world.content);
    assert_eq!(world.count("PUT copy"), 1);
}

#[tokio::test(start_paused = true)]
async fn another_machine_finds_the_copy_by_what_the_blob_says() {
    let mut world = World::new();
    die_while_copying(&world).await;
    world.folder = tempfile::tempdir().unwrap();
    assert_eq!(world.copy().await.unwrap().way, Way::Joined);
    assert_eq!(world.count("PUT copy"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_under_way_does_not_need_its_source_any_more() {
    let world = World::new();
    die_while_copying(&world).await;
    world.fake.service().refused.insert("s0urce".into());
    assert_eq!(world.copy().await.unwrap().way, Way::Joined);
    assert_eq!(world.held().unwrap(), world.content);
    // And neither does one that was found done; but one that never began does.
    let other = World::new();
    other.fake.service().refused.insert("s0urce".into());
    let (kind, words) = only(other.copy().await.unwrap_err());
    assert_eq!(kind, Kind::Infrastructure);
    assert!(
        words.contains("source.blob.core.windows.net/from/source.vhd"),
        "{words}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_an_earlier_state_of_the_source_is_stopped_and_begun_anew() {
    let world = World::new();
    world.plan(CopyPlan::Never);
    let (options, job) = (world.options(), job());
    let died = tokio::time::timeout(std::time::Duration::from_secs(10), world.run(&options, &job)).await;
    assert!(died.is_err());
    let content = world
        .fake
        .service()
        .plant("/from/source.vhd", length(), &image(7))
        .content
        .all();
    world.plan(CopyPlan::AtOnce);
    assert_eq!(world.copy().await.unwrap().way, Way::ByService);
    assert_eq!(world.held().unwrap(), content);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_copy_is_left_alone() {
    let world = World::new();
    world.plan(CopyPlan::Never);
    let theirs = world.blob();
    let url = SasUrl::parse(SOURCE, "x").unwrap();
    let metadata = std::collections::BTreeMap::from([("owner".to_owned(), "somebody".to_owned())]);
    let state = theirs
        .start_copy(&url, None, &metadata, &Condition::none(), &job())
        .await
        .unwrap();
    let (kind, words) = only(world.copy().await.unwrap_err());
    assert_eq!(kind, Kind::StepsFailed);
    assert!(
        words.contains("another copy into it is under way") && words.contains(&state.id),
        "{words}"
    );
    assert_eq!(world.count("PUT copy"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_does_not_start_a_second_copy() {
    for fault in [Wrong::ResetAfter, Wrong::HangAfter] {
        let world = World::new();
        world.plan(CopyPlan::After(3));
        world.fake.service().rules.push(Rule::next("PUT copy", fault));
        world.copy().await.unwrap();
        assert_eq!(world.held().unwrap(), world.content);
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_who_writes_or_deletes_meanwhile_is_noticed() {
    for deletes in [false, true] {
        let world = World::new();
        world.plan(CopyPlan::Never);
        let (options, job) = (world.options(), job());
        let (ended, ()) = tokio::join!(world.run(&options, &job), async {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            let mut service = world.fake.service();
            if deletes {
                service.blobs.remove("/c/a.vhd");
            } else {
                service.plant("/c/a.vhd", 512, &[]);
            }
        });
        let (kind, words) = only(ended.unwrap_err());
        assert_eq!(kind, Kind::StepsFailed);
        assert!(words.contains("while it was copied"), "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_was_written_between_looking_and_copying_is_noticed() {
    let world = World::new();
    // The look at the target lies between the look at the source and the copy.
    world.fake.service().rules.push(Rule::next("HEAD", Wrong::Slow(30)));
    let (options, job) = (world.options(), job());
    let (ended, ()) = tokio::join!(world.run(&options, &job), async {
        tokio::time::sleep(std::time::Duration::from_secs(15)).await;
        world.fake.service().plant("/from/source.vhd", length(), &image(7));
    });
    let (_, words) = only(ended.unwrap_err());
    assert!(words.contains("somebody wrote to the source"), "{words}");
    assert_eq!(world.held(), None);
}

#[tokio::test(start_paused = true)]
async fn a_block_blob_is_not_asked_for() {
    let world = World::new();
    world.fake.service().blobs.get_mut("/from/source.vhd").unwrap().kind = Type::Block;
    let (kind, words) = only(world.copy().await.unwrap_err());
    assert_eq!(kind, Kind::Invalid);
    assert!(words.contains("--stream"), "{words}");
    assert_eq!(world.count("PUT copy"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_notices_who_takes_its_lease() {
    let world = World::new();
    let stream = CopyOptions {
        stream: true,
        parallel: 1,
        ..world.options()
    };
    let slow = Rule::next("PUT page", Wrong::Slow(40)).times(10);
    world.fake.service().rules.push(slow);
    let running = job();
    let (ended, ()) = tokio::join!(world.run(&stream, &running), async {
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        let mut service = world.fake.service();
        service.plant("/c/a.vhd", length(), &[]);
    });
    let (kind, _) = only(ended.unwrap_err());
    assert_ne!(kind, Kind::Bug);
    let claims = world.fake.service().blobs["/c/a.vhd"]
        .metadata
        .contains_key("aosm_digest");
    assert!(!claims, "it claims nothing that nobody proved");
}

/// Right or failed aloud, and right in the end.
async fn weather(seed: u64, stream: bool) -> bool {
    let world = World::new();
    let options = CopyOptions {
        stream,
        ..world.options()
    };
    world.plan(CopyPlan::After((seed % 4) as u32));
    world.fake.service().storm = Some(Storm::new(seed, 60));
    let ended = world.run(&options, &job()).await;
    let good = ended.is_ok();
    if let Ok(copied) = ended {
        assert_eq!(world.held().unwrap(), world.content, "seed {seed}: {copied:?}");
    }
    world.fake.service().storm = None;
    world.fake.service().rules.clear();
    // A lease that nobody gave up ends within a minute.
    tokio::time::sleep(std::time::Duration::from_secs(90)).await;
    let again = world.run(&options, &job()).await;
    assert!(again.is_ok(), "seed {seed}, the first run good: {good}: {again:?}");
    assert_eq!(world.held().unwrap(), world.content, "seed {seed}");
    good
}

#[tokio::test(start_paused = true)]
async fn in_any_weather_a_copy_is_right_or_fails_aloud_and_the_next_run_ends_it() {
    let mut good = 0;
    for seed in 0..60 {
        good += usize::from(weather(seed, seed % 2 == 1).await);
    }
    assert!(good > 30, "{good} of 60 went through at once");
}
