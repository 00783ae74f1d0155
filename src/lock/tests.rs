#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is a failed test"
)]

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::digest::Digest;
use crate::fault::{Faults, Kind};
use crate::store::ArtifactName;

fn image(reference: &str, digest: &str) -> LockedImage {
    LockedImage {
        reference: reference.to_owned(),
        name: ArtifactName {
            repository: "release/a".to_owned(),
            tag: "1.0".to_owned(),
        },
        source: "myregistry.azurecr.io/test".to_owned(),
        repository: "test/release/a".to_owned(),
        tag: Some("1.0".to_owned()),
        digest: Digest::of(digest.as_bytes()),
        media_type: "application/vnd.oci.image.index.v1+json".to_owned(),
        size: 123_456,
        platforms: vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()],
        referrers: None,
    }
}

fn full() -> Lock {
    let mut lock = Lock::new(vec!["b.io".to_owned(), "a.io/ns".to_owned()]);
    lock.put(image("b/a:1.0", "1"));
    lock.put(image("a/a:1.0", "2"));
    let pinned = LockedImage {
        tag: None,
        referrers: Some(vec![
            LockedReferrer {
                digest: Digest::of(b"s"),
                subject: Digest::of(b"r"),
                media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
                artifact_type: String::new(),
                size: 7,
                tag: Some("sha256-12.sig".to_owned()),
            },
            LockedReferrer {
                digest: Digest::of(b"r"),
                subject: Digest::of(b"3"),
                media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
                artifact_type: "application/spdx+json".to_owned(),
                size: 500,
                tag: None,
            },
        ]),
        ..image("odd \"text\" \\ \u{7} ä", "3")
    };
    lock.put(pinned);
    lock.charts.push(LockedChart {
        name: "redis".to_owned(),
        version: "1.2.3".to_owned(),
        url: "oci://registry.example/charts/redis".to_owned(),
        digest: Digest::of(b"chart"),
    });
    lock.stores.push(LockedStore {
        name: "aosm".to_owned(),
        layout: "prefixed".to_owned(),
    });
    lock
}

fn parse(text: &str) -> Result<Lock, Faults> {
    Lock::parse(Utf8Path::new("aosm.lock"), text.to_owned())
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("aosm.lock")).unwrap();
    (folder, path)
}

#[test]
fn a_lock_survives_being_written_and_read() {
    let lock = full();
    let text = lock.to_text();
    let read = parse(&text).unwrap();
    assert_eq!(read, lock);
    assert_eq!(read.to_text(), text);
    // A checkout with CRLF line ends is the same lock.
    assert_eq!(parse(&text.replace('\n', "\r\n")).unwrap(), lock);
}

#[test]
fn the_text_is_sorted_whatever_the_order_it_was_filled_in() {
    let mut other = full();
    other.images.reverse();
    assert_eq!(other.to_text(), full().to_text());
    // The order of sources has a meaning, and is kept.
    assert!(full().to_text().contains(r#"image-sources = ["b.io", "a.io/ns"]"#));
}

#[test]
fn the_text_is_pinned() {
    let mut lock = Lock::new(vec!["a.io".to_owned()]);
    lock.put(image("x/release/a:1.0", "1"));
    let expected = r#"# Written by aosm-build: where each image was found. Commit this file.
# It is renewed with: aosm-build lock --update
version = 1
image-sources = ["a.io"]

[[image]]
reference = "x/release/a:1.0"
name = "release/a:1.0"
source = "myregistry.azurecr.io/test"
repository = "test/release/a"
tag = "1.0"
digest = "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
media-type = "application/vnd.oci.image.index.v1+json"
size = 123456
platforms = ["linux/amd64", "linux/arm64"]
"#;
    assert_eq!(lock.to_text(), expected);
}

#[test]
fn unknown_fields_are_passed_over() {
    let text = full()
        .to_text()
        .replace("\nsize = ", "\nlater = [1, 2]\nsize = ")
        .replace(", size = ", ", later = 1, size = ")
        .replace("version = 1\n", "version = 1\nnews = \"x\"\n");
    assert_eq!(parse(&text).unwrap(), full());
}

#[test]
fn every_error_is_told_in_one_run_with_its_place() {
    let text = full()
        .to_text()
        .replacen("size = 123456", "size = -1", 1)
        .replacen("digest = \"sha256:", "digest = \"md5:", 1)
        .replacen("name = \"release/a:1.0\"", "name = 7", 1)
        .replacen("repository = \"test/release/a\"\n", "", 1);
    let faults = parse(&text).unwrap_err();
    assert_eq!(faults.len(), 4, "{faults:?}");
    for fault in &faults {
        assert_eq!(fault.kind(), Kind::Invalid);
        assert!(fault.hint_text().is_some());
        let (line, _) = fault.labels()[0].place.line_column().unwrap();
        assert!(line > 5, "{fault} at line {line}");
    }
}

#[test]
fn broken_locks_are_errors_with_a_hint() {
    let newer = full().to_text().replace("version = 1\n", "version = 2\n[[image]]\n");
    let twice = format!("{}{}", full().to_text(), full().to_text().split_once("\n\n").unwrap().1);
    let conflict = full().to_text().replace("\n[[image]]", "\n<<<<<<< HEAD\n[[image]]");
    let cases = [
        ("", "version is missing"),
        ("[[[", "no TOML"),
        ("version = \"1\"", "version in the lock is string"),
        ("version = 1", "image-sources is missing"),
        ("version = 1\nimage-sources = [1]", "a list of strings"),
        ("version = 1\nimage-sources = []\nimage = 3", "a list of tables"),
        (newer.as_str(), "version 2"),
        (twice.as_str(), "twice"),
        (conflict.as_str(), "merge conflict"),
    ];
    for (text, part) in cases {
        let faults = parse(text).unwrap_err();
        let first = faults.iter().next().unwrap();
        assert!(first.message().contains(part), "{text:.40}: {first}");
        assert!(first.hint_text().is_some());
    }
    let deep = format!("version = 1\nimage-sources = {}", "[".repeat(10_000));
    assert!(parse(&deep).is_err());
}

#[test]
fn a_newer_lock_tells_its_version_and_nothing_else() {
    let faults = parse("version = 2\nimage-sources = 5").unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults.iter().next().unwrap().hint_text().unwrap().contains("newer"));
}

#[test]
fn the_same_content_is_not_written_again() {
    let (_keep, path) = folder();
    assert_eq!(Lock::load(&path).unwrap(), None);
    assert!(full().save(&path).unwrap());
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert!(!full().save(&path).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);
    assert_eq!(Lock::load(&path).unwrap(), Some(full()));
    assert!(Lock::new(Vec::new()).save(&path).unwrap());
}

#[test]
fn a_lock_that_cannot_be_read_or_written_is_one_error() {
    let (_keep, path) = folder();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(Lock::load(&path).unwrap_err().worst(), Some(Kind::Invalid));
    assert_eq!(full().save(&path).unwrap_err().kind(), Kind::Infrastructure);
    let (_keep, path) = folder();
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(
        Lock::load(&path)
            .unwrap_err()
            .iter()
            .next()
            .unwrap()
            .message()
            .contains("UTF-8")
    );
    std::fs::File::create(&path).unwrap().set_len(300 << 20).unwrap();
    assert!(
        Lock::load(&path)
            .unwrap_err()
            .iter()
            .next()
            .unwrap()
            .message()
            .contains("larger")
    );
}

#[test]
fn entries_count_for_the_same_sources_in_the_same_order_only() {
    let lock = full();
    let sources = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    assert!(lock.counts_for(&sources(&["b.io", "a.io/ns"])));
    assert!(!lock.counts_for(&sources(&["a.io/ns", "b.io"])));
    assert!(!lock.counts_for(&sources(&["b.io"])));
}

#[test]
fn changes_tell_what_came_went_and_moved() {
    let old = full();
    let mut new = full();
    new.images.retain(|image| image.reference != "a/a:1.0");
    new.put(image("b/a:1.0", "moved"));
    new.put(image("c/a:1.0", "4"));
    new.charts[0].digest = Digest::of(b"other chart");
    let found = changes(Some(&old), &new);
    let short: Vec<_> = found.iter().map(|c| (c.reference.as_str(), c.kind)).collect();
    assert_eq!(
        short,
        [
            ("a/a:1.0", ChangeKind::Removed),
            ("b/a:1.0", ChangeKind::Moved),
            ("c/a:1.0", ChangeKind::Added),
            ("chart redis 1.2.3", ChangeKind::Moved),
        ]
    );
    assert_eq!(found[1].old.as_deref(), Some(Digest::of(b"1").as_str()));
    assert_eq!(found[1].new.as_deref(), Some(Digest::of(b"moved").as_str()));
    assert_eq!(changes(Some(&old), &old), []);
    assert_eq!(changes(None, &old).len(), 4);
}

#[test]
fn an_image_that_is_found_elsewhere_under_the_same_digest_has_moved() {
    let old = full();
    let mut new = full();
    new.images[0].repository = "elsewhere/a".to_owned();
    let found = changes(Some(&old), &new);
    assert_eq!(found.len(), 1);
    assert!(found[0].new.as_deref().unwrap().contains("elsewhere/a"));
}
