//! Killed at any instant, the next run converges, and nothing half-written is ever taken for whole.
//!
//! Kills are swept, not timed: the binary numbers its durable operations and requests, and dies right before the n-th.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::aosm::copy_folder;
use crate::support::registry::{PASSWORD, USER};
use crate::support::small::{Small, in_parallel, seeded};
use crate::support::*;

/// A project made ready once and copied for every kill.
struct Prepared {
    project: Project,
    small: Small,
}

impl Prepared {
    fn local(images: u64) -> Self {
        let (project, small) = (Project::new(), Small::new(images));
        small.write_local(&project);
        Self { project, small }
    }

    fn copy(&self) -> Project {
        let copy = Project::new();
        copy_folder(&self.project.folder(), &copy.folder());
        copy
    }
}

/// The run after a kill does all that is left, and the one after that has nothing to do.
fn assert_converges(project: &Project, kill: &str) {
    let applied = project.run(&["apply", "--quiet"]);
    assert_eq!(applied.code(), 0, "after {kill}: {applied}");
    let plan = project.run(&["plan", "--json", "--detailed-exitcode"]);
    assert_eq!(plan.code(), 0, "after {kill}: {plan}");
    assert_eq!(plan.json()["summary"]["run"], 0, "after {kill}: {plan}");
}

/// Kills a run at each of these boundaries, each in a copy of its own. How many really died.
fn sweep_local(prepared: &Prepared, points: &[usize]) -> usize {
    let killed = AtomicUsize::new(0);
    in_parallel(points, |point| {
        let project = prepared.copy();
        let kill = format!("a kill at boundary {point}");
        let output = project.aosm(&["apply"]).abort_at(point).run();
        if output.code() == -1 {
            killed.fetch_add(1, Ordering::SeqCst);
        } else {
            output.ok();
        }
        prepared.small.whole_tags(&project);
        assert_converges(&project, &kill);
        prepared.small.assert_complete(&project);
    });
    killed.into_inner()
}

#[test]
fn after_a_kill_at_any_boundary_of_a_local_apply_every_tag_is_whole_and_the_next_run_converges() {
    let prepared = Prepared::local(2);
    let boundaries = prepared.copy().boundaries(&["apply"]);
    for part in [
        "rename into place",
        "sync file",
        "sync folder",
        "create folder",
        "aosm.lock",
        "index.json",
        "/ac/",
        "/cas/",
        "history",
    ] {
        assert!(
            boundaries.iter().any(|line| line.contains(part)),
            "no boundary has {part}: {boundaries:#?}"
        );
    }
    let points: Vec<usize> = (1..=boundaries.len()).collect();
    let killed = sweep_local(&prepared, &points);
    // Two runs need not have exactly as many: what one thread made another finds.
    assert!(
        killed * 10 >= points.len() * 9,
        "{killed} of {} runs died",
        points.len()
    );
}

#[test]
fn after_kills_at_a_hundred_points_of_a_larger_project_the_next_run_converges() {
    let prepared = Prepared::local(20);
    // What is rendered is of no interest here: done once.
    prepared.project.run(&["images"]).ok();
    let count = prepared.copy().boundaries(&["apply"]).len();
    let points: Vec<usize> = seeded("larger project", 100, count)
        .into_iter()
        .map(|point| point + 1)
        .collect();
    let killed = sweep_local(&prepared, &points);
    assert!(killed >= 90, "{killed} of 100 runs died");
}

#[test]
fn after_a_kill_between_registries_every_tag_is_whole_and_the_next_run_converges() {
    let (source, target) = (Registry::shared(Kind::Plain), Registry::shared(Kind::Basic));
    let from = source.unique("kill-source");
    let small = Small::new(2);
    for (name, image) in &small.images {
        let (repository, tag) = name.rsplit_once(':').unwrap();
        source.push(image, &format!("{from}/{repository}"), tag);
    }
    let base = target.unique("kill-target");
    let project_for = |point: usize| {
        let project = Project::new();
        let head = format!(
            "[project]\nimage-sources = [\"{}/{from}\"]\n[stores.target]\nkind = \"registry\"\nregistry = \"{}/{base}/{point}\"\n",
            source.host(),
            target.host()
        );
        small.write(&project, &head);
        project.login(&target.host(), USER, PASSWORD);
        project
    };
    let client = target.client();
    // Every tag under a prefix, pulled whole with all digests checked.
    let tags = |point: usize| -> Vec<String> {
        let mut tags = Vec::new();
        for name in small.names() {
            let (repository, _) = name.rsplit_once(':').unwrap();
            let path = format!("{base}/{point}/{repository}");
            for tag in client.tags(&path) {
                // The registry may still be at the last request of a client that is dead: it lists a tag before it has it.
                let image = (0..100).find_map(|_| {
                    client.pull(&path, &tag).or_else(|| {
                        std::thread::sleep(Duration::from_millis(50));
                        None
                    })
                });
                let image = image.expect("a tag that is listed");
                if small.images.iter().any(|(known, _)| *known == name) {
                    assert_eq!(image.digest(), small.digest(&name), "{name}");
                }
                tags.push(format!("{repository}:{tag}"));
            }
        }
        tags.sort();
        tags
    };
    let boundaries = project_for(0).boundaries(&["apply"]);
    for part in [
        "request HEAD",
        "request PUT",
        "request POST",
        "request GET",
        "aosm.lock",
    ] {
        assert!(
            boundaries.iter().any(|line| line.contains(part)),
            "no boundary has {part}: {boundaries:#?}"
        );
    }
    assert_eq!(tags(0), small.names());
    let points: Vec<usize> = (1..=boundaries.len()).collect();
    let killed = AtomicUsize::new(0);
    in_parallel(&points, |point| {
        let project = project_for(point);
        let output = project.aosm(&["apply"]).abort_at(point).run();
        if output.code() == -1 {
            killed.fetch_add(1, Ordering::SeqCst);
        } else {
            output.ok();
        }
        tags(point);
        assert_converges(&project, &format!("a kill at boundary {point}"));
        assert_eq!(tags(point), small.names(), "after a kill at boundary {point}");
    });
    let killed = killed.into_inner();
    assert!(
        killed * 10 >= points.len() * 8,
        "{killed} of {} runs died",
        points.len()
    );
}

#[test]
fn after_kill_9_at_ten_moments_the_next_run_converges() {
    let prepared = Prepared::local(20);
    let whole = prepared.copy();
    let begun = Instant::now();
    whole.run(&["apply"]).ok();
    let length = usize::try_from(begun.elapsed().as_micros()).unwrap();
    for micros in seeded("kill -9", 10, length) {
        let project = prepared.copy();
        let running = project.aosm(&["apply"]).spawn();
        std::thread::sleep(Duration::from_micros(micros as u64));
        running.kill();
        prepared.small.whole_tags(&project);
        assert_converges(&project, &format!("kill -9 after {micros} µs"));
        prepared.small.assert_complete(&project);
    }
}

#[test]
fn a_source_tag_that_moves_after_a_kill_does_not_change_what_the_lock_said() {
    let prepared = Prepared::local(2);
    let moved_name = prepared.small.images[0].0.clone();
    let old = prepared.small.digest(&moved_name).to_owned();
    let new = ImageSpec::new(77).build();
    let boundaries = prepared.copy().boundaries(&["apply"]);
    let lock = boundaries
        .iter()
        .position(|line| line.contains("rename into place") && line.ends_with("aosm.lock"))
        .expect("the lock is written");
    let (before, after) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let points: Vec<usize> = (lock.saturating_sub(2)..boundaries.len())
        .step_by(3)
        .map(|at| at + 1)
        .collect();
    in_parallel(&points, |point| {
        let project = prepared.copy();
        project.aosm(&["apply"]).abort_at(point).run();
        let locked = project.path("aosm.lock").is_file();
        let other = &prepared.small.images[1];
        layout::write(&project.path("images"), &[(&moved_name, &new), (&other.0, &other.1)]);
        assert_converges(&project, &format!("a kill at boundary {point}"));
        let held = layout::read(&project.path(".aosm/store"), &moved_name).expect("the image");
        let wanted = if locked { &old } else { new.digest() };
        assert_eq!(
            held.digest(),
            wanted,
            "lock written: {locked}; a kill at boundary {point}"
        );
        let count = if locked { &after } else { &before };
        count.fetch_add(1, Ordering::SeqCst);
    });
    assert!(after.into_inner() > 5, "kills after the lock was written");
    assert!(before.into_inner() > 0, "a kill before the lock was written");
}

#[test]
fn what_killed_runs_leave_behind_does_not_pile_up() {
    let prepared = Prepared::local(2);
    let project = prepared.copy();
    let points: Vec<usize> = prepared
        .copy()
        .boundaries(&["apply"])
        .iter()
        .enumerate()
        // Dies with its temporary file made and not yet renamed.
        .filter(|(_, line)| line.contains("rename into place"))
        .map(|(at, _)| at + 1)
        .collect();
    for point in points.iter().step_by(4) {
        project.aosm(&["apply"]).abort_at(*point).run();
    }
    let leftovers = || -> Vec<std::path::PathBuf> {
        let mut found = snapshot::walk(&project.folder());
        found.retain(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().contains("tmp-"))
        });
        found
    };
    assert!(!leftovers().is_empty(), "killed runs leave temporary files");
    // Young ones may be in use by another run. Old ones are not.
    for path in leftovers() {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(7200))
            .unwrap();
    }
    project.write(".tmp-mine", "a file of the user's");
    let mine = std::fs::File::options()
        .write(true)
        .open(project.path(".tmp-mine"))
        .unwrap();
    mine.set_modified(std::time::SystemTime::now() - Duration::from_secs(7200))
        .unwrap();
    // Something must be written, wherever there may be leftovers: another image, hence another lock.
    project.edit("charts/small/templates/app.yaml", "small-2:1.0.0", "small-1:1.0.0");
    project.run(&["apply"]).ok();
    let left = leftovers();
    assert_eq!(left, [project.path(".tmp-mine")], "only what is not ours is left");
}
