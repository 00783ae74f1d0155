//! `doctor` on stores of AOSM: who asks Resource Manager, what each store is, whether it can be filled.

use serde_json::Value;

use crate::support::arm::TOKEN;
use crate::support::entra::TENANT_A;
use crate::support::publisher::{MANIFEST, Publisher, STORE};
use crate::support::registry::PASSWORD;

/// The check of this kind whose subject begins so.
fn check<'a>(document: &'a Value, kind: &str, subject: &str) -> &'a Value {
    let checks = document["checks"].as_array().expect("checks");
    checks
        .iter()
        .find(|check| check["check"] == kind && check["subject"].as_str().is_some_and(|text| text.starts_with(subject)))
        .unwrap_or_else(|| panic!("no {kind} {subject} in {document:#}"))
}

#[test]
fn a_store_that_can_be_filled_is_told_with_its_manifest_and_its_registry() {
    let publisher = Publisher::new();
    let output = publisher.aosm(&["doctor", "--json"]).run().ok();
    let document = output.silent_about(PASSWORD).silent_about(TOKEN).json();
    let azure = check(&document, "azure", "127.0.0.1");
    assert_eq!(azure["state"], "ok");
    assert!(
        azure["detail"]
            .as_str()
            .unwrap()
            .starts_with("the token in AOSM_ARM_TOKEN is used")
    );
    let store = check(&document, "store", "images");
    assert_eq!(store["state"], "ok");
    let detail = store["detail"].as_str().unwrap();
    for words in [
        "contoso-acr is an AzureContainerRegistry in westeurope",
        &format!("the artifact manifest {MANIFEST} is Uploading and lists 3 artifacts"),
        "its credential is granted until",
    ] {
        assert!(detail.contains(words), "{detail} lacks {words}");
    }
    let registry = check(&document, "store", "images/127.0.0.1");
    assert_eq!(registry["state"], "ok", "{registry}");
    assert_eq!(check_clock(&document)["state"], "ok");
    assert_eq!(publisher.arm.count("/listCredential?"), 1);
    // Nothing was written.
    assert!(publisher.registry.client().digest("release/small-1", "1.0.0").is_none());
}

fn check_clock(document: &Value) -> &Value {
    let checks = document["checks"].as_array().expect("checks");
    checks
        .iter()
        .find(|check| check["check"] == "clock")
        .expect("the clock")
}

#[test]
fn what_is_missing_is_told_with_what_to_do_and_the_rest_as_well() {
    let publisher = Publisher::new();
    publisher.arm.deny("listCredential");
    let document = publisher.aosm(&["doctor", "--json"]).run().expect(5).json();
    let store = check(&document, "store", "images");
    assert_eq!(store["state"], "missing");
    assert!(
        store["detail"].as_str().unwrap().contains("listCredential/action"),
        "{store}"
    );
    assert!(store["hint"].as_str().is_some());
    assert_eq!(check(&document, "azure", "127.0.0.1")["state"], "ok");
    // Without a login, each identity that was tried is named.
    let output = publisher.aosm(&["doctor"]).env_remove("AOSM_ARM_TOKEN").run().expect(5);
    output.says("no Entra identity was found").says("Azure CLI");
}

#[test]
fn a_sealed_manifest_is_a_warning_and_the_tenant_of_a_token_is_told() {
    let publisher = Publisher::new();
    publisher.arm.edit_manifest(STORE, MANIFEST, |value| {
        value["properties"]["artifactManifestState"] = "Uploaded".into();
    });
    let encode = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let token = format!("{}.{}.x", encode("{}"), encode(&format!("{{\"tid\": \"{TENANT_A}\"}}")));
    let document = publisher
        .aosm(&["doctor", "--json"])
        .env("AOSM_ARM_TOKEN", token)
        .run()
        .ok()
        .json();
    assert_eq!(check(&document, "store", "images")["state"], "warning");
    let azure = check(&document, "azure", "127.0.0.1");
    assert!(
        azure["detail"]
            .as_str()
            .unwrap()
            .contains(&format!("tenant {TENANT_A}")),
        "{azure}"
    );
}

#[test]
fn offline_nobody_is_asked() {
    let publisher = Publisher::new();
    let document = publisher.aosm(&["doctor", "--json", "--offline"]).run().json();
    assert_eq!(check(&document, "store", "images")["state"], "skipped");
    assert_eq!(check(&document, "azure", "127.0.0.1")["state"], "skipped");
    assert!(publisher.arm.seen().is_empty());
}
