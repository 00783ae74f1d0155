//! Completeness in plans, and the step that seals: last, only if asked, after another look at everything, and once.

use serde_json::Value;

use crate::aosm_stores::step;
use crate::documents::fits;
use crate::support::publisher::{MANIFEST, Publisher, STORE};
use crate::support::*;

const SA_MANIFEST: &str = "contoso-sa-manifest-1-0-0";
const SEAL_STEP: &str = "seal:images/contoso-acr-manifest-1-0-0";

#[test]
fn a_plan_says_whether_the_manifest_lists_what_is_needed() {
    let publisher = Publisher::new();
    publisher.aosm(&["plan"]).run().ok().says(&format!(
        "manifest {MANIFEST} (store images, Uploading): lists what is needed"
    ));
    let json = publisher.aosm(&["plan", "--json"]).run().ok().json();
    fits(&publisher.project, "plan", &json);
    let table = &json["completeness"][0];
    assert_eq!(
        (&table["artifact-manifest"], &table["summary"]["artifacts"]),
        (&MANIFEST.into(), &3.into())
    );
    assert!(
        json["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["kind"] != "seal"),
        "nobody asked for it"
    );
    publisher.lists(STORE, MANIFEST, &[publisher.names(), vec!["old:0.9.0".into()]].concat());
    publisher.grants(STORE, MANIFEST, &publisher.repositories());
    publisher
        .aosm(&["plan"])
        .run()
        .ok()
        .says("(store images, Uploading): 1 gap")
        .says("! old:0.9.0: extra in the manifest");
    // What is chosen in part is judged in whole or not at all.
    let part = publisher
        .aosm(&["plan", "--json", "--only", "copy:*"])
        .run()
        .ok()
        .json();
    assert_eq!(part.get("completeness"), None);
}

#[test]
fn the_store_is_filled_and_then_sealed_and_the_second_run_has_nothing_to_do() {
    let publisher = Publisher::new();
    publisher.arm.validates_for(STORE, MANIFEST, 1);
    let plan = publisher.aosm(&["plan", "--seal", "--json"]).run().ok().json();
    fits(&publisher.project, "plan", &plan);
    let seal = step(&plan, SEAL_STEP);
    assert_eq!((&seal["action"], &seal["effect"]), (&"run".into(), &"seal".into()));
    assert_eq!(seal["deps"].as_array().unwrap().len(), 3, "it comes last: {seal:#}");
    publisher
        .aosm(&["plan", "--seal"])
        .run()
        .ok()
        .says(&format!("seal {MANIFEST}"))
        .says("3 artifacts; nothing in the manifest can be changed afterwards");
    let applied = publisher.aosm(&["apply", "--seal", "--json"]).run().ok().json();
    fits(&publisher.project, "apply", &applied);
    assert_eq!(applied["summary"]["done"], 4);
    assert_eq!(publisher.arm.state_of(STORE, MANIFEST), "Uploaded");
    publisher.assert_filled("");
    let mark = publisher.registry.mark();
    let again = publisher
        .aosm(&["plan", "--seal", "--json", "--detailed-exitcode"])
        .run()
        .ok()
        .json();
    assert_eq!(step(&again, SEAL_STEP)["action"], "fresh");
    let asked = publisher.registry.since(mark);
    let manifests = asked
        .0
        .iter()
        .filter(|entry| entry.path.contains("/manifests/") && entry.status == 200)
        .count();
    assert_eq!(manifests, 3, "one request an artifact");
    publisher.aosm(&["apply", "--seal"]).run().ok().says("nothing to do");
    assert_eq!(publisher.arm.count("/updateState?"), 1);
}

#[test]
fn a_store_may_ask_for_it_itself() {
    let publisher = Publisher::new();
    publisher
        .project
        .edit("aosm.toml", "kind = \"acr\"\n", "kind = \"acr\"\nseal = true\n");
    publisher.aosm(&["apply"]).run().ok().says("4 done");
    assert_eq!(publisher.arm.state_of(STORE, MANIFEST), "Uploaded");
    publisher.aosm(&["why", SEAL_STEP]).run().ok().says(SEAL_STEP);
}

#[test]
fn any_gap_keeps_it_open_and_the_rest_is_done() {
    let publisher = Publisher::new();
    publisher.lists(STORE, MANIFEST, &[publisher.names(), vec!["old:0.9.0".into()]].concat());
    publisher.grants(STORE, MANIFEST, &publisher.repositories());
    publisher
        .aosm(&["plan", "--seal"])
        .run()
        .expect(4)
        .says("it cannot be sealed as it is")
        .says("old:0.9.0: extra in the manifest")
        .says("create --store images --artifact-manifest contoso-acr-manifest-1-0-1");
    let applied = publisher.aosm(&["apply", "--seal", "--json"]).run().expect(4).json();
    assert_eq!(
        (&applied["summary"]["done"], &applied["summary"]["failed"]),
        (&3.into(), &1.into())
    );
    // A step that failed keeps it open, too.
    let publisher = Publisher::new();
    let other = ImageSpec::new(77).build();
    publisher.registry.push(&other, "release/small-2", "1.0.0");
    let plan = publisher.aosm(&["plan", "--seal", "--json"]).run().expect(4).json();
    assert_eq!(step(&plan, SEAL_STEP)["action"], "blocked");
    publisher.aosm(&["apply", "--seal"]).run().expect(4);
    // While it is open, tags may be replaced.
    publisher.aosm(&["apply", "--seal", "--replace"]).run().ok();
    assert_eq!(publisher.arm.state_of(STORE, MANIFEST), "Uploaded");
    assert_eq!(publisher.arm.count("/updateState?"), 1);
}

#[test]
fn what_would_change_a_sealed_manifest_says_so_before_anything_moves() {
    let publisher = Publisher::new();
    publisher.aosm(&["apply", "--seal"]).run().ok();
    publisher.project.edit("charts/small/values.yaml", "1", "2");
    let mark = publisher.registry.mark();
    publisher
        .aosm(&["apply", "--replace"])
        .run()
        .expect(4)
        .says("nothing in it changes any more")
        .says("such as contoso-acr-manifest-1-0-1");
    let wrote = publisher.registry.since(mark);
    assert!(
        wrote
            .0
            .iter()
            .all(|entry| !["PUT", "POST", "PATCH"].contains(&entry.method.as_str())),
        "nothing moves"
    );
    // An image that the sealed manifest lacks.
    publisher.lists(STORE, MANIFEST, &publisher.names()[..2]);
    publisher.arm.edit_manifest(STORE, MANIFEST, |value| {
        value["properties"]["artifactManifestState"] = "Uploaded".into();
    });
    publisher.grants(STORE, MANIFEST, &publisher.repositories());
    publisher
        .aosm(&["plan", "--seal"])
        .run()
        .expect(4)
        .says("nothing in it changes any more: make the next version")
        .says("contoso-acr-manifest-1-0-1");
}

/// Lets something happen at the second look at the manifest: after the plan, before it is sealed.
fn meanwhile(publisher: &Publisher, change: impl Fn() -> Option<Value> + Send + 'static) {
    let looks = std::sync::atomic::AtomicUsize::new(0);
    publisher.arm.answering(move |method, path, _| {
        if method != "GET" || !path.ends_with(MANIFEST) {
            return None;
        }
        match looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            1 => change().map(|value| {
                http::Response::new(200, value.to_string()).with("Content-Type", "application/json; charset=utf-8")
            }),
            _ => None,
        }
    });
}

#[test]
fn a_manifest_that_somebody_changed_after_the_plan_is_noticed() {
    let publisher = Publisher::new();
    meanwhile(&publisher, || {
        Some(serde_json::json!({
            "id": "/m", "name": MANIFEST, "location": "westeurope",
            "properties": {"artifactManifestState": "Uploading", "artifacts": [
                {"artifactName": "release/small-1", "artifactType": "OCIArtifact", "artifactVersion": "1.0.0"},
                {"artifactName": "intruder", "artifactType": "OCIArtifact", "artifactVersion": "6.6.6"},
            ]},
        }))
    });
    publisher
        .aosm(&["apply", "--seal"])
        .run()
        .expect(3)
        .says("somebody changed it since the plan was made")
        .says("+ intruder:6.6.6 (OCIArtifact)")
        .says("- small:1.0.0 (OCIArtifact)");
    assert_eq!(publisher.arm.count("/updateState?"), 0);
}

#[test]
fn every_digest_is_read_again_right_before_it_is_sealed() {
    let publisher = Publisher::new();
    publisher.aosm(&["apply"]).run().ok();
    let client = publisher.registry.client();
    let other = ImageSpec::new(77).build();
    let digest = other.digest().to_owned();
    meanwhile(&publisher, move || {
        client.push(&other, "release/small-2", "1.0.0");
        None
    });
    publisher
        .aosm(&["apply", "--seal"])
        .run()
        .expect(4)
        .says("release/small-2:1.0.0: the store holds")
        .says(&digest.trim_start_matches("sha256:")[..12]);
    assert_eq!(publisher.arm.count("/updateState?"), 0);
    assert_eq!(publisher.arm.state_of(STORE, MANIFEST), "Uploading");
}

#[test]
fn manifests_of_storage_accounts_are_never_sealed_and_that_is_said() {
    let publisher = Publisher::new();
    publisher.arm.disk_store("contoso-sa");
    publisher.arm.manifest("contoso-sa", SA_MANIFEST, &[]);
    publisher.arm.grants("contoso-sa", SA_MANIFEST, |_| {
        arm::container_tokens("contosodisks", &[], &arm::in_seconds(3600))
    });
    publisher.settings(&format!(
        "[stores.images]\nkind = \"acr\"\n{}[stores.disks]\nkind = \"storage-account\"\n{}",
        Publisher::keys(),
        Publisher::keys()
            .replace(MANIFEST, SA_MANIFEST)
            .replace(STORE, "contoso-sa"),
    ));
    let plan = publisher.aosm(&["plan", "--seal", "--json"]).run().ok().json();
    let seal = step(&plan, "seal:disks/contoso-sa-manifest-1-0-0");
    assert_eq!(
        (&seal["action"], &seal["reasons"][0]["type"]),
        (&"fresh".into(), &"never-sealed".into())
    );
    publisher
        .aosm(&["plan", "--seal"])
        .run()
        .ok()
        .says("not sealed: manifests of storage accounts have no such state");
    publisher
        .aosm(&["artifact-manifest", "seal", "--store", "disks"])
        .run()
        .ok()
        .says("not sealed: manifests of storage accounts have no such state");
    assert_eq!(publisher.arm.count("/updateState?"), 0);
}

#[test]
fn asking_for_it_where_there_is_nothing_to_seal_is_an_error() {
    let publisher = Publisher::bare();
    publisher
        .aosm(&["plan", "--seal"])
        .run()
        .expect(4)
        .says("no store of this project has an artifact manifest");
    let publisher = Publisher::new();
    publisher
        .aosm(&["apply", "--seal", "--only", "copy:*"])
        .run()
        .ok()
        .says("nothing is sealed where --only leaves something out");
    assert_eq!(publisher.arm.state_of(STORE, MANIFEST), "Uploading");
}

#[test]
fn killed_at_any_instant_of_sealing_the_next_run_converges_and_asks_for_it_once() {
    let publisher = Publisher::new();
    publisher.aosm(&["apply"]).run().ok();
    // One manifest for each kill, all of the same store.
    let mut number = 0;
    let mut next = || {
        number += 1;
        let name = format!("m-{number}");
        publisher.lists(STORE, &name, &publisher.names());
        publisher.grants(STORE, &name, &publisher.repositories());
        publisher.arm.validates_for(STORE, &name, 1);
        publisher.settings(&format!(
            "[stores.images]\nkind = \"acr\"\n{}",
            Publisher::keys().replace(MANIFEST, &name)
        ));
        name
    };
    let name = next();
    let count = publisher.project.path("boundaries");
    publisher
        .aosm(&["apply", "--seal"])
        .env("AOSM_ABORT_COUNT", &count)
        .run()
        .ok();
    assert_eq!(publisher.arm.state_of(STORE, &name), "Uploaded");
    let text = std::fs::read_to_string(&count).unwrap();
    let boundaries: Vec<&str> = text.lines().collect();
    // From the second look at the manifest on: what is before is the same as in every other run.
    let from = boundaries
        .iter()
        .position(|line| line.contains("seals"))
        .unwrap_or_else(|| panic!("no note is written: {boundaries:#?}"));
    let mut killed = 0;
    for point in from..=boundaries.len() {
        let name = next();
        let run = publisher.aosm(&["apply", "--seal"]).abort_at(point).run();
        killed += usize::from(run.code() == -1);
        publisher.aosm(&["apply", "--seal"]).run().ok();
        assert_eq!(
            publisher.arm.state_of(STORE, &name),
            "Uploaded",
            "after a kill at {point}"
        );
        let asked = publisher.arm.count(&format!("{name}/updateState?"));
        assert_eq!(asked, 1, "after a kill at {point}");
        let plan = publisher.aosm(&["plan", "--seal", "--detailed-exitcode"]).run();
        assert_eq!(plan.code(), 0, "after a kill at {point}: {plan}");
    }
    assert!(
        killed > 3,
        "{killed} of {} boundaries: {boundaries:#?}",
        boundaries.len()
    );
}
