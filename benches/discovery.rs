//! Discovery over 20 charts: against the same `helm template` commands two at a time, with everything cached, and with the
//! values that make each image.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a measurement prints, and one that cannot be made fails with the reason"
)]

mod measure;
#[path = "../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests' toolbox, of which a measurement needs little"
)]
mod support;

use std::fmt::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use measure::{Limits, Run, Series, rounds, run, table};
use support::{Project, tools};

const CHARTS: usize = 20;

fn main() -> ExitCode {
    let project = Project::new();
    let mut config = String::from("[project]\nname = \"bench\"\nimage-sources = [\"source.test\"]\n");
    for number in 0..CHARTS {
        chart(&project, number);
        write!(
            config,
            "\n[[charts]]\nname = \"bench-{number}\"\npath = \"charts/bench-{number}\"\n"
        )
        .unwrap();
    }
    project.write("aosm.toml", config);
    let helm = counting_helm(&project);
    let started = || project.read("helm.log").lines().count();
    let images = || {
        let mut command = project
            .aosm(&["--json", "images"])
            .env("AOSM_HELM", &helm)
            .into_command();
        command.stdout(Stdio::null());
        command
    };

    let mut all = vec![
        Series::new("helm, two at a time"),
        Series::new("images, nothing cached"),
    ];
    let mut cached = Series::new("images, all cached");
    for _ in 0..rounds() {
        all[0].runs.push(helm_two_at_a_time(&project, &helm));
        if project.path(".aosm").exists() {
            project.remove(".aosm");
        }
        all[1].runs.push(run(images()));
        // The first cached run may write down what it has learnt of the files.
        run(images());
        let before = started();
        cached.runs.push(run(images()));
        assert_eq!(started(), before, "Helm was started although everything was cached");
    }
    let paths = || {
        let mut command = project
            .aosm(&["--json", "images", "--values-paths"])
            .env("AOSM_HELM", &helm)
            .into_command();
        command.stdout(Stdio::null());
        command
    };
    let mut values = Series::new("values paths, nothing cached");
    for _ in 0..rounds() {
        project.remove(".aosm");
        let before = started();
        values.runs.push(run(paths()));
        // The plain render and one more; one start tells Helm's version.
        let renders = started() - before;
        assert!(
            renders <= 2 * CHARTS + 1,
            "{renders} starts of Helm for {CHARTS} charts"
        );
    }
    println!("{CHARTS} charts, {} rounds\n", rounds());
    let (base, cold, warm, paths) = (all[0].wall(), all[1].wall(), cached.wall(), values.wall());
    all.push(cached);
    all.push(values);
    table(&all, "helm, two at a time");
    println!();
    let mut limits = Limits::default();
    limits.at_most("wall, as a share of helm two at a time", cold / base, 1.1);
    limits.at_most("wall with everything cached, s", warm, 0.020);
    limits.at_most("values paths, as a share of helm two at a time", paths / base, 3.0);
    limits.exit()
}

/// A Helm that writes a line each time it is started; the comparison uses the same one.
fn counting_helm(project: &Project) -> std::path::PathBuf {
    let script = format!(
        "#!/bin/sh\necho started >>'{}'\nexec '{}' \"$@\"\n",
        project.path("helm.log").display(),
        tools::helm().display()
    );
    project.write("helm.log", "").write("helm", script);
    let path = project.path("helm");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    path
}

fn helm_two_at_a_time(project: &Project, helm: &std::path::Path) -> Run {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= CHARTS {
                        return;
                    }
                    let name = format!("bench-{number}");
                    let mut command = Command::new(helm);
                    command.args(["template", &name, &format!("charts/{name}"), "--namespace", &name]);
                    command
                        .current_dir(project.folder())
                        .env("HOME", project.home())
                        .stdout(Stdio::null());
                    assert!(command.status().expect("helm").success());
                }
            });
        }
    });
    Run {
        wall: began.elapsed(),
        peak: None,
    }
}

/// A chart of the usual size: a dozen objects, images by way of a helper.
fn chart(project: &Project, number: usize) {
    let folder = format!("charts/bench-{number}");
    project.write(
        &format!("{folder}/Chart.yaml"),
        format!("apiVersion: v2\nname: bench-{number}\nversion: 1.0.0\nappVersion: \"2.{number}.0\"\n"),
    );
    let mut values = String::from("registry: source.test\n");
    for part in 0..12 {
        writeln!(
            values,
            "part{part}:\n  image: {{ repository: bench/part-{part}, tag: \"\" }}\n  replicas: {part}"
        )
        .unwrap();
    }
    project.write(&format!("{folder}/values.yaml"), values);
    project.write(
        &format!("{folder}/templates/_helpers.tpl"),
        "{{- define \"bench.image\" -}}\n{{- $root := index . 0 }}{{- $image := index . 1 -}}\n\
         {{- printf \"%s/%s:%s\" $root.Values.registry $image.repository ($image.tag | default $root.Chart.AppVersion) -}}\n{{- end -}}\n",
    );
    for part in 0..12 {
        project.write(
            &format!("{folder}/templates/part-{part}.yaml"),
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{{{ .Release.Name }}}}-part-{part}\nspec:\n  \
                 replicas: {{{{ .Values.part{part}.replicas }}}}\n  selector: {{ matchLabels: {{ app: part-{part} }} }}\n  template:\n    \
                 metadata: {{ labels: {{ app: part-{part} }} }}\n    spec:\n      containers:\n        - name: main\n          \
                 image: {{{{ include \"bench.image\" (list $ .Values.part{part}.image) | quote }}}}\n"
            ),
        );
    }
}
