//! Grants as they are answered, and how a source hands them out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "tests may fail loudly"
)]

use std::time::Duration;

use serde_json::{Value, json};

use super::super::arm::{ApiVersion, ArmErrorKind};
use super::super::testing::{Reply, Script, arm, job, manifest_id, reply};
use super::{Grant, ManifestLogin, ManifestSas, ScopedCredential, ScopedCredentials};
use crate::blob::{BlobErrorKind, SasSource as _};
use crate::credentials::{Credential, CredentialSource as _, Wanted};
use crate::fault::{Fault, Kind};

/// By the clock of the service.
const DATE: &str = "Wed, 31 Jan 2024 12:00:00 GMT";

fn registry(token: &str, expiry: &str) -> Value {
    json!({
        "credentialType": "AzureContainerRegistryScopedToken", "acrServerUrl": "https://contoso.azurecr.io",
        "acrToken": token, "username": "m", "repositories": ["nginx", "release/contoso-a"], "expiry": expiry,
    })
}

fn account(sas: &str, expiry: &str) -> Value {
    json!({
        "credentialType": "AzureStorageAccountToken",
        "storageAccountId": "/subscriptions/x/resourceGroups/y/providers/Microsoft.Storage/storageAccounts/contosodisks",
        "containerCredentials": [{"containerName": "ubuntuvhd-1-0-0", "containerSasUri": sas}],
        "expiry": expiry,
    })
}

const SAS: &str = "https://contosodisks.blob.core.windows.net/ubuntuvhd-1-0-0?sv=2021-08-06&si=StorageAccountAccessPolicy&sr=c&sig=hush%3D";

fn granted(token: &str, expiry: &str) -> Reply {
    reply(200, registry(token, expiry).to_string()).with("date", DATE)
}

fn token(granted: &super::Granted) -> String {
    granted.grant.registry("m").unwrap().token.expose().to_owned()
}

#[test]
fn a_token_is_read_with_or_without_a_scheme_and_its_secret_is_never_shown() {
    for (url, host, plain) in [
        ("https://contoso.azurecr.io", "contoso.azurecr.io", false),
        ("https://contoso.azurecr.io/", "contoso.azurecr.io", false),
        ("Contoso.azurecr.io", "contoso.azurecr.io", false),
        ("http://127.0.0.1:5000", "127.0.0.1:5000", true),
    ] {
        let mut body = registry("planted-hush", "2024-02-01T12:00:00Z");
        body["acrServerUrl"] = url.into();
        let grant = Grant::read(&body).unwrap();
        assert!(!format!("{grant:?}").contains("hush"));
        let grant = grant.registry("m").unwrap();
        assert_eq!((grant.host.as_str(), grant.plain_http), (host, plain));
    }
}

#[test]
fn a_signature_is_read_apart_from_its_place_and_says_what_it_knows_of_itself() {
    let grant = Grant::read(&account(SAS, "2024-02-01T12:00:00Z")).unwrap();
    assert!(!format!("{grant:?}").contains("hush"));
    let storage = grant.storage("m").unwrap();
    assert_eq!(storage.account(), Some("contosodisks"));
    let container = storage.container("ubuntuvhd-1-0-0").unwrap();
    assert_eq!(
        container.place.as_str(),
        "https://contosodisks.blob.core.windows.net/ubuntuvhd-1-0-0"
    );
    assert_eq!(container.rights.policy.as_deref(), Some("StorageAccountAccessPolicy"));
    assert!(container.rights.words().is_empty());
    let own = "https://x.blob.core.windows.net/c?sp=rcw&se=2024-01-31T13:00Z&sig=hush";
    let grant = Grant::read(&account(own, "2024-02-01T12:00:00Z")).unwrap();
    assert_eq!(
        grant.storage("m").unwrap().containers[0].rights.words(),
        ["read", "create", "write"]
    );
    // A storage account on this machine, as it names itself.
    let local = "http://127.0.0.1:10000/devstoreaccount1/ubuntuvhd-1-0-0?sp=rcw&sig=hush";
    let grant = Grant::read(&account(local, "2024-02-01T12:00:00Z")).unwrap();
    assert_eq!(
        grant.storage("m").unwrap().containers[0].place.as_str(),
        "http://127.0.0.1:10000/devstoreaccount1/ubuntuvhd-1-0-0"
    );
}

#[test]
fn what_an_answer_lacks_is_named_and_none_of_it_repeated() {
    let expiry = "2024-02-01T12:00:00Z";
    let without = |mut body: Value, path: &str, value: Value| {
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    for (body, why) in [
        (
            without(registry("hush", expiry), "/acrToken", Value::Null),
            "acrToken is missing",
        ),
        (
            without(registry("hush", expiry), "/acrToken", json!(7)),
            "acrToken is no text",
        ),
        (
            without(registry("hush", expiry), "/username", json!("")),
            "username is empty",
        ),
        (
            without(registry("hush", expiry), "/expiry", Value::Null),
            "expiry is missing",
        ),
        (registry("hush", "soon"), "expiry is no time"),
        (
            without(registry("hush", expiry), "/repositories", json!([1])),
            "repositories holds",
        ),
        (
            without(
                registry("hush", expiry),
                "/acrServerUrl",
                json!("http://contoso.azurecr.io"),
            ),
            "has no TLS",
        ),
        (
            without(registry("hush", expiry), "/acrServerUrl", json!("https://a/b")),
            "no registry's address",
        ),
        (
            without(registry("hush", expiry), "/credentialType", Value::Null),
            "credentialType is missing",
        ),
        (
            without(registry("hush", expiry), "/credentialType", json!("Novel")),
            "\"Novel\" is not one that is known",
        ),
        (
            without(account(SAS, expiry), "/containerCredentials", Value::Null),
            "containerCredentials is missing",
        ),
        (
            account("not a url hush", expiry),
            "containerCredentials[0].containerSasUri is no URL",
        ),
        (account("http://x.test/c?sig=hush", expiry), "has no TLS"),
        (account("https://x.test/c?sp=hush", expiry), "holds no signature"),
        (
            account("https://x.test/c?se=hush&sig=hush", expiry),
            "an end (se) that is no time",
        ),
    ] {
        let told = Grant::read(&body).unwrap_err();
        assert!(told.contains(why) && !told.contains("hush"), "{told}");
    }
}

#[test]
fn a_grant_of_the_other_kind_and_an_artifact_it_does_not_cover_are_refused_by_name() {
    let grant = Grant::read(&registry("hush", "2024-02-01T12:00:00Z")).unwrap();
    let error = grant.storage("m").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("for an AzureContainerRegistry, not for an AzureStorageAccount"),
        "{error}"
    );
    assert_eq!(Fault::from(error).kind(), Kind::Invalid);
    let grant = grant.registry("m").unwrap();
    assert_eq!(
        grant.repository("m", "nginx", ApiVersion::V2025_03_30).unwrap(),
        "nginx"
    );
    let error = grant.repository("m", "redis", ApiVersion::V2024_04_15).unwrap_err();
    assert!(
        error.to_string().contains("artifact manifest m does not cover it"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn all_who_want_it_share_one_fetch() {
    let script = Script::new([granted("t1", "2024-02-01T12:00:00Z")]);
    let all = ScopedCredentials::new(arm(&script));
    let (one, two, job) = (all.of(&manifest_id()), all.of(&manifest_id()), job());
    let (a, b, c) = tokio::join!(one.get(&job), two.get(&job), one.get(&job));
    for granted in [a, b, c] {
        let granted = granted.unwrap();
        assert_eq!((token(&granted).as_str(), granted.generation), ("t1", 1));
    }
    tokio::time::sleep(Duration::from_secs(20 * 3600)).await;
    assert_eq!(two.get(&job).await.unwrap().generation, 1);
    assert_eq!(one.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_before_it_expires_by_the_services_own_clock() {
    let script = Script::new([
        granted("t1", "2024-02-01T12:00:00Z"),
        granted("t2", "2024-01-31T12:00:03Z"),
        granted("t3", "2024-01-31T12:00:03Z"),
    ]);
    let (source, job) = (ScopedCredential::new(arm(&script), manifest_id()), job());
    assert_eq!(token(&source.get(&job).await.unwrap()), "t1");
    tokio::time::sleep(Duration::from_secs(24 * 3600 - 600)).await;
    assert_eq!(token(&source.get(&job).await.unwrap()), "t2");
    // A life of three seconds is renewed at half of it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(token(&source.get(&job).await.unwrap()), "t2");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let third = source.get(&job).await.unwrap();
    assert_eq!((token(&third).as_str(), third.generation), ("t3", 3));
}

#[tokio::test(start_paused = true)]
async fn a_signature_of_its_own_end_is_renewed_before_that() {
    let own = "https://x.blob.core.windows.net/c?sp=rcw&se=2024-01-31T12:10:00Z&sig=a";
    let answer = || reply(200, account(own, "2024-02-01T12:00:00Z").to_string()).with("date", DATE);
    let script = Script::new([answer(), answer()]);
    let (source, job) = (ScopedCredential::new(arm(&script), manifest_id()), job());
    source.get(&job).await.unwrap();
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(source.get(&job).await.unwrap().generation, 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_is_no_reason_to_stop_while_the_old_one_is_good() {
    let script = Script::endless(
        granted("t1", "2024-01-31T13:00:00Z"),
        reply(403, r#"{"error":{"code":"AuthorizationFailed"}}"#),
    );
    let (source, job) = (ScopedCredential::new(arm(&script), manifest_id()), job());
    source.get(&job).await.unwrap();
    tokio::time::sleep(Duration::from_secs(50 * 60)).await;
    assert_eq!(token(&source.get(&job).await.unwrap()), "t1");
    source.get(&job).await.unwrap();
    assert_eq!(script.seen().len(), 2, "not asked again at once");
    tokio::time::sleep(Duration::from_secs(10 * 60)).await;
    assert_eq!(source.get(&job).await.unwrap_err().kind, ArmErrorKind::Denied);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_that_is_refused_is_shown_again_for_about_a_minute_then_replaced_then_given_up() {
    let script = Script::endless(
        granted("t1", "2024-02-01T12:00:00Z"),
        granted("t2", "2024-02-01T12:00:00Z"),
    );
    let (source, job) = (ScopedCredential::new(arm(&script), manifest_id()), job());
    let start = tokio::time::Instant::now();
    let mut tokens = Vec::new();
    let mut generations = std::collections::BTreeSet::new();
    let error = loop {
        match source.get(&job).await {
            Ok(granted) => {
                assert!(
                    generations.insert(granted.generation),
                    "a refused generation comes back"
                );
                tokens.push(token(&granted));
                source.rejected(granted.generation);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ArmErrorKind::Denied);
    let waited = start.elapsed().as_secs();
    assert!((55..=75).contains(&waited), "{waited} s");
    assert!((8..=12).contains(&tokens.len()), "{tokens:?}");
    assert_eq!(tokens.last().unwrap(), "t2");
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_good_is_replaced_at_once_and_who_comes_late_says_nothing_new() {
    let script = Script::new([
        granted("t1", "2024-02-01T12:00:00Z"),
        granted("t2", "2024-02-01T12:00:00Z"),
    ]);
    let (source, job) = (ScopedCredential::new(arm(&script), manifest_id()), job());
    let first = source.get(&job).await.unwrap();
    source.accepted(first.generation);
    tokio::time::sleep(Duration::from_secs(61)).await;
    let start = tokio::time::Instant::now();
    source.rejected(first.generation);
    let second = source.get(&job).await.unwrap();
    assert_eq!(token(&second), "t2");
    assert!(start.elapsed() < Duration::from_secs(1));
    source.rejected(first.generation);
    assert_eq!(source.get(&job).await.unwrap().generation, second.generation);
}

#[tokio::test(start_paused = true)]
async fn one_that_ended_before_it_was_granted_is_an_error() {
    let script = Script::new([granted("t1", "2024-01-31T11:00:00Z")]);
    let source = ScopedCredential::new(arm(&script), manifest_id());
    let error = source.get(&job()).await.unwrap_err();
    assert_eq!(error.kind, ArmErrorKind::Expired);
    assert!(error.to_string().contains("2024-01-31T11:00:00Z"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_shown_to_its_own_registry_only() {
    let script = Script::new([granted("t1", "2024-02-01T12:00:00Z")]);
    let login = ManifestLogin::new(ScopedCredential::new(arm(&script), manifest_id()), job());
    let wanted = |origin| Wanted {
        repository: Some("nginx"),
        origin,
        service: "",
        tell: &|_| {},
    };
    let obtained = login.get(&wanted("https://contoso.azurecr.io")).await.unwrap();
    let Credential::Basic { username, password } = obtained.credential else {
        panic!("no password")
    };
    assert_eq!((username.as_str(), password.expose()), ("m", "t1"));
    let refused = login.get(&wanted("https://evil.azurecr.io")).await.unwrap_err();
    assert!(
        refused
            .detail
            .contains("is for contoso.azurecr.io, not for evil.azurecr.io")
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_that_lie_hours_apart_are_each_answered_with_a_new_one() {
    let own = "https://x.blob.core.windows.net/c?sp=rcw&sig=a";
    let answer = reply(200, account(own, "9999-02-01T12:00:00Z").to_string()).with("date", DATE);
    let script = Script::endless(answer.clone(), answer);
    let (source, job) = (ScopedCredential::new(arm(&script), manifest_id()), job());
    // Nobody says that they are taken: not every client tells.
    for generation in 1..6 {
        let granted = source.get(&job).await.unwrap();
        assert_eq!(granted.generation, generation);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        source.rejected(granted.generation);
    }
    let granted = source.get(&job).await.unwrap();
    source.rejected(granted.generation);
    assert_eq!(source.get(&job).await.unwrap_err().kind, ArmErrorKind::Denied);
}

fn signed(generation: u32) -> Reply {
    let own =
        format!("https://contosodisks.blob.core.windows.net/ubuntuvhd-1-0-0?sp=rcw&sr=c&sv=1&sig=hush{generation}");
    reply(200, account(&own, "2024-02-01T12:00:00Z").to_string()).with("date", DATE)
}

#[tokio::test(start_paused = true)]
async fn a_containers_signature_is_renewed_once_when_it_is_refused_and_never_shown() {
    let script = Script::new([signed(1), signed(2)]);
    let source = ScopedCredential::new(arm(&script), manifest_id());
    let sas = ManifestSas::new(source, "ubuntuvhd-1-0-0", job());
    assert_eq!(sas.label(), "ubuntuvhd-1-0-0", "nobody was asked yet");
    let first = sas.get().await.unwrap();
    assert_eq!(
        (first.container(), first.url.field("sig").as_deref()),
        ("ubuntuvhd-1-0-0", Some("hush1"))
    );
    assert_eq!(sas.label(), "contosodisks.blob.core.windows.net/ubuntuvhd-1-0-0");
    assert!(!format!("{first:?}").contains("hush"));
    assert!(sas.rejected(first.generation).await);
    let second = sas.get().await.unwrap();
    assert_eq!(second.url.field("sig").as_deref(), Some("hush2"));
    assert!(!sas.rejected(second.generation).await, "a third would be no better");
    assert!(sas.remedy().unwrap().contains("aosm-build credential"));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_the_grant_does_not_cover_is_refused_with_the_manifests_name() {
    let source = ScopedCredential::new(arm(&Script::new([signed(1)])), manifest_id());
    let error = ManifestSas::new(source, "redhatvhd-1-0-0", job())
        .get()
        .await
        .unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Denied);
    let told = error.to_string();
    assert!(
        told.contains("artifact manifest m does not cover it: it covers ubuntuvhd-1-0-0"),
        "{told}"
    );
    let registry = ScopedCredential::new(
        arm(&Script::new([granted("t1", "2024-02-01T12:00:00Z")])),
        manifest_id(),
    );
    let error = ManifestSas::new(registry, "c", job()).get().await.unwrap_err();
    assert!(error.to_string().contains("not for an AzureStorageAccount"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_login_says_which_repositories_it_opens_once_it_is_granted() {
    let script = Script::new([granted("t1", "2024-02-01T12:00:00Z")]);
    let source = ScopedCredential::new(arm(&script), manifest_id());
    let login = ManifestLogin::new(std::sync::Arc::clone(&source), job());
    assert_eq!((login.opens("nginx"), login.is_settling()), (None, false));
    source.get(&job()).await.unwrap();
    assert_eq!((login.opens("nginx"), login.opens("redis")), (Some(true), Some(false)));
    assert!(login.is_settling());
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(!login.is_settling(), "old tokens are waited for by nobody");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_known_here_and_not_yet_there_is_given_some_seconds_before_it_is_replaced() {
    let script = Script::new([
        granted("t1", "2024-02-01T12:00:00Z"),
        granted("t2", "2024-02-01T12:00:00Z"),
    ]);
    let (source, job) = (ScopedCredential::new(arm(&script), manifest_id()), job());
    let first = source.get(&job).await.unwrap();
    source.accepted(first.generation);
    let mut tokens = Vec::new();
    for _ in 0..4 {
        let held = source.held().unwrap();
        source.rejected(held.generation);
        tokens.push(token(&source.get(&job).await.unwrap()));
    }
    assert_eq!(tokens, ["t1", "t1", "t1", "t2"]);
}
