//! `store artifacts` and `store set-state` against a stand-in for Resource Manager.

use crate::arm_commands::{contoso, run};
use crate::documents::fits;
use crate::support::arm::{Arm, Slow, TOKEN, error};
use crate::support::http::Response;
use crate::support::publisher::{Publisher, STORE as STORE_NAME};
use crate::support::*;

/// A store with two artifacts, of which one has versions that count beyond nine.
fn filled() -> Arm {
    let arm = contoso();
    for version in ["1.0.0", "1.9.0", "1.10.0"] {
        arm.version("contoso-acr", "contoso-cnf", version, "OCIArtifact");
    }
    arm.version("contoso-acr", "release/contoso-a", "1.0.0", "OCIArtifact");
    arm
}

const STORE: [&str; 2] = ["--artifact-store", "contoso-acr"];

fn artifacts(arm: &Arm, more: &[&str]) -> Output {
    run(
        &Project::new(),
        arm,
        &[&["store", "artifacts"], &STORE[..], more].concat(),
    )
}

fn set_state(arm: &Arm, more: &[&str]) -> Output {
    let version = ["--name", "contoso-cnf", "--version", "1.0.0"];
    let arguments = [&["store", "set-state"], &STORE[..], &version, more].concat();
    run(&Project::new(), arm, &arguments)
}

#[test]
fn the_artifacts_of_a_store_are_listed_with_their_versions_page_by_page() {
    let arm = filled();
    arm.pages_of(1);
    let output = artifacts(&arm, &[]).ok();
    let lines: Vec<Vec<&str>> = output
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines,
        [
            ["ARTIFACT", "VERSION", "STATE", "TYPE"],
            ["contoso-cnf", "1.0.0", "Preview", "OCIArtifact"],
            ["contoso-cnf", "1.9.0", "Preview", "OCIArtifact"],
            ["contoso-cnf", "1.10.0", "Preview", "OCIArtifact"],
            ["release/contoso-a", "1.0.0", "Preview", "OCIArtifact"],
        ]
    );
    assert_eq!(arm.count("/artifacts?"), 2, "{:?}", arm.seen());
    // Three pages of the first, one of the second.
    assert_eq!(arm.count("/artifactVersions?"), 4, "{:?}", arm.seen());
    assert_eq!(arm.count("artifactName=release%2Fcontoso-a"), 1, "{:?}", arm.seen());
    let project = Project::new();
    let json = artifacts(&arm, &["--json"]).ok().json();
    fits(&project, "store-artifacts", &json);
    assert_eq!(json["artifacts"][0]["versions"][2]["version"], "1.10.0");
}

#[test]
fn one_artifact_can_be_asked_for_alone_and_one_that_is_not_there_is_an_error() {
    let arm = filled();
    artifacts(&arm, &["--name", "contoso-cnf"])
        .ok()
        .says("1.10.0")
        .silent_about("release/contoso-a");
    assert_eq!(arm.seen().len(), 1);
    artifacts(&arm, &["--name", "nothing"])
        .expect(4)
        .says("artifact store contoso/contoso-acr knows no artifact nothing")
        .says("without --name");
    artifacts(&arm, &["--name", "two words"]).expect(4).says("two words");
    artifacts(&contoso(), &[]).ok().says("knows no artifacts");
    artifacts(&arm, &["--location", "eastus"]).expect(4).says("westeurope");
    artifacts(&arm, &["--offline"]).expect(64).says("--offline");
}

#[test]
fn what_the_service_does_not_say_is_shown_as_unsaid_and_what_nobody_knows_yet_as_it_is() {
    let arm = filled();
    arm.answering(|_, path, _| {
        path.ends_with("/artifactVersions").then(|| {
            Response::new(
                200,
                r#"{"value":[{"name":"1.0.0"},{"name":"2.0.0","properties":{"artifactState":"Embalmed","artifactType":null}}]}"#,
            )
        })
    });
    artifacts(&arm, &["--name", "contoso-cnf"])
        .ok()
        .says("contoso-cnf 1.0.0 - -")
        .says("contoso-cnf 2.0.0 Embalmed -");
    let json = artifacts(&arm, &["--name", "contoso-cnf", "--json"]).ok().json();
    fits(&Project::new(), "store-artifacts", &json);
    assert_eq!(json["artifacts"][0]["versions"][0]["state"], serde_json::Value::Null);
}

#[test]
fn a_denied_list_names_the_right_that_it_takes() {
    for (ending, right) in [
        ("/artifacts", "artifactStores/artifacts/read"),
        ("/artifactVersions", "artifactStores/artifactVersions/read"),
    ] {
        let arm = filled();
        arm.deny(ending);
        artifacts(&arm, &[]).expect(5).says("AuthorizationFailed").says(right);
    }
}

#[test]
fn the_state_of_a_version_is_changed_and_read_again() {
    for slow in [Slow::No, Slow::Location(2), Slow::Status(2)] {
        let arm = filled();
        arm.slow(slow);
        set_state(&arm, &["--state", "Active", "--yes"])
            .ok()
            .says("contoso-cnf:1.0.0 was Preview, and is Active now");
        artifacts(&arm, &["--name", "contoso-cnf"])
            .ok()
            .says("contoso-cnf 1.0.0 Active")
            .says("contoso-cnf 1.9.0 Preview");
        assert_eq!(
            arm.count("PATCH contoso/artifactStores/contoso-acr/artifactVersions/1.0.0?"),
            1
        );
    }
}

#[test]
fn a_version_that_has_the_state_already_is_left_alone() {
    let arm = filled();
    let project = Project::new();
    let json = set_state(&arm, &["--state", "deprecated", "--yes", "--json"])
        .ok()
        .json();
    fits(&project, "artifact-state", &json);
    assert_eq!(
        (&json["before"], &json["state"]),
        (&"Preview".into(), &"Deprecated".into())
    );
    assert_eq!(json["changed"], true);
    let json = set_state(&arm, &["--state", "Deprecated", "--yes", "--json"])
        .ok()
        .json();
    fits(&project, "artifact-state", &json);
    assert_eq!(json["changed"], false);
    set_state(&arm, &["--state", "Deprecated", "--yes"])
        .ok()
        .says("contoso-cnf:1.0.0 is Deprecated already");
    assert_eq!(arm.count("PATCH"), 1);
}

#[test]
fn nothing_is_changed_where_nobody_agrees() {
    let arm = filled();
    set_state(&arm, &["--state", "Active"])
        .expect(64)
        .says("nobody is here to be asked")
        .says("--yes");
    assert!(arm.seen().is_empty());
    set_state(&arm, &["--state", "Embalmed", "--yes"])
        .expect(64)
        .says("Deprecated");
}

#[cfg(unix)]
#[test]
fn on_a_terminal_it_is_asked_first() {
    for (typed, said, patches) in [
        ("y\r", "is Active now", 1),
        ("n\r", "nothing was changed", 0),
        ("\r", "nothing was changed", 0),
    ] {
        let (arm, project) = (filled(), Project::new());
        let version = ["--name", "contoso-cnf", "--version", "1.0.0", "--state", "Active"];
        let publisher = crate::arm_commands::publisher();
        let arguments = [&["store", "set-state"], &STORE[..], &version, &publisher].concat();
        let command = project
            .aosm(&arguments)
            .env("AOSM_ARM_ENDPOINT", arm.endpoint())
            .env("AOSM_ARM_TOKEN", TOKEN)
            .into_command();
        let (ended, written) = terminal::converse(command, &[("from Preview to Active?", typed)]);
        assert_eq!(ended, 0, "{written}");
        assert!(written.contains(said), "{written}");
        assert_eq!(arm.count("PATCH"), patches, "{written}");
    }
}

#[test]
fn a_version_that_is_not_there_is_told_with_those_that_are() {
    let arm = filled();
    let arguments = [
        "store",
        "set-state",
        "--artifact-store",
        "contoso-acr",
        "--yes",
        "--state",
        "Active",
    ];
    let set = |name: &str, version: &str| {
        let all = [&arguments[..], &["--name", name, "--version", version]].concat();
        run(&Project::new(), &arm, &all).expect(4)
    };
    set("contoso-cnf", "2.0.0")
        .says("has no version 2.0.0: it has 1.0.0, 1.9.0, 1.10.0")
        .says("--version");
    set("nothing", "1.0.0").says("knows no artifact nothing");
    assert_eq!(arm.count("PATCH"), 0);
}

#[test]
fn a_change_that_the_service_refuses_or_does_not_make_is_an_error_with_its_reason() {
    let arm = filled();
    arm.answering(|method, path, _| {
        (method == "PATCH" && path.contains("/artifactVersions/")).then(|| {
            error(
                409,
                "ArtifactVersionInUse",
                "The artifact version is referenced by a network function definition version.",
            )
        })
    });
    set_state(&arm, &["--state", "Preview", "--yes"])
        .ok()
        .says("is Preview already");
    set_state(&arm, &["--state", "Deprecated", "--yes"])
        .expect(4)
        .says("409 ArtifactVersionInUse")
        .says("referenced by a network function definition version")
        .says("(contoso-cnf:1.0.0)")
        .says("correlation id");
    // It says yes and does nothing.
    let arm = filled();
    arm.answering(|method, _, _| (method == "PATCH").then(|| Response::new(200, "{}")));
    set_state(&arm, &["--state", "Active", "--yes"])
        .expect(1)
        .says("the service took the change to Active, but still shows Preview");
    let arm = filled();
    arm.deny("/artifactVersions/1.0.0");
    set_state(&arm, &["--state", "Active", "--yes"])
        .expect(5)
        .says("Microsoft.HybridNetwork/publishers/artifactStores/artifactVersions/write");
}

#[test]
fn a_store_of_the_project_is_named_by_its_name_there() {
    let publisher = Publisher::new();
    publisher.arm.version(STORE_NAME, "small", "1.0.0", "OCIArtifact");
    for named in [&["images"][..], &[], &["--store", "images"]] {
        publisher
            .aosm(&[&["store", "artifacts"], named].concat())
            .run()
            .ok()
            .says("small 1.0.0 Preview");
    }
    let version = ["--name", "small", "--version", "1.0.0", "--state", "Active", "--yes"];
    publisher
        .aosm(&[&["store", "set-state", "images"], &version[..]].concat())
        .run()
        .ok()
        .says("small:1.0.0 was Preview, and is Active now");
    publisher
        .aosm(&["store", "artifacts", "nothing"])
        .run()
        .expect(64)
        .says("the project has no store of this name");
}
