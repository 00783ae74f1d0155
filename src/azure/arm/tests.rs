//! The client over a scripted wire, under virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "tests may fail loudly"
)]

use std::time::Duration;

use serde_json::json;

use super::super::testing::{Script, arm, arm_with, job, manifest_id, reply};
use super::super::{ArtifactManifest, ArtifactState, ArtifactStore, ArtifactVersion, ManifestEntry, ManifestState};
use super::{ApiVersion, ArmErrorKind, ArmSettings};
use crate::fault::{Fault, Kind};

const STORE: &str = "/subscriptions/0aaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee/resourceGroups/contoso-rg/providers/Microsoft.HybridNetwork/publishers/contoso/artifactStores/contoso-acr";

fn manifest_body(state: &str, provisioning: &str) -> String {
    json!({
        "id": manifest_id().id(), "name": "m", "location": "westeurope",
        "properties": {
            "provisioningState": provisioning, "artifactManifestState": state,
            "artifacts": [{"artifactName": "nginx", "artifactType": "OCIArtifact", "artifactVersion": "1.0.0"}],
        },
    })
    .to_string()
}

fn entries() -> Vec<ManifestEntry> {
    vec![ManifestEntry {
        name: "nginx".to_owned(),
        artifact_type: "OCIArtifact".to_owned(),
        version: "1.0.0".to_owned(),
    }]
}

#[tokio::test(start_paused = true)]
async fn a_manifest_is_put_with_its_version_and_followed_by_its_status_until_it_is_there() {
    let status = "https://management.azure.com/subscriptions/x/operationStatuses/1?api-version=2020-01-01&s=hush";
    let script = Script::new([
        reply(201, manifest_body("Uploading", "Accepted"))
            .with("azure-asyncoperation", status)
            .with("retry-after", "7"),
        reply(200, r#"{"status":"InProgress"}"#),
        reply(200, r#"{"status":"Succeeded"}"#),
        reply(200, manifest_body("Uploading", "Succeeded")),
    ]);
    let start = tokio::time::Instant::now();
    let made = ArtifactManifest::create(&arm(&script), &manifest_id(), "westeurope", &entries(), &job())
        .await
        .unwrap();
    assert_eq!(made.state, Some(ManifestState::Uploading));
    assert!(made.lists("nginx", "1.0.0") && !made.lists("nginx", "1.0.1"));
    assert!(start.elapsed() >= Duration::from_secs(7), "Retry-After counts");
    let seen = script.seen();
    assert_eq!(
        seen[0].0,
        format!("PUT https://management.azure.com{STORE}/artifactManifests/m?api-version=2024-04-15")
    );
    assert_eq!(seen[1].0, format!("GET {status}"));
    let body: serde_json::Value = serde_json::from_str(&seen[0].1).unwrap();
    assert_eq!(
        body,
        json!({"location": "westeurope", "properties": {"artifacts": [
            {"artifactName": "nginx", "artifactType": "OCIArtifact", "artifactVersion": "1.0.0"}]}})
    );
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_says_itself_that_it_is_not_ready_is_asked_until_it_is() {
    let script = Script::new([
        reply(201, manifest_body("Uploading", "Accepted")),
        reply(200, manifest_body("Uploading", "Converting")),
        reply(200, manifest_body("Uploading", "Succeeded")),
    ]);
    ArtifactManifest::create(&arm(&script), &manifest_id(), "westeurope", &entries(), &job())
        .await
        .unwrap();
    assert_eq!(script.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_is_sealed_at_once_or_by_a_location_that_answers_202_until_then() {
    let location = "https://management.azure.com/subscriptions/x/operationResults/1?api-version=2020-01-01";
    let script = Script::new([
        reply(200, ""),
        reply(202, "").with("location", location),
        reply(202, "").with("location", location).with("retry-after", "3"),
        reply(200, ""),
    ]);
    let arm = arm(&script);
    ArtifactManifest::seal(&arm, &manifest_id(), &job()).await.unwrap();
    ArtifactManifest::seal(&arm, &manifest_id(), &job()).await.unwrap();
    let seen = script.seen();
    assert_eq!(
        seen[0],
        (
            format!("POST https://management.azure.com{STORE}/artifactManifests/m/updateState?api-version=2024-04-15"),
            r#"{"artifactManifestState":"Uploaded"}"#.to_owned()
        )
    );
    assert_eq!(
        seen[2..].iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>(),
        [format!("GET {location}"), format!("GET {location}")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_followed_until_nothing_is_left_even_of_itself() {
    let location = "https://management.azure.com/subscriptions/x/operationResults/1?api-version=2020-01-01";
    for end in [
        reply(204, ""),
        reply(200, ""),
        reply(404, r#"{"error":{"code":"NotFound"}}"#),
    ] {
        let script = Script::new([reply(202, "").with("location", location), end]);
        ArtifactManifest::delete(&arm(&script), &manifest_id(), &job())
            .await
            .unwrap();
    }
    // One that is not there is gone already.
    let script = Script::new([reply(204, "")]);
    ArtifactManifest::delete(&arm(&script), &manifest_id(), &job())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_version_is_patched_by_its_name_and_the_name_of_its_artifact() {
    let script = Script::new([reply(200, "{}")]);
    let store = manifest_id().store;
    ArtifactVersion::set_state(
        &arm(&script),
        &store,
        "release/nginx",
        "1.0.0",
        &ArtifactState::Active,
        &job(),
    )
    .await
    .unwrap();
    assert_eq!(
        script.seen()[0],
        (
            format!(
                "PATCH https://management.azure.com{STORE}/artifactVersions/1.0.0?api-version=2024-04-15&artifactName=release%2Fnginx"
            ),
            r#"{"properties":{"artifactState":"Active"}}"#.to_owned()
        )
    );
    // What could lead elsewhere is never sent.
    for (artifact, version) in [("a b", "1"), ("", "1"), ("a", ".."), ("a", "")] {
        let script = Script::new([]);
        let refused =
            ArtifactVersion::set_state(&arm(&script), &store, artifact, version, &ArtifactState::Active, &job()).await;
        assert_eq!(refused.unwrap_err().kind, ArmErrorKind::Mismatch);
        assert!(script.seen().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_fails_is_told_with_its_reasons() {
    let status = "https://management.azure.com/operationStatuses/1?api-version=1";
    let script = Script::new([
        reply(202, "").with("azure-asyncoperation", status),
        reply(
            200,
            r#"{"status":"Failed","error":{"code":"ArtifactsMissing","message":"Not all are there.","details":[
                {"code":"Missing","message":"nginx:1.0.0"}]}}"#,
        )
        .with("x-ms-correlation-request-id", "c-1"),
    ]);
    let error = ArtifactManifest::seal(&arm(&script), &manifest_id(), &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ArmErrorKind::Failed);
    assert!(
        error.detail.contains("failed: ArtifactsMissing: Not all are there"),
        "{error}"
    );
    assert_eq!(error.service.lines, ["Missing: nginx:1.0.0"]);
    assert_eq!(error.service.correlation.as_deref(), Some("c-1"));
    assert_eq!(Fault::from(error).kind(), Kind::StepsFailed);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_never_ends_ends_at_the_limit_and_says_how_to_look_without_its_signature() {
    let status = "https://management.azure.com/operationStatuses/1?api-version=1&t=2&s=hush";
    let script = Script::endless(
        reply(202, "").with("azure-asyncoperation", status),
        reply(200, r#"{"status":"Running"}"#).with("retry-after", "20"),
    );
    let settings = ArmSettings {
        operation_limit: Duration::from_secs(100),
        ..ArmSettings::default()
    };
    let error = ArtifactManifest::seal(&arm_with(&script, settings), &manifest_id(), &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ArmErrorKind::Unfinished);
    assert!(
        error.detail.contains("100 s") && error.detail.contains("Running"),
        "{error}"
    );
    let hint = error.hint.clone().unwrap();
    assert!(
        hint.contains("/operationStatuses/1?api-version=1") && !hint.contains("hush"),
        "{hint}"
    );
    assert_eq!(script.seen().len(), 6, "no oftener than it asks for");
    assert_eq!(Fault::from(error).kind(), Kind::Infrastructure);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_where_an_answer_leads_outside() {
    let elsewhere = [
        "https://management.azure.com.evil.test/x",
        "http://management.azure.com/x",
        "https://management.azure.com:8443/x",
        "https://me:pw@management.azure.com/x",
        "//evil.test/x",
    ];
    for place in elsewhere {
        for header in ["location", "azure-asyncoperation"] {
            let script = Script::new([reply(202, "").with(header, place)]);
            let error = ArtifactManifest::seal(&arm(&script), &manifest_id(), &job())
                .await
                .unwrap_err();
            assert_eq!(error.kind, ArmErrorKind::Protocol, "{place}");
            assert_eq!(script.seen().len(), 1);
        }
        let script = Script::new([reply(200, json!({"value": [], "nextLink": place}).to_string())]);
        let error = ArtifactManifest::list(&arm(&script), &manifest_id().store, &job())
            .await
            .unwrap_err();
        assert!(error.detail.contains("the next page would be at"), "{error}");
        assert_eq!(script.seen().len(), 1);
    }
    // Relative ones, and the same host spelt otherwise, are at home.
    for place in ["/next?p=2", "https://MANAGEMENT.azure.com:443/next?p=2"] {
        let script = Script::new([
            reply(200, json!({"value": [], "nextLink": place}).to_string()),
            reply(200, json!({"value": []}).to_string()),
        ]);
        ArtifactManifest::list(&arm(&script), &manifest_id().store, &job())
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn pages_that_lead_in_a_circle_end() {
    let page = |next: &str| reply(200, json!({"value": [], "nextLink": next}).to_string());
    let script = Script::new([page("/a"), page("/b"), page("/a")]);
    let error = ArtifactManifest::list(&arm(&script), &manifest_id().store, &job())
        .await
        .unwrap_err();
    assert!(error.detail.contains("circle"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_as_long_as_it_asks_and_server_troubles_are_tried_again() {
    let script = Script::new([
        reply(429, r#"{"error":{"code":"TooManyRequests","message":"later"}}"#).with("retry-after", "17"),
        reply(503, ""),
        reply(200, manifest_body("Uploaded", "Succeeded")),
    ]);
    let start = tokio::time::Instant::now();
    let found = ArtifactManifest::get(&arm(&script), &manifest_id(), &job())
        .await
        .unwrap();
    assert_eq!(found.state, Some(ManifestState::Uploaded));
    assert!(start.elapsed() >= Duration::from_secs(17));
    assert_eq!(script.seen().len(), 3);
    let script = Script::new([reply(429, "").with("retry-after", "4000")]);
    let error = ArtifactManifest::get(&arm(&script), &manifest_id(), &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ArmErrorKind::Throttled);
    assert!(error.detail.contains("retry after 4000 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_classified_with_code_correlation_and_a_way_out() {
    let body = |code: &str| json!({"error": {"code": code, "message": "words"}}).to_string();
    for (status, code, kind, fault, hint) in [
        (
            404,
            "SubscriptionNotFound",
            ArmErrorKind::Absent,
            Kind::Invalid,
            "--tenant",
        ),
        (
            404,
            "ResourceGroupNotFound",
            ArmErrorKind::Absent,
            Kind::Invalid,
            "--resource-group",
        ),
        (
            404,
            "ResourceNotFound",
            ArmErrorKind::Absent,
            Kind::Invalid,
            "check the names",
        ),
        (
            409,
            "InvalidResourceLocation",
            ArmErrorKind::Refused,
            Kind::Invalid,
            "--location",
        ),
        (
            400,
            "InvalidApiVersionParameter",
            ArmErrorKind::Refused,
            Kind::Invalid,
            "--api-version",
        ),
        (
            409,
            "MissingSubscriptionRegistration",
            ArmErrorKind::Refused,
            Kind::Invalid,
            "az provider register",
        ),
        (
            403,
            "AuthorizationFailed",
            ArmErrorKind::Denied,
            Kind::Infrastructure,
            "artifactManifests/read",
        ),
        (
            401,
            "ExpiredAuthenticationToken",
            ArmErrorKind::Login,
            Kind::Infrastructure,
            "AOSM_ARM_TOKEN",
        ),
        (418, "Teapot", ArmErrorKind::Refused, Kind::Invalid, "correct"),
    ] {
        let script = Script::new([reply(status, body(code)).with("x-ms-correlation-request-id", "c-7")]);
        let error = ArtifactManifest::get(&arm(&script), &manifest_id(), &job())
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{code}");
        assert!(error.detail.contains(code) && error.detail.contains("words"), "{error}");
        let told = Fault::from(error);
        assert_eq!(told.kind(), fault, "{code}");
        assert!(told.hint_text().unwrap().contains(hint), "{code}: {told:?}");
        assert!(told.to_string().contains("correlation id c-7"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_lack_fields_are_told_by_the_field() {
    let full = json!({"id": "i", "name": "n", "location": "l", "properties": {"storeType": "AzureContainerRegistry"}});
    for (path, field) in [
        ("/id", "id is missing"),
        ("/name", "name is missing"),
        ("/location", "location is missing"),
        ("/properties/storeType", "properties.storeType is missing"),
    ] {
        let mut body = full.clone();
        *body.pointer_mut(path).unwrap() = serde_json::Value::Null;
        let script = Script::new([reply(200, body.to_string())]);
        let error = ArtifactStore::get(&arm(&script), &manifest_id().store, &job())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ArmErrorKind::Protocol);
        assert!(error.detail.contains(field), "{error}");
    }
    for (body, why) in [
        ("", "id is missing"),
        ("<html>", "a page for people"),
        ("{", "no JSON"),
        ("[]", "id is missing"),
    ] {
        let script = Script::new([reply(200, body)]);
        let error = ArtifactStore::get(&arm(&script), &manifest_id().store, &job())
            .await
            .unwrap_err();
        assert!(error.detail.contains(why), "{body}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_stops_waiting() {
    let script = Script::endless(
        reply(202, "").with("location", "/x"),
        reply(202, "").with("retry-after", "600"),
    );
    let job = job();
    job.cancel.cancel();
    let error = ArtifactManifest::seal(&arm(&script), &manifest_id(), &job)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ArmErrorKind::Cancelled);
}

#[test]
fn versions_are_those_that_are_known() {
    for version in ApiVersion::ALL {
        assert_eq!(version.as_str().parse(), Ok(version));
    }
    let refused = "2020-01-01".parse::<ApiVersion>().unwrap_err();
    assert!(refused.contains("2025-03-30"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_without_measure_is_no_trouble() {
    let script = Script::new([reply(202, "")
        .with("location", "/x")
        .with("retry-after", "99999999999999999999")]);
    let settings = ArmSettings {
        operation_limit: Duration::MAX,
        ..ArmSettings::default()
    };
    let error = ArtifactManifest::seal(&arm_with(&script, settings), &manifest_id(), &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ArmErrorKind::Unfinished);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_far_off_is_told_with_a_login_that_is_refused_and_with_nothing_else() {
    let body = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"words"}}}}"#);
    let hours = Duration::from_secs(2 * 3600 + 60);
    for (status, code, off, told) in [
        (401, "ExpiredAuthenticationToken", hours, true),
        (401, "ExpiredAuthenticationToken", Duration::ZERO, false),
        (403, "AuthorizationFailed", hours, false),
    ] {
        let there = httpdate::fmt_http_date(std::time::SystemTime::now() + off);
        let script = Script::new([reply(status, body(code)).with("date", &there)]);
        let error = ArtifactManifest::get(&arm(&script), &manifest_id(), &job())
            .await
            .unwrap_err();
        let words = "this machine's clock is 2 h behind that of Resource Manager";
        assert_eq!(error.detail.contains(words), told, "{error}");
        assert!(error.detail.contains(code), "{error}");
    }
}
