//! ARM templates through the binary: judged before anything moves.

use crate::support::refusal::refused;
use crate::support::*;

const TEMPLATE: &str = r#"{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "resources": [
    { "type": "Microsoft.Compute/virtualMachines", "name": "vm" }
  ]
}
"#;

const STORE: &str = "[stores.local]\nkind = \"local\"\npath = \"store\"\n";

fn artifact(name: &str, path: &str) -> String {
    format!(
        "[[artifacts]]\nname = \"{name}\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\nfiles = [{{ path = \"{path}\" }}]\n"
    )
}

#[test]
fn a_template_that_could_not_be_deployed_stops_everything_with_its_line() {
    let project = Project::new();
    project.write(
        "aosm.toml",
        format!("{STORE}{}{}", artifact("vm", "vm.json"), artifact("net", "net.json")),
    );
    project.write("vm.json", TEMPLATE.replace("\"type\"", "\"kind\""));
    project.write(
        "net.json",
        TEMPLATE.replace("deploymentTemplate", "deploymentParameters"),
    );
    for command in ["check", "plan", "apply"] {
        refused(&project, &[command], 4)
            .says("vm.json:5:5")
            .says("template vm.json: a resource has no `type`")
            .says("net.json:2:14")
            .says("is a parameter file, not a template")
            .says("aosm.toml");
    }
    project.write("vm.json", "{\n  // a comment\n}\n");
    project.write("net.json", TEMPLATE);
    refused(&project, &["check"], 4)
        .one()
        .says("vm.json:2:3")
        .says("is not JSON");
}

#[test]
fn a_linked_template_is_a_warning_and_stops_nothing() {
    let project = Project::new();
    let link = r#""type": "Microsoft.Resources/deployments", "properties": { "templateLink": { "uri": "https://x.example/t.json" } }"#;
    project.write("aosm.toml", format!("{STORE}{}", artifact("vm", "vm.json")));
    project.write(
        "vm.json",
        TEMPLATE.replace("\"type\": \"Microsoft.Compute/virtualMachines\"", link),
    );
    project
        .run(&["apply"])
        .ok()
        .says("template vm.json: links to another template, which is no part of the artifact")
        .says("1 done");
}
