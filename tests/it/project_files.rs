//! Project files through the binary: both at once, all their errors, paths, environments, and `init`.

use serde_json::json;

use crate::support::*;

/// The committed example, whose source is a folder.
fn example() -> Project {
    Project::fixture("contoso-cnf")
}

#[test]
fn all_errors_of_both_files_are_told_in_one_run_each_with_its_place_and_a_hint() {
    let project = example();
    project.write(
        "aosm.toml",
        "[projekt]\nname = \"x\"\n\n[stores.a]\nkind = \"locl\"\n\n[[charts]]\nname = \"contoso-cnf\"\nvalues = \"one.yaml\"\n",
    );
    project.edit("cnf-input.jsonc", "\"version\": \"1.0.0\"", "\"version\": \"1-0\"");
    project.edit(
        "cnf-input.jsonc",
        "\"name\": \"contoso-gateway\"",
        "\"name\": \"contoso-cnf\"",
    );
    project.edit("cnf-input.jsonc", "\"nf_name\"", "\"nf_nmae\": \"\", \"nf_name\"");
    for command in ["check", "plan", "apply", "images", "lock"] {
        let output = project.run(&[command]).expect(4);
        let output = output
            .says("projekt")
            .says("did you mean `project`")
            .says("aosm.toml:1:2");
        let output = output.says("aosm.toml:5:").says("`local`").says("aosm.toml:9:");
        let output = output
            .says("nf_nmae")
            .says("did you mean `nf_name`")
            .says("cnf-input.jsonc:");
        assert!(output.stderr.matches("error:").count() == 6, "{command}: {output}");
        assert!(!project.path(".aosm/store").exists() && !project.path("aosm.lock").exists());
    }
}

#[test]
fn a_contradiction_between_the_files_shows_both_places() {
    let project = example();
    project.edit("aosm.toml", "[project]", "[project]\nversion = \"2.0.0\"");
    let output = project.run(&["check"]).expect(4);
    assert!(
        output.stderr.contains("aosm.toml:") && output.stderr.contains("cnf-input.jsonc:"),
        "{output}"
    );
    assert!(
        output.stderr.contains("2.0.0") && output.stderr.contains("1.0.0"),
        "{output}"
    );
}

#[test]
fn aosm_toml_adds_to_the_input_file() {
    let project = example();
    let settings = project.read("aosm.toml");
    project.write(
        "more.yaml",
        "worker:\n  image:\n    tag: 1.0.0\ncontroller:\n  replicas: 7\n",
    );
    project.write(
        "aosm.toml",
        format!("{settings}\n[[charts]]\nname = \"contoso-cnf\"\nvalues = [\"more.yaml\"]\n\n[[images]]\nreference = \"repository/release/contoso-c:1.0.0\"\n"),
    );
    project.run(&["apply"]).ok().says("6 done");
    let why = project.run(&["images", "--why", "contoso-c"]).ok();
    why.says("named in aosm.toml").says("contoso-gateway/templates");
}

#[test]
fn comments_and_trailing_commas_are_fine_and_broken_json_has_its_line() {
    let project = Project::new();
    charts::write(&project, "chart", "contoso", "1.0.0", &["x.example/one:1"]);
    project.write(
        "cnf-input.jsonc",
        "// first\n{ /* here */ \"nf_name\": \"contoso\", \"version\": \"1.0.0\", // there\n  \"image_sources\": [\"saved\",],\n  \
         \"helm_packages\": [{\"name\": \"contoso\", \"path_to_chart\": \"chart\",},],\n}\n",
    );
    project.run(&["check"]).ok().says("1 chart, 1 image");
    project.write(
        "cnf-input.jsonc",
        "{\n  \"nf_name\": \"contoso\"\n  \"version\": \"1.0.0\"\n}\n",
    );
    project.run(&["check"]).expect(4).says("cnf-input.jsonc:2:23");
    project.write("cnf-input.jsonc", "[".repeat(10_000));
    project.run(&["check"]).expect(4).says("cnf-input.jsonc");
}

#[test]
fn check_needs_no_network_and_finds_what_is_wrong_with_charts() {
    let project = Project::new();
    charts::write(
        &project,
        "chart",
        "contoso",
        "1.0.0",
        &["x.example/one:1", "not an image"],
    );
    charts::write(&project, "other", "fabrikam", "1.0.0", &["{{ .Values.image.name }}"]);
    project.write(
        "aosm.toml",
        "[project]\nimage-sources = [\"127.0.0.1:1\"]\n[[charts]]\nname = \"contoso\"\npath = \"chart\"\n\
         [[charts]]\nname = \"fabrikam\"\npath = \"other\"\n",
    );
    let output = project.run(&["check"]).expect(4);
    let output = output.says("not an image").says("contoso/templates/app-1.yaml");
    output.says("fabrikam").says("app-0.yaml");
    project.remove("chart/templates/app-1.yaml");
    project.write("other/values.yaml", "replicas: 1\nimage: { name: x.example/two }\n");
    // No tag means `latest`, and that is told.
    project.run(&["check"]).ok().says("latest").says("2 charts, 2 images");
}

#[test]
fn paths_start_at_the_file_that_names_them() {
    let project = Project::new();
    charts::write(&project, "deploy/chart", "contoso", "1.0.0", &["x.example/one:1"]);
    let input = json!({
        "location": "uksouth", "publisher_name": "contoso", "publisher_resource_group_name": "contoso-rg",
        "acr_artifact_store_name": "contoso-acr", "nf_name": "contoso", "version": "1.0.0",
        "image_sources": ["saved.example"],
        "helm_packages": [{"name": "contoso", "path_to_chart": "chart"}],
    });
    project.write("deploy/cnf-input.jsonc", input.to_string());
    project
        .run(&["check", "--project", "deploy/cnf-input.jsonc"])
        .ok()
        .silent_about("warning");
    project.run(&["check", "-C", "deploy"]).ok().silent_about("warning");
    // The extension starts at the current folder: taken, with a word about it.
    project.write(
        "deploy/cnf-input.jsonc",
        input.to_string().replace("\"chart\"", "\"deploy/chart\""),
    );
    project
        .run(&["check", "--project", "deploy/cnf-input.jsonc"])
        .ok()
        .says("warning")
        .says("deploy/chart");
    // Both are there and differ: the file's is taken.
    charts::write(
        &project,
        "deploy/deploy/chart",
        "contoso",
        "2.0.0",
        &["x.example/two:1"],
    );
    let output = project
        .run(&["images", "--project", "deploy/cnf-input.jsonc"])
        .ok()
        .says("warning");
    assert!(
        output.stdout.contains("x.example/two:1") && !output.stdout.contains("x.example/one:1"),
        "{output}"
    );
}

#[test]
fn an_environment_puts_other_settings_in_place_of_the_stores() {
    let project = example();
    let registry = Registry::shared(Kind::Plain);
    let (lab, production) = (registry.unique("lab"), registry.unique("production"));
    let host = registry.host();
    let settings = project.read("aosm.toml");
    project.write(
        "aosm.toml",
        format!(
            "{settings}\n[stores.target]\nkind = \"registry\"\nregistry = \"{host}/{lab}\"\n\n\
             [environments.production.stores.target]\nregistry = \"{host}/{production}\"\n"
        ),
    );
    project.run(&["apply"]).ok().says("6 done");
    assert_eq!(
        registry.client().tags(&format!("{production}/contoso-cnf")),
        Vec::<String>::new()
    );
    project
        .run(&["plan", "--detailed-exitcode", "--environment", "production"])
        .expect(2);
    project
        .run(&["apply", "--environment", "production"])
        .ok()
        .says("6 done");
    assert_eq!(registry.client().tags(&format!("{production}/contoso-cnf")), ["1.0.0"]);
    project
        .aosm(&["plan", "--detailed-exitcode"])
        .env("AOSM_ENVIRONMENT", "production")
        .run()
        .ok();
    project
        .run(&["plan", "--environment", "prodution"])
        .expect(4)
        .says("production");
}

#[test]
fn init_writes_a_file_that_works_and_never_overwrites_one() {
    let project = example();
    let layout = project.read("aosm.toml").split_once("[sources").unwrap().1.to_owned();
    project.remove("aosm.toml");
    let shown = project.run(&["init", "--stdout"]).ok().stdout;
    assert!(!project.path("aosm.toml").exists());
    project.run(&["init"]).ok().says("aosm.toml");
    let written = project.read("aosm.toml");
    assert_eq!(written, shown);
    assert!(written.contains('#'), "with comments: {written}");
    project.run(&["check"]).ok();
    project.run(&["init"]).expect(4).says("aosm.toml");
    assert_eq!(project.read("aosm.toml"), written, "never overwritten");
    project.write("aosm.toml", format!("{written}\n[sources{layout}"));
    project.run(&["apply"]).ok().says("6 done");
}

#[test]
fn init_finds_charts_where_there_is_no_input_file() {
    let project = Project::new();
    charts::write(&project, "charts/one", "one", "1.0.0", &["x.example/one:1"]);
    charts::write(&project, "charts/two", "two", "1.0.0", &["x.example/two:1"]);
    project.run(&["init"]).ok();
    let written = project.read("aosm.toml");
    assert!(
        written.contains("charts/one") && written.contains("charts/two"),
        "{written}"
    );
    project.run(&["check"]).ok().says("2 charts, 2 images");
    Project::new().run(&["init"]).expect(4);
}

#[test]
fn a_folder_without_project_files_says_what_is_looked_for() {
    let project = Project::new();
    for command in ["plan", "apply", "check", "images", "lock"] {
        project
            .run(&[command])
            .expect(4)
            .says("aosm.toml")
            .says("cnf-input.jsonc")
            .says("init");
    }
}
