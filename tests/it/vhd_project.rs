//! Disk images among the steps of a project: what every command says of them without a storage account.

use serde_json::{Value, json};

use crate::support::small::Small;
use crate::support::vhd::{MIB, Vhd};
use crate::support::*;

/// Nobody listens there.
const NOWHERE: &str =
    "[stores.disks]\nkind = \"storage-account\"\nemulator = \"http://127.0.0.1:9/devstoreaccount1\"\n";

const VHD: &str = "[[vhds]]\nname = \"ubuntu-vm-vhd\"\nversion = \"1-0-0\"\nfile = \"disk.vhd\"\n";

/// A small chart project for the local store, and a disk image.
fn project() -> Project {
    let project = Project::new();
    let small = Small::new(1);
    let head = format!(
        "[project]\nname = \"small\"\nimage-sources = [\"source.example\"]\n[sources.\"source.example\"]\nkind = \
         \"oci-layout\"\npath = \"images\"\n[stores.local]\nkind = \"local\"\n{NOWHERE}{VHD}"
    );
    small.write(&project, &head);
    small.write_images(&project);
    Vhd::new(2 * MIB).random(0, 1000, 1).write(&project.path("disk.vhd"));
    project
}

fn action<'a>(plan: &'a Value, id: &str) -> &'a Value {
    let steps = plan["steps"].as_array().expect("steps");
    &steps.iter().find(|step| step["id"] == id).expect("the step")["action"]
}

#[test]
fn the_graph_shows_the_cheap_check_before_the_reading_and_both_before_the_upload() {
    let project = project();
    let graph = project.run(&["graph", "--json"]).ok().json();
    let deps = |id: &str| {
        let steps = graph["steps"].as_array().unwrap();
        let step = steps
            .iter()
            .find(|step| step["id"] == id)
            .unwrap_or_else(|| panic!("no {id} in {graph}"));
        step["deps"].clone()
    };
    assert_eq!(deps("validate:ubuntu-vm-vhd"), json!([]));
    assert_eq!(deps("inspect:ubuntu-vm-vhd"), json!(["validate:ubuntu-vm-vhd"]));
    assert_eq!(
        deps("upload:disks/ubuntu-vm-vhd:1-0-0"),
        json!(["inspect:ubuntu-vm-vhd", "validate:ubuntu-vm-vhd"])
    );
}

#[test]
fn an_account_that_cannot_be_reached_leaves_the_rest_of_the_plan_whole() {
    let project = project();
    let plan = project
        .run(&["plan", "--json"])
        .expect(5)
        .says("is the emulator running")
        .json();
    assert_eq!(action(&plan, "upload:disks/ubuntu-vm-vhd:1-0-0"), "unknown");
    assert_eq!(plan["summary"]["run"], 2, "{plan}");
    // What can be done is done.
    let applied = project.run(&["apply", "--json"]).expect(5).json();
    assert_eq!(
        (&applied["summary"]["done"], &applied["summary"]["failed"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn commands_that_need_no_account_ask_none() {
    let project = project();
    project.run(&["check"]).ok().says("1 disk image");
    assert_eq!(project.run(&["check", "--json"]).ok().json()["vhds"], 1);
    project.run(&["images"]).ok();
    project.run(&["lock"]).ok();
    project.run(&["apply", "--only", "push:*"]).ok().says("1 done");
    let offline = project.run(&["plan", "--offline", "--json"]).json();
    assert_eq!(action(&offline, "upload:disks/ubuntu-vm-vhd:1-0-0"), "unknown");
    project.run(&["init", "--stdout"]);
}

#[test]
fn a_bundle_leaves_disk_images_out_and_says_so_once() {
    let project = project();
    let output = project.run(&["export", "--bundle", "all.tar"]).ok();
    assert_eq!(
        output
            .stderr
            .matches("disk images are in no bundle: ubuntu-vm-vhd:1-0-0")
            .count(),
        1,
        "{output}"
    );
    project.run(&["apply", "--from-bundle", "all.tar"]).ok().says("2 done");
}

#[test]
fn a_file_is_not_read_for_steps_that_are_not_asked_for() {
    let project = project();
    project
        .run(&["plan", "-v", "--only", "push:*"])
        .ok()
        .silent_about("inspect:");
    project.run(&["graph"]).ok();
    project
        .run(&["plan", "-v"])
        .expect(5)
        .says("inspect:ubuntu-vm-vhd")
        .silent_about("(cached) inspect:");
    project
        .run(&["plan", "-v"])
        .expect(5)
        .says("inspect:ubuntu-vm-vhd (cached)");
}

#[test]
fn the_plan_of_a_project_without_disk_images_has_not_changed_its_form() {
    let project = Project::new();
    Small::new(1).write_local(&project);
    let plan = project.run(&["plan", "--json"]).ok().json();
    for step in plan["steps"].as_array().unwrap() {
        assert!(step.get("disk").is_none(), "{step}");
    }
}
