//! What is tried again, when, and what is not.

use std::time::Duration;

use tokio::time::Instant;

use super::fake::{Fake, FakeHost, Fault, Seen};
use super::*;
use crate::oci::{ErrorKind, Selector, verified};
use futures_util::TryStreamExt as _;

const HOST: &str = "registry.test";

fn host() -> Fake {
    let fake = Fake::default()
        .host(HOST, FakeHost::default())
        .host("target.test", FakeHost::default());
    plant(&fake, HOST, "app", "1", 1, 3, 7);
    fake
}

async fn resolve(fake: &Fake) -> Result<Descriptor, OciError> {
    registries(fake)
        .source(HOST, Auth::Auto, &job())?
        .resolve("app", &Selector::Tag("1".into()))
        .await
}

#[tokio::test(start_paused = true)]
async fn passing_troubles_are_tried_again_and_lasting_ones_are_told() {
    let cases = [
        (Fault::Status(500, vec![], ""), ErrorKind::Server),
        (Fault::Status(502, vec![], "<html>"), ErrorKind::Server),
        (
            Fault::Status(503, vec![("retry-after", "1".into())], ""),
            ErrorKind::Server,
        ),
        (Fault::Status(408, vec![], ""), ErrorKind::Server),
        (Fault::Status(429, vec![], ""), ErrorKind::Throttled),
        (
            Fault::Status(429, vec![("retry-after", "3".into())], ""),
            ErrorKind::Throttled,
        ),
        (Fault::Refused, ErrorKind::Unreachable),
        (Fault::BrokenBefore, ErrorKind::Unreachable),
        (Fault::BrokenAfter, ErrorKind::Unreachable),
        (Fault::Hang, ErrorKind::Unreachable),
    ];
    for (fault, kind) in cases {
        let shown = format!("{fault:?}");
        let fake = host();
        let twice = fault.clone();
        fake.order(move |_, number| (number < 2).then(|| twice.clone()));
        resolve(&fake).await.unwrap_or_else(|e| panic!("{shown}: {e}"));
        assert_eq!(fake.seen().len(), 3, "{shown}");
        fake.order(move |_, _| Some(fault.clone()));
        assert_eq!(resolve(&fake).await.unwrap_err().kind, kind, "{shown}");
        assert!(fake.seen().len() <= 13, "{shown}: {}", fake.seen().len());
    }
}

#[tokio::test(start_paused = true)]
async fn lasting_refusals_are_not_tried_again() {
    for (status, kind) in [
        (400, ErrorKind::Protocol),
        (403, ErrorKind::Denied),
        (404, ErrorKind::Absent),
        (410, ErrorKind::Absent),
        (501, ErrorKind::Server),
    ] {
        let fake = host();
        fake.order(move |_, _| {
            Some(Fault::Status(
                status,
                vec![],
                r#"{"errors":[{"code":"X","message":"said so"}]}"#,
            ))
        });
        let source = registries(&fake).source(HOST, Auth::Auto, &job()).unwrap();
        let manifest = Descriptor::of(OCI_MANIFEST, b"x");
        let error = source.content("app").manifest(&manifest).await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert!(
            error.detail.contains("X: said so") && error.detail.contains(&status.to_string()),
            "{error}"
        );
        assert_eq!(fake.seen().len(), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_in_full_and_a_very_long_one_is_not() {
    let fake = host();
    fake.order(|_, number| (number == 0).then(|| Fault::Status(429, vec![("retry-after", "120".into())], "")));
    let start = Instant::now();
    resolve(&fake).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(120) && start.elapsed() < Duration::from_secs(122));
    fake.order(|_, _| Some(Fault::Status(429, vec![("retry-after", "86400".into())], "")));
    let start = Instant::now();
    let error = resolve(&fake).await.unwrap_err();
    assert!(
        error.kind == ErrorKind::Throttled && error.detail.contains("86400"),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_host_is_left_alone_by_everybody_and_then_asked_less() {
    let fake = host();
    fake.order(|_, number| (number < 8).then(|| Fault::Status(429, vec![("retry-after", "10".into())], "")));
    let registries = registries(&fake);
    let source = registries.source(HOST, Auth::Anonymous, &job()).unwrap();
    let tag = Selector::Tag("1".into());
    let start = Instant::now();
    let all = futures_util::future::join_all((0..40).map(|_| source.resolve("app", &tag))).await;
    assert!(all.iter().all(Result::is_ok));
    assert!(start.elapsed() >= Duration::from_secs(10));
    let gate = &registries.client(HOST, Auth::Anonymous).unwrap().gate;
    assert!(gate.limit() < 16, "{}", gate.limit());
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_429_slows_a_copy_down_and_does_not_break_it() {
    let fake = host();
    plant(&fake, HOST, "big", "1", 4, 6, 9);
    let dice = std::sync::Mutex::new(crate::oci::backoff::Jitter::new(5));
    fake.order(move |_, _| {
        let unlucky = dice.lock().unwrap().next_u64().is_multiple_of(3);
        unlucky.then(|| Fault::Status(429, vec![("retry-after", "2".into())], ""))
    });
    copy(&registries(&fake), (HOST, "big"), ("target.test", "big"), "1")
        .await
        .unwrap();
    fake.verify("target.test", "big", "1").unwrap();
}

fn big(fake: &Fake, length: usize) -> Descriptor {
    let bytes = noise(3, length);
    let blob = Descriptor::of("application/octet-stream", &bytes);
    fake.with(HOST, |host| {
        host.held
            .blobs
            .entry("big".into())
            .or_default()
            .insert(blob.digest.clone(), bytes)
    });
    blob
}

async fn read(fake: &Fake, blob: &Descriptor) -> Result<Vec<u8>, OciError> {
    let source = registries(fake).source(HOST, Auth::Auto, &job())?;
    let mut all = Vec::new();
    let mut stream = verified(&source.content("big"), blob, &job());
    while let Some(piece) = stream.try_next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

fn blob_get(seen: &Seen) -> bool {
    seen.method == "GET" && seen.url.path().contains("/blobs/")
}

#[tokio::test(start_paused = true)]
async fn a_source_that_breaks_off_is_resumed_where_it_broke() {
    for ranges in [true, false] {
        let fake = host();
        fake.with(HOST, |host| host.ranges = ranges);
        let blob = big(&fake, 50_000);
        fake.order(|seen, number| (blob_get(seen) && number < 4).then_some(Fault::Cut(10_000 * (number + 1))));
        let all = read(&fake, &blob).await.unwrap();
        assert_eq!(Digest::of(&all), blob.digest);
        let asked: Vec<_> = fake.seen().iter().filter_map(|seen| seen.range.clone()).collect();
        assert_eq!(asked.first().map(String::as_str), Some("bytes=10000-"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_breaks_off_again_and_again_without_progress_is_given_up() {
    let fake = host();
    let blob = big(&fake, 50_000);
    fake.order(|seen, _| blob_get(seen).then_some(Fault::Cut(0)));
    assert_eq!(read(&fake, &blob).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(fake.seen().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_large_blob_may_break_often_while_it_makes_progress() {
    let fake = host();
    let blob = big(&fake, 12 * 1024 * 1024);
    fake.order(|seen, _| blob_get(seen).then_some(Fault::Cut(1024 * 1024 + 1)));
    assert_eq!(Digest::of(&read(&fake, &blob).await.unwrap()), blob.digest);
    assert_eq!(fake.seen().len(), 12);
}

#[tokio::test(start_paused = true)]
async fn damaged_short_and_long_blobs_are_corrupt_and_their_last_bytes_are_never_given_out() {
    for fault in [Fault::Flip(0), Fault::Flip(49_999), Fault::Short(20_000), Fault::Longer] {
        let fake = host();
        let blob = big(&fake, 50_000);
        let shown = format!("{fault:?}");
        let lasting = matches!(fault, Fault::Short(_));
        fake.order(move |seen, _| (blob_get(seen) && (lasting || seen.range.is_none())).then(|| fault.clone()));
        let source = registries(&fake).source(HOST, Auth::Auto, &job()).unwrap();
        let mut stream = verified(&source.content("big"), &blob, &job());
        let mut given = 0;
        let error = loop {
            match stream.try_next().await {
                Ok(Some(piece)) => given += piece.len(),
                Ok(None) => panic!("{shown}: a corrupt blob ended well"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind, ErrorKind::Corrupt, "{shown}: {error}");
        assert!(given < 50_000, "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_source_is_resumed() {
    let fake = host();
    let blob = big(&fake, 5000);
    fake.order(|seen, number| (blob_get(seen) && number == 0).then_some(Fault::Hang));
    let start = Instant::now();
    assert_eq!(read(&fake, &blob).await.unwrap().len(), 5000);
    assert!(start.elapsed() >= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_answer_is_lost_is_asked_for_before_it_is_sent_again() {
    let fake = host();
    fake.order(|seen, _| (seen.method == "PUT" && seen.url.path().contains("/uploads/")).then_some(Fault::BrokenAfter));
    copy(&registries(&fake), (HOST, "app"), ("target.test", "app"), "1")
        .await
        .unwrap();
    fake.verify("target.test", "app", "1").unwrap();
    assert_eq!(
        fake.count("target.test", "PUT /v2/app/blobs/"),
        4,
        "each once: they had arrived"
    );
}

#[tokio::test(start_paused = true)]
async fn failed_uploads_are_sent_again_from_the_source_through_a_new_session() {
    for fault in [
        Fault::BrokenBefore,
        Fault::Hang,
        Fault::Status(500, vec![], ""),
        Fault::Status(
            404,
            vec![],
            r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"?"}]}"#,
        ),
        Fault::Status(400, vec![], r#"{"errors":[{"code":"DIGEST_INVALID","message":"?"}]}"#),
        Fault::Status(429, vec![("retry-after", "5".into())], ""),
        Fault::Early(201),
    ] {
        let shown = format!("{fault:?}");
        let fake = host();
        let tried = std::sync::atomic::AtomicUsize::new(0);
        fake.order(move |seen, _| {
            let upload = seen.method == "PUT" && seen.url.path().contains("/uploads/");
            (upload && tried.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3).then(|| fault.clone())
        });
        copy(&registries(&fake), (HOST, "app"), ("target.test", "app"), "1")
            .await
            .unwrap_or_else(|e| panic!("{shown}: {e}"));
        fake.verify("target.test", "app", "1").unwrap();
        assert_eq!(fake.count("target.test", "PUT /v2/app/blobs/"), 7, "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_refused_for_good_ends_with_the_registrys_words() {
    let fake = host();
    fake.order(|seen, _| {
        let upload = seen.method == "PUT" && seen.url.path().contains("/uploads/");
        upload.then(|| {
            Fault::Status(
                413,
                vec![],
                r#"{"errors":[{"code":"SIZE_INVALID","message":"too big for us"}]}"#,
            )
        })
    });
    let error = copy(&registries(&fake), (HOST, "app"), ("target.test", "app"), "1")
        .await
        .unwrap_err();
    assert!(
        error.kind == ErrorKind::TooLarge && error.detail.contains("too big for us"),
        "{error}"
    );
    assert!(error.subject.contains("target.test/app"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_source_leaves_nothing_at_the_target_and_names_the_source() {
    let fake = host();
    fake.order(|seen, _| blob_get(seen).then_some(Fault::Flip(1)));
    let error = copy(&registries(&fake), (HOST, "app"), ("target.test", "app"), "1")
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert!(error.subject.contains("registry.test/app"), "{error}");
    fake.with("target.test", |host| {
        assert!(host.held.blobs.is_empty() && host.held.tags.is_empty())
    });
}
