#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is a failed test"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::digest::Digest;
use crate::event::Silent;
use crate::fault::{Faults, Kind};
use crate::lock::{ChangeKind, Lock, LockedImage, changes};
use crate::oci::layout::test_images::Made;
use crate::oci::{Content, Descriptor, ErrorKind, Job, MemoryContent, OciError, Selector, Source};
use crate::project::ImageSource;
use crate::reference::{FirstSegment, Form, ImageReference};

/// A source that answers by a script, and writes down what it was asked.
struct Scripted {
    host: String,
    answers: HashMap<String, Result<Descriptor, ErrorKind>>,
    otherwise: ErrorKind,
    content: Arc<MemoryContent>,
    asked: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Source for Scripted {
    fn host(&self) -> &str {
        &self.host
    }
    async fn resolve(&self, repository: &str, selector: &Selector) -> Result<Descriptor, OciError> {
        let key = format!("{repository}{selector}");
        self.asked.lock().unwrap().push(key.clone());
        match self.answers.get(&key).cloned().unwrap_or(Err(self.otherwise)) {
            Ok(root) => Ok(root),
            Err(kind) => Err(OciError::new(kind, "resolve", key, format!("scripted {kind:?}"))),
        }
    }
    fn content(&self, _repository: &str) -> Arc<dyn Content> {
        Arc::clone(&self.content) as _
    }
}

/// Source, whether it is optional, what it says to anything else, and what it says.
type Script = (String, bool, ErrorKind, HashMap<String, Result<Descriptor, ErrorKind>>);

/// A world of sources and images; an image's seed decides its digest.
struct World {
    made: Made,
    script: Vec<Script>,
    first_segment: FirstSegment,
}

impl World {
    fn new(sources: &[&str]) -> Self {
        let script = sources
            .iter()
            .map(|source| ((*source).to_owned(), false, ErrorKind::Absent, HashMap::new()))
            .collect();
        Self {
            made: Made::new(),
            script,
            first_segment: FirstSegment::default(),
        }
    }

    fn image(&mut self, seed: &str) -> Descriptor {
        let amd = self.made.image("linux/amd64", &[b"base", seed.as_bytes()]);
        let arm = self.made.image("linux/arm64", &[b"base"]);
        self.made.index(&[("linux/amd64", amd), ("linux/arm64", arm)])
    }

    fn has(mut self, at: usize, key: &str, seed: &str) -> Self {
        let root = self.image(seed);
        self.script[at].3.insert(key.to_owned(), Ok(root));
        self
    }

    fn says(mut self, at: usize, key: &str, kind: ErrorKind) -> Self {
        self.script[at].3.insert(key.to_owned(), Err(kind));
        self
    }

    fn otherwise(mut self, at: usize, kind: ErrorKind) -> Self {
        self.script[at].2 = kind;
        self
    }

    fn optional(mut self, at: usize) -> Self {
        self.script[at].1 = true;
        self
    }

    fn digest(&mut self, seed: &str) -> Digest {
        self.image(seed).digest
    }

    async fn locate(&self, references: &[&str]) -> Answered {
        self.locate_with(references, None, Mode::Prefer).await
    }

    async fn locate_with(&self, references: &[&str], lock: Option<&Lock>, mode: Mode) -> Answered {
        let content = Arc::new(self.made.content.clone());
        let scripted: Vec<Arc<Scripted>> = self
            .script
            .iter()
            .map(|(source, _, otherwise, answers)| {
                Arc::new(Scripted {
                    host: source.clone(),
                    answers: answers.clone(),
                    otherwise: *otherwise,
                    content: Arc::clone(&content),
                    asked: Mutex::default(),
                })
            })
            .collect();
        let sources: Vec<SourceEntry> = self
            .script
            .iter()
            .zip(&scripted)
            .map(|((text, optional, ..), access)| {
                let (host, namespace) = text.split_once('/').unwrap_or((text, ""));
                let source = ImageSource {
                    host: host.to_owned(),
                    namespace: namespace.to_owned(),
                };
                SourceEntry {
                    source,
                    access: Arc::clone(access) as _,
                    optional: *optional,
                }
            })
            .collect();
        let request = Request {
            wanted: references.iter().map(|text| wanted(text)).collect(),
            sources: &sources,
            first_segment: &self.first_segment,
            lock,
            mode,
            cache: Arc::new(NoCache),
            concurrency: 4,
        };
        let location = locate(&request, &job()).await;
        let asked = scripted
            .iter()
            .map(|source| source.asked.lock().unwrap().clone())
            .collect();
        Answered { location, asked }
    }

    /// The lock that locating now would write.
    async fn lock(&self, references: &[&str]) -> Lock {
        let mut lock = Lock::new(self.script.iter().map(|(source, ..)| source.clone()).collect());
        for located in &self.locate(references).await.located() {
            lock.put(LockedImage::from(located));
        }
        lock
    }
}

struct Answered {
    location: Location,
    asked: Vec<Vec<String>>,
}

impl Answered {
    fn located(&self) -> Vec<Located> {
        assert!(!self.location.faults.has_errors(), "{:?}", self.location.faults);
        self.location.located.clone()
    }

    fn one(&self) -> Located {
        let located = self.located();
        assert_eq!(located.len(), 1);
        located[0].clone()
    }

    fn text(&self) -> String {
        text(&self.location.faults)
    }

    fn nobody_was_asked(&self) -> bool {
        self.asked.iter().all(Vec::is_empty)
    }
}

fn text(faults: &Faults) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| format!("{fault} [{}]", fault.hint_text().unwrap_or_default()))
        .collect();
    lines.join("\n")
}

fn wanted(text: &str) -> Wanted {
    let (text, version) = match text.split_once(" as ") {
        Some((text, version)) => (text, Some(version.to_owned())),
        None => (text, None),
    };
    Wanted {
        reference: ImageReference::parse(text).unwrap(),
        version,
        place: None,
    }
}

fn job() -> Job {
    Job::new("locate", Arc::new(Silent), CancellationToken::new())
}

#[tokio::test]
async fn the_worked_example_lands_under_its_names() {
    let reg = "myregistry.azurecr.io";
    // (sources, source that has it, where it is, reference, name in the store)
    let table: &[(&[&str], usize, &str, &str, &str)] = &[
        (
            &[reg],
            0,
            "release/contoso-a:1.0.0",
            "repository/release/contoso-a:1.0.0",
            "release/contoso-a:1.0.0",
        ),
        (
            &[reg],
            0,
            "repository/release/contoso-a:1.0.0",
            "repository/release/contoso-a:1.0.0",
            "repository/release/contoso-a:1.0.0",
        ),
        (
            &[reg, "myregistry.azurecr.io/test"],
            1,
            "test/test-release/contoso-test:1.0.0",
            "repository/test-release/contoso-test:1.0.0",
            "test-release/contoso-test:1.0.0",
        ),
        (
            &[reg],
            0,
            "core/contoso-a:1.0.0",
            "core/contoso-a:1.0.0",
            "core/contoso-a:1.0.0",
        ),
        (
            &["r.io/ns"],
            0,
            "ns/core/contoso-a:1.0.0",
            "core/contoso-a:1.0.0",
            "core/contoso-a:1.0.0",
        ),
        (&[reg], 0, "release/a:latest", "quay.io/release/a", "release/a:latest"),
        (&[reg], 0, "release/a:1", "/release/a:1", "release/a:1"),
        (&["docker.io"], 0, "library/redis:7", "redis:7", "redis:7"),
    ];
    for (sources, at, place, reference, name) in table {
        let mut world = World::new(sources).has(*at, place, "seed");
        let found = world.locate(&[reference]).await.one();
        assert_eq!(found.name.to_string(), *name, "{reference}");
        assert_eq!(format!("{}{}", found.repository, found.selector), *place, "{reference}");
        assert_eq!(found.digest, world.digest("seed"));
        assert_eq!(found.source.to_string(), sources[*at]);
    }
}

#[tokio::test]
async fn sources_are_asked_in_order_cut_form_first_and_every_answer_is_kept() {
    let world = World::new(&["a.io", "b.io/ns"]).has(1, "ns/p/x:1", "seed");
    let answered = world.locate(&["p/x:1"]).await;
    let found = answered.one();
    assert_eq!(answered.asked, [vec!["x:1", "p/x:1"], vec!["ns/x:1", "ns/p/x:1"]]);
    assert_eq!(found.form, Form::Whole);
    let answers: Vec<String> = found
        .answers
        .iter()
        .map(|a| format!("{} {}", a.place, a.verdict.as_str()))
        .collect();
    assert_eq!(
        answers,
        [
            "a.io/x:1 absent",
            "a.io/p/x:1 absent",
            "b.io/ns/x:1 absent",
            "b.io/ns/p/x:1 found"
        ]
    );
}

#[tokio::test]
async fn an_earlier_source_wins_and_later_ones_are_not_asked() {
    let mut world = World::new(&["a.io", "b.io"])
        .has(0, "p/x:1", "mine")
        .has(1, "x:1", "other");
    let answered = world.locate(&["p/x:1"]).await;
    assert_eq!(answered.one().digest, world.digest("mine"));
    assert!(answered.asked[1].is_empty());
}

#[tokio::test]
async fn what_each_kind_of_answer_does() {
    use ErrorKind as E;
    // (answer of the first source, it is optional, the image of the second is taken, exit kind, warnings)
    let table: &[(E, bool, bool, Option<Kind>, usize)] = &[
        (E::Absent, false, true, None, 0),
        (E::Denied, false, true, None, 1),
        (E::Denied, true, true, None, 1),
        (E::BadCredentials, false, false, Some(Kind::Infrastructure), 0),
        (E::Throttled, false, false, Some(Kind::Infrastructure), 0),
        (E::Server, false, false, Some(Kind::Infrastructure), 0),
        (E::Unreachable, false, false, Some(Kind::Infrastructure), 0),
        (E::Protocol, false, false, Some(Kind::Infrastructure), 0),
        (E::BadCredentials, true, true, None, 1),
        (E::Throttled, true, true, None, 1),
        (E::Server, true, true, None, 1),
        (E::Unreachable, true, true, None, 1),
        (E::Protocol, true, true, None, 1),
        (E::Corrupt, true, false, Some(Kind::Invalid), 0),
        (E::Disk, true, false, Some(Kind::Infrastructure), 0),
    ];
    for (kind, optional, taken, exit, warnings) in table {
        let mut world = World::new(&["a.io", "b.io"]).otherwise(0, *kind).has(1, "x:1", "seed");
        if *optional {
            world = world.optional(0);
        }
        let answered = world.locate(&["x:1"]).await;
        let what = format!("{kind:?} optional={optional}: {}", answered.text());
        assert_eq!(answered.location.located.len(), usize::from(*taken), "{what}");
        assert_eq!(answered.location.faults.worst(), *exit, "{what}");
        assert_eq!(
            answered.location.faults.iter().filter(|f| !f.is_error()).count(),
            *warnings,
            "{what}"
        );
        assert_eq!(answered.location.missing.len(), usize::from(!*taken), "{what}");
    }
}

#[tokio::test]
async fn docker_hub_and_ghcr_deny_what_does_not_exist_and_the_next_source_is_asked() {
    // Docker Hub says 401 and GHCR 403 for every repository that is not there.
    let world = World::new(&["docker.io", "ghcr.io", "myregistry.azurecr.io"])
        .otherwise(0, ErrorKind::Denied)
        .otherwise(1, ErrorKind::Denied)
        .has(2, "acme/app:1", "seed");
    let answered = world.locate(&["acme/app:1"]).await;
    assert_eq!(answered.one().source.host, "myregistry.azurecr.io");
    // `acme/app` never becomes the official `app`.
    assert_eq!(answered.asked[0], ["acme/app:1"]);
    let warning = answered.text();
    assert!(
        warning.contains("denied") && warning.contains("docker.io/acme/app:1") && warning.contains("ghcr.io/app:1"),
        "{warning}"
    );
    // Found nowhere, the denial is told, with a way out.
    let nowhere = World::new(&["ghcr.io"])
        .otherwise(0, ErrorKind::Denied)
        .locate(&["ghcr.io/x/y:1"])
        .await;
    assert_eq!(nowhere.location.faults.worst(), Some(Kind::Invalid));
    assert!(
        nowhere.text().contains("absent or denied") && nowhere.text().contains("docker login ghcr.io"),
        "{}",
        nowhere.text()
    );
}

#[tokio::test]
async fn a_denial_of_the_other_reading_at_the_same_source_is_no_news() {
    let world = World::new(&["ghcr.io"])
        .otherwise(0, ErrorKind::Denied)
        .has(0, "core/x:1", "seed");
    let answered = world.locate(&["core/x:1"]).await;
    assert!(answered.location.faults.is_empty(), "{}", answered.text());
    assert_eq!(answered.one().form, Form::Whole);
}

#[tokio::test]
async fn an_image_found_nowhere_tells_every_place_and_its_answer() {
    let world = World::new(&["a.io", "b.io/ns"]).otherwise(1, ErrorKind::Denied);
    let answered = world.locate(&["p/x:1", "quay.io/y:2"]).await;
    assert_eq!(answered.location.missing.len(), 2, "all errors in one run");
    let told = answered.text();
    for part in [
        "a.io/x:1: absent",
        "a.io/p/x:1: absent",
        "b.io/ns/x:1: absent or denied",
        "b.io/ns/p/x:1: absent or denied",
        "any of 4 places",
        "own registry quay.io is not searched",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let none = World::new(&[]).locate(&["x:1"]).await;
    assert!(none.text().contains("image-sources"), "{}", none.text());
}

#[tokio::test]
async fn a_source_that_cannot_be_asked_is_one_error_for_all_images_and_is_not_asked_on() {
    for optional in [false, true] {
        let mut world = World::new(&["a.io", "b.io"]).otherwise(0, ErrorKind::Unreachable);
        let names: Vec<String> = (0..40).map(|n| format!("x{n}:1")).collect();
        for name in &names {
            world = world.has(1, name, name);
        }
        if optional {
            world = world.optional(0);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let answered = world.locate(&names).await;
        assert_eq!(answered.location.faults.len(), 1, "{}", answered.text());
        assert!(answered.text().contains("and 35 more"), "{}", answered.text());
        assert!(answered.asked[0].len() <= 4, "asked {} times", answered.asked[0].len());
        assert_eq!(answered.location.located.len(), if optional { 40 } else { 0 });
    }
}

#[tokio::test]
async fn both_readings_with_different_images_are_an_error_that_shows_how_to_decide() {
    let mut world = World::new(&["a.io"]).has(0, "x:1", "one").has(0, "core/x:1", "two");
    let answered = world.locate(&["core/x:1"]).await;
    assert_eq!(answered.location.faults.worst(), Some(Kind::Invalid));
    let told = answered.text();
    let (one, two) = (world.digest("one"), world.digest("two"));
    for part in [
        one.short(),
        two.short(),
        "registry-placeholders = [\"core\"]",
        "namespaces = [\"core\"]",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    // Decided either way.
    world.first_segment.namespaces = vec!["core".to_owned()];
    assert_eq!(world.locate(&["core/x:1"]).await.one().name.to_string(), "core/x:1");
    world.first_segment = FirstSegment {
        placeholders: vec!["core".to_owned()],
        namespaces: Vec::new(),
    };
    assert_eq!(world.locate(&["core/x:1"]).await.one().name.to_string(), "x:1");
    // The same image under both is no contradiction: the cut form counts.
    let same = World::new(&["a.io"]).has(0, "x:1", "one").has(0, "core/x:1", "one");
    assert_eq!(same.locate(&["core/x:1"]).await.one().name.to_string(), "x:1");
}

#[tokio::test]
async fn a_reading_chosen_once_stays_chosen_when_the_lock_is_updated() {
    let before = World::new(&["a.io"]).has(0, "core/x:1", "two");
    let lock = before.lock(&["core/x:1"]).await;
    let now = World::new(&["a.io"]).has(0, "x:1", "one").has(0, "core/x:1", "two");
    let found = now
        .locate_with(&["core/x:1"], Some(&lock), Mode::Update(Vec::new()))
        .await
        .one();
    assert_eq!(found.name.to_string(), "core/x:1");
    assert!(!found.from_lock);
}

#[tokio::test]
async fn with_a_lock_nobody_is_asked() {
    let world = World::new(&["a.io", "b.io/ns"])
        .has(0, "p/x:1", "one")
        .has(1, "ns/y:2", "two");
    let references = ["p/x:1", "q/y:2"];
    let lock = world.lock(&references).await;
    // Whatever the sources would say now.
    let gone = World::new(&["a.io", "b.io/ns"]).otherwise(0, ErrorKind::Unreachable);
    for mode in [Mode::Prefer, Mode::Locked] {
        let answered = gone.locate_with(&references, Some(&lock), mode).await;
        assert!(answered.nobody_was_asked());
        let located = answered.located();
        assert!(located.iter().all(|image| image.from_lock));
        let mut again = Lock::new(lock.image_sources.clone());
        for image in &located {
            again.put(LockedImage::from(image));
        }
        assert_eq!(again, lock, "nothing is lost on the way");
    }
}

#[tokio::test]
async fn what_a_lock_lacks_or_no_longer_covers_is_asked_or_stale() {
    let world = World::new(&["a.io"])
        .has(0, "p/x:1", "one")
        .has(0, "x:1", "one")
        .has(0, "y:1", "two");
    let lock = world.lock(&["p/x:1"]).await;
    // Another image.
    let answered = world.locate_with(&["p/x:1", "y:1"], Some(&lock), Mode::Prefer).await;
    assert_eq!(answered.located().len(), 2);
    assert_eq!(answered.asked[0], ["y:1"]);
    let stale = world.locate_with(&["p/x:1", "y:1"], Some(&lock), Mode::Locked).await;
    assert_eq!(stale.location.faults.worst(), Some(Kind::Stale));
    assert_eq!(stale.location.located.len(), 1);
    assert!(stale.nobody_was_asked());
    // Other sources: no entry counts.
    let other = World::new(&["b.io"]).has(0, "x:1", "other");
    assert!(
        !other
            .locate_with(&["p/x:1"], Some(&lock), Mode::Prefer)
            .await
            .one()
            .from_lock
    );
    let stale = other.locate_with(&["p/x:1"], Some(&lock), Mode::Locked).await;
    assert_eq!(
        (stale.location.faults.len(), stale.location.faults.worst()),
        (1, Some(Kind::Stale))
    );
    assert!(
        stale.text().contains("a.io") && stale.text().contains("b.io"),
        "{}",
        stale.text()
    );
    // The project has decided since that the first segment stays.
    let mut decided = World::new(&["a.io"]).has(0, "p/x:1", "one");
    decided.first_segment.namespaces = vec!["p".to_owned()];
    let found = decided.locate_with(&["p/x:1"], Some(&lock), Mode::Prefer).await.one();
    assert_eq!((found.name.to_string().as_str(), found.from_lock), ("p/x:1", false));
}

#[tokio::test]
async fn a_tag_that_moved_at_its_source_is_seen_by_an_update_only_and_told_old_to_new() {
    let mut before = World::new(&["a.io"]).has(0, "x:1", "old").has(0, "y:1", "same");
    let lock = before.lock(&["x:1", "y:1"]).await;
    let mut after = World::new(&["a.io"]).has(0, "x:1", "new").has(0, "y:1", "same");
    assert!(
        after
            .locate_with(&["x:1", "y:1"], Some(&lock), Mode::Prefer)
            .await
            .nobody_was_asked()
    );
    // Only what is named is asked anew.
    let answered = after
        .locate_with(&["x:1", "y:1"], Some(&lock), Mode::Update(vec!["x:1".to_owned()]))
        .await;
    assert_eq!(answered.asked[0], ["x:1"]);
    let mut renewed = Lock::new(lock.image_sources.clone());
    answered
        .located()
        .iter()
        .for_each(|image| renewed.put(LockedImage::from(image)));
    let drift = changes(Some(&lock), &renewed);
    assert_eq!(drift.len(), 1);
    assert_eq!(drift[0].kind, ChangeKind::Moved);
    assert_eq!(drift[0].old.as_deref(), Some(before.digest("old").as_str()));
    assert_eq!(drift[0].new.as_deref(), Some(after.digest("new").as_str()));
}

#[tokio::test]
async fn digest_references_are_resolved_by_digest_and_get_a_tag() {
    let mut world = World::new(&["a.io"]);
    let root = world.image("seed");
    let key = format!("x@{}", root.digest);
    let mut world = world.has(0, &key, "seed");
    let by_digest = format!("quay.io/x@{}", root.digest);
    let both = format!("quay.io/x:3@{}", root.digest);
    let versioned = format!("quay.io/x@{} as 2.0.0", root.digest);
    let answered = world.locate(&[&by_digest, &both, &versioned]).await;
    let names: Vec<String> = answered.located().iter().map(|image| image.name.to_string()).collect();
    assert_eq!(
        names,
        [
            "x:3".to_owned(),
            format!("x:digest-{}", root.digest.short()),
            "x:2.0.0".to_owned()
        ]
    );
    assert!(
        answered.asked[0].iter().all(|asked| *asked == key),
        "by digest, never by tag"
    );
    // The lock keeps them apart.
    let lock = world.lock(&[&by_digest, &versioned]).await;
    assert_eq!(lock.images.len(), 2);
    let again = world
        .locate_with(&[&by_digest, &versioned], Some(&lock), Mode::Locked)
        .await;
    assert_eq!(again.located().len(), 2);
    // A source that answers something else is not believed.
    let other = world.image("other");
    world.script[0].3.insert(key, Ok(other));
    let lied = world.locate(&[&by_digest]).await;
    assert_eq!(lied.location.faults.worst(), Some(Kind::Invalid), "{}", lied.text());
}

#[tokio::test]
async fn a_hit_elsewhere_than_in_the_references_own_registry_is_a_warning() {
    let world = World::new(&["mirror.io", "quay.io"]).has(0, "x:1", "seed");
    let answered = world.locate(&["quay.io/x:1"]).await;
    assert_eq!(answered.located().len(), 1);
    assert!(
        answered.text().contains("not from its own registry quay.io"),
        "{}",
        answered.text()
    );
    // Its own registry is not listed, or has it: nothing to say.
    let unlisted = World::new(&["mirror.io"])
        .has(0, "x:1", "seed")
        .locate(&["quay.io/x:1"])
        .await;
    assert!(unlisted.location.faults.is_empty());
    let own = World::new(&["quay.io/", "mirror.io"])
        .has(0, "x:1", "seed")
        .locate(&["quay.io/x:1"])
        .await;
    assert!(own.location.faults.is_empty(), "{}", own.text());
}

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
