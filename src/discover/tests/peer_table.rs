//! What a line-based search with one pattern gets wrong, right: from rendered text through discovery and the cut
//! rule to the name in the store.

use super::*;
use crate::project::ImageSource;
use crate::reference::{FirstSegment, ImageReference};

/// What must come of an image: names in the store in the order asked for, and the tag.
fn landed(reference: &str, source: &str) -> String {
    let reference = ImageReference::parse(reference).unwrap();
    let source = ImageSource {
        host: source.to_owned(),
        namespace: String::new(),
    };
    let names: Vec<_> = reference
        .candidates(&source, &FirstSegment::default())
        .into_iter()
        .map(|c| c.store_name)
        .collect();
    format!("{} : {}", names.join(" | "), reference.store_tag(None).unwrap())
}

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn every_image_line_of_a_container_comes_out_right() {
    let digest = format!("image: reg.io/app@{DIGEST}");
    let both = format!("image: reg.io/app:1.0@{DIGEST}");
    let rows: &[(&str, &str, &str)] = &[
        ("image: docker.io/library/nginx:1.25", "acr.io", "library/nginx : 1.25"),
        ("image: library/nginx:1.25", "docker.io", "library/nginx : 1.25"),
        ("image: library/nginx:1.25", "acr.io", "nginx | library/nginx : 1.25"),
        ("image: nginx:1.25", "acr.io", "nginx : 1.25"),
        ("image: busybox", "acr.io", "busybox : latest"),
        ("image: \"busybox:1.36\"", "acr.io", "busybox : 1.36"),
        ("image: reg.io/app", "acr.io", "app : latest"),
        ("image: localhost:5000/app", "acr.io", "app : latest"),
        ("image: localhost:5000/app:1.0", "acr.io", "app : 1.0"),
        ("image: reg.io:443/ns/app:2.0", "acr.io", "ns/app : 2.0"),
        (
            "image: \"reg/pez-nfagent:879624\"",
            "acr.io",
            "pez-nfagent | reg/pez-nfagent : 879624",
        ),
        ("image: 'reg/a/b:1.0.0'", "acr.io", "a/b | reg/a/b : 1.0.0"),
        (&digest, "acr.io", "app : digest-0123456789ab"),
        (&both, "acr.io", "app : 1.0"),
        ("image: reg.io/new:1 # image: reg.io/old:0.1", "acr.io", "new : 1"),
        ("# image: reg.io/old:0.1\nimage: reg.io/new:1", "acr.io", "new : 1"),
        ("{\"image\": \"reg.io/app:1\"}", "acr.io", "app : 1"),
        ("image: >-\n  reg.io/app:1", "acr.io", "app : 1"),
        ("image: |-\n  reg.io/app:1", "acr.io", "app : 1"),
        ("image:\n  reg.io/app:1", "acr.io", "app : 1"),
        ("\"image\" : reg.io/app:1", "acr.io", "app : 1"),
    ];
    for (line, source, expected) in rows {
        let rendered = match line.strip_prefix('{') {
            Some(_) => format!("kind: Pod\napiVersion: v1\nmetadata: {{name: p}}\nspec: {{containers: [{line}]}}\n"),
            None => deployment(line),
        };
        let found = run(&rendered);
        assert_eq!(found.images.len(), 1, "{line}: {found:#?}");
        assert_eq!(landed(&found.images[0].reference, source), *expected, "{line}");
        assert!(found.problems.iter().all(|p| !p.error), "{line}");
    }
}

#[test]
fn what_is_no_image_is_an_error_and_never_half_an_image() {
    for line in [
        "image: https://reg.io/app:1.0",
        "image: reg.io/app@sha256:abc",
        "image: reg.io/app:1.0@sha256:abc",
        "image: \"reg.io/app:{{ .Values.tag }}\"",
        "image: reg.io/app:$(TAG)",
        "image: [reg/a:1, reg/b:2]",
        "image: {repository: reg/a, tag: 1}",
    ] {
        let found = run(&deployment(line));
        assert_eq!(found.images, [], "{line}");
        assert_eq!(found.problems.iter().filter(|p| p.error).count(), 1, "{line}");
    }
}

#[test]
fn comments_descriptions_and_schemas_are_no_images() {
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\nspec:\n  schema:\n    properties:\n      image: {type: string, description: 'image: reg.io/a:1', default: reg.io/a:1}\n      containers:\n      - image: reg.io/b:1\n";
    let comment =
        "# image: reg.io/old:0.1\nkind: Service\napiVersion: v1\nmetadata: {name: s}\n# image: reg.io/old:0.2\n";
    for text in [crd, comment] {
        assert_eq!(run(text), Discovered::default(), "{text}");
    }
}

#[test]
fn what_lines_do_not_show_is_found() {
    let list = run(&custom("image: [reg/a:1, reg/b:2]\n"));
    assert_eq!(references(&list.images), ["reg/a:1", "reg/b:2"]);
    let base = run(&custom("baseImage: reg.io/base:1\nsidecar_image: reg.io/sidecar:1\n"));
    assert_eq!(references(&base.candidates), ["reg.io/base:1", "reg.io/sidecar:1"]);
    let split = run(&custom("engine:\n  image:\n    repository: reg/a\n    tag: 1\n"));
    assert_eq!(references(&split.candidates), ["reg/a:1"]);
    let args = run(&deployment(
        "image: reg.io/app:1\nargs: [\"--img=reg/s:1\"]\nenv:\n- name: SIDECAR_IMAGE\n  value: reg/t:1",
    ));
    assert_eq!(references(&args.candidates), ["reg/s:1", "reg/t:1"]);
}

#[test]
fn split_maps_are_images_when_a_rule_says_so() {
    let found = run_with(&custom("engine:\n  image:\n    repository: reg/a\n    tag: 1\n"), |d| {
        d.rules = vec![rule(|r| {
            r.kind = Some("Engine".into());
            r.pointer = Some("/spec/*/image".into());
        })];
    });
    assert_eq!(lines(&found.images), ["reg/a:1 Rule Engine/e /spec/engine/image"]);
    assert_eq!(found.candidates, []);
}
