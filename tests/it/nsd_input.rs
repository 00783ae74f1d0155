//! `nsd-input.jsonc` through the binary: its templates are moved, and what another tool has to generate is said.

use serde_json::Value;

use crate::support::refusal::refused;
use crate::support::*;

fn ids(plan: &Value) -> Vec<&str> {
    let steps = plan["steps"].as_array().unwrap().iter();
    steps.map(|step| step["id"].as_str().unwrap()).collect()
}

const GENERATED: &str = "[[artifacts]]\nname = \"contoso-nsd\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\n\
                         files = [{ path = \"nsd-cli-output/artifacts/contoso-vm.json\" }]\n";

#[test]
fn the_templates_of_the_worked_example_are_pushed_and_the_rest_is_named() {
    let project = Project::fixture("contoso-nsd");
    project
        .run(&["check"])
        .ok()
        .says("ok: 0 Helm packages, 0 charts, 0 images, 1 artifact")
        .says(
            "artifact contoso-nsd:1.0.0: not made here: its template is generated from the network function contoso-vm",
        )
        .says("nsd-cli-output/artifacts/contoso-vm.bicep");
    let plan = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(ids(&plan), ["push:local/contoso-network:1.0.0"]);
    project.run(&["apply"]).ok();
    let again = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(again["summary"]["fresh"], 1, "{again}");
}

#[test]
fn what_the_other_tool_generated_is_pushed_once_it_is_named() {
    let registry = Registry::shared(Kind::Plain);
    let store = registry.unique("nsd");
    let project = Project::fixture("contoso-nsd");
    project.write(
        "nsd-cli-output/artifacts/contoso-vm.json",
        project.read("templates/network.json"),
    );
    project.write(
        "aosm.toml",
        format!(
            "{GENERATED}[stores.lab]\nkind = \"registry\"\nregistry = \"{}/{store}\"\n",
            registry.host()
        ),
    );
    let checked = project.run(&["check"]).ok();
    assert!(checked.stderr.is_empty(), "{checked}");
    project.run(&["apply"]).ok();
    for name in ["contoso-nsd", "contoso-network"] {
        assert!(
            registry.client().pull(&format!("{store}/{name}"), "1.0.0").is_some(),
            "{name}"
        );
    }
    let again = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(again["summary"]["fresh"], 2, "{again}");
    project.edit(
        "nsd-input.jsonc",
        "\"nsd_version\": \"1.0.0\"",
        "\"nsd_version\": \"1.0.1\"",
    );
    project
        .run(&["check"])
        .ok()
        .says("artifact contoso-nsd: version 1.0.0 here, but the service design is contoso-nsd:1.0.1");
}

#[test]
fn a_design_of_network_functions_alone_is_an_error_that_says_what_is_needed() {
    let project = Project::fixture("contoso-nsd");
    let text = project.read("nsd-input.jsonc");
    let (before, _) = text
        .split_once(",\n        {\n            \"resource_element_type\": \"ArmTemplate\"")
        .unwrap();
    project.write("nsd-input.jsonc", format!("{before}\n    ]\n}}\n"));
    refused(&project, &["plan"], 4)
        .one()
        .says("artifact contoso-nsd:1.0.0: not made here")
        .says("nsd-input.jsonc:19:")
        .says("kind = \"arm-template\"");
    project
        .run(&["init"])
        .ok()
        .says("nsd-cli-output/artifacts/contoso-vm.bicep is needed and not there");
    refused(&project, &["plan"], 4).one();
}

#[test]
fn the_input_files_of_function_and_design_may_lie_in_one_folder() {
    let project = Project::fixture("contoso-nsd");
    project.copy_in(&root().join("fixtures/contoso-nexus"), ".");
    let nexus = project.run(&["check"]).ok();
    assert!(nexus.stderr.is_empty(), "{nexus}");
    // A file of settings that names none takes the function's, and says what it leaves.
    project.edit("aosm.toml", "input = \"vnf-input.jsonc\"", "");
    project
        .run(&["check"])
        .ok()
        .says("nsd-input.jsonc: not read, as the other input file is");
    project
        .run(&["--project", "nsd-input.jsonc", "check"])
        .ok()
        .says("1 artifact")
        .says("contoso-nsd:1.0.0");
}

#[test]
fn errors_are_told_all_at_once() {
    let project = Project::fixture("contoso-nsd");
    project.edit("nsd-input.jsonc", "\"ArmTemplate\"", "\"ArmTemplat\"");
    project.edit("nsd-input.jsonc", "\"nsdv_description\"", "\"nsd_description\"");
    project.edit(
        "nsd-input.jsonc",
        "\"nsd_version\": \"1.0.0\"",
        "\"nsd_version\": \"1-0\"",
    );
    refused(&project, &["check"], 4)
        .says("did you mean `ArmTemplate`?")
        .says("did you mean `nsdv_description`?")
        .says("nsd_version: a version is three numbers joined by dots");
}

#[test]
fn the_schema_is_printed() {
    Project::new()
        .run(&["schema", "nsd-input"])
        .ok()
        .says("network service designs");
}
