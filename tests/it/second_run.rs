//! The second run, and every one after it: nothing moves that need not, nothing is replaced that may not be.

use serde_json::Value;

use crate::support::*;

/// Images of the project below: name and seed.
const IMAGES: [(&str, u64); 3] = [("release/a", 11), ("release/b", 12), ("release/c", 13)];

/// A chart that names three images, a source registry that has them and an empty store, both behind proxies that count.
struct Scene {
    project: Project,
    source: Faulty,
    store: Faulty,
    /// The store's own address.
    behind: &'static Registry,
    /// What goes before all names in the store.
    prefix: String,
}

impl Scene {
    fn new(name: &str) -> Self {
        let registry = Registry::shared(Kind::Plain);
        let (from, prefix) = (
            registry.unique(&format!("{name}-source")),
            registry.unique(&format!("{name}-store")),
        );
        for (image, seed) in IMAGES {
            registry.push(&image_of(seed), &format!("{from}/{image}"), "1.0.0");
        }
        let (source, store) = (Faulty::before(&registry.host()), Faulty::before(&registry.host()));
        let project = Project::new();
        let references: Vec<String> = IMAGES
            .iter()
            .map(|(image, _)| format!("registry.example/{image}:1.0.0"))
            .collect();
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        charts::write(&project, "chart", "contoso", "1.0.0", &references);
        project.write(
            "aosm.toml",
            format!(
                "[project]\nname = \"contoso\"\nimage-sources = [\"{}/{from}\"]\n\
                 [[charts]]\nname = \"contoso\"\npath = \"chart\"\n\
                 [stores.target]\nkind = \"registry\"\nregistry = \"{}/{prefix}\"\n",
                source.host(),
                store.host()
            ),
        );
        Self {
            project,
            source,
            store,
            behind: registry,
            prefix,
        }
    }

    /// One that was applied once.
    fn applied(name: &str) -> Self {
        let scene = Self::new(name);
        scene.project.run(&["apply"]).ok().says("4 done");
        scene
    }

    /// The digest of a name in the store.
    fn stored(&self, name: &str) -> Option<String> {
        self.behind.client().digest(&format!("{}/{name}", self.prefix), "1.0.0")
    }

    /// Another comment in a template: the chart's files differ, what they render to hardly does.
    fn edit_comment(&self) {
        let text = self.project.read("chart/templates/app-0.yaml");
        self.project
            .write("chart/templates/app-0.yaml", format!("# a remark\n{text}"));
    }
}

fn image_of(seed: u64) -> Image {
    ImageSpec::new(seed).layers(&[3000, 500]).multi_platform()
}

/// Step ids with this outcome.
fn steps<'a>(applied: &'a Value, outcome: &str) -> Vec<&'a str> {
    let steps = applied["steps"].as_array().unwrap().iter();
    steps
        .filter(|step| step["outcome"] == outcome)
        .map(|step| step["id"].as_str().unwrap())
        .collect()
}

#[test]
fn a_second_apply_moves_nothing_and_asks_at_most_once_for_each_name() {
    let scene = Scene::applied("second");
    let (at_source, at_store) = (scene.source.mark(), scene.store.mark());
    let applied = scene.project.run(&["apply", "--json"]).ok().json();
    assert_eq!(applied["summary"]["done"], 0, "{applied}");
    assert_eq!(applied["summary"]["fresh"], 4, "{applied}");
    assert_eq!(applied["summary"]["bytes-moved"], 0, "{applied}");
    assert_eq!(
        scene.source.since(at_source).labels().len(),
        0,
        "{:?}",
        scene.source.since(at_source).labels()
    );
    let asked = scene.store.since(at_store);
    assert!(asked.data_path() <= 4, "{:?}", asked.labels());
    for (name, _) in IMAGES.iter().chain(&[("contoso", 0)]) {
        let about = asked.under(&format!("{}/{name}", scene.prefix));
        assert!(about.data_path() <= 1, "{name}: {:?}", about.labels());
        assert!(
            about.0.iter().all(|entry| entry.method == "HEAD"),
            "{name}: {:?}",
            about.labels()
        );
    }
    scene
        .project
        .run(&["plan", "--detailed-exitcode"])
        .ok()
        .says("nothing to do: 4 artifacts up to date");
}

#[test]
fn a_template_edited_under_an_unchanged_version_is_refused_by_a_registry() {
    let scene = Scene::applied("refused");
    let before = scene.stored("contoso");
    scene.edit_comment();
    let (at_source, at_store) = (scene.source.mark(), scene.store.mark());
    let plan = scene.project.run(&["plan", "--json"]).expect(4);
    let step = &plan.json()["steps"][3];
    assert_eq!(
        (step["id"].as_str(), step["action"].as_str()),
        (Some("push:target/contoso:1.0.0"), Some("invalid"))
    );
    assert_eq!(step["observed"].as_str(), before.as_deref());
    let refused = scene
        .project
        .run(&["apply"])
        .expect(4)
        .says("aosm-build apply --replace=contoso:1.0.0");
    assert!(
        refused.stderr.contains(&before.as_deref().unwrap()[7..19]),
        "the old digest is named: {refused}"
    );
    assert_eq!(scene.stored("contoso"), before, "nothing was replaced");
    assert!(
        scene
            .store
            .since(at_store)
            .0
            .iter()
            .all(|entry| matches!(entry.method.as_str(), "HEAD" | "GET"))
    );
    assert_eq!(scene.source.since(at_source).0.len(), 0, "no image was located");
    scene.project.run(&["apply", "--replace=other*"]).expect(4);
    assert_eq!(
        scene.stored("contoso"),
        before,
        "a glob that does not match allows nothing"
    );
}

#[test]
fn with_leave_to_replace_exactly_the_dependent_step_runs() {
    for leave in [
        "--replace",
        "--replace=contoso*",
        "--replace=contoso:1.0.0",
        "in the store",
    ] {
        let scene = Scene::applied("leave");
        let before = scene.stored("contoso");
        scene.edit_comment();
        let mut arguments = vec!["apply", "--json"];
        if leave == "in the store" {
            let settings = scene.project.read("aosm.toml");
            scene.project.write("aosm.toml", settings + "replace = true\n");
        } else {
            arguments.push(leave);
        }
        let (at_source, at_store) = (scene.source.mark(), scene.store.mark());
        let applied = scene.project.run(&arguments).ok().json();
        assert_eq!(steps(&applied, "done"), ["push:target/contoso:1.0.0"], "{leave}");
        assert_eq!(steps(&applied, "fresh").len(), 3, "{leave}");
        assert_ne!(scene.stored("contoso"), before, "{leave}");
        assert_eq!(
            scene.source.since(at_source).0.len(),
            0,
            "{leave}: no image was located or read"
        );
        for (name, _) in IMAGES {
            let about = scene.store.since(at_store).under(&format!("{}/{name}", scene.prefix));
            assert_eq!(
                about.data_path(),
                about.count("HEAD manifest"),
                "{leave}: {name}: {:?}",
                about.labels()
            );
            assert!(about.data_path() <= 1, "{leave}: {name}: {:?}", about.labels());
        }
        scene.project.run(&["plan", "--detailed-exitcode"]).ok();
    }
}

#[test]
fn a_local_store_replaces_without_being_asked() {
    let scene = Scene::new("local");
    let settings = scene.project.read("aosm.toml");
    scene
        .project
        .write("aosm.toml", settings.split("[stores").next().unwrap());
    scene.project.run(&["apply"]).ok();
    scene.edit_comment();
    let planned = scene
        .project
        .run(&["plan"])
        .ok()
        .says("~ push contoso:1.0.0")
        .says("1 replacing");
    assert!(!planned.stdout.contains("copy"), "{planned}");
    let applied = scene.project.run(&["apply", "--json"]).ok().json();
    assert_eq!(steps(&applied, "done"), ["push:local/contoso:1.0.0"]);
    scene.project.run(&["apply"]).ok().says("nothing to do");
}

#[test]
fn a_chart_of_random_values_gives_the_same_plan_each_time() {
    let scene = Scene::new("random");
    scene.project.write(
        "chart/templates/random.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: random-{{ randAlphaNum 8 | lower }} }\ndata:\n  \
         value: {{ randAlphaNum 20 | quote }}\n",
    );
    let plan = |scene: &Scene| scene.project.run(&["plan", "--json"]).ok().stdout;
    let first = plan(&scene);
    assert_eq!(plan(&scene), first, "from the cache");
    scene.project.remove(".aosm");
    assert_eq!(plan(&scene), first, "rendered anew");
    scene.project.run(&["apply"]).ok();
    let after = plan(&scene);
    scene.project.remove(".aosm");
    assert_eq!(plan(&scene), after, "rendered anew, against the full store");
    scene.project.run(&["plan", "--detailed-exitcode"]).ok();
}

#[test]
fn a_fresh_machine_plans_nothing_against_a_full_store() {
    let scene = Scene::applied("fresh");
    let plan = scene.project.run(&["plan", "--json"]).ok().stdout;
    // A clone: what is committed, in another folder, with other times.
    let clone = Project::new();
    for path in ["aosm.toml", "aosm.lock"] {
        clone.write(path, scene.project.read(path));
    }
    clone.copy_in(&scene.project.path("chart"), "chart");
    let at_source = scene.source.mark();
    let fresh = clone.run(&["plan", "--json", "--detailed-exitcode"]).ok();
    assert_eq!(fresh.stdout, plan, "the same plan on any machine");
    clone.run(&["apply"]).ok().says("nothing to do: 4 artifacts up to date");
    assert_eq!(
        scene.source.since(at_source).0.len(),
        0,
        "with the lock nothing is located"
    );
    // Without the lock as well: only the lock itself is new.
    clone.remove("aosm.lock").remove(".aosm");
    let unlocked = clone.run(&["plan", "--json"]).ok().json();
    assert_eq!(unlocked["summary"]["run"], 0, "{unlocked}");
    assert_eq!(unlocked["lock-changes"].as_array().unwrap().len(), 3, "{unlocked}");
}

#[test]
fn artifacts_go_to_the_first_store_unless_a_chart_names_another() {
    let scene = Scene::new("stores");
    charts::write(
        &scene.project,
        "second",
        "fabrikam",
        "2.0.0",
        &["registry.example/release/c:1.0.0"],
    );
    let settings = scene.project.read("aosm.toml");
    let other = scene.behind.unique("other-store");
    scene.project.write(
        "aosm.toml",
        format!(
            "{settings}[stores.zweiter]\nkind = \"registry\"\nregistry = \"{}/{other}\"\n\
             [[charts]]\nname = \"fabrikam\"\npath = \"second\"\nstore = \"zweiter\"\n",
            scene.store.host()
        ),
    );
    let applied = scene.project.run(&["apply", "--json"]).ok().json();
    assert_eq!(
        steps(&applied, "done"),
        [
            "copy:target/release/a:1.0.0",
            "copy:target/release/b:1.0.0",
            "copy:target/release/c:1.0.0",
            "copy:zweiter/release/c:1.0.0",
            "push:target/contoso:1.0.0",
            "push:zweiter/fabrikam:2.0.0",
        ]
    );
    let client = scene.behind.client();
    assert_eq!(client.pull(&format!("{other}/release/c"), "1.0.0"), Some(image_of(13)));
    assert_eq!(client.tags(&format!("{other}/fabrikam")), ["2.0.0"]);
    assert!(
        client.tags(&format!("{other}/release/a")).is_empty(),
        "images go with their chart"
    );
    assert!(client.tags(&format!("{}/fabrikam", scene.prefix)).is_empty());
    scene
        .project
        .run(&["apply"])
        .ok()
        .says("nothing to do: 6 artifacts up to date");
}

#[test]
fn only_runs_what_is_named_and_keeps_the_lock_whole() {
    let scene = Scene::new("only");
    let applied = scene
        .project
        .run(&["apply", "--json", "--only", "copy:*release/a*"])
        .ok()
        .json();
    assert_eq!(steps(&applied, "done"), ["copy:target/release/a:1.0.0"]);
    assert_eq!(applied["steps"].as_array().unwrap().len(), 1, "{applied}");
    assert_eq!((scene.stored("release/b"), scene.stored("contoso")), (None, None));
    let lock = scene.project.read("aosm.lock");
    for (name, _) in IMAGES {
        assert!(lock.contains(&format!("{name}:1.0.0")), "{name} is in the lock: {lock}");
    }
    scene
        .project
        .run(&["apply", "--only", "release/b:1.0.0"])
        .ok()
        .says("1 done");
    assert_eq!(scene.project.read("aosm.lock"), lock);
    scene.project.run(&["apply"]).ok().says("2 done, 2 fresh");
    scene.project.run(&["apply", "--only", "[broken"]).expect(64);
}

#[test]
fn a_missing_image_does_not_keep_the_others() {
    let scene = Scene::new("missing");
    let missing = charts::deployment(9, "registry.example/release/gone:1.0.0");
    scene.project.write("chart/templates/gone.yaml", missing);
    let output = scene
        .project
        .run(&["apply", "--json"])
        .expect(4)
        .says("release/gone:1.0.0");
    let applied = output.json();
    assert_eq!(steps(&applied, "failed"), ["copy:target/release/gone:1.0.0"]);
    assert_eq!(steps(&applied, "done").len(), 4, "{applied}");
    scene
        .project
        .run(&["plan", "--detailed-exitcode"])
        .expect(4)
        .says("! copy release/gone:1.0.0");
}

#[test]
fn a_failed_copy_does_not_keep_the_others_and_the_next_run_makes_it_good() {
    let scene = Scene::new("broken");
    let layer = image_of(12).blobs[0].digest.clone();
    let bad = layer.clone();
    let not_there = http::Response::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
    scene.source.rule(
        Rule::new(Fault::Answer(not_there))
            .on("GET blob")
            .when(move |entry| entry.reference == bad),
    );
    let output = scene.project.run(&["apply", "--json"]).expect(1);
    let applied = output.json();
    assert_eq!(steps(&applied, "failed"), ["copy:target/release/b:1.0.0"], "{output}");
    assert_eq!(steps(&applied, "done").len(), 3, "{applied}");
    let output = output.says("copy:target/release/b:1.0.0");
    assert!(output.stderr.contains(&layer[7..19]), "the blob is named: {output}");
    assert_eq!(scene.stored("release/b"), None, "no tag without its image");
    scene.source.clear();
    let applied = scene.project.run(&["apply", "--json"]).ok().json();
    assert_eq!(steps(&applied, "done"), ["copy:target/release/b:1.0.0"]);
}

#[test]
fn a_tag_that_someone_writes_before_ours_is_left_and_told_with_both_digests() {
    let scene = Scene::new("before");
    let other = ImageSpec::new(99).build();
    let (client, theirs) = (scene.behind.client(), other.clone());
    let place = format!("{}/release/a", scene.prefix);
    let asked = std::sync::atomic::AtomicUsize::new(0);
    // The plan's question comes first; they write before the guard's own.
    scene
        .store
        .rule(Rule::new(Fault::Delay(std::time::Duration::ZERO)).when(move |entry| {
            let question = entry.is("HEAD manifest") && entry.repository == place && entry.reference == "1.0.0";
            if question && asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1 {
                client.push(&theirs, &entry.repository, "1.0.0");
            }
            false
        }));
    let output = scene.project.run(&["apply"]).expect(1);
    assert!(
        output.stderr.contains(&other.digest()[7..19]),
        "theirs is named: {output}"
    );
    assert!(
        output.stderr.contains(&image_of(11).digest()[7..19]),
        "ours is named: {output}"
    );
    assert_eq!(
        scene.stored("release/a").as_deref(),
        Some(other.digest()),
        "theirs is left alone"
    );
}

#[test]
fn a_tag_that_someone_writes_right_after_ours_is_told_with_both_digests() {
    let scene = Scene::new("after");
    let other = ImageSpec::new(98).build();
    let (client, theirs) = (scene.behind.client(), other.clone());
    let place = format!("{}/release/a", scene.prefix);
    let written = std::sync::atomic::AtomicBool::new(false);
    scene
        .store
        .rule(Rule::new(Fault::Delay(std::time::Duration::ZERO)).when(move |entry| {
            use std::sync::atomic::Ordering::SeqCst;
            if entry.repository == place && entry.reference == "1.0.0" {
                if entry.is("PUT manifest") {
                    written.store(true, SeqCst);
                } else if entry.is("HEAD manifest") && written.load(SeqCst) {
                    client.push(&theirs, &entry.repository, "1.0.0");
                }
            }
            false
        }));
    let output = scene.project.run(&["apply"]).expect(1);
    assert!(
        output.stderr.contains(&other.digest()[7..19]),
        "theirs is named: {output}"
    );
    assert!(
        output.stderr.contains(&image_of(11).digest()[7..19]),
        "ours is named: {output}"
    );
}

#[test]
fn layers_that_images_share_cross_once_and_are_mounted_after_that() {
    let registry = Registry::shared(Kind::Plain);
    let (from, prefix) = (registry.unique("sharing"), registry.unique("shared"));
    let with_base = |seed| ImageSpec::new(seed).layers(&[700]).base_layer(1000, 40_000).build();
    for (name, seed) in [("one", 21), ("two", 22), ("three", 23)] {
        registry.push(&with_base(seed), &format!("{from}/{name}"), "1");
    }
    let (source, store) = (Faulty::before(&registry.host()), Faulty::before(&registry.host()));
    let project = Project::new();
    charts::write(
        &project,
        "chart",
        "contoso",
        "1.0.0",
        &["r.example/one:1", "r.example/two:1", "r.example/three:1"],
    );
    project.write(
        "aosm.toml",
        format!(
            "[project]\nimage-sources = [\"{}/{from}\"]\n[[charts]]\nname = \"contoso\"\npath = \"chart\"\n\
             [stores.target]\nkind = \"registry\"\nregistry = \"{}/{prefix}\"\n",
            source.host(),
            store.host()
        ),
    );
    let base = with_base(21).blobs[0].clone();
    let applied = project.run(&["apply", "--json"]).ok().json();
    let read = source
        .traffic()
        .0
        .iter()
        .filter(|e| e.is("GET blob") && e.reference == base.digest)
        .count();
    assert_eq!(read, 1, "the shared layer was read once");
    let sent = store
        .traffic()
        .0
        .iter()
        .filter(|e| e.is("PUT upload") && e.query.contains(&base.digest[7..]))
        .count();
    assert_eq!(sent, 1, "and sent once");
    assert_eq!(store.traffic().mounts(), 2, "{:?}", store.traffic().labels());
    assert_eq!(applied["summary"]["bytes-mounted"], 2 * base.bytes.len(), "{applied}");
    for (name, seed) in [("one", 21), ("two", 22), ("three", 23)] {
        let image = registry.client().pull(&format!("{prefix}/{name}"), "1").unwrap();
        assert_eq!(image.root(), with_base(seed).root());
    }
}

#[test]
fn images_that_the_stores_own_registry_has_are_mounted_and_cross_never() {
    let registry = Registry::shared(Kind::Plain);
    let (from, prefix) = (registry.unique("near"), registry.unique("nearby"));
    registry.push(&image_of(31), &format!("{from}/a"), "1");
    let proxy = Faulty::before(&registry.host());
    let project = Project::new();
    charts::write(&project, "chart", "contoso", "1.0.0", &["r.example/a:1"]);
    project.write(
        "aosm.toml",
        format!(
            "[project]\nimage-sources = [\"{host}/{from}\"]\n[[charts]]\nname = \"contoso\"\npath = \"chart\"\n\
             [stores.target]\nkind = \"registry\"\nregistry = \"{host}/{prefix}\"\n",
            host = proxy.host()
        ),
    );
    let plan = project.run(&["plan", "--json"]).ok().json();
    assert_eq!(plan["steps"][0]["transfer"], "mount", "{plan}");
    let mark = proxy.mark();
    let applied = project.run(&["apply", "--json", "--only", "copy:*"]).ok().json();
    let traffic = proxy.since(mark);
    assert_eq!(traffic.count("GET blob"), 0, "{:?}", traffic.labels());
    assert_eq!(traffic.mounts(), image_of(31).blobs.len(), "{:?}", traffic.labels());
    assert!(
        applied["summary"]["bytes-mounted"].as_u64() > applied["summary"]["bytes-moved"].as_u64(),
        "{applied}"
    );
    assert_eq!(registry.client().pull(&format!("{prefix}/a"), "1"), Some(image_of(31)));
}
