//! Registries that answer nonsense, too much, or somebody else's content.

use super::fake::{Fake, FakeHost, Fault, Login};
use super::*;
use crate::oci::manifest::DOCKER_MANIFEST;
use crate::oci::{ErrorKind, Selector};

const HOST: &str = "registry.test";

fn bearer() -> Login {
    Login::Bearer {
        user: "me",
        password: "right",
        identity: "i",
        anonymous: false,
        life: 300,
    }
}

fn config() -> String {
    r#"{"auths":{"registry.test":{"username":"me","password":"right"},"target.test":{"username":"me","password":"right"}}}"#.into()
}

async fn resolve(fake: &Fake) -> Result<Descriptor, OciError> {
    registries(fake)
        .source(HOST, Auth::Auto, &job())?
        .resolve("app", &Selector::Tag("1".into()))
        .await
}

fn planted() -> (Fake, Descriptor) {
    let fake = Fake::default()
        .host(HOST, FakeHost::default())
        .host("target.test", FakeHost::default());
    let root = plant(&fake, HOST, "app", "1", 1, 2, 7);
    (fake, root)
}

#[tokio::test(start_paused = true)]
async fn credentials_never_follow_to_another_host() {
    for login in [bearer(), Login::Basic("me", "right")] {
        let fake = Fake::default()
            .host(
                HOST,
                FakeHost {
                    login: login.clone(),
                    redirect_blobs: true,
                    ..FakeHost::default()
                },
            )
            .host(
                "target.test",
                FakeHost {
                    login,
                    upload_elsewhere: true,
                    ..FakeHost::default()
                },
            );
        plant(&fake, HOST, "app", "1", 1, 2, 7);
        let (registries, _folder) = registries_with(&fake, &config());
        copy(&registries, (HOST, "app"), ("target.test", "app"), "1")
            .await
            .unwrap();
        fake.verify("target.test", "app", "1").unwrap();
        for seen in fake.seen() {
            let host = seen.url.host_str().unwrap();
            if host.starts_with("cdn.") || host.starts_with("upload.") {
                assert_eq!(seen.authorization, None, "{}", seen.url);
            }
        }
        assert!(fake.count("cdn.registry.test", "GET") > 0 && fake.count("upload.target.test", "PUT") > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_plain_http_in_a_circle_or_to_nowhere_is_refused() {
    for (location, part) in [
        (Some("http://evil.test/x"), "without TLS"),
        (Some("https://registry.test/v2/app/manifests/1"), "more than 5 times"),
        (Some("ftp://evil.test/x"), "without a usable Location"),
        (Some("https://"), "without a usable Location"),
        (None, "without a usable Location"),
    ] {
        let (fake, _) = planted();
        fake.order(move |_, _| {
            Some(Fault::Status(
                307,
                location.map(|l| ("location", l.to_owned())).into_iter().collect(),
                "",
            ))
        });
        let error = resolve(&fake).await.unwrap_err();
        assert!(
            error.kind == ErrorKind::Protocol && error.detail.contains(part),
            "{location:?}: {error}"
        );
        assert!(fake.seen().len() <= 6);
        assert!(fake.seen().iter().all(|seen| seen.url.host_str() == Some(HOST)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_without_a_usable_location_is_an_error() {
    for location in [
        None,
        Some("http://evil.test/upload".to_owned()),
        Some("data:text/plain,x".to_owned()),
    ] {
        let (fake, _) = planted();
        fake.order(move |seen, _| (seen.method == "POST").then(|| Fault::Header("location", location.clone())));
        let error = copy(&registries(&fake), (HOST, "app"), ("target.test", "app"), "1")
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        assert_eq!(fake.count("evil.test", ""), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_location_with_the_registrys_own_name_keeps_tls() {
    let (fake, _) = planted();
    fake.with("target.test", |host| {
        host.uploads.base = Some("http://target.test".to_owned())
    });
    copy(&registries(&fake), (HOST, "app"), ("target.test", "app"), "1")
        .await
        .unwrap();
    assert!(fake.seen().iter().all(|seen| seen.url.scheme() == "https"));
}

#[tokio::test(start_paused = true)]
async fn garbage_is_an_error_and_nothing_else() {
    let digest = |value: &str| Fault::Header("docker-content-digest", Some(value.to_owned()));
    for (fault, kind) in [
        (digest("garbage"), ErrorKind::Protocol),
        (digest("sha256:00"), ErrorKind::Protocol),
        (digest(""), ErrorKind::Protocol),
        (
            Fault::Status(
                200,
                vec![("docker-content-digest", Digest::of(b"x").to_string())],
                "<html>",
            ),
            ErrorKind::Corrupt,
        ),
        (Fault::Status(302, vec![], ""), ErrorKind::Protocol),
        (Fault::Status(418, vec![], "teapot"), ErrorKind::Protocol),
        (
            Fault::Status(200, vec![("content-length", "314572800".into())], ""),
            ErrorKind::TooLarge,
        ),
    ] {
        let (fake, _) = planted();
        let shown = format!("{fault:?}");
        fake.order(move |_, _| Some(fault.clone()));
        let error = resolve(&fake).await.unwrap_err();
        assert_eq!(error.kind, kind, "{shown}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_of_hundreds_of_mebibytes_is_refused_without_being_read() {
    let (fake, root) = planted();
    let big = Bytes::from(vec![b' '; 30 * 1024 * 1024]);
    fake.with(HOST, |host| {
        host.held
            .manifests
            .get_mut("app")
            .unwrap()
            .insert(root.digest.clone(), (OCI_INDEX.into(), big));
    });
    for announced in [true, false] {
        fake.order(move |seen, _| {
            (seen.method == "GET" && !announced).then_some(Fault::Header("content-length", Some("nonsense".into())))
        });
        let source = registries(&fake).source(HOST, Auth::Auto, &job()).unwrap();
        let error = source.content("app").manifest(&root).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_with_other_content_than_its_digest_says_is_corrupt() {
    let (fake, root) = planted();
    fake.order(|seen, _| (seen.method == "GET").then_some(Fault::Flip(3)));
    let source = registries(&fake).source(HOST, Auth::Auto, &job()).unwrap();
    assert_eq!(
        source.content("app").manifest(&root).await.unwrap_err().kind,
        ErrorKind::Corrupt
    );
    let wrong_size = Descriptor {
        size: root.size + 1,
        ..root.clone()
    };
    fake.order(|_, _| None);
    assert_eq!(
        source.content("app").manifest(&wrong_size).await.unwrap_err().kind,
        ErrorKind::Corrupt
    );
    let unknown_size = Descriptor { size: 0, ..root };
    assert!(source.content("app").manifest(&unknown_size).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_answers_for_another_digest_than_asked_is_not_believed() {
    let (fake, _) = planted();
    fake.order(|seen, _| {
        let question = seen.method == "HEAD" && seen.url.host_str() == Some("target.test");
        question.then(|| {
            let headers = vec![
                ("docker-content-digest", Digest::of(b"x").to_string()),
                ("content-type", OCI_MANIFEST.to_owned()),
            ];
            Fault::Status(200, headers, "")
        })
    });
    let error = copy(&registries(&fake), (HOST, "app"), ("target.test", "app"), "1")
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

#[tokio::test(start_paused = true)]
async fn nests_and_crowds_of_manifests_and_obsolete_ones_are_refused() {
    let (fake, _) = planted();
    let deep = fake.with(HOST, |host| {
        let mut inner = put(host, "app", OCI_INDEX, r#"{"manifests":[]}"#.into());
        for _ in 0..12 {
            let text = format!(r#"{{"manifests":[{}]}}"#, serde_json::to_string(&inner).unwrap());
            inner = put(host, "app", OCI_INDEX, text);
        }
        inner
    });
    let old = fake.with(HOST, |host| {
        put(
            host,
            "app",
            DOCKER_MANIFEST,
            r#"{"schemaVersion":1,"fsLayers":[]}"#.into(),
        )
    });
    for (root, kind, part) in [
        (deep, ErrorKind::TooLarge, "deeper"),
        (old, ErrorKind::Protocol, "schema 1"),
    ] {
        let registries = registries(&fake);
        let source = registries.source(HOST, Auth::Auto, &job()).unwrap();
        let error = store(&registries, "target.test")
            .fill(&name("app", "1"), &root, source.content("app"), &Guard::Create, &job())
            .await
            .unwrap_err();
        assert!(error.kind == kind && error.detail.contains(part), "{error}");
    }
    fake.with("target.test", |host| {
        assert!(host.held.tags.is_empty() && host.held.manifests.is_empty());
    });
}

#[tokio::test(start_paused = true)]
async fn names_that_lead_elsewhere_are_refused_before_anything_is_sent() {
    let (fake, root) = planted();
    let registries = registries(&fake);
    let source = registries.source(HOST, Auth::Auto, &job()).unwrap();
    for repository in ["../catalog", "a//b", "a?x=y", "a/../../b", ""] {
        assert!(
            source.resolve(repository, &Selector::Tag("1".into())).await.is_err(),
            "{repository}"
        );
        assert!(
            source.content(repository).manifest(&root).await.is_err(),
            "{repository}"
        );
    }
    for tag in ["a/b", "..", "x?y", ""] {
        assert!(
            source.resolve("app", &Selector::Tag(tag.into())).await.is_err(),
            "{tag}"
        );
    }
    assert!(registries.source("https://evil.test/x", Auth::Auto, &job()).is_err());
    assert!(fake.seen().is_empty());
}
