//! `aosm.toml` and `cnf-input.jsonc` together, and which files are found.

use super::*;

fn both(settings: &str, input: &str) -> Folder {
    Folder::new()
        .with_chart("app")
        .with_chart("other")
        .with("aosm.toml", settings)
        .with("cnf-input.jsonc", input)
}

#[test]
fn settings_add_to_the_packages_of_the_input() {
    let folder = both(
        "[[charts]]\nname = \"app\"\nvalues = [\"more.yaml\", \"v.yaml\"]\nnamespace = \"ns\"\n[[charts]]\nname = \"other\"\npath = \"other\"\n",
        r#"{"version": "1.0.0", "nf_name": "n", "location": "l", "publisher_name": "p", "publisher_resource_group_name": "g",
           "acr_artifact_store_name": "s", "image_sources": ["x.io"],
           "helm_packages": [{"name": "app", "path_to_chart": "app", "default_values": "v.yaml"}]}"#,
    )
    .with("v.yaml", "")
    .with("more.yaml", "");
    let project = folder.clean();
    assert_eq!(project.files, ["aosm.toml", "cnf-input.jsonc"]);
    assert_eq!(project.name, "n");
    assert_eq!(project.image_sources.len(), 1);
    let names: Vec<&str> = project.charts.iter().map(|chart| chart.name.value.as_str()).collect();
    assert_eq!(names, ["app", "other"]);
    let values: Vec<&Utf8Path> = project.charts[0]
        .values
        .iter()
        .map(|file| file.value.as_path())
        .collect();
    assert_eq!(
        values,
        [folder.path.join("v.yaml"), folder.path.join("more.yaml")],
        "the input's come first, each once"
    );
    assert_eq!(project.charts[0].namespace.value, "ns");
    assert_eq!(project.charts[0].release_name.value, "app");
}

#[test]
fn contradictions_are_errors_with_both_places() {
    let input = format!(r#"{{"version": "1.0.0", "image_sources": ["x.io", "y.io"], {PACKAGE}}}"#);
    let cases = [
        (
            "[project]\nimage-sources = [\"y.io\", \"x.io\"]",
            "aosm.toml:2:1 cnf-input.jsonc:1:22 image-sources: the two files differ",
        ),
        (
            "[project]\nversion = \"2.0.0\"",
            "aosm.toml:2:11 cnf-input.jsonc:1:13 version: the two files differ",
        ),
        (
            "[[charts]]\nname = \"app\"\npath = \"other\"",
            "aosm.toml:3:8 cnf-input.jsonc:1:108 package app: two files name different charts",
        ),
        (
            "[[charts]]\nname = \"app\"\nmanifests = [\"app/*.yaml\"]",
            "aosm.toml:3:1 cnf-input.jsonc:1:108 package app: a chart in one file, manifests in the other",
        ),
    ];
    for (settings, expected) in cases {
        let error = both(settings, &input).error();
        assert!(
            error.starts_with(expected),
            "{settings}\nexpected {expected}\nfound    {error}"
        );
    }
}

#[test]
fn saying_the_same_twice_is_fine() {
    let input = format!(
        r#"{{"version": "1.0.0", "location": "l", "publisher_name": "p", "publisher_resource_group_name": "g",
        "acr_artifact_store_name": "s", "nf_name": "n", "image_sources": ["https://X.io/"], {PACKAGE}}}"#
    );
    let settings = "[project]\nname = \"mine\"\nversion = \"1.0.0\"\nimage-sources = [\"x.io\"]\n[[charts]]\nname = \"app\"\npath = \"./app/\"\n";
    assert_eq!(both(settings, &input).clean().name, "mine");
}

#[test]
fn errors_of_both_files_are_told_in_one_run() {
    let errors: Vec<String> = both("[project]\nverison = \"1\"\n", r#"{"helm_pakages": []}"#)
        .errors()
        .iter()
        .map(|fault| fault.labels()[0].place.to_string())
        .collect();
    assert_eq!(errors, ["aosm.toml:2:1", "cnf-input.jsonc:1:1", "cnf-input.jsonc:1:2"]);
    let errors = both("[project\n", "{").errors();
    assert_eq!(errors.len(), 2, "syntax errors of both");
}

#[test]
fn the_input_can_have_another_name() {
    let folder = Folder::new()
        .with_chart("app")
        .with("aosm.toml", "[project]\ninput = \"in/my-input.jsonc\"\n")
        .with(
            "in/my-input.jsonc",
            r#"{"helm_packages": [{"name": "app", "path_to_chart": "../app"}]}"#,
        );
    assert_eq!(folder.clean().files, ["aosm.toml", "in/my-input.jsonc"]);
    let error = toml("[project]\ninput = \"cnf-inptu.jsonc\"\n")
        .with("cnf-input.jsonc", "{}")
        .errors()
        .iter()
        .map(line)
        .collect::<String>();
    assert!(
        error.contains("aosm.toml:2:9 input cnf-inptu.jsonc: there is no such file")
            && error.contains("did you mean `cnf-input.jsonc`"),
        "{error}"
    );
    assert!(
        toml("[project]\ninput = \"x.yaml\"\n")
            .errors()
            .iter()
            .map(line)
            .any(|error| error.contains("not a `.jsonc` file"))
    );
}

#[test]
fn a_project_file_can_be_given() {
    let folder = both(APP, &format!("{{{PACKAGE}}}"));
    let with = |file: &str| {
        let options = LoadOptions {
            project_file: Some(file.into()),
            folder: "/nowhere".into(),
            ..folder.options()
        };
        load(&options)
            .map(|(project, _)| project.files)
            .map_err(|faults| lines(&faults))
    };
    assert_eq!(with("aosm.toml").unwrap(), ["aosm.toml", "cnf-input.jsonc"]);
    assert_eq!(
        with("cnf-input.jsonc").unwrap(),
        ["cnf-input.jsonc"],
        "only the file given"
    );
    assert!(with("app").unwrap_err().contains("not a project file"));
    assert!(with("absent.toml").unwrap_err().contains("there is no such file"));
}

#[test]
fn without_any_file_the_error_says_what_to_do() {
    let folder = Folder::new();
    assert!(
        folder
            .error()
            .ends_with("`aosm-build init` writes an `aosm.toml` from your charts"),
        "{}",
        folder.error()
    );
    let folder = Folder::new().with("aosm.toml", APP).with("deep/er/x", "");
    let options = LoadOptions {
        folder: folder.path.join("deep/er"),
        ..folder.options()
    };
    let error = lines(&load(&options).unwrap_err());
    assert!(error.contains("there is a project above: use `-C .`"), "{error}");
    let folder = Folder::new().with("lab-input.jsonc", "{}");
    assert!(folder.error().contains("`--project lab-input.jsonc` reads that file"));
    let options = LoadOptions {
        folder: folder.path.join("absent"),
        ..folder.options()
    };
    assert!(lines(&load(&options).unwrap_err()).contains("absent: there is no such folder"));
}

#[test]
fn the_old_name_of_the_input_counts_only_by_itself() {
    let folder = toml(APP).with("input.json", "broken");
    assert_eq!(folder.clean().files, ["aosm.toml"]);
}

#[test]
fn an_environment_needs_an_aosm_toml() {
    let folder = jsonc(&format!("{{{PACKAGE}}}"));
    let options = LoadOptions {
        environment: Some("prod".into()),
        ..folder.options()
    };
    assert!(lines(&load(&options).unwrap_err()).contains("environment prod: the project has none"));
}

#[test]
fn images_alone_are_a_project() {
    let project = Folder::new()
        .with("aosm.toml", "[[images]]\nreference = \"x.io/a:1\"\n")
        .clean();
    assert_eq!(project.images.len(), 1);
}
