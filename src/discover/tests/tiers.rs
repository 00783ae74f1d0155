//! Where images are looked for, and how sure each place is.

use super::*;

#[test]
fn containers_are_found_at_any_depth_in_any_kind() {
    let rendered = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: c}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: 'r.io/a:1'}], initContainers: [{image: 'r.io/b:1'}]}}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  ephemeralContainers: [{image: 'r.io/c:1'}]
  containers: [{image: 'r.io/d:1'}]
  volumes:
  - {name: plain, emptyDir: {}}
  - {name: model, image: {reference: 'r.io/model:1', pullPolicy: Always}}
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: ray}
spec: {headGroupSpec: {template: {spec: {containers: [{image: 'r.io/ray:1'}, {name: patch-only}]}}}}
---
apiVersion: v1
kind: List
items:
- {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: ds}, spec: {template: {spec: {containers: [{image: 'r.io/e:1'}]}}}}
";
    let found = run(rendered);
    assert_eq!(
        lines(&found.images),
        [
            "r.io/a:1 T1 CronJob/c /spec/jobTemplate/spec/template/spec/containers/0/image",
            "r.io/b:1 T1 CronJob/c /spec/jobTemplate/spec/template/spec/initContainers/0/image",
            "r.io/c:1 T1 Pod/p /spec/ephemeralContainers/0/image",
            "r.io/d:1 T1 Pod/p /spec/containers/0/image",
            "r.io/e:1 T1 DaemonSet/ds /spec/template/spec/containers/0/image",
            "r.io/model:1 T1 Pod/p /spec/volumes/1/image/reference",
            "r.io/ray:1 T1 RayCluster/ray /spec/headGroupSpec/template/spec/containers/0/image",
        ]
    );
    assert_eq!(found.problems, []);
}

#[test]
fn a_find_says_where_it_was() {
    let found = run(&format!("{}# end\n", deployment("image: r.io/a:1")));
    let place = &found.images[0];
    assert_eq!(
        (place.package.as_str(), place.template.as_str(), place.line),
        ("pkg", "c/templates/d.yaml", 12)
    );
    assert_eq!((place.hook.as_deref(), place.confidence), (None, None));
}

#[test]
fn anchors_and_merge_keys_place_an_image_wherever_it_counts() {
    let rendered = "
kind: Engine
apiVersion: acme.io/v1
metadata: {name: e}
x-base: &base {image: 'r.io/a:1', tag: ignored}
spec:
  main: {<<: *base, image: 'r.io/b:1'}
  side: {<<: *base}
";
    let found = run(rendered);
    assert_eq!(
        lines(&found.images),
        [
            "r.io/a:1 T2 Engine/e /spec/side/image",
            "r.io/a:1 T2 Engine/e /x-base/image",
            "r.io/b:1 T2 Engine/e /spec/main/image"
        ]
    );
}

#[test]
fn of_duplicate_keys_the_last_one_counts_with_a_warning() {
    let found = run(&deployment("image: r.io/a:1\nimage: r.io/b:1"));
    assert_eq!(references(&found.images), ["r.io/b:1"]);
    assert_eq!(found.problems.len(), 1);
    let problem = &found.problems[0];
    assert!(!problem.error && problem.message.contains("`image`"));
    assert_eq!((problem.line, problem.excerpt.trim()), (13, "image: r.io/b:1"));
}

#[test]
fn texts_under_image_in_custom_resources_are_judged_by_their_shape() {
    // text, found, candidate, warned
    let rows = [
        ("r.io/a:1", true, false, false),
        ("acme/a", true, false, true), // no tag
        ("a:1", true, false, false),
        ("ubuntu", false, true, false),
        ("true", false, false, false),
        ("12", false, false, false),
        ("~", false, false, false),
        ("''", false, false, false),
        ("some words here", false, false, false),
        ("logo.png", false, false, false),
        ("/static/logo.png", false, false, false),
        ("'data:image/png;base64,AAAA'", false, false, false),
        ("https://example.com/disk.qcow2", false, false, false),
        ("r.io/App:1", false, false, true),
        ("'{{ image }}'", false, false, false),
        ("'${IMAGE}'", false, false, true),
    ];
    for (text, image, candidate, warned) in rows {
        let found = run(&custom(&format!("image: {text}\n")));
        assert_eq!(found.images.len(), usize::from(image), "{text}");
        assert_eq!(found.candidates.len(), usize::from(candidate), "{text}");
        assert_eq!(found.problems.len(), usize::from(warned), "{text} {:?}", found.problems);
        assert!(found.problems.iter().all(|p| !p.error), "{text}");
    }
}

#[test]
fn a_tag_beside_an_image_belongs_to_it() {
    let found = run(&custom("image: quay.io/acme/db\ntag: v2.1\n"));
    assert_eq!(
        lines(&found.candidates),
        ["quay.io/acme/db:v2.1 T2 Engine/e /spec/image"]
    );
    assert_eq!(found.images, []);
}

#[test]
fn labels_and_free_text_of_core_kinds_are_no_images() {
    let rendered = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, labels: {image: 'r.io/label:1'}, annotations: {image: 'words', sidecar.acme.io/proxyImage: 'r.io/proxy:1.2'}}
spec: {selector: {matchLabels: {image: 'r.io/label:1'}}, template: {spec: {containers: [{image: 'r.io/a:1'}]}}}
";
    let found = run(rendered);
    assert_eq!(references(&found.images), ["r.io/a:1"]);
    assert_eq!(references(&found.candidates), ["r.io/proxy:1.2"]);
}

#[test]
fn environment_and_arguments_give_candidates_with_a_confidence() {
    let found = run(&deployment(
        r#"image: r.io/main:1
env:
- {name: RELATED_IMAGE_DB, value: "acme/db:2.0"}
- {name: HOST, value: "redis:6379"}
- {name: ENDPOINT, value: "api.example.com:443"}
- {name: MAIN, value: "r.io/main:1"}
- {name: DB_PASSWORD, value: "r.io/secret:1"}
- {name: FROM, valueFrom: {fieldRef: {fieldPath: x}}}
- name: KAFKA_IMAGES
  value: |
    4.1.0=quay.io/acme/kafka:4.1.0
    4.2.0=quay.io/acme/kafka:4.2.0
- {name: LIST, value: "x=r.io/l1:1.0,y=r.io/l2:1.0"}
- {name: JSON, value: '{"proxy": {"image": "r.io/json:1"}}'}
args:
- --acme-http01-solver-image=quay.io/jetstack/acmesolver:v1.2
- --config-reloader=quay.io/acme/reloader:v0.7
- --executor-image
- quay.io/argoproj/argoexec:v3
- --listen
- 0.0.0.0:8080
- --default-backend-service=default/backend
- --set
- image=r.io/set:1
- r.io/positional:1.0"#,
    ));
    let candidates: Vec<_> = found
        .candidates
        .iter()
        .map(|f| format!("{} {} {}", f.reference, f.confidence.unwrap(), f.line))
        .collect();
    assert_eq!(
        candidates,
        [
            "acme/db:2.0 85 14",
            "quay.io/acme/kafka:4.1.0 90 22",
            "quay.io/acme/kafka:4.2.0 90 23",
            "quay.io/acme/reloader:v0.7 90 28",
            "quay.io/argoproj/argoexec:v3 95 30",
            "quay.io/jetstack/acmesolver:v1.2 95 27",
            "r.io/json:1 95 25",
            "r.io/l1:1.0 90 24",
            "r.io/l2:1.0 90 24",
            "r.io/positional:1.0 70 36",
            "r.io/set:1 95 35",
        ]
    );
    assert!(found.candidates.iter().all(|f| f.tier == Tier::T3));
    assert_eq!(
        references(&found.images),
        ["r.io/main:1"],
        "a candidate that is an image anyway is not repeated"
    );
}

#[test]
fn config_maps_are_read_as_what_they_hold() {
    let rendered = "apiVersion: v1
kind: ConfigMap
metadata: {name: m}
data:
  reloader-image: quay.io/acme/reloader:v1
  endpoint: db.example.com:5432
  app.yaml: |
    sidecar:
      image: acme/sidecar:1.0
      other: r.io/other:1.0
      hub: docker.io/istio
    split: {repository: r.io/split, tag: 7}
  app.json: '{\"image\": \"acme/json:1\"}'
  config.toml: |
    [[runners]]
      image = \"ubuntu:22.04\"
      # image = \"ubuntu:20.04\"
  template: |
    {{- if .x }}
    image: {{ .image }}
    image: r.io/fixed:1
";
    let found = run(rendered);
    let candidates: Vec<_> = found
        .candidates
        .iter()
        .map(|f| format!("{} {} {}", f.reference, f.pointer, f.line))
        .collect();
    assert_eq!(
        candidates,
        [
            "acme/json:1 /data/app.json#/image 13",
            "acme/sidecar:1.0 /data/app.yaml#/sidecar/image 9",
            "quay.io/acme/reloader:v1 /data/reloader-image 5",
            "r.io/fixed:1 /data/template 21",
            "r.io/other:1.0 /data/app.yaml#/sidecar/other 10",
            "r.io/split:7 /data/app.yaml#/split 12",
            "ubuntu:22.04 /data/config.toml 16",
        ]
    );
    assert!(found.candidates.iter().all(|f| f.tier == Tier::T4));
    assert_eq!((found.images, found.problems), (vec![], vec![]));
}

#[test]
fn candidates_are_warned_of_or_taken_or_not_spoken_of() {
    let rendered = deployment("image: r.io/a:1\nargs: [--img=r.io/b]");
    assert_eq!(references(&run(&rendered).candidates), ["r.io/b"]);
    let included = run_with(&rendered, |d| d.candidates = Candidates::Include);
    assert_eq!(references(&included.images), ["r.io/a:1", "r.io/b"]);
    assert_eq!(included.images[1].confidence, Some(60));
    assert_eq!(included.problems.len(), 1, "it has no tag");
    let ignored = run_with(&rendered, |d| d.candidates = Candidates::Ignore);
    assert_eq!(
        (references(&ignored.images), ignored.candidates),
        (vec!["r.io/a:1"], vec![])
    );
}

#[test]
fn hooks_and_tests_are_in_or_out() {
    let pod = |name: &str, hook: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{helm.sh/hook: \"{hook}\"}}}}\nspec: {{containers: [{{image: 'r.io/{name}:1'}}]}}\n"
        )
    };
    let rendered = [
        pod("install", "pre-install,pre-upgrade"),
        pod("test", "test"),
        pod("both", "post-install,test"),
        deployment("image: r.io/app:1"),
    ]
    .concat();
    let all = run(&rendered);
    assert_eq!(
        references(&all.images),
        ["r.io/app:1", "r.io/both:1", "r.io/install:1", "r.io/test:1"]
    );
    assert_eq!(all.images[2].hook.as_deref(), Some("pre-install,pre-upgrade"));
    assert_eq!(
        references(&run_with(&rendered, |d| d.hooks = false).images),
        ["r.io/app:1", "r.io/both:1", "r.io/test:1"]
    );
    assert_eq!(
        references(&run_with(&rendered, |d| d.tests = false).images),
        ["r.io/app:1", "r.io/both:1", "r.io/install:1"]
    );
    let neither = run_with(&rendered, |d| (d.hooks, d.tests) = (false, false));
    assert_eq!(references(&neither.images), ["r.io/app:1"]);
}

#[test]
fn rules_take_what_they_name() {
    let rendered = [
        deployment("image: r.io/a:1\nenv:\n- {name: RELATED_IMAGE_DB, value: acme/db:2}\n- {name: OTHER, value: r.io/o:1}\n- name: MAP\n  value: |\n    1=r.io/m1:1\n    2=r.io/m2:1\nargs: [--reloader=r.io/reloader:1, --exec, exec:1, --other=r.io/p:1]"),
        custom("db: {repo: acme/db, version: 16, registry: r.io}\npackage: r.io/pkg:1.0\nscript: |\n  run\n  pull r.io/s1:1 now\n  pull r.io/s2:1 now\n"),
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  a.yaml: |\n    x:\n      hub: r.io/deep\n".to_owned(),
    ]
    .concat();
    let found = run_with(&rendered, |d| {
        d.candidates = Candidates::Ignore;
        d.rules = vec![
            rule(|r| r.env = Some("RELATED_IMAGE_*".into())),
            rule(|r| (r.kind, r.env) = (Some("Deployment".into()), Some("MAP".into()))),
            rule(|r| r.arg = Some("--reloader".into())),
            rule(|r| r.arg = Some("ex*".into())),
            rule(|r| {
                (r.pointer, r.repository, r.tag) =
                    (Some("/spec/db".into()), Some("repo".into()), Some("version".into()));
            }),
            rule(|r| (r.group, r.pointer) = (Some("acme.io".into()), Some("/**/package".into()))),
            rule(|r| (r.pointer, r.regex) = (Some("/spec/script".into()), Some(r"pull (\S+)".into()))),
            rule(|r| r.pointer = Some("/data/*.yaml#/**/hub".into())),
            // Another kind, another group: nothing.
            rule(|r| (r.kind, r.arg) = (Some("Pod".into()), Some("other".into()))),
            rule(|r| (r.group, r.env) = (Some("acme.io".into()), Some("OTHER".into()))),
        ];
    });
    let images: Vec<_> = found
        .images
        .iter()
        .map(|f| format!("{} {:?} {} {}", f.reference, f.tier, f.pointer, f.line))
        .collect();
    assert_eq!(
        images,
        [
            "acme/db:2 Rule /spec/template/spec/containers/0/env/0/value 14",
            "exec:1 Rule /spec/template/spec/containers/0/args/2 20",
            "r.io/a:1 T1 /spec/template/spec/containers/0/image 12",
            "r.io/acme/db:16 Rule /spec/db 27",
            "r.io/deep Rule /data/a.yaml#/x/hub 40",
            "r.io/m1:1 Rule /spec/template/spec/containers/0/env/2/value 18",
            "r.io/m2:1 Rule /spec/template/spec/containers/0/env/2/value 19",
            "r.io/pkg:1.0 Rule /spec/package 28",
            "r.io/reloader:1 Rule /spec/template/spec/containers/0/args/0 20",
            "r.io/s1:1 Rule /spec/script 31",
            "r.io/s2:1 Rule /spec/script 32",
        ]
    );
}

#[test]
fn a_rule_names_places_without_changing_how_sure_the_surest_tier_is() {
    let found = run_with(&deployment("image: r.io/a:1"), |d| {
        d.rules = vec![rule(|r| r.pointer = Some("/**/image".into()))];
    });
    assert_eq!(
        lines(&found.images),
        ["r.io/a:1 T1 Deployment/d /spec/template/spec/containers/0/image"]
    );
}

#[test]
fn the_same_place_in_two_documents_of_one_line_is_listed_once() {
    let one = "kind: List\napiVersion: v1\nitems: [&p {kind: Pod, metadata: {name: p}, spec: {containers: [{image: 'r.io/a:1'}]}}, *p]\n";
    assert_eq!(run(one).images.len(), 1);
}

#[test]
fn the_result_does_not_depend_on_the_order_of_documents_but_for_lines() {
    let (a, b) = (
        deployment("image: r.io/a:1\nargs: [--img=r.io/x:1]"),
        custom("image: r.io/b:1\n"),
    );
    let strip = |mut found: Discovered| {
        for place in found.images.iter_mut().chain(&mut found.candidates) {
            place.line = 0;
        }
        found
    };
    assert_eq!(strip(run(&format!("{a}{b}"))), strip(run(&format!("{b}{a}"))));
}
