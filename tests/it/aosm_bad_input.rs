//! Stores of AOSM that cannot be used: one clear error for each, the right exit code, and the rest of the plan is told.

use crate::aosm_stores::step;
use crate::support::arm::TOKEN;
use crate::support::entra::{TENANT_A, TENANT_B};
use crate::support::publisher::{MANIFEST, Publisher, STORE};
use crate::support::*;

/// A store of AOSM with one image besides what goes to the local store, which is always told.
fn mixed() -> Publisher {
    let publisher = Publisher::new();
    publisher.settings(&format!(
        "[stores.local]\nkind = \"local\"\n[stores.images]\nkind = \"acr\"\n{}[[images]]\nreference = \
         \"repository/release/small-1:1.0.0\"\nstore = \"images\"\n",
        Publisher::keys()
    ));
    publisher
}

/// Every step of the store is unknown, all others are told; `apply` does those.
fn rest_is_told(publisher: &Publisher, code: i32, words: &[&str]) {
    let with = |arguments: &[&str]| publisher.aosm(arguments);
    rest_is_told_with(publisher, &with, code, words);
}

fn rest_is_told_with(publisher: &Publisher, aosm: &dyn Fn(&[&str]) -> Aosm, code: i32, words: &[&str]) {
    if publisher.project.path(".aosm").exists() {
        publisher.project.remove(".aosm");
    }
    let mut output = aosm(&["plan", "--json"]).run().expect(code);
    for text in words {
        output = output.says(text);
    }
    let plan = output.json();
    let unknown = step(&plan, "copy:images/release/small-1:1.0.0");
    assert_eq!(unknown["action"], "unknown", "{plan:#}");
    assert_eq!(unknown["reasons"][0]["type"], "store-unreadable", "{plan:#}");
    assert_eq!(step(&plan, "copy:local/release/small-2:1.0.0")["action"], "run");
    assert_eq!(
        (&plan["summary"]["run"], &plan["summary"]["unknown"]),
        (&3.into(), &1.into())
    );
    let applied = aosm(&["apply", "--json"]).run().expect(code).json();
    assert_eq!(
        (&applied["summary"]["done"], &applied["summary"]["failed"]),
        (&3.into(), &1.into())
    );
    aosm(&["plan"])
        .run()
        .expect(code)
        .says("needed for copy:images/release/small-1:1.0.0");
}

#[test]
fn no_right_to_the_credential_leaves_the_store_unknown() {
    let publisher = mixed();
    publisher.arm.deny("listCredential");
    rest_is_told(
        &publisher,
        5,
        &[
            "store images: ask for the credential of artifact manifest",
            "artifactManifests/listCredential/action",
        ],
    );
}

#[test]
fn no_right_to_read_store_and_manifest_does_not_keep_who_has_the_credential_from_filling_it() {
    let publisher = mixed();
    publisher.arm.deny(MANIFEST).deny(STORE);
    publisher.aosm(&["apply"]).run().ok().says("4 done");
}

#[test]
fn a_manifest_that_is_not_there_is_named_with_those_that_are() {
    let publisher = mixed();
    publisher
        .project
        .edit("aosm.toml", MANIFEST, "contoso-acr-manifest-1-0-1");
    rest_is_told(
        &publisher,
        4,
        &[
            "contoso-acr-manifest-1-0-1",
            &format!("it has {MANIFEST}"),
            "artifactManifest/deploy.bicep",
        ],
    );
}

#[test]
fn a_store_that_is_not_there_is_told_once() {
    let publisher = mixed();
    publisher.project.edit(
        "aosm.toml",
        "artifact-store = \"contoso-acr\"",
        "artifact-store = \"contoso-arc\"",
    );
    rest_is_told(&publisher, 4, &["read artifact store contoso/contoso-arc"]);
}

#[test]
fn a_store_of_the_other_kind_is_told() {
    let publisher = mixed();
    publisher.arm.edit_store(STORE, |value| {
        value["properties"]["storeType"] = "AzureStorageAccount".into();
    });
    rest_is_told(
        &publisher,
        4,
        &["it is an AzureStorageAccount, not an AzureContainerRegistry"],
    );
}

#[test]
fn a_publisher_in_another_region_is_told_at_the_key() {
    let publisher = mixed();
    publisher.project.edit(
        "aosm.toml",
        "kind = \"acr\"\n",
        "kind = \"acr\"\nlocation = \"uksouth\"\n",
    );
    rest_is_told(
        &publisher,
        4,
        &["its publisher contoso is in westeurope, not in uksouth"],
    );
    publisher.project.edit("aosm.toml", "uksouth", "West Europe");
    publisher.aosm(&["plan"]).run().ok();
}

#[test]
fn without_a_login_each_identity_that_was_tried_is_named() {
    let publisher = mixed();
    let with = |arguments: &[&str]| publisher.aosm(arguments).env_remove("AOSM_ARM_TOKEN");
    rest_is_told_with(&publisher, &with, 5, &["no Entra identity was found", "Azure CLI"]);
}

#[test]
fn a_token_of_another_tenant_is_told_with_both() {
    let publisher = mixed();
    publisher.arm.tenant(TENANT_B);
    let claims = format!("{{\"tid\": \"{TENANT_A}\"}}");
    let encode = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let token = format!("{}.{}.x", encode("{}"), encode(&claims));
    let with = |arguments: &[&str]| publisher.aosm(arguments).env("AOSM_ARM_TOKEN", &token);
    rest_is_told_with(&publisher, &with, 5, &["AOSM_ARM_TOKEN", TENANT_A, TENANT_B]);
}

#[test]
fn a_token_that_expired_is_told() {
    let publisher = mixed();
    let with = |arguments: &[&str]| publisher.aosm(arguments).env("AOSM_ARM_TOKEN", "a.b.c");
    rest_is_told_with(
        &publisher,
        &with,
        5,
        &["ExpiredAuthenticationToken", "put another token into AOSM_ARM_TOKEN"],
    );
    let with = |arguments: &[&str]| publisher.aosm(arguments).env("AOSM_ARM_TOKEN", "two words");
    rest_is_told_with(&publisher, &with, 5, &["AOSM_ARM_TOKEN holds no token"]);
}

#[test]
fn without_a_subscription_the_three_places_where_it_may_be_are_named() {
    let publisher = mixed();
    publisher.project.edit(
        "aosm.toml",
        &format!("subscription = \"{}\"\n", crate::support::arm::SUBSCRIPTION),
        "",
    );
    rest_is_told(
        &publisher,
        4,
        &[
            "no subscription is named",
            "write `subscription` in the store, set AZURE_SUBSCRIPTION_ID, or log in with: az login",
        ],
    );
    let with = |arguments: &[&str]| {
        publisher
            .aosm(arguments)
            .env("AZURE_SUBSCRIPTION_ID", "0aaaaaaa-1111-2222-3333-000000000000")
    };
    rest_is_told_with(&publisher, &with, 4, &["SubscriptionNotFound"]);
}

#[test]
fn a_throttled_resource_manager_is_waited_for_and_an_endpoint_without_tls_is_refused() {
    let publisher = mixed();
    publisher.arm.throttle(2, 0);
    publisher.aosm(&["plan"]).run().ok();
    let with = |arguments: &[&str]| {
        publisher
            .aosm(arguments)
            .env("AOSM_ARM_ENDPOINT", "http://management.azure.com")
    };
    rest_is_told_with(
        &publisher,
        &with,
        4,
        &["AOSM_ARM_ENDPOINT http://management.azure.com: has no TLS"],
    );
}

#[test]
fn a_credential_of_the_other_kind_or_without_a_field_is_told() {
    let publisher = mixed();
    publisher.arm.grants(STORE, MANIFEST, |_| {
        crate::support::arm::container_tokens("account", &[], &crate::support::arm::in_seconds(3600))
    });
    rest_is_told(
        &publisher,
        4,
        &["it is for an AzureStorageAccount, not for an AzureContainerRegistry"],
    );
    publisher.arm.grants(
        STORE,
        MANIFEST,
        |_| serde_json::json!({"credentialType": "AzureContainerRegistryScopedToken"}),
    );
    rest_is_told(&publisher, 5, &["acrServerUrl is missing"]);
}

#[test]
fn nothing_in_a_sealed_manifest_is_changed_and_what_is_there_stays_fresh() {
    let publisher = Publisher::new();
    publisher.aosm(&["apply"]).run().ok();
    publisher.arm.edit_manifest(STORE, MANIFEST, |value| {
        value["properties"]["artifactManifestState"] = "Uploaded".into();
    });
    publisher
        .aosm(&["plan", "--detailed-exitcode"])
        .run()
        .ok()
        .says("3 artifacts up to date");
    publisher.project.write("charts/small/values.yaml", "replicas: 2\n");
    for flags in [
        &["plan", "--json"][..],
        &["plan", "--json", "--replace"],
        &["apply", "--json"],
    ] {
        let mark = publisher.registry.mark();
        publisher
            .aosm(flags)
            .run()
            .expect(4)
            .says(&format!("the artifact manifest {MANIFEST} is sealed (Uploaded)"))
            .says("such as contoso-acr-manifest-1-0-1")
            .silent_about("--replace=");
        let traffic = publisher.registry.since(mark);
        assert!(
            traffic
                .0
                .iter()
                .all(|entry| matches!(entry.method.as_str(), "GET" | "HEAD")),
            "{flags:?}"
        );
    }
    let plan = publisher.aosm(&["plan", "--json"]).run().expect(4).json();
    assert_eq!(step(&plan, "push:images/small:1.0.0")["action"], "invalid");
    assert_eq!(plan["summary"]["fresh"], 2);
}

#[test]
fn no_secret_is_told_anywhere() {
    let publisher = mixed();
    let seen = publisher.aosm(&["apply", "-vv", "--json"]).run().ok();
    let seen = seen
        .silent_about(TOKEN)
        .silent_about(crate::support::registry::PASSWORD);
    drop(seen);
}
