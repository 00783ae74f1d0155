//! `docs/artifact-stores.md` is true: its `toml` block is the project, what its `sh` blocks say is run, and the `text` block behind
//! each is what they print. `AOSM_BLESS=1` writes what is printed into the document.
#![cfg(unix)]

use std::fs;

use crate::from_oras::without_requests;
use crate::support::cloud::{ACCOUNT, ACR};
use crate::support::vhd::{MIB, Vhd};
use crate::support::*;
use crate::walkthrough::{blocks, run_as};

/// What the document calls the registry and the storage account.
const REGISTRY: &str = "contosocontosoacr3964e97abc.azurecr.io";
const BLOBS: &str = "contosodisks.blob.core.windows.net";
const TEMPLATE: &str = "{\n  \"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\",\n  \
     \"contentVersion\": \"1.0.0.0\",\n  \"resources\": [\n    {\"type\": \"Microsoft.Compute/virtualMachines\", \"name\": \"vm\", \
     \"properties\": {\"hardwareProfile\": {\"vmSize\": \"Standard_D2s_v5\"}}}\n  ]\n}\n";

/// The `toml` block, and the document without it: everything else keeps its place.
fn project_of(text: &str) -> (String, String) {
    let open = text.find("```toml\n").expect("a project");
    let inside = open + "```toml\n".len();
    let close = inside + text[inside..].find("```").expect("the fence is closed");
    let mut rest = text.to_owned();
    rest.replace_range(open..close + 3, &" ".repeat(close + 3 - open));
    (text[inside..close].to_owned(), rest)
}

/// The publisher of the document, with manifests that list what its project names.
fn publisher() -> (Cloud, Project) {
    let (cloud, project) = (Cloud::contoso(), Project::new());
    cloud
        .arm
        .manifest(
            ACR,
            "ubuntu-vm-acr-manifest-1-0-0",
            &[("ubuntu-vm-template", "1.0.0", "ArmTemplate")],
        )
        .manifest(
            ACCOUNT,
            "ubuntu-vm-sa-manifest-1-0-0",
            &[("ubuntu-vm-vhd", "1-0-0", "VhdImageFile")],
        );
    project.write("vm.json", TEMPLATE);
    Vhd::new(4 * MIB)
        .random(MIB, 400_000, 11)
        .write(&project.path("ubuntu-vm.vhd"));
    (cloud, project)
}

/// Times and entity tags are not the same each day.
fn timeless(text: &str) -> String {
    let pattern = |text| regex::Regex::new(text).expect("a pattern");
    let time = pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)");
    let text = time.replace_all(text, "2024-01-31T12:00:00Z");
    let text = pattern("\"0x[0-9A-F]+\"").replace_all(&text, "\"0x8DC0FFEE0000000\"");
    without_requests(&text)
}

#[test]
fn every_line_runs_and_prints_what_is_written() {
    if !Azurite::available() {
        return;
    }
    let document = root().join("docs/artifact-stores.md");
    let text = fs::read_to_string(&document).unwrap();
    let (settings, rest) = project_of(&text);
    let blocks = blocks(&rest, None);
    assert!(blocks.len() > 8, "the walk-throughs are there");
    let (cloud, project) = publisher();
    project.write("aosm.toml", settings);
    let registry = cloud.shelf(ACR).front.host();
    let account = format!("{}/{}", cloud.account(ACCOUNT).front.host(), azurite::ACCOUNT);
    let names = [(REGISTRY, registry.as_str()), (BLOBS, account.as_str())];
    let printed = run_as(&blocks, &project, cloud.aosm(&project, &[]), &names);
    if std::env::var_os("AOSM_BLESS").is_some() {
        let mut blessed = text.clone();
        for (block, printed) in blocks
            .iter()
            .zip(&printed)
            .rev()
            .filter(|(block, _)| block.prints.is_some())
        {
            blessed.replace_range(block.place.clone(), &timeless(printed));
        }
        fs::write(document, blessed).unwrap();
        return;
    }
    for (block, printed) in blocks.iter().zip(&printed) {
        let wanted = timeless(block.prints.as_deref().unwrap_or_default());
        assert_eq!(
            timeless(printed),
            wanted,
            "it prints something else for\n{}",
            block.commands
        );
    }
    assert!(!printed.concat().contains("planted"), "no secret is printed");
    // What the walk-through ends with is there, and it is what the project wants.
    cloud
        .aosm(&project, &["plan", "--detailed-exitcode"])
        .env("AZURE_SUBSCRIPTION_ID", arm::SUBSCRIPTION)
        .run()
        .ok();
}

#[test]
fn the_commands_of_the_table_are_there() {
    let text = fs::read_to_string(root().join("docs/artifact-stores.md")).unwrap();
    let project = Project::new();
    let mut seen = 0;
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let here = row.split(" | ").nth(1).unwrap_or_default();
        for words in here
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|part| part.strip_prefix("aosm-build "))
        {
            let known = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            let command: Vec<&str> = words.split(' ').take_while(known).collect();
            project.run(&[command.as_slice(), &["--help"]].concat()).ok();
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen} commands");
}

#[test]
fn what_is_granted_opens_the_registry_for_oras_too_and_no_other_repository() {
    let Some(oras) = tools::find("oras") else {
        return;
    };
    let text = fs::read_to_string(root().join("docs/artifact-stores.md")).unwrap();
    let (cloud, project) = publisher();
    project.write("aosm.toml", project_of(&text).0);
    let aosm = |arguments: &[&str]| {
        let run = cloud.aosm(&project, arguments);
        run.env("AZURE_SUBSCRIPTION_ID", arm::SUBSCRIPTION).run()
    };
    let shown = aosm(&["credential", "images", "--show-secret", "--json"]).ok().json();
    let (user, token) = (&shown["registry"]["username"], &shown["registry"]["token"]);
    let push = |name: &str| {
        let target = format!("{}/{name}:1.0.0", cloud.shelf(ACR).front.host());
        std::process::Command::new(&oras)
            .args([
                "push",
                "--plain-http",
                "-u",
                user.as_str().unwrap(),
                "-p",
                token.as_str().unwrap(),
            ])
            .args([target.as_str(), "vm.json"])
            .current_dir(project.folder())
            .env("HOME", project.home())
            .output()
            .expect("oras")
    };
    let pushed = push("ubuntu-vm-template");
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    assert!(
        !push("another-template").status.success(),
        "the manifest does not list it"
    );
    aosm(&["artifact", "pull", "-o", "pulled", "images:ubuntu-vm-template:1.0.0"]).ok();
    assert_eq!(project.read("pulled/vm.json"), TEMPLATE);
}
