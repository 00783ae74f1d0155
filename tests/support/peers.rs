//! Other people's clients, each ready for arguments: what they say of a repository is an opinion that owes us nothing.

use std::process::Command;

use serde_json::Value;

use super::aosm::Project;
use super::tools;

/// A command in the project's folder, with a home folder of its own. The harness's registries are named on loopback, where
/// all of these speak plain HTTP or are told to.
fn peer(project: &Project, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(project.folder());
    command
        .env("HOME", project.home())
        .env("DOCKER_CONFIG", project.home().join("no-docker"));
    command
        .env("XDG_RUNTIME_DIR", project.home())
        .env("TMPDIR", project.home());
    command
}

/// `crane`.
pub fn crane(project: &Project, arguments: &[&str]) -> String {
    tools::run(&mut peer(project, tools::crane(), arguments))
}

/// `orasgo`, our program made of oras-go.
pub fn orasgo(project: &Project, arguments: &[&str]) -> String {
    tools::run(&mut peer(project, tools::orasgo(), arguments))
}

/// `oras`; `None` where it could not be had.
pub fn oras(project: &Project, arguments: &[&str]) -> Option<String> {
    if tools::without("oras") {
        return None;
    }
    let (verb, rest) = arguments.split_first().expect("a verb");
    let plain: &[&str] = if *verb == "cp" {
        &["--from-plain-http", "--to-plain-http"]
    } else {
        &["--plain-http"]
    };
    let manifest = if *verb == "manifest" { &rest[..1] } else { &[] };
    let all = [&[*verb], manifest, plain, &rest[manifest.len()..]].concat();
    Some(tools::run(&mut peer(project, tools::oras(), &all)))
}

/// `regctl`, with these registries (`host:port`) reached without TLS.
pub fn regctl(project: &Project, hosts: &[&str], arguments: &[&str]) -> String {
    let told: Vec<String> = hosts.iter().map(|host| format!("reg={host},tls=disabled")).collect();
    let flags: Vec<&str> = told.iter().flat_map(|text| ["--host", text.as_str()]).collect();
    tools::run(&mut peer(
        project,
        tools::regctl(),
        &[flags.as_slice(), arguments].concat(),
    ))
}

/// `skopeo`; `None` where it could not be had.
pub fn skopeo(project: &Project, arguments: &[&str]) -> Option<String> {
    if tools::without("skopeo") {
        return None;
    }
    let all = [&["--insecure-policy"], arguments].concat();
    let program = tools::skopeo().get_program().to_owned();
    Some(tools::run(&mut peer(project, program, &all)))
}

/// The digests in a nested list of referrers (`referrers` in each), sorted.
pub fn digests(tree: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![tree];
    while let Some(node) = waiting.pop() {
        for referrer in node["referrers"].as_array().into_iter().flatten() {
            found.push(referrer["digest"].as_str().expect("a digest").to_owned());
            waiting.push(referrer);
        }
    }
    found.sort();
    found
}
