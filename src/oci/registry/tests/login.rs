//! Logging in: challenges, tokens, refused credentials.

use super::fake::{Fake, FakeHost, Fault, Login};
use super::*;
use crate::oci::{ErrorKind, Selector};

const HOST: &str = "registry.test";

fn bearer(anonymous: bool, life: u64) -> Login {
    Login::Bearer {
        user: "me",
        password: "right",
        identity: "identity",
        anonymous,
        life,
    }
}

fn host(login: Login) -> Fake {
    let fake = Fake::default().host(
        HOST,
        FakeHost {
            login,
            ..FakeHost::default()
        },
    );
    plant(&fake, HOST, "app", "1", 1, 2, 7);
    fake
}

fn config(password: &str) -> String {
    format!(r#"{{"auths":{{"{HOST}":{{"username":"me","password":"{password}"}}}}}}"#)
}

async fn resolve(registries: &Registries, repository: &str) -> Result<Descriptor, OciError> {
    registries
        .source(HOST, Auth::Auto, &job())?
        .resolve(repository, &Selector::Tag("1".into()))
        .await
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_says_how_to_log_in_and_no_ping_is_sent() {
    for (login, requests) in [
        (Login::Open, 1),
        (Login::Basic("me", "right"), 2),
        (bearer(false, 300), 3),
    ] {
        let fake = host(login);
        let (registries, _folder) = registries_with(&fake, &config("right"));
        resolve(&registries, "app").await.unwrap();
        assert_eq!(fake.seen().len(), requests);
        resolve(&registries, "app").await.unwrap();
        assert_eq!(fake.seen().len(), requests + 1, "learnt");
        assert!(fake.seen().iter().all(|seen| seen.url.path() != "/v2/"));
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_say_so_and_where_they_came_from_and_are_shown_once() {
    for login in [Login::Basic("me", "right"), bearer(true, 300)] {
        let fake = host(login);
        let (registries, _folder) = registries_with(&fake, &config("wrong"));
        let error = resolve(&registries, "app").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadCredentials, "{error}");
        assert!(
            error.detail.contains("config.json") && !error.to_string().contains("wrong\""),
            "{error}"
        );
        assert!(error.hint.unwrap().contains("docker login registry.test"));
        let before = fake.seen().len();
        assert_eq!(
            resolve(&registries, "other").await.unwrap_err().kind,
            ErrorKind::BadCredentials
        );
        assert!(fake.seen().len() <= before + 1, "a refused login is not tried again");
        let logins = fake.seen().iter().filter(|seen| seen.authorization.is_some()).count();
        assert_eq!(logins, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_wants_a_password_says_that_there_is_none() {
    let fake = host(Login::Basic("me", "right"));
    let error = resolve(&registries(&fake), "app").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadCredentials);
    assert!(error.detail.contains("a login is needed"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_absent_repository_that_is_denied_to_a_good_login_is_denied_not_a_bad_login() {
    // As Docker Hub does: the token is given, the repository is still 401.
    let fake = host(bearer(true, 300));
    fake.with(HOST, |host| host.denied.insert("absent".into()));
    for logged_in in [false, true] {
        let (registries, _folder) = registries_with(&fake, &if logged_in { config("right") } else { "{}".into() });
        let error = resolve(&registries, "absent").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
        assert!(error.hint.unwrap().contains("does not exist"));
        assert!(resolve(&registries, "app").await.is_ok(), "the login itself stays good");
        assert_eq!(resolve(&registries, "app2").await.unwrap_err().kind, ErrorKind::Absent);
    }
}

#[tokio::test(start_paused = true)]
async fn what_ghcr_answers_for_absent_repositories_is_denied() {
    // GHCR refuses the token itself with 403, or the manifest with 403.
    for part in ["/token", "/manifests/"] {
        let fake = host(bearer(true, 300));
        fake.order(move |seen, _| {
            let absent = seen.url.as_str().contains("absent") && seen.url.path().contains(part);
            let body = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
            absent.then(|| Fault::Status(403, vec![], body))
        });
        for config in [config("right"), "{}".into()] {
            let (registries, _folder) = registries_with(&fake, &config);
            let error = resolve(&registries, "absent").await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Denied, "{error}");
            // The answer to a HEAD has no words.
            let words = error.detail.contains("requested access to the resource is denied");
            assert_eq!(words, part == "/token", "{error}");
            resolve(&registries, "app").await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_identity_token_is_exchanged_by_the_refresh_token_grant() {
    let fake = host(bearer(false, 300));
    let of = |token: &str| format!(r#"{{"auths":{{"{HOST}":{{"auth":"MDAwOg==","identitytoken":"{token}"}}}}}}"#);
    let (good, _folder) = registries_with(&fake, &of("identity"));
    resolve(&good, "app").await.unwrap();
    assert_eq!(fake.count("auth.registry.test", "POST /token"), 1);
    let (bad, _folder) = registries_with(&fake, &of("old"));
    let error = resolve(&bad, "app").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadCredentials);
    assert!(
        error.detail.contains("config.json") && error.detail.contains("400"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn many_requests_at_once_fetch_one_token() {
    let fake = host(bearer(true, 300));
    let registries = registries(&fake);
    let all = futures_util::future::join_all((0..16).map(|_| resolve(&registries, "app"))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fake.count("auth.registry.test", ""), 1);
    assert_eq!(fake.seen().len(), 1 + 1 + 16, "one probe, one token");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_renewed_before_they_expire_and_once_when_they_are_refused() {
    let fake = host(bearer(true, 300));
    let registries = registries(&fake);
    resolve(&registries, "app").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(260)).await;
    resolve(&registries, "app").await.unwrap();
    assert_eq!(fake.count("auth.registry.test", ""), 1);
    tokio::time::sleep(std::time::Duration::from_secs(15)).await;
    resolve(&registries, "app").await.unwrap();
    assert_eq!(fake.count("auth.registry.test", ""), 2, "275 s of 300: renewed early");
    // The registry forgets all tokens.
    fake.with(HOST, |host| host.login = bearer(true, 301));
    fake.with(HOST, |host| host.held = std::mem::take(&mut host.held).without_tokens());
    let refusals = fake.seen().len();
    resolve(&registries, "app").await.unwrap();
    assert_eq!(fake.seen().len(), refusals + 3, "refused, renewed, served");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_live_shorter_than_a_copy_do_not_break_it() {
    let fake = Fake::default()
        .host(
            HOST,
            FakeHost {
                login: bearer(true, 2),
                ..FakeHost::default()
            },
        )
        .host(
            "target.test",
            FakeHost {
                login: bearer(true, 1),
                ..FakeHost::default()
            },
        );
    plant(&fake, HOST, "app", "1", 2, 6, 7);
    copy(&registries(&fake), (HOST, "app"), ("target.test", "app"), "1")
        .await
        .unwrap();
    fake.verify("target.test", "app", "1").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failing_token_server_is_tried_again_and_then_told_as_what_it_is() {
    let fake = host(bearer(true, 300));
    fake.order(|seen, number| (seen.url.path() == "/token" && number < 3).then(|| Fault::Status(503, vec![], "")));
    resolve(&registries(&fake), "app").await.unwrap();
    for (fault, kind) in [
        (Fault::Status(500, vec![], "oops"), ErrorKind::Server),
        (Fault::Status(404, vec![], ""), ErrorKind::Protocol),
        (Fault::Status(200, vec![], "<html>"), ErrorKind::Protocol),
        (Fault::Status(200, vec![], r#"{"token":""}"#), ErrorKind::Protocol),
        (Fault::Status(200, vec![], r#"{"token":"a\nb"}"#), ErrorKind::Protocol),
        (Fault::Refused, ErrorKind::Unreachable),
        (Fault::Hang, ErrorKind::Unreachable),
    ] {
        let shown = format!("{fault:?}");
        fake.order(move |seen, _| (seen.url.path() == "/token").then(|| fault.clone()));
        let error = resolve(&registries(&fake), "app").await.unwrap_err();
        assert_eq!(error.kind, kind, "{shown}: {error}");
        assert!(error.detail.contains("token server auth.registry.test"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_never_accepts_a_token_does_not_keep_us_busy() {
    let fake = host(bearer(true, 300));
    let challenge = |n: usize| {
        vec![(
            "www-authenticate",
            format!("Bearer realm=\"https://auth.{HOST}/token\",scope=\"repository:app:more{n}\""),
        )]
    };
    fake.order(move |seen, n| (seen.url.path() != "/token").then(|| Fault::Status(401, challenge(n), "")));
    assert_eq!(
        resolve(&registries(&fake), "app").await.unwrap_err().kind,
        ErrorKind::Denied
    );
    assert!(fake.seen().len() < 12, "{}", fake.seen().len());
}

#[tokio::test(start_paused = true)]
async fn a_token_server_that_is_none_or_without_tls_is_refused() {
    for realm in ["", "file:///etc/passwd", "not a url", "http://evil.test/token"] {
        let fake = host(Login::Open);
        fake.order(move |_, _| {
            Some(Fault::Status(
                401,
                vec![("www-authenticate", format!("Bearer realm=\"{realm}\""))],
                "",
            ))
        });
        let (registries, _folder) = registries_with(&fake, &config("right"));
        let error = resolve(&registries, "app").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{realm}: {error}");
        assert!(fake.seen().iter().all(|seen| seen.authorization.is_none()), "{realm}");
    }
}
