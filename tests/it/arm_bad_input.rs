//! What goes wrong between us and Resource Manager: one clear error each, the right exit code, and no secret in any.

use serde_json::{Value, json};

use crate::arm_commands::{contoso, publisher, run};
use crate::support::arm::{
    Arm, CORRELATION, GROUP, PUBLISHER, SUBSCRIPTION, Slow, TOKEN, container_tokens, error, in_seconds, registry_token,
};
use crate::support::http::Response;
use crate::support::*;

const MANIFEST: &str = "contoso-acr-manifest-1-0-0";
const SECRET: &str = "planted-scoped-token-Bp53";
const STORE_SHOW: [&str; 4] = ["store", "show", "--artifact-store", "contoso-acr"];
const MANIFEST_SHOW: [&str; 6] = [
    "artifact-manifest",
    "show",
    "--artifact-store",
    "contoso-acr",
    "--artifact-manifest",
    MANIFEST,
];
const CREDENTIAL: [&str; 5] = [
    "credential",
    "--artifact-store",
    "contoso-acr",
    "--artifact-manifest",
    MANIFEST,
];

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

#[test]
fn names_that_cannot_be_are_told_together_and_nothing_is_asked() {
    let (arm, project) = (contoso(), Project::new());
    project
        .aosm(&[
            "credential",
            "--subscription",
            "my-subscription",
            "-g",
            "group.",
            "--publisher",
            "_x",
            "--artifact-store",
            "a b",
            "--artifact-manifest",
            "",
        ])
        .env("AOSM_ARM_ENDPOINT", arm.endpoint())
        .env("AOSM_ARM_TOKEN", TOKEN)
        .run()
        .expect(4)
        .says("subscription \"my-subscription\" is no GUID")
        .says("az account show")
        .says("resource group \"group.\"")
        .says("publisher \"_x\"")
        .says("artifact store \"a b\"")
        .says("artifact manifest \"\"");
    assert_eq!(arm.seen(), Vec::<String>::new());
}

#[test]
fn an_endpoint_without_tls_is_refused_before_a_token_is_sent() {
    let project = Project::new();
    for (endpoint, why) in [
        ("http://management.azure.com", "has no TLS"),
        ("management.azure.com", "no URL"),
        ("ftp://management.azure.com", "no https address"),
        ("https://me:planted-password@management.azure.com", "holds a login"),
    ] {
        project
            .aosm(&with(&["store", "list"], &publisher()))
            .env("AOSM_ARM_ENDPOINT", endpoint)
            .env("AOSM_ARM_TOKEN", TOKEN)
            .run()
            .expect(4)
            .says(why)
            .silent_about(TOKEN)
            .silent_about("planted-password");
    }
    let (arm, bad) = (contoso(), Project::new());
    run(&bad, &arm, &["store", "list", "--cloud", "germany"])
        .expect(64)
        .says("us-government");
    run(&bad, &arm, &["store", "list", "--api-version", "2020-01-01"])
        .expect(64)
        .says("2025-03-30");
    run(&bad, &arm, &["store", "list", "--offline"])
        .expect(64)
        .says("--offline forbids");
    assert!(arm.seen().is_empty());
}

#[test]
fn what_is_not_there_is_named() {
    let (arm, project) = (contoso(), Project::new());
    run(
        &project,
        &arm,
        &[
            "artifact-manifest",
            "show",
            "--artifact-store",
            "contoso-acr",
            "--artifact-manifest",
            "nobody",
        ],
    )
    .expect(4)
    .says("read artifact manifest contoso/contoso-acr/nobody: 404 ResourceNotFound")
    .says(&format!("correlation id {CORRELATION}"));
    run(&project, &arm, &["store", "show", "--artifact-store", "nobody"])
        .expect(4)
        .says("ResourceNotFound");
    let elsewhere = |flag: &str, value: &str| {
        let mut all = with(&["store", "list"], &publisher());
        let at = all.iter().position(|word| *word == flag).unwrap();
        all[at + 1] = value;
        project
            .aosm(&all)
            .env("AOSM_ARM_ENDPOINT", arm.endpoint())
            .env("AOSM_ARM_TOKEN", TOKEN)
            .run()
            .expect(4)
    };
    elsewhere("--resource-group", "other")
        .says("ResourceGroupNotFound")
        .says("check --resource-group");
    elsewhere("--subscription", "0bbbbbbb-1111-2222-3333-444444444444")
        .says("SubscriptionNotFound")
        .says("--tenant");
    elsewhere("--publisher", "fabrikam").says("ResourceNotFound");
}

#[test]
fn who_may_not_ask_for_the_credential_is_told_the_right_that_is_missing() {
    let (arm, project) = (contoso(), Project::new());
    arm.deny("listCredential");
    run(&project, &arm, &CREDENTIAL)
        .expect(5)
        .says("403 AuthorizationFailed")
        .says("Microsoft.HybridNetwork/publishers/artifactStores/artifactManifests/listCredential/action")
        .says("Contributor")
        .says(CORRELATION);
}

#[test]
fn a_store_of_the_other_kind_is_told_before_anything_else_happens() {
    let (arm, project) = (contoso(), Project::new());
    run(&project, &arm, &with(&STORE_SHOW, &["--kind", "storage-account"]))
        .expect(4)
        .says("it is an AzureContainerRegistry, not an AzureStorageAccount");
    run(
        &project,
        &arm,
        &["store", "show", "--artifact-store", "contoso-sa", "--kind", "acr"],
    )
    .expect(4)
    .says("disk images belong here");
    arm.grants("contoso-acr", MANIFEST, |_| {
        registry_token(
            "https://contoso.azurecr.io",
            MANIFEST,
            SECRET,
            &["nginx"],
            &in_seconds(86_400),
        )
    });
    run(&project, &arm, &with(&CREDENTIAL, &["--kind", "storage-account"]))
        .expect(4)
        .says("for an AzureContainerRegistry, not for an AzureStorageAccount")
        .silent_about(SECRET);
}

#[test]
fn a_publisher_in_another_region_is_told_with_its_own() {
    let (arm, project) = (contoso(), Project::new());
    for arguments in [&STORE_SHOW[..], &MANIFEST_SHOW, &CREDENTIAL, &["store", "list"]] {
        run(&project, &arm, &with(arguments, &["--location", "uksouth"]))
            .expect(4)
            .says("is in westeurope, not in uksouth")
            .says("--location westeurope");
    }
    assert_eq!(arm.count("listCredential"), 0);
}

#[test]
fn a_credential_that_has_ended_when_it_is_granted_is_no_use() {
    let (arm, project) = (contoso(), Project::new());
    arm.grants("contoso-acr", MANIFEST, |_| {
        registry_token(
            "https://contoso.azurecr.io",
            MANIFEST,
            SECRET,
            &["nginx"],
            "2024-01-31T12:00:00Z",
        )
    });
    run(&project, &arm, &CREDENTIAL)
        .expect(5)
        .says("granted with an end in the past (2024-01-31T12:00:00Z)")
        .silent_about(SECRET);
}

#[test]
fn answers_that_lack_fields_are_told_by_the_field() {
    let (arm, project) = (contoso(), Project::new());
    arm.edit_store("contoso-acr", |value| {
        value["properties"].as_object_mut().unwrap().remove("storeType");
    });
    run(&project, &arm, &STORE_SHOW)
        .expect(5)
        .says("the answer is not what it should be: properties.storeType is missing")
        .says(CORRELATION);
    arm.edit_manifest("contoso-acr", MANIFEST, |value| {
        value["properties"]["artifacts"][1]
            .as_object_mut()
            .unwrap()
            .remove("artifactVersion");
    });
    run(&project, &arm, &MANIFEST_SHOW)
        .expect(5)
        .says("properties.artifacts[1].artifactVersion is missing");
    let full = || {
        registry_token(
            "https://contoso.azurecr.io",
            MANIFEST,
            SECRET,
            &["nginx"],
            &in_seconds(86_400),
        )
    };
    for (field, value, why) in [
        ("acrToken", Value::Null, "acrToken is missing"),
        ("acrServerUrl", Value::Null, "acrServerUrl is missing"),
        (
            "acrServerUrl",
            json!("http://contoso.azurecr.io"),
            "acrServerUrl has no TLS",
        ),
        ("username", json!(7), "username is no text"),
        ("expiry", Value::Null, "expiry is missing"),
        ("expiry", json!("tomorrow"), "expiry is no time"),
        ("credentialType", Value::Null, "credentialType is missing"),
        (
            "credentialType",
            json!("AzureNovelToken"),
            "\"AzureNovelToken\" is not one that is known",
        ),
    ] {
        let body = full();
        arm.grants("contoso-acr", MANIFEST, move |_| {
            let mut body = body.clone();
            body[field] = value.clone();
            body
        });
        run(&project, &arm, &CREDENTIAL)
            .expect(5)
            .says(why)
            .silent_about(SECRET);
    }
    arm.grants("contoso-acr", MANIFEST, |_| {
        let url = "http://disks.test/c?sig=planted-scoped-token-Bp53";
        container_tokens("disks", &[("c", url)], &in_seconds(86_400))
    });
    run(&project, &arm, &CREDENTIAL)
        .expect(5)
        .says("containerCredentials[0].containerSasUri has no TLS")
        .silent_about(SECRET);
}

#[test]
fn what_is_not_resource_manager_is_told_as_such() {
    let project = Project::new();
    for (answer, why) in [
        (Response::new(200, "<html>log in</html>"), "it is a page for people"),
        (Response::new(200, "{\"value\""), "the answer is no JSON"),
        (Response::new(200, "{}"), "lacks value, the list"),
        (Response::new(302, "").with("Location", "https://login.test"), "302"),
    ] {
        let arm = contoso();
        let given = answer.clone();
        arm.answering(move |_, _, _| Some(given.clone()));
        run(&project, &arm, &["store", "list"]).expect(5).says(why);
    }
}

#[test]
fn an_answer_that_leads_to_another_host_is_not_followed() {
    let elsewhere = Arm::start();
    let project = Project::new();
    for (status, header) in [(202, "Location"), (202, "Azure-AsyncOperation")] {
        let arm = contoso();
        let place = format!("{}/operations/1?s=planted-signature", elsewhere.endpoint());
        arm.answering(move |_, path, _| {
            path.ends_with("listCredential")
                .then(|| Response::new(status, "").with(header, &place).with("Retry-After", "0"))
        });
        run(&project, &arm, &CREDENTIAL)
            .expect(5)
            .says("nothing was sent there")
            .silent_about("planted-signature");
    }
    let arm = contoso();
    let next = format!("{}/next", elsewhere.endpoint());
    arm.answering(move |_, _, _| Some(Response::new(200, json!({"value": [], "nextLink": next}).to_string())));
    run(&project, &arm, &["store", "list"])
        .expect(5)
        .says("the next page would be at");
    assert_eq!(elsewhere.seen(), Vec::<String>::new(), "no token went there");
}

#[test]
fn an_operation_that_never_ends_reaches_its_limit_and_says_how_to_look() {
    let (arm, project) = (contoso(), Project::new());
    let place = format!("{}/endless?api-version=2020-01-01&s=planted-signature", arm.endpoint());
    arm.answering(move |_, path, _| {
        let state = || Response::new(200, "{\"status\":\"InProgress\"}");
        (path == "/endless").then(state).or_else(|| {
            path.ends_with("listCredential")
                .then(|| Response::new(202, "").with("Azure-AsyncOperation", &place))
        })
    });
    run(&project, &arm, &with(&CREDENTIAL, &["--operation-limit", "2s"]))
        .expect(5)
        .says("did not end within 2 s (last state: InProgress)")
        .says("az rest --method get --url")
        .says("/endless?api-version=2020-01-01")
        .silent_about("planted-signature");
}

#[test]
fn errors_within_errors_are_told_a_line_each() {
    let (arm, project) = (contoso(), Project::new());
    arm.answering(|_, path, _| {
        path.ends_with("artifactStores").then(|| {
            let body = json!({"error": {
                "code": "RequestDisallowedByPolicy", "message": "Resource was disallowed by policy.\r\nSee below.",
                "details": [{"code": "Inner", "message": "{\"error\":{\"code\":\"Deep\",\"message\":\"really\"}}"}],
                "additionalInfo": [{"type": "PolicyViolation", "info": {"policyDefinitionDisplayName": "no stores here"}}],
            }});
            Response::new(403, body.to_string())
        })
    });
    run(&project, &arm, &["store", "list"])
        .expect(5)
        .says("403 RequestDisallowedByPolicy: Resource was disallowed by policy. See below")
        .says("Deep: really")
        .says("PolicyViolation: policyDefinitionDisplayName = no stores here")
        .says(CORRELATION);
}

#[test]
fn throttling_without_end_and_a_server_that_fails_end_the_run_with_their_words() {
    let (arm, project) = (contoso(), Project::new());
    arm.throttle(1000, 4000);
    run(&project, &arm, &["store", "list"])
        .expect(5)
        .says("429 TooManyRequests")
        .says("retry after 4000 s");
    assert_eq!(arm.seen().len(), 1, "nobody waits for an hour");
    let arm = contoso();
    arm.slow(Slow::No)
        .answering(|_, _, _| Some(error(501, "NotImplemented", "No.")));
    run(&project, &arm, &["store", "list"])
        .expect(5)
        .says("501 NotImplemented")
        .says("correlation id");
    // Nobody there.
    project
        .aosm(&[
            "store",
            "list",
            "--subscription",
            SUBSCRIPTION,
            "-g",
            GROUP,
            "--publisher",
            PUBLISHER,
        ])
        .env("AOSM_ARM_ENDPOINT", "http://127.0.0.1:1")
        .env("AOSM_ARM_TOKEN", TOKEN)
        .run()
        .expect(5)
        .says("list artifact stores of contoso");
}
