//! `artifact discover`: the tree that oras draws, JSON, filters, and what can be wrong with a list of referrers.

use serde_json::{Value, json};

use crate::documents::fits;
use crate::support::http::Response;
use crate::support::image::{OCI_INDEX, Part};
use crate::support::referring::{Signed, list_tag, refer};
use crate::support::*;

fn digests(nodes: &Value) -> Vec<&str> {
    let list = nodes.as_array().expect("a list");
    list.iter().map(|node| node["digest"].as_str().unwrap()).collect()
}

#[test]
fn the_tree_and_the_json_are_the_same_with_and_without_the_referrers_api() {
    let signed = Signed::new(401);
    for kind in [Kind::Plain, Kind::Old, Kind::Native, Kind::NativePaged] {
        if !kind.available() {
            continue;
        }
        let registry = Registry::shared(kind);
        let repository = registry.unique("discover");
        signed.push(registry, &repository, "v1");
        let reference = format!("{}/{repository}:v1", registry.host());
        let project = Project::new();
        let document = project.run(&["artifact", "discover", "--json", &reference]).ok().json();
        fits(&project, "discover", &document);
        assert_eq!(document["reference"], reference.as_str(), "{kind:?}");
        assert_eq!(document["digest"], signed.image.digest());
        let mut expected = [signed.signature.digest(), signed.sbom.digest()];
        expected.sort_unstable();
        assert_eq!(digests(&document["referrers"]), expected, "{kind:?}");
        let sbom = &document["referrers"].as_array().unwrap()[usize::from(expected[1] == signed.sbom.digest())];
        assert_eq!(sbom["artifact-type"], "sbom/example");
        assert_eq!(digests(&sbom["referrers"]), [signed.sbom_signature.digest()]);

        let tree = project.run(&["artifact", "discover", &reference]).ok().stdout;
        let mut lines = tree.lines();
        let place = format!("{}/{repository}", registry.host());
        assert_eq!(
            lines.next(),
            Some(format!("{place}@{}", signed.image.digest()).as_str())
        );
        assert_eq!(lines.filter(|line| line.contains("sha256:")).count(), 3, "{tree}");
        for part in ["── signature/example", "── sbom/example", "└── signature/example"] {
            assert!(tree.contains(part), "{part}: {tree}");
        }
    }
}

#[test]
fn a_type_holds_on_every_level_and_depth_and_table_stop_early() {
    let signed = Signed::new(402);
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("discover");
    signed.push(registry, &repository, "v1");
    let reference = format!("{}/{repository}:v1", registry.host());
    let project = Project::new();
    let run = |more: &[&str]| {
        let mut arguments = vec!["artifact", "discover", reference.as_str()];
        arguments.extend(more);
        project.run(&arguments).ok()
    };
    let only = run(&["--json", "--artifact-type", "sbom/example"]).json();
    assert_eq!(digests(&only["referrers"]), [signed.sbom.digest()]);
    assert_eq!(only["referrers"][0]["referrers"], json!([]));
    let direct = run(&["-o", "json", "--depth", "1"]).json();
    assert_eq!(direct["referrers"].as_array().map(Vec::len), Some(2));
    assert!(!direct.to_string().contains(signed.sbom_signature.digest()));
    let table = run(&["-o", "table"]).stdout;
    assert!(table.starts_with(&format!(
        "Discovered 2 artifacts referencing {reference}\nDigest: {}\n",
        signed.image.digest()
    )));
    assert_eq!(
        table.lines().filter(|line| line.contains("/example  ")).count(),
        2,
        "{table}"
    );
    project
        .run(&["artifact", "discover", &reference, "--depth", "0"])
        .expect(64)
        .says("--depth");
}

#[test]
fn annotations_are_nested_and_move_no_cursor() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("discover");
    let image = ImageSpec::new(403).build();
    registry.push(&image, &repository, "v1");
    let mut manifest = Image::referrer(image.root(), "note/example", b"x").root().json();
    manifest["annotations"] = json!({"plain": "a text", "sly": "\u{1b}[2Jgone\nnext line"});
    let mut note = Image::referrer(image.root(), "note/example", b"x");
    *note.manifests.last_mut().unwrap() = Part::new(image::OCI_MANIFEST, manifest.to_string().into_bytes());
    refer(registry, &repository, &image, &[&note]);
    let project = Project::new();
    let out = project
        .run(&["artifact", "discover", &format!("{}/{repository}:v1", registry.host())])
        .ok();
    assert!(out.stdout.contains("        ├── plain: a text\n"), "{out}");
    assert!(!out.stdout.contains('\u{1b}'), "{out}");
    assert_eq!(out.stdout.lines().filter(|line| line.contains("sly")).count(), 1);
}

#[test]
fn a_platform_shows_what_refers_to_its_manifest() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("discover");
    let amd = ImageSpec::new(404).build();
    let arm = ImageSpec::new(405).platform("linux", "arm64").build();
    let index = Image::index(&[amd, arm.clone()]);
    registry.push(&index, &repository, "v1");
    let signature = Image::referrer(arm.root(), "signature/example", b"s");
    refer(registry, &repository, &arm, &[&signature]);
    let reference = format!("{}/{repository}:v1", registry.host());
    let project = Project::new();
    let whole = project.run(&["artifact", "discover", "--json", &reference]).ok().json();
    assert_eq!(
        (&whole["digest"], &whole["referrers"]),
        (&json!(index.digest()), &json!([]))
    );
    let one = project
        .run(&[
            "artifact",
            "discover",
            "--json",
            "--platform",
            "linux/arm64",
            &reference,
        ])
        .ok()
        .json();
    assert_eq!(one["digest"], arm.digest());
    assert_eq!(digests(&one["referrers"]), [signature.digest()]);
    project
        .run(&["artifact", "discover", "--platform", "linux/s390x", &reference])
        .expect(4)
        .says("has no linux/s390x; it has linux/amd64, linux/arm64");
    project
        .run(&["artifact", "discover", "--platform", "linux", &reference])
        .expect(64)
        .says("no platform");
}

#[test]
fn a_circle_in_a_list_of_referrers_ends_and_ten_thousand_entries_are_shown() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("discover");
    let signed = Signed::new(406);
    signed.push(registry, &repository, "v1");
    // No digest can go round; a list that somebody wrote can.
    let list = |subject: &str, entries: Vec<Value>| {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        let index = Part::new(OCI_INDEX, index.to_string().into_bytes());
        registry.client().push_manifest(&repository, &list_tag(subject), &index);
    };
    let back = [signed.image.root().descriptor(), signed.sbom.root().descriptor()];
    list(signed.sbom_signature.digest(), back.to_vec());
    let reference = format!("{}/{repository}:v1", registry.host());
    let project = Project::new();
    let tree = project.run(&["artifact", "discover", &reference]).ok().stdout;
    assert_eq!(tree.matches(signed.sbom.digest()).count(), 2, "{tree}");

    let many = registry.unique("discover");
    registry.push(&signed.image, &many, "v1");
    let proxy = Faulty::before(&registry.host());
    let entries: Vec<Value> = (0..10_000)
        .map(|n| {
            let digest = sha256(format!("{n}").as_bytes());
            json!({"mediaType": image::OCI_MANIFEST, "digest": digest, "size": 1, "artifactType": "a/b"})
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string();
    let (subject, tag) = (signed.image.digest().to_owned(), list_tag(signed.image.digest()));
    proxy.answering(move |_, entry| {
        let list = || Response::new(200, index.as_str()).with("Content-Type", OCI_INDEX);
        match entry.reference.as_str() {
            reference if reference == tag => Some(list()),
            reference if reference == subject => None,
            _ if entry.path.contains("/referrers/") || entry.reference.starts_with("sha256-") => {
                Some(Response::error(404, "NOT_FOUND", "none"))
            }
            _ => None,
        }
    });
    let reference = format!("{}/{many}:v1", proxy.host());
    let out = project
        .run(&["artifact", "discover", "--depth", "1", "--json", &reference])
        .ok();
    assert_eq!(out.json()["referrers"].as_array().map(Vec::len), Some(10_000));
}

#[test]
fn who_cannot_tell_is_an_error_and_never_an_empty_tree() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("discover");
    let signed = Signed::new(407);
    signed.push(registry, &repository, "v1");
    let project = Project::new();
    for (status, code) in [(401, "UNAUTHORIZED"), (403, "DENIED"), (500, "UNKNOWN")] {
        let proxy = Faulty::before(&registry.host());
        proxy.rule(Rule::new(Fault::Answer(Response::error(status, code, "not now"))).on("GET referrers"));
        let out = project.run(&["artifact", "discover", &format!("{}/{repository}:v1", proxy.host())]);
        assert_eq!(out.code(), 5, "{status}: {out}");
        assert_eq!(out.stdout, "", "{status}");
    }
    let proxy = Faulty::before(&registry.host());
    let page = Response::new(200, "<html>log in</html>").with("Content-Type", "text/html");
    proxy.rule(Rule::new(Fault::Answer(page)).on("GET referrers"));
    let out = project.run(&["artifact", "discover", &format!("{}/{repository}:v1", proxy.host())]);
    assert_ne!(out.code(), 0, "{out}");
    assert_eq!(out.stdout, "");
}

#[test]
fn a_wrong_reference_is_one_clear_error() {
    let registry = Registry::shared(Kind::Plain);
    let host = registry.host();
    let project = Project::new();
    let absent = format!("sha256:{}", "0".repeat(64));
    let table: &[(&str, i32, &[&str])] = &[
        ("nginx:1.25", 64, &["names no registry", "docker.io/library/nginx:1.25"]),
        ("images:a/b:1", 64, &["no project here", "images"]),
        ("HOST/Upper/case:1", 64, &["lower case"]),
        ("HOST/a", 64, &["no tag and no digest", ":latest"]),
        ("HOST/a@sha256:12", 64, &["hex digits"]),
        ("HOST/a:b:c", 64, &["tags are"]),
        ("HOST/a:1,2", 64, &["several tags"]),
        ("[::1/a:1", 64, &["host"]),
        ("127.0.0.1:99999/a:1", 64, &["65535"]),
        ("https://HOST/a:1", 64, &["scheme"]),
        ("oci:nowhere:1", 5, &["nowhere", "no such folder"]),
        ("HOST/absent:1", 4, &["absent:1", "404"]),
        ("HOST/absent@ABSENT", 4, &["404"]),
    ];
    for (text, code, parts) in table {
        let text = text.replace("HOST", &host).replace("ABSENT", &absent);
        let out = project.run(&["artifact", "discover", &text]).expect(*code);
        assert_eq!(out.stderr.matches("error:").count(), 1, "{text}: {out}");
        for part in *parts {
            assert!(out.stderr.contains(part), "{text}: {part}: {out}");
        }
    }
}

#[test]
fn a_store_of_the_project_is_named_with_its_prefix_and_its_profile() {
    let registry = Registry::shared(Kind::Tls);
    let repository = registry.unique("discover");
    let signed = Signed::new(408);
    signed.push(registry, &format!("{repository}/inner"), "v1");
    let project = Project::new();
    charts::write(&project, "chart", "contoso", "1.0.0", &[]);
    let ca = registry.ca_file().unwrap().to_str().unwrap().to_owned();
    project.write(
        "aosm.toml",
        format!(
            "[[charts]]\nname = \"contoso\"\npath = \"chart\"\n[stores.images]\nkind = \"registry\"\nregistry = \"{}/{repository}\"\n\
             [network]\nca-file = {ca:?}\n",
            registry.host()
        ),
    );
    let out = project.run(&["artifact", "discover", "images:inner:v1"]).ok();
    let root = format!("{}/{repository}/inner@{}", registry.host(), signed.image.digest());
    assert_eq!(out.stdout.lines().next(), Some(root.as_str()));
    project
        .run(&["artifact", "discover", "imgs:inner:v1"])
        .expect(64)
        .says("docker.io")
        .says("images");
    project
        .run(&["artifact", "discover", "imgs:inner/x:v1"])
        .expect(64)
        .says("no store \"imgs\"");
    project
        .run(&["--offline", "artifact", "discover", "images:inner:v1"])
        .expect(64)
        .says("--offline forbids");
    // Without a project the flags say the same.
    let elsewhere = Project::new();
    let reference = format!("{}/{repository}/inner:v1", registry.host());
    elsewhere
        .run(&["artifact", "discover", "--ca-file", &ca, &reference])
        .ok();
    elsewhere
        .run(&["artifact", "discover", "--ca-file", "absent.pem", &reference])
        .expect(64)
        .says("no such file");
}

#[test]
fn a_password_comes_from_standard_input_only() {
    let project = Project::new();
    project
        .run(&["artifact", "discover", "--username", "u", "localhost/a:1"])
        .expect(64)
        .says("--password-stdin");
    project
        .run(&[
            "artifact",
            "discover",
            "--username",
            "u",
            "--password-stdin",
            "localhost:1/a:1",
        ])
        .expect(64)
        .says("nothing came");
    project
        .run(&["artifact", "discover", "--password", "p", "localhost/a:1"])
        .expect(64)
        .says("--password");
}
