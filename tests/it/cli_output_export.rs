//! `export --format az-aosm` and `--format arm-parameters`: the files of the Azure CLI extension, written from what is known here.

use serde_json::Value;

use crate::support::cli_output::{CNF, CNF_LIST, cnf_at, nsd, vnf};
use crate::support::refusal::refused;
use crate::support::small::Small;
use crate::support::*;

/// A project of the worked example's charts whose images are in two registries.
fn project(first: &Registry, second: &Registry) -> Project {
    let project = cnf_at(first, second);
    project.copy_in(&root().join("fixtures/contoso-cnf/values"), "values");
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"contoso-cnf\"\nimage-sources = [\"{}\", \"{}/contoso\"]\n\n[[charts]]\nname = \"contoso-cnf\"\npath = \"charts/contoso-cnf\"\n\n\
             [[charts]]\nname = \"contoso-gateway\"\npath = \"charts/contoso-gateway\"\nvalues = [\"values/gateway.yaml\"]\n",
            first.host(),
            second.host()
        ),
    );
    project
}

fn entries(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("a list")
}

#[test]
fn a_list_is_written_the_same_each_time_and_read_again() {
    let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
    let project = project(&first, &second);
    let written = project
        .run(&["export", "--format", "az-aosm", "--output", CNF_LIST])
        .ok();
    assert_eq!(written.stdout, format!("wrote {CNF_LIST}: 6 artifacts\n"));
    let text = project.read(CNF_LIST);
    assert!(project.path("aosm.lock").is_file(), "what was located is locked");
    let list = entries(&text);
    let names: Vec<&str> = list
        .iter()
        .map(|entry| entry["artifact_name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "contoso-cnf",
            "contoso-gateway",
            "release/contoso-a",
            "release/contoso-b",
            "release/contoso-c",
            "test-release/contoso-test"
        ]
    );
    assert_eq!(list[0]["file_path"], "../charts/contoso-cnf");
    assert_eq!(list[2]["source_registry"]["type"], "UniversalRegistry");
    assert_eq!(list[2]["source_registry"]["registry_name"], first.host());
    assert_eq!(list[2]["registry_namespace"], "");
    assert!(text.starts_with(
        "[\n    {\n        \"type\": \"ACRFromLocalFile\",\n        \"artifact_name\": \"contoso-cnf\",\n"
    ));
    assert!(text.ends_with("\n]"), "no line end, as the extension writes it");
    // Again, from the lock alone, with paths from the current folder on.
    let printed = project.run(&["export", "--format", "az-aosm", "--offline"]).ok().stdout;
    assert_eq!(printed.trim_end(), text.replace("../charts", "charts"));
    // What is written is read again, and does the same.
    project.remove("aosm.toml");
    let plan = project.run(&["plan", "--from", CNF, "--json"]).ok();
    assert_eq!(plan.stderr.matches("warning").count(), 0, "paths are found: {plan}");
    assert_eq!(plan.json()["summary"]["run"], 6);
}

#[test]
fn a_namespace_of_the_source_is_named_apart() {
    let registry = Registry::start(Kind::Plain);
    let small = Small::new(1);
    let project = Project::new();
    let (name, image) = &small.images[0];
    let (repository, tag) = name.split_once(':').unwrap();
    registry.push(image, &format!("deep/er/{repository}"), tag);
    small.write(
        &project,
        &format!(
            "[project]\nname = \"small\"\nimage-sources = [\"{}/deep/er\"]\n",
            registry.host()
        ),
    );
    let list = entries(&project.run(&["export", "--format", "az-aosm"]).ok().stdout);
    assert_eq!(list[1]["artifact_name"], "release/small-1");
    assert_eq!(list[1]["registry_namespace"], "deep/er/");
    let only = project
        .run(&["export", "--format", "az-aosm", "--only", "push:*"])
        .ok()
        .stdout;
    assert_eq!(entries(&only).len(), 1);
}

#[test]
fn all_that_the_extension_cannot_express_is_refused_at_once() {
    let project = Project::new();
    let small = Small::new(1);
    small.write(
        &project,
        "[project]\nname = \"small\"\nimage-sources = [\"source.example\"]\n[sources.\"source.example\"]\nkind = \"oci-layout\"\npath = \"images\"\n\
         [stores.local]\nkind = \"local\"\n[stores.other]\nkind = \"local\"\npath = \"other\"\n\
         [stores.disks]\nkind = \"storage-account\"\nemulator = \"http://127.0.0.1:9/devstoreaccount1\"\n\
         [[vhds]]\nname = \"a-vhd\"\nversion = \"1-0-0\"\nblob-url-env = \"URL\"\n\
         [[artifacts]]\nname = \"notes\"\nversion = \"1.0.0\"\nkind = \"oci-artifact\"\nfiles = [{ path = \"notes.txt\" }]\nstore = \"other\"\n\
         [[attachments]]\nsubject = \"chart:small\"\nartifact-type = \"doc/example\"\nfiles = [{ path = \"notes.txt\" }]\n",
    );
    project.write("notes.txt", "notes");
    small.write_images(&project);
    refused(&project, &["export", "--format", "az-aosm", "--output", "list.json"], 4)
        .says("its source source.example is a file here")
        .says("pushes Helm charts and templates, and nothing else")
        .says("attaches nothing")
        .says("the URL with its signature in clear text")
        .says("charts and images go to several stores: local, other")
        .count(5);
}

#[test]
fn digests_platforms_and_referrers_have_no_place_in_the_list() {
    let registry = Registry::start(Kind::Native);
    let image = ImageSpec::new(7).layers(&[50]).multi_platform();
    registry.push(&image, "app", "1.0.0");
    let referrer = Image::referrer(image.root(), "example/sbom", b"sbom");
    registry.client().push(&referrer, "app", referrer.digest());
    let project = Project::new();
    let head = |reference: &str, more: &str| {
        format!(
            "{more}[project]\nname = \"x\"\nimage-sources = [\"{0}\"]\n[[images]]\nreference = \"{reference}\"\n",
            registry.host()
        )
    };
    let pinned = format!("{}/app@{}", registry.host(), image.digest());
    project.write("aosm.toml", head(&pinned, ""));
    refused(&project, &["export", "--format", "az-aosm"], 4)
        .one()
        .says("named by its digest, and the Azure CLI extension knows tags only");
    let tagged = format!("{}/app:1.0.0", registry.host());
    project.write("aosm.toml", head(&tagged, "[copy]\nplatforms = [\"linux/amd64\"]\n"));
    refused(&project, &["export", "--format", "az-aosm"], 4)
        .one()
        .says("cannot choose platforms");
    project.write("aosm.toml", head(&tagged, ""));
    let output = project.run(&["export", "--format", "az-aosm"]).ok().says("stay behind");
    assert_eq!(entries(&output.stdout).len(), 1);
}

#[test]
fn templates_and_disk_images_are_listed_with_their_files() {
    let project = vnf();
    project.write(
        "aosm.toml",
        "[stores.local]\nkind = \"local\"\n[stores.disks]\nkind = \"storage-account\"\nemulator = \"http://127.0.0.1:9/devstoreaccount1\"\n\
         [[artifacts]]\nname = \"ubuntu-vm-arm-template\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\nfiles = [{ path = \"templates/ubuntu-template.json\" }]\n\
         [[vhds]]\nname = \"ubuntu-vm-vhd\"\nversion = \"1-0-0\"\nfile = \"disks/ubuntu.vhd\"\n",
    );
    let theirs = project.read("vnf-cli-output/artifacts/artifacts.json");
    let ours = project.run(&["export", "--format", "az-aosm"]).ok().stdout;
    assert_eq!(
        ours.trim_end(),
        theirs.replace("/builds/ubuntu-vm/", ""),
        "byte for byte what the extension writes, but for the machine"
    );
}

#[test]
fn each_template_gets_the_values_that_it_declares_and_no_others() {
    let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
    for (project, folder, definition) in [
        (cnf_at(&first, &second), CNF, "nfDefinition"),
        (vnf(), "vnf-cli-output", "nfDefinition"),
        (nsd(), "nsd-cli-output", "nsdDefinition"),
    ] {
        let arguments = [
            "export",
            "--format",
            "arm-parameters",
            "--from",
            folder,
            "--output",
            "out/values",
        ];
        let written = project.run(&arguments).ok().stdout;
        assert_eq!(
            written,
            format!(
                "wrote out/values/base.parameters.json, out/values/artifactManifest.parameters.json, out/values/{definition}.parameters.json\n"
            )
        );
        for step in ["base", "artifactManifest", definition] {
            let text = project.read(&format!("out/values/{step}.parameters.json"));
            let file: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                file["$schema"],
                "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
            );
            let template = project.read(&format!("{folder}/{step}/deploy.bicep"));
            let declared: Vec<&str> = template
                .lines()
                .filter_map(|line| line.strip_prefix("param ")?.split(' ').next())
                .collect();
            let mut given: Vec<&str> = file["parameters"]
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let mut sorted = declared.clone();
            given.sort_unstable();
            sorted.sort_unstable();
            assert_eq!(given, sorted, "{folder} {step}");
            for name in declared {
                let value = &file["parameters"][name]["value"];
                assert!(!value.is_null(), "{name} has a value");
            }
        }
        let before = project.read("out/values/base.parameters.json");
        project.run(&arguments).ok();
        assert_eq!(project.read("out/values/base.parameters.json"), before);
        let json = project.run(&[&arguments[..], &["--json"]].concat()).ok().json();
        assert_eq!(json["format"], "aosm-export-files/1");
        assert_eq!(json["files"].as_array().map(Vec::len), Some(3));
    }
}

#[test]
fn a_value_that_a_template_needs_and_nobody_has_is_an_error() {
    let project = vnf();
    project.edit(
        "vnf-cli-output/base/deploy.bicep",
        "param location string",
        "param location string\nparam more string\nparam less string = 'x'",
    );
    let arguments = [
        "export",
        "--format",
        "arm-parameters",
        "--from",
        "vnf-cli-output",
        "--output",
        "out",
    ];
    refused(&project, &arguments, 4)
        .one()
        .says("has no value for `more`, which the template of base needs");
    assert!(!project.path("out").exists());
}

#[test]
fn without_a_built_folder_the_input_file_has_the_values() {
    let project = Project::fixture("contoso-cnf");
    project
        .run(&["export", "--format", "arm-parameters", "--output", "out"])
        .ok();
    let file: Value = serde_json::from_str(&project.read("out/artifactManifest.parameters.json")).unwrap();
    assert_eq!(
        file["parameters"]["acrManifestName"]["value"],
        "contoso-cnf-acr-manifest-1-0-0"
    );
    let file: Value = serde_json::from_str(&project.read("out/nfDefinition.parameters.json")).unwrap();
    assert_eq!(file["parameters"]["nfDefinitionVersion"]["value"], "1.0.0");
    let empty = Project::new();
    Small::new(1).write_local(&empty);
    refused(&empty, &["export", "--format", "arm-parameters", "--output", "out"], 4)
        .one()
        .says("has no input file");
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let project = Project::fixture("contoso-cnf");
    for (arguments, why) in [
        (&["export"][..], "--bundle"),
        (
            &["export", "--bundle", "x", "--format", "az-aosm"],
            "cannot be used with",
        ),
        (&["export", "--format", "arm-parameters"], "--output"),
        (
            &["export", "--format", "az-aosm", "--from", "x"],
            "belongs to --format arm-parameters",
        ),
        (
            &["export", "--format", "arm-parameters", "--output", "x", "--only", "y"],
            "has no say",
        ),
    ] {
        project.run(arguments).expect(64).says(why);
    }
}
