//! Downloads in bad weather: in memory, under virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::pedantic,
    reason = "tests may fail loudly"
)]

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::blob::tests::service::{Fault as Wrong, Rule, Storm};
use crate::blob::tests::{Fake, URL, container, noise};
use crate::event::Silent;

const LENGTH: u64 = (9 << 20) + 512;

/// A service with a blob, and a folder to download into.
struct World {
    fake: Fake,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            fake: Fake::with_containers(&["c"]),
            folder: tempfile::tempdir().unwrap(),
        };
        world.plant(1);
        world
    }

    /// Data in three of four pieces; what it is depends on the seed. All of it comes back.
    fn plant(&self, seed: u64) -> Bytes {
        let pages = [
            (0, noise(seed, 8192)),
            ((4 << 20) - 4096, noise(seed + 1, 8192)),
            (9 << 20, noise(seed + 2, 512)),
        ];
        self.fake.service().plant("/c/a.vhd", LENGTH, &pages).content.all()
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    async fn run(&self, job: &Job) -> Result<Downloaded, Fault> {
        let options = DownloadOptions {
            parallel: 2,
            force: false,
            md5: false,
            state: self.path("state"),
        };
        let blob = container(&self.fake, URL).blob("a.vhd");
        download(&blob, &self.path("a.vhd"), &options, job).await
    }

    fn file(&self) -> Option<Vec<u8>> {
        std::fs::read(self.path("a.vhd")).ok()
    }
}

fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

#[tokio::test(start_paused = true)]
async fn in_any_weather_a_download_is_right_or_fails_aloud_and_the_next_run_ends_it() {
    let mut good = 0;
    for seed in 0..60 {
        let world = World::new();
        let content = world.plant(seed);
        world.fake.service().storm = Some(Storm::new(seed, 150));
        let ended = world.run(&job()).await;
        world.fake.service().storm = None;
        match ended {
            Ok(_) => good += 1,
            Err(fault) => {
                assert_eq!(world.file(), None, "seed {seed}: {fault}");
                world.run(&job()).await.unwrap();
            }
        }
        assert!(world.file().unwrap() == content, "seed {seed}");
    }
    assert!(good > 30, "{good} of 60 went through at once");
}

#[tokio::test(start_paused = true)]
async fn a_blob_that_is_written_meanwhile_is_one_error_and_the_next_run_has_its_new_content() {
    let world = World::new();
    let slow = Rule::next("GET", Wrong::Slow(30)).after(1);
    world.fake.service().rules.push(slow);
    let running = job();
    let mut new = Bytes::new();
    let (ended, ()) = tokio::join!(world.run(&running), async {
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        new = world.plant(77);
    });
    let fault = ended.unwrap_err();
    assert_eq!(fault.kind(), Kind::StepsFailed);
    assert!(fault.message().contains("somebody wrote to it meanwhile"), "{fault}");
    assert_eq!(world.file(), None);
    let done = world.run(&job()).await.unwrap();
    assert_eq!(done.resumed, 0, "nothing of the old state counts");
    assert!(world.file().unwrap() == new);
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_keeps_what_is_there_for_the_next_run() {
    let world = World::new();
    world
        .fake
        .service()
        .rules
        .push(Rule::next("GET", Wrong::HangBefore).after(1));
    let running = job();
    let cancel = running.cancel.clone();
    let (ended, ()) = tokio::join!(world.run(&running), async {
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        cancel.cancel();
    });
    let fault = ended.unwrap_err();
    assert_eq!(fault.kind(), Kind::Interrupted);
    assert_eq!(world.file(), None);
    let done = world.run(&job()).await.unwrap();
    assert!(done.resumed > 0, "{done:?}");
    assert_eq!(done.fetched + done.resumed, 8192 + 8192 + 512);
}

#[test]
fn a_disk_that_is_full_or_has_no_room_says_how_much_is_missing() {
    let path = Utf8Path::new("a.vhd");
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let fault = place::failed(path, &full, Some(4096));
    assert!(fault.message().contains("4096 more bytes"), "{fault}");
    assert!(place::room_for(path, 1).is_ok());
    if cfg!(unix) {
        let fault = place::room_for(path, u64::MAX).unwrap_err();
        assert_eq!(fault.kind(), Kind::Infrastructure);
        assert!(fault.message().contains("are free there"), "{fault}");
    }
}
