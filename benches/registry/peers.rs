//! The contestants, each with its best options, as commands.

use std::fmt::Write as _;
use std::process::Command;

use super::cases::{Expected, TAG};
use super::scene::{Scene, Setting};
use super::support::tools;
use super::work::Work;

/// Who copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tool {
    /// `aosm-build apply` of a project that lists the images.
    Ours,
    /// The same with `--offline`.
    OursOffline,
    /// `aosm-build artifact copy`.
    OursCopy,
    SkopeoSync,
    Skopeo,
    Crane,
    Regctl,
    Regsync,
    /// The program that oras-go was built into, all images in one process.
    OrasGo,
    /// The command `oras`.
    Oras,
}

impl Tool {
    pub const ALL: [Self; 10] = [
        Self::Ours,
        Self::OursOffline,
        Self::OursCopy,
        Self::SkopeoSync,
        Self::Skopeo,
        Self::Crane,
        Self::Regctl,
        Self::Regsync,
        Self::OrasGo,
        Self::Oras,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "aosm-build apply",
            Self::OursOffline => "aosm-build apply --offline",
            Self::OursCopy => "artifact copy",
            Self::SkopeoSync => "skopeo sync",
            Self::Skopeo => "skopeo",
            Self::Crane => "crane",
            Self::Regctl => "regctl c16",
            Self::Regsync => "regsync p4 c16",
            Self::OrasGo => "oras-go p4 c16",
            Self::Oras => "oras c16",
        }
    }

    /// Does it only make sense where everything is there already?
    pub fn only_again(self) -> bool {
        self == Self::OursOffline
    }

    fn program(self) -> &'static str {
        match self {
            Self::Ours | Self::OursOffline | Self::OursCopy => "aosm-build",
            Self::SkopeoSync | Self::Skopeo => "skopeo",
            Self::Crane => "crane",
            Self::Regctl => "regctl",
            Self::Regsync => "regsync",
            Self::OrasGo => "orasgo",
            Self::Oras => "oras",
        }
    }

    pub fn is_there(self) -> bool {
        self.program() == "aosm-build" || tools::find(self.program()).is_some()
    }

    /// Who is measured when nobody says otherwise: those that a goal names, and for small cases the others as well.
    pub fn usual(case: &str, setting: Setting) -> Vec<Self> {
        match (case, setting) {
            (_, Setting::Token) => vec![Self::Ours],
            ("estate", Setting::Far) => vec![Self::Ours, Self::OursOffline, Self::Regsync],
            ("estate", _) => vec![Self::Ours, Self::OursOffline, Self::SkopeoSync, Self::Regsync],
            (_, Setting::Far) => vec![Self::Ours, Self::OursCopy, Self::Regctl, Self::OrasGo],
            // The oras-go program speaks plain http to this machine.
            (_, Setting::Tls) => vec![Self::Ours, Self::OursCopy, Self::Crane, Self::Regctl, Self::Oras],
            _ => vec![
                Self::Ours,
                Self::OursCopy,
                Self::Crane,
                Self::Regctl,
                Self::Oras,
                Self::OrasGo,
            ],
        }
    }

    /// The whole case from source to target.
    pub fn work(self, scene: &Scene) -> Work {
        let images = &scene.case.images;
        let mut work = match self {
            Self::Ours | Self::OursOffline => return ours(self, scene).into(),
            Self::SkopeoSync => skopeo_sync(scene).into(),
            Self::Regsync => regsync(scene).into(),
            Self::OrasGo => oras_go(scene).into(),
            Self::OursCopy | Self::Skopeo | Self::Crane | Self::Regctl | Self::Oras => Work {
                commands: images.iter().map(|image| self.single(scene, image)).collect(),
                at_once: if images.len() > 1 { 4 } else { 1 },
            },
        };
        for command in work.commands.iter_mut().filter(|_| self != Self::OursCopy) {
            let home = scene.project.home();
            command.env("HOME", &home).env("XDG_RUNTIME_DIR", &home);
            if let Some(file) = &scene.authorities {
                command.env("SSL_CERT_FILE", file);
            }
        }
        work
    }

    fn single(self, scene: &Scene, image: &Expected) -> Command {
        let (from, to) = (
            reference(&scene.source_host, image),
            reference(&scene.target_host, image),
        );
        let plain = scene.authorities.is_none();
        match self {
            Self::OursCopy => {
                let mut arguments = vec!["--quiet", "artifact", "copy", &from, &to];
                if !plain {
                    arguments.extend(["--ca-file", "ca.pem"]);
                }
                scene.project.aosm(&arguments).into_command()
            }
            Self::Skopeo => {
                let mut command = tools::skopeo();
                command.args(["copy", "--all"]);
                if plain {
                    command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
                }
                command.args([format!("docker://{from}"), format!("docker://{to}")]);
                command
            }
            Self::Crane => {
                let mut command = Command::new(tools::crane());
                command.args(["copy", &from, &to]);
                command
            }
            Self::Oras => {
                let mut command = program("oras");
                command.args(["copy", "--no-tty", "--concurrency", "16"]);
                match &scene.authorities {
                    None => command.args(["--from-plain-http", "--to-plain-http"]),
                    Some(file) => command.arg("--from-ca-file").arg(file).arg("--to-ca-file").arg(file),
                };
                command.args([&from, &to]);
                command
            }
            _ => {
                let hosts: serde_json::Map<String, serde_json::Value> = [&scene.source_host, &scene.target_host]
                    .into_iter()
                    .map(|host| {
                        let tls = if plain { "disabled" } else { "enabled" };
                        (
                            host.clone(),
                            serde_json::json!({"tls": tls, "hostname": host, "reqConcurrent": 16}),
                        )
                    })
                    .collect();
                let file = scene.project.home().join("regctl.json");
                std::fs::write(&file, serde_json::json!({ "hosts": hosts }).to_string()).expect("a configuration");
                let mut command = program("regctl");
                command.env("REGCTL_CONFIG", file);
                command.args(["image", "copy", &from, &to]);
                command
            }
        }
    }
}

fn program(name: &str) -> Command {
    Command::new(tools::find(name).unwrap_or_else(|| panic!("{name} is not there: . scripts/tools {name}")))
}

fn reference(host: &str, image: &Expected) -> String {
    format!("{host}/{}:{TAG}", image.repository)
}

/// A project that lists the images. Like the peers it takes no referrers along.
fn ours(tool: Tool, scene: &Scene) -> Command {
    let mut config = format!(
        "[project]\nname = \"bench\"\nimage-sources = [\"{}\"]\n\n[stores.target]\nkind = \"registry\"\nregistry = \"{}\"\n\n[copy]\nreferrers = \"none\"\n",
        scene.source_host, scene.target_host
    );
    if scene.authorities.is_some() {
        config += "\n[network]\nca-file = \"ca.pem\"\n";
    }
    for image in &scene.case.images {
        let reference = reference(&scene.source_host, image);
        write!(config, "\n[[images]]\nreference = \"{reference}\"\n").expect("writing to a string");
    }
    scene.project.write("aosm.toml", config);
    let mut arguments = vec!["--quiet", "apply"];
    if tool == Tool::OursOffline {
        arguments.push("--offline");
    }
    scene.project.aosm(&arguments).into_command()
}

fn skopeo_sync(scene: &Scene) -> Command {
    let plain = scene.authorities.is_none();
    let mut list = format!("\"{}\":\n  tls-verify: {}\n  images:\n", scene.source_host, !plain);
    for image in &scene.case.images {
        writeln!(list, "    {}: [\"{TAG}\"]", image.repository).expect("writing to a string");
    }
    let file = scene.project.home().join("sync.yml");
    std::fs::write(&file, list).expect("a list");
    // It keeps only the last part of a name.
    let above = scene
        .case
        .images
        .first()
        .and_then(|image| image.repository.rsplit_once('/'));
    let above = above.map_or("", |(above, _)| above);
    let mut command = tools::skopeo();
    command.args(["sync", "--all", "--src", "yaml", "--dest", "docker"]);
    if plain {
        command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
    }
    command.arg(file).arg(format!("{}/{above}", scene.target_host));
    command
}

fn regsync(scene: &Scene) -> Command {
    let tls = if scene.authorities.is_none() {
        "disabled"
    } else {
        "enabled"
    };
    let mut config = "version: 1\ndefaults:\n  parallel: 4\ncreds:\n".to_owned();
    for host in [&scene.source_host, &scene.target_host] {
        writeln!(
            config,
            "  - registry: \"{host}\"\n    tls: {tls}\n    reqConcurrent: 16"
        )
        .expect("writing to a string");
    }
    config += "sync:\n";
    for image in &scene.case.images {
        let (from, to) = (
            reference(&scene.source_host, image),
            reference(&scene.target_host, image),
        );
        writeln!(config, "  - source: \"{from}\"\n    target: \"{to}\"\n    type: image").expect("writing to a string");
    }
    let file = scene.project.home().join("regsync.yml");
    std::fs::write(&file, config).expect("a configuration");
    let mut command = program("regsync");
    command.arg("-c").arg(file).arg("once");
    command
}

/// The small program over oras-go: all images of a case in one process.
fn oras_go(scene: &Scene) -> Command {
    let pair = |image| {
        format!(
            "{} {}\n",
            reference(&scene.source_host, image),
            reference(&scene.target_host, image)
        )
    };
    let list: String = scene.case.images.iter().map(pair).collect();
    let file = scene.project.home().join("list");
    std::fs::write(&file, list).expect("a list");
    let mut command = program("orasgo");
    command
        .args(["copy", "-concurrency", "16", "-parallel", "4", "-list"])
        .arg(file);
    command
}
