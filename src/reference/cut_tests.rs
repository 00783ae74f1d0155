#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use super::*;

fn source(text: &str) -> ImageSource {
    let (host, namespace) = text.split_once('/').unwrap_or((text, ""));
    ImageSource {
        host: host.to_owned(),
        namespace: namespace.to_owned(),
    }
}

/// `repository -> store name (form)` of each candidate, in order.
fn asked(reference: &str, at: &str, decide: &FirstSegment) -> Vec<String> {
    let reference = ImageReference::parse(reference).unwrap();
    let candidates = reference.candidates(&source(at), decide);
    candidates
        .iter()
        .map(|c| format!("{} -> {} ({:?})", c.repository, c.store_name, c.form))
        .collect()
}

#[test]
fn candidates_follow_the_cut_rule() {
    let rows: &[(&str, &str, &[&str])] = &[
        // A registry is cut; inner namespaces stay, the source's namespace is not part of the name.
        ("reg.io/app:1", "acr.io", &["app -> app (Cut)"]),
        ("reg.io/ns/app:1", "acr.io/team", &["team/ns/app -> ns/app (Cut)"]),
        ("localhost:5000/app:1", "acr.io", &["app -> app (Cut)"]),
        ("localhost/app:1", "acr.io", &["app -> app (Cut)"]),
        ("MYREG/app:1", "acr.io", &["app -> app (Cut)"]),
        ("[::1]:5000/a/b:1", "acr.io", &["a/b -> a/b (Cut)"]),
        (
            "/release/contoso-a:1",
            "acr.io",
            &["release/contoso-a -> release/contoso-a (Cut)"],
        ),
        // Nothing to cut.
        ("nginx:1.25", "acr.io", &["nginx -> nginx (Whole)"]),
        ("nginx:1.25", "acr.io/mirror", &["mirror/nginx -> nginx (Whole)"]),
        // May be a placeholder or a namespace: cut first, then whole.
        (
            "repository/release/contoso-a:1.0.0",
            "myregistry.azurecr.io",
            &[
                "release/contoso-a -> release/contoso-a (Cut)",
                "repository/release/contoso-a -> repository/release/contoso-a (Whole)",
            ],
        ),
        (
            "repository/test-release/contoso-test:1.0.0",
            "myregistry.azurecr.io/test",
            &[
                "test/test-release/contoso-test -> test-release/contoso-test (Cut)",
                "test/repository/test-release/contoso-test -> repository/test-release/contoso-test (Whole)",
            ],
        ),
        (
            "core/contoso-a:1.0.0",
            "acr.io",
            &[
                "contoso-a -> contoso-a (Cut)",
                "core/contoso-a -> core/contoso-a (Whole)",
            ],
        ),
        (
            "library/nginx:1",
            "acr.io",
            &["nginx -> nginx (Cut)", "library/nginx -> library/nginx (Whole)"],
        ),
        // Docker Hub's host is cut like any other, at any source.
        (
            "docker.io/library/nginx:1.25",
            "acr.io",
            &["library/nginx -> library/nginx (Cut)"],
        ),
        (
            "index.docker.io/library/nginx:1.25",
            "acr.io",
            &["library/nginx -> library/nginx (Cut)"],
        ),
        ("docker.io/nginx:1.25", "acr.io", &["nginx -> nginx (Cut)"]),
    ];
    for (reference, at, expected) in rows {
        assert_eq!(
            asked(reference, at, &FirstSegment::default()),
            *expected,
            "{reference} at {at}"
        );
    }
}

#[test]
fn docker_hub_sources_know_library_and_never_guess_into_it() {
    let rows: &[(&str, &str, &[&str])] = &[
        ("redis:7", "docker.io", &["library/redis -> redis (Whole)"]),
        ("redis:7", "index.docker.io", &["library/redis -> redis (Whole)"]),
        ("docker.io/redis:7", "docker.io", &["library/redis -> redis (Cut)"]),
        (
            "docker.io/library/redis:7",
            "docker.io",
            &["library/redis -> library/redis (Cut)"],
        ),
        ("quay.io/redis:7", "docker.io", &["library/redis -> redis (Cut)"]),
        (
            "library/redis:7",
            "docker.io",
            &["library/redis -> library/redis (Whole)"],
        ),
        // acme/redis must not become the official redis.
        ("acme/redis:7", "docker.io", &["acme/redis -> acme/redis (Whole)"]),
        (
            "acme/library/redis:7",
            "docker.io",
            &["acme/library/redis -> acme/library/redis (Whole)"],
        ),
        (
            "acme/redis:7",
            "docker.io/library",
            &["library/acme/redis -> acme/redis (Whole)"],
        ),
        // Other guesses are fine.
        (
            "repository/acme/redis:7",
            "docker.io",
            &[
                "acme/redis -> acme/redis (Cut)",
                "repository/acme/redis -> repository/acme/redis (Whole)",
            ],
        ),
        // A namespace of the source takes the place of library.
        ("redis:7", "docker.io/acme", &["acme/redis -> redis (Whole)"]),
        (
            "team/redis:7",
            "docker.io/acme",
            &["acme/redis -> redis (Cut)", "acme/team/redis -> team/redis (Whole)"],
        ),
        ("docker.io/redis:7", "docker.io/acme", &["acme/redis -> redis (Cut)"]),
        // Never doubled.
        ("redis:7", "docker.io/library", &["library/redis -> redis (Whole)"]),
        (
            "library/redis:7",
            "docker.io/library",
            &["library/redis -> library/redis (Whole)"],
        ),
        (
            "docker.io/library/redis:7",
            "docker.io/library",
            &["library/redis -> library/redis (Cut)"],
        ),
    ];
    for (reference, at, expected) in rows {
        assert_eq!(
            asked(reference, at, &FirstSegment::default()),
            *expected,
            "{reference} at {at}"
        );
    }
}

#[test]
fn what_the_project_says_about_a_first_segment_decides() {
    let decide = FirstSegment {
        placeholders: vec!["repository".into()],
        namespaces: vec!["core".into(), "reg.io".into()],
    };
    assert_eq!(
        asked("repository/release/a:1", "acr.io", &decide),
        ["release/a -> release/a (Cut)"]
    );
    assert_eq!(asked("core/a:1", "acr.io", &decide), ["core/a -> core/a (Whole)"]);
    assert_eq!(
        asked("other/a:1", "acr.io", &decide),
        ["a -> a (Cut)", "other/a -> other/a (Whole)"]
    );
    // A declared placeholder is no guess, so Docker Hub's rule does not apply.
    assert_eq!(
        asked("repository/redis:7", "docker.io", &decide),
        ["library/redis -> redis (Cut)"]
    );
    // What is a registry by its form is always cut, and one segment is never a first one.
    assert_eq!(asked("reg.io/a:1", "acr.io", &decide), ["a -> a (Cut)"]);
    assert_eq!(
        asked("repository:1", "acr.io", &decide),
        ["repository -> repository (Whole)"]
    );
    assert_eq!(asked("core:1", "docker.io", &decide), ["library/core -> core (Whole)"]);
}
