//! Folders that are not what the extension builds: one clear error each, all of them in one run, each with its place.

use crate::support::cli_output::{CNF, CNF_LIST, CNF_MANIFEST, cnf, cnf_charts, nsd, vnf};
use crate::support::refusal::{Refusal, refused};
use crate::support::*;

const INDEX: &str = "cnf-cli-output/index.json";
const PARAMETERS: &str = "cnf-cli-output/all_deploy.parameters.json";

/// Replaces the first of what may stand there often.
fn edit_first(project: &Project, file: &str, from: &str, to: &str) {
    let text = project.read(file);
    assert!(text.contains(from), "{file} does not contain {from:?}");
    project.write(file, text.replacen(from, to, 1));
}

fn plan(project: &Project) -> Refusal {
    refused(project, &["plan", "--from", CNF], 4)
}

#[test]
fn what_is_no_such_folder_is_one_error() {
    let project = cnf();
    refused(&project, &["plan", "--from", "nothing"], 4)
        .one()
        .says("nothing: there is no such folder")
        .says("cnf-cli-output");
    refused(&project, &["plan", "--from", CNF_LIST], 4)
        .one()
        .says("is no folder");
    refused(&project, &["apply", "--from", "charts"], 4)
        .one()
        .says("charts/index.json: there is no such file")
        .says("is this the folder that `az aosm nfd build`");
}

#[test]
fn all_missing_fields_of_all_files_are_told_at_once_with_their_places() {
    let project = cnf();
    edit_first(
        &project,
        CNF_LIST,
        "\"artifact_version\": \"1.0.0\",\n        \"file_path\"",
        "\"file_path\"",
    );
    edit_first(&project, CNF_LIST, "\"artifact_name\": \"release/contoso-b\",", "");
    edit_first(
        &project,
        CNF_LIST,
        ",\n        \"registry_namespace\": \"contoso/\"",
        "",
    );
    edit_first(&project, INDEX, "\"name\": \"base\",", "");
    edit_first(&project, PARAMETERS, "\"publisherName\": \"contoso\",", "");
    edit_first(&project, PARAMETERS, "\"westeurope\"", "7");
    edit_first(&project, CNF_MANIFEST, "        artifactType: 'OCIArtifact'\n", "");
    plan(&project)
        .count(7)
        .says("artifacts.json: entry 1: `artifact_version` is missing")
        .says("artifacts.json:2:5")
        .says("artifacts.json: entry 3: `artifact_name` is missing")
        .says("artifacts.json: test-release/contoso-test:1.0.0: `registry_namespace` is missing")
        .says("index.json: step 1: `name` is missing")
        .says("`publisherName` is missing")
        .says("`location` must be a text")
        .says("deploy.bicep: `artifactType` is missing");
}

#[test]
fn unknown_classes_types_and_registries_are_named() {
    let project = cnf();
    edit_first(&project, CNF_LIST, "\"ACRFromLocalFile\"", "\"AcrFromLocalFile\"");
    edit_first(&project, CNF_LIST, "\"UniversalRegistry\"", "\"Universal\"");
    edit_first(
        &project,
        CNF_LIST,
        "\"OCIArtifact\",\n        \"artifact_version\": \"1.0.0\",\n        \"file_path\": \"/builds/contoso/charts/contoso-gateway\"",
        "\"ImageFile\",\n        \"artifact_version\": \"1.0.0\",\n        \"file_path\": \"x\"",
    );
    plan(&project)
        .count(3)
        .says("`AcrFromLocalFile` is no type of artifact")
        .says("did you mean `ACRFromLocalFile`")
        .says("`Universal` is no type of registry")
        .says("a file of the type `ImageFile` has no place in a registry");
}

#[test]
fn what_the_manifest_lists_and_the_list_lacks_is_an_error_that_names_it() {
    let project = cnf();
    // An image that the build did not find: it stays in the manifest, and that can never be complete.
    let list = project.read(CNF_LIST);
    let entries: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    let kept: Vec<_> = entries
        .into_iter()
        .filter(|entry| entry["artifact_name"] != "release/contoso-c")
        .collect();
    project.write(CNF_LIST, serde_json::to_string_pretty(&kept).unwrap());
    plan(&project)
        .one()
        .says("artifacts.json lacks what the artifact manifest lists: release/contoso-c:1.0.0")
        .says("deploy.bicep:54:")
        .says("`image_sources`");
}

#[test]
fn what_the_manifest_does_not_list_is_an_error_too() {
    let project = cnf();
    let text = project.read(CNF_MANIFEST).replace("contoso-gateway", "contoso-gate");
    project.write(CNF_MANIFEST, text);
    plan(&project)
        .count(2)
        .says("lacks what the artifact manifest lists: contoso-gate:1.0.0")
        .says("contoso-gateway:1.0.0: the artifact manifest does not list it");
}

#[test]
fn a_manifest_that_was_changed_by_hand_says_what_was_expected_and_how_to_compile_it() {
    let project = cnf();
    edit_first(
        &project,
        CNF_MANIFEST,
        "artifactVersion: '1.0.0'",
        "artifactVersion: '${version}'",
    );
    plan(&project)
        .one()
        .says("expected a value written out, found a text that is computed")
        .says("not the form that the Azure CLI extension writes")
        .says("az bicep build --file cnf-cli-output/artifactManifest/deploy.bicep");
}

#[test]
fn the_compiled_manifest_is_read_in_both_of_its_forms() {
    let artifacts = |names: &[&str]| {
        let one = |name: &&str| {
            format!(r#"{{"artifactName": "{name}", "artifactType": "OCIArtifact", "artifactVersion": "1.0.0"}}"#)
        };
        names.iter().map(one).collect::<Vec<_>>().join(",\n")
    };
    let all = artifacts(&["contoso-cnf", "contoso-gateway"]);
    let resource = |artifacts: &str| {
        format!(
            r#"{{"type": "Microsoft.Hybridnetwork/publishers/artifactStores/artifactManifests", "apiVersion": "2023-09-01",
 "name": "[format('{{0}}/{{1}}/{{2}}', parameters('publisherName'), parameters('acrArtifactStoreName'), parameters('acrManifestName'))]",
 "location": "[parameters('location')]", "properties": {{"artifacts": [{artifacts}]}}}}"#
        )
    };
    let existing = r#"{"existing": true, "type": "Microsoft.HybridNetwork/publishers", "apiVersion": "2023-09-01", "name": "[parameters('publisherName')]"}"#;
    let list = |artifacts: &str| format!("{{\"resources\": [{}]}}", resource(artifacts));
    let symbols = |artifacts: &str| {
        format!(
            "{{\"languageVersion\": \"2.0\", \"resources\": {{\"publisher\": {existing}, \"manifest\": {}}}}}",
            resource(artifacts)
        )
    };
    for write in [&list as &dyn Fn(&str) -> String, &symbols] {
        let project = cnf_charts();
        project.remove(CNF_MANIFEST);
        project.write("cnf-cli-output/artifactManifest/deploy.json", write(&all));
        project.run(&["plan", "--from", CNF]).ok();
        let fewer = all.replace("contoso-gateway", "contoso-gate");
        project.write("cnf-cli-output/artifactManifest/deploy.json", write(&fewer));
        plan(&project).count(2).says("deploy.json").says("contoso-gate:1.0.0");
    }
    // Compiled after a change by hand: what cannot be read as it is is not needed.
    let project = cnf_charts();
    edit_first(
        &project,
        CNF_MANIFEST,
        "artifactVersion: '1.0.0'",
        "artifactVersion: version",
    );
    project.write("cnf-cli-output/artifactManifest/deploy.json", list(&all));
    project.run(&["plan", "--from", CNF]).ok();
    for (text, why) in [
        ("[]", "expected an object, found a list"),
        ("{}", "`resources` is missing"),
        ("{\"resources\": 7}", "`resources` is a list or an object"),
        ("{\"resources\": []}", "makes no artifact manifest"),
        (
            "{\"resources\": [{\"type\": \"Microsoft.HybridNetwork/publishers/artifactStores/artifactManifests\", \"name\": \"x\", \"properties\": {\"artifacts\": []}}]}",
            "`x` names no artifact manifest",
        ),
    ] {
        project.write("cnf-cli-output/artifactManifest/deploy.json", text);
        plan(&project).one().says(why);
    }
    let computed = all.replacen("\"1.0.0\"", "\"[parameters('v')]\"", 1);
    project.write("cnf-cli-output/artifactManifest/deploy.json", list(&computed));
    plan(&project).one().says("`artifactVersion` is computed");
}

#[test]
fn one_name_with_two_contents_is_an_error_and_equal_entries_are_one() {
    let project = cnf();
    // The list of the worked example has one image twice already.
    let list = project.read(CNF_LIST);
    let at = list.rfind("\"registry_namespace\": \"\"").unwrap();
    project.write(
        CNF_LIST,
        format!("{}\"registry_namespace\": \"other/\"{}", &list[..at], &list[at + 24..]),
    );
    plan(&project)
        .one()
        .says("release/contoso-a:1.0.0: listed twice, with two contents")
        .says("the first");
}

#[test]
fn names_that_no_registry_takes_are_told_with_what_went_wrong_at_the_build() {
    let project = cnf();
    edit_first(
        &project,
        CNF_LIST,
        "\"artifact_name\": \"release/contoso-b\",\n        \"artifact_type\": \"OCIArtifact\",\n        \"artifact_version\": \"1.0.0\"",
        "\"artifact_name\": \"app@sha256\",\n        \"artifact_type\": \"OCIArtifact\",\n        \"artifact_version\": \"1.0.0'\"",
    );
    plan(&project)
        .count(2)
        .says("`app@sha256` is no repository name")
        .says("cuts a reference by digest in the wrong place")
        .says("kept a quotation mark of the chart");
}

#[test]
fn a_chart_that_is_another_than_the_one_listed_is_an_error() {
    let project = cnf();
    edit_first(
        &project,
        "charts/contoso-cnf/Chart.yaml",
        "version: 1.0.0",
        "version: 1.0.1",
    );
    edit_first(
        &project,
        "charts/contoso-gateway/Chart.yaml",
        "name: contoso-gateway",
        "name: gateway",
    );
    plan(&project)
        .count(2)
        .says("is listed with the version 1.0.0, and its Chart.yaml says 1.0.1")
        .says("is listed with the name contoso-gateway, and its Chart.yaml says gateway");
}

#[test]
fn files_that_are_no_json_or_something_else_are_told_with_their_line() {
    for (file, text, why) in [
        (CNF_LIST, "[\n  {,\n]", "artifacts.json:2:"),
        (CNF_LIST, "{}", "artifacts.json: expected a list, found a table"),
        (CNF_LIST, "[7]", "entry 1: expected an object, found a number"),
        (CNF_LIST, "", "the file holds no JSON"),
        (INDEX, "{\"a\": 1}", "index.json: expected a list"),
        (INDEX, "[]", "has no step of the type `artifact`"),
        (
            INDEX,
            "[{\"name\": \"../x\", \"type\": \"artifact\"}]",
            "`../x` is no name of a folder",
        ),
        (PARAMETERS, "[]", "expected an object, found a list"),
        (
            PARAMETERS,
            "{\"$schema\": \"x\", \"contentVersion\": \"1.0.0.0\", \"parameters\": {}}",
            "is a parameter file of Resource Manager",
        ),
        (CNF_MANIFEST, "", "makes no artifact manifest"),
        (CNF_MANIFEST, "\u{0}\u{1}", "expected `param` or `resource`"),
    ] {
        let project = cnf();
        project.write(file, text);
        plan(&project).says(why);
    }
    let project = cnf();
    project.write(CNF_LIST, "[".repeat(100_000));
    plan(&project).one().says("nested deeper");
    project.write(CNF_LIST, "[\"".to_owned() + &"x".repeat(2 << 20) + "\"]");
    plan(&project).one().says("larger than 1 MiB");
}

#[test]
fn unknown_fields_and_steps_are_warnings() {
    let project = cnf_charts();
    edit_first(
        &project,
        CNF_LIST,
        "\"file_path\"",
        "\"filepath\": \"x\",\n        \"file_path\"",
    );
    edit_first(
        &project,
        INDEX,
        "\"type\": \"bicep\",\n        \"only_delete_on_clean\": true",
        "\"type\": \"terraform\"",
    );
    project
        .run(&["plan", "--from", CNF])
        .ok()
        .says("`filepath` is not known here")
        .says("a step of type `terraform` is left out");
}

#[test]
fn stores_that_are_not_there_or_cannot_hold_it_are_told() {
    let project = cnf();
    refused(&project, &["plan", "--from", CNF, "--store", "images"], 4)
        .one()
        .says("--store images: the project has no store of this name");
    refused(&project, &["plan", "--from", CNF, "--environment", "live"], 4)
        .one()
        .says("environment live: there is no aosm.toml that has it");
    project.write("cnf-input.jsonc", "{}");
    refused(&project, &["plan", "--from", CNF, "--project", "cnf-input.jsonc"], 4)
        .one()
        .says("beside a list only an `aosm.toml` has anything to say");
    let project = vnf();
    refused(&project, &["plan", "--from", "vnf-cli-output"], 4)
        .one()
        .says("no store can hold it: only a storage account does")
        .says("kind = \"storage-account\"");
    project.write(
        "aosm.toml",
        "[stores.disks]\nkind = \"storage-account\"\nemulator = \"http://127.0.0.1:9/devstoreaccount1\"\n",
    );
    refused(&project, &["plan", "--from", "vnf-cli-output"], 4)
        .one()
        .says("no store can hold its charts, images and templates");
}

#[test]
fn signatures_where_they_do_not_belong_are_refused_and_not_repeated() {
    const SECRET: &str = "c2VjcmV0c2VjcmV0";
    let url = format!("https://a.blob.core.windows.net/c/b.vhd?sv=1&sig={SECRET}");
    let project = nsd();
    let list = "nsd-cli-output/artifacts/artifacts.json";
    for from in [
        "artifacts/contoso-cnf.bicep",
        "contoso-nsd",
        "1.0.0",
        "ArmTemplate",
        "ACRFromLocalFile",
    ] {
        let project = nsd();
        project.write(
            list,
            project
                .read(list)
                .replacen(&format!("\"{from}\""), &format!("\"{url}\""), 1),
        );
        let refusal = refused(&project, &["plan", "--from", "nsd-cli-output"], 4).says("holds a signature");
        assert!(!refusal.0.to_string().contains(SECRET), "{from}");
    }
    for text in [
        format!("[{{\"blob_sas_uri\": \"{url}\"}}]"),
        format!("[{{\"type\": \"StorageAccountFromBlob\", \"blob_sas_uri\": \"nonsense sig={SECRET}\"}}]"),
        format!("[{{\"type\": \"StorageAccountFromBlob\", \"blob_sas_uri\": [\"{url}\"]}}]"),
        format!("[{{\"{url}\": 1}}]"),
        format!("[{{\"blob_sas_uri\": \"{url}\n"),
        format!("{} \"{url}\"", "[".repeat(500)),
    ] {
        project.write(list, &text);
        let refusal = refused(&project, &["plan", "--from", "nsd-cli-output"], 4);
        assert!(
            !refusal.0.to_string().contains(SECRET),
            "{}",
            text.replace(SECRET, "***")
        );
    }
}
