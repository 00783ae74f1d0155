//! What is known of an image once it is found, and the round as a whole.

use super::*;

#[tokio::test]
async fn one_name_with_two_digests_is_refused_and_with_one_is_fine() {
    let world = World::new(&["a.io", "b.io"])
        .has(0, "x:1", "one")
        .has(1, "ns/x:1", "two");
    let mut located = world.locate(&["a.io/x:1"]).await.located();
    // The same image by two references.
    located.extend(
        World::new(&["a.io"])
            .has(0, "x:1", "one")
            .locate(&["quay.io/x:1"])
            .await
            .located(),
    );
    assert_eq!(conflicts(&located), []);
    located.extend(
        World::new(&["b.io"])
            .has(0, "x:1", "two")
            .locate(&["gcr.io/x:1"])
            .await
            .located(),
    );
    let faults: Faults = conflicts(&located).into_iter().collect();
    assert_eq!((faults.len(), faults.worst()), (1, Some(Kind::Invalid)));
    let told = text(&faults);
    assert!(
        told.contains("x:1 would be 2 images") && told.contains("gcr.io/x:1") && told.contains("a.io/x:1"),
        "{told}"
    );
}

#[tokio::test]
async fn size_and_platforms_come_from_the_manifests_each_blob_once() {
    let mut world = World::new(&["a.io"]).has(0, "x:1", "seed");
    let single = world.made.image("windows/amd64", &[b"only layer"]);
    world.script[0].3.insert("single:1".to_owned(), Ok(single));
    let answered = world.locate(&["x:1", "single:1"]).await;
    let located = answered.located();
    let (single, index) = (&located[0], &located[1]);
    assert_eq!(index.platforms, ["linux/amd64", "linux/arm64"]);
    // A single manifest names no platform: its configuration does.
    assert_eq!(single.platforms, ["windows/amd64"]);
    let mut fresh = World::new(&[]);
    fresh.image("seed");
    let mut blobs: HashMap<Digest, usize> = HashMap::new();
    for (digest, bytes) in &fresh.made.blobs.0 {
        blobs.insert(digest.clone(), bytes.len());
    }
    assert_eq!(index.size, blobs.values().sum::<usize>() as u64);
}

/// A cache in memory that counts.
#[derive(Default)]
struct Counting(Mutex<HashMap<Digest, Bytes>>, Mutex<usize>);

impl ManifestCache for Counting {
    fn get(&self, digest: &Digest) -> Option<Bytes> {
        let found = self.0.lock().unwrap().get(digest).cloned();
        *self.1.lock().unwrap() += usize::from(found.is_some());
        found
    }
    fn put(&self, digest: &Digest, bytes: &Bytes) {
        self.0.lock().unwrap().insert(digest.clone(), bytes.clone());
    }
}

#[tokio::test]
async fn manifests_come_from_the_cache_and_a_damaged_entry_is_read_again() {
    let mut made = Made::new();
    let root = made.image("linux/amd64", &[b"layer"]);
    let content: Arc<dyn Content> = Arc::new(made.content);
    let empty: Arc<dyn Content> = Arc::new(MemoryContent::new("empty"));
    let counting = Arc::new(Counting::default());
    let cache: Arc<dyn ManifestCache> = Arc::clone(&counting) as _;
    let first = graph::facts(Arc::clone(&content), &root, &cache, &job()).await.unwrap();
    let second = graph::facts(empty, &root, &cache, &job()).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(*counting.1.lock().unwrap(), 2, "manifest and configuration");
    for bytes in counting.0.lock().unwrap().values_mut() {
        *bytes = Bytes::from_static(b"damaged");
    }
    assert_eq!(graph::facts(content, &root, &cache, &job()).await.unwrap(), first);
}

#[tokio::test]
async fn the_result_does_not_depend_on_the_order_of_the_references() {
    let world = World::new(&["a.io", "b.io"])
        .otherwise(0, ErrorKind::Denied)
        .has(1, "x:1", "1")
        .has(1, "y:1", "2");
    let one = world.locate(&["y:1", "x:1", "z:1", "y:1"]).await.location;
    let two = world.locate(&["z:1", "x:1", "y:1"]).await.location;
    assert_eq!(one, two);
    assert_eq!(one.located.len(), 2);
}

#[tokio::test]
async fn a_stopped_round_ends_with_interrupted() {
    let world = World::new(&["a.io"]);
    let request = Request {
        wanted: vec![wanted("x:1")],
        sources: &[SourceEntry {
            source: ImageSource {
                host: "a.io".to_owned(),
                namespace: String::new(),
            },
            access: Arc::new(Scripted {
                host: "a.io".to_owned(),
                answers: HashMap::new(),
                otherwise: ErrorKind::Absent,
                content: Arc::new(world.made.content.clone()),
                asked: Mutex::default(),
            }),
            optional: false,
            is_file: false,
            place: None,
        }],
        first_segment: &FirstSegment::default(),
        lock: None,
        mode: Mode::Prefer,
        cache: Arc::new(NoCache),
        concurrency: 1,
    };
    let job = job();
    job.cancel.cancel();
    let location = locate(&request, &job).await;
    assert_eq!(location.faults.worst(), Some(Kind::Interrupted));
    assert!(location.located.is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_below_an_image_is_an_error_of_that_image() {
    let mut world = World::new(&["a.io"]).has(0, "x:1", "seed");
    let absent = Descriptor::of(crate::oci::manifest::OCI_MANIFEST, b"nobody has these bytes");
    world.script[0].3.insert("y:1".to_owned(), Ok(absent));
    let answered = world.locate(&["x:1", "y:1"]).await;
    assert_eq!(answered.location.located.len(), 1);
    assert!(answered.text().contains("image y:1"), "{}", answered.text());
    assert!(answered.location.faults.has_errors());
}

#[tokio::test]
async fn one_answer_of_an_error_does_not_hide_the_other_images() {
    let world = World::new(&["a.io"])
        .has(0, "x:1", "seed")
        .says(0, "y:1", ErrorKind::Server);
    let answered = world.locate(&["x:1", "y:1", "z:1"]).await;
    assert_eq!(answered.location.located.len(), 1);
    assert_eq!(answered.location.missing.len(), 2);
    // 500 for one image says nothing about the next: all were asked.
    assert_eq!(answered.asked[0].len(), 3);
}
