//! `artifact show`, `tags`, `manifests`, `repositories`: at Azure Container Registry by its own API, elsewhere as far as can be seen.

use serde_json::{Value, json};

use crate::documents::fits;
use crate::support::http::Response;
use crate::support::referring::{Signed, list_tag};
use crate::support::registry::{PASSWORD, READER, READER_PASSWORD, USER};
use crate::support::*;

fn names(list: &Value, key: &str) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter()
        .map(|entry| entry[key].as_str().unwrap().to_owned())
        .collect()
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

#[test]
fn an_image_is_shown_with_its_layers_platform_and_size() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("show");
    let image = ImageSpec::new(421).layers(&[1000, 2000]).build();
    registry.push(&image, &repository, "v1");
    let project = Project::new();
    let reference = format!("{}/{repository}:v1", registry.host());
    let document = project.run(&["artifact", "show", "--json", &reference]).ok().json();
    fits(&project, "artifact", &document);
    assert_eq!(document["digest"], image.digest());
    assert_eq!(document["total-size"], image.size());
    assert_eq!(document["platforms"], json!(["linux/amd64"]));
    assert_eq!(document["layers"].as_array().map(Vec::len), Some(2));
    assert_eq!(document["registry"], Value::Null);
    project
        .run(&["artifact", "show", &reference])
        .ok()
        .says("linux/amd64")
        .says(image.digest());
    let raw = project.run(&["artifact", "show", "--manifest", &reference]).ok();
    assert_eq!(raw.stdout.as_bytes(), image.root().bytes.as_slice(), "byte for byte");
}

#[test]
fn an_index_is_shown_with_its_platforms_and_a_sparse_one_tells_that_parts_are_missing() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("show");
    let image = ImageSpec::new(422).multi_platform();
    registry.push(&image, &repository, "v1");
    let project = Project::new();
    let reference = format!("{}/{repository}:v1", registry.host());
    let whole = project.run(&["artifact", "show", "--json", &reference]).ok().json();
    assert_eq!(whole["total-size"], image.size());
    assert_eq!(
        whole["manifests"].as_array().map(Vec::len),
        Some(image.manifests.len() - 1)
    );
    assert_eq!(whole["platforms"], json!(["linux/amd64", "linux/arm64"]));

    let sparse = project.path("sparse");
    layout::write(&sparse, &[("v1", &image)]);
    let child = &image.manifests[0];
    std::fs::remove_file(sparse.join("blobs").join(child.digest.replace(':', "/"))).unwrap();
    let document = project
        .run(&["artifact", "show", "--json", "oci:sparse:v1"])
        .ok()
        .json();
    assert_eq!(document["total-size"], Value::Null);
    project
        .run(&["artifact", "show", "oci:sparse:v1"])
        .ok()
        .says("parts of it are missing");
}

#[test]
fn an_artifact_is_shown_with_titles_subject_and_annotations() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("show");
    let signed = Signed::new(423);
    signed.push(registry, &repository, "v1");
    let project = Project::new();
    let reference = format!("{}/{repository}@{}", registry.host(), signed.sbom.digest());
    let document = project.run(&["artifact", "show", "--json", &reference]).ok().json();
    assert_eq!(document["artifact-type"], "sbom/example");
    assert_eq!(document["subject"], signed.image.digest());
    project
        .run(&["artifact", "show", &reference])
        .ok()
        .says("refers to")
        .says("sbom/example");
}

#[test]
fn what_is_no_manifest_is_not_shown() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("show");
    registry.push(&ImageSpec::new(424).build(), &repository, "v1");
    let project = Project::new();
    for (body, media_type, part) in [
        ("[]", image::OCI_MANIFEST, "manifest"),
        (
            "{\"schemaVersion\":2,\"layers\":[]}",
            image::OCI_MANIFEST,
            "without config",
        ),
        (
            "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
            image::OCI_INDEX,
            "refused",
        ),
    ] {
        let proxy = Faulty::before(&registry.host());
        let answer = Response::new(200, body)
            .with("Content-Type", media_type)
            .with("Docker-Content-Digest", &sha256(body.as_bytes()));
        proxy.rule(Rule::new(Fault::Answer(answer)).when(|entry| entry.path.contains("/manifests/")));
        let out = project.run(&["artifact", "show", &format!("{}/{repository}:v1", proxy.host())]);
        assert_ne!(out.code(), 0, "{body}: {out}");
        assert!(out.stderr.contains(part), "{body}: {out}");
    }
}

#[test]
fn tags_are_plain_lines_and_lists_of_referrers_are_hidden_until_all_are_asked_for() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("tags");
    let signed = Signed::new(425);
    signed.push(registry, &repository, "v1");
    registry.push(&signed.image, &repository, "latest");
    let project = Project::new();
    let reference = format!("{}/{repository}", registry.host());
    let out = project
        .run(&["artifact", "tags", &reference])
        .ok()
        .says("2 tags that only hold lists");
    assert_eq!(out.stdout, "latest\nv1\n");
    let all = project.run(&["artifact", "tags", "--all", &reference]).ok();
    let lists = sorted(vec![
        &*list_tag(signed.image.digest()).leak(),
        list_tag(signed.sbom.digest()).leak(),
    ]);
    assert_eq!(all.stdout, format!("latest\n{}\n{}\nv1\n", lists[0], lists[1]));
    let document = project.run(&["artifact", "tags", "--json", &reference]).ok().json();
    fits(&project, "tags", &document);
    assert_eq!(
        (names(&document["tags"], "name"), &document["hidden"]),
        (vec!["latest".into(), "v1".into()], &json!(2))
    );
    project
        .run(&["artifact", "tags", &format!("{reference}:v1")])
        .expect(64)
        .says("leave the tag or digest away");
    project
        .run(&["artifact", "tags", &format!("{reference}-absent")])
        .expect(4)
        .says("404");
}

#[test]
fn elsewhere_than_at_acr_manifests_are_those_that_tags_lead_to_and_the_output_says_so() {
    let signed = Signed::over(ImageSpec::new(426).multi_platform());
    for kind in [Kind::Plain, Kind::Native] {
        let registry = Registry::shared(kind);
        let repository = registry.unique("manifests");
        signed.push(registry, &repository, "v1");
        let untagged = ImageSpec::new(427).build();
        registry.push(&untagged, &repository, untagged.digest());
        let project = Project::new();
        let reference = format!("{}/{repository}", registry.host());
        let out = project
            .run(&["artifact", "manifests", "--json", &reference])
            .ok()
            .says("cannot be seen");
        let document = out.json();
        fits(&project, "manifests", &document);
        assert_eq!(document["complete"], false);
        let mut expected: Vec<&str> = signed.image.manifests.iter().map(|part| part.digest.as_str()).collect();
        expected.extend([
            signed.signature.digest(),
            signed.sbom.digest(),
            signed.sbom_signature.digest(),
        ]);
        assert_eq!(names(&document["manifests"], "digest"), sorted(expected), "{kind:?}");
        let find = |digest: &str| {
            let all = document["manifests"].as_array().unwrap();
            all.iter().find(|entry| entry["digest"] == digest).unwrap().clone()
        };
        assert_eq!(find(signed.image.digest())["tags"], json!(["v1"]));
        assert_eq!(find(signed.sbom.digest())["subject"], signed.image.digest());
        let child = find(&signed.image.manifests[0].digest);
        assert_eq!(child["parents"], json!([signed.image.digest()]));
        assert_eq!(child["platform"], "linux/amd64");
        let lines = project.run(&["artifact", "manifests", &reference]).ok().stdout;
        assert!(lines.lines().all(|line| line.starts_with("sha256:")), "{lines}");
        assert!(lines.contains("sbom/example"), "{lines}");
    }
}

#[test]
fn at_acr_all_manifests_are_listed_with_what_the_registry_keeps_of_them() {
    let registry = Registry::shared(Kind::Native);
    let acr = Acr::before(registry);
    acr.set_page(2);
    let client = Client::plain(&acr.host());
    let repository = registry.unique("acr-listing") + "/app";
    let images: Vec<Image> = (430..434).map(|seed| ImageSpec::new(seed).build()).collect();
    for image in &images {
        client.push(image, &repository, "v1");
    }
    client.push(&images[0], &repository, "v0");
    let project = Project::new();
    let place = format!("{}/{repository}", acr.host());

    let document = project
        .run(&["artifact", "manifests", "--json", &place])
        .ok()
        .silent_about("cannot be seen")
        .json();
    fits(&project, "manifests", &document);
    assert_eq!(document["complete"], true);
    let expected = sorted(images.iter().map(Image::digest).collect());
    assert_eq!(
        names(&document["manifests"], "digest"),
        expected,
        "untagged ones and several pages"
    );
    for manifest in document["manifests"].as_array().unwrap() {
        assert!(
            manifest["created-time"].is_string() && manifest["image-size"].is_number(),
            "{manifest}"
        );
        assert_eq!(manifest["changeable-attributes"]["delete-enabled"], true);
    }

    let tags = project.run(&["artifact", "tags", "--json", &place]).ok().json();
    fits(&project, "tags", &tags);
    assert_eq!(names(&tags["tags"], "name"), ["v0", "v1"]);
    assert_eq!(tags["tags"][1]["digest"], images[3].digest());
    assert!(tags["tags"][1]["last-update-time"].is_string());

    let shown = project
        .run(&["artifact", "show", "--json", &format!("{place}:v0")])
        .ok()
        .json();
    fits(&project, "artifact", &shown);
    assert_eq!(shown["registry"]["tags"], json!(["v0"]));
    assert!(shown["registry"]["created-time"].is_string() && shown["registry"]["last-update-time"].is_string());
    assert!(shown["registry"]["image-size"].is_number());
    project
        .run(&["artifact", "show", &format!("{place}:v0")])
        .ok()
        .says("pushed")
        .says("read, write, delete, list");

    let repositories = project
        .run(&["artifact", "repositories", "--json", &acr.host()])
        .ok()
        .json();
    fits(&project, "repositories", &repositories);
    assert!(
        repositories["repositories"]
            .as_array()
            .unwrap()
            .contains(&json!(repository)),
        "{repositories}"
    );
}

#[test]
fn where_a_login_lacks_the_right_the_right_and_the_way_are_named() {
    let registry = Registry::shared(Kind::Token);
    let acr = Acr::before(registry);
    let repository = registry.unique("acr-rights") + "/app";
    let image = ImageSpec::new(440).build();
    registry.push(&image, &repository, "v1");
    let project = Project::new();
    let place = format!("{}/{repository}", acr.host());
    project.login(&acr.host(), READER, READER_PASSWORD);
    for command in ["tags", "manifests"] {
        project
            .run(&["artifact", command, &place])
            .expect(5)
            .says("metadata/read")
            .says("--auth azure-cli");
    }
    project
        .run(&["artifact", "repositories", &acr.host()])
        .expect(5)
        .says("--auth azure-cli");
    // The content may be read, so most of `show` can be told.
    project
        .run(&["artifact", "show", &format!("{place}:v1")])
        .ok()
        .says("warning")
        .says("metadata/read")
        .says(image.digest());
    project.login(&acr.host(), USER, PASSWORD);
    project.run(&["artifact", "tags", &place]).ok();
}

#[test]
fn repositories_of_registries_stores_and_layouts_are_listed() {
    let registry = Registry::start(Kind::Plain);
    let image = ImageSpec::new(450).build();
    for repository in ["a/one", "a/two", "b"] {
        registry.push(&image, repository, "v1");
    }
    let project = Project::new();
    let out = project.run(&["artifact", "repositories", &registry.host()]).ok();
    assert_eq!(out.stdout, "a/one\na/two\nb\n");
    charts::write(&project, "chart", "contoso", "1.0.0", &[]);
    project.write(
        "aosm.toml",
        format!(
            "[[charts]]\nname = \"contoso\"\npath = \"chart\"\n[stores.a]\nkind = \"registry\"\nregistry = \"{}/a\"\n",
            registry.host()
        ),
    );
    let out = project.run(&["artifact", "repositories", "a"]).ok();
    assert_eq!(out.stdout, "one\ntwo\n", "as they are written after the store's name");
    layout::write(
        &project.path("lay"),
        &[
            ("release/a:1", &image),
            ("release/a:2", &image),
            ("b:1", &image),
            ("latest", &image),
        ],
    );
    assert_eq!(
        project.run(&["artifact", "repositories", "oci:lay"]).ok().stdout,
        "b\nrelease/a\n"
    );
    assert_eq!(
        project.run(&["artifact", "tags", "oci:lay"]).ok().stdout,
        "b:1\nlatest\nrelease/a:1\nrelease/a:2\n"
    );
    assert_eq!(
        project.run(&["artifact", "tags", "oci:lay:release/a"]).ok().stdout,
        "1\n2\n"
    );
    project
        .run(&["artifact", "repositories", "nowhere"])
        .expect(64)
        .says("names no registry");
    project
        .run(&["artifact", "repositories", &format!("{}/a", registry.host())])
        .expect(64)
        .says("more than a registry");
}
