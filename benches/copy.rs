//! A 5 × 40 MiB image from registry to registry, against the peers that are there.
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

use std::process::{Command, ExitCode};

use measure::{Limits, Series, rounds, run, table};
use support::{ImageSpec, Kind, Project, Registry, tools};

const REPOSITORY: &str = "bench/big";

fn main() -> ExitCode {
    let image = ImageSpec::new(1).layers(&[40 << 20; 5]).build();
    let source = Registry::start(Kind::Plain);
    source.push(&image, REPOSITORY, "1");
    println!(
        "{} MiB, {} rounds, a new target registry for every run\n",
        image.size() >> 20,
        rounds()
    );

    let peers = ["skopeo", "crane", "regctl", "oras"];
    let mut all = vec![Series::new("aosm-build")];
    all.extend(
        peers
            .into_iter()
            .filter(|name| tools::find(name).is_some())
            .map(Series::new),
    );
    for _ in 0..rounds() {
        for series in &mut all {
            let target = Registry::start(Kind::Plain);
            let project = Project::new();
            let command = copy(series.name, &project, &source.host(), &target.host());
            series.runs.push(run(command));
            let arrived = target.client().digest(REPOSITORY, "1");
            assert_eq!(
                arrived.as_deref(),
                Some(image.digest()),
                "{}: the copy is another image",
                series.name
            );
        }
    }
    table(&all, "skopeo");
    println!();
    let mut limits = Limits::default();
    limits.at_most("peak memory of aosm-build, MiB", all[0].peak(), 64.0);
    match all.iter().find(|series| series.name == "skopeo") {
        Some(skopeo) => limits.at_most(
            "wall, as a share of skopeo copy --all",
            all[0].wall() / skopeo.wall(),
            0.8,
        ),
        None => println!("skopeo is not there: no ratio"),
    }
    limits.exit()
}

/// The command that copies, with a home folder of its own: no tool may know anything from the run before.
fn copy(tool: &str, project: &Project, source: &str, target: &str) -> Command {
    let (from, to) = (format!("{source}/{REPOSITORY}:1"), format!("{target}/{REPOSITORY}:1"));
    let mut command = match tool {
        "aosm-build" => {
            project.write(
                "aosm.toml",
                format!(
                    "[project]\nname = \"bench\"\nimage-sources = [\"{source}\"]\n\n\
                     [stores.target]\nkind = \"registry\"\nregistry = \"{target}\"\n\n\
                     [[images]]\nreference = \"{from}\"\n"
                ),
            );
            return project.aosm(&["--quiet", "apply"]).into_command();
        }
        "skopeo" => {
            let mut command = tools::skopeo();
            command.args(["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"]);
            command.args([format!("docker://{from}"), format!("docker://{to}")]);
            command
        }
        "crane" => {
            let mut command = Command::new(tools::crane());
            command.args(["copy", &from, &to]);
            command
        }
        "regctl" => {
            let mut command = Command::new(tools::find("regctl").expect("regctl"));
            command.args([
                "--host",
                &format!("reg={source},tls=disabled"),
                "--host",
                &format!("reg={target},tls=disabled"),
            ]);
            command.args(["image", "copy", &from, &to]);
            command
        }
        _ => {
            let mut command = Command::new(tools::find("oras").expect("oras"));
            command.args(["copy", "--from-plain-http", "--to-plain-http", &from, &to]);
            command
        }
    };
    command
        .env("HOME", project.home())
        .env("XDG_RUNTIME_DIR", project.home());
    command
}
