//! Several writers of one fallback list: none undoes another's entry.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::fake::Fault;
use super::referrers::*;
use super::*;
use crate::oci::{ErrorKind, Place as _};

#[tokio::test(start_paused = true)]
async fn many_writers_of_one_process_write_the_list_together() {
    let fake = fake(false);
    let image = subject(&fake);
    let place = place(&fake);
    let target = place.target();
    let made: Vec<(Descriptor, Bytes)> = (0..40).map(|n| referrer(&image, "a/b", &n.to_string())).collect();
    let job = job();
    let puts = made
        .iter()
        .map(|(ours, bytes)| target.put_manifest(ours, bytes.clone(), &job));
    for done in join_all(puts).await {
        done.unwrap();
    }
    assert_eq!(held_digests(&fake, &image), sorted_digests(made.iter().map(|(d, _)| d)));
    let writes = fake.count(HOST, "PUT /v2/net-monitor/manifests/sha256-");
    assert!(writes <= 4, "{writes} writes for 40 referrers");
}

#[tokio::test(start_paused = true)]
async fn writers_of_several_processes_lose_no_entry() {
    for processes in [2, 5] {
        let fake = fake(false);
        let image = subject(&fake);
        let made: Vec<(Descriptor, Bytes)> = (0..processes * 3)
            .map(|n| referrer(&image, "a/b", &n.to_string()))
            .collect();
        let runs = made.chunks(3).enumerate().map(|(number, own)| {
            let place = place(&fake);
            async move {
                // Not all in the same instant, or no schedule but one would be tried.
                tokio::time::sleep(std::time::Duration::from_micros(700 * number as u64)).await;
                for (ours, bytes) in own {
                    place.target().put_manifest(ours, bytes.clone(), &job()).await.unwrap();
                }
            }
        });
        join_all(runs).await;
        assert_eq!(
            held_digests(&fake, &image),
            sorted_digests(made.iter().map(|(d, _)| d)),
            "{processes} processes"
        );
    }
}

/// Overwrites the list right before it is looked at again after our first write.
fn overwrite_after_the_first_write(fake: &super::fake::Fake, image: &Descriptor, entries: Vec<Value>) {
    let (fake, image, reads) = (fake.clone(), image.clone(), AtomicUsize::new(0));
    fake.clone().order(move |seen, _| {
        let reads_list = seen.method == "GET" && seen.url.path().contains("/manifests/sha256-");
        if reads_list && reads.fetch_add(1, Ordering::SeqCst) == 1 {
            plant_list(&fake, &image, &entries);
        }
        None
    });
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_another_writer_undid_is_put_back_and_theirs_stays() {
    let fake = fake(false);
    let image = subject(&fake);
    let before = plant_referrer(&fake, &image, "a/b", "before");
    let theirs = plant_referrer(&fake, &image, "a/b", "theirs");
    plant_list(&fake, &image, &[listed_entry(&fake, &before)]);
    // They had read an empty list: ours and the one before it are lost.
    overwrite_after_the_first_write(&fake, &image, vec![listed_entry(&fake, &theirs)]);
    let (ours, bytes) = referrer(&image, "a/b", "ours");
    place(&fake).target().put_manifest(&ours, bytes, &job()).await.unwrap();
    assert_eq!(held_digests(&fake, &image), sorted_digests([&before, &theirs, &ours]));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_was_deleted_on_purpose_is_not_put_back() {
    let fake = fake(false);
    let image = subject(&fake);
    let before = plant_referrer(&fake, &image, "a/b", "before");
    plant_list(&fake, &image, &[listed_entry(&fake, &before)]);
    let (other, gone) = (fake.clone(), before.digest.clone());
    let (reads, of) = (AtomicUsize::new(0), image.clone());
    fake.order(move |seen, _| {
        let reads_list = seen.method == "GET" && seen.url.path().contains("/manifests/sha256-");
        if reads_list && reads.fetch_add(1, Ordering::SeqCst) == 1 {
            other.with(HOST, |host| {
                host.held.manifests.get_mut(REPOSITORY).unwrap().remove(&gone)
            });
            plant_list(&other, &of, &[]);
        }
        None
    });
    let (ours, bytes) = referrer(&image, "a/b", "ours");
    place(&fake).target().put_manifest(&ours, bytes, &job()).await.unwrap();
    assert_eq!(held_digests(&fake, &image), sorted_digests([&ours]));
}

#[tokio::test(start_paused = true)]
async fn entries_without_a_manifest_do_not_keep_others_from_being_listed() {
    let fake = fake(false);
    let image = subject(&fake);
    let there = plant_referrer(&fake, &image, "a/b", "there");
    let gone = json!({ "mediaType": OCI_MANIFEST, "digest": Digest::of(b"gone").to_string(), "size": 4, "artifactType": "a/b" });
    // The fake, like registries, takes no index of what it does not have.
    plant_list(&fake, &image, &[gone, listed_entry(&fake, &there)]);
    let (ours, bytes) = referrer(&image, "a/b", "ours");
    place(&fake).target().put_manifest(&ours, bytes, &job()).await.unwrap();
    assert_eq!(held_digests(&fake, &image), sorted_digests([&there, &ours]));
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_never_wins_gives_up_with_an_error() {
    let fake = fake(false);
    let image = subject(&fake);
    let theirs = plant_referrer(&fake, &image, "a/b", "theirs");
    let (other, of) = (fake.clone(), image.clone());
    let entry = listed_entry(&fake, &theirs);
    fake.order(move |seen, _| {
        if seen.method == "GET" && seen.url.path().contains("/manifests/sha256-") {
            plant_list(&other, &of, std::slice::from_ref(&entry));
        }
        None
    });
    let (ours, bytes) = referrer(&image, "a/b", "ours");
    let error = place(&fake)
        .target()
        .put_manifest(&ours, bytes, &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert!(fake.seen().len() < 100, "{} requests", fake.seen().len());
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_told_to_whom_it_concerns_and_the_next_one_succeeds() {
    let fake = fake(false);
    let image = subject(&fake);
    let place = place(&fake);
    let target = place.target();
    fake.order(|seen, _| {
        let writes_list = seen.method == "PUT" && seen.url.path().contains("/manifests/sha256-");
        writes_list.then(|| Fault::Status(403, vec![], ""))
    });
    let made: Vec<(Descriptor, Bytes)> = (0..3).map(|n| referrer(&image, "a/b", &n.to_string())).collect();
    let job = job();
    let puts = made
        .iter()
        .map(|(ours, bytes)| target.put_manifest(ours, bytes.clone(), &job));
    for done in join_all(puts).await {
        assert_eq!(done.unwrap_err().kind, ErrorKind::Denied);
    }
    fake.order(|_, _| None);
    for (ours, bytes) in &made {
        target.put_manifest(ours, bytes.clone(), &job).await.unwrap();
    }
    assert_eq!(held_digests(&fake, &image), sorted_digests(made.iter().map(|(d, _)| d)));
}
