//! A cache that CI restores serves another machine, another folder, another checkout; and what is printed is the same
//! there, byte for byte.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::aosm::copy_folder;
use crate::support::small::Small;
use crate::support::*;

/// A Helm that counts what it is asked for: one line a call in the file beside it.
struct Counting {
    folder: tempfile::TempDir,
}

impl Counting {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = temp_dir();
        let script = folder.path().join("helm");
        let text = format!(
            "#!/bin/sh\necho \"$1\" >> '{}'\nexec '{}' \"$@\"\n",
            folder.path().join("calls").display(),
            tools::helm().display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn program(&self) -> std::path::PathBuf {
        self.folder.path().join("helm")
    }

    /// What it was asked for since the last time.
    fn calls(&self) -> Vec<String> {
        let file = self.folder.path().join("calls");
        let calls = fs::read_to_string(&file)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect();
        let _ = fs::remove_file(file);
        calls
    }
}

/// What a checkout holds: everything but `.aosm`, with the times of now.
fn checkout(from: &Project, to: &Project) {
    for path in snapshot::walk(&from.folder()) {
        let relative = path.strip_prefix(from.folder()).unwrap();
        if !relative.starts_with(".aosm") {
            to.write(relative.to_str().unwrap(), fs::read(&path).unwrap());
        }
    }
}

/// As CI's cache action does: only this folder, with times of its own.
fn restore_cache(from: &Project, to: &Project) {
    copy_folder(&from.path(".aosm/cache"), &to.path(".aosm/cache"));
}

fn small() -> (Project, Small) {
    let (project, small) = (Project::new(), Small::new(2));
    small.write_local(&project);
    (project, small)
}

#[test]
fn a_fresh_clone_with_the_cache_restored_runs_no_local_step() {
    let helm = Counting::new();
    for fixture in [None, Some("contoso-cnf")] {
        let first = match fixture {
            None => small().0,
            Some(name) => Project::fixture(name),
        };
        first.aosm(&["apply"]).env("AOSM_HELM", helm.program()).run().ok();
        assert!(helm.calls().contains(&"template".to_owned()), "the first run renders");
        let clone = Project::new();
        checkout(&first, &clone);
        restore_cache(&first, &clone);
        let before = Snapshot::of(&clone.path(".aosm/cache"));
        let plan = clone
            .aosm(&["plan", "--json", "--locked"])
            .env("AOSM_HELM", helm.program())
            .run()
            .ok();
        // A machine that does not know this executable yet asks for its version, once.
        assert_eq!(helm.calls(), ["version"], "{plan}");
        assert_eq!(
            before.touched(&Snapshot::of(&clone.path(".aosm/cache"))),
            Vec::<String>::new()
        );
        clone
            .aosm(&["apply", "--locked"])
            .env("AOSM_HELM", helm.program())
            .run()
            .ok();
        assert_eq!(helm.calls(), Vec::<String>::new());
        let images = clone.aosm(&["images"]).env("AOSM_HELM", helm.program()).run().ok();
        assert_eq!(helm.calls(), Vec::<String>::new(), "{images}");
    }
}

#[test]
fn new_times_on_every_file_start_no_local_step() {
    let helm = Counting::new();
    let (project, _) = small();
    project.aosm(&["apply"]).env("AOSM_HELM", helm.program()).run().ok();
    helm.calls();
    for (number, path) in snapshot::walk(&project.path("charts")).into_iter().enumerate() {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(1000 * number as u64))
            .unwrap();
    }
    project
        .aosm(&["plan", "--detailed-exitcode"])
        .env("AOSM_HELM", helm.program())
        .run()
        .ok();
    assert_eq!(helm.calls(), Vec::<String>::new());
}

#[test]
fn the_plan_is_the_same_bytes_from_anywhere() {
    for fixture in [None, Some("contoso-cnf")] {
        let first = match fixture {
            None => small().0,
            Some(name) => Project::fixture(name),
        };
        let plan = first.run(&["plan", "--json"]).ok().stdout;
        let digest = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["plan-digest"].clone();
        assert!(digest(&plan).is_string());
        let clone = Project::new();
        checkout(&first, &clone);
        let elsewhere = temp_dir();
        let folder = clone.folder();
        let folder = folder.to_str().unwrap();
        let home = elsewhere.path().join("another home");
        fs::create_dir(&home).unwrap();
        let runs = [
            ("another folder", clone.aosm(&["plan", "--json"])),
            ("again", clone.aosm(&["plan", "--json"])),
            (
                "another current folder",
                clone
                    .aosm(&["-C", folder, "plan", "--json"])
                    .current_dir(elsewhere.path()),
            ),
            (
                "another user, language and time zone",
                clone
                    .aosm(&["plan", "--json"])
                    .env("HOME", &home)
                    .env("USER", "somebody")
                    .env("LANG", "de_DE.UTF-8")
                    .env("LC_ALL", "tr_TR.UTF-8")
                    .env("TZ", "Pacific/Kiritimati")
                    .env("RAYON_NUM_THREADS", "1")
                    .env("TOKIO_WORKER_THREADS", "1"),
            ),
            ("colors", clone.aosm(&["plan", "--json", "--color", "always", "-v"])),
        ];
        for (what, run) in runs {
            let other = run.run().ok();
            assert!(other.stdout == plan, "{what}: {other}\nwas\n{plan}");
        }
        // And with everything in place.
        first.run(&["apply", "-j", "1"]).ok();
        clone.run(&["apply", "-j", "7"]).ok();
        assert_eq!(first.read("aosm.lock"), clone.read("aosm.lock"));
        let (one, other) = (first.run(&["plan", "--json"]).ok(), clone.run(&["plan", "--json"]).ok());
        assert!(one.stdout == other.stdout, "{one}\n{other}");
        assert_eq!(one.json()["summary"]["run"], 0);
    }
}

/// Names of action entries: the keys.
fn keys(project: &Project) -> Vec<String> {
    let entries = snapshot::walk(&project.path(".aosm/cache/ac"));
    entries
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn keys_cover_neither_folders_nor_times_nor_users_nor_languages_nor_job_counts() {
    let (first, _) = small();
    first.write("values/lab.yaml", "replicas: 2\n");
    first.edit(
        "aosm.toml",
        "path = \"charts/small\"",
        "path = \"charts/small\"\nvalues = [\"values/lab.yaml\"]\nset = { color = \"blue\" }",
    );
    first.aosm(&["apply", "-j", "1"]).env("TZ", "UTC").run().ok();
    let other = Project::new();
    checkout(&first, &other);
    for path in snapshot::walk(&other.folder()) {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
            .unwrap();
    }
    other
        .aosm(&["apply", "-j", "8"])
        .env("TZ", "Asia/Tokyo")
        .env("USER", "other")
        .env("LC_ALL", "fr_FR.UTF-8")
        .run()
        .ok();
    assert!(keys(&first).len() >= 3, "render, discover, package");
    assert_eq!(keys(&first), keys(&other));
    let folder = first.folder();
    for path in snapshot::walk(&first.path(".aosm/cache")) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(
            !text.contains(folder.to_str().unwrap()),
            "{} names a folder of this machine",
            path.display()
        );
    }
}

#[test]
fn keys_cover_what_decides() {
    let (project, _) = small();
    project.run(&["images"]).ok();
    let mut seen = keys(&project).len();
    let mut more = |what: &str| {
        project.run(&["images"]).ok();
        let now = keys(&project).len();
        assert!(now > seen, "{what} is not in any key");
        seen = now;
    };
    project.edit("charts/small/values.yaml", "replicas: 1", "replicas: 3");
    more("a value of the chart");
    project.edit(
        "charts/small/templates/app.yaml",
        "apiVersion: apps/v1",
        "# a comment\napiVersion: apps/v1",
    );
    more("a template");
    project.write("values/lab.yaml", "replicas: 2\n");
    project.edit(
        "aosm.toml",
        "path = \"charts/small\"",
        "path = \"charts/small\"\nvalues = [\"values/lab.yaml\"]",
    );
    more("a values file");
    project.write("values/lab.yaml", "replicas: 4\n");
    more("its content");
    for line in [
        "set = { color = \"blue\" }",
        "release-name = \"other\"",
        "namespace = \"other\"",
        "kube-version = \"1.30\"",
        "api-versions = [\"a/v1\"]",
    ] {
        project.edit(
            "aosm.toml",
            "path = \"charts/small\"",
            &format!("path = \"charts/small\"\n{line}"),
        );
        more(line);
    }
}

#[test]
fn a_checkout_with_windows_line_endings_gives_the_same_keys_and_the_same_plan() {
    let (first, _) = small();
    first.write("values/lab.yaml", "replicas: 2\nnote: |\n  two\n  lines\n");
    first.edit(
        "aosm.toml",
        "path = \"charts/small\"",
        "path = \"charts/small\"\nvalues = [\"values/lab.yaml\"]",
    );
    first.write("charts/small/.helmignore", "*.bak\n");
    first.write("charts/small/files/run.bat", "echo 1\r\necho 2\r\n");
    let windows = Project::new();
    checkout(&first, &windows);
    for path in snapshot::walk(&windows.folder()) {
        let relative = path.strip_prefix(windows.folder()).unwrap();
        if relative.starts_with("images") || path.extension().is_some_and(|e| e == "bat") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace('\n', "\r\n")).unwrap();
    }
    let (unix, crlf) = (
        first.run(&["plan", "--json"]).ok(),
        windows.run(&["plan", "--json"]).ok(),
    );
    assert!(unix.stdout == crlf.stdout, "{unix}\n{crlf}");
    assert_eq!(keys(&first), keys(&windows));
}

#[test]
fn caches_of_two_jobs_merged_by_plain_union_serve_both() {
    let helm = Counting::new();
    let (chart_a, chart_b) = ("contoso-cnf", "contoso-gateway");
    let whole = Project::fixture("contoso-cnf");
    let only = |keep: &str, drop: &str| {
        let project = Project::new();
        checkout(&whole, &project);
        let input = project.read("cnf-input.jsonc");
        assert!(input.contains(keep));
        // A job of its own renders one chart only.
        let start = input.find("\"helm_packages\"").unwrap();
        let values = if keep == chart_b { "values/gateway.yaml" } else { "" };
        let package = format!(
            "\"helm_packages\": [{{\"name\": \"{keep}\", \"path_to_chart\": \"charts/{keep}\", \"default_values\": \"{values}\"}}]\n}}\n"
        );
        project.write("cnf-input.jsonc", format!("{}{package}", &input[..start]));
        project.aosm(&["plan"]).env("AOSM_HELM", helm.program()).run().ok();
        project.remove(&format!("charts/{drop}"));
        project
    };
    let (a, b) = (only(chart_a, chart_b), only(chart_b, chart_a));
    assert_eq!(helm.calls().iter().filter(|call| *call == "template").count(), 2);
    restore_cache(&a, &whole);
    restore_cache(&b, &whole);
    let plan = whole
        .aosm(&["plan", "--json"])
        .env("AOSM_HELM", helm.program())
        .run()
        .ok();
    assert!(!helm.calls().contains(&"template".to_owned()), "{plan}");
    // And each job with the union.
    for job in [&a, &b] {
        restore_cache(&whole, job);
        job.aosm(&["plan"]).env("AOSM_HELM", helm.program()).run().ok();
        assert!(!helm.calls().contains(&"template".to_owned()));
    }
}

/// Inodes of all files: a file that was written aside and renamed has another.
#[cfg(unix)]
fn inodes(folder: &Path) -> std::collections::BTreeMap<std::path::PathBuf, (u64, i64)> {
    use std::os::unix::fs::MetadataExt as _;
    snapshot::walk(folder)
        .into_iter()
        .map(|path| {
            let meta = fs::metadata(&path).unwrap();
            (path, (meta.ino(), meta.mtime_nsec()))
        })
        .collect()
}

#[cfg(unix)]
#[test]
fn an_apply_with_nothing_to_do_writes_no_file() {
    for fixture in [None, Some("contoso-cnf")] {
        let project = match fixture {
            None => small().0,
            Some(name) => Project::fixture(name),
        };
        project.run(&["apply"]).ok();
        // Files written within a tick of the clock before they were first hashed are hashed once more.
        project.run(&["apply"]).ok();
        let (content, files) = (Snapshot::of(&project.folder()), inodes(&project.folder()));
        for command in [
            ["apply", "-v"],
            ["plan", "--json"],
            ["images", "--json"],
            ["graph", "--json"],
        ] {
            project.run(&command).ok();
            let mut touched = content.touched(&Snapshot::of(&project.folder()));
            // Holds the number of the process that took it last.
            touched.retain(|name| name != ".aosm/state/lock");
            assert_eq!(touched, Vec::<String>::new(), "{command:?}");
            let mut now = inodes(&project.folder());
            let lock = project.path(".aosm/state/lock");
            now.insert(lock.clone(), files[&lock]);
            assert!(now == files, "{command:?} wrote a file anew");
        }
        assert!(
            snapshot::walk(project.home().as_path()).is_empty(),
            "nothing goes into the user's home"
        );
    }
}
