//! Where the tools are that tests need; a tool that is missing fails the test with how to get it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Could `scripts/test` not get this tool, and said so? Then what needs it is left out. In every other case a tool that is not
/// there is a failure.
pub fn without(name: &str) -> bool {
    std::env::var("AOSM_TOOLS_MISSING").is_ok_and(|missing| missing.split(' ').any(|tool| tool == name))
}

/// Helm, as the product finds it: `AOSM_HELM`, then PATH.
pub fn helm() -> PathBuf {
    std::env::var_os("AOSM_HELM")
        .map(PathBuf::from)
        .unwrap_or_else(|| need("helm"))
}

/// A Helm 3, where there is one.
pub fn helm3() -> Option<PathBuf> {
    std::env::var_os("AOSM_HELM3")
        .map(PathBuf::from)
        .or_else(|| find("helm3"))
}

/// The registry of the distribution project, version 3.
pub fn registry() -> PathBuf {
    need("registry")
}

/// The older registry, version 2.8.
pub fn docker_registry() -> PathBuf {
    need("docker-registry")
}

/// The registry with the referrers API, built from `tests/tools`.
pub fn refregistry() -> PathBuf {
    need("refregistry")
}

pub fn crane() -> PathBuf {
    need("crane")
}

/// The client made of oras-go, built from `tests/tools`.
pub fn orasgo() -> PathBuf {
    need("orasgo")
}

/// The `oras` command, for those who have asked [`without`] first.
pub fn oras() -> PathBuf {
    need("oras")
}

pub fn regctl() -> PathBuf {
    need("regctl")
}

/// The storage emulator, its blob service.
pub fn azurite() -> PathBuf {
    need("azurite")
}

/// Python with the official SDK of storage accounts.
pub fn pythonsdk() -> PathBuf {
    need("pythonsdk")
}

/// `skopeo`, ready for arguments: no system-wide policy file is needed.
pub fn skopeo() -> Command {
    let mut command = Command::new(need("skopeo"));
    command.arg("--insecure-policy");
    command
}

/// Runs a command to its good end and returns what it wrote.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

fn need(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| {
        panic!("{name} is not on PATH: run `scripts/test`, or `. scripts/tools {name}` before `cargo test`")
    })
}

/// Where a tool is: on PATH, then in the folder that `scripts/tools` fills.
pub fn find(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = std::env::var_os("AOSM_TOOLS_DIR").map_or_else(|| super::root().join(".tools"), PathBuf::from);
    std::env::split_paths(&path)
        .chain([tools.join("bin")])
        .map(|folder| folder.join(&file))
        .find(|p| is_program(p))
}

fn is_program(path: &Path) -> bool {
    path.is_file()
}
