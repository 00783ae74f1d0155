//! A local store filled, observed, damaged, raced for and read by others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is a failed test"
)]

mod places;
mod unusable;

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::cache::StatTable;
use crate::digest::{Digest, ReadFiles};
use crate::event::Silent;
use crate::oci::layout::test_images::{Made, folder};
use crate::oci::layout::{LayoutFolder, blob_path};
use crate::oci::{ByteStream, Origin, Selector, Source as _};

fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

fn name(text: &str) -> ArtifactName {
    let (repository, tag) = text.rsplit_once(':').unwrap();
    ArtifactName {
        repository: repository.to_owned(),
        tag: tag.to_owned(),
    }
}

fn store(path: &Utf8Path) -> LocalStore {
    LocalStore::new("local", path, Arc::new(ReadFiles))
}

/// An image with a layer of its own and one that all share.
fn image(seed: &str) -> (Arc<dyn Content>, Descriptor, Vec<Digest>) {
    let mut made = Made::new();
    let amd = made.image("linux/amd64", &[b"shared base", seed.as_bytes()]);
    let root = made.index(&[("linux/amd64", amd)]);
    let digests = made.blobs.0.iter().map(|(digest, _)| digest.clone()).collect();
    (Arc::new(made.content), root, digests)
}

async fn put(store: &LocalStore, text: &str, seed: &str) -> Descriptor {
    let (content, root, _) = image(seed);
    store
        .fill(&name(text), &root, content, &Guard::Create, &job())
        .await
        .unwrap();
    root
}

async fn observe(store: &LocalStore, text: &str) -> Observed {
    store.observe(&name(text), false, &job()).await.unwrap()
}

/// Every file of a store but the locks, with its content.
fn files(path: &Utf8Path) -> HashMap<String, Vec<u8>> {
    let mut found = HashMap::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path().to_owned());
            } else {
                let name = entry.path().strip_prefix(path).unwrap().to_string();
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_filled_image_is_there_after_the_flush_and_other_readers_find_it() {
    let (_keep, path) = folder();
    let path = path.join("deep/store");
    let first = store(&path);
    assert_eq!(observe(&first, "release/contoso-a:1.0.0").await, Observed::Absent);
    assert!(!path.exists(), "observing makes nothing");
    let root = put(&first, "release/contoso-a:1.0.0", "a").await;
    assert_eq!(
        observe(&first, "release/contoso-a:1.0.0").await,
        Observed::Absent,
        "not before the flush"
    );
    first.flush().await.unwrap();
    assert_eq!(
        observe(&first, "release/contoso-a:1.0.0").await,
        Observed::Present(root.clone())
    );
    // A reader that knows nothing of this store.
    let reader = LayoutFolder::new("x", &path);
    let tag = Selector::Tag("1.0.0".to_owned());
    assert_eq!(reader.resolve("release/contoso-a", &tag).await.unwrap(), root);
    assert_eq!(
        store(&path)
            .observe(&name("release/contoso-a:1.0.0"), true, &job())
            .await
            .unwrap(),
        Observed::Present(root)
    );
    assert!(
        files(&path).keys().all(|file| !file.contains(".tmp-")),
        "no temporary file is left"
    );
}

#[tokio::test]
async fn the_bytes_of_the_index_do_not_depend_on_the_order_of_filling() {
    let mut texts = BTreeSet::new();
    for order in [["a:1", "b:1", "c/d:2"], ["c/d:2", "b:1", "a:1"]] {
        let (_keep, path) = folder();
        let store = store(&path);
        for text in order {
            put(&store, text, text).await;
            if text == "b:1" {
                store.flush().await.unwrap();
            }
        }
        store.flush().await.unwrap();
        texts.insert(std::fs::read_to_string(path.join("index.json")).unwrap());
    }
    assert_eq!(texts.len(), 1);
}

#[tokio::test]
async fn a_shared_layer_is_moved_once_and_filling_again_moves_nothing() {
    let (_keep, path) = folder();
    let store = Arc::new(store(&path));
    let fills: Vec<_> = (0..8)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let (content, root, _) = image(&format!("image {number}"));
                let filled = store
                    .fill(&name(&format!("i{number}:1")), &root, content, &Guard::Create, &job())
                    .await;
                filled.unwrap().bytes_moved
            })
        })
        .collect();
    let mut moved = 0;
    for fill in fills {
        moved += fill.await.unwrap();
    }
    store.flush().await.unwrap();
    let on_disk: usize = files(&path)
        .iter()
        .filter(|(name, _)| name.starts_with("blobs/"))
        .map(|(_, b)| b.len())
        .sum();
    assert_eq!(moved, on_disk as u64);
    let before = files(&path);
    let (content, root, _) = image("image 3");
    let filled = store
        .fill(&name("i3:1"), &root, content, &Guard::Create, &job())
        .await
        .unwrap();
    store.flush().await.unwrap();
    assert_eq!(filled.bytes_moved, 0);
    assert_eq!(files(&path), before);
}

#[tokio::test]
async fn damage_of_any_blob_is_found_named_and_repaired() {
    for thorough in [false, true] {
        let (_keep, path) = folder();
        let first = store(&path);
        let root = put(&first, "a:1", "seed").await;
        first.flush().await.unwrap();
        let (_, _, digests) = image("seed");
        for digest in digests {
            let blob = blob_path(&path, &digest);
            let good = std::fs::read(&blob).unwrap();
            let mut flipped = good.clone();
            flipped[good.len() / 2] ^= 1;
            for damage in [
                Some(flipped),
                Some(good[..good.len() - 1].to_vec()),
                Some(Vec::new()),
                None,
            ] {
                match damage {
                    Some(bytes) => std::fs::write(&blob, bytes).unwrap(),
                    None => std::fs::remove_file(&blob).unwrap(),
                }
                let store = store(&path);
                let seen = store.observe(&name("a:1"), thorough, &job()).await.unwrap();
                let Observed::Damaged { root: tagged, why } = seen else {
                    panic!("{digest} was damaged: {seen:?}")
                };
                assert_eq!(tagged.as_ref(), Some(&root));
                assert!(why.contains(digest.short()), "{why} names {digest}");
                let (content, root, _) = image("seed");
                store
                    .fill(&name("a:1"), &root, content, &Guard::Create, &job())
                    .await
                    .unwrap();
                store.flush().await.unwrap();
                assert_eq!(std::fs::read(&blob).unwrap(), good);
                assert_eq!(observe(&store, "a:1").await, Observed::Present(root));
            }
        }
    }
}

/// Size, mtime and text.
type Remembered = (u64, std::time::SystemTime, String);

/// A stat table: remembers by path, size and mtime, and counts what is hashed.
#[derive(Default)]
struct Table {
    texts: Mutex<HashMap<(Utf8PathBuf, String), Remembered>>,
    hashed: AtomicU64,
}

impl FileDigests for Table {
    fn file_digest(&self, path: &Utf8Path) -> std::io::Result<(Digest, u64)> {
        let size = std::fs::metadata(path)?.len();
        if let Some(text) = self.remembered(path, "digest") {
            return Ok((text.parse().unwrap(), size));
        }
        self.hashed.fetch_add(1, Ordering::Relaxed);
        let (digest, size) = ReadFiles.file_digest(path)?;
        self.remember(path, "digest", digest.as_str());
        Ok((digest, size))
    }
    fn remembered(&self, path: &Utf8Path, purpose: &str) -> Option<String> {
        let stat = std::fs::metadata(path).ok()?;
        let texts = self.texts.lock().unwrap();
        let (size, time, text) = texts.get(&(path.to_owned(), purpose.to_owned()))?;
        (*size == stat.len() && *time == stat.modified().ok()?).then(|| text.clone())
    }
    fn remember(&self, path: &Utf8Path, purpose: &str, value: &str) {
        let stat = std::fs::metadata(path).unwrap();
        let value = (stat.len(), stat.modified().unwrap(), value.to_owned());
        self.texts
            .lock()
            .unwrap()
            .insert((path.to_owned(), purpose.to_owned()), value);
    }
}

#[tokio::test]
async fn what_was_written_or_hashed_once_is_not_hashed_again_while_its_stat_is_the_same() {
    let (_keep, path) = folder();
    let table = Arc::new(Table::default());
    let open = || LocalStore::new("local", &path, Arc::clone(&table) as _);
    let first = open();
    let root = put(&first, "a:1", "seed").await;
    first.flush().await.unwrap();
    assert_eq!(observe(&open(), "a:1").await, Observed::Present(root.clone()));
    assert_eq!(table.hashed.load(Ordering::Relaxed), 0, "written by us: known");
    // Another machine's table knows nothing: hashed once.
    table.texts.lock().unwrap().clear();
    assert_eq!(observe(&open(), "a:1").await, Observed::Present(root.clone()));
    let once = table.hashed.load(Ordering::Relaxed);
    assert!(once > 0);
    assert_eq!(observe(&open(), "a:1").await, Observed::Present(root.clone()));
    assert_eq!(table.hashed.load(Ordering::Relaxed), once);
    // A flip behind the table's back (same size and mtime) is found by the thorough check only.
    let (_, _, digests) = image("seed");
    let blob = blob_path(&path, &digests[2]);
    let (mut bytes, time) = (
        std::fs::read(&blob).unwrap(),
        std::fs::metadata(&blob).unwrap().modified().unwrap(),
    );
    bytes[0] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&blob)
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert_eq!(observe(&open(), "a:1").await, Observed::Present(root.clone()));
    let store = open();
    let seen = store.observe(&name("a:1"), true, &job()).await.unwrap();
    assert!(matches!(seen, Observed::Damaged { .. }), "{seen:?}");
    // And is repaired then, although the table would still call it unchanged.
    let (content, root, _) = image("seed");
    store
        .fill(&name("a:1"), &root, content, &Guard::Create, &job())
        .await
        .unwrap();
    store.flush().await.unwrap();
    assert_eq!(
        open().observe(&name("a:1"), true, &job()).await.unwrap(),
        Observed::Present(root)
    );
}

#[tokio::test]
async fn the_real_stat_table_hashes_nothing_and_writes_nothing_on_the_second_run() {
    let (_keep, path) = folder();
    let table_path = path.join("stat");
    let open = |table: &Arc<StatTable>| LocalStore::new("local", path.join("store"), Arc::clone(table) as _);
    let table = Arc::new(StatTable::load(&table_path));
    let store = open(&table);
    put(&store, "a:1", "seed").await;
    store.flush().await.unwrap();
    table.save().unwrap();
    let before = std::fs::metadata(&table_path).unwrap().modified().unwrap();
    let (_, _, digests) = image("seed");
    let table = Arc::new(StatTable::load(&table_path));
    for digest in &digests {
        let held = table.remembered(&blob_path(&path.join("store"), digest), "layout-blob/1");
        assert_eq!(held.as_deref(), Some(digest.as_str()));
    }
    assert!(matches!(observe(&open(&table), "a:1").await, Observed::Present(_)));
    table.save().unwrap();
    assert_eq!(std::fs::metadata(&table_path).unwrap().modified().unwrap(), before);
}

#[tokio::test]
async fn observing_writes_nothing() {
    let (_keep, path) = folder();
    let first = store(&path);
    put(&first, "a:1", "seed").await;
    first.flush().await.unwrap();
    let before = files(&path);
    let second = store(&path);
    assert!(matches!(observe(&second, "a:1").await, Observed::Present(_)));
    second.flush().await.unwrap();
    assert_eq!(files(&path), before);
}

#[tokio::test]
async fn a_tag_is_replaced_only_as_the_guard_allows() {
    let (_keep, path) = folder();
    let first = store(&path);
    let old = put(&first, "a:1", "old").await;
    first.flush().await.unwrap();
    let (content, new, _) = image("new");
    let fill = |guard: Guard| {
        let (content, new, path) = (Arc::clone(&content), new.clone(), path.clone());
        async move {
            let store = store(&path);
            store.fill(&name("a:1"), &new, content, &guard, &job()).await?;
            store.flush().await
        }
    };
    let error = fill(Guard::Create).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(
        error.detail.contains(old.digest.as_str()) && error.detail.contains(new.digest.as_str()),
        "{error}"
    );
    let error = fill(Guard::Replace(Digest::of(b"something else"))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    fill(Guard::Replace(old.digest)).await.unwrap();
    assert_eq!(observe(&store(&path), "a:1").await, Observed::Present(new.clone()));
    // The same again is no conflict, whatever the guard.
    fill(Guard::Create).await.unwrap();
}

#[tokio::test]
async fn two_processes_fill_one_store_and_a_lost_race_is_told_at_the_flush() {
    let (_keep, path) = folder();
    let (one, two) = (store(&path), store(&path));
    let from_one = put(&one, "one:1", "1").await;
    let raced = put(&one, "raced:1", "mine").await;
    put(&two, "two:1", "2").await;
    put(&two, "raced:1", "theirs").await;
    one.flush().await.unwrap();
    let error = two.flush().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert!(error.subject.contains("raced:1"));
    let third = store(&path);
    assert_eq!(observe(&third, "one:1").await, Observed::Present(from_one));
    assert!(
        matches!(observe(&third, "two:1").await, Observed::Present(_)),
        "the others are written"
    );
    assert_eq!(observe(&third, "raced:1").await, Observed::Present(raced));
    // It was told once, and does not wait for ever.
    two.flush().await.unwrap();
}

#[tokio::test]
async fn one_name_with_two_images_in_one_run_is_refused() {
    let (_keep, path) = folder();
    let store = store(&path);
    put(&store, "a:1", "one").await;
    let (content, root, _) = image("two");
    let error = store
        .fill(&name("a:1"), &root, content, &Guard::Create, &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn entries_and_fields_that_others_wrote_stay() {
    let (_keep, path) = folder();
    let first = store(&path);
    put(&first, "a:1", "seed").await;
    first.flush().await.unwrap();
    let text = std::fs::read_to_string(path.join("index.json")).unwrap();
    let mut index: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut entry = index["manifests"][0].clone();
    entry["annotations"] = serde_json::json!({ "other": "x" });
    entry["platform"] = serde_json::json!({ "os": "linux", "architecture": "amd64" });
    index["manifests"].as_array_mut().unwrap().push(entry.clone());
    index["annotations"] = serde_json::json!({ "kept": "yes" });
    std::fs::write(path.join("index.json"), index.to_string()).unwrap();
    let second = store(&path);
    put(&second, "b:1", "other seed").await;
    second.flush().await.unwrap();
    let after: serde_json::Value = serde_json::from_slice(&std::fs::read(path.join("index.json")).unwrap()).unwrap();
    assert_eq!(after["annotations"]["kept"], "yes");
    assert!(after["manifests"].as_array().unwrap().contains(&entry));
    assert_eq!(after["manifests"].as_array().unwrap().len(), 3);
}

/// Content that breaks in the middle of its only large blob.
struct Breaks(Arc<dyn Content>);

#[async_trait::async_trait]
impl Content for Breaks {
    fn origin(&self) -> &Origin {
        self.0.origin()
    }
    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        self.0.manifest(descriptor).await
    }
    async fn blob(&self, descriptor: &Descriptor, _offset: u64) -> Result<ByteStream, OciError> {
        let wrong = Bytes::from(vec![0_u8; usize::try_from(descriptor.size).unwrap()]);
        Ok(Box::pin(futures_util::stream::once(async { Ok(wrong) })))
    }
}

#[tokio::test]
async fn content_that_does_not_have_its_digest_leaves_nothing_and_no_tag() {
    let (_keep, path) = folder();
    let store = store(&path);
    let (content, root, _) = image("seed");
    let broken: Arc<dyn Content> = Arc::new(Breaks(content));
    let error = store
        .fill(&name("a:1"), &root, broken, &Guard::Create, &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
    store.flush().await.unwrap();
    assert_eq!(observe(&store, "a:1").await, Observed::Absent);
    assert!(
        files(&path)
            .keys()
            .all(|name| !name.starts_with("blobs/") && !name.contains(".tmp-"))
    );
}

#[tokio::test]
async fn blobs_of_a_killed_run_are_kept_and_its_temporary_files_are_swept() {
    let (_keep, path) = folder();
    {
        let killed = store(&path);
        put(&killed, "a:1", "seed").await;
        std::fs::write(path.join(".tmp/.tmp-left"), "half").unwrap();
    }
    let second = store(&path);
    assert_eq!(observe(&second, "a:1").await, Observed::Absent);
    let (content, root, _) = image("seed");
    let filled = second
        .fill(&name("a:1"), &root, content, &Guard::Create, &job())
        .await
        .unwrap();
    second.flush().await.unwrap();
    assert_eq!(filled.bytes_moved, 0, "what was written counts after it was hashed");
    assert!(!path.join(".tmp/.tmp-left").exists());
    assert_eq!(observe(&second, "a:1").await, Observed::Present(root));
    // While somebody writes, nothing of theirs is swept.
    std::fs::write(path.join(".tmp/.tmp-theirs"), "half").unwrap();
    put(&store(&path), "b:1", "other").await;
    assert!(path.join(".tmp/.tmp-theirs").exists());
}

#[tokio::test]
async fn many_waiting_tags_are_written_on_the_way() {
    let (_keep, path) = folder();
    let store = store(&path);
    for number in 0..70 {
        put(&store, &format!("i{number}:1"), "same").await;
    }
    assert!(matches!(observe(&store, "i0:1").await, Observed::Present(_)));
    assert_eq!(observe(&store, "i69:1").await, Observed::Absent);
    store.flush().await.unwrap();
    assert!(matches!(observe(&store, "i69:1").await, Observed::Present(_)));
}

#[tokio::test]
async fn a_stopped_run_ends_with_cancelled_and_no_tag() {
    let (_keep, path) = folder();
    let store = store(&path);
    let (content, root, _) = image("seed");
    let job = job();
    job.cancel.cancel();
    let error = store
        .fill(&name("a:1"), &root, content, &Guard::Create, &job)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    store.flush().await.unwrap();
    assert_eq!(observe(&store, "a:1").await, Observed::Absent);
}

#[tokio::test]
async fn no_tag_is_written_when_a_blob_does_not_reach_the_disk() {
    let (_keep, path) = folder();
    let store = store(&path);
    put(&store, "a:1", "seed").await;
    let (content, root, digests) = image("seed");
    std::fs::remove_file(blob_path(&path, &digests[2])).unwrap();
    let error = store.flush().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Disk, "{error}");
    assert!(!path.join("index.json").exists());
    // Nothing is forgotten: filled again, it goes on.
    store
        .fill(&name("a:1"), &root, content, &Guard::Create, &job())
        .await
        .unwrap();
    store.flush().await.unwrap();
    assert_eq!(observe(&store, "a:1").await, Observed::Present(root));
}
