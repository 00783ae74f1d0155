//! What it costs to find out whether a blob is there.

use super::fake::{Fake, FakeHost, Fault};
use super::*;
use crate::oci::{MemoryContent, Target as _};

const SOURCE: &str = "source.test";
const TARGET: &str = "target.test";

fn two() -> Fake {
    Fake::default()
        .host(SOURCE, FakeHost::default())
        .host(TARGET, FakeHost::default())
}

/// Gives the target's repository all blobs of the source's, as an interrupted copy does.
fn hand_over(fake: &Fake, from: &str, to: &str) {
    let blobs = fake.with(SOURCE, |host| host.held.blobs[from].clone());
    fake.with(TARGET, |host| host.held.blobs.insert(to.to_owned(), blobs));
}

#[tokio::test(start_paused = true)]
async fn a_small_blob_that_is_missing_costs_two_requests_and_its_source_one() {
    let fake = two();
    plant(&fake, SOURCE, "app", "1", 1, 9, 7);
    copy(&registries(&fake), (SOURCE, "app"), (TARGET, "app"), "1")
        .await
        .unwrap();
    fake.verify(TARGET, "app", "1").unwrap();
    assert_eq!(fake.count(TARGET, "HEAD /v2/app/blobs/"), 0);
    assert_eq!(fake.count(TARGET, "POST /v2/app/blobs/uploads/"), 10);
    assert_eq!(fake.count(TARGET, "PUT /v2/app/blobs/uploads/"), 10);
    assert_eq!(fake.count(SOURCE, "GET /v2/app/blobs/"), 10);
}

#[tokio::test(start_paused = true)]
async fn small_blobs_that_are_there_cost_one_request_and_are_not_sent() {
    let fake = two();
    plant(&fake, SOURCE, "app", "1", 1, 9, 7);
    hand_over(&fake, "app", "app");
    copy(&registries(&fake), (SOURCE, "app"), (TARGET, "app"), "1")
        .await
        .unwrap();
    fake.verify(TARGET, "app", "1").unwrap();
    assert_eq!(fake.count(TARGET, "POST /v2/app/blobs/uploads/"), 10);
    assert_eq!(fake.count(TARGET, "PUT /v2/app/blobs/uploads/"), 0);
    assert_eq!(fake.uploaded(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_large_blob_is_asked_for_before_anything_is_opened() {
    let fake = two();
    let mut content = MemoryContent::new("memory");
    let blob = content.insert("application/octet-stream", noise(3, 1024 * 1024 + 1));
    let content: Arc<dyn crate::oci::Content> = Arc::new(content);
    for (expected, uploads) in [(crate::oci::Moved::Sent, 1), (crate::oci::Moved::Present, 0)] {
        fake.forget_seen();
        // A new run, which knows nothing of the one before.
        let registries = registries(&fake);
        let client = registries.client(TARGET, Auth::Auto).unwrap();
        let repository = super::super::Repository::writing(&client, "app").unwrap();
        let target = super::super::RegistryTarget::new(repository);
        assert_eq!(target.put_blob(&blob, &content, &job()).await.unwrap(), expected);
        assert_eq!(fake.count(TARGET, "HEAD /v2/app/blobs/"), 1);
        assert_eq!(fake.count(TARGET, "POST /v2/app/blobs/uploads/"), uploads);
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_takes_a_mount_from_itself_for_a_mistake_is_asked_in_the_usual_way() {
    for status in [400, 403, 404, 405] {
        let fake = two();
        plant(&fake, SOURCE, "app", "1", 1, 29, 7);
        fake.order(move |seen, _| {
            let mount = seen.url.query().is_some_and(|query| query.contains("mount="));
            mount.then(|| Fault::Status(status, Vec::new(), "no such thing"))
        });
        copy(&registries(&fake), (SOURCE, "app"), (TARGET, "app"), "1")
            .await
            .unwrap();
        fake.verify(TARGET, "app", "1").unwrap();
        let mounts = fake
            .seen()
            .iter()
            .filter(|seen| seen.url.query().is_some_and(|q| q.contains("mount=")))
            .count();
        // Those that were on their way when the first answer came, and no more.
        assert!(mounts <= 16, "{status}: {mounts} mounts were asked for");
        assert_eq!(fake.count(TARGET, "HEAD /v2/app/blobs/"), 30, "{status}");
        assert_eq!(fake.count(TARGET, "PUT /v2/app/blobs/uploads/"), 30, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_grants_no_mounts_gets_every_small_blob_whole() {
    let fake = two();
    fake.with(TARGET, |host| host.mounts = false);
    plant(&fake, SOURCE, "app", "1", 1, 9, 7);
    hand_over(&fake, "app", "app");
    copy(&registries(&fake), (SOURCE, "app"), (TARGET, "app"), "1")
        .await
        .unwrap();
    fake.verify(TARGET, "app", "1").unwrap();
    assert_eq!(fake.count(TARGET, "PUT /v2/app/blobs/uploads/"), 10, "no blob twice");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_while_the_upload_is_opened_fails_the_copy_and_leaves_no_tag() {
    let fake = two();
    plant(&fake, SOURCE, "app", "1", 1, 9, 7);
    fake.order(|seen, _| {
        let layer = seen.url.host_str() == Some(SOURCE) && seen.url.path().contains("/blobs/");
        layer.then(|| Fault::Status(404, Vec::new(), "gone"))
    });
    let error = copy(&registries(&fake), (SOURCE, "app"), (TARGET, "app"), "1")
        .await
        .unwrap_err();
    assert_eq!(error.kind, crate::oci::ErrorKind::Absent, "{error}");
    assert!(error.to_string().contains(SOURCE), "{error}");
    assert!(fake.verify(TARGET, "app", "1").is_err());
}

#[tokio::test(start_paused = true)]
async fn damage_in_a_small_blob_that_was_asked_for_ahead_is_noticed() {
    let fake = two();
    plant(&fake, SOURCE, "app", "1", 1, 3, 7);
    fake.order(|seen, _| {
        let layer = seen.url.host_str() == Some(SOURCE) && seen.url.path().contains("/blobs/");
        layer.then_some(Fault::Flip(20))
    });
    let error = copy(&registries(&fake), (SOURCE, "app"), (TARGET, "app"), "1")
        .await
        .unwrap_err();
    assert_eq!(error.kind, crate::oci::ErrorKind::Corrupt, "{error}");
    assert!(fake.with(TARGET, |host| {
        host.held.blobs.get("app").is_none_or(|held| held.is_empty())
    }));
}
