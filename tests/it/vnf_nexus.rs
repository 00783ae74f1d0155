//! `vnf-input.jsonc` for Azure Operator Nexus through the binary: images and templates planned, moved, and found in place again.

use serde_json::Value;

use crate::support::refusal::refused;
use crate::support::*;

const TEMPLATE: &str = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
"contentVersion": "1.0.0.0", "resources": [{"type": "Microsoft.NetworkCloud/virtualMachines", "name": "vm"}]}"#;

const HEAD: &str = r#""location": "uksouth", "publisher_name": "p", "publisher_resource_group_name": "g",
  "acr_artifact_store_name": "a", "nf_name": "ubuntu-vm", "version": "1.0.0",
  "arm_templates": [{"artifact_name": "ubuntu-template", "version": "1.0.0", "file_path": "templates/vm.json"}]"#;

/// A bare input file that names these images.
fn project(images: &[String]) -> Project {
    let project = Project::new();
    project.write("templates/vm.json", TEMPLATE);
    project.write(
        "vnf-input.jsonc",
        format!(
            "{{\n  {HEAD},\n  \"images\": {}\n}}\n",
            serde_json::to_string(images).unwrap()
        ),
    );
    project
}

fn actions(plan: &Value) -> Vec<(&str, &str)> {
    let steps = plan["steps"].as_array().unwrap().iter();
    steps
        .map(|step| (step["id"].as_str().unwrap(), step["action"].as_str().unwrap()))
        .collect()
}

#[test]
fn the_worked_example_is_checked_planned_and_applied_without_a_network() {
    let project = Project::fixture("contoso-nexus");
    let checked = project.run(&["check"]).ok();
    assert!(checked.stderr.is_empty(), "{checked}");
    let plan = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(
        actions(&plan),
        [
            ("copy:local/contoso-vm:1.0.0", "run"),
            ("copy:local/routers/contoso-router:2.1.0", "run"),
            ("push:local/contoso-vm-template:1.0.0", "run"),
        ]
    );
    project.run(&["apply"]).ok();
    let names = layout::names(&project.path(".aosm/store"));
    assert_eq!(
        names,
        [
            "contoso-vm-template:1.0.0",
            "contoso-vm:1.0.0",
            "routers/contoso-router:2.1.0"
        ]
    );
    let again = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(again["summary"]["fresh"], 3, "{again}");
    project
        .run(&["images"])
        .ok()
        .says("routers/contoso-router:2.1.0")
        .says("vnf-input.jsonc");
}

#[test]
fn the_images_of_the_worked_example_are_those_that_it_names() {
    let folder = root().join("fixtures/contoso-nexus/images");
    let wanted = [
        ("contoso-vm:1.0.0", ImageSpec::new(61).layers(&[600]).build()),
        (
            "routers/contoso-router:2.1.0",
            ImageSpec::new(62).layers(&[700]).build(),
        ),
    ];
    let entries: Vec<(&str, &Image)> = wanted.iter().map(|(name, image)| (*name, image)).collect();
    if std::env::var_os("AOSM_BLESS").is_some() {
        let _ = std::fs::remove_dir_all(&folder);
        layout::write(&folder, &entries);
    }
    for (name, image) in entries {
        let found =
            layout::read(&folder, name).unwrap_or_else(|| panic!("{name} is missing: write it with AOSM_BLESS=1"));
        assert_eq!(found.digest(), image.digest(), "{name}");
    }
}

#[test]
fn each_image_is_taken_from_the_registry_it_names_and_no_other_is_asked() {
    let (first, second) = (Registry::shared(Kind::Plain), Registry::shared(Kind::Native));
    let store = first.unique("nexus-store");
    let names = [first.unique("nexus/router"), first.unique("nexus-vm")];
    let images = [
        ImageSpec::new(71).build(),
        ImageSpec::new(72).build(),
        ImageSpec::new(73).build(),
    ];
    first.push(&images[0], &names[0], "1.0.0");
    // The same name stands for something else in the registry that is asked first.
    first.push(&images[1], &names[1], "2.0.0");
    second.push(&images[2], &names[1], "2.0.0");
    let project = project(&[
        format!("{}/{}:1.0.0", first.host(), names[0]),
        format!("{}/{}:2.0.0", second.host(), names[1]),
    ]);
    project.write(
        "aosm.toml",
        format!(
            "[stores.lab]\nkind = \"registry\"\nregistry = \"{}/{store}\"\n",
            first.host()
        ),
    );
    let checked = project.run(&["check", "--json"]).ok().json();
    assert_eq!((&checked["images"], &checked["artifacts"]), (&2.into(), &1.into()));
    project.run(&["apply"]).ok();
    let client = first.client();
    assert_eq!(
        client.pull(&format!("{store}/{}", names[0]), "1.0.0").unwrap().digest(),
        images[0].digest()
    );
    assert_eq!(
        client.pull(&format!("{store}/{}", names[1]), "2.0.0").unwrap().digest(),
        images[2].digest()
    );
    assert!(client.pull(&format!("{store}/ubuntu-template"), "1.0.0").is_some());
    let again = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(again["summary"]["fresh"], 3, "{again}");
    assert!(project.read("aosm.lock").contains(&second.host()));
}

#[test]
fn an_image_that_is_not_in_its_registry_is_an_error_of_that_image() {
    let registry = Registry::shared(Kind::Plain);
    let (there, absent) = (registry.unique("nexus-there"), registry.unique("nexus-absent"));
    registry.push(&ImageSpec::new(74).build(), &there, "1.0.0");
    let project = project(&[
        format!("{}/{there}:1.0.0", registry.host()),
        format!("{}/{absent}:1.0.0", registry.host()),
    ]);
    let output = project.run(&["plan"]).expect(4);
    output
        .says(&format!("{absent}:1.0.0: not found at the one place asked"))
        .says("vnf-input.jsonc:5:");
    // What can be done is done.
    let applied = project.run(&["apply", "--json"]).expect(4).json();
    assert_eq!(applied["summary"]["done"], 2, "{applied}");
}

#[test]
fn a_bare_file_gets_a_project_file_by_init() {
    let registry = Registry::shared(Kind::Plain);
    let name = registry.unique("nexus-init");
    registry.push(&ImageSpec::new(75).build(), &name, "1.0.0");
    let project = project(&[format!("{}/{name}:1.0.0", registry.host())]);
    let bare = project.run(&["plan", "--json"]).ok().json();
    project.run(&["init"]).ok();
    let with_settings = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(actions(&bare), actions(&with_settings));
    assert_eq!(actions(&bare).len(), 2);
}

#[test]
fn what_cannot_be_meant_is_refused_with_all_its_places() {
    let project = project(&["acr.azurecr.io/vm:latest".to_owned(), "vm:1.0.0".to_owned()]);
    project.edit("vnf-input.jsonc", "templates/vm.json", "templates/wm.json");
    refused(&project, &["check"], 4)
        .says("not `latest`")
        .says("names no registry")
        .says("did you mean `vm.json`");
    project.edit(
        "vnf-input.jsonc",
        "\"images\"",
        "\"vhd\": {\"version\": \"1-0-0\"},\n  \"images\"",
    );
    refused(&project, &["check"], 4)
        .one()
        .says("`vhd` and `images` at once")
        .says("virtual machines with a VHD")
        .says("images for Azure Operator Nexus");
}

#[test]
fn the_schema_is_printed() {
    Project::new()
        .run(&["schema", "vnf-nexus-input"])
        .ok()
        .says("Azure Operator Nexus");
}
