//! Large blobs in chunks: what is sent after a break, and what registries make of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::fake::{Fake, FakeHost, Fault, Login, Seen};
use super::uploads::Chunks;
use super::*;
use crate::oci::registry::repository::Repository;
use crate::oci::registry::{RegistryTarget, UploadPolicy};
use crate::oci::{Content, ErrorKind, Moved, Target as _};

const SOURCE: &str = "source.test";
const TARGET: &str = "target.test";
const MIB: usize = 1024 * 1024;

pub fn two() -> Fake {
    Fake::default()
        .host(SOURCE, FakeHost::default())
        .host(TARGET, FakeHost::default())
}

pub fn chunked(fake: &Fake, whole_up_to: usize, chunk: usize) -> Arc<Registries> {
    let options = RegistryOptions {
        uploads: UploadPolicy {
            whole_up_to: whole_up_to as u64,
            chunk: chunk as u64,
        },
        ..options(LoginFiles::default())
    };
    Registries::with_transport(Arc::new(fake.clone()), &Network::default(), options)
}

pub fn plant_blob(fake: &Fake, seed: u64, length: usize) -> Descriptor {
    let bytes = noise(seed, length);
    let blob = Descriptor::of("application/octet-stream", &bytes);
    fake.with(SOURCE, |host| {
        let blobs = host.held.blobs.entry("disks".to_owned()).or_default();
        blobs.insert(blob.digest.clone(), bytes);
    });
    blob
}

pub async fn send(registries: &Arc<Registries>, blob: &Descriptor) -> Result<Moved, OciError> {
    let job = job();
    let from: Arc<dyn Content> = registries.source(SOURCE, Auth::Auto, &job)?.content("disks");
    let client = registries.client(TARGET, Auth::Auto)?;
    RegistryTarget::new(Repository::writing(&client, "disks")?)
        .put_blob(blob, &from, &job)
        .await
}

/// The target has exactly the blob, and no upload is left open.
pub fn arrived(fake: &Fake, blob: &Descriptor) {
    there(fake, blob);
    fake.with(TARGET, |host| {
        assert_eq!(host.uploads.open(), 0, "uploads are left open");
    });
}

fn there(fake: &Fake, blob: &Descriptor) {
    fake.with(TARGET, |host| {
        let held = host
            .held
            .blobs
            .get("disks")
            .and_then(|blobs| blobs.get(&blob.digest))
            .expect("the blob");
        assert_eq!(Digest::of(held), blob.digest);
    });
}

fn is_patch(seen: &Seen) -> bool {
    seen.method == "PATCH"
}

/// Faults for the PATCH requests, by their number from 0.
fn on_patches(fake: &Fake, fault: impl Fn(usize) -> Option<Fault> + Send + Sync + 'static) {
    let count = AtomicUsize::new(0);
    fake.order(move |seen, _| {
        if is_patch(seen) {
            fault(count.fetch_add(1, Ordering::SeqCst))
        } else {
            None
        }
    });
}

fn ranges(fake: &Fake) -> Vec<String> {
    fake.seen().into_iter().filter_map(|seen| seen.content_range).collect()
}

#[tokio::test(start_paused = true)]
async fn a_large_blob_goes_in_chunks_and_a_smaller_one_in_one_put() {
    let fake = two();
    let (large, small) = (plant_blob(&fake, 1, 10_000), plant_blob(&fake, 2, 4000));
    let registries = chunked(&fake, 4000, 3000);
    assert_eq!(send(&registries, &small).await.unwrap(), Moved::Sent);
    assert_eq!(fake.count(TARGET, "PATCH"), 0);
    assert_eq!(send(&registries, &large).await.unwrap(), Moved::Sent);
    arrived(&fake, &large);
    assert_eq!(ranges(&fake), ["0-2999", "3000-5999", "6000-8999", "9000-9999"]);
    assert_eq!(fake.uploaded(), 14_000);
    assert_eq!(
        fake.count(SOURCE, "GET /v2/disks/blobs/"),
        2,
        "the source is read in one go"
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_break_only_what_is_missing_is_sent_again() {
    let fake = two();
    let blob = plant_blob(&fake, 1, 20_000);
    on_patches(&fake, |number| (number == 2).then_some(Fault::CutUpload(1234)));
    send(&chunked(&fake, 4000, 4000), &blob).await.unwrap();
    arrived(&fake, &blob);
    assert_eq!(
        ranges(&fake),
        [
            "0-3999",
            "4000-7999",
            "8000-11999",
            "9234-13233",
            "13234-17233",
            "17234-19999"
        ]
    );
    // Pieces are of 1,000 bytes here: the last one before the break was read in full.
    assert!(fake.uploaded() <= 21_000, "{}", fake.uploaded());
}

#[tokio::test(start_paused = true)]
async fn a_reset_every_so_often_costs_less_than_a_tenth() {
    for (chunks, most) in [(Chunks::Bytes, 1.01), (Chunks::Whole, 1.1)] {
        let fake = two();
        fake.with(TARGET, |host| host.uploads.chunks = chunks);
        let blob = plant_blob(&fake, 1, 40 * MIB);
        // As 10 GiB with a break every 512 MiB: twenty breaks, chunks of a sixteenth of the way between them.
        on_patches(&fake, |number| {
            (number % 16 == 15).then_some(Fault::CutUpload(MIB / 16))
        });
        send(&chunked(&fake, MIB, MIB / 8), &blob).await.unwrap();
        arrived(&fake, &blob);
        let cost = fake.uploaded() as f64 / blob.size as f64;
        assert!(cost <= most, "{chunks:?}: {cost}");
        assert!(fake.count(TARGET, "GET /v2/disks/blobs/uploads/") >= 20);
        assert_eq!(fake.count(TARGET, "POST"), 1, "{chunks:?}: one upload to the end");
    }
}

#[tokio::test(start_paused = true)]
async fn registries_that_cannot_go_on_are_sent_everything_again() {
    for chunks in [Chunks::Fragile, Chunks::Lies] {
        let fake = two();
        fake.with(TARGET, |host| host.uploads.chunks = chunks);
        let blob = plant_blob(&fake, 1, 20_000);
        on_patches(&fake, |number| (number == 3).then_some(Fault::CutUpload(500)));
        send(&chunked(&fake, 4000, 4000), &blob).await.unwrap();
        arrived(&fake, &blob);
        assert_eq!(fake.count(TARGET, "POST"), 2, "{chunks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_loses_every_upload_is_given_up_in_the_end() {
    let fake = two();
    fake.with(TARGET, |host| host.uploads.chunks = Chunks::Fragile);
    let blob = plant_blob(&fake, 1, 40 * MIB);
    on_patches(&fake, |_| Some(Fault::CutUpload(2 * MIB)));
    let error = send(&chunked(&fake, MIB, 8 * MIB), &blob).await.unwrap_err();
    assert!(error.subject.contains("target.test/disks blob"), "{error}");
    assert!(fake.count(TARGET, "POST") <= 6, "{}", fake.count(TARGET, "POST"));
}

#[tokio::test(start_paused = true)]
async fn a_registry_without_chunks_gets_one_put_and_is_not_asked_again() {
    for refusal in [405, 501, 415] {
        let fake = two();
        fake.order(move |seen, _| is_patch(seen).then(|| Fault::Status(refusal, vec![], "")));
        let registries = chunked(&fake, 4000, 4000);
        for seed in [1, 2] {
            let blob = plant_blob(&fake, seed, 10_000);
            send(&registries, &blob).await.unwrap();
            arrived(&fake, &blob);
        }
        assert_eq!(fake.count(TARGET, "PATCH"), 1, "{refusal}");
        assert_eq!(fake.count(TARGET, "PUT"), 2, "{refusal}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_refuses_the_first_chunk_in_its_own_way_gets_one_put() {
    for refusal in [400, 404, 416] {
        let fake = two();
        fake.order(move |seen, _| is_patch(seen).then(|| Fault::Status(refusal, vec![], "")));
        let blob = plant_blob(&fake, 1, 10_000);
        send(&chunked(&fake, 4000, 4000), &blob).await.unwrap();
        arrived(&fake, &blob);
        assert!(
            fake.count(TARGET, "PATCH") <= 3,
            "{refusal}: {}",
            fake.count(TARGET, "PATCH")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_shortest_chunk_that_a_registry_takes_is_kept_to() {
    let fake = two();
    fake.with(TARGET, |host| host.uploads.min = Some(6000));
    let blob = plant_blob(&fake, 1, 15_000);
    send(&chunked(&fake, 4000, 1000), &blob).await.unwrap();
    arrived(&fake, &blob);
    assert_eq!(ranges(&fake), ["0-5999", "6000-11999", "12000-14999"]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_the_size_of_requests_makes_chunks_smaller() {
    let fake = two();
    let blob = plant_blob(&fake, 1, 9 * MIB);
    fake.order(|seen, _| {
        let range = seen.content_range.as_deref()?;
        let (first, last) = range.split_once('-')?;
        let length = last.parse::<usize>().unwrap() + 1 - first.parse::<usize>().unwrap();
        (length > 2 * MIB).then_some(Fault::Early(413))
    });
    send(&chunked(&fake, MIB, 8 * MIB), &blob).await.unwrap();
    arrived(&fake, &blob);
    // With a limit that nothing meets, the registry's words are told.
    let fake = two();
    let blob = plant_blob(&fake, 1, 9 * MIB);
    fake.order(|seen, _| is_patch(seen).then(|| Fault::Status(413, vec![], "no more than 10 bytes")));
    let error = send(&chunked(&fake, MIB, 8 * MIB), &blob).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert!(error.detail.contains("no more than 10 bytes"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn odd_answers_to_a_chunk_do_no_harm() {
    let header = |name, value: &str| Fault::Header(name, Some(value.to_owned()));
    for fault in [
        Fault::Header("location", None),
        header("location", "ftp://elsewhere.test/"),
        header("location", "/v2/disks/blobs/uploads/nowhere?state=a%2Fb"),
        Fault::Header("range", None),
        header("range", "0-99999999"),
        header("range", "0-0"),
        header("range", "0-100"),
        header("range", "bytes=0-7999"),
        header("range", "7-9"),
        header("range", "nonsense"),
        Fault::Early(202),
        Fault::Early(201),
        Fault::BrokenAfter,
        Fault::BrokenBefore,
        Fault::Hang,
        Fault::Refused,
        Fault::Status(404, vec![], ""),
        Fault::Status(400, vec![], ""),
        Fault::Status(416, vec![], ""),
        Fault::Status(401, vec![], ""),
        Fault::Status(408, vec![], ""),
        Fault::Status(500, vec![], ""),
        Fault::Status(429, vec![("retry-after", "7".into())], ""),
        Fault::Status(503, vec![("retry-after", "7".into())], ""),
    ] {
        let shown = format!("{fault:?}");
        let fake = two();
        let blob = plant_blob(&fake, 1, 20_000);
        on_patches(&fake, move |number| (number == 1).then(|| fault.clone()));
        send(&chunked(&fake, 4000, 4000), &blob)
            .await
            .unwrap_or_else(|e| panic!("{shown}: {e}"));
        there(&fake, &blob);
        assert!(fake.count(TARGET, "POST") <= 2, "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn odd_answers_to_the_question_how_much_is_there_do_no_harm() {
    let header = |value: Option<&str>| Fault::Header("range", value.map(str::to_owned));
    for fault in [
        header(None),
        header(Some("0-19999")),
        header(Some("0-18446744073709551615")),
        header(Some("3-4")),
        header(Some("0-0")),
        Fault::Header("location", None),
        Fault::Status(404, vec![], ""),
        Fault::Status(405, vec![], ""),
        Fault::Status(400, vec![], ""),
        Fault::Status(403, vec![], ""),
        Fault::Status(401, vec![], ""),
        Fault::Status(502, vec![], ""),
        Fault::Status(429, vec![("retry-after", "3".into())], ""),
        Fault::BrokenBefore,
        Fault::Hang,
    ] {
        let shown = format!("{fault:?}");
        let fake = two();
        let blob = plant_blob(&fake, 1, 20_000);
        let (patches, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        fake.order(move |seen, _| {
            if is_patch(seen) && patches.fetch_add(1, Ordering::SeqCst) == 2 {
                return Some(Fault::CutUpload(700));
            }
            let status = seen.method == "GET" && seen.url.path().contains("/uploads/");
            (status && asked.fetch_add(1, Ordering::SeqCst) == 0).then(|| fault.clone())
        });
        send(&chunked(&fake, 4000, 4000), &blob)
            .await
            .unwrap_or_else(|e| panic!("{shown}: {e}"));
        arrived(&fake, &blob);
    }
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_fails_is_asked_for_before_anything_is_sent_again() {
    for (fault, puts, posts) in [
        (Fault::BrokenAfter, 1, 1),
        (Fault::BrokenBefore, 2, 1),
        (Fault::Hang, 2, 1),
        (Fault::Status(500, vec![], ""), 2, 1),
        (Fault::Status(429, vec![("retry-after", "9".into())], ""), 2, 1),
        (Fault::Status(401, vec![], ""), 2, 1),
        (
            Fault::Status(400, vec![], r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#),
            2,
            2,
        ),
        (
            Fault::Header("docker-content-digest", Some(Digest::of(b"x").to_string())),
            1,
            1,
        ),
    ] {
        let shown = format!("{fault:?}");
        let fake = two();
        let blob = plant_blob(&fake, 1, 10_000);
        let asked = AtomicUsize::new(0);
        fake.order(move |seen, _| {
            (seen.method == "PUT" && asked.fetch_add(1, Ordering::SeqCst) == 0).then(|| fault.clone())
        });
        send(&chunked(&fake, 4000, 4000), &blob)
            .await
            .unwrap_or_else(|e| panic!("{shown}: {e}"));
        arrived(&fake, &blob);
        assert_eq!(fake.count(TARGET, "PUT"), puts, "{shown}");
        assert_eq!(fake.count(TARGET, "POST"), posts, "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_hashes_for_minutes_before_it_completes_is_waited_for() {
    let fake = two();
    let blob = plant_blob(&fake, 1, 10_000);
    let begun = tokio::time::Instant::now();
    fake.order(|seen, _| (seen.method == "PUT").then_some(Fault::Hang));
    send(&chunked(&fake, 4000, 4000), &blob).await.unwrap_err();
    let each = begun.elapsed() / u32::try_from(fake.count(TARGET, "PUT")).unwrap();
    assert!(each >= std::time::Duration::from_secs(300), "{each:?}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_lost_half_way_is_begun_again() {
    let fake = two();
    let blob = plant_blob(&fake, 1, 20_000);
    let shared = fake.clone();
    let count = Arc::new(AtomicUsize::new(0));
    fake.order(move |seen, _| {
        if is_patch(seen) && count.fetch_add(1, Ordering::SeqCst) == 3 {
            shared.with(TARGET, |host| host.uploads.lose());
        }
        None
    });
    send(&chunked(&fake, 4000, 4000), &blob).await.unwrap();
    arrived(&fake, &blob);
    assert_eq!(fake.count(TARGET, "POST"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_source_completes_nothing_and_leaves_no_upload_open() {
    for flip in [0, 12_345, 19_999] {
        let fake = two();
        let blob = plant_blob(&fake, 1, 20_000);
        fake.order(move |seen, _| {
            let read = seen.method == "GET" && seen.url.host_str() == Some(SOURCE);
            read.then_some(Fault::Flip(flip))
        });
        let error = send(&chunked(&fake, 4000, 4000), &blob).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt);
        assert!(error.subject.contains(SOURCE), "{error}");
        assert_eq!(fake.count(TARGET, "PUT"), 0, "nothing is completed");
        fake.with(TARGET, |host| assert_eq!(host.uploads.open(), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_were_damaged_in_one_reading_are_never_completed_by_a_good_second_one() {
    // The first reading has a wrong byte that is sent; after the break the second one, which is good, covers it again:
    // the digest alone would be right.
    for flip in [100, 8600, 9100] {
        let fake = two();
        let blob = plant_blob(&fake, 1, 20_000);
        let (reads, patches) = (AtomicUsize::new(0), AtomicUsize::new(0));
        fake.order(move |seen, _| {
            if is_patch(seen) && patches.fetch_add(1, Ordering::SeqCst) == 2 {
                return Some(Fault::CutUpload(1234));
            }
            let read = seen.method == "GET" && seen.url.host_str() == Some(SOURCE);
            (read && reads.fetch_add(1, Ordering::SeqCst) == 0).then_some(Fault::Flip(flip))
        });
        send(&chunked(&fake, 4000, 4000), &blob).await.unwrap();
        arrived(&fake, &blob);
        assert_eq!(fake.count(TARGET, "POST"), 2, "{flip}: the first upload is of no use");
        assert_eq!(fake.count(TARGET, "PUT"), 1, "{flip}: and is not even tried");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_breaks_off_or_knows_no_ranges_is_read_on_in_the_middle_of_a_chunk() {
    for ranges in [true, false] {
        let fake = two();
        fake.with(SOURCE, |host| host.ranges = ranges);
        let blob = plant_blob(&fake, 1, 20_000);
        let (reads, patches) = (AtomicUsize::new(0), AtomicUsize::new(0));
        fake.order(move |seen, _| {
            if is_patch(seen) && patches.fetch_add(1, Ordering::SeqCst) == 2 {
                return Some(Fault::CutUpload(1234));
            }
            let read = seen.method == "GET" && seen.url.host_str() == Some(SOURCE);
            (read && reads.fetch_add(1, Ordering::SeqCst) < 2).then_some(Fault::Cut(9500))
        });
        send(&chunked(&fake, 4000, 4000), &blob).await.unwrap();
        arrived(&fake, &blob);
        assert_eq!(fake.count(TARGET, "POST"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn uploads_at_another_host_carry_no_login() {
    let login = || Login::Bearer {
        user: "u",
        password: "p",
        identity: "i",
        anonymous: true,
        life: 300,
    };
    let fake = two();
    fake.with(TARGET, |host| {
        host.login = login();
        host.upload_elsewhere = true;
    });
    let blob = plant_blob(&fake, 1, 20_000);
    on_patches(&fake, |number| (number == 2).then_some(Fault::CutUpload(1234)));
    send(&chunked(&fake, 4000, 4000), &blob).await.unwrap();
    arrived(&fake, &blob);
    let elsewhere: Vec<Seen> = fake
        .seen()
        .into_iter()
        .filter(|seen| seen.url.host_str() == Some("upload.target.test"))
        .collect();
    assert!(elsewhere.len() >= 7);
    assert!(elsewhere.iter().all(|seen| seen.authorization.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_host_elsewhere_that_asks_for_a_login_gets_none() {
    let fake = two();
    fake.with(TARGET, |host| host.upload_elsewhere = true);
    let blob = plant_blob(&fake, 1, 20_000);
    fake.order(|seen, _| {
        let lure = "Bearer realm=\"https://auth.evil.test/token\",service=\"x\"".to_owned();
        (seen.url.host_str() == Some("upload.target.test"))
            .then(|| Fault::Status(401, vec![("www-authenticate", lure)], ""))
    });
    send(&chunked(&fake, 4000, 4000), &blob).await.unwrap_err();
    assert!(
        fake.seen()
            .iter()
            .all(|seen| seen.url.host_str() != Some("auth.evil.test"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_runs_out_between_chunks_is_renewed_without_sending_anything_twice() {
    let fake = two();
    fake.with(TARGET, |host| {
        host.login = Login::Bearer {
            user: "u",
            password: "p",
            identity: "i",
            anonymous: true,
            life: 300,
        };
    });
    let blob = plant_blob(&fake, 1, 20_000);
    let shared = fake.clone();
    on_patches(&fake, move |number| {
        if number == 2 {
            shared.with(TARGET, |host| {
                host.held = std::mem::take(&mut host.held).without_tokens();
            });
        }
        None
    });
    send(&chunked(&fake, 4000, 4000), &blob).await.unwrap();
    arrived(&fake, &blob);
    // This host reads a chunk before it refuses it.
    assert!(fake.uploaded() <= 24_000, "{}", fake.uploaded());
}

#[tokio::test(start_paused = true)]
async fn throttled_chunks_wait_for_as_long_as_they_are_told() {
    let fake = two();
    let blob = plant_blob(&fake, 1, 20_000);
    let begun = tokio::time::Instant::now();
    on_patches(&fake, |number| {
        (number % 2 == 1).then(|| Fault::Status(429, vec![("retry-after", "30".into())], ""))
    });
    send(&chunked(&fake, 4000, 4000), &blob).await.unwrap();
    arrived(&fake, &blob);
    assert!(begun.elapsed().as_secs() >= 4 * 30, "{:?}", begun.elapsed());
    assert_eq!(fake.count(TARGET, "POST"), 1);
}

#[tokio::test(start_paused = true)]
async fn no_place_at_a_host_is_lost() {
    let fake = two();
    let registries = chunked(&fake, 4000, 4000);
    on_patches(&fake, |number| match number % 4 {
        1 => Some(Fault::CutUpload(300)),
        2 => Some(Fault::Early(500)),
        _ => None,
    });
    let blobs: Vec<Descriptor> = (0..40).map(|seed| plant_blob(&fake, seed, 12_000)).collect();
    let all = futures_util::future::join_all(blobs.iter().map(|blob| send(&registries, blob))).await;
    assert!(all.iter().any(Result::is_ok));
    fake.order(|_, _| None);
    for host in [SOURCE, TARGET] {
        let gate = &registries.client(host, Auth::Auto).unwrap().gate;
        assert_eq!(gate.busy(), 0, "{host}");
    }
}
