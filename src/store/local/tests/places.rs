//! A layout as a place: names of any form, referrers, deletion.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::oci::layout::FolderContent;
use crate::oci::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::oci::{ErrorKind, Place as _, Selector};

fn tag(text: &str) -> Selector {
    Selector::Tag(text.to_owned())
}

/// A manifest without layers that refers to another.
fn referrer(subject: &Descriptor, kind: &str) -> (Descriptor, Bytes) {
    let text = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2 },
        "layers": [],
        "subject": { "mediaType": subject.media_type, "digest": subject.digest.to_string(), "size": subject.size },
        "annotations": { "note": kind },
    });
    let bytes = Bytes::from(serde_json::to_vec(&text).unwrap());
    (Descriptor::of(OCI_MANIFEST, &bytes), bytes)
}

async fn attach(store: &LocalStore, subject: &Descriptor, kind: &str) -> Descriptor {
    let mut config = crate::oci::MemoryContent::new("config");
    let empty = config.insert("application/vnd.oci.empty.v1+json", &b"{}"[..]);
    let target = store.place("").unwrap().target();
    target
        .put_blob(&empty, &(Arc::new(config) as Arc<dyn Content>), &job())
        .await
        .unwrap();
    let (descriptor, bytes) = referrer(subject, kind);
    target.put_manifest(&descriptor, bytes, &job()).await.unwrap();
    descriptor
}

fn index(path: &Utf8Path) -> Value {
    serde_json::from_slice(&std::fs::read(path.join("index.json")).unwrap()).unwrap()
}

fn blobs(path: &Utf8Path) -> BTreeSet<String> {
    let names = files(path).into_keys().filter(|name| name.starts_with("blobs/"));
    names.collect()
}

/// Gives the entries of a layout other names, as other tools write them.
fn rename(path: &Utf8Path, names: &[(&Descriptor, &[(&str, &str)])]) {
    let mut index = index(path);
    index["manifests"] = names
        .iter()
        .map(|(root, annotations)| {
            let annotations: BTreeMap<&str, &str> = annotations.iter().copied().collect();
            json!({ "mediaType": root.media_type, "digest": root.digest, "size": root.size, "annotations": annotations })
        })
        .collect();
    std::fs::write(path.join("index.json"), index.to_string()).unwrap();
}

#[tokio::test]
async fn names_of_every_form_are_found_and_listed() {
    let (_keep, path) = folder();
    let (ref_name, containerd) = ("org.opencontainers.image.ref.name", "io.containerd.image.name");
    let mut roots = Vec::new();
    for seed in ["ours", "oras", "crane", "docker"] {
        let first = store(&path);
        roots.push(put(&first, &format!("{seed}:1"), seed).await);
        first.flush().await.unwrap();
    }
    rename(
        &path,
        &[
            (&roots[0], &[(ref_name, "release/contoso-a:1.0.0")]),
            (&roots[1], &[(ref_name, "v1")]),
            (&roots[2], &[(ref_name, "registry.example.test/team/app:2.0")]),
            (
                &roots[3],
                &[(ref_name, "latest"), (containerd, "docker.io/library/redis:7")],
            ),
        ],
    );
    let store = store(&path);
    let layout = store.place("").unwrap();
    for (name, root) in [
        ("release/contoso-a:1.0.0", &roots[0]),
        ("v1", &roots[1]),
        ("registry.example.test/team/app:2.0", &roots[2]),
        ("team/app:2.0", &roots[2]),
        ("latest", &roots[3]),
        ("docker.io/library/redis:7", &roots[3]),
        ("redis:7", &roots[3]),
    ] {
        assert_eq!(layout.resolve(&tag(name), &job()).await.unwrap(), *root, "{name}");
    }
    assert_eq!(
        layout.tags(&job()).await.unwrap(),
        [
            "latest",
            "registry.example.test/team/app:2.0",
            "release/contoso-a:1.0.0",
            "v1"
        ]
    );
    let repository = store.place("release/contoso-a").unwrap();
    assert_eq!(repository.tags(&job()).await.unwrap(), ["1.0.0"]);
    assert_eq!(repository.resolve(&tag("1.0.0"), &job()).await.unwrap(), roots[0]);
    assert_eq!(
        store.place("release").unwrap().tags(&job()).await.unwrap(),
        Vec::<String>::new()
    );
    for (place, name) in [
        ("", "1.0.0"),
        ("", "contoso-a:1.0.0"),
        ("release", "1.0.0"),
        ("team/app", "1.0"),
    ] {
        let error = store
            .place(place)
            .unwrap()
            .resolve(&tag(name), &job())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Absent, "{place}:{name}");
        assert!(error.detail.contains("v1"), "it tells what there is: {error}");
    }
}

#[tokio::test]
async fn the_only_thing_in_a_layout_needs_no_name() {
    let (_keep, path) = folder();
    let first = store(&path);
    assert_eq!(first.repository("").only().await.unwrap_err().kind, ErrorKind::Absent);
    let nowhere = store(&path.join("nowhere")).repository("");
    let errors = [
        nowhere.only().await.unwrap_err(),
        nowhere.tags(&job()).await.unwrap_err(),
        nowhere.resolve(&tag("v1"), &job()).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, ErrorKind::Absent);
        assert!(error.detail.contains("no such folder"), "{error}");
    }
    let root = put(&first, "a:1", "a").await;
    attach(&first, &root, "sbom/example").await;
    first.flush().await.unwrap();
    assert_eq!(store(&path).repository("").only().await.unwrap(), root);
    put(&first, "a:same", "a").await;
    first.flush().await.unwrap();
    assert_eq!(
        store(&path).repository("").only().await.unwrap(),
        root,
        "two names of one thing"
    );
    // As some tools write it: without any name.
    let mut text = index(&path);
    for entry in text["manifests"].as_array_mut().unwrap() {
        entry.as_object_mut().unwrap().remove("annotations");
    }
    std::fs::write(path.join("index.json"), text.to_string()).unwrap();
    assert_eq!(store(&path).repository("").only().await.unwrap(), root);
    let last = store(&path);
    put(&last, "b:1", "b").await;
    put(&last, "c:1", "c").await;
    last.flush().await.unwrap();
    let error = store(&path).repository("").only().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.detail.contains("b:1") && error.detail.contains("c:1"), "{error}");
}

#[tokio::test]
async fn a_plain_name_is_written_as_it_stands() {
    let (_keep, path) = folder();
    let store = store(&path);
    let place = store.place("").unwrap();
    let (content, root, _) = image("a");
    let tag_as = crate::oci::TagAs {
        tag: "v1",
        guard: &Guard::Create,
    };
    copy_graph(
        &content,
        &*place.target(),
        &root,
        Some(tag_as),
        CopyOptions::default(),
        &job(),
    )
    .await
    .unwrap();
    assert_eq!(
        place.resolve(&tag("v1"), &job()).await.unwrap(),
        root,
        "a place shows what was put there"
    );
    assert_eq!(place.tags(&job()).await.unwrap(), ["v1"]);
    assert!(!path.join("index.json").exists(), "not yet on disk");
    place.flush().await.unwrap();
    assert_eq!(
        index(&path)["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"],
        "v1"
    );
}

#[tokio::test]
async fn referrers_are_found_before_and_after_the_flush_and_by_other_readers() {
    let (_keep, path) = folder();
    let first = store(&path);
    let root = put(&first, "a:1", "a").await;
    first.flush().await.unwrap();
    let sbom = attach(&first, &root, "sbom/example").await;
    let signature = attach(&first, &sbom, "signature/example").await;
    for flushed in [false, true] {
        let mut readers: Vec<Arc<dyn Content>> = vec![first.content("a", &job()).await.unwrap()];
        if flushed {
            first.flush().await.unwrap();
            readers.push(store(&path).content("a", &job()).await.unwrap());
            readers.push(Arc::new(FolderContent::new(&path)));
            readers.push(LayoutFolder::new("x", &path).content("a"));
        }
        for reader in readers {
            let found = reader.referrers(&root.digest).await.unwrap();
            assert_eq!(found.len(), 1, "flushed: {flushed}");
            assert_eq!(found[0].digest, sbom.digest);
            assert_eq!(found[0].artifact_type(), Some("sbom/example"));
            assert_eq!(found[0].annotations["note"], "sbom/example");
            assert_eq!(
                reader.referrers(&sbom.digest).await.unwrap()[0].digest,
                signature.digest
            );
            assert!(reader.referrers(&signature.digest).await.unwrap().is_empty());
        }
    }
    let entries = index(&path)["manifests"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 3, "the image, and two without a name: {entries:?}");
    let untagged = entries.iter().find(|e| e["digest"] == sbom.digest.as_str()).unwrap();
    assert_eq!(untagged["artifactType"], "sbom/example");
    // Put again, it is listed once; given a name, too.
    attach(&first, &root, "sbom/example").await;
    first.flush().await.unwrap();
    assert_eq!(index(&path)["manifests"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn referrers_below_an_index_of_another_tool_are_found() {
    let (_keep, path) = folder();
    let first = store(&path);
    let root = put(&first, "a:1", "a").await;
    let sbom = attach(&first, &root, "sbom/example").await;
    first.flush().await.unwrap();
    // As regctl writes it: an index under the tag made from the subject's digest.
    let list = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [{ "mediaType": OCI_MANIFEST, "digest": sbom.digest, "size": sbom.size }] })
    .to_string();
    let list_root = Descriptor::of(OCI_INDEX, list.as_bytes());
    std::fs::write(blob_path(&path, &list_root.digest), list).unwrap();
    rename(
        &path,
        &[
            (&root, &[("org.opencontainers.image.ref.name", "v1")]),
            (&list_root, &[("org.opencontainers.image.ref.name", "sha256-of-it")]),
        ],
    );
    let reader = store(&path).content("", &job()).await.unwrap();
    assert_eq!(reader.referrers(&root.digest).await.unwrap()[0].digest, sbom.digest);
}

#[tokio::test]
async fn a_damaged_referrer_is_as_good_as_absent_and_comes_back_when_it_is_repaired() {
    let (_keep, path) = folder();
    let first = store(&path);
    let root = put(&first, "a:1", "a").await;
    let sbom = attach(&first, &root, "sbom/example").await;
    first.flush().await.unwrap();
    let blob = blob_path(&path, &sbom.digest);
    let good = std::fs::read(&blob).unwrap();
    for damage in [None, Some(b"<html>".to_vec()), Some(good[..good.len() - 1].to_vec())] {
        match damage {
            Some(bytes) => std::fs::write(&blob, bytes).unwrap(),
            None => std::fs::remove_file(&blob).unwrap(),
        }
        let reader = store(&path).content("", &job()).await.unwrap();
        assert!(reader.referrers(&root.digest).await.unwrap().is_empty());
        std::fs::write(&blob, &good).unwrap();
        assert_eq!(
            reader.referrers(&root.digest).await.unwrap().len(),
            1,
            "the index did not change"
        );
    }
    std::fs::write(path.join("index.json"), "{").unwrap();
    let error = store(&path)
        .content("", &job())
        .await
        .unwrap()
        .referrers(&root.digest)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "nobody can tell: {error}");
}

#[tokio::test]
async fn a_deleted_image_goes_with_its_names_and_with_what_only_it_has() {
    let (_keep, path) = folder();
    let store = store(&path);
    let kept = put(&store, "kept:1", "kept").await;
    let before = {
        store.flush().await.unwrap();
        blobs(&path)
    };
    let gone = put(&store, "gone:1", "gone").await;
    put(&store, "gone:again", "gone").await;
    let place = store.place("gone").unwrap();
    place.delete_manifest(&gone.digest, &job()).await.unwrap();
    assert_eq!(place.tags(&job()).await.unwrap(), Vec::<String>::new());
    assert_eq!(observe(&store, "gone:1").await, Observed::Absent);
    assert_eq!(blobs(&path), before, "what it shared with others stays");
    let thorough = store.observe(&name("kept:1"), true, &job()).await.unwrap();
    assert_eq!(thorough, Observed::Present(kept));
    // It can come back.
    put(&store, "gone:1", "gone").await;
    store.flush().await.unwrap();
    let back = store.observe(&name("gone:1"), true, &job()).await.unwrap();
    assert_eq!(back, Observed::Present(gone.clone()));
    assert!(
        files(&path).keys().all(|file| !file.contains(".tmp-")),
        "no temporary file is left"
    );
}

#[tokio::test]
async fn deleting_what_is_not_there_and_what_an_index_needs_is_an_error_and_changes_nothing() {
    let (_keep, path) = folder();
    let empty = store(&path.join("none"));
    let error = empty
        .place("")
        .unwrap()
        .delete_manifest(&Digest::of(b"x"), &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Absent);
    assert!(!path.join("none").exists(), "deleting makes nothing");
    let store = store(&path);
    let root = put(&store, "a:1", "a").await;
    store.flush().await.unwrap();
    let bytes = std::fs::read(blob_path(&path, &root.digest)).unwrap();
    let below: Value = serde_json::from_slice(&bytes).unwrap();
    let child: Digest = below["manifests"][0]["digest"].as_str().unwrap().parse().unwrap();
    let before = files(&path);
    let place = store.place("a").unwrap();
    for (digest, kind) in [(Digest::of(b"x"), ErrorKind::Absent), (child, ErrorKind::Conflict)] {
        let error = place.delete_manifest(&digest, &job()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(files(&path), before);
    }
    std::fs::write(path.join("index.json"), "{").unwrap();
    let error = place.delete_manifest(&root.digest, &job()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
    let error = self::store(&path).repository("").tags(&job()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "no tags is not what it says: {error}");
    assert_eq!(
        blobs(&path).len(),
        before.len() - before.keys().filter(|k| !k.starts_with("blobs/")).count()
    );
}

#[tokio::test]
async fn a_referrer_is_deleted_like_anything_else_and_its_subject_stays() {
    let (_keep, path) = folder();
    let store = store(&path);
    let root = put(&store, "a:1", "a").await;
    let sbom = attach(&store, &root, "sbom/example").await;
    let place = store.place("a").unwrap();
    place.delete_manifest(&sbom.digest, &job()).await.unwrap();
    let content = place.content(&job());
    assert!(content.referrers(&root.digest).await.unwrap().is_empty());
    assert!(!blob_path(&path, &sbom.digest).exists());
    assert!(
        !blob_path(&path, &Digest::of(b"{}")).exists(),
        "its config was nobody else's"
    );
    assert_eq!(observe(&store, "a:1").await, Observed::Present(root));
}

#[tokio::test]
async fn while_another_process_writes_to_the_store_blobs_stay() {
    let (_keep, path) = folder();
    let (ours, theirs) = (store(&path), store(&path));
    let root = put(&ours, "a:1", "a").await;
    ours.flush().await.unwrap();
    // The other one counts on the shared layer, and has not named it yet.
    put(&theirs, "b:1", "b").await;
    let before = blobs(&path);
    ours.place("a")
        .unwrap()
        .delete_manifest(&root.digest, &job())
        .await
        .unwrap();
    assert_eq!(blobs(&path), before);
    theirs.flush().await.unwrap();
    let seen = store(&path).observe(&name("b:1"), true, &job()).await.unwrap();
    assert!(matches!(seen, Observed::Present(_)), "{seen:?}");
}

#[tokio::test]
async fn what_this_process_counts_on_is_not_collected() {
    let (_keep, path) = folder();
    let store = store(&path);
    let root = put(&store, "a:1", "a").await;
    store.flush().await.unwrap();
    // A copy that is under way has found the shared layer, and nothing is tagged yet.
    let (content, other, _) = image("b");
    let target = store.place("b").unwrap().target();
    copy_graph(&content, &*target, &other, None, CopyOptions::default(), &job())
        .await
        .unwrap();
    let deletion = store.place("a").unwrap();
    deletion.delete_manifest(&root.digest, &job()).await.unwrap();
    target.tag("1", &other, None, &Guard::Create, &job()).await.unwrap();
    store.flush().await.unwrap();
    let seen = self::store(&path).observe(&name("b:1"), true, &job()).await.unwrap();
    assert!(matches!(seen, Observed::Present(_)), "{seen:?}");
}
