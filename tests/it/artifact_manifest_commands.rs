//! `artifact-manifest create`, `check`, `seal` and `delete`, with Resource Manager played and a real registry behind it.

use serde_json::{Value, json};

use crate::documents::fits;
use crate::support::arm::{GROUP, PUBLISHER, SUBSCRIPTION, Slow};
use crate::support::publisher::{MANIFEST, Publisher, STORE};
use crate::support::*;

const CREATE: [&str; 2] = ["artifact-manifest", "create"];
const CHECK: [&str; 2] = ["artifact-manifest", "check"];
const SEAL: [&str; 2] = ["artifact-manifest", "seal"];

/// A project whose manifest is not there yet.
fn without_manifest() -> Publisher {
    let publisher = Publisher::new();
    publisher.project.edit(
        "aosm.toml",
        &format!("\"{MANIFEST}\""),
        "\"contoso-acr-manifest-2-0-0\"",
    );
    publisher
}

const NEW: &str = "contoso-acr-manifest-2-0-0";

/// The findings of a table, `name:version type` each.
fn findings(document: &Value) -> Vec<String> {
    let rows = document["manifests"][0]["artifacts"].as_array().expect("rows");
    rows.iter()
        .flat_map(|row| {
            let name = format!("{}:{}", row["name"].as_str().unwrap(), row["version"].as_str().unwrap());
            let of = row["findings"].as_array().unwrap().clone();
            of.into_iter()
                .map(move |finding| format!("{name} {}", finding["type"].as_str().unwrap()))
        })
        .collect()
}

#[test]
fn a_manifest_is_made_with_everything_the_project_needs_and_left_alone_when_it_is_there() {
    let publisher = without_manifest();
    publisher.arm.slow(Slow::Status(2));
    let made = publisher.aosm(&CREATE).run().ok();
    made.says(&format!("{PUBLISHER}/{STORE}/{NEW} will list:"))
        .says("release/small-1 1.0.0 OCIArtifact")
        .says(&format!("made {PUBLISHER}/{STORE}/{NEW}: 3 artifacts"));
    publisher.arm.slow(Slow::No);
    let again = publisher.aosm(&[&CREATE[..], &["--json"]].concat()).run().ok().json();
    fits(&publisher.project, "artifact-manifest-change", &again);
    assert_eq!(again["change"], "unchanged");
    assert_eq!(again["artifacts"].as_array().unwrap().len(), 3);
    assert_eq!(publisher.arm.count("PUT "), 1, "{:?}", publisher.arm.seen());
    // A name on the command line is the next version.
    let next = [
        &CREATE[..],
        &["--artifact-manifest", "contoso-acr-manifest-2-0-1", "--json"],
    ]
    .concat();
    let next = publisher.aosm(&next).run().ok().json();
    publisher
        .aosm(&[&CREATE[..], &["--artifact-manifest", "contoso-acr-manifest-2-0-2"]].concat())
        .run()
        .ok()
        .says("name it in [stores.images]: artifact-manifest = \"contoso-acr-manifest-2-0-2\"");
    assert_eq!(
        (&next["change"], &next["artifact-manifest"]),
        (&"created".into(), &"contoso-acr-manifest-2-0-1".into())
    );
}

#[test]
fn a_manifest_that_lists_something_else_is_refused_with_the_difference_and_ways_out() {
    let publisher = Publisher::new();
    let mut names = publisher.names();
    names.retain(|name| name != "small:1.0.0");
    names.push("old:0.9.0".into());
    publisher.lists(STORE, MANIFEST, &names);
    publisher
        .aosm(&CREATE)
        .run()
        .expect(4)
        .says("it is there and lists something else")
        .says("old:0.9.0: extra in the manifest")
        .says("small:1.0.0: missing in the manifest")
        .says("--artifact-manifest contoso-acr-manifest-1-0-1")
        .says("contoso-acr-manifest-1-0-0-more")
        .says("--recreate");
    let recreate = [&CREATE[..], &["--recreate"]].concat();
    publisher
        .aosm(&recreate)
        .run()
        .expect(64)
        .says("will be deleted; what it lists loses its tags")
        .says("old 0.9.0 OCIArtifact")
        .says("--yes");
    assert_eq!(publisher.arm.count("DELETE ") + publisher.arm.count("PUT "), 0);
    publisher.arm.slow(Slow::Location(1));
    let made = publisher
        .aosm(&[&recreate[..], &["--yes", "--json"]].concat())
        .run()
        .ok()
        .json();
    fits(&publisher.project, "artifact-manifest-change", &made);
    assert_eq!(made["change"], "recreated");
    assert_eq!(
        made["unlisted"],
        json!([{"name": "old", "version": "0.9.0", "type": "OCIArtifact"}])
    );
    publisher.arm.slow(Slow::No);
    publisher.aosm(&CREATE).run().ok().says("is there already");
}

#[test]
fn a_difference_in_type_alone_is_a_warning() {
    let publisher = Publisher::new();
    publisher.arm.edit_manifest(STORE, MANIFEST, |value| {
        value["properties"]["artifacts"][0]["artifactType"] = "ArmTemplate".into();
    });
    publisher
        .aosm(&CREATE)
        .run()
        .ok()
        .says("listed as ArmTemplate, wanted as OCIArtifact")
        .says("is there already");
    publisher.aosm(&["apply"]).run().ok();
    publisher
        .aosm(&CHECK)
        .run()
        .ok()
        .says("complete: 3 artifacts, 1 warning");
}

#[test]
fn an_input_file_names_store_and_manifest() {
    let publisher = Publisher::bare();
    publisher.project.write(
        "cnf-input.jsonc",
        json!({
            "location": "westeurope", "publisher_name": PUBLISHER, "publisher_resource_group_name": GROUP,
            "acr_artifact_store_name": STORE, "nf_name": "contoso", "version": "1.0.0",
            "image_sources": ["source.example"],
            "helm_packages": [{"name": "small", "path_to_chart": "charts/small"}],
        })
        .to_string(),
    );
    publisher
        .project
        .edit("aosm.toml", "[project]\n", "[project]\ninput = \"cnf-input.jsonc\"\n");
    let run = |arguments: &[&str]| {
        publisher
            .aosm(&[arguments, &["--store", "aosm"]].concat())
            .env("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)
            .run()
    };
    run(&CREATE).ok().says("is there already");
    run(&CHECK).expect(4).says("(store aosm)");
    run(&["apply", "--seal"])
        .ok()
        .says(&format!("done seal:aosm/{MANIFEST}"));
    run(&CHECK).ok().says("Uploaded (sealed)");
    publisher.aosm(&CHECK).run().expect(4).says("--store aosm");
}

#[test]
fn making_a_manifest_says_what_stands_in_the_way() {
    let publisher = without_manifest();
    publisher.arm.edit_store(STORE, |value| {
        value["properties"]["storeType"] = "AzureStorageAccount".into();
    });
    publisher
        .aosm(&CREATE)
        .run()
        .expect(4)
        .says("it is an AzureStorageAccount");
    let publisher = without_manifest();
    publisher.arm.deny(NEW);
    publisher
        .aosm(&CREATE)
        .run()
        .expect(5)
        .says("artifactManifests/read")
        .says("Contributor");
    publisher.aosm(&[&CREATE[..], &["--offline"]].concat()).run().expect(64);
    publisher
        .aosm(&[&CREATE[..], &["--artifact-manifest", "no name"]].concat())
        .run()
        .expect(4)
        .says("is no name of one");
    let local = Publisher::bare();
    local
        .aosm(&CREATE)
        .run()
        .expect(4)
        .says("no store of this project has an artifact manifest")
        .says("--store aosm");
}

#[test]
fn a_full_store_is_complete_and_an_empty_one_says_what_it_lacks() {
    let publisher = Publisher::new();
    let empty = publisher
        .aosm(&[&CHECK[..], &["--json"]].concat())
        .run()
        .expect(4)
        .json();
    fits(&publisher.project, "completeness", &empty);
    assert_eq!(empty["manifests"][0]["summary"]["gaps"], 3);
    assert!(
        findings(&empty).iter().all(|line| line.ends_with(" not-in-store")),
        "{empty:#}"
    );
    publisher.aosm(&["apply"]).run().ok();
    let before = publisher.arm.seen().len();
    publisher
        .aosm(&CHECK)
        .run()
        .ok()
        .says(&format!("{PUBLISHER}/{STORE}/{MANIFEST} (store images)"))
        .says("ARTIFACT VERSION TYPE LISTED IN THE STORE FINDING")
        .says("small 1.0.0 OCIArtifact yes")
        .says("complete: 3 artifacts");
    assert_eq!(publisher.asked_since(before), (1, 1, 1));
    let full = publisher.aosm(&[&CHECK[..], &["--json"]].concat()).run().ok().json();
    assert_eq!(findings(&full), Vec::<String>::new());
    assert_eq!(full["manifests"][0]["artifacts"][0]["held"]["state"], "there");
}

#[test]
fn every_kind_of_gap_is_in_one_table_in_a_stable_order() {
    let publisher = Publisher::new();
    publisher.aosm(&["apply"]).run().ok();
    // Something else under a wanted name, something that only the manifest knows, and something that it does not.
    let other = ImageSpec::new(77).build();
    publisher.registry.push(&other, "release/small-2", "1.0.0");
    publisher.arm.manifest(
        STORE,
        MANIFEST,
        &[
            ("release/small-2", "1.0.0", "OCIArtifact"),
            ("small", "1.0.0", "ImageFile"),
            ("zebra", "1.0.0", "OCIArtifact"),
        ],
    );
    let repositories = [publisher.repositories(), vec!["zebra".to_owned()]].concat();
    publisher.grants(STORE, MANIFEST, &repositories);
    let json = publisher
        .aosm(&[&CHECK[..], &["--json"]].concat())
        .run()
        .expect(4)
        .json();
    fits(&publisher.project, "completeness", &json);
    assert_eq!(
        findings(&json),
        [
            "release/small-1:1.0.0 missing-in-manifest",
            "release/small-2:1.0.0 digest-differs",
            "small:1.0.0 wrong-type",
            "zebra:1.0.0 extra-in-manifest",
            "zebra:1.0.0 not-in-store",
        ]
    );
    let tally = &json["manifests"][0]["summary"];
    assert_eq!(
        (&tally["gaps"], &tally["warnings"], &tally["unknown"]),
        (&4.into(), &1.into(), &0.into())
    );
    publisher
        .aosm(&CHECK)
        .run()
        .expect(4)
        .says("not complete: 4 gaps, 1 warning in 4 artifacts");
    // The same facts, the same table.
    let again = publisher
        .aosm(&[&CHECK[..], &["--json"]].concat())
        .run()
        .expect(4)
        .json();
    assert_eq!(again, json);
}

#[test]
fn a_version_in_a_wrong_form_cites_the_rule() {
    let publisher = Publisher::new();
    publisher
        .project
        .edit("charts/small/Chart.yaml", "version: 1.0.0", "version: 1.0.0+build.7");
    publisher.arm.edit_manifest(STORE, MANIFEST, |value| {
        for entry in value["properties"]["artifacts"].as_array_mut().unwrap() {
            if entry["artifactName"] == "small" {
                entry["artifactVersion"] = "1.0.0+build.7".into();
            }
        }
    });
    publisher.aosm(&["apply"]).run().ok();
    publisher
        .aosm(&CHECK)
        .run()
        .expect(4)
        .says("listed as 1.0.0+build.7, not as 1.0.0_build.7")
        .says("Helm writes the + of a chart's version as _")
        .says("not complete: 1 gap in 3 artifacts");
}

#[test]
fn who_may_only_read_sees_what_there_is_to_see() {
    let publisher = Publisher::new();
    publisher.aosm(&["apply"]).run().ok();
    publisher.arm.deny("/listCredential");
    let seen = publisher
        .aosm(&CHECK)
        .run()
        .ok()
        .says("listCredential")
        .says("not complete: 3 unknown in 3 artifacts");
    assert_eq!(
        seen.stdout.matches("unknown: ").count(),
        1,
        "a reason is said once: {seen}"
    );
    let json = publisher.aosm(&[&CHECK[..], &["--json"]].concat()).run().ok().json();
    assert_eq!(json["manifests"][0]["artifacts"][0]["held"]["state"], "unknown");
    assert_eq!(json["manifests"][0]["artifacts"][0]["listed"]["version"], "1.0.0");
    // What the manifest lacks is plain to them, too.
    publisher.lists(STORE, MANIFEST, &publisher.names()[..2]);
    publisher.aosm(&CHECK).run().expect(4).says("missing in the manifest");
    // To seal it takes more.
    publisher.lists(STORE, MANIFEST, &publisher.names());
    publisher.aosm(&SEAL).run().expect(5);
    assert_eq!(publisher.arm.state_of(STORE, MANIFEST), "Uploading");
}

#[test]
fn a_manifest_that_is_not_there_is_an_error_and_everything_is_missing() {
    let publisher = without_manifest();
    publisher
        .aosm(&CHECK)
        .run()
        .expect(4)
        .says("missing in the manifest")
        .says(&format!("it has {MANIFEST}"))
        .says("artifact-manifest create --store images");
    let refused = publisher.aosm(&SEAL).run().expect(4);
    assert_eq!(
        refused.stderr.matches("error: ").count(),
        1,
        "one cause is told once: {refused}"
    );
}

#[test]
fn a_complete_manifest_is_sealed_by_hand_and_a_second_time_is_fine() {
    let publisher = Publisher::new();
    publisher
        .aosm(&SEAL)
        .run()
        .expect(4)
        .says("it cannot be sealed as it is")
        .says("small:1.0.0: not in the store")
        .says("apply --seal");
    publisher.aosm(&["apply"]).run().ok();
    publisher.arm.validates_for(STORE, MANIFEST, 2);
    let sealed = publisher.aosm(&[&SEAL[..], &["--json"]].concat()).run().ok().json();
    fits(&publisher.project, "artifact-manifest-change", &sealed);
    assert_eq!(
        (&sealed["change"], &sealed["state"]),
        (&"sealed".into(), &"Uploaded".into())
    );
    assert_eq!(publisher.arm.state_of(STORE, MANIFEST), "Uploaded");
    publisher
        .aosm(&SEAL)
        .run()
        .ok()
        .says("was sealed before: 3 artifacts, all there");
    assert_eq!(publisher.arm.count("/updateState?"), 1);
    publisher.aosm(&CHECK).run().ok().says("state Uploaded (sealed)");
    let json = publisher.aosm(&[&CHECK[..], &["--json"]].concat()).run().ok().json();
    assert_eq!(json["manifests"][0]["sealed"], true);
}

#[test]
fn what_is_still_to_be_done_in_the_store_keeps_it_open() {
    let publisher = Publisher::new();
    publisher.aosm(&["apply"]).run().ok();
    // Everything that the manifest lists is there; what refers to it is not.
    publisher.project.write("sbom.json", "{}\n");
    let settings = publisher.project.read("aosm.toml");
    publisher.project.write(
        "aosm.toml",
        settings.clone()
            + "[[attachments]]\nsubject = \"chart:small\"\nartifact-type = \"application/spdx+json\"\nfiles = [{ path = \
               \"sbom.json\" }]\n",
    );
    publisher.aosm(&CHECK).run().ok();
    publisher
        .aosm(&SEAL)
        .run()
        .expect(4)
        .says("not all steps of its store are done")
        .says("attach:images/small:1.0.0");
    // A broken rule of the project does the same.
    publisher
        .project
        .write("aosm.toml", settings + "[policy]\ndeny-tags = [\"1.0.0\"]\n");
    publisher.aosm(&SEAL).run().expect(4).says("deny-tags");
    assert_eq!(publisher.arm.state_of(STORE, MANIFEST), "Uploading");
}

#[test]
fn a_failed_validation_is_told_with_the_reasons_of_the_service() {
    let publisher = Publisher::new();
    publisher.aosm(&["apply"]).run().ok();
    publisher.arm.seals_as(STORE, MANIFEST, "ValidationFailed");
    publisher.arm.edit_manifest(STORE, MANIFEST, |value| {
        value["properties"]["validationErrors"] =
            json!([{"code": "ArtifactInvalid", "message": "release/small-1 has no config"}]);
    });
    publisher
        .aosm(&SEAL)
        .run()
        .expect(1)
        .says("the service's validation failed")
        .says("ArtifactInvalid: release/small-1 has no config");
    // It is not sealed: what was wrong may be mended and tried again.
    publisher.arm.seals_as(STORE, MANIFEST, "Uploaded");
    publisher.aosm(&SEAL).run().ok().says("sealed contoso/");
}

#[test]
fn a_manifest_is_deleted_only_when_that_was_confirmed() {
    let publisher = Publisher::new();
    let names = [
        "artifact-manifest",
        "delete",
        "--subscription",
        SUBSCRIPTION,
        "--resource-group",
        GROUP,
        "--publisher",
        PUBLISHER,
        "--artifact-store",
        STORE,
        "--artifact-manifest",
    ];
    let delete = [&names[..], &[MANIFEST]].concat();
    publisher
        .aosm(&delete)
        .run()
        .expect(64)
        .says("nobody is here to be asked");
    assert_eq!(publisher.arm.count("DELETE "), 0);
    publisher.arm.slow(Slow::Location(1));
    publisher
        .aosm(&[&delete[..], &["--yes"]].concat())
        .run()
        .ok()
        .says("will be deleted; it lists 3 artifacts")
        .says(&format!("deleted {PUBLISHER}/{STORE}/{MANIFEST}"));
    assert_eq!(publisher.arm.count("DELETE "), 1);
    publisher
        .aosm(&[&delete[..], &["--yes"]].concat())
        .run()
        .expect(4)
        .says("ResourceNotFound");
    publisher.lists(STORE, "m-7", &publisher.names());
    publisher.arm.slow(Slow::No);
    let json = publisher
        .aosm(&[&names[..], &["m-7", "--yes", "--json"]].concat())
        .run()
        .ok()
        .json();
    fits(&publisher.project, "artifact-manifest-change", &json);
    assert_eq!((&json["change"], &json["state"]), (&"deleted".into(), &Value::Null));
}
