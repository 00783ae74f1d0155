//! `images --values-paths` through the binary, with a real Helm: which values make which part of each image.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::documents::fits;
use crate::support::*;

mod families;

/// A Helm that writes a line each time it renders.
fn counting_helm(project: &Project) -> std::path::PathBuf {
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = template ]; then echo render >>'{}'; fi\nexec '{}' \"$@\"\n",
        project.path("helm.log").display(),
        tools::helm().display()
    );
    project.write("helm.log", "").write("helm", script);
    let path = project.path("helm");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    path
}

fn renders(project: &Project) -> usize {
    project.read("helm.log").lines().count()
}

/// A project of one chart, as files below `chart/`.
fn chart(files: &[(&str, &str)], settings: &str) -> Project {
    let project = Project::new();
    project.write(
        "aosm.toml",
        format!(
            "[project]\nimage-sources = [\"source.test\"]\n\n[[charts]]\nname = \"app\"\npath = \"chart\"\n{settings}"
        ),
    );
    if !files.iter().any(|(name, _)| *name == "Chart.yaml") {
        project.write(
            "chart/Chart.yaml",
            "apiVersion: v2\nname: app\nversion: 1.0.0\nappVersion: 2.7.0\n",
        );
    }
    for (name, text) in files {
        project.write(&format!("chart/{name}"), text);
    }
    project
}

/// A pod of these images, each the text of its field.
fn pod(images: &[&str]) -> String {
    let mut text = String::from("apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n");
    for (number, image) in images.iter().enumerate() {
        writeln!(text, "    - name: c{number}\n      image: {image}").unwrap();
    }
    text
}

fn asked(project: &Project) -> Value {
    let document = project.aosm(&["images", "--values-paths", "--json"]).run().ok().json();
    fits(project, "values-paths", &document);
    document
}

/// One line an image: its parts and what makes them, `+` before what would replace.
fn table(package: &Value) -> Vec<String> {
    let made = |image: &Value, part: &str| {
        let paths: Vec<String> = image[part]
            .as_array()
            .unwrap()
            .iter()
            .map(|made| {
                let sign = if made["current"] == true { "" } else { "+" };
                format!("{sign}{}", made["path"].as_str().unwrap())
            })
            .collect();
        paths.join(" ")
    };
    package["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| {
            let parts = ["registry", "repository", "tag", "digest"].map(|part| made(image, part));
            format!(
                "{} {} | {}",
                image["reference"].as_str().unwrap(),
                image["status"].as_str().unwrap(),
                parts.join(" | ")
            )
        })
        .collect()
}

fn one(project: &Project) -> Value {
    asked(project)["packages"][0].clone()
}

#[test]
fn the_worked_example_says_what_the_service_may_set() {
    let project = Project::fixture("contoso-cnf");
    let document = asked(&project);
    let packages = document["packages"].as_array().unwrap();
    let cnf = packages.iter().find(|p| p["chart"] == "contoso-cnf").unwrap();
    assert_eq!(
        table(cnf),
        [
            "repository/release/contoso-a:1.0.0 redirected | global.registryPath | controller.image.repository | +controller.image.tag | ",
            "repository/release/contoso-b:1.0.0 redirected | global.registryPath | worker.image.repository | worker.image.tag | ",
            "repository/test-release/contoso-test:1.0.0 redirected | global.registryPath | test.image.repository | test.image.tag | ",
        ]
    );
    assert_eq!(cnf["registry-values-paths"], json!(["global.registryPath"]));
    assert_eq!(
        cnf["image-pull-secrets-values-paths"],
        json!(["global.imagePullSecrets"])
    );
    assert_eq!(cnf["images"][0]["tag-is-app-version"], true);
    assert_eq!(cnf["renders"], 2);
    let gateway = packages.iter().find(|p| p["chart"] == "contoso-gateway").unwrap();
    assert_eq!(gateway["registry-values-paths"], json!([]));
    assert_eq!(gateway["images"][0]["status"], "fixed-registry");

    let profiles = project
        .run(&["images", "--values-paths", "--format", "json"])
        .ok()
        .json();
    let name = cnf["package"].as_str().unwrap();
    assert_eq!(
        profiles[name],
        json!({
            "helmPackageName": "contoso-cnf",
            "helmPackageVersionRange": cnf["version"],
            "registryValuesPaths": ["global.registryPath"],
            "imagePullSecretsValuesPaths": ["global.imagePullSecrets"],
        })
    );
    let bicep = project
        .run(&["images", "--values-paths", "--format", "bicep"])
        .ok()
        .stdout;
    assert!(bicep.contains("@export()\nvar helmArtifactProfiles = {\n"), "{bicep}");
    assert!(
        bicep.contains("    registryValuesPaths: [\n      'global.registryPath'\n    ]\n"),
        "{bicep}"
    );
    let words = project.run(&["images", "--values-paths"]).ok().stdout;
    assert!(words.contains("registryValuesPaths: global.registryPath"), "{words}");
}

#[test]
fn a_guarded_value_is_found_out_and_the_others_are_still_told() {
    let templates = "{{- if ne .Values.image.tag \"1.2.3\" }}{{ fail \"this tag is not supported\" }}{{ end }}\n"
        .to_owned()
        + &pod(&["{{ .Values.registry }}/{{ .Values.image.repository }}:{{ .Values.image.tag }}"]);
    let project = chart(
        &[
            (
                "values.yaml",
                "registry: docker.io\nimage: {repository: team/app, tag: 1.2.3}\n",
            ),
            ("templates/a.yaml", &templates),
        ],
        "",
    );
    let package = one(&project);
    assert_eq!(
        table(&package),
        ["docker.io/team/app:1.2.3 redirected | registry | image.repository |  | "]
    );
    assert_eq!(package["guarded"][0]["path"], "image.tag");
    let why = package["guarded"][0]["why"].as_str().unwrap();
    assert!(why.contains("this tag is not supported"), "{why}");
}

#[test]
fn a_schema_required_values_and_version_comparisons_are_no_obstacle() {
    let schema = json!({
        "type": "object",
        "properties": {
            "image": {
                "type": "object",
                "properties": { "edition": { "enum": ["debian", "alpine"] }, "tag": { "type": "number" } },
                "additionalProperties": false,
                "required": ["registry"],
            }
        }
    });
    let project = chart(
        &[
            (
                "values.schema.json",
                &(schema_with(&schema, &["registry", "repository"])).to_string(),
            ),
            (
                "values.yaml",
                "image: {registry: docker.io, repository: team/app, tag: 1.21, edition: debian}\n",
            ),
            (
                "templates/a.yaml",
                &pod(&[
                    "\"{{ required \"no registry\" .Values.image.registry }}/{{ .Values.image.repository }}:\
                        {{ if semverCompare \">=1.20\" (printf \"%v\" .Values.image.tag) }}{{ .Values.image.tag }}{{ else }}old{{ end }}-{{ .Values.image.edition }}\"",
                ]),
            ),
        ],
        "",
    );
    let package = one(&project);
    assert_eq!(
        table(&package),
        ["docker.io/team/app:1.21-debian redirected | image.registry | image.repository | image.tag | "]
    );
}

/// The same schema with more properties of `image` that take any text.
fn schema_with(schema: &Value, texts: &[&str]) -> Value {
    let mut schema = schema.clone();
    for text in texts {
        schema["properties"]["image"]["properties"][*text] = json!({ "type": "string" });
    }
    schema
}

#[test]
fn aliases_subcharts_and_globals_are_named_where_they_can_be_set() {
    let image = "{{ .Values.global.registry | default .Values.image.registry }}/{{ .Values.image.name }}:{{ .Values.image.tag | default .Chart.AppVersion }}";
    let sub =
        pod(&[&format!("\"{image}\"")]).replace("name: app", "name: \"{{ .Chart.Name }}-{{ .Values.image.name }}\"");
    let project = chart(
        &[
            (
                "Chart.yaml",
                "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- {name: store, version: 1.0.0, alias: first}\n- {name: store, version: 1.0.0, alias: second}\n",
            ),
            ("values.yaml", "second: {image: {name: b, tag: null}}\n"),
            (
                "charts/store/Chart.yaml",
                "apiVersion: v2\nname: store\nversion: 1.0.0\nappVersion: \"9.1\"\n",
            ),
            (
                "charts/store/values.yaml",
                "global: {registry: \"\"}\nimage: {registry: quay.io, name: a, tag: \"\"}\n",
            ),
            ("charts/store/templates/a.yaml", &sub),
        ],
        "",
    );
    let package = one(&project);
    assert_eq!(
        table(&package),
        [
            "quay.io/a:9.1 redirected | first.image.registry +global.registry | first.image.name | +first.image.tag | ",
            "quay.io/b:9.1 redirected | second.image.registry +global.registry | second.image.name | +second.image.tag | ",
        ]
    );
    assert_eq!(package["registry-values-paths"], json!(["global.registry"]));
    assert_eq!(package["images"][0]["tag-is-app-version"], true);
}

#[test]
fn pull_secrets_tell_their_form_and_a_service_account_counts() {
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa}\nimagePullSecrets: {{ toJson .Values.accountPullSecrets }}\n---\n\
                   apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {serviceAccountName: sa, containers: [{name: a, image: \"{{ .Values.image }}\"}]}\n";
    let names = "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec:\n  containers: [{name: a, image: \"{{ .Values.image }}\"}]\n  \
                 imagePullSecrets:\n  {{- range .Values.pullSecrets }}\n    - name: {{ . }}\n  {{- end }}\n";
    let project = chart(
        &[
            (
                "values.yaml",
                "image: docker.io/a/b:1\naccountPullSecrets: []\npullSecrets: []\n",
            ),
            ("templates/a.yaml", account),
            ("templates/b.yaml", names),
        ],
        "",
    );
    let package = one(&project);
    assert_eq!(
        package["pull-secrets"],
        json!([{"path": "accountPullSecrets", "form": "maps"}, {"path": "pullSecrets", "form": "texts"}])
    );
    assert_eq!(
        package["image-pull-secrets-values-paths"],
        json!(["accountPullSecrets"])
    );
    assert_eq!(
        package["images"][0]["pull-secrets"],
        json!(["accountPullSecrets", "pullSecrets"])
    );
    let words = project.run(&["images", "--values-paths"]).ok().stdout;
    assert!(
        words.contains("pullSecrets takes pull secrets as a list of names"),
        "{words}"
    );
}

#[test]
fn values_of_set_and_of_values_files_count_and_secrets_of_set_are_not_shown() {
    let project = chart(
        &[
            (
                "values.yaml",
                "registry: docker.io\nparts: [{image: a/b, tag: \"1\"}, {image: a/c, tag: \"1\"}]\nspare: {image: {repository: x/y, tag: \"1\"}}\n",
            ),
            (
                "templates/a.yaml",
                &(String::from(
                    "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n  {{- range $n, $part := .Values.parts }}\n",
                ) + "    - {name: \"c{{ $n }}\", image: \"{{ $.Values.registry }}/{{ $part.image }}:{{ $part.tag }}\"}\n  {{- end }}\n"),
            ),
        ],
        "values = [\"more.yaml\"]\nset = { \"parts[1].tag\" = \"v7\", \"spare.image.repository\" = \"hidden/secret\" }\n",
    );
    project.write(
        "more.yaml",
        "registry: quay.io\nparts: [{image: a/b, tag: \"2\"}, {image: a/d, tag: \"2\"}]\n",
    );
    let output = project.aosm(&["images", "--values-paths", "--json"]).run().ok();
    let package = output.json()["packages"][0].clone();
    assert_eq!(
        table(&package),
        [
            "quay.io/a/b:2 redirected | registry | parts[0].image | parts[0].tag | ",
            "quay.io/a/d:v7 redirected | registry | parts[1].image | parts[1].tag | ",
        ]
    );
    assert_eq!(package["unused"], json!([{"path": "spare.image", "reference": null}]));
    output.silent_about("hidden/secret");
}

#[test]
fn images_of_ready_made_manifests_have_no_values() {
    let project = Project::new();
    project.write("pod.yaml", pod(&["docker.io/team/app:1"]));
    project.write(
        "aosm.toml",
        "[project]\nimage-sources = [\"source.test\"]\n\n[[charts]]\nname = \"app\"\nmanifests = [\"pod.yaml\"]\n",
    );
    let package = one(&project);
    assert_eq!(table(&package), ["docker.io/team/app:1 no-values |  |  |  | "]);
    assert_eq!((&package["chart"], &package["renders"]), (&Value::Null, &json!(0)));
    assert_eq!(
        project
            .run(&["images", "--values-paths", "--format", "json"])
            .ok()
            .json(),
        json!({})
    );
}

#[test]
fn a_chart_that_takes_nothing_ends_within_the_bound_and_says_so() {
    let mut values = String::new();
    let mut images = Vec::new();
    for number in 0..100 {
        writeln!(values, "part{number}: {{image: docker.io/team/part-{number}:1}}").unwrap();
        images.push(format!(
            "{{{{ if not (hasPrefix \"docker.io/team/part-\" .Values.part{number}.image) }}}}{{{{ fail \"no\" }}}}{{{{ end }}}}{{{{ .Values.part{number}.image }}}}"
        ));
    }
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let project = chart(&[("values.yaml", &values), ("templates/a.yaml", &pod(&images))], "");
    let helm = counting_helm(&project);
    let ask = || {
        project
            .aosm(&["images", "--values-paths", "--json"])
            .env("AOSM_HELM", &helm)
            .run()
            .ok()
            .json()
    };
    let package = ask()["packages"][0].clone();
    assert_eq!(package["renders"], 65);
    assert_eq!(renders(&project), 65);
    assert!(!package["undecided"].as_array().unwrap().is_empty());
    assert_eq!(package["images"][0]["status"], "unknown");
    assert_eq!(ask()["packages"][0]["helm-runs"], 0, "refusals are remembered");
    assert_eq!(renders(&project), 65);
}

#[test]
fn values_that_are_huge_or_odd_are_bounded() {
    let mut values = String::from(
        "image: docker.io/a/b:1\nsub: {}\nodd: {image: [x, {y: null}], tag: true, registry: {}, imagePullSecrets: {a: 1}}\nlist: [1, [2, {image: x/y:1}]]\nblob: |\n",
    );
    for _ in 0..20_000 {
        values.push_str("  docker.io/a/b:1 docker.io/a/b:1\n");
    }
    values.push_str("many:\n");
    for number in 0..4_000 {
        writeln!(values, "  - {{image: \"other/part-{number}:1\"}}").unwrap();
    }
    let project = chart(
        &[
            ("values.yaml", &values),
            ("charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
            ("charts/sub/values.yaml", "image: s/t:1\n"),
            ("templates/a.yaml", &pod(&["{{ .Values.image }}"])),
        ],
        "",
    );
    let package = one(&project);
    assert_eq!(
        table(&package),
        ["docker.io/a/b:1 fixed-registry | image | image | image | "]
    );
    assert!(package["left-out"].as_u64().unwrap() > 900, "{}", package["left-out"]);
}

#[test]
fn twenty_charts_take_one_render_more_each_and_a_second_run_none() {
    let project = Project::new();
    let mut config = String::from("[project]\nimage-sources = [\"source.test\"]\n");
    for number in 0..20 {
        let folder = format!("charts/c{number}");
        project.write(
            &format!("{folder}/Chart.yaml"),
            format!("apiVersion: v2\nname: c{number}\nversion: 1.0.0\nappVersion: \"2.{number}.0\"\n"),
        );
        let mut values = String::from("registry: source.test\nimagePullSecrets: []\n");
        let mut images = Vec::new();
        for part in 0..6 {
            writeln!(
                values,
                "part{part}: {{image: {{repository: team/part-{part}, tag: \"\"}}}}"
            )
            .unwrap();
            images.push(format!(
                "\"{{{{ .Values.registry }}}}/{{{{ .Values.part{part}.image.repository }}}}:{{{{ .Values.part{part}.image.tag | default .Chart.AppVersion }}}}\""
            ));
        }
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let secrets = "  {{- with .Values.imagePullSecrets }}\n  imagePullSecrets: {{ toJson . }}\n  {{- end }}\n";
        project.write(&format!("{folder}/values.yaml"), values);
        project.write(&format!("{folder}/templates/a.yaml"), pod(&images) + secrets);
        write!(config, "\n[[charts]]\nname = \"c{number}\"\npath = \"{folder}\"\n").unwrap();
    }
    project.write("aosm.toml", config);
    let helm = counting_helm(&project);
    let ask = || {
        project
            .aosm(&["-v", "images", "--values-paths", "--json"])
            .env("AOSM_HELM", &helm)
            .run()
            .ok()
    };
    let first = ask().says("values of c0: 2 renders, 1 by helm in this run").json();
    assert_eq!(renders(&project), 40);
    assert_eq!(first["summary"]["redirected"], 120);
    assert_eq!(
        (&first["summary"]["renders"], &first["summary"]["helm-runs"]),
        (&json!(40), &json!(20))
    );
    let second = ask().json();
    assert_eq!(renders(&project), 40, "a second run starts no Helm");
    assert_eq!(second["packages"][3]["images"], first["packages"][3]["images"]);
    assert_eq!(second["summary"]["helm-runs"], 0);
    // Another value: only that chart is asked again.
    project.edit("charts/c7/values.yaml", "registry: source.test", "registry: other.test");
    ask();
    assert_eq!(renders(&project), 42);
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let project = chart(&[("values.yaml", "{}"), ("templates/a.yaml", &pod(&["a/b:1"]))], "");
    for flags in [
        &["images", "--values-paths", "--locate"][..],
        &["images", "--values-paths", "--why", "a"],
        &["images", "--format", "bicep"],
        &["images", "--values-paths", "--format", "bicep", "--json"],
        &["images", "--values-paths", "--format", "yaml"],
    ] {
        project.run(flags).expect(64);
    }
}
