//! `cnf-input.jsonc` by itself, in all its forms.

use super::*;

#[test]
fn a_bare_input_file_makes_a_project_with_a_local_store() {
    let folder = jsonc(
        r#"{
    // a comment
    "location": "uksouth", "publisher_name": "p", "publisher_resource_group_name": "g",
    "acr_artifact_store_name": "s", "nf_name": "nginx", "version": "1.0.0",
    "disable_public_network_access": true, "vnet_private_end_points": [], "network_fabric_controller_ids": [],
    "expose_all_parameters": false,
    "image_sources": ["https://MyRegistry.azurecr.io/", "ghcr.io/path/"], /* another */
    "helm_packages": [
        { "name": "app", "path_to_chart": "app", "default_values": "app/Chart.yaml", },
    ],
}"#,
    );
    let project = folder.clean();
    assert_eq!(project.files, ["cnf-input.jsonc"]);
    assert_eq!(
        (project.name.as_str(), project.version.as_deref()),
        ("nginx", Some("1.0.0"))
    );
    let sources: Vec<String> = project
        .image_sources
        .iter()
        .map(|source| source.value.to_string())
        .collect();
    assert_eq!(sources, ["myregistry.azurecr.io", "ghcr.io/path"]);
    assert_eq!(
        project.image_sources[0].place.as_ref().unwrap().to_string(),
        "cnf-input.jsonc:7:23"
    );
    assert_eq!(project.stores[0].name.value, "local");
    assert_eq!(project.charts[0].values[0].value, folder.path.join("app/Chart.yaml"));
    assert_eq!(project.charts[0].release_name.value, "app");
}

#[test]
fn the_form_of_the_first_versions_is_read() {
    let text = r#"{
    "publisher_name": "p", "publisher_resource_group_name": "", "acr_artifact_store_name": "", "location": "x",
    "nf_name": "n", "version": "1.0.0",
    "images": {
        "source_registry": "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/OldAcr",
        "source_registry_namespace": "Samples", "source_local_docker_image": ""
    },
    "helm_packages": [{"name": "app", "path_to_chart": "app", "path_to_mappings": "m.json", "depends_on": ["other"]}]
}"#;
    let folder = Folder::new().with_chart("app").with("input.json", text);
    let (project, warnings) = folder.warned();
    assert_eq!(project.files, ["input.json"]);
    assert_eq!(project.image_sources[0].value.to_string(), "oldacr.azurecr.io/samples");
    assert_eq!(
        warnings,
        [
            "input.json: `publisher_resource_group_name`, `acr_artifact_store_name` not set",
            "helm_packages.path_to_mappings: has no effect",
            "helm_packages.depends_on: has no effect",
        ]
    );
}

#[test]
fn what_old_templates_left_empty_needs_no_word() {
    let text = format!(
        r#"{{"image_sources": ["x.io"], "images": {{"source_registry": "", "source_registry_namespace": ""}}, "multiple_instances":
        false, {}}}"#,
        r#""helm_packages": [{"name": "app", "path_to_chart": "app", "depends_on": [], "path_to_mappings": ""}]"#
    );
    let project = jsonc(&text).clean();
    assert_eq!(project.image_sources.len(), 1);
}

#[test]
fn the_older_images_beside_image_sources_has_no_effect() {
    let text = format!(r#"{{"image_sources": ["x.io"], "images": {{"source_registry": "y.io"}}, {PACKAGE}}}"#);
    let (project, warnings) = jsonc(&text).warned();
    assert_eq!(project.image_sources[0].value.to_string(), "x.io");
    assert_eq!(warnings, ["images: has no effect beside `image_sources`"]);
}

#[test]
fn an_image_of_the_local_docker_is_an_error_that_shows_the_way_out() {
    let text = format!(r#"{{"images": {{"source_local_docker_image": "contoso:1.0.0"}}, {PACKAGE}}}"#);
    let error = jsonc(&text).error();
    for part in [
        "cnf-input.jsonc:1:42 images.source_local_docker_image",
        "docker save contoso:1.0.0 -o images.tar",
        "[sources.\"local-images\"]",
        "kind = \"docker-archive\"",
        "path = \"images.tar\"",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let text = format!(r#"{{"images": {{"source_local_docker_image": "a; rm -rf /"}}, {PACKAGE}}}"#);
    assert!(
        !jsonc(&text).error().contains("rm -rf"),
        "text for a shell is not repeated"
    );
}

#[test]
fn what_the_hint_for_local_docker_images_shows_loads() {
    let text = format!(r#"{{"images": {{"source_local_docker_image": "contoso:1.0.0"}}, {PACKAGE}}}"#);
    let error = jsonc(&text).error();
    let shown = error
        .split("aosm.toml:")
        .nth(1)
        .unwrap()
        .split("\nand remove")
        .next()
        .unwrap();
    let folder = jsonc(&format!("{{{PACKAGE}}}")).with("aosm.toml", shown);
    let project = folder.clean();
    assert_eq!(project.sources["local-images"].kind, SourceKind::DockerArchive);
}

#[test]
fn one_wrong_thing_gives_one_error_with_its_place_and_a_hint() {
    let cases: &[(&str, &str)] = &[
        (
            r#"{"image_source": ["x.io"], "helm_packages": []}"#,
            "cnf-input.jsonc:1:2 image_source: unknown key / did you mean `image_sources`?",
        ),
        (
            r#"{"image_sources": "x.io", P}"#,
            "cnf-input.jsonc:1:19 image_sources: expected a list of texts, found text",
        ),
        (
            r#"{"image_sources": ["x io"], P}"#,
            "cnf-input.jsonc:1:20 image source: `x io` is no host name",
        ),
        (
            r#"{"image_sources": [""], P}"#,
            "cnf-input.jsonc:1:20 image_sources: is empty",
        ),
        (
            r#"{"nf_name": 5, P}"#,
            "cnf-input.jsonc:1:13 nf_name: expected text, found a number / write it in quotes",
        ),
        (
            r#"{"version": "1-0-0", P}"#,
            "cnf-input.jsonc:1:13 version: a version is three numbers",
        ),
        (
            r#"{"version": "1", P}"#,
            "cnf-input.jsonc:1:13 version: a version is three numbers",
        ),
        (
            r#"{"expose_all_parameters": "true", P}"#,
            "cnf-input.jsonc:1:27 expose_all_parameters: expected true or false, found text",
        ),
        (
            r#"{"nf_name": "a", "nf_name": "b", P}"#,
            "cnf-input.jsonc:1:18 cnf-input.jsonc:1:2 `nf_name` stands twice in one object",
        ),
        ("{}", "cnf-input.jsonc:1:1 cnf-input.jsonc: `helm_packages` is missing"),
        (
            r#"{"helm_packages": null}"#,
            "cnf-input.jsonc:1:1 cnf-input.jsonc: `helm_packages` is missing",
        ),
        (
            r#"{"helm_packages": []}"#,
            "cnf-input.jsonc the project names no chart, no image, no artifact and no disk image",
        ),
        (
            r#"{"helm_packages": {}}"#,
            "cnf-input.jsonc:1:19 helm_packages: expected a list of tables, found a table",
        ),
        (
            r#"{"helm_packages": ["app"]}"#,
            "cnf-input.jsonc:1:20 helm_packages: expected a list of tables, found text in it",
        ),
        (
            r#"{"helm_packages": [{"name": "app"}]}"#,
            "cnf-input.jsonc:1:20 helm_packages: `path_to_chart` is missing",
        ),
        (
            r#"{"helm_packages": [{"path_to_chart": "app"}]}"#,
            "cnf-input.jsonc:1:20 helm_packages: `name` is missing",
        ),
        (
            r#"{"helm_packages": [{"name": "", "path_to_chart": "app"}]}"#,
            "cnf-input.jsonc:1:29 helm_packages.name: is empty",
        ),
        (
            r#"{"helm_packages": [{"name": "App_1", "path_to_chart": "app"}]}"#,
            "cnf-input.jsonc:1:29 package App_1: Helm takes only lower-case letters",
        ),
        (
            r#"{"helm_packages": [{"name": "app", "path_to_chart": "ap"}]}"#,
            "cnf-input.jsonc:1:53 chart ap: there is no such file or folder",
        ),
        (
            r#"{"helm_packages": [{"name": "app", "path_to_chart": "app", "default_values": "v.yaml"}]}"#,
            "cnf-input.jsonc:1:78 values file v.yaml: there is no such file or folder",
        ),
        (
            r#"{"helm_packages": [{"name": "a", "path_to_chart": "app"}, {"name": "a", "path_to_chart": "app"}]}"#,
            "cnf-input.jsonc:1:68 cnf-input.jsonc:1:29 package a: named twice",
        ),
        (
            r#"{"vhd": {"version": "1-0-0"}, P}"#,
            "cnf-input.jsonc:1:2 vhd: has no place in this file",
        ),
        (
            r#"{"resource_element_templates": [{}], P}"#,
            "cnf-input.jsonc:1:2 resource_element_templates: has no place in this file / it belongs in an `nsd-input.jsonc`",
        ),
        (
            r#"{"images": ["x.io/a:1.0.0"], P}"#,
            "cnf-input.jsonc:1:12 images: expected a table, found a list",
        ),
        (
            r#"{"images": {"source_registry_namespace": "a"}, P}"#,
            "cnf-input.jsonc:1:42 images.source_registry_namespace: a namespace without a registry",
        ),
        (
            r#"{"images": {"source_registry": "/subscriptions/0"}, P}"#,
            "cnf-input.jsonc:1:32 image source: this resource ID names no container registry",
        ),
        (
            "[]",
            "cnf-input.jsonc:1:1 cnf-input.jsonc: expected an object, found a list",
        ),
        ("", "cnf-input.jsonc the file holds no JSON"),
        ("// nothing\n", "cnf-input.jsonc:1:1 the file holds no JSON"),
        ("{\"a\": 1", "cnf-input.jsonc:1:1 unterminated object"),
        (
            "{'nf_name': 'x'}",
            "cnf-input.jsonc:1:2 single-quoted strings are not allowed",
        ),
        (
            "{nf_name: 1}",
            "cnf-input.jsonc:1:2 expected string for object property",
        ),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let folder = jsonc(&text.replace(" P}", &format!(" {PACKAGE}}}")));
        let found = match folder.load() {
            Err(faults) => faults
                .iter()
                .filter(|fault| fault.is_error())
                .map(line)
                .collect::<Vec<_>>(),
            Ok((_, warnings)) => vec![format!("no error; {}", lines(&warnings))],
        };
        if found.len() != 1 || !found[0].starts_with(expected) {
            wrong.push(format!(
                "{text}\nexpected {expected}\nfound    {}",
                found.join("\n         ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn all_errors_are_told_in_one_run_in_the_order_of_the_file() {
    let text = "{\n\"verison\": \"1\",\n\"nf_name\": 1,\n\"helm_packages\": [\n{\"name\": \"A\", \"path_to_chart\": \"x\"},\n{\"nam\": \"b\"}\n]}";
    let errors: Vec<String> = jsonc(text)
        .errors()
        .iter()
        .map(|fault| fault.labels()[0].place.to_string())
        .collect();
    assert_eq!(
        errors,
        [
            "cnf-input.jsonc:2:1",
            "cnf-input.jsonc:3:12",
            "cnf-input.jsonc:5:32",
            "cnf-input.jsonc:6:1",
            "cnf-input.jsonc:6:1",
            "cnf-input.jsonc:6:2"
        ]
    );
}

#[test]
fn ten_thousand_brackets_are_one_error() {
    for text in [
        "[".repeat(10_000),
        "{\"a\":".repeat(10_000),
        format!("{{\"a\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000)),
    ] {
        assert!(jsonc(&text).error().contains("nested deeper than 64 levels"));
    }
}

#[test]
fn versions_that_the_azure_cli_takes_are_taken_with_a_warning() {
    let (project, warnings) = jsonc(&format!(
        r#"{{"location": "l", "publisher_name": "p", "publisher_resource_group_name": "g",
        "acr_artifact_store_name": "s", "nf_name": "n", "version": "1.", {PACKAGE}}}"#
    ))
    .warned();
    assert_eq!(project.version.as_deref(), Some("1."));
    assert_eq!(warnings, ["version: a version is three numbers joined by dots"]);
}

#[test]
fn an_input_file_written_by_hand_needs_no_publisher() {
    assert_eq!(jsonc(&format!("{{{PACKAGE}}}")).clean().charts.len(), 1);
}

#[test]
fn archives_are_charts_by_their_names() {
    for name in ["a.tgz", "a.tar", "a.tar.gz"] {
        let text = format!(r#"{{"helm_packages": [{{"name": "a", "path_to_chart": "{name}"}}]}}"#);
        assert_eq!(jsonc(&text).with(name, "x").clean().charts.len(), 1);
    }
    let text = r#"{"helm_packages": [{"name": "a", "path_to_chart": "a.zip"}]}"#;
    assert!(
        jsonc(text)
            .with("a.zip", "x")
            .error()
            .contains("not a folder, `.tgz`, `.tar` or `.tar.gz`")
    );
}
