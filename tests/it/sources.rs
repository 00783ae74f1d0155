//! Where images come from: files of every kind, registries of every manner, and what each answer leads to.

use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::registry::{PASSWORD, USER};
use crate::support::*;

/// A project whose chart names these images and whose sources are these, in this order; everything goes to the local store.
fn project(images: &[&str], sources: &[&str], more: &str) -> Project {
    let project = Project::new();
    charts::write(&project, "chart", "contoso", "1.0.0", images);
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"contoso\"\nimage-sources = {sources:?}\n[[charts]]\nname = \"contoso\"\npath = \"chart\"\n{more}"
        ),
    );
    project
}

/// The `[sources]` entry of a file.
fn file_source(name: &str, kind: &str, path: &str) -> String {
    format!("[sources.{name:?}]\nkind = {kind:?}\npath = {path:?}\n")
}

fn stored(project: &Project, name: &str) -> Option<Image> {
    layout::read(&project.path(".aosm/store"), name)
}

/// A proxy before the shared registry, and a name of its own there.
fn registry(name: &str) -> (&'static Registry, Faulty, String) {
    let registry = Registry::shared(Kind::Plain);
    (registry, Faulty::before(&registry.host()), registry.unique(name))
}

/// What the one step of `images --locate --json` that is about `reference` was answered, in order: place and answer.
fn answers(document: &Value, reference: &str) -> Vec<(String, String)> {
    let images = document["images"].as_array().unwrap();
    let image = images.iter().find(|image| image["reference"] == reference).unwrap();
    let answers = image["located"]["answers"]
        .as_array()
        .unwrap_or_else(|| panic!("{document:#}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    answers
        .iter()
        .map(|answer| (text(&answer["place"]), text(&answer["answer"])))
        .collect()
}

#[test]
fn layouts_and_their_archives_give_images_byte_for_byte() {
    let (one, two) = (
        ImageSpec::new(201).layers(&[5000]).multi_platform(),
        ImageSpec::new(202).docker().spaced().build(),
    );
    let entries = [("release/one:1.0.0", &one), ("release/two:2.0.0", &two)];
    for (kind, path) in [
        ("oci-layout", "images"),
        ("oci-archive", "images.tar"),
        ("oci-archive", "images.tar.gz"),
    ] {
        let project = project(
            &["x.example/release/one:1.0.0", "x.example/release/two:2.0.0"],
            &["saved"],
            &file_source("saved", kind, path),
        );
        if kind == "oci-layout" {
            layout::write(&project.path(path), &entries);
        } else {
            layout::write_archive(&project.path(path), &entries);
        }
        let before = Snapshot::of(&project.folder());
        project.run(&["apply"]).ok().says("3 done");
        assert_eq!(
            stored(&project, "release/one:1.0.0").unwrap().root(),
            one.root(),
            "{path}"
        );
        assert_eq!(
            stored(&project, "release/two:2.0.0").unwrap().root(),
            two.root(),
            "{path}"
        );
        let changed: Vec<String> = before.touched(&Snapshot::of(&project.folder()));
        assert!(
            changed
                .iter()
                .all(|path| path.starts_with(".aosm/") || path == "aosm.lock"),
            "{changed:?}"
        );
        project
            .run(&["apply"])
            .ok()
            .says("nothing to do: 3 artifacts up to date");
    }
}

/// What `docker save` writes since version 25: a layout whose entries are named by tag alone, with `manifest.json` beside it.
fn write_new_docker_save(file: &std::path::Path, name: &str, image: &Image) {
    let mut files = layout::files(&[(name, image)]);
    let root = image.root().json();
    let path = |part: &Value| format!("blobs/{}", part["digest"].as_str().unwrap().replace(':', "/"));
    let layers: Vec<String> = root["layers"].as_array().unwrap().iter().map(path).collect();
    let manifest = json!([{"Config": path(&root["config"]), "RepoTags": [name], "Layers": layers}]);
    files.push(("manifest.json".to_owned(), manifest.to_string().into_bytes()));
    let tag = name.rsplit_once(':').unwrap().1;
    for (path, bytes) in &mut files {
        if path == "index.json" {
            let mut index: Value = serde_json::from_slice(bytes).unwrap();
            index["manifests"][0]["annotations"] =
                json!({"io.containerd.image.name": format!("docker.io/{name}"), layout::REF_NAME: tag});
            *bytes = index.to_string().into_bytes();
        }
    }
    layout::write_tar(file, &files);
}

#[test]
fn what_docker_saved_gives_the_same_digests_in_every_run() {
    let image = ImageSpec::new(203).layers(&[4000, 100]).build();
    for (old, path) in [
        (true, "saved.tar"),
        (true, "saved.tar.gz"),
        (false, "saved.tar"),
        (false, "saved.tar.gz"),
    ] {
        let digest = || {
            let project = project(
                &["x.example/release/one:1.0.0"],
                &["saved"],
                &file_source("saved", "docker-archive", path),
            );
            if old {
                layout::write_docker_save(&project.path(path), &[("release/one:1.0.0", &image)]);
            } else {
                write_new_docker_save(&project.path(path), "release/one:1.0.0", &image);
            }
            project.run(&["apply"]).ok();
            let digest = stored(&project, "release/one:1.0.0").unwrap().digest().to_owned();
            project.run(&["apply"]).ok().says("nothing to do");
            project.remove(".aosm").remove("aosm.lock");
            project.run(&["apply"]).ok();
            assert_eq!(
                stored(&project, "release/one:1.0.0").unwrap().digest(),
                digest,
                "{path}: run to run"
            );
            digest
        };
        let first = digest();
        assert_eq!(digest(), first, "{path}: project to project");
        if !old {
            assert_eq!(first, image.digest(), "a whole image keeps its own digest");
        }
    }
}

#[test]
fn an_old_docker_archive_gives_the_same_digest_packed_or_not() {
    let image = ImageSpec::new(204).layers(&[3000]).build();
    let mut digests = Vec::new();
    for path in ["saved.tar", "saved.tar.gz"] {
        let project = project(
            &["x.example/release/one:1.0.0"],
            &["saved"],
            &file_source("saved", "docker-archive", path),
        );
        layout::write_docker_save(&project.path(path), &[("release/one:1.0.0", &image)]);
        project.run(&["apply"]).ok();
        digests.push(stored(&project, "release/one:1.0.0").unwrap().digest().to_owned());
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn a_file_that_is_not_there_or_of_another_kind_is_told_with_its_path() {
    let image = ImageSpec::new(205).build();
    for (kind, path) in [
        ("oci-layout", "nowhere"),
        ("oci-archive", "nowhere.tar"),
        ("docker-archive", "nowhere.tar"),
    ] {
        let project = project(&["x.example/one:1"], &["saved"], &file_source("saved", kind, path));
        let output = project.run(&["plan"]).says(path);
        assert!([4, 5].contains(&output.code()), "{output}");
    }
    let project = project(
        &["x.example/one:1"],
        &["saved"],
        &file_source("saved", "docker-archive", "images.tar"),
    );
    layout::write_archive(&project.path("images.tar"), &[("one:1", &image)]);
    project.run(&["plan"]).says("images.tar").says("oci-archive");
}

/// A name, the guise, and the login it takes for good.
type Played = (&'static str, Guise, Option<(&'static str, &'static str)>);

/// The guises of an absent repository.
fn guises() -> Vec<Played> {
    let login = Some((USER.to_owned(), PASSWORD.to_owned()));
    vec![
        ("Docker Hub, anonymous", Guise::DockerHub { login: None }, None),
        (
            "Docker Hub, logged in",
            Guise::DockerHub { login: login.clone() },
            Some((USER, PASSWORD)),
        ),
        ("GHCR, anonymous", Guise::Ghcr, None),
        ("Artifactory, anonymous", Guise::Denied { login: None }, None),
        (
            "Artifactory, logged in",
            Guise::Denied { login },
            Some((USER, PASSWORD)),
        ),
    ]
}

#[test]
fn a_registry_that_denies_what_it_lacks_is_passed_over_with_a_warning() {
    for (who, guise, login) in guises() {
        let (upstream, denying, below) = registry("guise");
        denying.guise(guise);
        let (_, second, _) = registry("guise");
        let image = ImageSpec::new(210).build();
        upstream.push(&image, &format!("{below}/has/one"), "1");
        let first = format!("{}/{below}/lacks", denying.host());
        let other = format!("{}/{below}/has", second.host());
        let project = project(&["x.example/one:1"], &[&first, &other], "");
        if let Some((user, password)) = login {
            project.login(&denying.host(), user, password);
        }
        let output = project.run(&["images", "--locate", "--json"]).ok();
        let answers = answers(&output.json(), "x.example/one:1");
        assert_eq!(answers.len(), 2, "{who}: {answers:?}");
        assert!(answers[0].1.starts_with("absent or denied"), "{who}: {answers:?}");
        assert!(answers[1].1.starts_with("found"), "{who}: {answers:?}");
        let output = project.run(&["apply"]).ok().says("an earlier source denied it");
        assert!(output.stderr.contains(&first), "{who}: {output}");
        assert_eq!(stored(&project, "one:1").unwrap().root(), image.root(), "{who}");
    }
}

#[test]
fn an_image_behind_a_guise_is_found_all_the_same() {
    for (who, guise, login) in guises() {
        let (upstream, public, below) = registry("public");
        public.guise(guise);
        let image = ImageSpec::new(211).multi_platform();
        upstream.push(&image, &format!("{below}/one"), "1");
        let project = project(&["x.example/one:1"], &[&format!("{}/{below}", public.host())], "");
        if let Some((user, password)) = login {
            project.login(&public.host(), user, password);
        }
        project.run(&["apply"]).ok().silent_about("denied");
        assert_eq!(stored(&project, "one:1").unwrap().root(), image.root(), "{who}");
    }
}

#[test]
fn a_bad_login_stops_the_search_also_where_a_later_source_has_the_image() {
    for guise in [Guise::DockerHub { login: None }, Guise::Denied { login: None }] {
        let (upstream, denying, below) = registry("bad-login");
        denying.guise(guise);
        let (_, second, _) = registry("bad-login");
        upstream.push(&ImageSpec::new(212).build(), &format!("{below}/has/one"), "1");
        let first = format!("{}/{below}/lacks", denying.host());
        let other = format!("{}/{below}/has", second.host());
        let project = project(&["x.example/one:1"], &[&first, &other], "");
        project.login(&denying.host(), USER, "not the password");
        let output = project
            .run(&["apply"])
            .expect(5)
            .says(&denying.host())
            .says("aosm-build login");
        output.silent_about("not the password");
        assert_eq!(second.traffic().0.len(), 0, "the order cannot be honoured");
        assert!(!project.path("aosm.lock").exists());
    }
}

#[test]
fn an_image_that_no_source_has_is_told_with_every_place_and_its_answer() {
    let (_, one, below) = registry("nowhere");
    let (_, hub, _) = registry("nowhere");
    hub.guise(Guise::DockerHub { login: None });
    let first = format!("{}/{below}", one.host());
    let other = format!("{}/{below}", hub.host());
    let project = project(&["repository/release/gone:3"], &[&first, &other], "");
    let output = project.run(&["plan"]).expect(4).says("repository/release/gone:3");
    for place in [&first, &other] {
        for form in ["release/gone:3", "repository/release/gone:3"] {
            assert!(
                output.stderr.contains(&format!("{place}/{form}")),
                "{place}/{form}: {output}"
            );
        }
    }
    let output = output
        .says("absent")
        .says("absent or denied")
        .says("templates/app-0.yaml");
    assert!(output.stderr.contains("4 places"), "{output}");
    let document = project.run(&["images", "--locate", "--json"]).expect(4).json();
    assert_eq!(document["missing"][0]["reference"], "repository/release/gone:3");
    assert!(
        document["missing"][0]["error"].as_str().unwrap().contains(&first),
        "{document}"
    );
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn an_unreachable_source_is_an_error_unless_it_is_optional() {
    let (upstream, second, below) = registry("optional");
    upstream.push(&ImageSpec::new(213).build(), &format!("{below}/one"), "1");
    let (gone, other) = (nobody(), format!("{}/{below}", second.host()));
    let strict = project(&["x.example/one:1"], &[&gone, &other], "");
    let output = strict.run(&["plan"]).expect(5).says(&gone).says("optional = true");
    assert_eq!(second.traffic().0.len(), 0, "the order cannot be honoured: {output}");
    let optional = format!("[sources.\"{gone}\"]\noptional = true\n");
    let lenient = project(&["x.example/one:1"], &[&gone, &other], &optional);
    lenient.run(&["apply"]).ok().says("optional image source").says(&gone);
    assert!(stored(&lenient, "one:1").is_some());
}

#[test]
fn a_source_that_fails_is_asked_again_and_then_an_error_unless_it_is_optional() {
    let (upstream, failing, below) = registry("failing");
    let (_, second, _) = registry("failing");
    upstream.push(&ImageSpec::new(214).build(), &format!("{below}/one"), "1");
    let sources = [
        format!("{}/{below}", failing.host()),
        format!("{}/{below}", second.host()),
    ];
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    // Once or twice is weather.
    failing.rule(Rule::new(Fault::Answer(Response::error(503, "UNAVAILABLE", "be right back"))).times(2));
    let patient = project(&["x.example/one:1"], &sources, "");
    patient.run(&["apply"]).ok();
    assert_eq!(second.traffic().0.len(), 0, "taken from the first");
    failing.clear();
    failing.rule(Rule::new(Fault::Answer(Response::error(
        500,
        "INTERNAL",
        "the disk is on fire",
    ))));
    let strict = project(&["x.example/one:1"], &sources, "");
    strict
        .run(&["plan"])
        .expect(5)
        .says(&failing.host())
        .says("500 Internal Server Error");
    assert_eq!(second.traffic().0.len(), 0, "the order cannot be honoured");
    let optional = format!("[sources.\"{}\"]\noptional = true\n", failing.host());
    let lenient = project(&["x.example/one:1"], &sources, &optional);
    lenient.run(&["apply"]).ok().says("optional image source");
    assert!(stored(&lenient, "one:1").is_some());
}

#[test]
fn a_source_that_asks_for_patience_gets_it() {
    let (upstream, busy, below) = registry("busy");
    let image = ImageSpec::new(215).layers(&[2000]).multi_platform();
    upstream.push(&image, &format!("{below}/one"), "1");
    busy.rule(Rule::new(Fault::Throttle(1)).on("HEAD manifest").times(1));
    busy.rule(Rule::new(Fault::Throttle(1)).on("GET blob").times(2));
    let project = project(&["x.example/one:1"], &[&format!("{}/{below}", busy.host())], "");
    project.run(&["apply", "-v"]).ok().says("429");
    assert_eq!(stored(&project, "one:1").unwrap().root(), image.root());
}

#[test]
fn a_source_that_asks_for_too_much_patience_is_an_error_at_once() {
    let (_, busy, below) = registry("too-busy");
    busy.rule(Rule::new(Fault::Throttle(86_400)));
    let project = project(&["x.example/one:1"], &[&format!("{}/{below}", busy.host())], "");
    project.run(&["plan"]).expect(5).says(&busy.host()).says("429");
    assert_eq!(busy.traffic().data_path(), 1);
}

#[test]
fn a_copy_goes_on_where_a_source_breaks_off() {
    let (upstream, shaky, below) = registry("shaky");
    let image = ImageSpec::new(216).layers(&[3_000_000]).build();
    upstream.push(&image, &format!("{below}/one"), "1");
    shaky.rule(
        Rule::new(Fault::ResetAfter(1_500_000))
            .on("GET blob")
            .when(|entry| entry.status == 0)
            .times(1),
    );
    let project = project(&["x.example/one:1"], &[&format!("{}/{below}", shaky.host())], "");
    project.run(&["apply"]).ok();
    assert_eq!(stored(&project, "one:1").unwrap().root(), image.root());
}

#[test]
fn content_that_is_not_what_its_digest_says_never_reaches_a_store() {
    let (upstream, lying, below) = registry("lying");
    let image = ImageSpec::new(217).layers(&[50_000]).build();
    upstream.push(&image, &format!("{below}/one"), "1");
    let layer = image.blobs[0].digest.clone();
    lying.rule(
        Rule::new(Fault::Corrupt(1000))
            .on("GET blob")
            .when(move |entry| entry.reference == layer),
    );
    let project = project(&["x.example/one:1"], &[&format!("{}/{below}", lying.host())], "");
    let output = project.run(&["apply"]).expect(1).says(&lying.host());
    assert!(output.stderr.contains(&image.blobs[0].digest[7..19]), "{output}");
    assert_eq!(stored(&project, "one:1"), None);
}

#[test]
fn an_image_from_another_source_than_its_own_registry_is_told() {
    let (upstream, own, below) = registry("own");
    let (_, other, _) = registry("own");
    upstream.push(&ImageSpec::new(218).build(), &format!("{below}/one"), "1");
    let reference = format!("{}/{below}/one:1", own.host());
    // Its own registry is listed second, and the first has something of that name as well.
    let sources = [other.host(), own.host()];
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let project = project(&[&reference], &sources, "");
    let output = project.run(&["apply"]).ok().says("not from its own registry");
    assert!(
        output.stderr.contains(&own.host()) && output.stderr.contains(&other.host()),
        "{output}"
    );
    // The other way round there is nothing to say.
    let sources = [own.host(), other.host()];
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let own_first = self::project(&[&reference], &sources, "");
    own_first.run(&["apply"]).ok().silent_about("not from its own registry");
}

#[test]
fn two_readings_of_a_reference_with_two_images_are_an_error_that_shows_how_to_decide() {
    let (upstream, proxy, below) = registry("readings");
    let (cut, kept) = (ImageSpec::new(219).build(), ImageSpec::new(220).build());
    upstream.push(&cut, &format!("{below}/app"), "1");
    upstream.push(&kept, &format!("{below}/core/app"), "1");
    let source = format!("{}/{below}", proxy.host());
    let undecided = project(&["core/app:1"], &[&source], "");
    let output = undecided
        .run(&["apply"])
        .expect(4)
        .says("registry-placeholders")
        .says("namespaces");
    for image in [&cut, &kept] {
        assert!(output.stderr.contains(&image.digest()[7..19]), "both digests: {output}");
    }
    assert!(
        !undecided.path(".aosm/store/index.json").exists()
            || layout::names(&undecided.path(".aosm/store")) == ["contoso:1.0.0"]
    );
    let decide = |rule: &str| {
        project(
            &["core/app:1"],
            &[&source],
            &format!("[discovery]\n{rule} = [\"core\"]\n"),
        )
    };
    let as_registry = decide("registry-placeholders");
    as_registry.run(&["apply"]).ok();
    assert_eq!(stored(&as_registry, "app:1").unwrap().root(), cut.root());
    let as_namespace = decide("namespaces");
    as_namespace.run(&["apply"]).ok();
    assert_eq!(stored(&as_namespace, "core/app:1").unwrap().root(), kept.root());
    // The same image under both names is no question: the first form is taken.
    upstream.push(&cut, &format!("{below}/core/same"), "1");
    upstream.push(&cut, &format!("{below}/same"), "1");
    let same = project(&["core/same:1"], &[&source], "");
    same.run(&["apply"]).ok();
    assert_eq!(stored(&same, "same:1").unwrap().root(), cut.root());
}

#[test]
fn sources_are_asked_in_the_order_written_and_the_first_that_has_it_wins() {
    let (upstream, first, below) = registry("order");
    let (_, second, _) = registry("order");
    let (near, far) = (ImageSpec::new(221).build(), ImageSpec::new(222).build());
    upstream.push(&near, &format!("{below}/near/one"), "1");
    upstream.push(&far, &format!("{below}/far/one"), "1");
    upstream.push(&far, &format!("{below}/far/two"), "1");
    let sources = [
        format!("{}/{below}/near", first.host()),
        format!("{}/{below}/far", second.host()),
    ];
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let project = project(&["x.example/one:1", "x.example/two:1"], &sources, "");
    project.run(&["apply"]).ok();
    assert_eq!(stored(&project, "one:1").unwrap().root(), near.root());
    assert_eq!(stored(&project, "two:1").unwrap().root(), far.root());
    assert_eq!(
        second.traffic().under(&format!("{below}/far/one")).0.len(),
        0,
        "found before"
    );
}

#[test]
fn one_name_for_two_images_is_refused_before_anything_moves() {
    let (upstream, proxy, below) = registry("one-name");
    let (tagged, pinned) = (ImageSpec::new(223).build(), ImageSpec::new(224).build());
    upstream.push(&tagged, &format!("{below}/app"), "1");
    upstream.push(&pinned, &format!("{below}/app"), "2");
    let reference = format!("y.example/app:1@{}", pinned.digest());
    let source = format!("{}/{below}", proxy.host());
    let clash = project(&["x.example/app:1", &reference], &[&source], "");
    let output = clash.run(&["apply"]).expect(4).says("app:1 would be 2 images at once");
    for image in [&tagged, &pinned] {
        assert!(output.stderr.contains(&image.digest()[7..19]), "both digests: {output}");
    }
    assert_eq!(proxy.traffic().count("GET blob"), 2, "only configurations were read");
    assert!(layout::names(&clash.path(".aosm/store")).is_empty());
    // One image under two references is one artifact.
    let same = format!("y.example/app:1@{}", tagged.digest());
    let agreed = project(&["x.example/app:1", &same], &[&source], "");
    agreed.run(&["apply"]).ok().says("2 done");
}
