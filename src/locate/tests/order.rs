//! Which source is asked, what its answer does, and what is told.

use super::*;

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
        nowhere.text().contains("absent or denied") && nowhere.text().contains("aosm-build login ghcr.io"),
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
