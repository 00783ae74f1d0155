//! Bad input to the `artifact` commands: one clear error each, and nothing lost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::image::{OCI_INDEX, OCI_MANIFEST, Part};
use crate::support::refusal::refused;
use crate::support::*;

#[test]
fn references_that_are_none_are_told_without_asking_anybody() {
    let proxy = Faulty::before("127.0.0.1:9");
    let host = proxy.host();
    let project = Project::new();
    project.write("file.txt", "x");
    let digest = format!("sha256:{}", "0".repeat(64));
    let bad = [
        String::new(),
        ":".to_owned(),
        "@".to_owned(),
        format!("@{digest}"),
        format!("{host}/"),
        format!("{host}/:1"),
        format!("{host}/Upper/case:1"),
        format!("{host}/a:"),
        format!("{host}/a:1:2"),
        format!("{host}/a:t a g"),
        format!("{host}/a:{}", "t".repeat(129)),
        format!("{host}/a@"),
        format!("{host}/a@sha256:abc"),
        format!("{host}/a@sha256:{}", "G".repeat(64)),
        format!("{host}/a@md5:{}", "0".repeat(32)),
        format!("{host}/a@{digest}@{digest}"),
        format!("{host}/../a:1"),
        format!("{host}/a/../b:1"),
        format!("{host}//a:1"),
        format!("http://{host}/a:1"),
        format!("{host}/{}:1", "a".repeat(300)),
        "127.0.0.1:/a:1".to_owned(),
        "127.0.0.1:99999/a:1".to_owned(),
        "127.0.0.1:port/a:1".to_owned(),
        "[::1/a:1".to_owned(),
        "[::1]x/a:1".to_owned(),
        "[::zz]:5000/a:1".to_owned(),
        "oci:".to_owned(),
        "no-such-store:a:1".to_owned(),
    ];
    for reference in &bad {
        for arguments in [
            &["artifact", "show", reference][..],
            &["artifact", "discover", reference],
            &["artifact", "pull", "-o", "out", reference],
            &["artifact", "delete", "--yes", reference],
            &["artifact", "push", reference, "file.txt"],
            &["artifact", "attach", reference, "--artifact-type", "a/b", "file.txt"],
            &["artifact", "copy", reference, "oci:out:1"],
        ] {
            let output = project.run(arguments);
            let code = output.code();
            // A tag or digest may be left out where something is pushed.
            let fine = arguments[1] == "push" && reference.ends_with("/a:");
            assert!(matches!(code, 4 | 64) || fine, "{arguments:?}: {output}");
            assert!(
                !output.stderr.contains("panicked") && output.stderr.contains("error"),
                "{output}"
            );
            assert!(output.stderr.matches("error:").count() == 1, "one error: {output}");
        }
    }
    assert_eq!(proxy.traffic().0.len(), 0, "{:?}", proxy.traffic().labels());
    assert!(!project.path("out").exists());
}

/// Passes what comes to an address of IP version 6 on to another one.
fn over_ipv6(to: String) -> Option<u16> {
    let listener = TcpListener::bind("[::1]:0").ok()?;
    let port = listener.local_addr().ok()?.port();
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(&to) else { return };
            for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                std::thread::spawn(move || {
                    let mut buffer = [0; 16 * 1024];
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        if to.write_all(&buffer[..read]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    Some(port)
}

#[test]
fn registries_with_an_address_of_ip_version_6_are_like_any_other() {
    let registry = Registry::shared(Kind::Plain);
    let Some(port) = over_ipv6(registry.host()) else {
        // No such address on this machine.
        return;
    };
    let repository = registry.unique("ipv6");
    let project = Project::new();
    project.write("file.txt", "over IPv6");
    let name = format!("[::1]:{port}/{repository}:1");
    project.run(&["artifact", "push", &name, "file.txt"]).ok();
    project
        .run(&["artifact", "attach", &name, "--artifact-type", "a/b", "file.txt"])
        .ok();
    let found = project.run(&["artifact", "discover", "--json", &name]).ok().json();
    assert_eq!(found["referrers"].as_array().map(Vec::len), Some(1));
    project.run(&["artifact", "pull", "-o", "out", &name]).ok();
    assert_eq!(project.read("out/file.txt"), "over IPv6");
}

#[test]
fn media_types_that_are_none_are_told_with_the_argument_that_has_them() {
    let project = Project::new();
    project.write("file.txt", "x");
    for (arguments, said) in [
        (&["--artifact-type", "nonsense", "file.txt"][..], "nonsense"),
        (&["--artifact-type", "a b/c", "file.txt"], "a b/c"),
        (&["--artifact-type", "a/b/c", "file.txt"], "a/b/c"),
        (&["--artifact-type", "text/plain; charset=utf-8", "file.txt"], "charset"),
        (&["--config", "file.txt:é/x", "file.txt"], "é/x"),
        (&["file.txt:nonsense"], "nonsense"),
    ] {
        let all = [&["artifact", "push", "oci:out:1"], arguments].concat();
        let output = project.run(&all);
        assert!(matches!(output.code(), 4 | 64), "{output}");
        output.says(said).silent_about("panicked");
        assert!(!project.path("out").exists(), "{all:?}");
    }
}

#[test]
fn annotation_files_of_a_wrong_shape_are_told_and_nothing_is_pushed() {
    let project = Project::new();
    project.write("file.txt", "x");
    let deep = "[".repeat(10_000);
    let large = format!("{{\"$manifest\": {{\"k\": \"{}\"}}}}", "x".repeat(5 << 20));
    for content in [
        "",
        "{",
        "[]",
        "null",
        "\"text\"",
        r#"{"$manifest": []}"#,
        r#"{"$manifest": "text"}"#,
        r#"{"$manifest": {"k": 1}}"#,
        r#"{"$manifest": {"k": {"nested": "x"}}}"#,
        r#"{"file.txt": {"k": null}}"#,
        "\u{0}\u{1}",
        &deep,
        &large,
    ] {
        project.write("annotations.json", content);
        let arguments = [
            "artifact",
            "push",
            "oci:out:1",
            "--annotation-file",
            "annotations.json",
            "file.txt",
        ];
        let shown: String = content.chars().take(60).collect();
        let output = project.run(&arguments);
        assert!(matches!(output.code(), 4 | 64), "{shown}: {output}");
        output.says("annotations.json").silent_about("panicked");
        assert!(!project.path("out").exists(), "{shown}");
    }
    refused(
        &project,
        &[
            "artifact",
            "push",
            "oci:out:1",
            "--annotation-file",
            "none.json",
            "file.txt",
        ],
        4,
    )
    .one()
    .says("none.json");
}

#[test]
fn annotations_of_a_file_that_is_not_packed_are_told() {
    let project = Project::new();
    project.write("file.txt", "x");
    project.write("annotations.json", r#"{"no-such-file.txt": {"k": "v"}}"#);
    let arguments = [
        "artifact",
        "push",
        "oci:out:1",
        "--annotation-file",
        "annotations.json",
        "file.txt",
    ];
    project.run(&arguments).ok().says("warning").says("no-such-file.txt");
}

#[test]
fn a_registry_that_says_405_to_deletion_is_told_so_and_all_is_left() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("no-deletion");
    let image = ImageSpec::new(70).build();
    registry.push(&image, &repository, "v1");
    let referrer = Image::referrer(image.root(), "signature/example", b"x");
    registry.push(&referrer, &repository, referrer.digest());
    let proxy = Faulty::before(&registry.host());
    proxy.rule(
        Rule::new(Fault::Answer(Response::error(
            405,
            "UNSUPPORTED",
            "The operation is unsupported.",
        )))
        .on("DELETE manifest"),
    );
    let project = Project::new();
    let name = format!("{}/{repository}:v1", proxy.host());
    refused(&project, &["artifact", "delete", "--yes", "--graph", &name], 5)
        .one()
        .says("405")
        .says("does not allow deletion");
    assert_eq!(proxy.traffic().count("DELETE manifest"), 1, "nothing else is tried");
    // What is referred to is not deleted alone, and nobody is asked to.
    let mark = proxy.mark();
    refused(&project, &["artifact", "delete", "--yes", &name], 4)
        .one()
        .says("refers to it")
        .says("--graph");
    assert_eq!(proxy.since(mark).count("DELETE manifest"), 0);
    assert!(registry.client().manifest(&repository, referrer.digest()).is_some());
}

/// A registry of made-up manifests: all by digest, the last one under the tag `1`; of everything else nothing is there.
fn made_up(manifests: Vec<Part>) -> Faulty {
    let proxy = Faulty::before("127.0.0.1:9");
    proxy.answering(move |_, entry| {
        let found = match (entry.what, entry.reference.as_str()) {
            (traffic::What::Manifest, "1") => manifests.last(),
            (traffic::What::Manifest, reference) => manifests.iter().find(|part| part.digest == reference),
            _ => None,
        };
        Some(match found {
            Some(part) => Response::new(200, part.bytes.to_vec())
                .with("Content-Type", &part.media_type)
                .with("Docker-Content-Digest", &part.digest),
            None => Response::error(404, "UNKNOWN", "not here"),
        })
    });
    proxy
}

fn index(entries: Vec<Value>) -> Part {
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
    Part::new(OCI_INDEX, serde_json::to_vec(&index).unwrap())
}

#[test]
fn an_index_of_ten_thousand_entries_is_shown_and_one_that_lacks_them_is_one_error() {
    let entries: Vec<Value> = (0..10_000)
        .map(|n| json!({"mediaType": OCI_MANIFEST, "digest": sha256(format!("{n}").as_bytes()), "size": 500}))
        .collect();
    let proxy = made_up(vec![index(entries)]);
    let project = Project::new();
    let name = format!("{}/big:1", proxy.host());
    let copied = refused(&project, &["artifact", "copy", &name, "oci:out:1"], 4).one();
    copied.says("404").says("source");
    assert!(!project.path("out/index.json").exists() || !project.read("out/index.json").contains("\"1\""));
    let found = project.run(&["artifact", "discover", "--json", &name]).ok().json();
    assert_eq!(found["referrers"], json!([]));
}

#[test]
fn ten_thousand_entries_that_name_few_manifests_are_copied_once_each() {
    let images: Vec<Image> = (0..5).map(|seed| ImageSpec::new(700 + seed).build()).collect();
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("many-entries");
    for image in &images {
        registry.push(image, &repository, image.digest());
    }
    let entries: Vec<Value> = (0..10_000)
        .map(|n| {
            let mut entry = images[n % images.len()].root().descriptor();
            entry["annotations"] = json!({"number": n.to_string()});
            entry
        })
        .collect();
    let root = index(entries);
    registry.client().push_manifest(&repository, "1", &root);
    let proxy = Faulty::before(&registry.host());
    let project = Project::new();
    let name = format!("{}/{repository}:1", proxy.host());
    let shown = project.run(&["artifact", "show", "--json", &name]).ok().json();
    assert_eq!(shown["digest"], root.digest);
    let mark = proxy.mark();
    project
        .run(&["artifact", "copy", "--recursive", &name, "oci:out:1"])
        .ok();
    let labels = proxy.since(mark).labels();
    assert!(labels["GET manifest"] <= 12 && labels["GET blob"] <= 20, "{labels:?}");
    assert!(
        project
            .path(&format!("out/blobs/sha256/{}", &root.digest[7..]))
            .exists()
    );
}

#[test]
fn referrers_that_lead_back_to_themselves_are_followed_once() {
    // Lists of referrers are written by anybody: these two name each other's subject.
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("cycle");
    let image = ImageSpec::new(71).build();
    registry.push(&image, &repository, "v1");
    let first = Image::referrer(image.root(), "signature/example", b"1");
    let second = Image::referrer(first.root(), "signature/example", b"2");
    for referrer in [&first, &second] {
        registry.push(referrer, &repository, referrer.digest());
    }
    let list = |subject: &Part, entries: &[&Part]| {
        let described = |part: &&Part| {
            let mut entry = part.descriptor();
            entry["artifactType"] = json!("signature/example");
            entry
        };
        let part = index(entries.iter().map(described).collect());
        registry
            .client()
            .push_manifest(&repository, &subject.digest.replace(':', "-"), &part);
    };
    list(image.root(), &[first.root(), image.root()]);
    list(first.root(), &[second.root(), first.root()]);
    list(second.root(), &[first.root(), image.root()]);
    let project = Project::new();
    let name = format!("{}/{repository}:v1", registry.host());
    let tree = project.run(&["artifact", "discover", &name]).ok().stdout;
    assert!(tree.lines().count() < 30, "{tree}");
    for part in [first.root(), second.root()] {
        assert!(tree.contains(&part.digest), "{tree}");
    }
    project
        .run(&["artifact", "copy", "--recursive", &name, "oci:out:v1"])
        .ok();
    project.run(&["artifact", "delete", "--yes", "--graph", &name]).ok();
    assert_eq!(
        registry.client().tags(&repository),
        Vec::<String>::new(),
        "and no list is left"
    );
}

#[test]
fn an_index_that_lists_itself_is_refused() {
    let hostile = Hostile::Cycle.start();
    let project = Project::new();
    let name = format!("{}/cycle:1", hostile.address());
    for arguments in [
        &["artifact", "copy", &name, "oci:out:1"][..],
        &["artifact", "show", &name],
    ] {
        let output = project.run(arguments);
        assert!(matches!(output.code(), 4 | 5), "{output}");
        output.silent_about("panicked");
    }
}

#[test]
fn a_subject_that_is_not_there_sends_nothing() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("no-subject");
    let proxy = Faulty::before(&registry.host());
    let project = Project::new();
    project.write("file.txt", "x");
    let nowhere = format!("sha256:{}", "0".repeat(64));
    for subject in [
        format!("{}/{repository}:none", proxy.host()),
        format!("{}/{repository}@{nowhere}", proxy.host()),
    ] {
        refused(
            &project,
            &["artifact", "attach", &subject, "--artifact-type", "a/b", "file.txt"],
            4,
        )
        .one()
        .says("not there");
    }
    let labels = proxy.traffic().labels();
    assert!(
        labels
            .keys()
            .all(|label| label.starts_with("GET") || label.starts_with("HEAD")),
        "{labels:?}"
    );
}
