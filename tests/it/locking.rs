//! `aosm.lock`: what it says, what it spares, and what happens when it no longer fits.

use crate::support::*;

/// A source behind a proxy that counts, a project with two images, and the local store.
struct Scene {
    project: Project,
    source: Faulty,
    behind: &'static Registry,
    below: String,
}

fn first() -> Image {
    ImageSpec::new(301).layers(&[900]).multi_platform()
}

fn second() -> Image {
    ImageSpec::new(302).docker().build()
}

impl Scene {
    fn new(name: &str) -> Self {
        let behind = Registry::shared(Kind::Plain);
        let below = behind.unique(name);
        behind.push(&first(), &format!("{below}/release/one"), "1.0.0");
        behind.push(&second(), &format!("{below}/core/two"), "2.0.0");
        let source = Faulty::before(&behind.host());
        let project = Project::new();
        let images = ["repository/release/one:1.0.0", "core/two:2.0.0"];
        charts::write(&project, "chart", "contoso", "1.0.0", &images);
        project.write(
            "aosm.toml",
            format!(
                "[project]\nname = \"contoso\"\nimage-sources = [\"{}/{below}\"]\n\
                 [[charts]]\nname = \"contoso\"\npath = \"chart\"\n",
                source.host()
            ),
        );
        Self {
            project,
            source,
            behind,
            below,
        }
    }

    fn locked(name: &str) -> Self {
        let scene = Self::new(name);
        scene.project.run(&["lock"]).ok();
        scene
    }

    /// Another image under the tag of the first.
    fn move_tag(&self) -> Image {
        let moved = ImageSpec::new(303).multi_platform();
        self.behind
            .push(&moved, &format!("{}/release/one", self.below), "1.0.0");
        moved
    }

    fn stored(&self, name: &str) -> Option<String> {
        layout::read(&self.project.path(".aosm/store"), name).map(|image| image.digest().to_owned())
    }
}

/// The twelve digits that people see.
fn short(digest: &str) -> &str {
    &digest[7..19]
}

#[test]
fn the_lock_says_where_each_image_is_and_nothing_about_this_machine() {
    let scene = Scene::locked("contents");
    let source = format!("{}/{}", scene.source.host(), scene.below);
    let expected = format!(
        r#"version = 1
image-sources = ["{source}"]

[[image]]
reference = "core/two:2.0.0"
name = "core/two:2.0.0"
source = "{source}"
repository = "{below}/core/two"
tag = "2.0.0"
digest = "{second}"
media-type = "application/vnd.docker.distribution.manifest.v2+json"
size = {second_size}
platforms = ["linux/amd64"]
referrers = []

[[image]]
reference = "repository/release/one:1.0.0"
name = "release/one:1.0.0"
source = "{source}"
repository = "{below}/release/one"
tag = "1.0.0"
digest = "{first}"
media-type = "application/vnd.oci.image.index.v1+json"
size = {first_size}
platforms = ["linux/amd64", "linux/arm64"]
referrers = []
"#,
        below = scene.below,
        first = first().digest(),
        first_size = first().size(),
        second = second().digest(),
        second_size = second().size(),
    );
    let text = scene.project.read("aosm.lock");
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(body.trim_start(), expected);
    let before = Snapshot::of(&scene.project.folder());
    scene.project.run(&["lock"]).ok().says("up to date");
    scene.project.run(&["apply"]).ok();
    let after = Snapshot::of(&scene.project.folder());
    assert_eq!(after.0["aosm.lock"], before.0["aosm.lock"], "not written again");
}

#[test]
fn plan_and_images_write_no_lock_and_apply_does() {
    let scene = Scene::new("who-writes");
    for arguments in [
        &["plan"][..],
        &["images"],
        &["images", "--locate"],
        &["graph"],
        &["check"],
        &["lock", "--check"],
    ] {
        scene.project.run(arguments);
        assert!(!scene.project.path("aosm.lock").exists(), "{arguments:?}");
    }
    scene.project.run(&["apply"]).ok();
    assert!(scene.project.path("aosm.lock").exists());
}

#[test]
fn with_a_lock_no_source_is_asked() {
    let scene = Scene::locked("no-questions");
    let mark = scene.source.mark();
    scene.project.run(&["plan"]).ok();
    scene
        .project
        .run(&["images", "--locate"])
        .ok()
        .says(short(first().digest()));
    scene.project.run(&["plan", "--locked"]).ok();
    scene.project.run(&["plan", "--frozen"]).ok();
    scene.project.run(&["lock"]).ok();
    assert_eq!(
        scene.source.since(mark).count("HEAD manifest"),
        0,
        "{:?}",
        scene.source.since(mark).labels()
    );
}

#[test]
fn a_locked_digest_is_copied_although_the_tag_moved_meanwhile() {
    let scene = Scene::locked("moved");
    scene.move_tag();
    scene.project.run(&["apply"]).ok();
    assert_eq!(scene.stored("release/one:1.0.0").as_deref(), Some(first().digest()));
    scene.project.run(&["plan", "--detailed-exitcode"]).ok();
}

#[test]
fn drift_is_reported_old_to_new_and_taken_in_only_when_asked() {
    let scene = Scene::locked("drift");
    scene.project.run(&["apply"]).ok();
    scene
        .project
        .run(&["lock", "--check"])
        .ok()
        .says("no source tag has moved");
    let moved = scene.move_tag();
    let lock = scene.project.read("aosm.lock");
    let arrow = format!("{} → {}", short(first().digest()), short(moved.digest()));
    scene
        .project
        .run(&["lock", "--check"])
        .expect(3)
        .says(&arrow)
        .says("lock --update");
    let json = scene.project.run(&["lock", "--check", "--json"]).expect(3).json();
    assert_eq!(json["changes"][0]["kind"], "moved", "{json}");
    assert_eq!(json["changes"][0]["old"], first().digest());
    assert_eq!(json["changes"][0]["new"], moved.digest());
    assert_eq!(scene.project.read("aosm.lock"), lock, "checking writes nothing");
    scene.project.run(&["lock"]).ok();
    assert_eq!(scene.project.read("aosm.lock"), lock, "what is locked stays locked");
    scene.project.run(&["lock", "--update"]).ok().says(&arrow);
    assert!(scene.project.read("aosm.lock").contains(moved.digest()));
    scene.project.run(&["lock", "--check"]).ok();
    scene.project.run(&["apply"]).ok().says("1 done, 2 fresh");
    assert_eq!(scene.stored("release/one:1.0.0").as_deref(), Some(moved.digest()));
}

#[test]
fn an_update_of_named_references_leaves_the_others_alone() {
    let scene = Scene::locked("named");
    let moved = scene.move_tag();
    let other = ImageSpec::new(304).build();
    scene.behind.push(&other, &format!("{}/core/two", scene.below), "2.0.0");
    scene.project.run(&["lock", "--update", "core/two:2.0.0"]).ok();
    let lock = scene.project.read("aosm.lock");
    assert!(
        lock.contains(other.digest()) && lock.contains(first().digest()),
        "{lock}"
    );
    assert!(!lock.contains(moved.digest()), "{lock}");
    scene
        .project
        .run(&["lock", "--update", "nobody/knows"])
        .expect(64)
        .says("nobody/knows");
    scene.project.run(&["lock", "--update", "--check"]).expect(64);
}

#[test]
fn locked_refuses_what_would_change_the_lock_and_asks_nobody() {
    let scene = Scene::new("strict");
    for flag in ["--locked", "--frozen"] {
        let mark = scene.source.mark();
        scene.project.run(&["plan", flag]).expect(3).says("aosm-build lock");
        scene.project.run(&["apply", flag]).expect(3);
        assert_eq!(scene.source.since(mark).0.len(), 0, "{flag}");
    }
    scene.project.run(&["lock"]).ok();
    for flag in ["--locked", "--frozen"] {
        scene.project.run(&["plan", flag]).ok();
    }
    // One image more than is locked.
    scene.project.write(
        "chart/templates/more.yaml",
        charts::deployment(7, "repository/release/new:1"),
    );
    scene
        .behind
        .push(&second(), &format!("{}/release/new", scene.below), "1");
    for flag in ["--locked", "--frozen"] {
        let mark = scene.source.mark();
        scene
            .project
            .run(&["plan", flag])
            .expect(3)
            .says("repository/release/new:1");
        assert_eq!(scene.source.since(mark).0.len(), 0, "{flag}");
    }
    // One image less: the lock would change, which --frozen does not look at.
    scene
        .project
        .remove("chart/templates/more.yaml")
        .remove("chart/templates/app-1.yaml");
    scene
        .project
        .run(&["plan", "--locked"])
        .expect(3)
        .says("core/two:2.0.0");
    scene.project.run(&["lock", "--locked"]).expect(3);
    let lock = scene.project.read("aosm.lock");
    scene.project.run(&["apply", "--frozen"]).ok();
    assert_eq!(scene.project.read("aosm.lock"), lock, "--frozen writes nothing");
    scene.project.run(&["plan", "--locked", "--frozen"]).expect(64);
}

#[test]
fn other_image_sources_make_the_whole_lock_stale() {
    let scene = Scene::locked("other-sources");
    let elsewhere = format!("{}/elsewhere", scene.below);
    scene
        .behind
        .push(&first(), &format!("{elsewhere}/release/one"), "1.0.0");
    scene.project.edit(
        "aosm.toml",
        "image-sources = [",
        &format!("image-sources = [\"{}/{elsewhere}\", ", scene.source.host()),
    );
    for flag in ["--locked", "--frozen"] {
        scene
            .project
            .run(&["plan", flag])
            .expect(3)
            .says("other image sources")
            .says(&elsewhere);
    }
    scene.project.run(&["lock", "--check"]).expect(3);
    let plan = scene.project.run(&["plan", "--json"]).ok().json();
    assert!(!plan["lock-changes"].as_array().unwrap().is_empty(), "{plan}");
    scene.project.run(&["apply"]).ok();
    let lock = scene.project.read("aosm.lock");
    assert!(
        lock.contains(&format!("repository = \"{elsewhere}/release/one\"")),
        "{lock}"
    );
    scene.project.run(&["plan", "--locked"]).ok();
}

#[test]
fn offline_plans_from_the_lock_and_from_what_was_seen() {
    let scene = Scene::new("offline");
    // Nothing is known yet: nothing is claimed, and nobody is asked.
    let plan = scene.project.run(&["plan", "--offline", "--json"]);
    let plan = plan.json();
    assert_eq!(plan["summary"]["fresh"], 0, "{plan}");
    assert_eq!(plan["summary"]["unknown"], 2, "the images: {plan}");
    assert_eq!(
        plan["summary"]["run"], 1,
        "the chart, as a local store can be looked at: {plan}"
    );
    assert_eq!(scene.source.traffic().0.len(), 0);
    scene.project.run(&["apply"]).ok();
    let mark = scene.source.mark();
    let plan = scene.project.run(&["plan", "--offline", "--json"]).ok().json();
    assert_eq!(plan["summary"]["fresh"], 3, "{plan}");
    let chart = scene.project.read("chart/values.yaml");
    scene.project.write("chart/values.yaml", chart + "# more\n");
    let plan = scene.project.run(&["plan", "--offline", "--json"]).ok().json();
    assert_eq!(
        (plan["summary"]["fresh"].as_u64(), plan["summary"]["run"].as_u64()),
        (Some(2), Some(1)),
        "{plan}"
    );
    scene.project.run(&["images", "--offline"]).ok();
    scene.project.run(&["lock", "--offline"]).expect(64);
    assert_eq!(scene.source.since(mark).0.len(), 0);
}

#[test]
fn apply_offline_does_what_needs_no_network_and_says_what_does() {
    let scene = Scene::locked("offline-apply");
    let mark = scene.source.mark();
    let plan = scene.project.run(&["plan", "--offline", "--json"]).ok().json();
    let bound = first().size() + second().size();
    assert!(
        plan["summary"]["bytes"].as_u64() >= Some(bound),
        "the lock knows the sizes: {plan}"
    );
    scene
        .project
        .run(&["apply", "--offline"])
        .expect(5)
        .says("--offline forbids");
    assert_eq!(layout::names(&scene.project.path(".aosm/store")), ["contoso:1.0.0"]);
    assert_eq!(scene.source.since(mark).0.len(), 0);
    // From files to files there is nothing to forbid.
    let files = Project::fixture("contoso-cnf");
    files.run(&["lock"]).ok();
    files.run(&["apply", "--offline"]).ok().says("6 done");
}

#[test]
fn offline_asks_no_store_either() {
    let scene = Scene::new("offline-store");
    let store = Faulty::before(&scene.behind.host());
    let settings = scene.project.read("aosm.toml");
    let target = format!(
        "[stores.target]\nkind = \"registry\"\nregistry = \"{}/{}\"\n",
        store.host(),
        scene.behind.unique("to")
    );
    scene.project.write("aosm.toml", settings + &target);
    scene.project.run(&["apply"]).ok();
    let mark = store.mark();
    let plan = scene.project.run(&["plan", "--offline", "--json"]).ok().json();
    assert_eq!(plan["summary"]["fresh"], 3, "{plan}");
    assert_eq!(store.since(mark).0.len(), 0);
}

#[test]
fn a_lock_of_a_newer_version_or_a_broken_one_is_refused_with_its_line() {
    let scene = Scene::locked("broken");
    let good = scene.project.read("aosm.lock");
    scene
        .project
        .write("aosm.lock", good.replace("version = 1\n", "version = 2\n"));
    for arguments in [&["plan"][..], &["lock"], &["apply"]] {
        scene
            .project
            .run(arguments)
            .expect(4)
            .says("version")
            .says("newer")
            .says("aosm.lock:");
    }
    assert!(
        scene.project.read("aosm.lock").contains("version = 2"),
        "it is left alone"
    );
    let digest = first().digest().to_owned();
    scene.project.write(
        "aosm.lock",
        good.replace(&digest, "sha256:short")
            .replace("tag = \"2.0.0\"", "tag = 7"),
    );
    let output = scene.project.run(&["plan"]).expect(4).says("sha256:short");
    assert!(
        output.stderr.matches("error:").count() >= 2,
        "all errors in one run: {output}"
    );
    scene.project.write("aosm.lock", "<<<<<<< ours\n");
    scene.project.run(&["plan"]).expect(4).says("aosm.lock:1");
}

#[test]
fn a_rule_written_since_makes_an_entry_stop_counting() {
    let scene = Scene::locked("rule");
    let settings = scene.project.read("aosm.toml");
    scene.project.write(
        "aosm.toml",
        settings + "[discovery]\nregistry-placeholders = [\"core\"]\n",
    );
    scene
        .project
        .run(&["plan", "--locked"])
        .expect(3)
        .says("core/two:2.0.0");
    scene.behind.push(&first(), &format!("{}/two", scene.below), "2.0.0");
    scene.project.run(&["apply"]).ok();
    assert_eq!(scene.stored("two:2.0.0").as_deref(), Some(first().digest()));
}

#[test]
fn what_a_merge_left_in_the_lock_is_put_right_by_lock() {
    let scene = Scene::locked("merge");
    let good = scene.project.read("aosm.lock");
    let (head, _) = good.split_once("[[image]]").unwrap();
    scene.project.write("aosm.lock", head);
    scene.project.run(&["lock", "--check"]).expect(3);
    scene.project.run(&["lock"]).ok().says("2 changes");
    assert_eq!(scene.project.read("aosm.lock"), good);
}
