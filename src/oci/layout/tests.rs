#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is a failed test"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::TryStreamExt as _;
use serde_json::json;

use super::test_images::{Made, folder, gzip, tar_of};
use super::*;
use crate::digest::{Digest, FileDigests, ReadFiles};
use crate::oci::{Content, Descriptor, ErrorKind, OciError, Selector, Source, docker_archive, oci_archive};

fn tag(text: &str) -> Selector {
    Selector::Tag(text.to_owned())
}

async fn read(content: &Arc<dyn Content>, blob: &Descriptor, offset: u64) -> Result<Vec<u8>, OciError> {
    let pieces: Vec<_> = content.blob(blob, offset).await?.try_collect().await?;
    Ok(pieces.concat())
}

/// Everything below a root can be read and has its digest.
async fn assert_whole(source: &dyn Source, root: &Descriptor) {
    let content = source.content("any");
    let mut manifests = vec![root.clone()];
    while let Some(manifest) = manifests.pop() {
        let bytes = content.manifest(&manifest).await.unwrap();
        let below = crate::oci::manifest::children(&bytes, &manifest.media_type).unwrap();
        manifests.extend(below.manifests);
        for blob in below.blobs {
            let bytes = read(&content, &blob, 0).await.unwrap();
            assert_eq!(Digest::of(&bytes), blob.digest);
            assert_eq!(read(&content, &blob, 3).await.unwrap(), bytes[3..], "from an offset on");
        }
    }
}

fn two_platforms() -> (Made, Descriptor) {
    let mut made = Made::new();
    let big = vec![7_u8; 700_000];
    let amd = made.image("linux/amd64", &[b"base layer", &big]);
    let arm = made.image("linux/arm64", &[b"other layer"]);
    let root = made.index(&[("linux/amd64", amd), ("linux/arm64", arm)]);
    (made, root)
}

#[tokio::test]
async fn a_layout_folder_is_read_by_name_and_by_digest() {
    let (_keep, path) = folder();
    let (made, root) = two_platforms();
    made.write_folder(&path, &Made::index_json(&[("release/contoso-a:1.0.0", &root)]));
    let source = LayoutFolder::new("images.local", &path);
    let found = source.resolve("release/contoso-a", &tag("1.0.0")).await.unwrap();
    assert_eq!(found, root);
    assert_whole(&source, &found).await;
    // A manifest that no entry names is found by its digest, with the type it states.
    let child = made
        .blobs
        .0
        .iter()
        .find(|(_, b)| b.windows(4).any(|w| w == b"arm6") && b.len() > 300);
    assert!(child.is_some());
    let by_digest = source
        .resolve("x", &Selector::Digest(root.digest.clone()))
        .await
        .unwrap();
    assert_eq!(by_digest.media_type, crate::oci::manifest::OCI_INDEX);
    let absent = source.resolve("release/contoso-a", &tag("2")).await.unwrap_err();
    assert_eq!(absent.kind, ErrorKind::Absent);
    let absent = source
        .resolve("x", &Selector::Digest(Digest::of(b"nothing")))
        .await
        .unwrap_err();
    assert_eq!(absent.kind, ErrorKind::Absent);
}

/// What, oci-layout, index.json, kind, part of the message.
type Case<'a> = (&'a str, Option<&'a str>, Option<&'a str>, ErrorKind, &'a str);

#[tokio::test]
async fn broken_layout_folders_say_what_is_wrong() {
    let marker = r#"{"imageLayoutVersion":"1.0.0"}"#;
    let deep = "[".repeat(10_000);
    let cases: [Case<'_>; 8] = [
        ("no marker", None, Some("{}"), ErrorKind::Protocol, "no oci-layout"),
        (
            "marker garbage",
            Some("<html>"),
            Some("{}"),
            ErrorKind::Protocol,
            "oci-layout cannot be read",
        ),
        (
            "newer",
            Some(r#"{"imageLayoutVersion":"2.0.0"}"#),
            Some("{}"),
            ErrorKind::Protocol,
            "2.0.0",
        ),
        ("no index", Some(marker), None, ErrorKind::Protocol, "no index.json"),
        (
            "index garbage",
            Some(marker),
            Some("garbage"),
            ErrorKind::Protocol,
            "no image index",
        ),
        (
            "nested",
            Some(marker),
            Some(&deep),
            ErrorKind::Protocol,
            "no image index",
        ),
        (
            "schema",
            Some(marker),
            Some(r#"{"schemaVersion":1,"manifests":[]}"#),
            ErrorKind::Protocol,
            "schemaVersion 1",
        ),
        (
            "digest with a path",
            Some(marker),
            Some(
                r#"{"schemaVersion":2,"manifests":[{"mediaType":"m","size":1,"digest":"sha256:../../../etc/passwd"}]}"#,
            ),
            ErrorKind::Protocol,
            "not a digest",
        ),
    ];
    for (what, marker, index, kind, part) in cases {
        let (_keep, path) = folder();
        for (file, text) in [("oci-layout", marker), ("index.json", index)] {
            if let Some(text) = text {
                std::fs::write(path.join(file), text).unwrap();
            }
        }
        let error = LayoutFolder::new("h", &path).resolve("a", &tag("1")).await.unwrap_err();
        assert_eq!(error.kind, kind, "{what}: {error}");
        assert!(error.to_string().contains(part), "{what}: {error}");
    }
    let none = LayoutFolder::new("h", "/nowhere/at/all")
        .resolve("a", &tag("1"))
        .await
        .unwrap_err();
    assert_eq!(none.kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn huge_files_are_refused_without_being_read() {
    let (_keep, path) = folder();
    let (made, root) = two_platforms();
    made.write_folder(&path, &Made::index_json(&[("a:1", &root)]));
    let source = LayoutFolder::new("h", &path);
    let content = source.content("a");
    // Sparse: 300 MiB that take no room.
    let file = std::fs::File::options()
        .write(true)
        .open(blob_path(&path, &root.digest))
        .unwrap();
    file.set_len(300 << 20).unwrap();
    let error = content
        .manifest(&Descriptor {
            size: 0,
            ..root.clone()
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    let error = content
        .manifest(&Descriptor {
            size: 300 << 20,
            ..root
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    let file = std::fs::File::options()
        .write(true)
        .open(path.join("index.json"))
        .unwrap();
    file.set_len(300 << 20).unwrap();
    let error = LayoutFolder::new("h", &path).resolve("a", &tag("1")).await.unwrap_err();
    assert!(
        error.kind == ErrorKind::Protocol && error.detail.contains("larger than"),
        "{error}"
    );
}

#[tokio::test]
async fn damaged_blobs_are_not_handed_out_as_manifests() {
    let (_keep, path) = folder();
    let (made, root) = two_platforms();
    made.write_folder(&path, &Made::index_json(&[("a:1", &root)]));
    let content = LayoutFolder::new("h", &path).content("a");
    let mut bytes = std::fs::read(blob_path(&path, &root.digest)).unwrap();
    bytes[20] ^= 1;
    std::fs::write(blob_path(&path, &root.digest), &bytes).unwrap();
    assert_eq!(content.manifest(&root).await.unwrap_err().kind, ErrorKind::Corrupt);
    std::fs::write(blob_path(&path, &root.digest), &bytes[..20]).unwrap();
    assert_eq!(content.manifest(&root).await.unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(read(&content, &root, 0).await.unwrap_err().kind, ErrorKind::Corrupt);
    std::fs::remove_file(blob_path(&path, &root.digest)).unwrap();
    assert_eq!(content.manifest(&root).await.unwrap_err().kind, ErrorKind::Absent);
}

#[tokio::test]
async fn an_oci_archive_is_read_plain_and_compressed() {
    let (_keep, path) = folder();
    let (made, root) = two_platforms();
    let tar = tar_of(&made.members(&Made::index_json(&[("myreg.azurecr.io/release/a:1.0", &root)])));
    let tar = tar.into_inner().unwrap();
    std::fs::write(path.join("a.tar"), &tar).unwrap();
    std::fs::write(path.join("a.tar.gz"), gzip(&tar)).unwrap();
    for name in ["a.tar", "a.tar.gz"] {
        let source = oci_archive::open("h", path.join(name), Arc::new(ReadFiles));
        for repository in ["release/a", "myreg.azurecr.io/release/a"] {
            assert_eq!(source.resolve(repository, &tag("1.0")).await.unwrap(), root, "{name}");
        }
        assert_whole(&source, &root).await;
        let error = source
            .content("a")
            .blob(
                &Descriptor {
                    size: 1,
                    ..root.clone()
                },
                0,
            )
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind, ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn broken_archives_say_what_is_wrong() {
    let (_keep, path) = folder();
    let (made, root) = two_platforms();
    let good = tar_of(&made.members(&Made::index_json(&[("a:1", &root)])))
        .into_inner()
        .unwrap();
    let docker_only = tar_of(&[("manifest.json".to_owned(), b"[]".to_vec())])
        .into_inner()
        .unwrap();
    let mut bad_gzip = gzip(&good);
    let middle = bad_gzip.len() / 2;
    bad_gzip.truncate(middle);
    let cases: [(&str, Vec<u8>, bool, &str); 7] = [
        ("text", b"this is no tar at all".repeat(100), true, "no tar archive"),
        ("zstd", vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0], true, "zstd"),
        ("cut", good[..good.len() / 2].to_vec(), true, "too early"),
        ("cut gzip", bad_gzip, true, "too early"),
        ("docker's", docker_only, true, "no oci-layout"),
        ("layout's", good, false, "no manifest.json"),
        ("empty", Vec::new(), false, "no manifest.json"),
    ];
    for (what, bytes, oci, part) in cases {
        let file = path.join("x");
        std::fs::write(&file, &bytes).unwrap();
        let open = if oci { oci_archive::open } else { docker_archive::open };
        let source = open("h", &file, Arc::new(ReadFiles));
        let error = source.resolve("a", &tag("1")).await.unwrap_err();
        assert!(error.to_string().contains(part), "{what}: {error}");
    }
    let source = oci_archive::open("h", path.join("absent"), Arc::new(ReadFiles));
    assert_eq!(
        source.resolve("a", &tag("1")).await.unwrap_err().kind,
        ErrorKind::Unreachable
    );
}

/// Counts how often something is remembered, and remembers.
#[derive(Default)]
struct Remembers(Mutex<HashMap<(Utf8PathBuf, String), String>>, Mutex<u32>);

impl FileDigests for Remembers {
    fn file_digest(&self, path: &Utf8Path) -> std::io::Result<(Digest, u64)> {
        ReadFiles.file_digest(path)
    }
    fn remembered(&self, path: &Utf8Path, purpose: &str) -> Option<String> {
        self.0
            .lock()
            .unwrap()
            .get(&(path.to_owned(), purpose.to_owned()))
            .cloned()
    }
    fn remember(&self, path: &Utf8Path, purpose: &str, value: &str) {
        *self.1.lock().unwrap() += 1;
        self.0
            .lock()
            .unwrap()
            .insert((path.to_owned(), purpose.to_owned()), value.to_owned());
    }
}

#[tokio::test]
async fn an_archive_is_walked_once_and_remembered_after_that() {
    let (_keep, path) = folder();
    let (file, layers) = old_docker(&path, false);
    let digests = Arc::new(Remembers::default());
    let first = docker_archive::open("h", &file, Arc::clone(&digests) as _);
    let root = first.resolve("contoso-a", &tag("1.0")).await.unwrap();
    assert_eq!(*digests.1.lock().unwrap(), 1);
    let second = docker_archive::open("h", &file, Arc::clone(&digests) as _);
    assert_eq!(second.resolve("contoso-a", &tag("1.0")).await.unwrap(), root);
    assert_eq!(*digests.1.lock().unwrap(), 1, "walked again");
    assert_whole(&second, &root).await;
    assert!(!layers.is_empty());
    // A table that was damaged is as good as none.
    digests
        .0
        .lock()
        .unwrap()
        .values_mut()
        .for_each(|text| text.truncate(10));
    let third = docker_archive::open("h", &file, Arc::clone(&digests) as _);
    assert_eq!(third.resolve("contoso-a", &tag("1.0")).await.unwrap(), root);
}

/// As Docker before 25 wrote it: a folder a layer, a link where two images share one.
fn old_docker(path: &Utf8Path, compressed: bool) -> (Utf8PathBuf, Vec<Vec<u8>>) {
    let layers: Vec<Vec<u8>> = vec![vec![1; 5000], vec![2; 300_000]];
    let ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": ids } });
    let config = config.to_string().into_bytes();
    let config_path = format!("{}.json", Digest::of(&config).hex());
    let manifest = json!([
        { "Config": config_path, "RepoTags": ["contoso-a:1.0", "myreg.azurecr.io/release/a:1.0"],
          "Layers": ["aaa/layer.tar", "bbb/layer.tar"] },
        { "Config": config_path, "RepoTags": ["redis:7"], "Layers": ["ccc/layer.tar", "ddd/layer.tar"] },
    ]);
    let mut tar = tar_of(&[
        (config_path, config),
        ("aaa/layer.tar".to_owned(), layers[0].clone()),
        ("bbb/layer.tar".to_owned(), layers[1].clone()),
        ("manifest.json".to_owned(), manifest.to_string().into_bytes()),
    ]);
    for (kind, from, to) in [
        (tar::EntryType::Symlink, "ccc/layer.tar", "../aaa/layer.tar"),
        (tar::EntryType::Link, "ddd/layer.tar", "bbb/layer.tar"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        tar.append_link(&mut header, from, to).unwrap();
    }
    let bytes = tar.into_inner().unwrap();
    let file = path.join(if compressed { "old.tar.gz" } else { "old.tar" });
    std::fs::write(&file, if compressed { gzip(&bytes) } else { bytes }).unwrap();
    (file, layers)
}

#[tokio::test]
async fn an_old_docker_archive_gives_the_same_digest_plain_and_compressed_and_every_time() {
    let (_keep, path) = folder();
    let mut digests = Vec::new();
    for compressed in [false, true, false] {
        let (file, layers) = old_docker(&path, compressed);
        let source = docker_archive::open("h", &file, Arc::new(ReadFiles));
        let root = source.resolve("contoso-a", &tag("1.0")).await.unwrap();
        assert_whole(&source, &root).await;
        let bytes = source.content("x").manifest(&root).await.unwrap();
        let below = crate::oci::manifest::children(&bytes, &root.media_type).unwrap();
        assert_eq!(below.blobs[1], Descriptor::of(test_images::LAYER, &layers[0]));
        for (repository, version) in [("release/a", "1.0"), ("redis", "7"), ("library/redis", "7")] {
            assert_eq!(
                source.resolve(repository, &tag(version)).await.unwrap(),
                root,
                "{repository}"
            );
        }
        digests.push(root.digest);
    }
    // Pinned: a new version of this program must give the same.
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
    assert_eq!(digests[0].short(), "58554be7ec52");
}

#[tokio::test]
async fn a_docker_archive_whose_parts_do_not_fit_is_refused() {
    let layer = vec![1_u8; 100];
    let other = Digest::of(b"other").to_string();
    let cases = [
        (
            json!({ "rootfs": { "diff_ids": [other] } }),
            "x/layer.tar",
            "not the one its configuration names",
        ),
        (
            json!({ "rootfs": { "diff_ids": [] } }),
            "x/layer.tar",
            "configuration names 0",
        ),
        (
            json!({ "rootfs": { "diff_ids": [other] } }),
            "../../etc/passwd",
            "which is not in it",
        ),
        (json!([1]), "x/layer.tar", "cannot be read"),
    ];
    for (config, layer_path, part) in cases {
        let (_keep, path) = folder();
        let manifest = json!([{ "Config": "c.json", "RepoTags": ["a:1"], "Layers": [layer_path] }]);
        let tar = tar_of(&[
            ("c.json".to_owned(), config.to_string().into_bytes()),
            ("x/layer.tar".to_owned(), layer.clone()),
            ("manifest.json".to_owned(), manifest.to_string().into_bytes()),
        ]);
        std::fs::write(path.join("a.tar"), tar.into_inner().unwrap()).unwrap();
        let source = docker_archive::open("h", path.join("a.tar"), Arc::new(ReadFiles));
        let error = source.resolve("a", &tag("1")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
        assert!(error.detail.contains(part), "{error}");
    }
}

/// As Docker 25 and newer write it: a layout, and Docker's own manifest beside it.
fn new_docker(path: &Utf8Path, without: &[&str]) -> (Utf8PathBuf, Descriptor, Descriptor) {
    let mut made = Made::new();
    let amd = made.image("linux/amd64", &[b"base layer", b"application"]);
    let arm = made.image("linux/arm64", &[b"arm base layer"]);
    let root = made.index(&[("linux/amd64", amd.clone()), ("linux/arm64", arm)]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&made.blobs.0.iter().find(|(d, _)| *d == amd.digest).unwrap().1).unwrap();
    let blob = |value: &serde_json::Value| {
        format!(
            "blobs/sha256/{}",
            value["digest"].as_str().unwrap().trim_start_matches("sha256:")
        )
    };
    let layers: Vec<String> = manifest["layers"].as_array().unwrap().iter().map(blob).collect();
    let docker = json!([{ "Config": blob(&manifest["config"]), "RepoTags": ["contoso-a:1.0"], "Layers": layers }]);
    let mut index = serde_json::to_value(&root).unwrap();
    index["annotations"] = json!({ CONTAINERD_NAME: "docker.io/library/contoso-a:1.0", REF_NAME: "1.0" });
    let index = json!({ "schemaVersion": 2, "manifests": [index] }).to_string();
    let mut members = made.members(index.as_bytes());
    members.retain(|(_, bytes)| !without.iter().any(|text| bytes == text.as_bytes()));
    members.push(("manifest.json".to_owned(), docker.to_string().into_bytes()));
    let file = path.join("new.tar");
    std::fs::write(&file, tar_of(&members).into_inner().unwrap()).unwrap();
    (file, root, amd)
}

#[tokio::test]
async fn a_new_docker_archive_keeps_the_digest_of_its_layout() {
    let (_keep, path) = folder();
    let (file, root, _) = new_docker(&path, &[]);
    let source = docker_archive::open("h", &file, Arc::new(ReadFiles));
    for repository in ["contoso-a", "library/contoso-a", "docker.io/library/contoso-a"] {
        assert_eq!(
            source.resolve(repository, &tag("1.0")).await.unwrap().digest,
            root.digest,
            "{repository}"
        );
    }
    assert_whole(&source, &root).await;
}

#[tokio::test]
async fn of_an_incomplete_index_the_one_whole_platform_is_taken_as_it_is() {
    let (_keep, path) = folder();
    let (file, _, amd) = new_docker(&path, &["arm base layer"]);
    let source = docker_archive::open("h", &file, Arc::new(ReadFiles));
    let found = source.resolve("contoso-a", &tag("1.0")).await.unwrap();
    assert_eq!(found.digest, amd.digest);
    assert_whole(&source, &found).await;
}

#[tokio::test]
async fn links_in_a_circle_end() {
    let (_keep, path) = folder();
    let manifest = json!([{ "Config": "a", "RepoTags": ["a:1"], "Layers": [] }]);
    let mut tar = tar_of(&[("manifest.json".to_owned(), manifest.to_string().into_bytes())]);
    for (from, to) in [("a", "b"), ("b", "a")] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, from, to).unwrap();
    }
    std::fs::write(path.join("a.tar"), tar.into_inner().unwrap()).unwrap();
    let source = docker_archive::open("h", path.join("a.tar"), Arc::new(ReadFiles));
    assert_eq!(
        source.resolve("a", &tag("1")).await.unwrap_err().kind,
        ErrorKind::Corrupt
    );
}
