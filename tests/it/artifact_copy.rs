//! `artifact copy`: between registries, stores and layouts, with referrers, cut to platforms, refused and repeated.

use serde_json::{Value, json};

use crate::documents::fits;
use crate::support::http::Response;
use crate::support::referring::{Signed, refer};
use crate::support::registry::{PASSWORD, USER};
use crate::support::*;

/// What refers to a tag at a registry, all levels, by digest.
fn referrers(project: &Project, reference: &str) -> Vec<String> {
    fn walk(nodes: &Value, found: &mut Vec<String>) {
        for node in nodes.as_array().into_iter().flatten() {
            found.push(node["digest"].as_str().unwrap().to_owned());
            walk(&node["referrers"], found);
        }
    }
    let mut found = Vec::new();
    let document = project.run(&["artifact", "discover", "--json", reference]).ok().json();
    walk(&document["referrers"], &mut found);
    found.sort();
    found
}

#[test]
fn a_graph_travels_between_registries_and_layouts_and_a_second_copy_moves_nothing() {
    let (from, to) = (Registry::shared(Kind::Native), Registry::shared(Kind::Plain));
    let image = ImageSpec::new(501).layers(&[3000, 2000]).multi_platform();
    let (source, target) = (from.unique("copy"), to.unique("copy"));
    from.push(&image, &source, "v1");
    let project = Project::new();
    let source = format!("{}/{source}:v1", from.host());
    let place = format!("{}/{target}", to.host());
    let out = project
        .run(&["artifact", "copy", "--json", &source, &format!("{place}:v1,latest,1.0")])
        .ok();
    let document = out.json();
    fits(&project, "copy", &document);
    assert_eq!(document["tags"], json!(["v1", "latest", "1.0"]));
    assert_eq!(document["digest"], image.digest());
    for tag in ["v1", "latest", "1.0"] {
        assert_eq!(to.client().pull(&target, tag), Some(image.clone()), "{tag}");
    }
    let again = project
        .run(&["artifact", "copy", "--json", &source, &format!("{place}:v1")])
        .ok()
        .json();
    assert_eq!(
        (&again["bytes-moved"], &again["requests"]),
        (&json!(0), &json!(2)),
        "one question a side"
    );
    project
        .run(&["artifact", "copy", &source, &format!("{place}:v1")])
        .ok()
        .says("already there");

    project.run(&["artifact", "copy", &source, "oci:lay:team/app:v1"]).ok();
    assert_eq!(layout::read(&project.path("lay"), "team/app:v1"), Some(image.clone()));
    let back = to.unique("copy");
    project
        .run(&[
            "artifact",
            "copy",
            "oci:lay:team/app:v1",
            &format!("{}/{back}:v2", to.host()),
        ])
        .ok();
    assert_eq!(to.client().pull(&back, "v2"), Some(image.clone()));
    // By digest, and without a tag at the target.
    let bare = to.unique("copy");
    let pinned = format!("oci:lay@{}", image.digest());
    project
        .run(&["artifact", "copy", &pinned, &format!("{}/{bare}", to.host())])
        .ok();
    assert_eq!(to.client().tags(&bare), Vec::<String>::new());
    assert!(to.client().manifest(&bare, image.digest()).is_some());
}

#[test]
fn recursively_referrers_of_children_and_referrers_and_cosign_tags_come_along() {
    let signed = Signed::over(ImageSpec::new(502).multi_platform());
    let child = Image {
        manifests: vec![signed.image.manifests[0].clone()],
        ..signed.image.clone()
    };
    let of_child = Image::referrer(child.root(), "signature/example", b"of a child");
    let cosigned = ImageSpec::new(503).build();
    let tag = format!("{}.sig", signed.image.digest().replace(':', "-"));
    for (from, to) in [
        (Kind::Native, Kind::Plain),
        (Kind::Plain, Kind::Native),
        (Kind::Plain, Kind::Plain),
    ] {
        let (from, to) = (Registry::shared(from), Registry::shared(to));
        let (source, target) = (from.unique("copy"), to.unique("copy"));
        signed.push(from, &source, "v1");
        refer(from, &source, &child, &[&of_child]);
        from.push(&cosigned, &source, &tag);
        let project = Project::new();
        let source = format!("{}/{source}:v1", from.host());
        let goal = format!("{}/{target}:v1", to.host());
        let document = project
            .run(&["artifact", "copy", "--recursive", "--json", &source, &goal])
            .ok()
            .json();
        fits(&project, "copy", &document);
        assert_eq!(document["referrers"].as_array().map(Vec::len), Some(5), "{document:#}");
        assert_eq!(to.client().pull(&target, "v1"), Some(signed.image.clone()));
        assert_eq!(to.client().digest(&target, &tag).as_deref(), Some(cosigned.digest()));
        let mut expected = signed.digests()[1..].to_vec();
        expected.sort_unstable();
        assert_eq!(referrers(&project, &goal), expected);
        let of = format!("{}/{target}@{}", to.host(), child.digest());
        assert_eq!(referrers(&project, &of), [of_child.digest()]);
        let again = project
            .run(&["artifact", "copy", "--recursive", "--json", &source, &goal])
            .ok()
            .json();
        assert_eq!(again["bytes-moved"], 0);
        // Without it nothing but the graph travels.
        let alone = format!("{}/{}:v1", to.host(), to.unique("copy"));
        project.run(&["artifact", "copy", &source, &alone]).ok();
        assert_eq!(referrers(&project, &alone), Vec::<String>::new());
    }
}

#[test]
fn when_referrers_cannot_be_told_or_put_no_tag_is_written() {
    let (from, to) = (Registry::shared(Kind::Native), Registry::shared(Kind::Plain));
    let (source, target) = (from.unique("copy"), to.unique("copy"));
    let signed = Signed::new(504);
    signed.push(from, &source, "v1");
    let project = Project::new();
    let proxy = Faulty::before(&from.host());
    proxy.rule(Rule::new(Fault::Answer(Response::error(403, "DENIED", "no"))).on("GET referrers"));
    let goal = format!("{}/{target}:v1", to.host());
    project
        .run(&[
            "artifact",
            "copy",
            "--recursive",
            &format!("{}/{source}:v1", proxy.host()),
            &goal,
        ])
        .expect(5)
        .says("source")
        .says("403");
    let full = Faulty::before(&to.host());
    let sbom = signed.sbom.digest().to_owned();
    let denied = Response::error(403, "DENIED", "no more");
    full.rule(
        Rule::new(Fault::Answer(denied))
            .on("PUT manifest")
            .when(move |entry| entry.reference == sbom),
    );
    project
        .run(&[
            "artifact",
            "copy",
            "--recursive",
            &format!("{}/{source}:v1", from.host()),
            &format!("{}/{target}:v1", full.host()),
        ])
        .expect(5)
        .says("target")
        .says("it refers to");
    assert_eq!(to.client().digest(&target, "v1"), None);
}

#[test]
fn a_tag_that_holds_something_else_is_kept_until_it_may_be_replaced() {
    let registry = Registry::shared(Kind::Plain);
    let (source, target) = (registry.unique("copy"), registry.unique("copy"));
    let (new, old) = (ImageSpec::new(505).build(), ImageSpec::new(506).build());
    registry.push(&new, &source, "v1");
    registry.push(&old, &target, "v1");
    registry.push(&old, &target, "v2");
    let project = Project::new();
    let source = format!("{}/{source}:v1", registry.host());
    let goal = format!("{}/{target}:v1,v2,v3", registry.host());
    let refused = project.run(&["artifact", "copy", &source, &goal]).expect(4);
    assert_eq!(
        refused.stderr.matches("error:").count(),
        2,
        "every tag at once: {refused}"
    );
    refused.says("tag v2 holds").says(old.digest()).says("--replace");
    assert_eq!(registry.client().tags(&target), ["v1", "v2"]);
    project.run(&["artifact", "copy", "--replace", &source, &goal]).ok();
    for tag in ["v1", "v2", "v3"] {
        assert_eq!(registry.client().digest(&target, tag).as_deref(), Some(new.digest()));
    }
}

#[test]
fn platforms_make_a_new_index_or_a_sparse_one_and_what_is_pinned_is_never_cut() {
    let (from, to) = (Registry::shared(Kind::Plain), Registry::shared(Kind::Native));
    let source = from.unique("copy");
    let children = [
        ImageSpec::new(507).build(),
        ImageSpec::new(508).platform("linux", "arm64").build(),
        ImageSpec::new(509).platform("linux", "s390x").build(),
    ];
    let index = Image::index(&children);
    from.push(&index, &source, "v1");
    let signature = Image::referrer(children[1].root(), "signature/example", b"of arm64");
    refer(from, &source, &children[1], &[&signature]);
    let project = Project::new();
    let place = format!("{}/{source}", from.host());
    let goal = |name: &str| format!("{}/{name}:v1", to.host());

    let cut = to.unique("copy");
    let document = project
        .run(&[
            "artifact",
            "copy",
            "--json",
            "-r",
            "--platform",
            "linux/arm64",
            "--platform",
            "linux/amd64",
            &format!("{place}:v1"),
            &goal(&cut),
        ])
        .ok()
        .json();
    assert_eq!(document["source-digest"], index.digest());
    let held = to.client().pull(&cut, "v1").expect("the new index, whole");
    assert_eq!(held.digest(), document["digest"].as_str().unwrap());
    assert_eq!(held.root().json()["manifests"].as_array().map(Vec::len), Some(2));
    assert_eq!(to.client().manifest(&cut, children[2].digest()), None);
    assert_eq!(
        document["referrers"][0]["digest"],
        signature.digest(),
        "of what is left"
    );
    let again = project
        .run(&[
            "artifact",
            "copy",
            "--json",
            "--platform",
            "linux/amd64",
            "--platform",
            "linux/arm64",
            &format!("{place}:v1"),
            &goal(&cut),
        ])
        .ok()
        .json();
    assert_eq!(
        (&again["digest"], &again["bytes-moved"]),
        (&document["digest"], &json!(0)),
        "the same each time"
    );

    let sparse = to.unique("copy");
    let arguments = ["artifact", "copy", "--sparse", "--platform", "linux/amd64"];
    let sparsely = |goal: &str| {
        let mut all = arguments.to_vec();
        let from = format!("{place}:v1");
        all.extend([from.as_str(), goal]);
        project.run(&all)
    };
    sparsely(&goal(&sparse)).ok();
    assert_eq!(
        to.client().digest(&sparse, "v1").as_deref(),
        Some(index.digest()),
        "the index itself"
    );
    assert_eq!(to.client().manifest(&sparse, children[1].digest()), None);
    assert!(to.client().manifest(&sparse, children[0].digest()).is_some());
    // Distribution insists on all of them.
    sparsely(&format!("{}/{}:v1", from.host(), from.unique("copy")))
        .expect(5)
        .says("target")
        .says("without --sparse");

    let refused = format!("{place}@{}", index.digest());
    project
        .run(&["artifact", "copy", "--platform", "linux/amd64", &refused, &goal(&cut)])
        .expect(64)
        .says("never cut");
    project
        .run(&[
            "artifact",
            "copy",
            "--platform",
            "linux/riscv64",
            &format!("{place}:v1"),
            &goal(&cut),
        ])
        .expect(4)
        .says("has no linux/riscv64; it has linux/amd64");
    project
        .run(&["artifact", "copy", "--sparse", &format!("{place}:v1"), &goal(&cut)])
        .expect(64)
        .says("--platform");
}

#[test]
fn each_side_has_a_login_of_its_own_and_errors_name_the_side() {
    let (from, to) = (Registry::shared(Kind::Basic), Registry::shared(Kind::Token));
    let (source, target) = (from.unique("copy"), to.unique("copy"));
    let image = ImageSpec::new(510).build();
    from.push(&image, &source, "v1");
    let project = Project::new();
    let source = format!("{}/{source}:v1", from.host());
    let goal = format!("{}/{target}:v1", to.host());
    project
        .run(&["artifact", "copy", &source, &goal])
        .expect(5)
        .says("source")
        .says(&from.host());
    project.login(&from.host(), USER, PASSWORD);
    project
        .run(&["artifact", "copy", &source, &goal])
        .expect(5)
        .says("target")
        .says(&to.host());
    let with_password = |more: &[&str], input: &str| {
        let mut arguments = vec!["artifact", "copy"];
        arguments.extend(more);
        arguments.extend([source.as_str(), goal.as_str()]);
        project.aosm(&arguments).input(input).run()
    };
    with_password(&["--username", USER, "--password-stdin"], PASSWORD)
        .expect(64)
        .says("two registries")
        .says("--to-username");
    with_password(&["--to-username", USER, "--to-password-stdin"], "wrong\n")
        .expect(5)
        .says("target")
        .silent_about("wrong");
    with_password(
        &["--to-username", USER, "--to-password-stdin"],
        &format!("{PASSWORD}\n"),
    )
    .ok();
    assert_eq!(to.client().pull(&target, "v1"), Some(image));
}

#[test]
fn wrong_sources_and_targets_are_one_clear_error_each() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("copy");
    let image = ImageSpec::new(511).build();
    registry.push(&image, &repository, "v1");
    let project = Project::new();
    let good = format!("{}/{repository}:v1", registry.host());
    let table: &[(&str, &str, i32, &[&str])] = &[
        ("nginx:1", "GOOD", 64, &["names no registry"]),
        ("GOOD", "x:1", 64, &["names no registry"]),
        ("HOST/absent:1", "GOOD", 4, &["source", "absent:1"]),
        ("GOOD", "HOST/x@DIGEST", 64, &["a digest cannot be chosen"]),
        ("GOOD,v2", "HOST/x:1", 64, &["several tags"]),
        ("GOOD", "HOST/x:1,,2", 64, &["tag"]),
        ("oci:nowhere:1", "HOST/x:1", 5, &["no such folder"]),
        ("HOST/REPOSITORY", "HOST/x:1", 64, &["no tag and no digest"]),
    ];
    for (from, to, code, parts) in table {
        let fill = |text: &str| {
            text.replace("GOOD", &good)
                .replace("HOST", &registry.host())
                .replace("REPOSITORY", &repository)
                .replace("DIGEST", image.digest())
        };
        let out = project.run(&["artifact", "copy", &fill(from), &fill(to)]).expect(*code);
        for part in *parts {
            assert!(out.stderr.contains(part), "{from} {to}: {part}: {out}");
        }
    }
    let out = project.run(&["artifact", "copy", "nginx:1", "x:1"]).expect(64);
    assert_eq!(out.stderr.matches("error:").count(), 2, "both at once: {out}");
}

#[test]
fn a_copy_that_is_forced_to_look_finds_what_is_missing_below_a_tag() {
    let registry = Registry::shared(Kind::Native);
    let (source, target) = (registry.unique("copy"), registry.unique("copy"));
    let image = ImageSpec::new(512).multi_platform();
    registry.push(&image, &source, "v1");
    let project = Project::new();
    let source = format!("{}/{source}:v1", registry.host());
    let goal = format!("{}/{target}:v1", registry.host());
    project
        .run(&[
            "artifact",
            "copy",
            "--sparse",
            "--platform",
            "linux/amd64",
            &source,
            &goal,
        ])
        .ok();
    project
        .run(&["artifact", "copy", &source, &goal])
        .ok()
        .says("already there");
    assert!(
        image
            .manifests
            .iter()
            .any(|part| registry.client().manifest(&target, &part.digest).is_none())
    );
    project.run(&["artifact", "copy", "--force-check", &source, &goal]).ok();
    assert_eq!(registry.client().pull(&target, "v1"), Some(image));
}
