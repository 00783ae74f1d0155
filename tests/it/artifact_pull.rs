//! `artifact pull`: files as they were, whoever pushed them; what is in the way; kills and corrupt content.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::support::image::{OCI_MANIFEST, Part};
use crate::support::*;

const TITLE: &str = "org.opencontainers.image.title";

fn names(project: &Project, folder: &str) -> Vec<String> {
    let mut names: Vec<String> = snapshot::walk(&project.path(folder))
        .iter()
        .map(|path| {
            path.strip_prefix(project.path(folder))
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    names.sort();
    names
}

/// An artifact of (title, content) made by hand.
fn artifact(layers: &[(&str, &[u8])]) -> Image {
    let mut blobs = vec![Part::new("application/vnd.oci.empty.v1+json", b"{}".to_vec())];
    let config = blobs[0].descriptor();
    let mut list = Vec::new();
    for (title, content) in layers {
        let part = Part::new("text/plain", content.to_vec());
        let mut descriptor = part.descriptor();
        descriptor["annotations"] = json!({TITLE: title});
        list.push(descriptor);
        blobs.push(part);
    }
    let manifest =
        json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "a/b", "config": config, "layers": list});
    Image {
        blobs,
        manifests: vec![Part::new(OCI_MANIFEST, manifest.to_string().into_bytes())],
        platform: None,
    }
}

#[test]
fn what_oras_and_regctl_pushed_is_pulled() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("pull/others");
    let project = Project::new();
    project
        .write("file.txt", "text")
        .write("tree/sub/a.txt", "a")
        .write("tree/b.txt", "b");
    let reference = |tag: &str| format!("{}/{repository}:{tag}", registry.host());
    let mut oras = Command::new(tools::orasgo());
    oras.current_dir(project.folder()).args([
        "push",
        "-artifact-type",
        "a/b",
        &reference("oras"),
        "file.txt:text/plain",
        "tree",
    ]);
    tools::run(&mut oras);
    let mut regctl = Command::new(tools::regctl());
    regctl.current_dir(project.folder()).env("HOME", project.home());
    regctl.args(["--host", &format!("reg={},tls=disabled", registry.host())]);
    regctl.args([
        "artifact",
        "put",
        "--artifact-type",
        "a/b",
        "--file",
        "file.txt",
        "--file-title",
        &reference("regctl"),
    ]);
    tools::run(&mut regctl);

    project
        .run(&["artifact", "pull", &reference("oras"), "-o", "oras"])
        .ok();
    assert_eq!(names(&project, "oras"), ["file.txt", "tree/b.txt", "tree/sub/a.txt"]);
    project
        .run(&["artifact", "pull", &reference("regctl"), "-o", "regctl"])
        .ok();
    assert_eq!(project.read("regctl/file.txt"), "text");
    let by_digest = registry.client().digest(&repository, "oras").unwrap();
    let named = format!("{}/{repository}@{by_digest}", registry.host());
    project
        .run(&["artifact", "pull", &named, "--media-type", "text/plain", "-o", "one"])
        .ok()
        .says("skipped tree");
    assert_eq!(names(&project, "one"), ["file.txt"]);
    project
        .run(&["artifact", "pull", &named, "--media-type", "text/html", "-o", "none"])
        .expect(4)
        .says("has no file of media type text/html")
        .says("application/vnd.oci.image.layer.v1.tar+gzip, text/plain");
    project
        .run(&["artifact", "pull", &named, "--no-unpack", "-o", "packed"])
        .ok();
    assert_eq!(names(&project, "packed"), ["file.txt", "tree"]);
}

#[test]
fn modes_links_and_empty_folders_come_back() {
    let project = Project::new();
    project.write("tree/run.sh", "#!/bin/sh\n");
    fs::create_dir(project.path("tree/empty")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(project.path("tree/run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
        std::os::unix::fs::symlink("run.sh", project.path("tree/link")).unwrap();
    }
    project.run(&["artifact", "push", "oci:layout:1", "tree"]).ok();
    project
        .run(&["artifact", "pull", "oci:layout:1", "-o", "deep/out"])
        .ok()
        .says("pulled oci:layout:1 into deep/out");
    assert!(project.path("deep/out/tree/empty").is_dir());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(project.path("deep/out/tree/run.sh"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o100, 0o100);
        assert_eq!(
            fs::read_link(project.path("deep/out/tree/link")).unwrap().to_str(),
            Some("run.sh")
        );
    }
}

#[test]
fn an_index_is_told_apart_and_a_platform_chooses() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("pull/index");
    let children: Vec<Image> = ["amd64", "arm64"]
        .iter()
        .map(|architecture| Image {
            platform: Some(("linux".to_owned(), (*architecture).to_owned())),
            ..artifact(&[("file.txt", architecture.as_bytes())])
        })
        .collect();
    registry.push(&Image::index(&children), &repository, "1");
    let project = Project::new();
    let reference = format!("{}/{repository}:1", registry.host());
    project
        .run(&["artifact", "pull", &reference])
        .expect(4)
        .says("is an index of 2 manifests")
        .says(&format!("linux/arm64 {}", children[1].digest()))
        .says("--platform");
    project
        .run(&["artifact", "pull", &reference, "--platform", "linux/arm64"])
        .ok();
    assert_eq!(project.read("file.txt"), "arm64");
    project
        .run(&["artifact", "pull", &reference, "--platform", "linux/s390x"])
        .expect(4)
        .says("linux/s390x");
}

#[test]
fn an_early_artifact_manifest_is_pulled() {
    const EARLY: &str = "application/vnd.cncf.oras.artifact.manifest.v1+json";
    let project = Project::new();
    let mut early = artifact(&[("old.txt", b"old")]);
    let layers = early.root().json()["layers"].clone();
    let manifest = json!({"mediaType": EARLY, "artifactType": "sbom/example", "blobs": layers});
    early.manifests = vec![Part::new(EARLY, manifest.to_string().into_bytes())];
    layout::write(&project.path("layout"), &[("1", &early)]);
    let document = project.run(&["artifact", "pull", "oci:layout:1", "--json"]).ok().json();
    assert_eq!(document["artifact-type"], "sbom/example");
    assert_eq!(project.read("old.txt"), "old");
}

#[test]
fn nothing_is_overwritten_unasked_and_equal_files_are_no_conflict() {
    let project = Project::new();
    layout::write(
        &project.path("layout"),
        &[("1", &artifact(&[("a", b"a"), ("b", b"b"), ("c/d", b"d")]))],
    );
    project
        .write("out/a", "mine")
        .write("out/b", "b")
        .write("out/c/d", "mine too");
    project
        .run(&["artifact", "pull", "oci:layout:1", "-o", "out"])
        .expect(4)
        .says("there already, with other content, in out: a, c/d")
        .says("--overwrite");
    assert_eq!(
        (project.read("out/a"), project.read("out/c/d")),
        ("mine".into(), "mine too".into())
    );
    let document = project
        .run(&["artifact", "pull", "oci:layout:1", "-o", "out", "--overwrite", "--json"])
        .ok()
        .json();
    let outcomes: Vec<&str> = document["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["written", "present", "written"]);
    assert_eq!(
        (project.read("out/a"), project.read("out/c/d")),
        ("a".into(), "d".into())
    );
    project.write("file", "no folder");
    project
        .run(&["artifact", "pull", "oci:layout:1", "-o", "file"])
        .expect(4)
        .says("file is no folder");
}

#[test]
fn what_is_there_already_is_not_asked_for_again() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("pull/again");
    registry.push(&artifact(&[("a", b"a"), ("b", b"b")]), &repository, "1");
    let project = Project::new();
    let reference = format!("{}/{repository}:1", registry.host());
    project.run(&["artifact", "pull", &reference]).ok();
    let mark = registry.mark();
    project.run(&["artifact", "pull", &reference]).ok().says("present");
    let traffic = registry.since(mark).under(&repository);
    assert_eq!(traffic.count("GET blob"), 0, "{:?}", traffic.labels());
}

#[test]
fn corrupt_content_gets_no_name_and_the_rest_none_either() {
    let project = Project::new();
    let mut lying = artifact(&[("good", b"good"), ("bad", b"as it should be")]);
    layout::write(&project.path("layout"), &[("1", &lying)]);
    let bad = lying.blobs.pop().unwrap();
    let (algorithm, hex) = bad.digest.split_once(':').unwrap();
    project.write(&format!("layout/blobs/{algorithm}/{hex}"), "as it is not...");
    project
        .run(&["artifact", "pull", "oci:layout:1", "-o", "out"])
        .expect(4)
        .says("nothing was written");
    assert_eq!(names(&project, "out"), Vec::<String>::new());
}

#[test]
fn what_is_not_there_is_an_error_with_its_name() {
    let registry = Registry::shared(Kind::Plain);
    let project = Project::new();
    let repository = registry.unique("pull/absent");
    for reference in [
        format!("{}/{repository}:1", registry.host()),
        format!("{}/{repository}@{}", registry.host(), sha256(b"x")),
    ] {
        project
            .run(&["artifact", "pull", &reference])
            .expect(4)
            .says(&repository);
    }
    project
        .run(&["artifact", "pull", &format!("{}/{repository}", registry.host())])
        .expect(64);
    project
        .run(&["artifact", "pull", "oci:nowhere:1"])
        .expect(5)
        .says("no such folder");
    project
        .run(&[
            "artifact",
            "pull",
            &format!("{}/{repository}@sha256:short", registry.host()),
        ])
        .expect(64);
}

#[test]
fn a_broken_connection_is_gone_on_from() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("pull/broken");
    let content = image::random_bytes(5, 3 << 20);
    let artifact = artifact(&[("big", content.as_slice())]);
    registry.push(&artifact, &repository, "1");
    let proxy = Faulty::before(&registry.host());
    proxy.rule(Rule::new(Fault::ResetAfter(1 << 20)).on("GET blob").times(2));
    let project = Project::new();
    project
        .run(&["artifact", "pull", &format!("{}/{repository}:1", proxy.host())])
        .ok();
    assert_eq!(fs::read(project.path("big")).unwrap(), content);
}

#[test]
fn a_killed_pull_leaves_whole_files_and_one_temporary_folder() {
    let project = Project::new();
    project
        .write("tree/a", "a")
        .write("tree/sub/b", "b")
        .write("c.txt", "c");
    project.run(&["artifact", "push", "oci:layout:1", "tree", "c.txt"]).ok();
    let pull = ["artifact", "pull", "oci:layout:1", "-o", "out"];
    let boundaries = project.boundaries(&pull);
    assert!(boundaries.len() > 5, "{boundaries:?}");
    let whole = ["c.txt", "tree/a", "tree/sub/b"];
    for number in 1..=boundaries.len() {
        if project.path("out").exists() {
            project.remove("out");
        }
        project.aosm(&pull).abort_at(number).run();
        if project.path("out").exists() {
            for name in names(&project, "out") {
                let known = whole.contains(&name.as_str()) || name.starts_with(".aosm-pull.tmp-");
                assert!(known, "{name} is left at {}", boundaries[number - 1]);
            }
            let tree = project.path("out/tree");
            assert!(
                !tree.exists() || names(&project, "out/tree").len() == 2,
                "a folder is there whole or not at all"
            );
            for (name, text) in [("c.txt", "c"), ("tree/a", "a"), ("tree/sub/b", "b")] {
                assert!(!project.path("out").join(name).exists() || project.read(&format!("out/{name}")) == text);
            }
        }
        project.run(&pull).ok();
        for name in whole {
            assert!(
                project.path("out").join(name).exists(),
                "{name} after {}",
                boundaries[number - 1]
            );
        }
    }
}

#[test]
fn an_interrupted_pull_removes_its_temporary_folder() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("pull/interrupted");
    registry.push(
        &artifact(&[("big", &image::random_bytes(6, 1 << 20))]),
        &repository,
        "1",
    );
    let proxy = Faulty::before(&registry.host());
    proxy.rule(Rule::new(Fault::Hang).on("GET blob"));
    let project = Project::new();
    let mark = proxy.mark();
    let mut running = project
        .aosm(&[
            "artifact",
            "pull",
            &format!("{}/{repository}:1", proxy.host()),
            "-o",
            "out",
        ])
        .spawn();
    while proxy.since(mark).count("GET blob") == 0 {
        assert!(!running.ended());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    running.interrupt();
    running.wait().expect(130);
    assert_eq!(names(&project, "out"), Vec::<String>::new());
    assert_eq!(
        fs::read_dir(project.path("out")).unwrap().count(),
        0,
        "no temporary folder"
    );
}
