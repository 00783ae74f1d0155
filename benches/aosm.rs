//! The second run of a large publisher: 200 artifacts that are all in an artifact store, behind a registry that asks for tokens.
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

use std::process::ExitCode;

use measure::{Limits, Series, rounds, run, table};
use support::cloud::ACR;
use support::cloud_estate::filled;

const ARTIFACTS: u64 = 200;

fn main() -> ExitCode {
    let (cloud, project) = filled(ARTIFACTS);
    // The first run writes the lock and finds everything in place.
    cloud.aosm(&project, &["apply"]).run().ok().says("200");
    let mut series = Series::new("apply, nothing to do");
    let (mut most, mut tokens) = (0, 0);
    for _ in 0..rounds() {
        let mark = cloud.mark();
        let server = cloud.shelf(ACR).registry.tokens();
        let asked_before = server.mark();
        series
            .runs
            .push(run(cloud.aosm(&project, &["--quiet", "apply"]).into_command()));
        let asked = cloud.since(&mark);
        assert_eq!((asked.credentials(), asked.manifests()), (1, 1), "each is asked once");
        most = most.max(asked.of(ACR).len());
        tokens = tokens.max(server.since(asked_before).0.len());
    }
    println!(
        "\n{ARTIFACTS} artifacts, {} rounds; at most {tokens} tokens a run\n",
        rounds()
    );
    let wall = series.wall();
    table(&[series], "apply, nothing to do");
    println!();
    let mut limits = Limits::default();
    limits.at_most("wall, s", wall, 2.0);
    // One of them is challenged.
    limits.at_most("requests about artifacts", most as f64, (ARTIFACTS + 1) as f64);
    limits.exit()
}
