//! The cloud of the tests, for people: it stays until its input ends.

use std::io::Read as _;

use crate::support::arm::TOKEN;
use crate::support::cloud_project::Function;
use crate::support::*;

/// `cargo test --test it -- --ignored --nocapture cloud::stays`, then in another shell what it prints. Ctrl-D ends it.
#[test]
#[ignore = "stays until its input ends: for trying commands by hand"]
fn stays() {
    let (cloud, function) = (Function::cloud(), Function::write());
    let endpoint = cloud.arm.endpoint();
    eprintln!("cd {}", function.project.folder().display());
    eprintln!("export AOSM_ARM_ENDPOINT={endpoint} AOSM_ARM_TOKEN={TOKEN}");
    eprintln!("alias aosm-build={}", aosm::BINARY);
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
