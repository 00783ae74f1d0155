#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::blob::tests::service::{Fault as Wire, Rule, Storm};
use crate::blob::tests::{Fake, URL, container, job};
use crate::disk::remember;
use crate::disk::{Held, Wanted, look_for};
use crate::oci::backoff::Jitter;

const PATH: &str = "/c/a.vhd";
const KIB: usize = 1024;

/// A file, what it holds, and where its state is kept.
struct Image {
    _folder: tempfile::TempDir,
    state: Utf8PathBuf,
    file: Utf8PathBuf,
    content: Vec<u8>,
    scanned: Scanned,
}

impl Image {
    /// A file of a MiB and a footer's length, with data in some blocks of 64 KiB.
    async fn new(seed: u64) -> Self {
        let mut dice = Jitter::new(seed);
        let mut content = vec![0_u8; 1024 * KIB + 512];
        for block in content.chunks_mut(64 * KIB) {
            if dice.next_u64().is_multiple_of(2) {
                let length = block.len().min(1000);
                block[..length].fill_with(|| dice.next_u64().to_le_bytes()[0]);
            }
        }
        Self::of(content).await
    }

    async fn of(content: Vec<u8>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8PathBuf::from_path_buf(folder.path().join("state")).unwrap();
        let file = Utf8PathBuf::from_path_buf(folder.path().join("disk.vhd")).unwrap();
        std::fs::write(&file, &content).unwrap();
        let scanned = scan(&file).await;
        Self {
            _folder: folder,
            state,
            file,
            content,
            scanned,
        }
    }

    fn options(&self) -> UploadOptions {
        UploadOptions {
            parallel: 3,
            md5: false,
            verify: Verify::Quick,
            replace: None,
            state: self.state.clone(),
        }
    }

    async fn upload(&self, blob: &PageBlob, job: &Job) -> Result<Uploaded, Fault> {
        upload(blob, &self.file, &self.scanned, &self.options(), job).await
    }

    /// What the service holds is the file, and it says so.
    fn assert_held(&self, fake: &Fake, when: &str) {
        let service = fake.service();
        let held = &service.blobs[PATH];
        assert!(held.content.all() == self.content, "{when}: other content");
        assert_eq!(
            held.metadata.get(marks::DIGEST).map(String::as_str),
            Some(self.scanned.digest.as_str()),
            "{when}"
        );
        assert_eq!(held.metadata.get(marks::UPLOAD), None, "{when}");
    }

    /// If anything claims the digest, it is right.
    fn assert_no_false_claim(&self, fake: &Fake, when: &str) {
        let service = fake.service();
        if let Some(held) = service.blobs.get(PATH)
            && held.metadata.contains_key(marks::DIGEST)
        {
            assert!(held.content.all() == self.content, "{when}: a false claim");
        }
    }
}

async fn scan(file: &Utf8Path) -> Scanned {
    let cancel = CancellationToken::new();
    crate::vhd::scan(file, Arc::new(|_, _| {}), &cancel).await.unwrap()
}

fn service() -> (Fake, PageBlob) {
    let fake = Fake::with_containers(&["c"]);
    let blob = container(&fake, URL).blob("a.vhd");
    (fake, blob)
}

/// One seeded life of an upload: faults, and perhaps a kill, a stop, a stolen lease or a foreign write. `true`: the first run
/// ended well.
async fn life(seed: u64) -> bool {
    let mut dice = Jitter::new(seed);
    let image = Image::new(seed % 7).await;
    let (fake, blob) = service();
    let storm = Storm::new(seed, 40 + dice.next_u64() % 300);
    let merciless = dice.next_u64().is_multiple_of(3);
    fake.service().storm = Some(if merciless { storm.merciless() } else { storm });
    let event = dice.next_u64() % 8;
    let when = Duration::from_millis(dice.next_u64() % 60_000);
    let words = format!("seed {seed}, event {event} after {when:?}");
    let running = job();
    let stop = running.cancel.clone();
    let mut life = Box::pin(image.upload(&blob, &running));
    let first = tokio::select! {
        ended = &mut life => Some(ended),
        () = tokio::time::sleep(when), if event < 5 => match event {
            // Killed: nothing of it runs any more.
            0 | 1 => None,
            2 => {
                stop.cancel();
                Some(life.as_mut().await)
            }
            3 => {
                let now = fake.now();
                if let Some(held) = fake.service().blobs.get_mut(PATH) {
                    held.lease.seize("somebody", now);
                }
                Some(life.as_mut().await)
            }
            _ => {
                // Somebody writes where nobody holds a lease: right after a kill whose lease was broken.
                if let Some(held) = fake.service().blobs.get_mut(PATH)
                    && !held.metadata.contains_key(marks::DIGEST)
                {
                    held.lease = <_>::default();
                    held.content.write(512 * KIB as u64, Bytes::from(vec![7_u8; 512]));
                    held.etag = format!("\"by hand {seed}\"");
                }
                None
            }
        },
    };
    // A killed run does nothing any more.
    drop(life);
    let well = match first {
        Some(Ok(uploaded)) => {
            image.assert_held(&fake, &words);
            assert_eq!(uploaded.receipt.digest, image.scanned.digest);
            true
        }
        Some(Err(fault)) => {
            assert!(
                !fault.message().is_empty() && fault.kind() != Kind::Bug,
                "{words}: {fault}"
            );
            image.assert_no_false_claim(&fake, &words);
            false
        }
        None => {
            image.assert_no_false_claim(&fake, &words);
            false
        }
    };
    // A stolen lease ends by itself; then, without faults, the next run has to make it.
    fake.service().storm = None;
    tokio::time::sleep(Duration::from_secs(61)).await;
    let next = image.upload(&blob, &job()).await;
    assert!(next.is_ok(), "{words}: the next run: {next:?}");
    image.assert_held(&fake, &words);
    well
}

#[test]
fn two_thousand_seeded_lives_end_right_or_aloud_and_the_next_run_finishes_them() {
    const LIVES: u64 = 2000;
    let (next, well) = (AtomicU64::new(0), AtomicUsize::new(0));
    let failed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        // They wait for the disk more than they compute.
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= LIVES {
                        return;
                    }
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .start_paused(true)
                        .build()
                        .unwrap();
                    // All that fail are told, by what they can be repeated by.
                    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(life(seed))));
                    match ended {
                        Ok(ended) => {
                            well.fetch_add(usize::from(ended), Ordering::SeqCst);
                        }
                        Err(_) => failed.lock().unwrap().push(seed),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
    let well = well.into_inner();
    assert!(
        well > 500 && well < 1900,
        "{well} of {LIVES} ended well at once: faults should make a difference"
    );
}

#[tokio::test(start_paused = true)]
async fn a_quiet_upload_takes_the_requests_it_needs_and_sends_no_zeros() {
    let image = Image::new(1).await;
    let (fake, blob) = service();
    let uploaded = image.upload(&blob, &job()).await.unwrap();
    image.assert_held(&fake, "quiet");
    let service = fake.service();
    assert_eq!(uploaded.sent, image.scanned.data_bytes());
    assert_eq!(service.page_bytes(), image.scanned.data_bytes());
    assert_eq!(
        (uploaded.resumed, uploaded.zero + uploaded.sent),
        (0, image.scanned.length)
    );
    // Creation; the lease taken and given up.
    assert_eq!((service.count("PUT"), service.count("PUT lease")), (1, 2));
    assert_eq!(
        (
            service.count("HEAD"),
            service.count("GET pagelist"),
            service.count("GET")
        ),
        (4, 1, 0)
    );
    assert_eq!((service.count("PUT metadata"), service.count("PUT clear")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_but_zeros_still_has_its_last_page() {
    let image = Image::of(vec![0; 256 * KIB]).await;
    let (fake, blob) = service();
    let uploaded = image.upload(&blob, &job()).await.unwrap();
    assert!(uploaded.sent >= 512 && uploaded.sent <= 64 * KIB as u64, "{uploaded:?}");
    image.assert_held(&fake, "zeros");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_failed_left_no_lease_and_the_next_sends_only_the_rest() {
    let image = Image::new(2).await;
    let (fake, blob) = service();
    let refused = Wire::Refuse(403, "AuthorizationFailure".into(), None);
    fake.service()
        .rules
        .push(Rule::next("PUT page", refused).after(3).times(100));
    let fault = image.upload(&blob, &job()).await.unwrap_err();
    assert!(fault.to_string().contains("the next run goes on from there"), "{fault}");
    assert!(!fake.service().blobs[PATH].lease.is_held(fake.now()));
    let sent: u64 = 3 * 64 * KIB as u64;
    fake.service().rules.clear();
    let uploaded = image.upload(&blob, &job()).await.unwrap();
    assert_eq!(
        (uploaded.resumed, uploaded.sent),
        (sent, image.scanned.data_bytes() - sent)
    );
    image.assert_held(&fake, "resumed");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ran_out_while_the_machine_slept_is_taken_up_again() {
    let image = Image::new(3).await;
    let (fake, blob) = service();
    // Nothing renews it, and one write takes long enough for it to end; then the others go on.
    fake.service()
        .rules
        .push(Rule::next("PUT lease", Wire::Slow(300)).after(1).times(2));
    fake.service()
        .rules
        .push(Rule::next("PUT page", Wire::Slow(100)).times(3));
    image.upload(&blob, &job()).await.unwrap();
    image.assert_held(&fake, "after the sleep");
}

#[tokio::test(start_paused = true)]
async fn content_that_is_not_what_was_scanned_is_never_claimed() {
    let mut image = Image::new(4).await;
    let (fake, blob) = service();
    let last = image.scanned.data.len() - 1;
    image.scanned.data[last].crc64 ^= 1;
    let fault = image.upload(&blob, &job()).await.unwrap_err();
    assert_eq!(fault.kind(), Kind::Invalid, "{fault}");
    assert!(fault.message().contains("changed while it was read"), "{fault}");
    assert!(!fake.service().blobs[PATH].metadata.contains_key(marks::DIGEST));
    // The same bytes, scanned right.
    image.scanned = scan(&image.file).await;
    image.upload(&blob, &job()).await.unwrap();
    image.assert_held(&fake, "in the end");
}

#[tokio::test(start_paused = true)]
async fn a_takeover_without_proof_that_is_killed_is_still_without_proof() {
    let image = Image::new(5).await;
    let (fake, blob) = service();
    let refused = || Wire::Refuse(403, "AuthorizationFailure".into(), None);
    fake.service()
        .rules
        .push(Rule::next("PUT page", refused()).after(4).times(100));
    image.upload(&blob, &job()).await.unwrap_err();
    // Somebody damages what was sent, and this machine forgets everything.
    {
        let mut service = fake.service();
        service.rules.clear();
        let held = service.blobs.get_mut(PATH).unwrap();
        let damaged: Vec<u64> = image.scanned.data.iter().map(|run| run.start).collect();
        let pages = held.content.ranges(0, image.scanned.length);
        for start in damaged {
            if pages.iter().any(|range| range.0 <= start && start < range.1) {
                held.content.write(start, Bytes::from(vec![9_u8; 512]));
            }
        }
        held.etag = "\"by hand\"".into();
    }
    std::fs::remove_dir_all(&image.state).unwrap();
    // The takeover fails at its first comparison, and its lease is as good as a proof to the one after it.
    fake.service().rules.push(Rule::next("GET", refused()).times(100));
    image.upload(&blob, &job()).await.unwrap_err();
    fake.service().rules.clear();
    image.upload(&blob, &job()).await.unwrap();
    image.assert_held(&fake, "compared after all");
}

#[tokio::test(start_paused = true)]
async fn a_verification_that_fails_makes_the_next_run_compare() {
    let image = Image::new(6).await;
    let (fake, blob) = service();
    let mut options = image.options();
    options.verify = Verify::Full;
    // A service that loses a write: the page that was put is damaged before it is read back.
    let running = job();
    let life = upload(&blob, &image.file, &image.scanned, &options, &running);
    tokio::pin!(life);
    let damage = async {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let mut service = fake.service();
            if service.count("GET pagelist") > 0 {
                let start = image.scanned.data[0].start;
                service
                    .blobs
                    .get_mut(PATH)
                    .unwrap()
                    .content
                    .write(start, Bytes::from(vec![9_u8; 512]));
                return;
            }
        }
    };
    fake.service().rules.push(Rule::next("GET", Wire::Slow(30)));
    let (ended, ()) = tokio::join!(&mut life, damage);
    let fault = ended.unwrap_err();
    assert!(fault.message().contains("what was read back differs"), "{fault}");
    assert!(!fake.service().blobs[PATH].metadata.contains_key(marks::DIGEST));
    image.upload(&blob, &job()).await.unwrap();
    image.assert_held(&fake, "repaired");
}

#[tokio::test(start_paused = true)]
async fn one_request_tells_that_nothing_is_to_be_done_whatever_is_remembered() {
    let image = Image::new(1).await;
    let (fake, blob) = service();
    let receipt = image.upload(&blob, &job()).await.unwrap().receipt;
    remember::keep_receipt(&image.state, &blob.label(), &receipt);
    let kept = remember::receipt(&image.state, &blob.label()).unwrap();
    for remembered in [None, Some(&kept)] {
        fake.service().log.clear();
        let wanted = Wanted {
            digest: &image.scanned.digest,
            length: image.scanned.length,
            data: Some(&image.scanned.data),
            receipt: remembered,
            state: Some(&image.state),
        };
        let held = look_for(&blob, &wanted, Verify::Quick, &job()).await.unwrap();
        assert_eq!(held, Held::Same(receipt.clone()));
        assert_eq!(fake.service().log.len(), 1);
    }
    // A claim is not a receipt of another file's content.
    let other = Image::new(2).await;
    let wanted = Wanted {
        digest: &other.scanned.digest,
        length: other.scanned.length,
        data: None,
        receipt: Some(&kept),
        state: None,
    };
    let held = look_for(&blob, &wanted, Verify::Quick, &job()).await.unwrap();
    assert!(matches!(held, Held::Other { digest: Some(_), .. }), "{held:?}");
    assert!(other.upload(&blob, &job()).await.is_err(), "not without being told");
    let mut options = other.options();
    options.replace = Some(kept.etag);
    upload(&blob, &other.file, &other.scanned, &options, &job())
        .await
        .unwrap();
    other.assert_held(&fake, "replaced");
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_second_is_told_who_came_first() {
    let image = Image::new(1).await;
    let (fake, blob) = service();
    let mark = crate::disk::marks::UploadMark {
        digest: image.scanned.digest.clone(),
        id: crate::disk::marks::UploadId::new(),
    };
    let now = fake.now();
    {
        let mut service = fake.service();
        let held = service.plant(PATH, image.scanned.length, &[]);
        held.metadata = marks::begun(&mark);
        held.lease.seize("somebody", now);
    }
    let fault = image.upload(&blob, &job()).await.unwrap_err();
    let words = fault.to_string();
    assert!(words.contains("c/a.vhd: somebody else is writing it"), "{words}");
    assert!(words.contains(", begun 20"), "{words}");
    assert_eq!(fake.service().page_bytes(), 0);
    tokio::time::sleep(Duration::from_secs(61)).await;
    image.upload(&blob, &job()).await.unwrap();
    image.assert_held(&fake, "once they are gone");
}

#[tokio::test(start_paused = true)]
async fn another_file_of_the_same_content_gets_in_by_the_lease_of_the_killed_run_and_compares() {
    let mut image = Image::new(2).await;
    let (fake, blob) = service();
    fake.service()
        .rules
        .push(Rule::next("PUT page", Wire::Slow(50)).after(5).times(100));
    let killed = job();
    let run = image.upload(&blob, &killed);
    assert!(
        tokio::time::timeout(Duration::from_secs(10), run).await.is_err(),
        "it was under way"
    );
    fake.service().rules.clear();
    let copy = image.file.with_extension("copy");
    std::fs::copy(&image.file, &copy).unwrap();
    image.file = copy;
    image.scanned = scan(&image.file).await;
    assert!(
        fake.service().blobs[PATH].lease.is_held(fake.now()),
        "the killed run's lease"
    );
    let uploaded = image.upload(&blob, &job()).await.unwrap();
    assert!(uploaded.resumed > 0, "{uploaded:?}");
    assert!(fake.service().count("GET") > 0, "what was there is read");
    image.assert_held(&fake, "from the copy");
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_moment_leaves_no_lease() {
    for millis in (0..2000).step_by(40) {
        let image = Image::new(3).await;
        let (fake, blob) = service();
        // Every request takes a while, so that moments differ.
        fake.service().rules.push(Rule::next("", Wire::Slow(1)).times(1000));
        let running = job();
        let stop = running.cancel.clone();
        let (ended, ()) = tokio::join!(image.upload(&blob, &running), async {
            tokio::time::sleep(Duration::from_millis(millis * 10)).await;
            stop.cancel();
        });
        if let Err(fault) = &ended {
            assert_eq!(fault.kind(), Kind::Interrupted, "after {millis}0 ms: {fault}");
        }
        image.assert_no_false_claim(&fake, "stopped");
        let service = fake.service();
        let held = service
            .blobs
            .get(PATH)
            .is_some_and(|held| held.lease.is_held(fake.now()));
        assert!(!held, "after {millis}0 ms: {ended:?}");
    }
}
