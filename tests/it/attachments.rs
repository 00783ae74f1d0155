//! `[[attachments]]`: files that are found as referrers of what they are attached to.

use serde_json::Value;

use crate::support::*;

/// An image, a chart and an artifact, with something attached to each; `head` names the store.
fn project(head: &str, source: &str) -> Project {
    let project = Project::new();
    charts::write(
        &project,
        "chart",
        "contoso",
        "1.0.0",
        &["registry.example/release/a:1.0.0"],
    );
    project.write("sbom.json", "{\"sbom\": 1}");
    project.write("report.txt", "all good\n");
    project.write("data.bin", "data");
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"contoso\"\n{source}\n{head}\n\
             [[charts]]\nname = \"contoso\"\npath = \"chart\"\n\
             [[artifacts]]\nname = \"data\"\nversion = \"1.0.0\"\nfiles = [{{ path = \"data.bin\" }}]\n\
             [[attachments]]\nsubject = \"image:release/a\"\nartifact-type = \"sbom/example\"\nfiles = [{{ path = \"sbom.json\" }}]\n\
             [[attachments]]\nsubject = \"chart:contoso\"\nartifact-type = \"report/example\"\nfiles = [{{ path = \"report.txt\" }}]\n\
             [[attachments]]\nsubject = \"artifact:data\"\nartifact-type = \"report/example\"\nfiles = [{{ path = \"report.txt\" }}]\n"
        ),
    );
    project
}

fn image() -> Image {
    ImageSpec::new(41).layers(&[400]).multi_platform()
}

/// The project with its image in a layout beside it.
fn local() -> Project {
    let project = project(
        "",
        "image-sources = [\"source.example\"]\n[sources.\"source.example\"]\nkind = \"oci-layout\"\npath = \"images\"",
    );
    layout::write(&project.path("images"), &[("release/a:1.0.0", &image())]);
    project
}

/// The project against real registries, the store behind a proxy that counts; the prefix of the store.
fn remote(name: &str) -> (Project, Faulty, String) {
    let registry = Registry::shared(Kind::Plain);
    let (from, prefix) = (
        registry.unique(&format!("{name}-source")),
        registry.unique(&format!("{name}-store")),
    );
    registry.push(&image(), &format!("{from}/release/a"), "1.0.0");
    let proxy = Faulty::before(&registry.host());
    let project = project(
        &format!(
            "[stores.lab]\nkind = \"registry\"\nregistry = \"{}/{prefix}\"\n",
            proxy.host()
        ),
        &format!("image-sources = [\"{}/{from}\"]", registry.host()),
    );
    (project, proxy, prefix)
}

/// What the fallback list of a subject names: artifact types and digests.
fn listed(repository: &str, subject: &str) -> Vec<(String, String)> {
    let client = Registry::shared(Kind::Plain).client();
    let Some(list) = client.manifest(repository, &subject.replace(':', "-")) else {
        return Vec::new();
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = list.json()["manifests"].as_array().unwrap().clone();
    entries
        .iter()
        .map(|entry| (text(&entry["artifactType"]), text(&entry["digest"])))
        .collect()
}

fn states(document: &Value) -> Vec<(&str, &str)> {
    let steps = document["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let state = step.get("outcome").or(step.get("action")).unwrap();
            (step["id"].as_str().unwrap(), state.as_str().unwrap())
        })
        .collect()
}

const STEPS: [&str; 6] = [
    "attach:lab/contoso:1.0.0/report/example",
    "attach:lab/data:1.0.0/report/example",
    "attach:lab/release/a:1.0.0/sbom/example",
    "copy:lab/release/a:1.0.0",
    "push:lab/contoso:1.0.0",
    "push:lab/data:1.0.0",
];

#[test]
fn attachments_follow_what_they_are_attached_to_and_a_second_run_does_nothing() {
    let (project, proxy, prefix) = remote("attach");
    let plan = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(states(&plan), STEPS.map(|id| (id, "run")));
    let deps: Vec<&str> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .take(3)
        .map(|step| step["deps"][0].as_str().unwrap())
        .collect();
    assert_eq!(deps, [STEPS[4], STEPS[5], STEPS[3]]);
    let applied = project.run(&["apply", "--json"]).ok().json();
    assert_eq!(states(&applied), STEPS.map(|id| (id, "done")));
    let repository = format!("{prefix}/release/a");
    let found = listed(&repository, image().digest());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "sbom/example");
    let client = Registry::shared(Kind::Plain).client();
    let manifest = client.manifest(&repository, &found[0].1).unwrap().json();
    assert_eq!(manifest["subject"]["digest"], image().digest());
    assert_eq!(manifest["subject"]["size"], image().root().bytes.len());
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    assert_eq!(client.blob(&repository, layer).unwrap(), b"{\"sbom\": 1}");
    // Planned and done are the same digest.
    assert_eq!(plan["steps"][2]["desired"], found[0].1.as_str());
    let mark = proxy.mark();
    project
        .run(&["plan", "--detailed-exitcode"])
        .ok()
        .says("nothing to do: 6 artifacts up to date");
    let asked = proxy.since(mark);
    // One a tag, one a subject, and once whether there is an API for it.
    assert!(asked.data_path() <= 7, "{:?}", asked.labels());
}

#[test]
fn a_fresh_machine_finds_attachments_in_place() {
    let (project, _proxy, _) = remote("attach-fresh");
    project.run(&["apply"]).ok();
    let other = Project::new();
    aosm::copy_folder(&project.folder(), &other.folder());
    std::fs::remove_dir_all(other.path(".aosm")).unwrap();
    other
        .run(&["plan", "--detailed-exitcode", "--locked"])
        .ok()
        .says("nothing to do: 6 artifacts up to date");
}

#[test]
fn an_attachment_that_is_gone_or_changed_is_attached_again_and_nothing_else_moves() {
    let (project, _proxy, prefix) = remote("attach-changed");
    project.run(&["apply"]).ok();
    project.write("sbom.json", "{\"sbom\": 2}");
    project
        .run(&["why", "attach:lab/release/a:1.0.0/sbom/example"])
        .ok()
        .says("sbom.json changed");
    let applied = project.run(&["apply", "--json"]).ok().json();
    let done: Vec<&str> = states(&applied)
        .into_iter()
        .filter(|(_, state)| *state == "done")
        .map(|(id, _)| id)
        .collect();
    assert_eq!(done, [STEPS[2]]);
    // Nothing is ever deleted: both are found.
    assert_eq!(listed(&format!("{prefix}/release/a"), image().digest()).len(), 2);
}

#[test]
fn only_an_attachment_brings_along_what_it_is_attached_to() {
    let project = local();
    let applied = project.run(&["apply", "--only", "attach:*sbom*", "--json"]).ok().json();
    assert_eq!(
        states(&applied),
        [
            ("attach:local/release/a:1.0.0/sbom/example", "done"),
            ("copy:local/release/a:1.0.0", "done")
        ]
    );
    let index: Value = serde_json::from_str(&project.read(".aosm/store/index.json")).unwrap();
    let types: Vec<&str> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["artifactType"].as_str())
        .collect();
    assert_eq!(types, ["sbom/example"], "{index}");
    project.run(&["apply"]).ok().says("4 done, 2 fresh");
    project.run(&["plan", "--detailed-exitcode"]).ok();
}

#[test]
fn a_subject_that_nothing_is_called_is_an_error_that_names_what_there_is() {
    let table = [
        (
            "image:nowhere",
            "images of this project: registry.example/release/a:1.0.0",
        ),
        ("chart:nowhere", "charts of this project: contoso"),
        ("artifact:nowhere", "artifacts of this project: data"),
        ("nowhere", "is neither an image of this project nor STORE:NAME:TAG"),
        ("local:", "is neither an image of this project nor STORE:NAME:TAG"),
    ];
    for (subject, expected) in table {
        let project = local();
        project.edit("aosm.toml", "image:release/a", subject);
        for command in ["check", "plan"] {
            project.run(&[command]).expect(4).says(expected).says("aosm.toml:");
        }
    }
}

#[test]
fn an_image_may_be_named_in_every_way_people_know_it_by() {
    for subject in [
        "image:release/a",
        "image:release/a:1.0.0",
        "image:registry.example/release/a:1.0.0",
        "registry.example/release/a:1.0.0",
    ] {
        let project = local();
        project.edit("aosm.toml", "image:release/a", subject);
        project.run(&["check"]).ok();
        let plan = project.run(&["plan", "--json"]).ok().json();
        assert!(
            states(&plan).contains(&("attach:local/release/a:1.0.0/sbom/example", "run")),
            "{subject}: {plan}"
        );
    }
}

#[test]
fn what_a_store_holds_already_can_be_attached_to_whoever_put_it_there() {
    let registry = Registry::shared(Kind::Plain);
    let prefix = registry.unique("attach-held");
    registry.push(&image(), &format!("{prefix}/theirs"), "2.0.0");
    let project = Project::new();
    project.write("note.txt", "seen");
    let write = |subject: &str| {
        project.write(
            "aosm.toml",
            format!(
                "[stores.lab]\nkind = \"registry\"\nregistry = \"{}/{prefix}\"\n[[artifacts]]\nname = \"x\"\nversion = \"1\"\n\
                 files = [{{ path = \"note.txt\" }}]\n[[attachments]]\nsubject = \"{subject}\"\nartifact-type = \"note/example\"\n\
                 files = [{{ path = \"note.txt\" }}]\n",
                registry.host()
            ),
        );
    };
    write("lab:theirs:3.0.0");
    project
        .run(&["apply"])
        .expect(4)
        .says("the store lab holds no theirs:3.0.0");
    write("lab:theirs:2.0.0");
    project.run(&["apply"]).ok().says("1 done, 1 fresh");
    let found = listed(&format!("{prefix}/theirs"), image().digest());
    assert_eq!(found.len(), 1);
    project.run(&["plan", "--detailed-exitcode"]).ok();
    write(&format!("lab:theirs@{}", image().digest()));
    project.run(&["plan", "--detailed-exitcode"]).ok();
}

#[test]
fn two_alike_are_told_apart_by_their_files_or_are_an_error_with_both_places() {
    let project = local();
    let more = |file: &str| {
        let text = project.read("aosm.toml");
        project.write(
            "aosm.toml",
            format!("{text}[[attachments]]\nsubject = \"chart:contoso\"\nartifact-type = \"report/example\"\nfiles = [{{ path = \"{file}\" }}]\n"),
        );
    };
    more("sbom.json");
    let plan = project.run(&["plan", "--json"]).ok().json();
    let ids: Vec<&str> = states(&plan).into_iter().map(|(id, _)| id).collect();
    assert_eq!(
        ids[..2],
        [
            "attach:local/contoso:1.0.0/report/example/report.txt",
            "attach:local/contoso:1.0.0/report/example/sbom.json"
        ]
    );
    more("sbom.json");
    project
        .run(&["plan"])
        .expect(4)
        .says("two attachments cannot be told apart: contoso:1.0.0/report/example/sbom.json");
}

#[test]
fn an_attachment_waits_for_a_subject_that_cannot_be_there() {
    let project = local();
    project.remove("images");
    layout::write(&project.path("images"), &[("release/other:1.0.0", &image())]);
    let plan = project.run(&["plan", "--json"]).expect(4).json();
    assert!(
        states(&plan).contains(&("attach:local/release/a:1.0.0/sbom/example", "blocked")),
        "{plan}"
    );
    let applied = project.run(&["apply", "--json"]).expect(4).json();
    let states = states(&applied);
    assert!(states.contains(&("attach:local/release/a:1.0.0/sbom/example", "blocked")));
    assert!(states.contains(&("attach:local/contoso:1.0.0/report/example", "done")));
}

#[test]
fn a_registry_that_cannot_list_referrers_leaves_the_step_unknown_and_is_never_taken_for_none() {
    let (project, proxy, _) = remote("attach-denied");
    project.run(&["apply"]).ok();
    proxy.rule(
        Rule::new(Fault::Answer(http::Response::new(403, "no"))).when(|entry| entry.path.contains("/referrers/")),
    );
    let plan = project.run(&["plan", "--json"]).expect(5).json();
    let unknown = states(&plan)
        .into_iter()
        .filter(|(_, state)| *state == "unknown")
        .count();
    assert_eq!(unknown, 3, "{plan}");
}

#[test]
fn a_killed_attach_converges_at_any_boundary_of_the_store_and_of_a_registry() {
    let prepared = local();
    prepared.run(&["images"]).ok();
    let fresh = || {
        let copy = Project::new();
        aosm::copy_folder(&prepared.folder(), &copy.folder());
        copy
    };
    let boundaries = fresh().boundaries(&["apply"]).len();
    let points: Vec<usize> = (1..=boundaries).step_by(4).collect();
    small::in_parallel(&points, |point| {
        let project = fresh();
        project.aosm(&["apply"]).abort_at(point).run();
        project.run(&["apply", "--quiet"]).ok();
        project
            .run(&["plan", "--detailed-exitcode"])
            .ok()
            .says("nothing to do: 6 artifacts up to date");
    });
    let (project, _proxy, prefix) = remote("attach-killed");
    project.run(&["images"]).ok();
    let toml = project.read("aosm.toml");
    let boundaries = {
        let copy = Project::new();
        aosm::copy_folder(&project.folder(), &copy.folder());
        copy.write("aosm.toml", toml.replace(&prefix, &format!("{prefix}/0")));
        copy.boundaries(&["apply"]).len()
    };
    let points: Vec<usize> = (1..=boundaries).step_by(5).collect();
    small::in_parallel(&points, |point| {
        let copy = Project::new();
        aosm::copy_folder(&project.folder(), &copy.folder());
        copy.write("aosm.toml", toml.replace(&prefix, &format!("{prefix}/{point}")));
        copy.aosm(&["apply"]).abort_at(point).run();
        copy.run(&["apply", "--quiet"]).ok();
        copy.run(&["plan", "--detailed-exitcode"])
            .ok()
            .says("nothing to do: 6 artifacts up to date");
        let found = listed(&format!("{prefix}/{point}/release/a"), image().digest());
        assert_eq!(found.len(), 1, "after a kill at boundary {point}: {found:?}");
    });
}
