//! Images that the registry behind an artifact store imports by itself.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::arm::{Arm, GROUP, PUBLISHER, SUBSCRIPTION, Slow, TOKEN, in_seconds, registry_token};
use crate::support::registry::{PASSWORD, USER};
use crate::support::small::{Small, in_parallel};
use crate::support::*;

const STORE: &str = "contoso-acr";

/// A small project whose images are in one registry and go to another, which is behind an artifact store. All that it puts there
/// is below the name of its manifest, which no other test has.
struct Publication {
    arm: Arm,
    project: Project,
    small: Small,
    from: String,
    source: &'static Registry,
    target: &'static Registry,
    manifest: String,
}

impl Publication {
    fn new(images: u64) -> Self {
        Self::from(Kind::Native, images)
    }

    fn from(kind: Kind, images: u64) -> Self {
        let (source, target) = (Registry::shared(kind), Registry::shared(Kind::Plain));
        let (from, manifest) = (source.unique("import-source"), target.unique("import"));
        let (arm, project, small) = (Arm::start(), Project::new(), Small::new(images));
        for (name, image) in &small.images {
            let (repository, tag) = name.rsplit_once(':').unwrap();
            source.push(image, &format!("{from}/{repository}"), tag);
        }
        let publication = Self {
            arm,
            project,
            small,
            from,
            source,
            target,
            manifest,
        };
        publication.grant();
        publication.write("", "");
        publication
    }

    /// What Resource Manager knows.
    fn grant(&self) {
        let names = self.small.names();
        let split: Vec<(&str, &str)> = names.iter().map(|name| name.split_once(':').unwrap()).collect();
        let entries: Vec<(&str, &str, &str)> = split.iter().map(|(name, tag)| (*name, *tag, "OCIArtifact")).collect();
        self.arm.registry_store(STORE).manifest(STORE, &self.manifest, &entries);
        self.arm.backed_by(STORE, self.target.client());
        let server = format!("http://{}", self.target.host());
        let manifest = self.manifest.clone();
        let repositories: Vec<String> = split.iter().map(|(name, _)| format!("{manifest}/{name}")).collect();
        self.arm.grants(STORE, &self.manifest, move |_| {
            let repositories: Vec<&str> = repositories.iter().map(String::as_str).collect();
            registry_token(&server, &manifest, "granted", &repositories, &in_seconds(3600))
        });
    }

    /// The project; `keys` go into the store, `more` before the chart.
    fn write(&self, keys: &str, more: &str) -> &Self {
        let head = format!(
            "[project]\nname = \"small\"\nimage-sources = [\"{}/{}\"]\n[stores.images]\nkind = \"acr\"\nsubscription = \
             \"{SUBSCRIPTION}\"\nresource-group = \"{GROUP}\"\npublisher = \"{PUBLISHER}\"\nartifact-store = \
             \"{STORE}\"\nartifact-manifest = \"{}\"\n{keys}\n{more}",
            self.source.host(),
            self.from,
            self.manifest
        );
        self.small.write(&self.project, &head);
        self
    }

    fn aosm(&self, arguments: &[&str]) -> Aosm {
        self.in_project(&self.project, arguments)
    }

    fn in_project(&self, project: &Project, arguments: &[&str]) -> Aosm {
        project
            .aosm(arguments)
            .env("AOSM_ARM_ENDPOINT", self.arm.endpoint())
            .env("AOSM_ARM_TOKEN", TOKEN)
    }

    fn there(&self, name: &str) -> Option<String> {
        let (repository, tag) = name.split_once(':').unwrap();
        self.target
            .client()
            .digest(&format!("{}/{repository}", self.manifest), tag)
    }

    fn assert_filled(&self) {
        for name in self.small.names() {
            let there = self.there(&name).unwrap_or_else(|| panic!("{name} is not there"));
            if self.small.images.iter().any(|(known, _)| *known == name) {
                assert_eq!(there, self.small.digest(&name), "{name}");
            }
        }
    }

    fn imports(&self) -> usize {
        self.arm.count("/importImage?")
    }
}

fn step<'a>(document: &'a Value, id: &str) -> &'a Value {
    let steps = document["steps"].as_array().expect("steps");
    steps
        .iter()
        .find(|step| step["id"] == id)
        .unwrap_or_else(|| panic!("no {id} in {document:#}"))
}

const FIRST: &str = "copy:images/release/small-1:1.0.0";

#[test]
fn images_are_imported_where_the_registry_may_be_asked_and_only_the_chart_crosses_this_machine() {
    for slow in [Slow::Location(2), Slow::Status(2)] {
        let publication = Publication::new(3);
        publication.arm.slow(slow);
        let plan = publication.aosm(&["plan", "--json"]).run().ok().json();
        let copy = step(&plan, FIRST);
        assert_eq!(copy["transfer"], "server-side", "{plan:#}");
        assert!(
            copy["transfer-why"].as_str().unwrap().contains("fetches it from"),
            "{plan:#}"
        );
        let chart = step(&plan, "push:images/small:1.0.0");
        assert_eq!(chart["transfer"], "stream");
        assert_eq!(plan["summary"]["bytes-streamed"], chart["bytes"], "{plan:#}");
        let applied = publication.aosm(&["apply", "--json"]).run().ok().json();
        assert_eq!(step(&applied, FIRST)["bytes-moved"], 0, "{applied:#}");
        assert_eq!(publication.imports(), 3, "{slow:?}");
        publication.assert_filled();
        publication
            .aosm(&["plan", "--detailed-exitcode"])
            .run()
            .ok()
            .says("4 artifacts up to date");
        let notes = publication.project.path(".aosm/state/imports");
        let left = std::fs::read_dir(notes).map_or(0, Iterator::count);
        assert_eq!(left, 0, "nothing is under way any more");
    }
}

#[test]
fn the_plan_says_for_people_which_way_and_how_much_crosses_this_machine() {
    let publication = Publication::new(1);
    publication
        .aosm(&["plan"])
        .run()
        .ok()
        .says("imported: the registry fetches it from 127.0.0.1")
        .says("of it through this machine");
    publication.write("copy = \"stream\"", "");
    publication
        .aosm(&["plan"])
        .run()
        .ok()
        .says("through this machine: the store says `copy = \"stream\"`")
        .silent_about("of it through this machine");
}

#[test]
fn who_may_not_ask_for_imports_streams_and_is_told_once() {
    let publication = Publication::new(6);
    publication.arm.deny("/importImage");
    let output = publication.aosm(&["apply", "--jobs", "2"]).run().ok();
    assert_eq!(
        output.stderr.matches("may not be asked for imports").count(),
        1,
        "{output}"
    );
    output.says("registries/importImage/action");
    assert!(publication.imports() <= 2, "{} were asked for", publication.imports());
    publication.assert_filled();
}

#[test]
fn who_demands_imports_and_may_not_ask_for_them_fails() {
    let publication = Publication::new(1);
    publication.write("copy = \"server-side\"", "").arm.deny("/importImage");
    let output = publication.aosm(&["apply"]).run().expect(5);
    output.says("registries/importImage/action").says("copy = \"stream\"");
    assert_eq!(publication.there("release/small-1:1.0.0"), None);
}

#[test]
fn a_failed_import_fails_its_step_with_the_reason_and_the_rest_is_done() {
    let publication = Publication::new(1);
    publication
        .arm
        .fail_imports("ImportFailed", "the source registry is closed to this one");
    let output = publication.aosm(&["apply"]).run().expect(1);
    output
        .says("ImportFailed: the source registry is closed to this one")
        .says("copy = \"stream\"");
    assert_eq!(publication.there("release/small-1:1.0.0"), None);
    assert!(publication.there("small:1.0.0").is_some());
}

/// Somebody else pushes under the image's name just before it is asked for.
fn overtaken(publication: &Publication, image: &Image) {
    let (client, image) = (publication.target.client(), image.clone());
    let repository = format!("{}/release/small-1", publication.manifest);
    publication.arm.answering(move |_, path, _| {
        if path.ends_with("/importImage") {
            client.push(&image, &repository, "1.0.0");
        }
        None
    });
}

#[test]
fn a_tag_that_appears_meanwhile_is_compared() {
    let publication = Publication::new(1);
    overtaken(&publication, &publication.small.images[0].1);
    publication.aosm(&["apply"]).run().ok();
    publication.assert_filled();

    let publication = Publication::new(1);
    let other = ImageSpec::new(77).build();
    overtaken(&publication, &other);
    publication
        .aosm(&["apply"])
        .run()
        .expect(1)
        .says(other.digest())
        .says("somebody else wrote it");
    assert_eq!(publication.there("release/small-1:1.0.0").unwrap(), other.digest());
}

#[test]
fn what_an_import_cannot_do_is_streamed_and_refused_where_it_is_demanded() {
    let publication = Publication::new(1);
    let other = ImageSpec::new(78).build();
    let repository = format!("{}/release/small-1", publication.manifest);
    publication.target.client().push(&other, &repository, "1.0.0");
    let plan = publication.aosm(&["plan", "--json"]).run().expect(4).json();
    assert_eq!(step(&plan, FIRST)["action"], "invalid", "{plan:#}");
    let plan = publication.aosm(&["plan", "--json", "--replace=*"]).run().ok().json();
    let copy = step(&plan, FIRST);
    assert_eq!(copy["transfer"], "stream", "{plan:#}");
    assert!(
        copy["transfer-why"].as_str().unwrap().contains("replaces nothing"),
        "{plan:#}"
    );
    publication.write("copy = \"server-side\"", "");
    publication
        .aosm(&["plan", "--replace=*"])
        .run()
        .expect(4)
        .says("cannot be imported: it replaces what is there")
        .says("`copy = \"auto\"` in [stores.images]");
    publication.write("", "");
    publication.aosm(&["apply", "--replace=*"]).run().ok();
    publication.assert_filled();
    assert_eq!(publication.imports(), 0);
}

#[test]
fn a_password_of_another_registry_is_handed_to_azure_only_where_imports_are_demanded() {
    let publication = Publication::from(Kind::Basic, 2);
    publication.project.login(&publication.source.host(), USER, PASSWORD);
    let output = publication.aosm(&["apply", "-v"]).run().ok();
    assert_eq!(
        output.stderr.matches("an import would take handing").count(),
        1,
        "{output}"
    );
    assert_eq!(publication.imports(), 0);

    let publication = Publication::from(Kind::Basic, 2);
    publication.project.login(&publication.source.host(), USER, PASSWORD);
    publication.write("copy = \"server-side\"", "");
    let output = publication.aosm(&["apply", "-v"]).run().ok();
    assert_eq!(publication.imports(), 2);
    publication.assert_filled();
    output.silent_about(PASSWORD);
    for file in snapshot::walk(&publication.project.path(".aosm")) {
        let held = std::fs::read(&file).unwrap();
        let held = String::from_utf8_lossy(&held);
        assert!(
            !held.contains(PASSWORD) && !held.contains("planted"),
            "{}",
            file.display()
        );
    }
}

#[test]
fn a_throttled_resource_manager_is_waited_for() {
    let publication = Publication::new(2);
    publication.arm.throttle(5, 0);
    publication.aosm(&["apply"]).run().ok();
    publication.assert_filled();
}

#[test]
fn an_interrupted_import_goes_on_and_the_next_run_finds_it() {
    let publication = Publication::new(1);
    publication.arm.endless_imports(true);
    let running = publication.aosm(&["apply"]).spawn();
    let until = Instant::now() + Duration::from_secs(60);
    let noted = || {
        std::fs::read_dir(publication.project.path(".aosm/state/imports")).is_ok_and(|mut all| {
            all.any(|one| std::fs::read_to_string(one.unwrap().path()).is_ok_and(|text| text.contains("operations")))
        })
    };
    while !noted() {
        assert!(Instant::now() < until, "no import was noted");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.interrupt();
    running.wait().expect(130);
    let image = &publication.small.images[0].1;
    let repository = format!("{}/release/small-1", publication.manifest);
    let (client, image) = (publication.target.client(), image.clone());
    // It ends when it is looked at again.
    publication.arm.answering(move |method, path, _| {
        (method == "GET" && path.starts_with("/operations/")).then(|| {
            client.push(&image, &repository, "1.0.0");
            http::Response::new(200, "")
        })
    });
    publication.aosm(&["apply"]).run().ok();
    assert_eq!(publication.imports(), 1);
    publication.assert_filled();
}

#[test]
fn after_a_kill_at_any_boundary_of_an_import_the_next_run_asks_for_nothing_twice() {
    let boundaries = {
        let publication = Publication::new(1);
        let lines = publication.project.path("boundaries");
        publication.aosm(&["apply"]).env("AOSM_ABORT_COUNT", &lines).run().ok();
        std::fs::read_to_string(lines).unwrap()
    };
    let boundaries: Vec<&str> = boundaries.lines().collect();
    let first = boundaries
        .iter()
        .position(|line| line.contains("/imports"))
        .expect("a note");
    let last = boundaries
        .iter()
        .rposition(|line| line.contains("/operations/"))
        .expect("a look");
    assert!(
        boundaries
            .iter()
            .any(|line| line.contains("request POST") && line.contains("importImage"))
    );
    let points: Vec<usize> = (first + 1..=last + 3).collect();
    assert!(points.len() >= 8, "{boundaries:#?}");
    let killed = std::sync::atomic::AtomicUsize::new(0);
    in_parallel(&points, |point| {
        let publication = Publication::new(1);
        let output = publication.aosm(&["apply"]).abort_at(point).run();
        if output.code() == -1 {
            killed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        } else {
            output.ok();
        }
        publication.aosm(&["apply"]).run().ok();
        publication.assert_filled();
        assert_eq!(
            publication.imports(),
            1,
            "killed at {point}: {:?}",
            publication.arm.seen()
        );
        publication.aosm(&["plan", "--detailed-exitcode"]).run().ok();
    });
    assert!(killed.into_inner() * 10 >= points.len() * 7);
}
