//! Copies between registries over the fake: what is sent, mounted, and left alone.

use std::collections::BTreeSet;

use super::fake::{Fake, FakeHost, Fault, Login};
use super::*;
use crate::oci::{Content as _, ErrorKind, MemoryContent, Selector};
use crate::store::Observed;

const SOURCE: &str = "source.test";
const TARGET: &str = "target.test";

fn two() -> Fake {
    Fake::default()
        .host(SOURCE, FakeHost::default())
        .host(TARGET, FakeHost::default())
}

#[tokio::test(start_paused = true)]
async fn a_whole_graph_arrives_untouched_with_its_tag_last() {
    let fake = two();
    let root = plant(&fake, SOURCE, "team/app", "1.0", 3, 4, 7);
    let registries = registries(&fake);
    let (filled, digest) = copy(&registries, (SOURCE, "team/app"), (TARGET, "app"), "1.0")
        .await
        .unwrap();
    assert_eq!(digest, root.digest);
    assert_eq!(fake.verify(TARGET, "app", "1.0").unwrap(), root.digest);
    assert_eq!(filled.requests, registries.requests());
    let seen = fake.seen();
    let last_put = seen.iter().rfind(|s| s.method == "PUT").unwrap();
    assert!(last_put.url.path().ends_with("/manifests/1.0"), "{}", last_put.url);
    // No blob is asked for or sent twice: 3 configs, 2 shared layers, 2 own layers of each image.
    assert_eq!(fake.count(SOURCE, "GET /v2/team/app/blobs/"), 3 + 2 + 6);
    assert_eq!(fake.count(TARGET, "PUT /v2/app/blobs/"), 3 + 2 + 6);
    let sizes: u64 = fake.with(TARGET, |host| {
        let blobs: usize = host.held.blobs["app"].values().map(Bytes::len).sum();
        let manifests: usize = host.held.manifests["app"].values().map(|(_, bytes)| bytes.len()).sum();
        (blobs + manifests) as u64
    });
    assert_eq!(filled.bytes_moved, sizes);
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_writes_nothing_and_observing_is_one_head() {
    let fake = two();
    let root = plant(&fake, SOURCE, "app", "1.0", 2, 3, 7);
    copy(&registries(&fake), (SOURCE, "app"), (TARGET, "app"), "1.0")
        .await
        .unwrap();
    fake.forget_seen();
    let registries = registries(&fake);
    let (filled, _) = copy(&registries, (SOURCE, "app"), (TARGET, "app"), "1.0")
        .await
        .unwrap();
    assert_eq!(filled.bytes_moved, 0);
    assert!(
        fake.seen().iter().all(|seen| seen.method == "HEAD"),
        "{:?}",
        fake.seen()
    );
    fake.forget_seen();
    let observed = store(&registries, TARGET)
        .observe(&name("app", "1.0"), false, &job())
        .await
        .unwrap();
    assert!(matches!(observed, Observed::Present(found) if found.digest == root.digest && found.size == root.size));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn images_that_share_layers_send_them_once_and_mount_them_elsewhere() {
    let fake = two();
    for n in 0..8 {
        plant(&fake, SOURCE, &format!("app{n}"), "1", 1, 4, 7);
    }
    let registries = registries(&fake);
    let names: Vec<String> = (0..8).map(|n| format!("app{n}")).collect();
    let copies = names.iter().map(|n| copy(&registries, (SOURCE, n), (TARGET, n), "1"));
    for done in futures_util::future::join_all(copies).await {
        done.unwrap();
    }
    for name in &names {
        fake.verify(TARGET, name, "1").unwrap();
    }
    // All eight are the same image: config and 4 layers cross the wire once.
    let uploads = fake
        .seen()
        .iter()
        .filter(|s| s.method == "PUT" && s.url.path().contains("/blobs/"))
        .count();
    assert_eq!(uploads, 5);
    // A mount of a repository from itself asks whether a blob is there.
    let mount = |seen: &super::fake::Seen| {
        let into = seen
            .url
            .path()
            .strip_prefix("/v2/")?
            .split("/blobs/")
            .next()?
            .to_owned();
        let from = seen.url.query_pairs().find(|(name, _)| name == "from")?.1.into_owned();
        Some(from != into)
    };
    let mounts: Vec<bool> = fake.seen().iter().filter_map(mount).collect();
    assert_eq!(mounts.iter().filter(|elsewhere| **elsewhere).count(), 7 * 5);
    assert_eq!(mounts.iter().filter(|elsewhere| !**elsewhere).count(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_refuses_mounts_gets_the_blob_through_the_session_it_opened() {
    let fake = two();
    fake.with(TARGET, |host| host.mounts = false);
    plant(&fake, SOURCE, "a", "1", 1, 2, 7);
    plant(&fake, SOURCE, "b", "1", 1, 2, 7);
    let registries = registries(&fake);
    copy(&registries, (SOURCE, "a"), (TARGET, "a"), "1").await.unwrap();
    fake.forget_seen();
    copy(&registries, (SOURCE, "b"), (TARGET, "b"), "1").await.unwrap();
    fake.verify(TARGET, "b", "1").unwrap();
    assert_eq!(
        fake.count(TARGET, "POST /v2/b/blobs/uploads/"),
        3,
        "one session a blob, none left open"
    );
    assert_eq!(fake.count(TARGET, "PUT /v2/b/blobs/uploads/"), 3);
}

#[tokio::test(start_paused = true)]
async fn within_one_registry_everything_is_mounted_from_the_source_repository() {
    let fake = Fake::default().host(TARGET, FakeHost::default());
    plant(&fake, TARGET, "from/app", "1", 2, 3, 7);
    let registries = registries(&fake);
    let (filled, _) = copy(&registries, (TARGET, "from/app"), (TARGET, "to/app"), "1")
        .await
        .unwrap();
    fake.verify(TARGET, "to/app", "1").unwrap();
    assert_eq!(
        fake.seen()
            .iter()
            .filter(|s| s.method == "PUT" && s.url.path().contains("/blobs/"))
            .count(),
        0
    );
    assert!(filled.bytes_mounted > 0);
}

#[tokio::test(start_paused = true)]
async fn a_mount_asks_for_both_repositories_in_one_token() {
    let bearer = Login::Bearer {
        user: "u",
        password: "p",
        identity: "i",
        anonymous: true,
        life: 300,
    };
    let fake = Fake::default().host(
        TARGET,
        FakeHost {
            login: bearer,
            ..FakeHost::default()
        },
    );
    plant(&fake, TARGET, "from/app", "1", 1, 2, 7);
    copy(&registries(&fake), (TARGET, "from/app"), (TARGET, "to/app"), "1")
        .await
        .unwrap();
    fake.verify(TARGET, "to/app", "1").unwrap();
    let scopes: BTreeSet<String> = fake
        .seen()
        .iter()
        .filter(|s| s.url.host_str() == Some("auth.target.test"))
        .map(|s| {
            s.url
                .query_pairs()
                .filter(|(n, _)| n == "scope")
                .map(|(_, v)| v.into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert!(
        scopes.contains("repository:from/app:pull repository:to/app:pull,push"),
        "{scopes:?}"
    );
    assert_eq!(scopes.len(), 3, "{scopes:?}");
    assert_eq!(
        fake.seen()
            .iter()
            .filter(|s| s.method == "PUT" && s.url.path().contains("/blobs/"))
            .count(),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn blobs_that_are_redirected_and_uploads_that_go_elsewhere_arrive() {
    let fake = two();
    fake.with(SOURCE, |host| host.redirect_blobs = true);
    fake.with(TARGET, |host| host.upload_elsewhere = true);
    plant(&fake, SOURCE, "app", "1", 1, 3, 7);
    copy(&registries(&fake), (SOURCE, "app"), (TARGET, "app"), "1")
        .await
        .unwrap();
    fake.verify(TARGET, "app", "1").unwrap();
    assert_eq!(fake.count("cdn.source.test", "GET"), 4);
    assert_eq!(fake.count("upload.target.test", "PUT"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_registry_without_digest_headers_is_read_with_get() {
    let fake = two();
    fake.with(SOURCE, |host| host.digests = false);
    let root = plant(&fake, SOURCE, "app", "1", 1, 1, 7);
    let found = registries(&fake)
        .source(SOURCE, Auth::Auto, &job())
        .unwrap()
        .resolve("app", &Selector::Tag("1".into()))
        .await
        .unwrap();
    assert_eq!(
        (found.digest, found.size, found.media_type),
        (root.digest, root.size, root.media_type)
    );
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_does_not_know_head_is_read_with_get() {
    let fake = two();
    let root = plant(&fake, SOURCE, "app", "1", 1, 1, 7);
    fake.order(|seen, _| (seen.method == "HEAD").then(|| Fault::Status(405, vec![], "")));
    let source = registries(&fake).source(SOURCE, Auth::Auto, &job()).unwrap();
    assert_eq!(
        source.resolve("app", &Selector::Tag("1".into())).await.unwrap().digest,
        root.digest
    );
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_holds_something_else_is_not_overwritten_unless_the_plan_saw_it() {
    let fake = two();
    let root = plant(&fake, SOURCE, "app", "1", 1, 1, 7);
    let other = plant(&fake, TARGET, "app", "1", 1, 1, 8);
    let registries = registries(&fake);
    let job = job();
    let source = registries.source(SOURCE, Auth::Auto, &job).unwrap();
    let store = store(&registries, TARGET);
    let fill = async |guard: Guard| {
        store
            .fill(&name("app", "1"), &root, source.content("app"), &guard, &job)
            .await
    };
    for guard in [Guard::Create, Guard::Replace(Digest::of(b"a third one"))] {
        let error = fill(guard).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(
            error.detail.contains(other.digest.as_str()) && error.detail.contains(root.digest.as_str()),
            "{error}"
        );
        assert_eq!(fake.verify(TARGET, "app", "1").unwrap(), other.digest);
    }
    fill(Guard::Replace(other.digest.clone())).await.unwrap();
    assert_eq!(fake.verify(TARGET, "app", "1").unwrap(), root.digest);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_changes_right_after_the_write_is_a_lost_race() {
    let fake = two();
    plant(&fake, SOURCE, "app", "1", 1, 1, 7);
    let other = Digest::of(b"other");
    let header = other.to_string();
    // The second question for the tag is the one after the write.
    let asked = std::sync::atomic::AtomicUsize::new(0);
    fake.order(move |seen, _| {
        let tag = seen.method == "HEAD" && seen.url.host_str() == Some(TARGET) && seen.url.path().ends_with("/1");
        (tag && asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1)
            .then(|| Fault::Header("docker-content-digest", Some(header.clone())))
    });
    let error = copy(&registries(&fake), (SOURCE, "app"), (TARGET, "app"), "1")
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.detail.contains(other.as_str()), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_memory_is_pushed_like_anything_else() {
    let fake = two();
    let mut content = MemoryContent::new("packed chart");
    let config = content.insert("application/vnd.cncf.helm.config.v1+json", &b"{}"[..]);
    let layer = content.insert("application/vnd.cncf.helm.chart.content.v1.tar+gzip", noise(1, 5000));
    let empty = content.insert("application/octet-stream", &b""[..]);
    let text = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{},{}]}}"#,
        serde_json::to_string(&config).unwrap(),
        serde_json::to_string(&layer).unwrap(),
        serde_json::to_string(&empty).unwrap()
    );
    let root = content.insert(OCI_MANIFEST, text);
    assert_eq!(content.origin().label, "packed chart");
    let registries = registries(&fake);
    let filled = store(&registries, TARGET)
        .fill(
            &name("charts/app", "1.0.0"),
            &root,
            Arc::new(content),
            &Guard::Create,
            &job(),
        )
        .await
        .unwrap();
    assert_eq!(fake.verify(TARGET, "charts/app", "1.0.0").unwrap(), root.digest);
    assert_eq!(filled.bytes_moved, 2 + 5000 + root.size);
}

#[tokio::test(start_paused = true)]
async fn a_thorough_look_finds_what_is_missing_below_a_tag() {
    let fake = Fake::default().host(TARGET, FakeHost::default());
    let root = plant(&fake, TARGET, "app", "1", 2, 2, 7);
    let registries = registries(&fake);
    let store = store(&registries, TARGET);
    let observe = async || store.observe(&name("app", "1"), true, &job()).await.unwrap();
    assert!(matches!(observe().await, Observed::Present(_)));
    fake.with(TARGET, |host| {
        let blobs = host.held.blobs.get_mut("app").unwrap();
        let first = blobs.keys().next().cloned().unwrap();
        blobs.remove(&first);
    });
    assert!(
        matches!(observe().await, Observed::Damaged { root: Some(found), why } if found.digest == root.digest && why.contains("missing"))
    );
    assert!(matches!(
        store.observe(&name("app", "1"), false, &job()).await.unwrap(),
        Observed::Present(_)
    ));
    assert_eq!(
        store.observe(&name("app", "2"), true, &job()).await.unwrap(),
        Observed::Absent
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_stops_and_leaves_no_tag() {
    let fake = two();
    let root = plant(&fake, SOURCE, "app", "1", 1, 2, 7);
    fake.order(|seen, _| (seen.method == "PUT").then_some(Fault::Hang));
    let registries = registries(&fake);
    let job = job();
    let source = registries.source(SOURCE, Auth::Auto, &job).unwrap();
    let store = store(&registries, TARGET);
    let (name, guard) = (name("app", "1"), Guard::Create);
    let fill = store.fill(&name, &root, source.content("app"), &guard, &job);
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        job.cancel.cancel();
    };
    let (result, ()) = tokio::join!(fill, stop);
    assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(fake.verify(TARGET, "app", "1").is_err());
}
