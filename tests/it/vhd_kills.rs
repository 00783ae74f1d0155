//! Killed at any instant, an upload claims nothing, and the next run brings it to its end without sending much twice.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::disks::Disks;
use crate::support::small::{in_parallel, seeded};
use crate::support::vhd::{MIB, Vhd};

/// A container for all kills of a sweep, a blob for each.
struct Sweep {
    disks: Disks,
    disk: Vhd,
    parallel: &'static str,
    killed: AtomicUsize,
}

impl Sweep {
    fn new(name: &str, disk: Vhd, parallel: &'static str) -> Self {
        Self {
            disks: Disks::new(name),
            disk,
            parallel,
            killed: AtomicUsize::new(0),
        }
    }

    /// A machine of its own, the same container.
    fn machine(&self) -> Disks {
        let machine = self.disks.elsewhere();
        machine.write("disk.vhd", &self.disk);
        machine
    }

    /// The numbered boundaries of a whole run.
    fn boundaries(&self) -> Vec<String> {
        let machine = self.machine();
        let file = machine.project.path("boundaries");
        let run = machine.upload("whole.vhd", &["--parallel", self.parallel]);
        run.env("AOSM_ABORT_COUNT", &file).run().ok();
        let text = std::fs::read_to_string(&file).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Kills a run at each point, once more at `again` in the run after that, and lets the next one finish.
    fn kill(&self, point: usize, again: Option<usize>) {
        let machine = self.machine();
        let blob = format!("at-{point}.vhd");
        let kill = format!("a kill at boundary {point}, then at {again:?}");
        let mark = machine.proxy.mark();
        for at in [Some(point), again].into_iter().flatten() {
            let output = machine.upload(&blob, &["--parallel", self.parallel]).abort_at(at).run();
            if output.code() == -1 {
                self.killed.fetch_add(1, Ordering::SeqCst);
                // Only a run that is killed after the last request leaves a whole one.
                if let Some(head) = machine.azurite.head(&machine.container, &blob)
                    && head.get("x-ms-meta-aosm_digest").is_some()
                {
                    assert_eq!(head.get("x-ms-meta-aosm_upload"), None, "{kill}");
                    assert!(
                        self.disk.content() == machine.azurite.content(&machine.container, &blob),
                        "{kill}"
                    );
                }
            } else {
                output.ok();
            }
        }
        let output = machine.upload(&blob, &["--json"]).run();
        assert_eq!(output.code(), 0, "after {kill}: {output}");
        let document = output.json();
        let data = document["data-bytes"].as_u64().unwrap();
        let sent = machine.sent(&blob, mark);
        assert!(
            sent <= data * 11 / 10,
            "after {kill}: {sent} bytes were sent for {data}"
        );
        // Whoever died with the digest claimed could not give up the lease: it ends by itself.
        let content = machine.azurite.content(&machine.container, &blob);
        assert!(content == self.disk.content(), "after {kill}");
        let head = machine.azurite.head(&machine.container, &blob).unwrap();
        assert!(head.get("x-ms-meta-aosm_digest").is_some(), "after {kill}");
        assert_eq!(head.get("x-ms-meta-aosm_upload"), None, "after {kill}");
        let again = machine.upload(&blob, &["--json"]).run().ok().json();
        assert_eq!(again["outcome"], "present", "after {kill}");
        // The emulator keeps what is there: a sweep must not fill it.
        machine.by_hand("DELETE", &blob, "", &[("x-ms-delete-snapshots", "include")], b"");
    }

    fn run(&self, points: &[(usize, Option<usize>)]) {
        let numbers: Vec<usize> = (0..points.len()).collect();
        in_parallel(&numbers, |number| {
            let (point, again) = points[number];
            self.kill(point, again);
        });
        let killed = self.killed.load(Ordering::SeqCst);
        assert!(
            killed * 10 >= points.len() * 8,
            "{killed} runs died at {} points",
            points.len()
        );
    }
}

#[test]
fn after_a_kill_at_any_boundary_of_a_small_upload_the_next_run_finishes_it() {
    let disk = Vhd::new(2 * MIB).random(1000, 400_000, 1).random(MIB, 300_000, 2);
    let sweep = Sweep::new("killsweep", disk, "1");
    let boundaries = sweep.boundaries();
    for part in [
        "request HEAD",
        "request PUT",
        "request GET",
        "rename into place",
        "uploads/",
        "remove file",
    ] {
        assert!(
            boundaries.iter().any(|line| line.contains(part)),
            "no boundary has {part}: {boundaries:#?}"
        );
    }
    let points: Vec<_> = (1..=boundaries.len()).map(|point| (point, None)).collect();
    sweep.run(&points);
}

#[test]
fn after_kills_at_fifty_points_of_a_larger_upload_the_next_run_finishes_it() {
    let disk = Vhd::new(16 * MIB).scattered(30, 100 << 10, 3);
    let sweep = Sweep::new("killmany", disk, "4");
    let count = sweep.boundaries().len();
    let (first, second) = (seeded("larger", 50, count), seeded("twice", 50, count));
    let points: Vec<_> = first
        .into_iter()
        .zip(second)
        .map(|(point, again)| (point + 1, (again % 2 == 0).then_some(again / 2 + 1)))
        .collect();
    sweep.run(&points);
}
