//! What the service refuses, and what is not even asked.

use super::service::{CopyPlan, Kind};
use super::*;
use crate::blob::{BlobError, BlobErrorKind, BlobKind, Condition, CopyStatus, Etag, SasUrl};

const MIB: u64 = 1 << 20;
const ID: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";

fn kind<T>(result: Result<T, BlobError>) -> BlobErrorKind {
    result.map(|_| ()).expect_err("a refusal").kind
}

#[tokio::test(start_paused = true)]
async fn what_no_service_takes_is_not_sent() {
    let (fake, blob) = blob();
    let (job, none) = (job(), Condition::none());
    for (offset, length) in [(0, 0), (1, 512), (512, 511), (0, (4 << 20) + 512), (0, 8 << 20)] {
        let bytes = noise(1, length);
        assert_eq!(
            kind(blob.put_pages(offset, bytes.clone(), crc64(&bytes), &none, &job).await),
            BlobErrorKind::Refused
        );
    }
    assert_eq!(
        kind(blob.create(513, &metadata(&[]), &none, &job).await),
        BlobErrorKind::Refused
    );
    assert_eq!(
        kind(blob.clear_pages(0..100, &none, &job).await),
        BlobErrorKind::Refused
    );
    assert_eq!(
        kind(blob.clear_pages(512..512, &none, &job).await),
        BlobErrorKind::Refused
    );
    assert_eq!(kind(blob.read(0..0, &none, &job).await), BlobErrorKind::Refused);
    assert_eq!(kind(blob.read(0..1 << 40, &none, &job).await), BlobErrorKind::Refused);
    assert_eq!(blob.page_ranges(Some(5..5), &none, &job).await, Ok(vec![]));
    assert_eq!(
        kind(blob.create(512, &metadata(&[("name", "Zürich")]), &none, &job).await),
        BlobErrorKind::Refused
    );
    assert_eq!(fake.service().log, []);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_checksum_is_corrupt_after_a_few_tries() {
    let (fake, blob) = blob();
    fake.service().plant("/c/a.vhd", MIB, &[]);
    let error = blob.put_pages(0, noise(1, 512), 7, &Condition::none(), &job()).await;
    assert_eq!(kind(error), BlobErrorKind::Corrupt);
    assert_eq!(fake.service().count("PUT page"), 3);
}

#[tokio::test(start_paused = true)]
async fn conditions_and_leases_tell_others_from_us() {
    let (fake, blob) = blob();
    let (job, none) = (job(), Condition::none());
    let etag = blob
        .create(MIB, &metadata(&[]), &Condition::absent(), &job)
        .await
        .unwrap();
    let stale = Condition::matches(&Etag("\"0x1\"".into()));
    let page = noise(1, 512);
    assert_eq!(
        kind(blob.create(MIB, &metadata(&[]), &Condition::absent(), &job).await),
        BlobErrorKind::Changed
    );
    assert_eq!(
        kind(blob.put_pages(0, page.clone(), crc64(&page), &stale, &job).await),
        BlobErrorKind::Changed
    );
    assert_eq!(kind(blob.read(0..512, &stale, &job).await), BlobErrorKind::Changed);
    assert_eq!(kind(blob.delete(&stale, &job).await), BlobErrorKind::Changed);
    blob.read(0..512, &Condition::matches(&etag), &job).await.unwrap();

    let lease = blob.acquire_lease(ID, &job).await.unwrap();
    assert!(blob.properties(&job).await.unwrap().unwrap().leased);
    assert_eq!(kind(blob.acquire_lease(OTHER, &job).await), BlobErrorKind::Leased);
    assert_eq!(
        kind(blob.put_pages(0, page.clone(), crc64(&page), &none, &job).await),
        BlobErrorKind::Leased
    );
    assert_eq!(kind(blob.delete(&none, &job).await), BlobErrorKind::Leased);
    blob.put_pages(0, page.clone(), crc64(&page), &Condition::leased(&lease), &job)
        .await
        .unwrap();
    assert_eq!(blob.acquire_lease(ID, &job).await.unwrap(), lease);

    // It ends, and nobody was here: it can be renewed.
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    assert_eq!(
        kind(
            blob.put_pages(0, page.clone(), crc64(&page), &Condition::leased(&lease), &job)
                .await
        ),
        BlobErrorKind::Leased
    );
    blob.renew_lease(&lease, &job).await.unwrap();
    // It ends, and somebody wrote: it cannot.
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    blob.put_pages(0, page.clone(), crc64(&page), &none, &job)
        .await
        .unwrap();
    assert_eq!(kind(blob.renew_lease(&lease, &job).await), BlobErrorKind::Leased);
    // Somebody leased it meanwhile.
    let now = fake.now();
    fake.service()
        .blobs
        .get_mut("/c/a.vhd")
        .unwrap()
        .lease
        .seize(OTHER, now);
    let error = blob.renew_lease(&lease, &job).await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Leased);
    assert!(error.hint.unwrap().contains("somebody else"));
}

#[tokio::test(start_paused = true)]
async fn other_types_absent_blobs_and_absent_containers_are_told_apart() {
    let (fake, blob) = blob();
    let (job, none) = (job(), Condition::none());
    let page = noise(1, 512);
    assert_eq!(blob.properties(&job).await, Ok(None));
    assert_eq!(
        kind(blob.put_pages(0, page.clone(), crc64(&page), &none, &job).await),
        BlobErrorKind::Absent
    );
    fake.service().plant("/c/a.vhd", MIB, &[]).kind = Kind::Block;
    let held = blob.properties(&job).await.unwrap().unwrap();
    assert_eq!(held.kind, BlobKind::Other("BlockBlob".into()));
    assert_eq!(
        kind(blob.put_pages(0, page.clone(), crc64(&page), &none, &job).await),
        BlobErrorKind::OtherType
    );
    assert_eq!(
        kind(blob.page_ranges(None, &none, &job).await),
        BlobErrorKind::OtherType
    );
    let elsewhere = container(&fake, &URL.replace("/c?", "/absent?")).blob("a.vhd");
    assert_eq!(kind(elsewhere.properties(&job).await), BlobErrorKind::NoContainer);
    assert_eq!(
        kind(elsewhere.create(512, &metadata(&[]), &none, &job).await),
        BlobErrorKind::NoContainer
    );
}

#[tokio::test(start_paused = true)]
async fn long_lists_of_ranges_are_read_to_their_end() {
    let (fake, blob) = blob();
    let pages: Vec<(u64, Bytes)> = (0..25).map(|at| (at * 2048, noise(at, 1024))).collect();
    fake.service().plant("/c/a.vhd", MIB, &pages);
    let all: Vec<_> = (0..25).map(|at| at * 2048..at * 2048 + 1024).collect();
    for (per_page, requests) in [(None, 1), (Some(25), 1), (Some(10), 3), (Some(1), 25)] {
        fake.service().ranges_per_page = per_page;
        fake.service().log.clear();
        assert_eq!(
            blob.page_ranges(None, &Condition::none(), &job()).await.as_ref(),
            Ok(&all)
        );
        assert_eq!(fake.service().count("GET pagelist"), requests, "{per_page:?}");
    }
    let some = blob
        .page_ranges(Some(2560..5000), &Condition::none(), &job())
        .await
        .unwrap();
    assert_eq!(some, [2560..3072, 4096..5000]);
}

#[tokio::test(start_paused = true)]
async fn a_read_beyond_the_end_is_never_short() {
    let (fake, blob) = blob();
    fake.service().plant("/c/a.vhd", 1024, &[]);
    let error = blob.read(512..2048, &Condition::none(), &job()).await;
    assert_eq!(kind(error), BlobErrorKind::Corrupt);
    assert_eq!(
        kind(blob.read(4096..8192, &Condition::none(), &job()).await),
        BlobErrorKind::Refused
    );
    assert_eq!(
        kind(
            container(&fake, URL)
                .blob("b")
                .read(0..512, &Condition::none(), &job())
                .await
        ),
        BlobErrorKind::Absent
    );
}

#[tokio::test(start_paused = true)]
async fn other_properties_stay_when_the_md5_is_set() {
    let (fake, blob) = blob();
    let own = metadata(&[
        ("content-type", "x/y"),
        ("cache-control", "no-cache"),
        ("content-disposition", "inline"),
    ]);
    fake.service().plant("/c/a.vhd", 512, &[]).properties = own.clone();
    blob.set_md5([1; 16], &Condition::none(), &job()).await.unwrap();
    let mut held = fake.service().blobs["/c/a.vhd"].properties.clone();
    assert_eq!(held.remove("content-md5").as_deref(), Some("AQEBAQEBAQEBAQEBAQEBAQ=="));
    assert_eq!(held, own);
    let md5 = blob.properties(&job()).await.unwrap().unwrap().md5;
    assert_eq!(md5.as_deref(), Some("AQEBAQEBAQEBAQEBAQEBAQ=="));
}

#[tokio::test(start_paused = true)]
async fn copies_are_pending_done_failed_or_aborted_and_never_show_their_source_in_full() {
    let (fake, blob) = blob();
    let job = job();
    fake.service().plant("/c/source.vhd", MIB, &[(0, noise(1, 512))]);
    let source = SasUrl::parse(&URL.replace("/c?", "/c/source.vhd?"), "the variable SOURCE").unwrap();
    let place = Some("https://disks.blob.core.windows.net/c/source.vhd".to_owned());

    fake.service().copies = CopyPlan::After(2);
    let copy = blob
        .start_copy(&source, None, &metadata(&[("a", "b")]), &Condition::absent(), &job)
        .await
        .unwrap();
    assert_eq!((copy.status, &copy.source), (CopyStatus::Pending, &place));
    assert!(
        fake.service().blobs["/c/a.vhd"]
            .copy
            .as_ref()
            .unwrap()
            .source
            .contains("sig=s3cret")
    );
    assert_eq!(
        kind(
            blob.put_pages(0, noise(1, 512), crc64(&noise(1, 512)), &Condition::none(), &job)
                .await
        ),
        BlobErrorKind::Changed
    );
    let mut looks = Vec::new();
    for _ in 0..4 {
        let state = blob.properties(&job).await.unwrap().unwrap().copy.unwrap();
        assert_eq!((&state.id, &state.source), (&copy.id, &place));
        looks.push((state.status, state.progress.unwrap().1));
    }
    assert_eq!(
        looks
            .iter()
            .filter(|(status, _)| *status == CopyStatus::Pending)
            .count(),
        3
    );
    assert_eq!(looks.last(), Some(&(CopyStatus::Success, MIB)));
    assert_eq!(kind(blob.abort_copy(&copy.id, &job).await), BlobErrorKind::Changed);

    fake.service().copies = CopyPlan::Fails(0, "500 InternalError \"https://x?sig=abc\"".into());
    blob.start_copy(&source, None, &metadata(&[]), &Condition::none(), &job)
        .await
        .unwrap();
    blob.properties(&job).await.unwrap();
    let state = blob.properties(&job).await.unwrap().unwrap().copy.unwrap();
    assert_eq!(state.status, CopyStatus::Failed);
    assert_eq!(
        state.reason.as_deref(),
        Some("500 InternalError \"https://x?sig=(signature)\"")
    );

    fake.service().copies = CopyPlan::Never;
    let copy = blob
        .start_copy(&source, None, &metadata(&[]), &Condition::none(), &job)
        .await
        .unwrap();
    blob.abort_copy(&copy.id, &job).await.unwrap();
    let held = blob.properties(&job).await.unwrap().unwrap();
    assert_eq!((held.length, held.copy.unwrap().status), (0, CopyStatus::Aborted));

    fake.service().copies = CopyPlan::Refused(403, "CannotVerifyCopySource".into());
    let error = blob
        .start_copy(&source, None, &metadata(&[]), &Condition::none(), &job)
        .await;
    assert_eq!(kind(error), BlobErrorKind::Source);
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_start_was_not_heard_of_is_found() {
    use super::service::{Fault, Rule};
    let (fake, blob) = blob();
    fake.service().plant("/c/source.vhd", MIB, &[]);
    fake.service().copies = CopyPlan::Never;
    fake.service().rules.push(Rule::next("PUT copy", Fault::ResetAfter));
    let source = SasUrl::parse(&URL.replace("/c?", "/c/source.vhd?"), "x").unwrap();
    let copy = blob
        .start_copy(&source, None, &metadata(&[]), &Condition::absent(), &job())
        .await
        .unwrap();
    assert_eq!(copy.id, fake.service().blobs["/c/a.vhd"].copy.as_ref().unwrap().id);
    assert_eq!(fake.service().count("PUT copy"), 2);
}
