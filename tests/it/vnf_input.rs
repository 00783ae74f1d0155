//! `vnf-input.jsonc` through the binary: what it names is planned and checked, and a signature in it is seen nowhere.

use crate::support::azurite::Azurite;
use crate::support::refusal::refused;
use crate::support::vhd::{MIB, Vhd, write_bad};
use crate::support::*;

const TEMPLATE: &str = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": [{"type": "Microsoft.Compute/virtualMachines", "name": "vm"}]}"#;

const HEAD: &str = r#""location": "uksouth", "publisher_name": "p", "publisher_resource_group_name": "g",
  "acr_artifact_store_name": "a", "blob_artifact_store_name": "b", "nf_name": "ubuntu-vm", "version": "1.0.0",
  "arm_templates": [{"artifact_name": "ubuntu-template", "version": "1.0.0", "file_path": "templates/vm.json"}]"#;

/// A project as the Azure CLI extension has it, with stores for both kinds of artifacts.
fn project(vhd: &str, endpoint: &str) -> Project {
    let project = Project::new();
    project.write("templates/vm.json", TEMPLATE);
    Vhd::new(2 * MIB)
        .random(MIB, 100_000, 1)
        .write(&project.path("disk.vhd"));
    project.write(
        "vnf-input.jsonc",
        format!("{{\n  {HEAD},\n  \"vhd\": {{\"version\": \"1-0-0\", {vhd}}}\n}}\n"),
    );
    project.write(
        "aosm.toml",
        format!(
            "[stores.local]\nkind = \"local\"\npath = \"store\"\n\n[stores.disks]\nkind = \"storage-account\"\nemulator = \"{endpoint}\"\n"
        ),
    );
    project
}

/// An emulator's endpoint at which nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1/devstoreaccount1";

#[test]
fn what_the_file_names_is_checked_without_a_network() {
    let project = project("\"file_path\": \"disk.vhd\"", NOWHERE);
    let output = project.run(&["check"]).ok();
    assert!(output.stderr.is_empty(), "{output}");
    let document = project.run(&["check", "--json"]).ok().json();
    assert_eq!(document["artifacts"], 1, "{document}");
    project
        .run(&["graph"])
        .ok()
        .says("ubuntu-template")
        .says("ubuntu-vm-vhd");
}

#[test]
fn a_wrong_disk_image_is_an_error_of_the_check() {
    let project = project("\"file_path\": \"disk.vhd\"", NOWHERE);
    write_bad("dynamic", &project.path("disk.vhd"));
    refused(&project, &["check"], 4)
        .one()
        .says("a dynamic VHD (disk type 3)")
        .says("qemu-img convert -f vpc");
}

#[test]
fn errors_of_both_files_are_told_in_one_run() {
    let project = project("\"file_path\": \"disk.vdh\", \"blob_sas_url\": \"\"", NOWHERE);
    project.edit("vnf-input.jsonc", "\"1-0-0\"", "\"1.0.0\"");
    project.edit("vnf-input.jsonc", "templates/vm.json", "templates/wm.json");
    project.edit("vnf-input.jsonc", "\"nf_name\"", "\"helm_packages\": [{}], \"nf_name\"");
    project.edit("aosm.toml", "[stores.local]", "[projekt]\n\n[stores.local]");
    refused(&project, &["plan"], 4)
        .says("projekt: unknown key")
        .says("helm_packages: has no place in this file")
        .says("did you mean `vm.json`")
        .says("did you mean `disk.vhd`");
}

#[test]
fn the_plan_names_template_and_disk_image_and_apply_puts_both_in_place() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::start();
    let endpoint = format!("{}/devstoreaccount1", azurite.endpoint());
    let project = project("\"file_path\": \"disk.vhd\"", &endpoint);
    let plan = project.run(&["plan", "--json"]).ok().json();
    let ids: Vec<&str> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["push:local/ubuntu-template:1.0.0", "upload:disks/ubuntu-vm-vhd:1-0-0"],
        "{plan}"
    );
    project.run(&["apply"]).ok();
    let again = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(again["summary"]["fresh"], 2, "{again}");
    assert_eq!(
        azurite.content("ubuntuvmvhd-1-0-0", "ubuntuvm-1-0-0.vhd"),
        std::fs::read(project.path("disk.vhd")).unwrap()
    );
}

#[test]
fn a_signature_in_the_file_is_seen_nowhere() {
    const SECRET: &str = "c2VjcmV0c2VjcmV0";
    let url = format!("http://127.0.0.1:1/devstoreaccount1/source/disk.vhd?sv=2021-08-06&sr=b&sig={SECRET}%3D");
    let project = project(&format!("\"blob_sas_url\": \"{url}\""), NOWHERE);
    let silent = |output: &Output| {
        let found = [&output.stdout, &output.stderr]
            .iter()
            .any(|text| text.contains(SECRET));
        assert!(
            !found,
            "the signature is shown: {}",
            output.to_string().replace(SECRET, "***")
        );
    };
    let warned = project.run(&["check"]).ok();
    silent(&warned);
    warned
        .says("a signature in clear text")
        .says("blob-url-env = \"IMAGE_URL\"");
    for arguments in [
        &["plan", "-vv"][..],
        &["plan", "--json"],
        &["apply", "-vv"],
        &["apply", "--json"],
        &["graph", "--format", "json"],
        &["why", "ubuntu-vm"],
        &["init", "--stdout"],
    ] {
        silent(&project.run(arguments));
    }
    project.edit("vnf-input.jsonc", "\"version\": \"1-0-0\",", "\"version\": \"1-0-0\"");
    silent(&project.run(&["check"]).expect(4));
    for path in snapshot::walk(&project.folder()) {
        let bytes = std::fs::read(&path).unwrap_or_default();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found || path.ends_with("vnf-input.jsonc"), "{} has it", path.display());
    }
}

#[test]
fn the_schema_is_printed() {
    let project = Project::new();
    project
        .run(&["schema", "vnf-input"])
        .ok()
        .says("virtualised network functions");
}
