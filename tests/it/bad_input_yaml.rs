//! Kubernetes YAML and image references gone wrong: told with the line of the text and the object, never passed over.

use crate::support::refusal::refused;
use crate::support::{Image, ImageSpec, Project, layout};

const HEAD: &str = "[project]\nname = \"p\"\nversion = \"1.0.0\"\nimage-sources = [\"images\"]\n\n[sources.images]\nkind = \"oci-layout\"\npath = \"images\"\n";

/// A project of ready-made manifests and a folder of images.
fn manifests(text: &str) -> Project {
    let project = Project::new();
    project.write(
        "aosm.toml",
        format!("{HEAD}\n[[charts]]\nname = \"m\"\nmanifests = [\"m/*.yaml\"]\n"),
    );
    project.write("m/a.yaml", text);
    images(&project, &[("a:1", 1)]);
    project
}

/// A project of named images.
fn named(references: &[&str], held: &[(&str, u64)]) -> Project {
    let project = Project::new();
    let list: Vec<String> = references
        .iter()
        .map(|text| format!("[[images]]\nreference = \"{text}\"\n"))
        .collect();
    project.write("aosm.toml", format!("{HEAD}\n{}", list.concat()));
    images(&project, held);
    project
}

fn images(project: &Project, held: &[(&str, u64)]) {
    let made: Vec<(&str, Image)> = held
        .iter()
        .map(|(name, seed)| (*name, ImageSpec::new(*seed).build()))
        .collect();
    let entries: Vec<(&str, &Image)> = made.iter().map(|(name, image)| (*name, image)).collect();
    layout::write(&project.path("images"), &entries);
}

fn done(_: &Project) {}

fn pod(image: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    image: {image}\n")
}

#[test]
fn texts_that_are_no_images_are_errors_at_their_lines() {
    for (image, words) in [
        ("\"a b c\"", "white space"),
        ("UPPER_case", "upper-case letters"),
        ("r.example/x@sha256:12", "no valid digest"),
        ("\"r.example/x:\"", "the tag after the colon is empty"),
        ("\"{{ .Values.image }}\"", "unrendered text"),
        ("https://r.example/x:1", "a URL"),
        ("12", "a number"),
        ("{a: b}", "a mapping"),
        ("[a]", "a list"),
        ("\"\"", "empty"),
        ("", "empty"),
        ("~", "empty"),
    ] {
        let project = manifests(&pod(image));
        for command in ["check", "plan", "images"] {
            refused(&project, &[command], 4)
                .one()
                .says(words)
                .says("Pod/p /spec/containers/0/image")
                .says("m/a.yaml:7:5");
        }
    }
}

#[test]
fn every_image_that_is_none_is_told_in_one_run() {
    let text = format!("{}---\n{}", pod("UPPER_case"), pod("\"a b\""));
    refused(&manifests(&text), &["check"], 4)
        .count(2)
        .says("m/a.yaml:7:5")
        .says("m/a.yaml:15:5");
}

#[test]
fn broken_yaml_is_told_at_its_line_and_hides_no_other_document() {
    let text = format!("{}---\na: b: c\n---\n{}", pod("a:1"), pod("\"a b\""));
    refused(&manifests(&text), &["check"], 4)
        .count(2)
        .says("m/a.yaml:9:")
        .says("m/a.yaml:17:5")
        .says("correct this file");
}

#[test]
fn a_template_whose_image_is_none_is_told_with_template_and_rendered_line() {
    let project = Project::new();
    project.write("aosm.toml", format!("{HEAD}\n[[charts]]\nname = \"c\"\npath = \"c\"\n"));
    images(&project, &[("a:1", 1)]);
    project.write("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    project.write(
        "c/templates/pod.yaml",
        "{{/* not rendered */}}\n".to_owned() + &pod("\"{{ .Values.nothing }}:{{ .Values.tag }}\""),
    );
    // One line of `---`, one of `# Source:`, then the template's own, where Helm keeps them.
    let rendered = project.run(&["check"]).expect(4);
    let at = rendered
        .stderr
        .find("c/templates/pod.yaml (rendered):")
        .expect("the place");
    let line: usize = rendered.stderr[at..].split(':').nth(1).unwrap().parse().unwrap();
    assert!((9..=10).contains(&line), "{rendered}");
    refused(&project, &["check"], 4)
        .one()
        .says("Pod/p /spec/containers/0/image");
}

#[test]
fn nesting_and_aliases_without_end_are_refused_at_their_line() {
    let deep = |text: String| {
        manifests(&format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {text}\n"
        ))
    };
    let brackets = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    refused(&deep(brackets), &["check"], 4)
        .one()
        .says("nested more than 200 levels")
        .says("m/a.yaml:4:");
    refused(&deep("[".repeat(10_000)), &["check"], 4)
        .one()
        .says("m/a.yaml:4:");
    let indented: String = (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    refused(&manifests(&indented), &["check"], 4)
        .one()
        .says("nested more than 200 levels");
    let mut laughs = "kind: Pod\nmetadata: {name: x}\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..12 {
        laughs += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","));
    }
    refused(&manifests(&laughs), &["check"], 4)
        .one()
        .says("aliases")
        .says("m/a.yaml:1:");
    refused(&manifests("kind: Pod\na: &a [*a]\n"), &["check"], 4)
        .one()
        .says("m/a.yaml");
}

#[test]
fn yaml_that_is_no_text_is_told_by_name() {
    let project = manifests("");
    project.write("m/a.yaml", [b'a', b':', b' ', 0xff, 0xfe, b'\n']);
    refused(&project, &["check"], 4).one().says("m/a.yaml: not UTF-8");
    project.write("m/a.yaml", [b'a', b':', b' ', 0, 7, b'\n']);
    refused(&project, &["check"], 4).one().says("m/a.yaml");
}

#[test]
fn manifests_that_are_not_there_are_told_at_the_line_that_names_them() {
    let project = manifests("a: 1\n");
    project.remove("m");
    refused(&project, &["check"], 4)
        .one()
        .says("nothing matches")
        .says("aosm.toml:12:14");
}

#[test]
fn a_missing_image_is_told_with_every_place_asked_and_its_answer() {
    let project = named(&["images/gone:1", "other.example/team/gone:2", "a:1"], &[("a:1", 1)]);
    let refusal = refused(&project, &["plan"], 4)
        .count(2)
        .says("image images/gone:1: not found")
        .says("images/gone:1: absent")
        .says("aosm.toml:11:13")
        .says("images/team/gone:2: absent")
        .says("its own registry other.example is not searched")
        .says("aosm.toml:13:13");
    // The plan still says all the rest.
    assert!(refusal.0.stdout.contains("+ copy a:1"), "{}", refusal.0);
    // And `apply` does it.
    let output = project.run(&["apply"]).expect(4);
    assert!(
        output.stdout.contains("1 done") && output.stdout.contains("2 failed"),
        "{output}"
    );
    assert_eq!(layout::names(&project.path(".aosm/store")), ["a:1"]);
}

#[test]
fn one_tag_wanted_with_two_digests_is_refused_before_anything_moves() {
    let project = Project::new();
    project.write(
        "aosm.toml",
        "[project]\nname = \"p\"\nversion = \"1.0.0\"\nimage-sources = [\"one\", \"two\"]\n\n[sources.one]\nkind = \"oci-layout\"\npath = \"one\"\n[sources.two]\nkind = \"oci-layout\"\npath = \"two\"\n\n[[images]]\nreference = \"one/team/app:1\"\n[[images]]\nreference = \"two/team/app@DIGEST\"\nversion = \"1\"\n[[images]]\nreference = \"one/other:1\"\n",
    );
    let (first, second) = (ImageSpec::new(1).build(), ImageSpec::new(2).build());
    let digest = second.digest().to_owned();
    project.edit("aosm.toml", "DIGEST", &digest);
    layout::write(&project.path("one"), &[("team/app:1", &first), ("other:1", &first)]);
    layout::write(&project.path("two"), &[("team/app:1", &second)]);
    for command in ["plan", "apply"] {
        refused(&project, &[command], 4)
            .one()
            .says("team/app:1 would be 2 images at once")
            .says("aosm.toml:14:13")
            .says("16 reference = \"two/team/app@")
            .says(&first.digest()[7..19])
            .says(&digest[7..19]);
        assert!(!project.path(".aosm/store").exists());
        assert!(!project.path("aosm.lock").exists());
    }
}

#[test]
fn sources_that_are_no_layouts_are_bad_input_at_the_line_that_names_them() {
    let brackets = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    type Break = Box<dyn Fn(&Project)>;
    let break_it: Vec<(&str, Break)> = vec![
        ("there is no such folder", Box::new(|p| done(p.remove("images")))),
        (
            "it is a file, a folder is needed",
            Box::new(|p| done(p.remove("images").write("images", "x"))),
        ),
        (
            "there is no index.json",
            Box::new(|p| done(p.remove("images/index.json"))),
        ),
        (
            "there is no oci-layout file",
            Box::new(|p| done(p.remove("images/oci-layout"))),
        ),
        (
            "oci-layout cannot be read",
            Box::new(|p| done(p.write("images/oci-layout", "x"))),
        ),
        (
            "version \"2.0.0\" is not known",
            Box::new(|p| done(p.write("images/oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}"))),
        ),
        (
            "index.json is no image index",
            Box::new(|p| done(p.write("images/index.json", "<html>"))),
        ),
        (
            "index.json is no image index",
            Box::new(|p| done(p.write("images/index.json", "{}"))),
        ),
        (
            "index.json is no image index",
            Box::new(move |p| done(p.write("images/index.json", &brackets))),
        ),
        (
            "index.json: not a regular file",
            Box::new(|p| done(p.remove("images/index.json").write("images/index.json/x", ""))),
        ),
        (
            "larger than 32 MiB",
            Box::new(|p| {
                std::fs::File::create(p.path("images/index.json"))
                    .unwrap()
                    .set_len(1 << 30)
                    .unwrap()
            }),
        ),
    ];
    for (words, break_it) in break_it {
        let project = named(&["a:1", "b:1"], &[("a:1", 1), ("b:1", 2)]);
        break_it(&project);
        for command in ["plan", "apply", "lock"] {
            refused(&project, &[command], 4)
                .one()
                .says(words)
                .says("aosm.toml:8:8")
                .says("needed for a:1, b:1");
        }
    }
}

#[test]
fn images_that_are_damaged_in_their_layout_are_not_taken() {
    let project = named(&["a:1"], &[("a:1", 1)]);
    let image = ImageSpec::new(1).build();
    let path = |digest: &str| format!("images/blobs/{}", digest.replace(':', "/"));
    let root = path(image.digest());
    for (content, words) in [
        (b"not what it is called".to_vec(), "402 are needed"),
        (Vec::new(), "402 are needed"),
        (
            ["[".repeat(10_000), "]".repeat(10_000)].concat().into_bytes(),
            "402 are needed",
        ),
    ] {
        project.write(&root, content);
        refused(&project, &["plan"], 4).one().says("a:1").says(words);
        refused(&project, &["apply"], 4).one();
    }
    project.remove(&root);
    refused(&project, &["plan"], 4).one().says("a:1");
    // A layer that is not what it is called is found while it is copied.
    let project = named(&["a:1"], &[("a:1", 1)]);
    let layer = &image.blobs[0];
    let mut bytes = layer.bytes.to_vec();
    bytes[40] ^= 1;
    project.write(&path(&layer.digest), bytes);
    let output = project.run(&["apply"]).expect(1);
    assert!(
        output.stderr.contains("copy:local/a:1") && output.stderr.contains("help: "),
        "{output}"
    );
    assert_eq!(layout::names(&project.path(".aosm/store")), Vec::<String>::new());
}

#[test]
fn a_manifest_that_lists_itself_or_nests_without_end_is_refused() {
    // A digest cannot be known beforehand, so a circle is always a lie about content.
    let project = named(&["a:1"], &[("a:1", 1)]);
    let image = ImageSpec::new(1).build();
    let root = format!("images/blobs/{}", image.digest().replace(':', "/"));
    let lie = serde_json::json!({"schemaVersion": 2, "mediaType": crate::support::image::OCI_INDEX,
        "manifests": [{"mediaType": crate::support::image::OCI_INDEX, "digest": image.digest(), "size": 300}]});
    project.write(&root, lie.to_string());
    refused(&project, &["plan"], 4).one().says("a:1");
    let mut tower = image;
    (0..100).for_each(|_| tower = Image::index(std::slice::from_ref(&tower)));
    let project = named(&["a:1"], &[]);
    layout::write(&project.path("images"), &[("a:1", &tower)]);
    refused(&project, &["plan"], 4).one().says("nest deeper than");
}

#[test]
fn archives_that_are_no_images_are_bad_input_at_the_line_that_names_them() {
    for kind in ["oci-archive", "docker-archive"] {
        let settings = HEAD
            .replace("oci-layout", kind)
            .replace("path = \"images\"", "path = \"images.tar\"");
        let project = Project::new();
        project.write("aosm.toml", format!("{settings}\n[[images]]\nreference = \"a:1\"\n"));
        refused(&project, &["plan"], 4)
            .one()
            .says("there is no such file")
            .says("aosm.toml:8:8");
        for (content, words) in [
            (b"hello\n".repeat(1000), ""),
            (Vec::new(), ""),
            (b"\x28\xb5\x2f\xfd0000".to_vec(), "zstd"),
            (vec![0x1f, 0x8b, 8, 0, 1, 2, 3], ""),
        ] {
            project.write("images.tar", content);
            refused(&project, &["plan"], 4).one().says("aosm.toml:8:8").says(words);
        }
        project.remove("images.tar").write("images.tar/x", "");
        refused(&project, &["plan"], 4).one().says("aosm.toml:8:8");
    }
}
