//! What the lock spares, and what it keeps.

use super::*;

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
