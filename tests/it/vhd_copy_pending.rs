//! `vhd copy` from a service that takes its time, as the real one does and the emulator does not: killed and stopped meanwhile.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use crate::support::aosm::Aosm;
use crate::support::blob_server::{BlobServer, CopyPlan};
use crate::support::refusal::Refusal;
use crate::support::small::in_parallel;
use crate::support::vhd::{MIB, Vhd};
use crate::support::*;

/// A service with a source, and a project.
struct Scene {
    server: BlobServer,
    project: Project,
    content: Vec<u8>,
}

impl Scene {
    fn new() -> Self {
        let server = BlobServer::start(&["from", "to"]);
        let content = Vhd::new(2 * MIB).random(MIB, 70_144, 3).content();
        let pages = [(0, Bytes::from(content.clone()))];
        server.service().plant("/from/source.vhd", content.len() as u64, &pages);
        Self {
            server,
            project: Project::new(),
            content,
        }
    }

    fn copy(&self, project: &Project, blob: &str, arguments: &[&str]) -> Aosm {
        let mut all = vec![
            "vhd",
            "copy",
            "--from-env",
            "SOURCE",
            "--sas-env",
            "DISKS",
            "--blob",
            blob,
        ];
        all.extend_from_slice(arguments);
        project
            .aosm(&all)
            .env("DISKS", self.server.url("to"))
            .env("SOURCE", self.server.url("from/source.vhd"))
    }

    fn plan(&self, plan: CopyPlan) {
        self.server.service().copies = plan;
    }

    fn held(&self, blob: &str) -> Option<Vec<u8>> {
        let service = self.server.service();
        service
            .blobs
            .get(&format!("/to/{blob}"))
            .map(|blob| blob.content.all().to_vec())
    }

    /// How often a copy into this blob was asked for.
    fn asked(&self, blob: &str) -> usize {
        let path = format!("/to/{blob}");
        let service = self.server.service();
        service
            .log
            .iter()
            .filter(|entry| entry.path == path && entry.name == "PUT copy")
            .count()
    }
}

#[test]
fn a_copy_that_takes_time_is_awaited_and_told_as_json() {
    let scene = Scene::new();
    scene.plan(CopyPlan::After(2));
    let document: Value = scene.copy(&scene.project, "a.vhd", &["--json"]).run().ok().json();
    assert_eq!(
        (&document["outcome"], &document["way"]),
        (&"copied".into(), &"by-service".into())
    );
    assert!(scene.held("a.vhd").unwrap() == scene.content);
}

#[test]
fn a_failure_has_the_services_own_reason() {
    let scene = Scene::new();
    scene.plan(CopyPlan::Fails(
        1,
        "403 Forbidden \"the source is behind a firewall\"".into(),
    ));
    let output = scene.copy(&scene.project, "a.vhd", &[]).run();
    Refusal::of(&scene.project, output, 1)
        .one()
        .says("the source is behind a firewall")
        .says("--stream");
    scene.copy(&scene.project, "a.vhd", &["--stream"]).run().ok();
    assert!(scene.held("a.vhd").unwrap() == scene.content);
}

#[test]
fn ctrl_c_stops_and_removes_the_copy() {
    let scene = Scene::new();
    scene.plan(CopyPlan::Never);
    let running = scene.copy(&scene.project, "a.vhd", &[]).spawn();
    let limit = Instant::now() + Duration::from_secs(60);
    while scene.asked("a.vhd") == 0 {
        assert!(Instant::now() < limit, "no copy was asked for");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.interrupt();
    running.wait().expect(130).says("the copy was stopped and removed");
    assert!(scene.held("a.vhd").is_none());
}

#[test]
fn a_run_that_dies_anywhere_around_a_copy_leaves_one_that_the_next_run_ends_without_asking_again() {
    let scene = Scene::new();
    scene.plan(CopyPlan::After(1));
    let count = {
        let file = scene.project.home().join("count");
        let run = scene.copy(&scene.project, "count.vhd", &[]);
        run.env("AOSM_ABORT_COUNT", &file).run().ok();
        std::fs::read_to_string(file).unwrap().lines().count()
    };
    assert!(count > 12, "{count} boundaries");
    let points: Vec<usize> = (1..=count).collect();
    in_parallel(&points, |point| {
        // A state folder of its own: one that does not know what the others did.
        let project = Project::new();
        let blob = format!("killed-{point}.vhd");
        let killed = scene.copy(&project, &blob, &[]).abort_at(point).run();
        let again = scene.copy(&project, &blob, &["--json"]).run();
        assert_eq!(again.code(), 0, "after a kill at {point} ({}): {again}", killed.code());
        assert!(scene.held(&blob).unwrap() == scene.content, "after a kill at {point}");
        assert_eq!(scene.asked(&blob), 1, "after a kill at {point}: {again}");
    });
}
