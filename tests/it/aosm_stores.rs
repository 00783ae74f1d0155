//! Stores of AOSM among those of a project: filled through what their artifact manifest grants, and asked little.

use serde_json::Value;

use crate::support::arm::{GROUP, SUBSCRIPTION};
use crate::support::publisher::{MANIFEST, Publisher, STORE};
use crate::support::*;

/// The one step of a plan with this id.
pub fn step<'a>(plan: &'a Value, id: &str) -> &'a Value {
    let steps = plan["steps"].as_array().expect("steps");
    steps
        .iter()
        .find(|step| step["id"] == id)
        .unwrap_or_else(|| panic!("no {id} in {plan:#}"))
}

#[test]
fn a_store_is_filled_and_the_second_run_asks_once_and_moves_nothing() {
    let publisher = Publisher::new();
    let plan = publisher.aosm(&["plan", "--json"]).run().ok().json();
    assert_eq!(plan["summary"]["run"], 3, "{plan:#}");
    let copy = step(&plan, "copy:images/release/small-1:1.0.0");
    assert_eq!((&copy["action"], &copy["store"]), (&"run".into(), &"images".into()));
    publisher.aosm(&["apply"]).run().ok().says("3 done");
    publisher.assert_filled("");
    let (before, mark) = (publisher.arm.seen().len(), publisher.registry.mark());
    publisher
        .aosm(&["plan", "--detailed-exitcode"])
        .run()
        .ok()
        .says("3 artifacts up to date");
    assert_eq!(publisher.asked_since(before), (1, 1, 1), "{:?}", publisher.arm.seen());
    let traffic = publisher.registry.since(mark);
    assert_eq!(
        traffic
            .0
            .iter()
            .filter(|entry| entry.path.contains("/manifests/") && entry.status != 401)
            .count(),
        3
    );
    let before = publisher.arm.seen().len();
    publisher.aosm(&["apply"]).run().ok().says("3 artifacts up to date");
    assert_eq!(publisher.asked_since(before), (1, 1, 1));
}

#[test]
fn artifacts_go_below_the_manifest_where_the_grant_says_so_and_plans_keep_the_plain_names() {
    for api in ["2024-04-15", "2025-03-30"] {
        let publisher = Publisher::new();
        let below: Vec<String> = publisher
            .repositories()
            .iter()
            .map(|name| format!("{MANIFEST}/{name}"))
            .collect();
        publisher.grants(STORE, MANIFEST, &below);
        publisher.project.edit(
            "aosm.toml",
            "kind = \"acr\"\n",
            &format!("kind = \"acr\"\napi-version = \"{api}\"\n"),
        );
        let plan = publisher.aosm(&["plan", "--json"]).run().ok().json();
        assert_eq!(step(&plan, "push:images/small:1.0.0")["action"], "run");
        publisher.aosm(&["apply"]).run().ok().says("3 done");
        publisher.assert_filled(&format!("{MANIFEST}/"));
        assert_eq!(publisher.registry.client().digest("release/small-1", "1.0.0"), None);
        publisher
            .aosm(&["plan", "--detailed-exitcode"])
            .run()
            .ok()
            .says("3 artifacts up to date");
        assert!(publisher.arm.count(&format!("api-version={api}")) > 0);
    }
}

#[test]
fn what_the_manifest_does_not_list_is_invalid_and_the_rest_is_done() {
    let publisher = Publisher::new();
    let listed: Vec<String> = publisher
        .names()
        .into_iter()
        .map(|name| name.replace("small-2:1.0.0", "small-2:0.9.0"))
        .collect();
    publisher.lists(STORE, MANIFEST, &listed);
    publisher.grants(STORE, MANIFEST, &publisher.repositories());
    let mark = publisher.registry.mark();
    let plan = publisher
        .aosm(&["plan", "--json"])
        .run()
        .expect(4)
        .says(&format!(
            "the artifact manifest {MANIFEST} does not list it, only its version 0.9.0"
        ))
        .says("entries cannot be added to a manifest")
        .json();
    let unlisted = step(&plan, "copy:images/release/small-2:1.0.0");
    assert_eq!(unlisted["action"], "invalid");
    assert_eq!(unlisted["reasons"][0]["type"], "not-allowed");
    let asked = publisher.registry.since(mark);
    assert!(
        !asked.0.iter().any(|entry| entry.path.contains("small-2")),
        "what may not go there is not asked about"
    );
    let applied = publisher.aosm(&["apply", "--json"]).run().expect(4).json();
    assert_eq!(
        (&applied["summary"]["done"], &applied["summary"]["failed"]),
        (&2.into(), &1.into())
    );
}

#[test]
fn what_the_credential_does_not_cover_is_refused_before_anything_moves() {
    let publisher = Publisher::new();
    publisher.grants(STORE, MANIFEST, &["release/small-1".into(), "small".into()]);
    publisher.aosm(&["plan"]).run().expect(4).says(&format!(
        "the credential of the artifact manifest {MANIFEST} does not cover the repository release/small-2: it covers \
             release/small-1, small"
    ));
}

#[test]
fn an_environment_fills_its_own_store_and_each_is_compared_with_what_it_holds() {
    let publisher = Publisher::new();
    publisher.arm.registry_store("staging-acr");
    publisher.lists("staging-acr", "m-2", &publisher.names());
    let below: Vec<String> = publisher
        .repositories()
        .iter()
        .map(|name| format!("m-2/{name}"))
        .collect();
    publisher.grants("staging-acr", "m-2", &below);
    publisher.settings(&format!(
        "[stores.images]\nkind = \"acr\"\n{}[environments.staging.stores.images]\nartifact-store = \
         \"staging-acr\"\nartifact-manifest = \"m-2\"\n",
        Publisher::keys()
    ));
    publisher.aosm(&["apply"]).run().ok().says("3 done");
    publisher
        .aosm(&["plan", "--environment", "staging", "--detailed-exitcode"])
        .run()
        .expect(2);
    publisher
        .aosm(&["apply", "--environment", "staging"])
        .run()
        .ok()
        .says("3 done");
    publisher.assert_filled("m-2/");
    for flags in [&["plan"][..], &["plan", "--environment", "staging"]] {
        publisher.aosm(flags).run().ok().says("3 artifacts up to date");
    }
}

#[test]
fn local_stores_and_aosm_may_be_mixed() {
    let publisher = Publisher::new();
    publisher.settings(&format!(
        "[stores.local]\nkind = \"local\"\n[stores.images]\nkind = \"acr\"\n{}[[images]]\nreference = \
         \"repository/release/small-1:1.0.0\"\nstore = \"images\"\n",
        Publisher::keys()
    ));
    let plan = publisher.aosm(&["plan", "--json"]).run().ok().json();
    assert_eq!(step(&plan, "copy:images/release/small-1:1.0.0")["action"], "run");
    assert_eq!(step(&plan, "push:local/small:1.0.0")["action"], "run");
    publisher.aosm(&["apply"]).run().ok().says("4 done");
    // The one that is chosen gets what names none.
    publisher.aosm(&["apply", "--store", "images"]).run().ok();
    publisher.assert_filled("");
}

#[test]
fn a_bare_input_file_is_published_to_the_store_that_it_names() {
    let publisher = Publisher::bare();
    let manifest = "small-acr-manifest-1-0-0";
    publisher.lists(STORE, manifest, &publisher.names());
    publisher.grants(STORE, manifest, &publisher.repositories());
    let source = Registry::shared(Kind::Plain);
    let from = source.unique("bare");
    for (name, image) in &publisher.small.images {
        let (repository, tag) = name.split_once(':').expect("a tag");
        source.push(image, &format!("{from}/{repository}"), tag);
    }
    publisher.project.remove("aosm.toml").write(
        "cnf-input.jsonc",
        format!(
            r#"{{"location": "West Europe", "publisher_name": "contoso", "publisher_resource_group_name": "{GROUP}",
                "acr_artifact_store_name": "{STORE}", "nf_name": "small", "version": "1.0.0",
                "image_sources": ["{}/{from}"],
                "helm_packages": [{{"name": "small", "path_to_chart": "charts/small", "default_values": ""}}]}}"#,
            source.host()
        ),
    );
    let with = |arguments: &[&str]| publisher.aosm(arguments).env("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION);
    with(&["apply", "--store", "aosm"]).run().ok().says("3 done");
    publisher.assert_filled("");
    with(&["plan", "--store", "aosm"])
        .run()
        .ok()
        .says("3 artifacts up to date");
    // Without it the local store is filled.
    with(&["plan"]).run().ok().says("local");
}

#[test]
fn offline_nobody_is_asked_and_what_earlier_runs_saw_is_told() {
    let publisher = Publisher::new();
    publisher.aosm(&["plan", "--offline"]).run();
    assert!(publisher.arm.seen().is_empty());
    publisher.aosm(&["apply"]).run().ok();
    let before = publisher.arm.seen().len();
    publisher
        .aosm(&["plan", "--offline"])
        .run()
        .ok()
        .says("3 artifacts up to date");
    assert_eq!(publisher.arm.seen().len(), before);
}

#[test]
fn commands_that_need_no_store_ask_nobody() {
    let publisher = Publisher::new();
    for arguments in [&["check"][..], &["images"], &["graph"], &["lock"]] {
        publisher.aosm(arguments).run().ok();
    }
    assert!(publisher.arm.seen().is_empty(), "{:?}", publisher.arm.seen());
}

#[test]
fn an_image_in_another_artifact_store_than_its_chart_is_an_error_with_both_places() {
    let publisher = Publisher::new();
    publisher.settings(&format!(
        "[stores.images]\nkind = \"acr\"\n{0}[stores.more]\nkind = \"acr\"\n{1}[[images]]\nreference = \
         \"repository/release/small-1:1.0.0\"\nstore = \"more\"\n",
        Publisher::keys(),
        Publisher::keys().replace(MANIFEST, "m-2")
    ));
    publisher
        .aosm(&["plan"])
        .run()
        .expect(4)
        .says(
            "image repository/release/small-1:1.0.0: goes to the artifact store more, and the package small that uses it to images",
        )
        .says("the package");
    assert!(publisher.arm.seen().is_empty());
}

#[test]
fn private_link_is_let_in_once_before_anything_moves_and_only_by_apply() {
    let publisher = Publisher::new();
    let endpoint = "/subscriptions/0/resourceGroups/net/providers/Microsoft.Network/privateEndpoints/build";
    let controller =
        "/subscriptions/0/resourceGroups/net/providers/Microsoft.ManagedNetworkFabric/networkFabricControllers/c";
    publisher.project.edit(
        "aosm.toml",
        "kind = \"acr\"\n",
        &format!(
            "kind = \"acr\"\nprivate-endpoints = [\"{endpoint}\"]\nnetwork-fabric-controllers = [\"{controller}\"]\n"
        ),
    );
    let bodies = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = std::sync::Arc::clone(&bodies);
    publisher.arm.answering(move |method, path, body| {
        let action = path.rsplit('/').next().unwrap_or_default();
        let known = ["approvePrivateEndPoints", "addNetworkFabricControllerEndPoints"];
        (method == "POST" && known.contains(&action)).then(|| {
            let body: Value = serde_json::from_slice(body).expect("JSON");
            heard.lock().expect("a list").push((action.to_owned(), body));
            crate::support::http::Response::new(200, "")
        })
    });
    let plan = publisher.aosm(&["plan", "--json"]).run().ok().json();
    assert_eq!(plan["private-links"][0]["private-endpoints"][0], endpoint, "{plan:#}");
    publisher
        .aosm(&["plan"])
        .run()
        .ok()
        .says("first lets in 1 private endpoint and 1 network fabric controller");
    assert!(bodies.lock().expect("a list").is_empty(), "a plan lets nobody in");
    let mark = publisher.registry.mark();
    publisher.aosm(&["apply"]).run().ok().says("3 done");
    let heard = bodies.lock().expect("a list").clone();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert_eq!(heard[0].1["manualPrivateEndPointConnections"][0]["id"], endpoint);
    assert_eq!(heard[1].1["networkFabricControllerIds"][0]["id"], controller);
    assert!(!publisher.registry.since(mark).0.is_empty());
    // Nothing moves, so nobody has to be let in.
    let plan = publisher.aosm(&["plan", "--json"]).run().ok().json();
    assert_eq!(plan["private-links"], Value::Null);
    publisher.aosm(&["apply"]).run().ok();
    assert_eq!(bodies.lock().expect("a list").len(), 2);
}

#[test]
fn a_store_that_a_firewall_closes_is_told_as_such() {
    let publisher = Publisher::new();
    let firewall = Faulty::before(&publisher.registry.host());
    let server = format!("http://{}", firewall.host());
    let refused = r#"{"errors":[{"code":"DENIED","message":"client with IP '203.0.113.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}"#;
    let refused = crate::support::http::Response::new(403, refused).with("Content-Type", "application/json");
    firewall.rule(Rule::new(Fault::Answer(refused)));
    publisher.arm.grants(STORE, MANIFEST, move |_| {
        crate::support::arm::registry_token(
            &server,
            crate::support::registry::USER,
            crate::support::registry::PASSWORD,
            &["release/small-1", "release/small-2", "small"],
            &crate::support::arm::in_seconds(3600),
        )
    });
    publisher
        .aosm(&["plan"])
        .run()
        .expect(5)
        .says("403 Forbidden")
        .says("a firewall or DNS seems to keep this machine out")
        .says("private-endpoints");
}
