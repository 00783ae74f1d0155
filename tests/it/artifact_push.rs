//! `artifact push`: what registries hold afterwards, what oras makes of the same files, what is refused.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::*;

const TIME: &str = "org.opencontainers.image.created=2024-01-31T23:59:59Z";
const NOTHING: &str = "/dev/null:application/vnd.unknown.config.v1+json";
const TXT: &str = "artifact.txt:application/vnd.unknown.layer.v1+txt";

/// A folder with a few files, and a repository that nobody else has.
fn scene(kind: Kind) -> (Project, &'static Registry, String) {
    let registry = Registry::shared(kind);
    let project = Project::new();
    project
        .write("artifact.txt", "Here is an artifact\n")
        .write("config.json", "{\"a\":1}")
        .write("tree/sub/a.txt", "a")
        .write("tree/run.sh", "#!/bin/sh\n");
    if kind == Kind::Basic {
        project.login(&registry.host(), registry::USER, registry::PASSWORD);
    }
    let repository = registry.unique("push/artifact");
    (project, registry, repository)
}

#[test]
fn files_become_an_artifact_that_other_tools_read() {
    let (project, registry, repository) = scene(Kind::Plain);
    let reference = format!("{}/{repository}:1.0", registry.host());
    let document = project
        .run(&[
            "artifact",
            "push",
            &reference,
            TXT,
            "tree",
            "--json",
            "--export-manifest",
            "m.json",
        ])
        .ok()
        .json();
    assert_eq!(document["format"], "aosm-push/1");
    assert_eq!(document["outcome"], "pushed");
    assert_eq!(document["files"][1]["title"], "tree");
    let digest = document["digest"].as_str().unwrap();
    assert_eq!(registry.client().digest(&repository, "1.0").as_deref(), Some(digest));

    let crane = tools::run(Command::new(tools::crane()).args(["manifest", "--insecure", &reference]));
    assert_eq!(crane, project.read("m.json"));
    assert_eq!(sha256(crane.as_bytes()), digest);
    let regctl = |arguments: &[&str]| {
        let mut command = Command::new(tools::regctl());
        command.env("HOME", project.home());
        tools::run(
            command
                .args(["--host", &format!("reg={},tls=disabled", registry.host())])
                .args(arguments),
        )
    };
    let text = regctl(&["artifact", "get", &reference, "--file", "artifact.txt"]);
    assert_eq!(text, "Here is an artifact\n");
    regctl(&[
        "artifact",
        "get",
        &reference,
        "--output",
        project.folder().to_str().unwrap(),
    ]);
    let out = project.path("oras");
    tools::run(Command::new(tools::orasgo()).args(["pull", "-o", out.to_str().unwrap(), &reference]));
    assert_eq!(project.read("oras/tree/sub/a.txt"), "a");
    assert_eq!(project.read("oras/artifact.txt"), "Here is an artifact\n");
}

#[test]
fn manifests_are_those_of_oras_byte_for_byte() {
    let (project, registry, repository) = scene(Kind::Plain);
    project.write(
        "annotations.json",
        r#"{"$manifest": {"org.opencontainers.image.created": "2024-01-31T23:59:59Z", "z": "<&>", "é": "\u2028"},
            "$config": {"c": "1"}, "artifact.txt": {"k": "v"},
            "config.json": {"org.opencontainers.image.title": "renamed"}}"#,
    );
    // Words that begin with `!` are for the oras-go program alone, which does not default what the `oras` command does.
    let cases: [&[&str]; 9] = [
        &[
            "!-artifact-type",
            "!application/vnd.unknown.artifact.v1",
            "-annotation",
            TIME,
        ],
        &[
            "!-artifact-type",
            "!application/vnd.unknown.artifact.v1",
            "-annotation",
            TIME,
            "FILES",
            TXT,
        ],
        &[
            "-annotation",
            TIME,
            "-artifact-type",
            "a/b",
            "FILES",
            TXT,
            "./tree/sub/a.txt",
        ],
        &[
            "!-image-spec",
            "!v1.0",
            "-annotation",
            TIME,
            "-config",
            NOTHING,
            "FILES",
            TXT,
        ],
        &[
            "!-image-spec",
            "!v1.0",
            "-annotation",
            TIME,
            "-config",
            "config.json:x/y",
            "FILES",
            TXT,
        ],
        &[
            "-annotation",
            TIME,
            "-config",
            "config.json:x/y",
            "-artifact-type",
            "a/b",
            "FILES",
            TXT,
        ],
        &["-annotation", TIME, "-image-spec", "v1.0", "FILES", TXT],
        &["-annotation", TIME, "-image-spec", "v1.0", "-artifact-type", "a/b"],
        &[
            "-annotation-file",
            "annotations.json",
            "-artifact-type",
            "a/b",
            "FILES",
            "artifact.txt",
            "config.json",
        ],
    ];
    for (number, case) in cases.iter().enumerate() {
        let reference = |who: &str| format!("{}/{repository}:{who}{number}", registry.host());
        let split = case.iter().position(|word| *word == "FILES").unwrap_or(case.len());
        let (flags, files) = (&case[..split], case.get(split + 1..).unwrap_or_default());
        let theirs = flags.iter().map(|word| word.strip_prefix('!').unwrap_or(word));
        let ours = flags.iter().filter(|word| !word.starts_with('!'));
        let ours: Vec<String> = ours
            .map(|word| match word.strip_prefix('-') {
                Some(flag) => format!("--{flag}"),
                None => (*word).to_owned(),
            })
            .collect();
        let mut command = Command::new(tools::orasgo());
        command.current_dir(project.folder()).arg("push").args(theirs);
        tools::run(command.arg(reference("oras")).args(files));
        let target = reference("aosm");
        let mut arguments = vec!["artifact", "push", &target];
        arguments.extend(files);
        arguments.extend(ours.iter().map(String::as_str));
        project.run(&arguments).ok();
        let manifest = |tag: &str| {
            let part = registry
                .client()
                .manifest(&repository, &format!("{tag}{number}"))
                .unwrap();
            String::from_utf8(part.bytes.to_vec()).unwrap()
        };
        assert_eq!(manifest("aosm"), manifest("oras"), "{case:?}");
    }
}

#[test]
fn the_same_files_are_already_there_and_send_nothing() {
    let (project, registry, repository) = scene(Kind::Plain);
    let reference = format!("{}/{repository}:1.0,latest", registry.host());
    let push = ["artifact", "push", &reference, TXT, "tree"];
    project.run(&push).ok().says("tags 1.0, latest");
    let mark = registry.mark();
    project.run(&push).ok().says("already there");
    let traffic = registry.since(mark).under(&repository);
    assert_eq!(traffic.count("HEAD manifest"), 2, "{:?}", traffic.labels());
    assert_eq!(
        traffic.data_path(),
        2,
        "one look at each tag, nothing else: {:?}",
        traffic.labels()
    );
    assert_eq!(registry.client().tags(&repository), ["1.0", "latest"]);
}

#[test]
fn a_tag_that_holds_something_else_is_kept_until_replace() {
    let (project, registry, repository) = scene(Kind::Plain);
    let name = format!("{}/{repository}", registry.host());
    project
        .run(&["artifact", "push", &format!("{name}:1.0"), "artifact.txt"])
        .ok();
    let before = registry.client().digest(&repository, "1.0");
    let both = format!("{name}:new,1.0");
    let mark = registry.mark();
    project
        .run(&["artifact", "push", &both, "config.json", "-a", "note=it's new"])
        .expect(4)
        .says("something else is there under tag 1.0")
        .says(&format!(
            "aosm-build artifact push {both} config.json -a 'note=it'\\''s new' --replace"
        ));
    let traffic = registry.since(mark).under(&repository);
    assert_eq!(
        traffic.count("POST upload") + traffic.count("PUT manifest"),
        0,
        "{:?}",
        traffic.labels()
    );
    assert_eq!(registry.client().digest(&repository, "1.0"), before);
    assert_eq!(registry.client().tags(&repository), ["1.0"]);

    let planned = project
        .run(&[
            "artifact",
            "push",
            &both,
            "config.json",
            "--replace",
            "--dry-run",
            "--json",
        ])
        .ok()
        .json();
    assert_eq!(planned["outcome"], "planned");
    assert_eq!(planned["tags"][1]["replaced"].as_str(), before.as_deref());
    assert_eq!(registry.client().digest(&repository, "1.0"), before, "a dry run");
    project
        .run(&["artifact", "push", &both, "config.json", "--replace"])
        .ok();
    assert_ne!(registry.client().digest(&repository, "1.0"), before);
    assert_eq!(registry.client().tags(&repository), ["1.0", "new"]);
}

#[test]
fn no_time_is_written_unless_the_environment_gives_one() {
    let (project, registry, repository) = scene(Kind::Plain);
    let push = |tag: &str, epoch: Option<&str>| {
        let reference = format!("{}/{repository}:{tag}", registry.host());
        let run = project.aosm(&["artifact", "push", &reference, "artifact.txt", "--json"]);
        match epoch {
            Some(epoch) => run.env("SOURCE_DATE_EPOCH", epoch).run(),
            None => run.run(),
        }
    };
    let digest = |output: Output| output.ok().json()["digest"].clone();
    assert_eq!(digest(push("a", None)), digest(push("b", None)));
    let dated = digest(push("c", Some("1706745599")));
    let manifest = registry.client().manifest(&repository, "c").unwrap().json();
    assert_eq!(
        manifest["annotations"],
        json!({"org.opencontainers.image.created": "2024-01-31T23:59:59Z"})
    );
    assert_eq!(
        dated, "sha256:049107910ef5426ecbbd28382fb222ef6c23d2212dce97dbf0d3e334231041b4",
        "as oras has it"
    );
    push("d", Some("soon")).expect(4).says("SOURCE_DATE_EPOCH is \"soon\"");
}

#[test]
fn a_subject_of_the_same_repository_is_attached_to_and_none_of_another() {
    for kind in [Kind::Plain, Kind::Native] {
        let (project, registry, repository) = scene(kind);
        let name = format!("{}/{repository}", registry.host());
        project
            .run(&["artifact", "push", &format!("{name}:1.0"), "artifact.txt"])
            .ok();
        let subject = registry.client().manifest(&repository, "1.0").unwrap();
        let push = |subject: &str| {
            project.run(&[
                "artifact",
                "push",
                &format!("{name}:sig"),
                "config.json",
                "--artifact-type",
                "sig/x",
                "--subject",
                subject,
            ])
        };
        push(&format!("{name}:1.0")).ok();
        let manifest = registry.client().manifest(&repository, "sig").unwrap().json();
        assert_eq!(manifest["subject"], subject.descriptor());
        let tree = project
            .run(&["artifact", "discover", &format!("{name}:1.0"), "--json"])
            .ok()
            .json();
        assert_eq!(tree["referrers"][0]["artifact-type"], "sig/x", "{kind:?}");
        push(&format!("{}/elsewhere:1.0", registry.host()))
            .expect(4)
            .says("it is in another repository");
        push(&format!("{name}:absent")).expect(4).says("is not there");
    }
}

#[test]
fn everything_wrong_with_the_arguments_is_told_at_once_and_nothing_is_asked() {
    let (project, registry, repository) = scene(Kind::Plain);
    project.write("bad.json", "{\n  \"$manifest\": {\"a\": 1}\n}");
    let reference = format!("{}/{repository}:1.0", registry.host());
    let mark = registry.mark();
    project
        .run(&[
            "artifact",
            "push",
            &reference,
            "absent.txt",
            "artifact.txt:nope",
            ":a/b",
            "--config",
            "config.json:also nope",
            "-a",
            "novalue",
            "--annotation-file",
            "bad.json",
        ])
        .expect(64)
        .says("\"artifact.txt:nope\": \"nope\" is no media type (RFC 6838)")
        .says("\":a/b\": names no file")
        .says("--config: \"config.json:also nope\": \"also nope\" is no media type")
        .says("\"novalue\" is no key=value")
        .says("bad.json:2:22")
        .says("file absent.txt is not there");
    assert_eq!(registry.since(mark).under(&repository).0.len(), 0);
    let refused = |arguments: &[&str], said: &str| {
        let mut all = vec!["artifact", "push", &reference, "artifact.txt"];
        all.extend(arguments);
        project.run(&all).expect(4).says(said);
    };
    refused(&["--artifact-type", "nope"], "artifact type: \"nope\" is no media type");
    refused(
        &["--config", "config.json", "--image-spec", "v1.1"],
        "an artifact with a config needs an artifact type",
    );
    refused(
        &[
            "--config",
            "config.json",
            "--image-spec",
            "v1.0",
            "--artifact-type",
            "a/b",
        ],
        "exclude each other",
    );
    refused(&["./artifact.txt"], "2 files get the title \"artifact.txt\"");
    refused(&["-a", "org.opencontainers.image.created=now"], "is no date and time");
    project
        .run(&["artifact", "push", &reference, "--image-spec", "v2"])
        .expect(64);
    assert_eq!(registry.client().tags(&repository), Vec::<String>::new());
}

#[test]
fn wrong_references_are_usage_errors() {
    let (project, registry, repository) = scene(Kind::Plain);
    let host = registry.host();
    for reference in [
        "".to_owned(),
        "artifact:1.0".to_owned(),
        format!("{host}/{repository}:"),
        format!("{host}/{repository}:a b"),
        format!("{host}/Upper:1.0"),
        format!("{host}/{repository}:1.0,"),
        format!("{host}/{repository}@sha256:abc"),
        format!("{host}/{repository}@{}", sha256(b"")),
        format!("https://{host}/{repository}:1.0"),
    ] {
        project
            .run(&["artifact", "push", &reference, "artifact.txt"])
            .expect(64);
    }
}

#[test]
fn files_outside_the_folder_are_titled_by_their_names() {
    let (project, registry, repository) = scene(Kind::Plain);
    fs::write(project.home().join("far.txt"), "far").unwrap();
    let absolute = project.path("config.json");
    let reference = format!("{}/{repository}:1.0", registry.host());
    let document = project
        .run(&[
            "artifact",
            "push",
            &reference,
            "../home/far.txt",
            absolute.to_str().unwrap(),
            "tree/../tree/run.sh",
            "--json",
        ])
        .ok()
        .json();
    let titles: Vec<&Value> = document["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| &file["title"])
        .collect();
    assert_eq!(titles, ["far.txt", "config.json", "tree/run.sh"]);
}

#[test]
fn stores_and_layouts_take_artifacts_too() {
    let (project, registry, repository) = scene(Kind::Basic);
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"p\"\nversion = \"1.0.0\"\n\n[stores.remote]\nkind = \"registry\"\nregistry = \"{}/pre\"\n\n\
             [[images]]\nreference = \"docker.io/library/busybox:1\"\n\n[stores.near]\nkind = \"local\"\npath = \"near\"\n",
            registry.host()
        ),
    );
    for (to, from) in [
        (
            format!("remote:{repository}:1.0"),
            format!("{}/pre/{repository}:1.0", registry.host()),
        ),
        ("near:some/thing:1.0".to_owned(), "near:some/thing:1.0".to_owned()),
        ("oci:out/layout:1.0".to_owned(), "oci:out/layout:1.0".to_owned()),
    ] {
        project.run(&["artifact", "push", &to, "artifact.txt"]).ok();
        project
            .run(&["artifact", "push", &to, "artifact.txt"])
            .ok()
            .says("already there");
        project
            .run(&["artifact", "pull", &from, "-o", "back", "--overwrite"])
            .ok();
        assert_eq!(project.read("back/artifact.txt"), "Here is an artifact\n");
        project
            .run(&["artifact", "push", &to, "config.json"])
            .expect(4)
            .says("something else is there");
        project.remove("back");
    }
    assert!(registry.client().digest(&format!("pre/{repository}"), "1.0").is_some());
}

#[test]
fn without_a_login_nothing_is_sent_and_the_error_says_so() {
    let (project, registry, repository) = scene(Kind::Basic);
    let stranger = Project::new();
    stranger.write("a.txt", "a");
    let reference = format!("{}/{repository}:1.0", registry.host());
    stranger
        .run(&["artifact", "push", &reference, "a.txt"])
        .expect(5)
        .says(&registry.host());
    project.run(&["artifact", "push", &reference, "artifact.txt"]).ok();
}

#[test]
fn a_killed_push_never_leaves_a_tag_without_its_content() {
    let project = Project::new();
    project.write("a.txt", "a").write("b.txt", "b");
    let push = ["artifact", "push", "oci:layout:1.0", "a.txt", "b.txt"];
    let boundaries = project.boundaries(&push);
    assert!(boundaries.len() > 5, "{boundaries:?}");
    for number in 1..=boundaries.len() {
        project.remove("layout");
        let killed = project.aosm(&push).abort_at(number).run();
        assert_ne!(killed.code(), 0, "{number}: {}", boundaries[number - 1]);
        let tagged = project.path("layout/index.json").exists() && !layout::names(&project.path("layout")).is_empty();
        if tagged {
            project
                .run(&["artifact", "pull", "oci:layout:1.0", "-o", &format!("out-{number}")])
                .ok();
        }
        project.run(&push).ok();
        project
            .run(&["artifact", "pull", "oci:layout:1.0", "-o", "out", "--overwrite"])
            .ok();
        assert_eq!(
            (project.read("out/a.txt"), project.read("out/b.txt")),
            ("a".into(), "b".into())
        );
    }
}
