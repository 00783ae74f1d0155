//! `artifact attach`: found as a referrer afterwards, in registries with the API and without, and in layouts.

use serde_json::Value;

use crate::support::*;

struct Scene {
    project: Project,
    registry: &'static Registry,
    repository: String,
    name: String,
}

impl Scene {
    fn new(kind: Kind) -> Self {
        let registry = Registry::shared(kind);
        let repository = registry.unique("attach/net-monitor");
        let project = Project::new();
        project
            .write("image.txt", "image")
            .write("signature.json", "{}")
            .write("readme.md", "# hi");
        let name = format!("{}/{repository}", registry.host());
        project
            .run(&["artifact", "push", &format!("{name}:v1"), "image.txt"])
            .ok();
        Self {
            project,
            registry,
            repository,
            name,
        }
    }

    fn attach(&self, to: &str, more: &[&str]) -> Output {
        let subject = format!("{}{to}", self.name);
        let mut arguments = vec!["artifact", "attach", &subject];
        arguments.extend(more);
        self.project.run(&arguments)
    }

    fn tree(&self, of: &str) -> Value {
        self.project
            .run(&["artifact", "discover", &format!("{}{of}", self.name), "--json"])
            .ok()
            .json()["referrers"]
            .clone()
    }
}

#[test]
fn an_attachment_is_found_from_its_subject_and_so_is_what_is_attached_to_it() {
    for kind in [Kind::Plain, Kind::Native, Kind::NativeBare] {
        let scene = Scene::new(kind);
        let document = scene
            .attach(
                ":v1",
                &["--artifact-type", "sbom/example", "readme.md:text/markdown", "--json"],
            )
            .ok()
            .json();
        let sbom = document["digest"].as_str().unwrap();
        assert_eq!(
            document["subject"].as_str(),
            scene.registry.client().digest(&scene.repository, "v1").as_deref()
        );
        scene
            .attach(
                &format!("@{sbom}"),
                &["--artifact-type", "signature/example", "signature.json"],
            )
            .ok()
            .says("attached to")
            .says(&format!("aosm-build artifact discover {}@{sbom}", scene.name));
        let tree = scene.tree(":v1");
        assert_eq!(tree.as_array().unwrap().len(), 1, "{kind:?}");
        assert_eq!(tree[0]["digest"], sbom);
        assert_eq!(tree[0]["referrers"].as_array().unwrap().len(), 1, "{kind:?}");
        assert!(
            !scene
                .registry
                .client()
                .tags(&scene.repository)
                .iter()
                .any(|tag| tag == "latest")
        );
    }
}

#[test]
fn the_same_attachment_again_is_nothing_new() {
    for kind in [Kind::Plain, Kind::Native] {
        let scene = Scene::new(kind);
        let attach = || scene.attach(":v1", &["--artifact-type", "a/b", "readme.md"]);
        attach().ok();
        let mark = scene.registry.mark();
        attach().ok().says("already attached");
        let traffic = scene.registry.since(mark).under(&scene.repository);
        assert_eq!(
            traffic.count("PUT manifest") + traffic.count("POST upload"),
            0,
            "{:?}",
            traffic.labels()
        );
        assert_eq!(scene.tree(":v1").as_array().unwrap().len(), 1, "{kind:?}");
    }
}

#[test]
fn annotations_alone_may_be_attached_and_nothing_at_all_may_not() {
    let scene = Scene::new(Kind::Plain);
    scene.attach(":v1", &["--artifact-type", "a/b", "-a", "k=v"]).ok();
    let tree = scene.tree(":v1");
    assert_eq!(tree[0]["annotations"]["k"], "v");
    scene
        .attach(":v1", &["--artifact-type", "a/b"])
        .expect(64)
        .says("there is nothing to attach");
    scene.attach(":v1", &["readme.md"]).expect(64).says("--artifact-type");
    scene
        .attach(":v1", &["readme.md", "--artifact-type", "nope"])
        .expect(4)
        .says("\"nope\" is no media type");
}

#[test]
fn a_subject_that_is_not_there_is_an_error_and_nothing_is_sent() {
    let scene = Scene::new(Kind::Plain);
    let mark = scene.registry.mark();
    for subject in [":absent".to_owned(), format!("@{}", sha256(b"absent"))] {
        scene
            .attach(&subject, &["--artifact-type", "a/b", "readme.md"])
            .expect(4)
            .says(&format!("subject {}{subject} is not there", scene.name));
    }
    scene
        .attach("", &["--artifact-type", "a/b", "readme.md"])
        .expect(64)
        .says("names no tag and no digest");
    let traffic = scene.registry.since(mark).under(&scene.repository);
    assert_eq!(traffic.count("POST upload"), 0, "{:?}", traffic.labels());
}

#[test]
fn many_attach_at_once_and_none_is_lost() {
    let scene = Scene::new(Kind::Plain);
    let numbers: Vec<usize> = (0..6).collect();
    small::in_parallel(&numbers, |number| {
        scene
            .attach(
                ":v1",
                &["--artifact-type", "a/b", "readme.md", "-a", &format!("number={number}")],
            )
            .ok();
    });
    assert_eq!(scene.tree(":v1").as_array().unwrap().len(), numbers.len());
}

#[test]
fn an_attachment_whose_list_was_lost_is_listed_again() {
    let scene = Scene::new(Kind::Plain);
    let attach = || scene.attach(":v1", &["--artifact-type", "a/b", "readme.md"]);
    attach().ok();
    // What a run that was killed between the manifest and the list leaves behind.
    let subject = scene.registry.client().digest(&scene.repository, "v1").unwrap();
    let list = subject.replace(':', "-");
    let digest = scene
        .registry
        .client()
        .digest(&scene.repository, &list)
        .expect("the list under its tag");
    let gone = scene.registry.client().request(
        "DELETE",
        &format!("/v2/{}/manifests/{digest}", scene.repository),
        &[],
        b"",
    );
    assert_eq!(gone.status, 202);
    assert_eq!(scene.tree(":v1").as_array().unwrap().len(), 0);
    attach().ok();
    assert_eq!(scene.tree(":v1").as_array().unwrap().len(), 1);
}

#[test]
fn one_platform_of_an_index_may_be_the_subject() {
    let scene = Scene::new(Kind::Plain);
    let index = ImageSpec::new(9).multi_platform();
    scene.registry.push(&index, &scene.repository, "multi");
    let more = ["--artifact-type", "a/b", "readme.md", "--json"];
    let whole = scene.attach(":multi", &more).ok().json();
    assert_eq!(whole["subject"], index.digest());
    let mut one = more.to_vec();
    one.extend(["--platform", "linux/arm64"]);
    let one = scene.attach(":multi", &one).ok().json();
    let entries = index.root().json();
    let entry = entries["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["platform"]["architecture"] == "arm64");
    assert_eq!(one["subject"], entry.unwrap()["digest"]);
    scene
        .attach(
            ":multi",
            &["--artifact-type", "a/b", "readme.md", "--platform", "plan9/mips"],
        )
        .expect(4)
        .says("plan9/mips");
}

#[test]
fn layouts_and_local_stores_keep_attachments() {
    let project = Project::new();
    project.write("image.txt", "image").write("readme.md", "# hi");
    project.run(&["artifact", "push", "oci:layout:1.0", "image.txt"]).ok();
    for outcome in ["attached to", "already attached"] {
        project
            .run(&[
                "artifact",
                "attach",
                "oci:layout:1.0",
                "--artifact-type",
                "a/b",
                "readme.md",
            ])
            .ok()
            .says(outcome);
    }
    let tree = project
        .run(&["artifact", "discover", "oci:layout:1.0", "--json"])
        .ok()
        .json();
    let referrers = tree["referrers"].as_array().unwrap();
    assert_eq!(referrers.len(), 1);
    let digest = referrers[0]["digest"].as_str().unwrap();
    project
        .run(&["artifact", "pull", &format!("oci:layout@{digest}"), "-o", "out"])
        .ok();
    assert_eq!(project.read("out/readme.md"), "# hi");
}
