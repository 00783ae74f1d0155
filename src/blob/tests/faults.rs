//! What a bad connection or a busy service does to each request.

use super::service::{Fault, Rule, Storm};
use super::*;
use crate::blob::{BlobErrorKind, Condition};

const MIB: u64 = 1 << 20;

#[tokio::test(start_paused = true)]
async fn every_passing_fault_of_a_write_is_tried_again_and_the_bytes_count_once() {
    for fault in [
        Fault::busy(Some(7)),
        Fault::busy(None),
        Fault::Refuse(500, "OperationTimedOut".into(), None),
        Fault::Refuse(408, "".into(), None),
        Fault::Refused,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::HangBefore,
        Fault::HangAfter,
        Fault::Slow(30),
        Fault::Refuse(400, "Crc64Mismatch".into(), None),
    ] {
        let (fake, blob) = blob();
        let job = job();
        blob.create(8 * MIB, &metadata(&[]), &Condition::absent(), &job)
            .await
            .unwrap();
        fake.service().rules.push(Rule::next("PUT page", fault.clone()));
        let bytes = noise(1, 4 << 20);
        let etag = blob
            .put_pages(MIB, bytes.clone(), crc64(&bytes), &Condition::none(), &job)
            .await;
        assert!(etag.is_ok(), "{fault:?}: {etag:?}");
        assert_eq!(
            fake.service().blobs["/c/a.vhd"].content.read(MIB, 5 * MIB),
            bytes,
            "{fault:?}"
        );
        assert_eq!(job.filled().bytes_moved, 4 * MIB, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_service_is_given_the_time_that_it_asks_for() {
    let (fake, blob) = blob();
    fake.service().rules.push(Rule::next("HEAD", Fault::busy(Some(40))));
    let start = tokio::time::Instant::now();
    assert_eq!(blob.properties(&job()).await, Ok(None));
    assert!(start.elapsed().as_secs() >= 40);
    assert_eq!(fake.service().count("HEAD"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_answers_is_given_up_with_the_number_of_tries() {
    let (fake, blob) = blob();
    fake.service()
        .rules
        .push(Rule::next("HEAD", Fault::HangBefore).times(100));
    let error = blob.properties(&job()).await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Unreachable);
    assert!(error.detail.contains("no answer for 60 s (6 tries)"), "{error}");
    assert_eq!(error.target, "disks.blob.core.windows.net/c/a.vhd");
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_goes_on_as_long_as_anything_moves() {
    let bytes = noise(1, 4 << 20);
    for (seconds, good) in [(50, true), (70, false)] {
        let (fake, blob) = blob();
        fake.service().plant("/c/a.vhd", 4 * MIB, &[]);
        fake.pace(std::time::Duration::from_secs(seconds));
        let start = tokio::time::Instant::now();
        let put = blob
            .put_pages(0, bytes.clone(), crc64(&bytes), &Condition::none(), &job())
            .await;
        assert_eq!(put.is_ok(), good, "{seconds}: {put:?}");
        if good {
            assert!(
                start.elapsed().as_secs() >= 16 * seconds,
                "many times the limit for silence"
            );
            assert_eq!(fake.service().count("PUT page"), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_break_off_are_asked_for_again() {
    let (fake, blob) = blob();
    let bytes = noise(3, 4 << 20);
    fake.service().plant("/c/a.vhd", 8 * MIB, &[(0, bytes.clone())]);
    for cut in [0, 1, 1 << 20, (4 << 20) - 1] {
        fake.service().rules.push(Rule::next("GET", Fault::Cut(cut)));
        assert_eq!(
            blob.read(0..4 * MIB, &Condition::none(), &job()).await.unwrap(),
            bytes,
            "{cut}"
        );
        fake.service()
            .rules
            .push(Rule::next("GET pagelist", Fault::Cut(cut.min(50))));
        assert_eq!(
            blob.page_ranges(None, &Condition::none(), &job()).await.unwrap(),
            [0..4 * MIB],
            "{cut}"
        );
    }
    assert_eq!(fake.service().count("GET"), 8);
}

#[tokio::test(start_paused = true)]
async fn traces_of_a_try_whose_answer_was_lost_count_as_success() {
    let (fake, blob) = blob();
    let job = job();
    let lose = |name: &str| fake.service().rules.push(Rule::next(name, Fault::ResetAfter));
    let meta = metadata(&[("aosm_upload", "mine")]);

    lose("PUT");
    let etag = blob.create(MIB, &meta, &Condition::absent(), &job).await.unwrap();
    assert_eq!(etag.0, fake.service().blobs["/c/a.vhd"].etag);

    lose("PUT metadata");
    let done = metadata(&[("aosm_digest", "sha256:00")]);
    let etag = blob
        .set_metadata(&done, &Condition::matches(&etag), &job)
        .await
        .unwrap();
    assert_eq!(etag.0, fake.service().blobs["/c/a.vhd"].etag);

    lose("PUT properties");
    let etag = blob.set_md5([7; 16], &Condition::matches(&etag), &job).await.unwrap();
    assert_eq!(etag.0, fake.service().blobs["/c/a.vhd"].etag);

    lose("PUT lease");
    let lease = blob
        .acquire_lease("11111111-1111-4111-8111-111111111111", &job)
        .await
        .unwrap();
    lose("PUT lease");
    blob.renew_lease(&lease, &job).await.unwrap();
    lose("PUT lease");
    blob.release_lease(&lease, &job).await.unwrap();

    lose("DELETE");
    blob.delete(&Condition::matches(&etag), &job).await.unwrap();
    assert!(fake.service().blobs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_blob_is_not_taken_for_a_trace_of_ours() {
    let (fake, blob) = blob();
    fake.service().plant("/c/a.vhd", MIB, &[]);
    fake.service().rules.push(Rule::next("PUT", Fault::ResetBefore));
    let error = blob
        .create(MIB, &metadata(&[("aosm_upload", "mine")]), &Condition::absent(), &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Changed);
    assert!(error.detail.contains("perhaps by a try of this run"), "{error}");
    // Without a lost answer nobody doubts.
    let error = blob
        .create(MIB, &metadata(&[("aosm_upload", "mine")]), &Condition::absent(), &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Changed);
    assert!(!error.detail.contains("perhaps"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_ends_at_once_whatever_it_waits_for() {
    for fault in [Fault::HangBefore, Fault::busy(Some(200)), Fault::Slow(50)] {
        let (fake, blob) = blob();
        fake.service().rules.push(Rule::next("", fault.clone()).times(50));
        let job = job();
        let cancel = job.cancel.clone();
        let start = tokio::time::Instant::now();
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            cancel.cancel();
        });
        let error = blob.properties(&job).await.unwrap_err();
        assert_eq!(
            (error.kind, start.elapsed().as_secs()),
            (BlobErrorKind::Interrupted, 3),
            "{fault:?}"
        );
        let error = blob.delete(&Condition::none(), &job).await.unwrap_err();
        assert_eq!(error.kind, BlobErrorKind::Interrupted);
    }
}

#[tokio::test(start_paused = true)]
async fn seeded_storms_leave_the_content_right_or_an_error() {
    let mut failed = 0;
    for seed in 0..150 {
        let (fake, blob) = blob();
        let storm = Storm::new(seed, 300);
        fake.service().storm = Some(if seed % 2 == 0 { storm } else { storm.merciless() });
        let job = job();
        let outcome = async {
            blob.create(
                4 * MIB,
                &metadata(&[("aosm_upload", "mine")]),
                &Condition::absent(),
                &job,
            )
            .await?;
            // Without a lease: nobody renews it here, and faults take longer than it lasts.
            let held = Condition::none();
            for at in 0..4 {
                let bytes = noise(seed + at, 512 << 10);
                blob.put_pages(at * MIB, bytes.clone(), crc64(&bytes), &held, &job)
                    .await?;
            }
            blob.clear_pages(0..MIB, &held, &job).await?;
            blob.set_metadata(&metadata(&[("aosm_digest", "x")]), &held, &job)
                .await?;
            blob.page_ranges(None, &Condition::none(), &job).await
        };
        match outcome.await {
            Ok(ranges) => {
                assert_eq!(
                    ranges,
                    [MIB..MIB * 3 / 2, 2 * MIB..MIB * 5 / 2, 3 * MIB..MIB * 7 / 2],
                    "{seed}"
                );
                let service = fake.service();
                let held = &service.blobs["/c/a.vhd"];
                assert_eq!(
                    held.content.read(MIB, MIB * 3 / 2),
                    noise(seed + 1, 512 << 10),
                    "{seed}"
                );
                assert_eq!(held.metadata, metadata(&[("aosm_digest", "x")]), "{seed}");
            }
            Err(error) => {
                assert!(seed % 2 == 1, "{seed}: {error}");
                failed += 1;
            }
        }
    }
    assert!(failed < 40, "{failed} of 75 merciless storms were not survived");
}
