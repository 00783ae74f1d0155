//! `[[artifacts]]`: files that the project names, pushed once and then recognised.

use serde_json::{Value, json};

use crate::support::*;

const TEMPLATE: &str = "{\n  \"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\",\n  \
                        \"contentVersion\": \"1.0.0.0\",\n  \"resources\": []\n}\n";

/// A project of one template and one artifact of a file and a folder; `head` says where it goes.
fn project(head: &str) -> Project {
    let project = Project::new();
    project.write("templates/vm.json", TEMPLATE);
    project.write("docs/readme.md", "hello\n");
    project.write("docs/more/a.txt", "a");
    project.write("docs/more/sub/b.txt", "b");
    project.write(
        "aosm.toml",
        format!(
            "{head}\n[[artifacts]]\nname = \"contoso-vm\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\n\
             files = [{{ path = \"templates/vm.json\" }}]\n\
             [[artifacts]]\nname = \"samples/docs\"\nversion = \"v1\"\nartifact-type = \"readme/example\"\n\
             annotations = {{ \"com.contoso\" = \"<yes>\" }}\n\
             files = [{{ path = \"docs/readme.md\", media-type = \"text/markdown\" }}, {{ path = \"docs/more\" }}]\n"
        ),
    );
    project
}

fn ids(document: &Value) -> Vec<(&str, &str)> {
    let steps = document["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let state = step.get("outcome").or(step.get("action")).unwrap();
            (step["id"].as_str().unwrap(), state.as_str().unwrap())
        })
        .collect()
}

#[test]
fn artifacts_are_pushed_to_a_registry_in_the_forms_that_aosm_and_oras_have() {
    let registry = Registry::shared(Kind::Plain);
    let store = registry.unique("artifacts");
    let project = project(&format!(
        "[stores.lab]\nkind = \"registry\"\nregistry = \"{}/{store}\"\n",
        registry.host()
    ));
    let applied = project.run(&["apply", "--json"]).ok().json();
    assert_eq!(
        ids(&applied),
        [
            ("push:lab/contoso-vm:1.0.0", "done"),
            ("push:lab/samples/docs:v1", "done")
        ]
    );
    let template = registry.client().pull(&format!("{store}/contoso-vm"), "1.0.0").unwrap();
    let manifest = template.root().json();
    assert_eq!(
        manifest,
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.unknown.config.v1+json",
                "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                "size": 2
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": sha256(TEMPLATE.as_bytes()),
                "size": TEMPLATE.len(),
                "annotations": { "org.opencontainers.image.title": "vm.json" }
            }],
            "annotations": {}
        })
    );
    let docs = registry.client().pull(&format!("{store}/samples/docs"), "v1").unwrap();
    let manifest = docs.root().json();
    assert_eq!(manifest["artifactType"], "readme/example");
    assert_eq!(manifest["annotations"], json!({ "com.contoso": "<yes>" }));
    assert_eq!(manifest["layers"][0]["mediaType"], "text/markdown");
    assert_eq!(
        manifest["layers"][0]["annotations"]["org.opencontainers.image.title"],
        "docs/readme.md"
    );
    assert_eq!(
        manifest["layers"][1]["annotations"]["io.deis.oras.content.unpack"],
        "true"
    );
}

#[test]
fn a_second_run_asks_once_for_each_artifact_and_reads_no_file() {
    let registry = Registry::shared(Kind::Plain);
    let store = registry.unique("artifacts-again");
    let proxy = Faulty::before(&registry.host());
    let project = project(&format!(
        "[stores.lab]\nkind = \"registry\"\nregistry = \"{}/{store}\"\n",
        proxy.host()
    ));
    project.run(&["apply"]).ok().says("2 done");
    let before = Snapshot::of(&project.folder());
    let mark = proxy.mark();
    project
        .run(&["plan", "--detailed-exitcode"])
        .ok()
        .says("nothing to do: 2 artifacts up to date");
    let asked = proxy.since(mark);
    assert_eq!(asked.data_path(), 2, "{:?}", asked.labels());
    assert!(
        asked.0.iter().all(|entry| entry.method == "HEAD"),
        "{:?}",
        asked.labels()
    );
    assert_eq!(before.touched(&Snapshot::of(&project.folder())), Vec::<String>::new());
    // What packs is cached: every step says so.
    project.run(&["plan", "-v"]).ok();
}

#[test]
fn the_same_files_in_another_folder_have_the_same_digests() {
    let (one, two) = (project(""), project(""));
    let plan = |project: &Project| project.run(&["plan", "--json"]).ok().json()["plan-digest"].clone();
    assert_eq!(plan(&one), plan(&two));
    two.write("docs/more/sub/b.txt", "c");
    assert_ne!(plan(&one), plan(&two));
}

#[test]
fn why_names_the_file_that_changed() {
    let project = project("");
    project.run(&["apply"]).ok().says("2 done");
    project.write("templates/vm.json", TEMPLATE.replace("[]", "[ ]"));
    project.write("docs/more/sub/new.txt", "new");
    project
        .run(&["why", "push:local/contoso-vm:1.0.0"])
        .ok()
        .says("templates/vm.json changed");
    project
        .run(&["why", "samples/docs"])
        .ok()
        .says("docs/more/sub/new.txt is new");
    let applied = project.run(&["apply", "--only", "push:*vm*", "--json"]).ok().json();
    assert_eq!(ids(&applied), [("push:local/contoso-vm:1.0.0", "done")]);
    let applied = project.run(&["apply", "--json"]).ok().json();
    assert_eq!(
        ids(&applied),
        [
            ("push:local/contoso-vm:1.0.0", "fresh"),
            ("push:local/samples/docs:v1", "done")
        ]
    );
}

#[test]
fn another_content_under_the_same_version_is_refused_by_a_registry_without_leave() {
    let registry = Registry::shared(Kind::Plain);
    let store = registry.unique("artifacts-refused");
    let project = project(&format!(
        "[stores.lab]\nkind = \"registry\"\nregistry = \"{}/{store}\"\n",
        registry.host()
    ));
    project.run(&["apply"]).ok();
    project.write("templates/vm.json", TEMPLATE.replace("[]", "[ ]"));
    project
        .run(&["apply"])
        .expect(4)
        .says("aosm-build apply --replace=contoso-vm:1.0.0");
    project
        .run(&["apply", "--replace=contoso-vm*"])
        .ok()
        .says("1 done, 1 fresh");
    let held = registry.client().pull(&format!("{store}/contoso-vm"), "1.0.0").unwrap();
    assert_eq!(held.root().json()["layers"][0]["size"], TEMPLATE.len() + 1);
}

#[test]
fn check_finds_what_is_wrong_with_a_template_and_its_line() {
    let project = project("");
    project.run(&["check"]).ok();
    project.write("templates/vm.json", "{\n  \"resources\": [],\n}\n");
    project
        .run(&["check"])
        .expect(4)
        .says("templates/vm.json:3:1")
        .says("template vm.json: is not JSON");
    project.write("templates/vm.json", "[]");
    project
        .run(&["plan"])
        .expect(4)
        .says("template vm.json: is no template: expected an object, found a list");
    project.edit("aosm.toml", "\"1.0.0\"", "\"1.0\"");
    project.run(&["check"]).expect(4).says("three numbers joined by dots");
}

#[test]
fn an_artifact_and_a_chart_of_one_name_are_an_error_with_both_places() {
    let project = Project::new();
    charts::write(&project, "chart", "contoso", "1.0.0", &[]);
    project.write("a.txt", "a");
    project.write(
        "aosm.toml",
        "[[charts]]\nname = \"contoso\"\npath = \"chart\"\n[[artifacts]]\nname = \"contoso\"\nversion = \"1.0.0\"\nfiles = [{ path = \"a.txt\" }]\n",
    );
    for command in ["check", "plan"] {
        project
            .run(&[command])
            .expect(4)
            .says("contoso:1.0.0 is wanted with two contents in the store local")
            .says("aosm.toml:5:8")
            .says("╰── the other")
            .says("╰── one of them");
    }
}

#[test]
fn the_graph_shows_what_is_packed_before_it_is_pushed() {
    let graph = project("").run(&["graph", "--format", "json"]).ok().json();
    let text = graph.to_string();
    for id in ["pack:contoso-vm", "push:local/contoso-vm:1.0.0", "pack:samples/docs"] {
        assert!(text.contains(id), "{text}");
    }
}

#[test]
fn a_killed_push_of_artifacts_converges_at_any_boundary() {
    let prepared = project("");
    let fresh = || {
        let copy = Project::new();
        aosm::copy_folder(&prepared.folder(), &copy.folder());
        copy
    };
    let boundaries = fresh().boundaries(&["apply"]).len();
    let points: Vec<usize> = (1..=boundaries).step_by(3).collect();
    small::in_parallel(&points, |point| {
        let project = fresh();
        project.aosm(&["apply"]).abort_at(point).run();
        for name in layout::names(&project.path(".aosm/store")) {
            layout::read(&project.path(".aosm/store"), &name).expect("a whole artifact");
        }
        project.run(&["apply", "--quiet"]).ok();
        project.run(&["plan", "--detailed-exitcode"]).ok();
        assert_eq!(
            layout::names(&project.path(".aosm/store")),
            ["contoso-vm:1.0.0", "samples/docs:v1"]
        );
    });
}
